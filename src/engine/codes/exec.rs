//! `Coded`: work on the row groups of Parquet files that reads their columns as they are written.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as PlanResult, internal_err};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, LexRequirement, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortExpr, ScalarFunctionExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    PlanProperties, SendableRecordBatchStream, SortOrderPushdownResult, replace_children_if_necessary,
};
use futures::future::BoxFuture;

use super::function::Function;
use super::row_group::{RowGroup, Selection, of_period, row_groups};
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::exchange::spill::Disk;
use crate::engine::exchange::task::{SharedTask, all, forward};
use crate::engine::functions::FEW_RESULTS;
use crate::engine::guard::{plain, same_rows};
use crate::engine::values::convert::INTEGER_AS_TEXT;

/// Functions of an instant's calendar unit.
pub const UNITS: &[&str] = &FEW_RESULTS;

/// An operator's work on row groups read as codes.
pub trait Coded: fmt::Debug + Send + Sync {
    /// Its name in a plan.
    fn name(&self) -> &'static str;

    /// The columns of the files that it reads, with their types.
    fn columns(&self) -> Vec<(usize, DataType)>;

    /// Filters, each with the place of its column among these.
    fn conditions(&self) -> Vec<(usize, Arc<Function>)>;

    /// A variant that leaves `column` as Int64; `None` if it is not an integer turned into text.
    fn with_integers(&self, _column: &str) -> Option<Arc<dyn Coded>> {
        None
    }

    /// A variant that emits rows sorted by `keys`; `None` if it would have to sort them.
    fn in_order(&self, _keys: &LexOrdering) -> Option<Arc<dyn Coded>> {
        None
    }

    /// The order of its rows, which then all go to one partition.
    fn order(&self) -> Option<&LexOrdering> {
        None
    }

    /// What it reads first of a row group; `None` if it reads nothing.
    fn first_read(&self, group: &RowGroup) -> PlanResult<Option<Selection>>;

    /// Reads the row groups and emits its rows.
    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outputs: OutputChannels) -> BoxFuture<'static, PlanResult<()>>;
}

/// Queue of row groups, which all tasks take from.
pub struct RowGroups {
    groups: Vec<RowGroup>,
    next: AtomicUsize,
    work: Arc<dyn Coded>,
    /// Those before this one were asked for. Who takes one waits until that is noted, and asks for none twice.
    asked_for: Mutex<usize>,
    /// How many tasks take from them.
    pub tasks: usize,
    /// Rows read so far.
    pub rows_read: Count,
    /// The reservation of the tasks' state, beside the row groups that they read.
    pub memory: MemoryReservation,
    /// Where rows go that memory does not hold.
    pub disk: Disk,
}

impl RowGroups {
    /// How many rows there are.
    pub fn rows(&self) -> PlanResult<usize> {
        self.groups.iter().map(RowGroup::rows).sum()
    }

    /// The bytes that the tasks hold while each of them reads a row group.
    fn bytes_at_once(&self) -> usize {
        let ahead = self.groups_ahead() * self.groups.iter().map(RowGroup::bytes).max().unwrap_or_default();
        ahead + self.groups.iter().map(bytes_of).max().unwrap_or_default() * self.tasks.min(self.groups.len())
    }

    /// How many row groups are asked for before they are taken: none of this machine's.
    fn groups_ahead(&self) -> usize {
        let largest = self.groups.iter().filter(|group| group.is_remote()).map(RowGroup::bytes).max();
        largest.map_or(0, |largest| (BYTES_AHEAD / largest.max(1)).clamp(1, GROUPS_AHEAD).min(self.groups.len()))
    }

    /// The least and the largest integer of a column, if its statistics tell.
    pub fn integers(&self, place: usize) -> Option<(i64, i64)> {
        let ends = self.groups.iter().map(|group| group.integers(place)).collect::<Option<Vec<_>>>()?;
        ends.into_iter().reduce(|(least, largest), (first, last)| (least.min(first), largest.max(last)))
    }

    /// Takes the next row group.
    pub fn take(&self) -> Option<&RowGroup> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.read_ahead(number + self.groups_ahead());
        self.groups.get(number)
    }

    /// Asks for the bytes of those row groups before `end` that nobody has asked for; an error is met again later.
    fn read_ahead(&self, end: usize) {
        let mut asked_for = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        for group in self.groups.iter().take(end).skip(*asked_for).filter(|group| group.is_remote()) {
            if let Ok(Some(wanted)) = self.work.first_read(group) {
                let _ = group.read_ahead(wanted);
            }
        }
        *asked_for = end.max(*asked_for);
    }
}

/// Row groups that are asked for ahead: enough for answers that take long, within so many bytes.
const GROUPS_AHEAD: usize = 16;
const BYTES_AHEAD: usize = 32 << 20;

