//! The derived nouns as tables: `visits` and `attributed_visits`, planned from what a query asks of them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as PlanResult, internal_datafusion_err, project_schema};
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, col, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;

use super::coded::with_integers;
use super::coded_rows::with_codes;
use super::coded_visits::visits_of_files;
use super::late_visits::LateVisits;
use super::rows::{Leaf, Rows};
use super::{AttributionExec, Known, SortedAttributionExec, VisitJoinExec};
use crate::engine::functions::function;
use crate::engine::nouns::instant_type;
use crate::engine::places::Establishments;

/// An option of a session that asks for plans as they are written, with nothing read as codes or worked out late.
pub struct PlainPlans;

fn is_plain(state: &dyn Session) -> bool {
    state.config().get_extension::<PlainPlans>().is_some()
}

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
        match is_plain(state) {
            true => Ok(Arc::new(visit_join(&input, plain(&input, &schema, &self.establishments)?))),
            false => visits_of(input, schema, &self.establishments),
        }
    }
}

/// The visits of the pings of `input`. Of what makes its rows of others, most is done after the join, to what visits.
fn visits_of(
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    establishments: &Arc<Establishments>,
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let late = |rows: &Rows| LateVisits::of(rows, &input.schema(), Arc::clone(establishments), Arc::clone(&schema));
    let plain = plain(&input, &schema, establishments)?;
    let rows = Rows::of(&input)?.filter(|rows| matches!(rows.leaf, Leaf::Plan(_)) || !rows.is_of_a_time());
    Ok(match rows.as_ref().and_then(|rows| Some((&rows.leaf, late(rows)?))) {
        Some((Leaf::Files(files), late)) => Arc::new(visits_of_files(Arc::new(visit_join(&input, plain)), files, late)),
        Some((Leaf::Plan(below), late)) => Arc::new(visit_join(below, late)),
        None => Arc::new(visit_join(&input, plain)),
    })
}

/// What visits are made of if all that pings have is there before the join.
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

/// Whose ping and when can be asked before the join; a visit has them from its ping.
fn pushdown(filter: &Expr) -> TableProviderFilterPushDown {
    let of_ping = filter.column_refs().iter().all(|column| matches!(column.name.as_str(), "user_id" | "timestamp"));
    match of_ping && !filter.is_volatile() {
        true => TableProviderFilterPushDown::Exact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}

/// Visits that nothing earned need not be made where they are not asked for; whoever asks looks at the rest again.
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

fn filtered(plan: LogicalPlan, filters: &[Expr]) -> PlanResult<LogicalPlanBuilder> {
    filters.iter().try_fold(LogicalPlanBuilder::from(plan), |plan, filter| plan.filter(filter.clone()))
}

/// `attributed_visits`: the visits, and attributed, ad_id, interaction_timestamp.
pub struct AttributedVisits {
    visits: LogicalPlan,
    evidence: LogicalPlan,
    known: Known,
    in_order: bool,
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
        Self { visits, evidence, known, in_order: false, schema: Schema::new(fields).into() }
    }

    /// The same, but partition after partition in the order of user, time and establishment. All visits have the number
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

    /// Visits to establishments with ads, and interactions, as one stream of events.
    fn events(&self, wanted: &Schema) -> PlanResult<LogicalPlan> {
        let null = |of: &DataType| cast(lit(ScalarValue::Null), of.clone());
        let visits = self.visits(wanted)?;
        let of_visit: Vec<_> = visits.schema().fields().iter().skip(3).cloned().collect();
        let mut visit = vec![
            col("user_id"),
            col("timestamp"),
            lit(true).alias("is_visit"),
            col("establishment"),
            null(&DataType::UInt32).alias("ad"),
            lit(false).alias("click"),
        ];
        visit.extend(of_visit.iter().map(|field| col(field.name())));
        let mut interaction = vec![
            col("user_id"),
            col("timestamp"),
            lit(false).alias("is_visit"),
            self.establishment_of_ad().alias("establishment"),
            col("ad"),
            col("click"),
        ];
        interaction.extend(of_visit.iter().map(|field| null(field.data_type()).alias(field.name())));
        let visits = LogicalPlanBuilder::from(visits).filter(self.is_advertised())?.project(visit)?;
        let interactions = LogicalPlanBuilder::from(self.interactions()?).project(interaction)?;
        let interactions = interactions.filter(col("establishment").is_not_null())?;
        visits.union(interactions.build()?)?.build()
    }

    fn number_of_ad(&self) -> Expr {
        let ads = Arc::clone(&self.known.ads);
        let number = move |ids: &[ArrayRef]| Ok(Arc::new(ads.numbers.numbers(ids[0].as_string_view())) as ArrayRef);
        function("number_of_ad", vec![DataType::Utf8View], DataType::UInt32, Box::new(number)).call(vec![col("ad_id")])
    }

    fn establishment_of_ad(&self) -> Expr {
        let ads = Arc::clone(&self.known.ads);
        let establishment = move |numbers: &[ArrayRef]| {
            let numbers = numbers[0].as_primitive::<UInt32Type>().iter();
            let of = numbers.map(|number| ads.establishments[number? as usize]);
            Ok(Arc::new(of.collect::<UInt32Array>()) as ArrayRef)
        };
        let of = function("establishment_of_ad", vec![DataType::UInt32], DataType::UInt32, Box::new(establishment));
        of.call(vec![col("ad")])
    }

    fn is_advertised(&self) -> Expr {
        let known = self.known.clone();
        let is = move |numbers: &[ArrayRef]| Ok(Arc::new(known.are_advertised(&numbers[0])) as ArrayRef);
        let is = function("is_advertised", vec![DataType::UInt32], DataType::Boolean, Box::new(is));
        is.call(vec![col("establishment")])
    }
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
        let mut inputs = match is_plain(state) {
            true => vec![visits, interactions],
            false => with_codes_and_integers(visits, interactions)?,
        };
        if !matches!(state.runtime_env().memory_pool.memory_limit(), MemoryLimit::Infinite) {
            let events = state.create_physical_plan(&self.events(&schema)?).await?;
            let sorted = SortedAttributionExec::new(events, self.known.clone(), Arc::clone(&schema));
            inputs.push(Arc::new(sorted));
        }
        let partitions = state.config().target_partitions();
        let attribution = AttributionExec::new(inputs, self.known.clone(), schema, partitions);
        Ok(Arc::new(attribution.in_order(self.in_order).only_attributed(!filters.is_empty())))
    }
}

/// Both inputs of attribution, with what is few in interactions as codes, and users as integers where both have them.
fn with_codes_and_integers(
    visits: Arc<dyn ExecutionPlan>,
    interactions: Arc<dyn ExecutionPlan>,
) -> PlanResult<Vec<Arc<dyn ExecutionPlan>>> {
    let interactions = with_codes(interactions, &["ad", "click"])?;
    Ok(match (with_integers(&visits, "user_id")?, with_integers(&interactions, "user_id")?) {
        (Some(visits), Some(interactions)) => vec![visits, interactions],
        _ => vec![visits, interactions],
    })
}
