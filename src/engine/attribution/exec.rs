//! `Attribution`: names, for each visit, the interaction that earned it.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, replace_children_if_necessary};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
};
use futures::future::BoxFuture;

use super::ads::AttributionSpec;
use super::work::{AttributionWork, Inputs, NUMBERS_OF_USERS};
use crate::engine::codes::exec::with_type;
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::exchange::spill::Disk;
use crate::engine::exchange::task::SharedTask;
use crate::engine::guard::{plain, same_rows};

/// `plan` with numbers in place of the users' ids in `column`, if these are attribution's and used for nothing else.
pub fn with_numbers_of_users(
    plan: &Arc<dyn ExecutionPlan>,
    column: usize,
) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
    let (input, column) = if let Some(projection) = plain::<ProjectionExec>(plan) {
        let Some(own) = projection.expr()[column].expr.downcast_ref::<Column>() else { return Ok(None) };
        let asks = |of: &&ProjectionExpr| collect_columns(&of.expr).iter().any(|of| of.index() == own.index());
        if projection.expr().iter().filter(asks).count() > 1 {
            return Ok(None);
        }
        (projection.input(), own.index())
    } else if let Some(input) = same_rows(plan) {
        (input, column)
    } else {
        let attribution = plan.downcast_ref::<AttributionExec>();
        let is_user = attribution.is_some_and(|own| own.schema.index_of("user_id").is_ok_and(|user| user == column));
        let numbered = attribution.filter(|_| is_user).and_then(AttributionExec::with_numbers_of_users);
        return Ok(numbered.map(|numbered| Arc::new(numbered) as _));
    };
    let Some(input) = with_numbers_of_users(input, column)? else { return Ok(None) };
    Ok(Some(replace_children_if_necessary(Arc::clone(plan), vec![input])?))
}

/// Attributes visits to interactions; the rows of both may lie anyhow.
///
/// Visits to establishments without ads are emitted as they come, since nothing can have earned them; where users leave
/// as numbers, they are kept until users have theirs, apart from those that are matched. The others are kept in 16
/// bytes each, split by a hash of the user, and of the interactions only those are kept, in 16 bytes again, whose user
/// has visits to the ad's establishment. Then each shard of the users is matched by itself.
///
/// What memory does not hold goes to temporary files, one for each range of shards, and is matched range by range.
pub struct AttributionExec {
    /// Visits and interactions.
    inputs: [Arc<dyn ExecutionPlan>; 2],
    spec: AttributionSpec,
    in_order: bool,
    only_attributed: bool,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: SharedTask,
}

impl AttributionExec {
    /// Attributed visits, in `partitions`, with the columns of `schema`. The `inputs` are: visits, with user_id,
    /// timestamp, establishment (its number) and what else of them is wanted; and interactions, with user_id, ad (its
    /// number; null for none of an establishment), click and timestamp.
    pub fn new(
        inputs: [Arc<dyn ExecutionPlan>; 2],
        spec: AttributionSpec,
        schema: SchemaRef,
        partitions: usize,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Both,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        let (properties, shared) = (Arc::new(properties), SharedTask::default());
        Self { inputs, spec, in_order: false, only_attributed: false, schema, properties, metrics, shared }
    }

    /// A variant that emits in order, if `in_order`: each partition has users of its own, sorted by user, time and
    /// establishment, and the users of the next partition follow. Memory must have no limit.
    pub fn in_order(self, in_order: bool) -> Self {
        Self { in_order, ..self }
    }

    /// A variant that may leave out visits without credit, if `only_attributed`.
    pub fn only_attributed(self, only_attributed: bool) -> Self {
        Self { only_attributed, ..self }
    }

    /// A variant that emits a number in place of each user's id, one for each user. `None` if users are
    /// not among the columns, distances are, or visits are emitted in order.
    pub fn with_numbers_of_users(&self) -> Option<Self> {
        self.schema.index_of("user_id").ok()?;
        if self.in_order || self.schema.index_of("distance_m").is_ok() {
            return None;
        }
        let schema = with_type(&self.schema, "user_id", &NUMBERS_OF_USERS);
        let partitions = self.properties.partitioning.partition_count();
        let numbered = Self::new(self.inputs.clone(), self.spec.clone(), schema, partitions);
        Some(numbered.only_attributed(self.only_attributed))
    }

    /// All the work of one execution.
    fn work(
        &self,
        context: &Arc<TaskContext>,
        outputs: OutputChannels,
    ) -> PlanResult<BoxFuture<'static, PlanResult<()>>> {
        let input = |input: &Arc<dyn ExecutionPlan>| {
            let partitions = 0..input.output_partitioning().partition_count();
            partitions.map(|partition| input.execute(partition, Arc::clone(context))).collect::<PlanResult<Vec<_>>>()
        };
        let [visits, interactions] = &self.inputs;
        let inputs = Inputs { visits: input(visits)?, interactions: input(interactions)? };
        let disk = Disk::new(context, &self.metrics);
        let work = AttributionWork::new(self.spec.clone(), Arc::clone(&self.schema), disk, outputs);
        Ok(Box::pin(work.in_order(self.in_order).only_attributed(self.only_attributed).run(inputs)))
    }
}

impl fmt::Debug for AttributionExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("AttributionExec").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}

impl DisplayAs for AttributionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "AttributionExec: window_us={}", self.spec.window_us)
    }
}

impl ExecutionPlan for AttributionExec {
    fn name(&self) -> &str {
        "AttributionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Ok(children) = children.try_into() else { return internal_err!("AttributionExec has two children") };
        let partitions = self.properties.partitioning.partition_count();
        let new = Self::new(children, self.spec.clone(), Arc::clone(&self.schema), partitions);
        Ok(Arc::new(new.in_order(self.in_order).only_attributed(self.only_attributed)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let partitions = self.properties.partitioning.partition_count();
        let work = |outputs| self.work(&context, outputs);
        self.shared.stream(partition, partitions, Arc::clone(&self.schema), metrics, work)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
