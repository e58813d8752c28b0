//! `Count`: the first stage of counting by keys of few values; DataFusion's own second stage adds the counts up.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
    replace_children_if_necessary,
};
use futures::{StreamExt, stream};

use super::spec::{CountedStage, has_few_values};
use crate::counting::Counts;
use crate::engine::exchange::yielding;
use crate::engine::guard::plain;

/// Counts each partition's rows by their keys; a group may come more than once. Groups come in the order of their
/// first rows, so that they are in order where DataFusion's own, which the rows' order allows for, are.
#[derive(Debug)]
pub struct CountExec {
    /// The stage that it stands for, whose properties it has.
    stage: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    conditions: Vec<Option<Arc<dyn PhysicalExpr>>>,
    metrics: ExecutionPlanMetricsSet,
}

impl CountExec {
    /// Counts in the place of `node`, if that is a first stage which only counts by keys of few values.
    pub fn in_place_of(node: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let stage = plain::<AggregateExec>(node).filter(|stage| *stage.mode() == AggregateMode::Partial)?;
        let counted = CountedStage::of(stage)?;
        counted.keys.iter().all(has_few_values).then(|| Self {
            stage: Arc::clone(node),
            input: counted.input,
            keys: counted.keys,
            conditions: counted.conditions,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    fn types(&self) -> PlanResult<Vec<DataType>> {
        self.keys.iter().map(|key| key.data_type(&self.input.schema())).collect()
    }
}

impl DisplayAs for CountExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        write!(f, "CountExec: keys=[{}], measures={}", keys.join(", "), self.conditions.len())
    }
}

impl ExecutionPlan for CountExec {
    fn name(&self) -> &str {
        "CountExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.stage.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        for expression in self.keys.iter().chain(self.conditions.iter().flatten()) {
            if f(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("CountExec has one child") };
        let stage = replace_children_if_necessary(Arc::clone(&self.stage), vec![Arc::clone(&input)])?;
        Ok(Arc::new(Self {
            stage,
            input,
            keys: self.keys.clone(),
            conditions: self.conditions.clone(),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let schema = self.schema();
        let counting = Counting {
            counts: Counts::new(&self.types()?, self.conditions.len()),
            keys: self.keys.clone(),
            conditions: self.conditions.clone(),
            memory: MemoryConsumer::new(self.name()).register(context.memory_pool()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let rows = yielding(self.input.execute(partition, context)?).map(Some).chain(stream::once(async { None }));
        let batches = rows.scan(counting, |counting, rows| {
            let columns = counting.meet(rows).transpose();
            futures::future::ready(Some(columns))
        });
        let to = Arc::clone(&schema);
        let batches = batches
            .filter_map(futures::future::ready)
            .map(move |columns| Ok(RecordBatch::try_new(Arc::clone(&to), columns?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One partition's counts.
struct Counting {
    counts: Counts,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    conditions: Vec<Option<Arc<dyn PhysicalExpr>>>,
    memory: MemoryReservation,
    metrics: BaselineMetrics,
}

impl Counting {
    /// Counts a batch; emits the groups when there are many, when memory does not hold them, and at the end (`None`).
    fn meet(&mut self, rows: Option<PlanResult<RecordBatch>>) -> PlanResult<Option<Vec<ArrayRef>>> {
        let timer = self.metrics.elapsed_compute().clone();
        let _timer = timer.timer();
        let ready = match rows {
            Some(rows) => {
                self.add(&rows?)?;
                self.counts.is_full() || self.memory.try_resize(self.counts.size()).is_err()
            }
            None => !self.counts.is_empty(),
        };
        self.metrics.record_output(if ready { self.counts.len() } else { 0 });
        if ready {
            self.memory.free();
        }
        Ok(ready.then(|| self.counts.take()).transpose()?)
    }

    fn add(&mut self, rows: &RecordBatch) -> PlanResult<()> {
        let count = rows.num_rows();
        let of = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(rows)?.into_array(count);
        let keys = self.keys.iter().map(of).collect::<PlanResult<Vec<_>>>()?;
        let condition = |condition: &Option<Arc<dyn PhysicalExpr>>| -> PlanResult<Option<BooleanArray>> {
            condition.as_ref().map(|condition| Ok(of(condition)?.as_boolean().clone())).transpose()
        };
        let conditions = self.conditions.iter().map(condition).collect::<PlanResult<Vec<_>>>()?;
        self.counts.add(&keys, &conditions, count);
        Ok(())
    }
}
