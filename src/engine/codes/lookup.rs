//! `Lookup`: a join of rows to a small table by an id that the table has once, such as interactions to their ads.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as PlanResult;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;

use crate::engine::guard::{plain, rows_in_memory};
use crate::engine::small_tables::SmallTable;
use crate::ids::Ids;

/// Each row joined to the row of the table that has its id; a row whose id is not there has no partner and goes.
#[derive(Debug)]
pub struct Lookup<'a> {
    /// The rows that look for partners.
    pub input: &'a Arc<dyn ExecutionPlan>,
    /// The small table.
    pub table: Arc<SmallTable>,
    /// The column of the input that has the id.
    pub key: usize,
    /// The columns that come out, counted through the table's and then the input's.
    pub columns: Vec<usize>,
}

impl<'a> Lookup<'a> {
    /// Reads `node`, if it is a join with such a table.
    pub fn of(node: &'a Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
        let Some(join) = plain::<HashJoinExec>(node) else { return Ok(None) };
        let [(left, right)] = join.on() else { return Ok(None) };
        let (Some(left), Some(right)) = (left.downcast_ref::<Column>(), right.downcast_ref::<Column>()) else {
            return Ok(None);
        };
        if *join.right().schema().field(right.index()).data_type() != DataType::Utf8View {
            return Ok(None);
        }
        let Some(table) = table_of(join.left(), left.index())? else { return Ok(None) };
        let width = join.left().schema().fields().len() + join.right().schema().fields().len();
        let all = || (0..width).collect::<Vec<_>>();
        let columns = join.projection.as_ref().map_or_else(all, |columns| columns.to_vec());
        Ok(Some(Self { input: join.right(), table, key: right.index(), columns }))
    }
}

/// The table that `plan` reads from memory, if its column `key` is text, unique and without nulls.
fn table_of(plan: &Arc<dyn ExecutionPlan>, key: usize) -> PlanResult<Option<Arc<SmallTable>>> {
    let schema = plan.schema();
    let memory = rows_in_memory(plan);
    let Some([batches]) = memory.map(MemorySourceConfig::partitions) else { return Ok(None) };
    let ([batch], DataType::Utf8View) = (batches.as_slice(), schema.field(key).data_type()) else { return Ok(None) };
    let rows = match memory.and_then(|memory| memory.projection().as_ref()) {
        Some(columns) => batch.project(columns)?,
        None => batch.clone(),
    };
    let ids = rows.column(key).as_string_view();
    let table =
        SmallTable { ids: if ids.null_count() == 0 { Ids::of(ids) } else { Ids::default() }, rows: rows.clone() };
    Ok((table.ids.len() == rows.num_rows()).then(|| Arc::new(table)))
}
