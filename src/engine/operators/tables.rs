//! The derived nouns as tables: `visits` and `attributed_visits`, planned from what a query asks of them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as PlanResult, project_schema};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, col, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;

use super::attribution::Known;
use super::{AttributionExec, VisitJoinExec};
use crate::engine::functions::function;
use crate::engine::nouns::instant_type;
use crate::engine::places::{Ads, Establishments};

fn visit_fields() -> Vec<Field> {
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

    /// The same with the establishment's number in place of its id.
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
        Ok(Arc::new(VisitJoinExec::new(input, Arc::clone(&self.establishments), schema)))
    }
}

/// Whose ping and when can be asked before the join; a visit has them from its ping.
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

/// `attributed_visits`: the visits, and attributed, ad_id, interaction_timestamp.
pub struct AttributedVisits {
    visits: LogicalPlan,
    evidence: LogicalPlan,
    known: Known,
    schema: SchemaRef,
}

impl AttributedVisits {
    /// Attributes `visits` to the interactions of `evidence`. A visit has its establishment's number, as
    /// `establishment`, and may have its id.
    pub fn new(visits: LogicalPlan, evidence: LogicalPlan, known: Known) -> Self {
        let mut fields = visit_fields();
        fields.push(Field::new("attributed", DataType::Boolean, true));
        fields.push(Field::new("ad_id", DataType::Utf8View, true));
        fields.push(Field::new("interaction_timestamp", instant_type(), true));
        Self { visits, evidence, known, schema: Schema::new(fields).into() }
    }

    /// Visits and interactions as one stream of events.
    fn events(&self) -> PlanResult<LogicalPlan> {
        let null = |of: DataType| cast(lit(ScalarValue::Null), of);
        let has_id = self.visits.schema().has_column_with_unqualified_name("establishment_id");
        let of_visit = [("distance_m", DataType::Float64), ("establishment_id", DataType::Utf8View)];
        let of_visit = of_visit.into_iter().take(1 + usize::from(has_id));
        let mut visit = vec![
            col("user_id"),
            col("timestamp"),
            lit(true).alias("is_visit"),
            col("establishment"),
            null(DataType::UInt32).alias("ad"),
            lit(false).alias("click"),
        ];
        visit.extend(of_visit.clone().map(|(name, _)| col(name)));
        let mut interaction = vec![
            col("user_id"),
            col("timestamp"),
            lit(false).alias("is_visit"),
            number_of("establishment_of_ad", &self.known.ads, Ads::establishments).alias("establishment"),
            number_of("number_of_ad", &self.known.ads, Ads::numbers).alias("ad"),
            col("action").eq(lit("click")).alias("click"),
        ];
        interaction.extend(of_visit.map(|(name, of)| null(of).alias(name)));
        let visits = LogicalPlanBuilder::from(self.visits.clone()).project(visit)?;
        let interactions = LogicalPlanBuilder::from(self.evidence.clone()).project(interaction)?;
        visits.union(interactions.filter(col("establishment").is_not_null())?.build()?)?.build()
    }
}

fn number_of(name: &str, ads: &Arc<Ads>, of: fn(&Ads, &StringViewArray) -> UInt32Array) -> Expr {
    let ads = Arc::clone(ads);
    let kernel = move |arrays: &[ArrayRef]| Ok(Arc::new(of(&ads, arrays[0].as_string_view())) as ArrayRef);
    function(name, vec![DataType::Utf8View], DataType::UInt32, Box::new(kernel)).call(vec![col("ad_id")])
}

impl fmt::Debug for AttributedVisits {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("AttributedVisits").field("window_us", &self.known.window_us).finish_non_exhaustive()
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

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let events = state.create_physical_plan(&self.events()?).await?;
        Ok(Arc::new(AttributionExec::new(events, self.known.clone(), schema)))
    }
}
