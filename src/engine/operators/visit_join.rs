//! `VisitJoin`: pings stream past the grid of establishments, which every partition shares.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Float64Type, SchemaRef};
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

use super::yielding;
use crate::engine::places::Establishments;
use crate::geo::EstablishmentIndex;
use crate::visits::{Matches, match_pings};

/// Turns pings (with `latitude` and `longitude`) into visits. The establishments are broadcast; pings may lie anyhow.
#[derive(Debug)]
pub struct VisitJoinExec {
    input: Arc<dyn ExecutionPlan>,
    establishments: Arc<Establishments>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl VisitJoinExec {
    /// Visits of the pings of `input`, with the columns of `schema`: those of the ping that `input` has by that name,
    /// and `establishment_id`, `establishment` (its number) and `distance_m`.
    pub fn new(input: Arc<dyn ExecutionPlan>, establishments: Arc<Establishments>, schema: SchemaRef) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let equivalences = EquivalenceProperties::new(Arc::clone(&schema));
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        let metrics = ExecutionPlanMetricsSet::new();
        Self { input, establishments, schema, properties: Arc::new(properties), metrics }
    }
}

impl DisplayAs for VisitJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let index = &self.establishments.index;
        write!(f, "VisitJoinExec: establishments={}, radius_m={}", index.len(), index.radius_m())
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
        Ok(Arc::new(Self::new(input, Arc::clone(&self.establishments), Arc::clone(&self.schema))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let (establishments, schema) = (Arc::clone(&self.establishments), Arc::clone(&self.schema));
        let visits = self.input.execute(partition, context)?.map_ok(move |pings| {
            let metrics = metrics.clone();
            let visits = VisitsOf::new(pings, Arc::clone(&establishments), Arc::clone(&schema));
            stream::iter(visits.inspect(move |visits| {
                metrics.record_output(visits.as_ref().map_or(0, RecordBatch::num_rows));
            }))
        });
        let visits = yielding(visits.try_flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), visits)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Pings matched between two looks at how many visits there are already.
const PINGS_PER_STEP: usize = 1_024;
/// Visits after which a batch is given away, so that crowded places fill no memory.
const VISITS_PER_BATCH: usize = 65_536;

/// Matches pings from the `next` on, until there are enough visits or no more pings.
pub fn matches(index: &EstablishmentIndex, latitudes: &[f64], longitudes: &[f64], next: &mut usize) -> Matches {
    let mut found = Matches::default();
    while *next < latitudes.len() && found.ping.len() < VISITS_PER_BATCH {
        let (start, known) = (*next, found.ping.len());
        let end = latitudes.len().min(start + PINGS_PER_STEP);
        match_pings(index, &latitudes[start..end], &longitudes[start..end], &mut found);
        found.ping[known..].iter_mut().for_each(|row| *row += start as u32);
        *next = end;
    }
    found
}

/// The visits of a batch of pings, in the order of the pings and, within a ping, of the establishments.
pub struct VisitsOf {
    pings: RecordBatch,
    next: usize,
    establishments: Arc<Establishments>,
    schema: SchemaRef,
}

impl VisitsOf {
    /// Visits of `pings`, with the columns of `schema` as [`VisitJoinExec::new`] has them.
    pub fn new(pings: RecordBatch, establishments: Arc<Establishments>, schema: SchemaRef) -> Self {
        Self { pings, next: 0, establishments, schema }
    }

    fn matches(&mut self) -> Matches {
        let degrees = |name: &str| self.pings[name].as_primitive::<Float64Type>().values();
        matches(&self.establishments.index, degrees("latitude"), degrees("longitude"), &mut self.next)
    }

    fn batch(&self, found: Matches) -> PlanResult<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(found.ping.len()));
        let rows = UInt32Array::from(found.ping);
        let numbers = UInt32Array::from(found.establishment);
        let distances: ArrayRef = Arc::new(Float64Array::from(found.distance_m));
        let column = |name: &str| match name {
            "establishment_id" => take(self.establishments.ids(), &numbers, None),
            "establishment" => Ok(Arc::new(numbers.clone()) as ArrayRef),
            "distance_m" => Ok(Arc::clone(&distances)),
            ping => take(&self.pings[ping], &rows, None),
        };
        let columns = self.schema.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

impl Iterator for VisitsOf {
    type Item = PlanResult<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.pings.num_rows()).then(|| {
            let found = self.matches();
            self.batch(found)
        })
    }
}
