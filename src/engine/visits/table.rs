//! The noun `visits` as a table, planned from what a query asks of it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as PlanResult, internal_datafusion_err, project_schema};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, col};
use datafusion::physical_plan::ExecutionPlan;

use super::exec::VisitJoinExec;
use super::late::LateVisits;
use super::parquet::visits_of_files;
use crate::engine::codes::plan::{ColumnwisePlan, Leaf};
use crate::engine::nouns::instant_type;
use crate::engine::small_tables::Establishments;

/// An option of a session that asks for plans as they are written, with nothing read as codes or worked out late.
pub struct PlainPlans;

/// Tells whether a session asks for plain plans.
pub fn is_plain(state: &dyn Session) -> bool {
    state.config().get_extension::<PlainPlans>().is_some()
}

/// Lists the fields of `visits`.
pub fn visit_fields() -> Vec<Field> {
    vec![
        Field::new("user_id", DataType::Utf8View, true),
        Field::new("timestamp", instant_type(), true),
        Field::new("establishment_id", DataType::Utf8View, true),
        Field::new("distance_m", DataType::Float64, true),
    ]
}

/// `visits`: user_id, timestamp, establishment_id, distance_m.
pub struct Visits {
    pings: LogicalPlan,
    establishments: Arc<Establishments>,
    schema: SchemaRef,
}

impl Visits {
    /// Visits of the rows of `pings`.
    pub fn new(pings: LogicalPlan, establishments: Arc<Establishments>) -> Self {
        Self { pings, establishments, schema: Schema::new(visit_fields()).into() }
    }

    /// A variant with the establishment's number in place of its id.
    pub fn numbered(pings: LogicalPlan, establishments: Arc<Establishments>) -> Self {
        let mut fields = visit_fields();
        fields[2] = Field::new("establishment", DataType::UInt32, true);
        Self { pings, establishments, schema: Schema::new(fields).into() }
    }
}

impl fmt::Debug for Visits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Visits").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Visits {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let own = ["user_id", "timestamp"].into_iter().filter(|name| schema.field_with_name(name).is_ok());
        let wanted = own.chain(["latitude", "longitude"]).map(col);
        let pings = filtered(self.pings.clone(), filters)?.project(wanted)?.build()?;
        let input = state.create_physical_plan(&pings).await?;
        match is_plain(state) {
            true => Ok(Arc::new(visit_join(&input, plain(&input, &schema, &self.establishments)?))),
            false => visits_of(input, schema, &self.establishments),
        }
    }
}

/// Plans the visit join over `input`, moving filters and projections above the join, where few rows are left.
fn visits_of(
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    establishments: &Arc<Establishments>,
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let late =
        |rows: &ColumnwisePlan| LateVisits::of(rows, &input.schema(), Arc::clone(establishments), Arc::clone(&schema));
    let plain = plain(&input, &schema, establishments)?;
    let rows = ColumnwisePlan::of(&input)?;
    Ok(match rows.as_ref().and_then(|rows| Some((&rows.leaf, late(rows)?))) {
        Some((Leaf::Files(files), late)) => Arc::new(visits_of_files(Arc::new(visit_join(&input, plain)), files, late)),
        Some((Leaf::Plan(below), late)) => Arc::new(visit_join(below, late)),
        None => Arc::new(visit_join(&input, plain)),
    })
}

/// The columns of visits where all of the pings' are there before the join.
fn plain(
    input: &Arc<dyn ExecutionPlan>,
    schema: &SchemaRef,
    establishments: &Arc<Establishments>,
) -> PlanResult<LateVisits> {
    let plain = LateVisits::plain(&input.schema(), Arc::clone(establishments), Arc::clone(schema));
    plain.ok_or_else(|| internal_datafusion_err!("pings without places"))
}

fn visit_join(input: &Arc<dyn ExecutionPlan>, late: LateVisits) -> VisitJoinExec {
    VisitJoinExec::new(Arc::clone(input), Arc::new(late))
}

/// Filters on user and time are pushed below the join; a visit has both from its ping.
fn pushdown(filter: &Expr) -> TableProviderFilterPushDown {
    let of_ping = filter.column_refs().iter().all(|column| matches!(column.name.as_str(), "user_id" | "timestamp"));
    match of_ping && !filter.is_volatile() {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}

fn filtered(plan: LogicalPlan, filters: &[Expr]) -> PlanResult<LogicalPlanBuilder> {
    filters.iter().try_fold(LogicalPlanBuilder::from(plan), |plan, filter| plan.filter(filter.clone()))
}
