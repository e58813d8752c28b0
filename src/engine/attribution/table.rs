//! The noun `attributed_visits` as a table, planned from what a query asks of it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as PlanResult, project_schema};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, col, lit,
};
use datafusion::physical_plan::ExecutionPlan;

use super::ads::AttributionSpec;
use super::exec::AttributionExec;
use crate::engine::codes::exec::with_integers;
use crate::engine::codes::rows::with_codes;
use crate::engine::functions::function;
use crate::engine::nouns::instant_type;
use crate::engine::visits::table::{is_plain, visit_fields};
/// `attributed_visits`: the visits, and attributed, ad_id, interaction_timestamp.
pub struct AttributedVisits {
    visits: LogicalPlan,
    evidence: LogicalPlan,
    spec: AttributionSpec,
    in_order: bool,
    schema: SchemaRef,
}

impl AttributedVisits {
    /// Attributes `visits` to the interactions of `evidence`. A visit has its establishment's number, as
    /// `establishment`, and may have its id.
    pub fn new(visits: LogicalPlan, evidence: LogicalPlan, spec: AttributionSpec) -> Self {
        let mut fields = visit_fields();
        fields.push(Field::new("attributed", DataType::Boolean, true));
        fields.push(Field::new("ad_id", DataType::Utf8View, true));
        fields.push(Field::new("interaction_timestamp", instant_type(), true));
        Self { visits, evidence, spec, in_order: false, schema: Schema::new(fields).into() }
    }

    /// A variant sorted by user, time and establishment, partition after partition. All visits have the number
    /// of their establishment, which is its place in the order of ids.
    pub fn in_order(self) -> Self {
        Self { in_order: true, ..self }
    }

    /// The visits, with what is needed to attribute them and what else `wanted` has.
    fn visits(&self, wanted: &Schema) -> PlanResult<LogicalPlan> {
        let there = |name: &str| self.visits.schema().has_column_with_unqualified_name(name);
        let other = ["distance_m", "establishment_id"].into_iter();
        let other = other.filter(|name| wanted.index_of(name).is_ok() && there(name));
        let columns = ["user_id", "timestamp", "establishment"].into_iter().chain(other).map(col);
        LogicalPlanBuilder::from(self.visits.clone()).project(columns)?.build()
    }

    /// Interactions with the numbers of their ads, which are null for unknown ones.
    fn interactions(&self) -> PlanResult<LogicalPlan> {
        let click = col("action").eq(lit("click")).alias("click");
        let columns = [col("user_id"), self.number_of_ad().alias("ad"), click, col("timestamp")];
        LogicalPlanBuilder::from(self.evidence.clone()).project(columns)?.build()
    }

    fn number_of_ad(&self) -> Expr {
        let ads = Arc::clone(&self.spec.ads);
        let number = move |ids: &[ArrayRef]| Ok(Arc::new(ads.numbers.numbers(ids[0].as_string_view())) as ArrayRef);
        function("number_of_ad", vec![DataType::Utf8View], DataType::UInt32, Box::new(number)).call(vec![col("ad_id")])
    }
}

/// Filters on the credit may leave out visits without one; DataFusion applies the filter again above.
fn pushdown_of_credit(filter: &Expr) -> TableProviderFilterPushDown {
    let is_credit = match filter {
        Expr::Column(column) => column.name == "attributed",
        Expr::IsNotNull(of) => {
            matches!(of.as_ref(), Expr::Column(column) if ["ad_id", "interaction_timestamp"].contains(&column.name()))
        }
        _ => false,
    };
    match is_credit {
        true => TableProviderFilterPushDown::Inexact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}

impl fmt::Debug for AttributedVisits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("AttributedVisits").field("window_us", &self.spec.window_us).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for AttributedVisits {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown_of_credit(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let visits = state.create_physical_plan(&self.visits(&schema)?).await?;
        let interactions = state.create_physical_plan(&self.interactions()?).await?;
        let inputs = match is_plain(state) {
            true => [visits, interactions],
            false => with_codes_and_integers(visits, interactions)?,
        };
        let partitions = state.config().target_partitions();
        let attribution = AttributionExec::new(inputs, self.spec.clone(), schema, partitions);
        Ok(Arc::new(attribution.in_order(self.in_order).only_attributed(!filters.is_empty())))
    }
}

/// Both inputs of attribution, with what is few in interactions as codes, and users as integers where both have them.
fn with_codes_and_integers(
    visits: Arc<dyn ExecutionPlan>,
    interactions: Arc<dyn ExecutionPlan>,
) -> PlanResult<[Arc<dyn ExecutionPlan>; 2]> {
    let interactions = with_codes(interactions, &["ad", "click"])?;
    Ok(match (with_integers(&visits, "user_id")?, with_integers(&interactions, "user_id")?) {
        (Some(visits), Some(interactions)) => [visits, interactions],
        _ => [visits, interactions],
    })
}
