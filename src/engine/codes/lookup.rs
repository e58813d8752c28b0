//! `Lookup`: rows joined to a small table by an id that the table has once, such as interactions to their ads.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::{filter, filter_record_batch, is_not_null, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
    replace_children_if_necessary,
};
use futures::StreamExt;

use crate::engine::exchange::yielding;
use crate::engine::guard::{plain, rows_in_memory};
use crate::engine::small_tables::SmallTable;
use crate::ids::Ids;

/// Puts [`LookupExec`] in the place of a hash join with a table in memory whose text key is unique.
#[derive(Debug)]
pub struct UseLookups;

impl PhysicalOptimizerRule for UseLookups {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let is_broadcast = |join: &&HashJoinExec| *join.partition_mode() == PartitionMode::CollectLeft;
            let broadcast = node.downcast_ref::<HashJoinExec>().filter(is_broadcast);
            Ok(match broadcast.map(|_| LookupExec::in_place_of(&node)).transpose()?.flatten() {
                Some(lookup) => Transformed::yes(Arc::new(lookup) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "use_lookups"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Joins each row with the row of the table that has its id; a row whose id is not there has no partner and goes.
#[derive(Debug)]
pub struct LookupExec {
    /// The join that it stands for, whose properties it has: rows stay in their order and partitions.
    join: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
    table: Arc<SmallTable>,
    key: usize,
    /// The columns that come out, counted through the table's and then the input's.
    columns: Vec<usize>,
    metrics: ExecutionPlanMetricsSet,
}

impl LookupExec {
    /// Replaces `node`, if it is a join with such a table.
    pub fn in_place_of(node: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
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
        let (join, input) = (Arc::clone(node), Arc::clone(join.right()));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Some(Self { join, input, table, key: right.index(), columns, metrics }))
    }

    /// The rows that look for partners.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// The small table.
    pub fn table(&self) -> &Arc<SmallTable> {
        &self.table
    }

    /// The column of the input that has the id.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The columns that come out, counted through the table's and then the input's.
    pub fn columns(&self) -> &[usize] {
        &self.columns
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

impl DisplayAs for LookupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let key = self.input.schema().field(self.key).name().clone();
        write!(f, "LookupExec: by={key}, rows={}", self.table.rows.num_rows())
    }
}

impl ExecutionPlan for LookupExec {
    fn name(&self) -> &str {
        "LookupExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("LookupExec has one child") };
        let table = Arc::clone(self.join.children()[0]);
        let join = replace_children_if_necessary(Arc::clone(&self.join), vec![table, Arc::clone(&input)])?;
        let (table, columns) = (Arc::clone(&self.table), self.columns.clone());
        Ok(Arc::new(Self { join, input, table, key: self.key, columns, metrics: ExecutionPlanMetricsSet::new() }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        // The partitions share the table.
        let memory = MemoryConsumer::new(self.name()).register(context.memory_pool());
        memory.try_grow(self.table.ids.size().div_ceil(self.properties().partitioning.partition_count()))?;
        let finder = Finder {
            table: Arc::clone(&self.table),
            key: self.key,
            columns: self.columns.clone(),
            schema: self.schema(),
            _memory: memory,
        };
        let joined = self.input.execute(partition, context)?.map(move |rows| {
            let timer = metrics.elapsed_compute().timer();
            let joined = finder.join(&rows?);
            timer.done();
            joined.inspect(|batch| metrics.record_output(batch.num_rows()))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), yielding(joined))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition's work.
struct Finder {
    table: Arc<SmallTable>,
    key: usize,
    columns: Vec<usize>,
    schema: SchemaRef,
    /// The reservation of the table's ids.
    _memory: MemoryReservation,
}

impl Finder {
    fn join(&self, rows: &RecordBatch) -> PlanResult<RecordBatch> {
        let partners = self.table.ids.numbers(rows.column(self.key).as_string_view());
        if partners.null_count() == 0 {
            return self.batch(rows, &partners);
        }
        let found = is_not_null(&partners)?;
        self.batch(&filter_record_batch(rows, &found)?, filter(&partners, &found)?.as_primitive())
    }

    /// The rows, all of which have partners, with them.
    fn batch(&self, rows: &RecordBatch, partners: &UInt32Array) -> PlanResult<RecordBatch> {
        let width = self.table.rows.num_columns();
        let column = |number: &usize| -> PlanResult<ArrayRef> {
            match number.checked_sub(width) {
                None => Ok(take(self.table.rows.column(*number), partners, None)?),
                Some(own) => Ok(Arc::clone(rows.column(own))),
            }
        };
        let columns = self.columns.iter().map(column).collect::<PlanResult<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}
