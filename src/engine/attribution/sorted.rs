//! Attribution by sorting, which spills to disk: what `Attribution` falls back on where memory ends.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::{SortOptions, filter_record_batch};
use datafusion::arrow::datatypes::{SchemaRef, TimestampMicrosecondType, UInt32Type};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{
    EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortRequirement,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;

use super::ads::AttributionSpec;
use crate::attribution::{Credit, Walk};
use crate::engine::exchange::yielding;

/// Names, for each visit, the interaction that earned it, in one pass. Rows must be hashed by user and sorted by time,
/// with interactions before visits of the same instant; the optimiser sees to it.
#[derive(Debug)]
pub struct SortedAttributionExec {
    input: Arc<dyn ExecutionPlan>,
    spec: AttributionSpec,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SortedAttributionExec {
    /// Attributed visits, with the columns of `schema`. `input` holds events: user_id, timestamp, is_visit,
    /// establishment (its number), ad (its number), click, and what else a visit has.
    pub fn new(input: Arc<dyn ExecutionPlan>, spec: AttributionSpec, schema: SchemaRef) -> Self {
        let equivalences = EquivalenceProperties::new(Arc::clone(&schema));
        let count = input.output_partitioning().partition_count();
        let partitioning = datafusion::physical_expr::Partitioning::UnknownPartitioning(count);
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        let metrics = ExecutionPlanMetricsSet::new();
        Self { input, spec, schema, properties: Arc::new(properties), metrics }
    }

    fn column(&self, name: &str) -> Arc<dyn PhysicalExpr> {
        col(name, &self.input.schema()).expect("the events have the columns that Attribution asks for")
    }
}

impl DisplayAs for SortedAttributionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SortedAttributionExec: window_us={}", self.spec.window_us)
    }
}

impl ExecutionPlan for SortedAttributionExec {
    fn name(&self) -> &str {
        "SortedAttributionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::KeyPartitioned(vec![self.column("user_id")])])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let ascending = Some(SortOptions { descending: false, nulls_first: false });
        let keys = ["user_id", "timestamp", "is_visit"];
        let sorted = keys.map(|name| PhysicalSortRequirement::new(self.column(name), ascending));
        vec![LexRequirement::new(sorted.to_vec()).map(OrderingRequirements::new)]
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
        let Some(input) = children.pop() else { return internal_err!("SortedAttributionExec has one child") };
        Ok(Arc::new(Self::new(input, self.spec.clone(), Arc::clone(&self.schema))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = Arc::clone(&self.schema);
        let mut pass = SortedPass { spec: self.spec.clone(), walk: Walk::new(self.spec.window_us), user: None };
        let visits = self.input.execute(partition, context)?.map(move |events| {
            let timer = metrics.elapsed_compute().timer();
            let visits = pass.visits_of(&events?, &schema);
            timer.done();
            visits.inspect(|batch| metrics.record_output(batch.num_rows()))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), yielding(visits))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition's state: the walk of the user whose rows are passing.
struct SortedPass {
    spec: AttributionSpec,
    walk: Walk,
    user: Option<String>,
}

impl SortedPass {
    fn visits_of(&mut self, events: &RecordBatch, schema: &SchemaRef) -> PlanResult<RecordBatch> {
        let credits = self.credits(events);
        let visits = filter_record_batch(events, events["is_visit"].as_boolean())?;
        self.spec.attributed(&visits, &credits, schema)
    }

    /// Walks the events and returns what each visit among them owes to whom.
    fn credits(&mut self, events: &RecordBatch) -> Vec<Option<Credit>> {
        let users = events["user_id"].as_string_view();
        let timestamps = events["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let establishments = events["establishment"].as_primitive::<UInt32Type>();
        let ads = events["ad"].as_primitive::<UInt32Type>().values();
        let (is_visit, click) = (events["is_visit"].as_boolean(), events["click"].as_boolean());
        let mut credits = vec![];
        for row in 0..events.num_rows() {
            self.meet(users.value(row));
            if is_visit.value(row) {
                credits.push(
                    establishments
                        .is_valid(row)
                        .then(|| self.walk.credit(establishments.value(row), timestamps[row]))
                        .flatten(),
                );
            } else {
                let credit = Credit { timestamp_us: timestamps[row], click: click.value(row), ad: ads[row] };
                self.walk.interact(establishments.value(row), credit);
            }
        }
        credits
    }

    fn meet(&mut self, user: &str) {
        if self.user.as_deref() != Some(user) {
            self.user = Some(user.to_string());
            self.walk.next_user();
        }
    }
}
