//! `Count`: the first stage of counting by keys of few values; DataFusion's own second stage adds the counts up.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
    replace_children_if_necessary,
};
use futures::{StreamExt, stream};

use super::yielding;
use crate::counting::{Counts, MOST_KEYS, is_countable};
use crate::engine::guard::plain;

/// Columns that have few values, so that counting by them is best done in a table of cells.
const FEW_VALUES: [&str; 3] = ["campaign_id", "category", "establishment_id"];
/// Functions that have few values.
pub const FEW_RESULTS: [&str; 6] =
    ["local_day", "local_week", "local_month", "local_hour", "local_weekday", "day_part"];

/// Puts [`CountExec`] in the place of a first stage of grouping that only counts, by keys of few values.
#[derive(Debug)]
pub struct UseCounts;

impl PhysicalOptimizerRule for UseCounts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match CountExec::in_place_of(&node) {
                Some(counts) => Transformed::yes(Arc::new(counts) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "use_counts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

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

/// A first stage of grouping that only counts.
pub struct CountedStage {
    /// What is counted.
    pub input: Arc<dyn ExecutionPlan>,
    /// Its schema.
    pub schema: SchemaRef,
    /// The groups' keys.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Each measure's condition, if it has one.
    pub conditions: Vec<Option<Arc<dyn PhysicalExpr>>>,
}

impl CountedStage {
    /// What `stage` counts, if it does nothing else.
    pub fn of(stage: &AggregateExec) -> Option<Self> {
        let groups = stage.group_expr();
        let only_counts = !stage.aggr_expr().is_empty() && stage.aggr_expr().iter().all(|measure| counts_all(measure));
        let schema = stage.input_schema();
        let keys: Vec<_> = groups.expr().iter().map(|(key, _)| Arc::clone(key)).collect();
        let is_condition = |of: &Arc<dyn PhysicalExpr>| of.data_type(&schema).is_ok_and(|of| of == DataType::Boolean);
        let countable = |key: &Arc<dyn PhysicalExpr>| key.data_type(&schema).is_ok_and(|known| is_countable(&known));
        let fits = (1..=MOST_KEYS).contains(&keys.len()) && stage.filter_expr().iter().flatten().all(is_condition);
        (fits && only_counts && keys.iter().all(countable)).then(|| Self {
            input: Arc::clone(stage.input()),
            schema,
            keys,
            conditions: stage.filter_expr().to_vec(),
        })
    }
}

impl CountExec {
    fn in_place_of(node: &Arc<dyn ExecutionPlan>) -> Option<Self> {
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

/// The stage of grouping that sees the rows, if `node` is the last one.
pub fn first_stage(node: &Arc<dyn ExecutionPlan>) -> Option<&AggregateExec> {
    let stage = plain::<AggregateExec>(node)?;
    match stage.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => Some(stage),
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            plain::<AggregateExec>(stage.input()).filter(|first| *first.mode() == AggregateMode::Partial)
        }
        _ => None,
    }
}

/// Whether a measure counts rows, whatever is in them.
pub fn counts_all(measure: &AggregateFunctionExpr) -> bool {
    let counted = measure.expressions();
    measure.fun().name() == "count"
        && !measure.is_distinct()
        && counted.iter().all(|of| of.downcast_ref::<Literal>().is_some_and(|of| !of.value().is_null()))
}

/// Whether a key is known to have few values.
pub fn has_few_values(key: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(column) = key.downcast_ref::<Column>() {
        return FEW_VALUES.contains(&column.name()) || FEW_RESULTS.iter().any(|name| column.name().starts_with(name));
    }
    if let Some(function) = key.downcast_ref::<ScalarFunctionExpr>() {
        return FEW_RESULTS.contains(&function.name());
    }
    key.is::<Literal>() || key.downcast_ref::<CastExpr>().is_some_and(|cast| cast.expr().is::<Literal>())
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