/// The bytes held while a row group is read: its columns as they are written, and of each the dictionary and a page.
fn bytes_of(group: &RowGroup) -> usize {
    let bytes = group.columns().into_iter().map(|column| {
        let [written, whole] = [column.compressed_size(), column.uncompressed_size()].map(|size| size.max(0) as usize);
        let dictionary = column.dictionary_page_offset().map_or(0, |start| column.data_page_offset() - start);
        let dictionary = dictionary.max(0) as usize * (whole / written.max(1)).max(1);
        written + 2 * dictionary.min(whole) + PAGE.min(whole)
    });
    bytes.sum()
}

/// The bytes of a page, as most writers make them.
const PAGE: usize = 1 << 20;

/// Runs `task` so many times at once, each with its own first channel.
pub async fn at_once<T, F>(
    tasks: usize,
    outputs: &OutputChannels,
    task: impl Fn(usize, OutputChannels) -> F,
) -> PlanResult<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = PlanResult<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..tasks).map(|number| task(number, outputs.starting_at(number))).collect();
    all(tasks).await
}

/// Operator that reads row groups as codes for a [`Coded`], or runs the fallback.
pub struct CodedExec {
    /// The fallback: DataFusion's plan of the same rows, for files with encodings other than dictionary and plain.
    otherwise: Arc<dyn ExecutionPlan>,
    files: Arc<FileScanConfig>,
    work: Arc<dyn Coded>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: SharedTask,
}

impl CodedExec {
    /// Does `work` on `files`, or, if they cannot be read so, what `otherwise` does.
    pub fn new(otherwise: Arc<dyn ExecutionPlan>, files: Arc<FileScanConfig>, work: Arc<dyn Coded>) -> Self {
        let order = work.order().cloned();
        let partitions = if order.is_some() { 1 } else { otherwise.output_partitioning().partition_count() };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(otherwise.schema(), order),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Both,
            Boundedness::Bounded,
        );
        let (properties, metrics) = (Arc::new(properties), ExecutionPlanMetricsSet::new());
        Self { otherwise, files, work, properties, metrics, shared: SharedTask::default() }
    }
}

impl fmt::Debug for CodedExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("CodedExec").field("work", &self.work).finish_non_exhaustive()
    }
}

impl DisplayAs for CodedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let name = |(column, _): (usize, DataType)| self.files.file_schema().field(column).name().clone();
        let names: Vec<_> = self.work.columns().into_iter().map(name).collect();
        let order = self.work.order().map_or_else(String::new, |order| format!("order=[{order}], "));
        write!(f, "{}: columns=[{}], {order}otherwise:", self.name(), names.join(", "))
    }
}

impl ExecutionPlan for CodedExec {
    fn name(&self) -> &str {
        self.work.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.otherwise]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match self.work.order() {
            Some(_) => Distribution::SinglePartition,
            None => Distribution::UnspecifiedDistribution,
        }])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.work.order().map(|order| OrderingRequirements::new(LexRequirement::from(order.clone())))]
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> PlanResult<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let Some(order) = LexOrdering::new(order.to_vec()) else { return Ok(SortOrderPushdownResult::Unsupported) };
        let ordered = self.work.in_order(&order).map(|work| {
            let otherwise = sorted(&self.otherwise, &order);
            SortOrderPushdownResult::Exact { inner: Arc::new(Self::new(otherwise, Arc::clone(&self.files), work)) as _ }
        });
        Ok(ordered.unwrap_or(SortOrderPushdownResult::Unsupported))
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
        let Some(otherwise) = children.pop() else { return internal_err!("{} has one child", self.name()) };
        Ok(Arc::new(Self::new(otherwise, Arc::clone(&self.files), Arc::clone(&self.work))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let partitions = self.properties.partitioning.partition_count();
        let work = |outputs: OutputChannels| -> PlanResult<BoxFuture<'static, PlanResult<()>>> {
            let rows_read = MetricBuilder::new(&self.metrics).global_counter("rows_read");
            let (files, work) = (Arc::clone(&self.files), Arc::clone(&self.work));
            Ok(Box::pin(run(
                files,
                work,
                Arc::clone(&self.otherwise),
                rows_read,
                outputs,
                Disk::new(&context, &self.metrics),
            )))
        };
        self.shared.stream(partition, partitions, self.schema(), metrics, work)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// A variant of `plan` that leaves `column` as Int64; `None` if it is not an integer turned into text.
pub fn with_integers(plan: &Arc<dyn ExecutionPlan>, column: &str) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plain::<ProjectionExec>(plan) {
        let expression = projection.expr().iter().find(|expression| expression.alias == column);
        if let Some(integers) =
            expression.and_then(|expression| integers_of(&expression.expr, &projection.input().schema()))
        {
            let expressions = projection.expr().iter().map(|expression| match expression.alias == column {
                true => ProjectionExpr { expr: Arc::clone(&integers), alias: column.into() },
                false => expression.clone(),
            });
            let expressions = expressions.collect::<Vec<_>>();
            return Ok(Some(Arc::new(ProjectionExec::try_new(expressions, Arc::clone(projection.input()))?)));
        }
        let Some(own) = expression.and_then(|expression| expression.expr.downcast_ref::<Column>()) else {
            return Ok(None);
        };
        let Some(input) = with_integers(projection.input(), own.name())? else { return Ok(None) };
        return replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some);
    }
    let does_not_ask = |filter: &&FilterExec| collect_columns(filter.predicate()).iter().all(|of| of.name() != column);
    let chosen = plain::<FilterExec>(plan).filter(does_not_ask).map(FilterExec::input);
    if let Some(input) = same_rows(plan).or(chosen) {
        let Some(input) = with_integers(input, column)? else { return Ok(None) };
        return Ok(Some(replace_children_if_necessary(Arc::clone(plan), vec![input])?));
    }
    let Some(coded) = plan.downcast_ref::<CodedExec>() else { return Ok(None) };
    let Some(work) = coded.work.with_integers(column) else { return Ok(None) };
    let schema = coded.otherwise.schema();
    let columns = schema.fields().iter().enumerate().map(|(place, field)| {
        let own: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
        let is_it = field.name() == column;
        let expr = if is_it { Arc::new(CastExpr::new(own, DataType::Int64, None)) } else { own };
        ProjectionExpr { expr, alias: field.name().clone() }
    });
    let otherwise = ProjectionExec::try_new(columns.collect::<Vec<_>>(), Arc::clone(&coded.otherwise))?;
    Ok(Some(Arc::new(CodedExec::new(Arc::new(otherwise), Arc::clone(&coded.files), work))))
}

