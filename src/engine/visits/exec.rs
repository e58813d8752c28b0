//! `VisitJoin`: pings stream past the grid of establishments, which every partition shares.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Float64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use super::late::{LATITUDE_COLUMN, LONGITUDE_COLUMN, LateVisits, or_nan};
use crate::engine::exchange::yielding;
use crate::geo::EstablishmentIndex;
use crate::visits::{Matches, match_some};

/// Turns pings (with `latitude` and `longitude`) into visits. The establishments are broadcast; pings may lie anyhow.
#[derive(Debug)]
pub struct VisitJoinExec {
    input: Arc<dyn ExecutionPlan>,
    late: Arc<LateVisits>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl VisitJoinExec {
    /// The visits that `late` makes of rows of `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, late: Arc<LateVisits>) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let equivalences = EquivalenceProperties::new(Arc::clone(&late.schema));
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        Self { input, late, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for VisitJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let index = &self.late.establishments.index;
        let conditions = self.late.conditions.iter().map(|(_, condition)| condition.to_string());
        let conditions: Vec<_> = conditions.collect();
        write!(f, "VisitJoinExec: establishments={}, radius_m={}", index.len(), index.radius_m())?;
        if conditions.is_empty() { Ok(()) } else { write!(f, ", pings=[{}]", conditions.join(", ")) }
    }
}

impl ExecutionPlan for VisitJoinExec {
    fn name(&self) -> &str {
        "VisitJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
        let Some(input) = children.pop() else { return internal_err!("VisitJoinExec has one child") };
        Ok(Arc::new(Self::new(input, Arc::clone(&self.late))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let late = Arc::clone(&self.late);
        let visits = self.input.execute(partition, context)?.map_ok(move |pings| {
            let metrics = metrics.clone();
            let visits = VisitsOf::new(pings, Arc::clone(&late));
            stream::iter(visits.inspect(move |visits| {
                metrics.record_output(visits.as_ref().map_or(0, RecordBatch::num_rows));
            }))
        });
        let visits = yielding(visits.try_flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), visits)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Visits after which a batch is given away, so that crowded places fill no memory.
const VISITS_PER_BATCH: usize = 65_536;

/// Matches pings from the `next` on, until there are enough visits or no more pings.
pub fn matches(index: &EstablishmentIndex, latitudes: &[f64], longitudes: &[f64], next: &mut usize) -> Matches {
    let mut found = Matches::default();
    match_some(index, latitudes, longitudes, next, VISITS_PER_BATCH, &mut found);
    found
}

/// The visits of a batch of pings, in the order of the pings and, within a ping, of the establishments.
pub struct VisitsOf {
    pings: RecordBatch,
    degrees: [Float64Array; 2],
    next: usize,
    late: Arc<LateVisits>,
    /// Whether a ping so far was nowhere on Earth.
    pub lost: bool,
}

impl VisitsOf {
    /// The visits that `late` makes of `pings`.
    pub fn new(pings: RecordBatch, late: Arc<LateVisits>) -> Self {
        let degrees = [LATITUDE_COLUMN, LONGITUDE_COLUMN].map(|place| or_nan(pings.column(late.columns[place].0)));
        Self { pings, degrees, next: 0, late, lost: false }
    }

    fn batch(&mut self) -> PlanResult<RecordBatch> {
        let [latitudes, longitudes] = &self.degrees;
        let index = &self.late.establishments.index;
        let found = matches(index, latitudes.values(), longitudes.values(), &mut self.next);
        self.lost |= found.lost;
        let rows = UInt32Array::from(found.ping.clone());
        self.late.batch(found, |place, _| Ok(Some(take(self.pings.column(self.late.columns[place].0), &rows, None)?)))
    }
}

impl Iterator for VisitsOf {
    type Item = PlanResult<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.pings.num_rows()).then(|| self.batch())
    }
}