/// The integers of 64 bits of which `expression` makes text.
fn integers_of(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Arc<dyn PhysicalExpr>> {
    let function = expression.downcast_ref::<ScalarFunctionExpr>()?;
    let [integers] = function.args() else { return None };
    let of = integers.data_type(schema).ok()?;
    let fits = of.is_integer() && of != DataType::UInt64 && function.name() == INTEGER_AS_TEXT;
    fits.then(|| Arc::new(CastExpr::new(Arc::clone(integers), DataType::Int64, None)) as Arc<dyn PhysicalExpr>)
}

/// `schema`, but `column` is of that type.
pub fn with_type(schema: &Schema, column: &str, data_type: &DataType) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.name() == column {
        true => Arc::new(field.as_ref().clone().with_data_type(data_type.clone())),
        false => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// Does the `work`; what is `otherwise` done instead, where files are written in other ways or memory does not hold it,
/// spills to disk.
async fn run(
    files: Arc<FileScanConfig>,
    work: Arc<dyn Coded>,
    otherwise: Arc<dyn ExecutionPlan>,
    rows_read: Count,
    outputs: OutputChannels,
    disk: Disk,
) -> PlanResult<()> {
    let context = Arc::clone(disk.context());
    let tasks = context.session_config().target_partitions();
    let groups = row_groups(&files, &work.columns(), &context).await?;
    let of_period = |groups| of_period(groups, &work.columns(), &work.conditions());
    if let Some(groups) = groups.map(of_period).transpose()?.flatten() {
        let held = MemoryConsumer::new(work.name()).register(context.memory_pool());
        let (next, asked_for, memory) = (AtomicUsize::new(0), Mutex::new(0), held.new_empty());
        let groups = RowGroups { groups, next, work: Arc::clone(&work), asked_for, tasks, rows_read, memory, disk };
        if held.try_grow(groups.bytes_at_once()).is_ok() {
            match work.run(Arc::new(groups), outputs.clone()).await {
                Err(error) if is_out_of_memory(&error) && !outputs.are_used() => {}
                end => return end,
            }
        }
    }
    let partitions = 0..otherwise.output_partitioning().partition_count();
    let batches = partitions.map(|partition| otherwise.execute(partition, Arc::clone(&context)));
    forward(batches.collect::<PlanResult<_>>()?, outputs).await
}

fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// The rows of `plan` in `order`; how they were sorted before is forgotten.
fn sorted(plan: &Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Arc<dyn ExecutionPlan> {
    let parts = plain::<SortPreservingMergeExec>(plan).map_or(plan, SortPreservingMergeExec::input);
    let rows = Arc::clone(plain::<SortExec>(parts).map_or(parts, SortExec::input));
    let parts = SortExec::new(order.clone(), rows).with_preserve_partitioning(true);
    Arc::new(SortPreservingMergeExec::new(order.clone(), Arc::new(parts)))
}
