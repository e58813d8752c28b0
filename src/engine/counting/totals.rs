//! `Totals`: sums and maxima over a user's rows, beside each of them, where the rows of a user come together.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::{concat, concat_batches, partition};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
    expressions::Column,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    PlanProperties, SendableRecordBatchStream, SortOrderPushdownResult,
};
use futures::{StreamExt, stream};

use crate::counting::{Counts, MOST_KEYS, is_countable};
use crate::engine::exchange::yielding;
use crate::engine::guard::{is_order_by_value, plain};

/// Puts `TotalsExec` in the place of windows of whole totals of users. Rows are sorted once, below, and not at all
/// if what is below can give them user by user.
#[derive(Debug)]
pub struct UseTotals;

impl PhysicalOptimizerRule for UseTotals {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let totals = plan.transform_up(|node| {
            Ok(match TotalsExec::in_place_of(&node)? {
                Some(totals) => Transformed::yes(Arc::new(totals) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })?;
        match totals.transformed {
            true => totals.data.transform_down(sorted_below).data(),
            false => Ok(totals.data),
        }
    }

    fn name(&self) -> &str {
        "use_totals"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Adds totals to rows that come user by user; it holds the rows of one user.
#[derive(Debug)]
pub struct TotalsExec {
    input: Arc<dyn ExecutionPlan>,
    wanted: Wanted,
    /// The order of the rows, which begins with the user.
    order: LexOrdering,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// Columns of a total.
#[derive(Debug, Clone)]
struct Wanted {
    /// The column of the user.
    user: usize,
    /// Other columns whose values must agree within a total.
    keys: Vec<usize>,
    keys_types: Vec<DataType>,
    totals: Vec<Total>,
}

/// A total, and the column of which.
#[derive(Debug, Clone, Copy)]
enum Total {
    Sum(usize),
    Max(usize),
}

impl TotalsExec {
    /// Replaces `node`, if it is windows of whole totals of users.
    pub fn in_place_of(node: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
        let Some(window) = plain::<WindowAggExec>(node) else { return Ok(None) };
        let Some(wanted) = Wanted::of(window) else { return Ok(None) };
        let own = Column::new(window.input().schema().field(wanted.user).name(), wanted.user);
        let order = LexOrdering::from([PhysicalSortExpr::new_default(Arc::new(own)).nulls_last()]);
        let input = match window.input().try_pushdown_sort(&order)? {
            SortOrderPushdownResult::Exact { inner } => inner,
            _ => Arc::clone(window.input()),
        };
        Self::new(input, wanted, order, node.schema()).map(Some)
    }

    fn new(input: Arc<dyn ExecutionPlan>, wanted: Wanted, order: LexOrdering, schema: SchemaRef) -> PlanResult<Self> {
        let own = EquivalenceProperties::new(Arc::clone(&schema));
        let equivalences = own.extend(input.equivalence_properties().clone())?;
        let partitioning = input.output_partitioning().clone();
        let properties =
            PlanProperties::new(equivalences, partitioning, input.pipeline_behavior(), input.boundedness());
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { input, wanted, order, schema, properties: Arc::new(properties), metrics })
    }

    fn with(&self, input: Arc<dyn ExecutionPlan>, order: LexOrdering) -> PlanResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(input, self.wanted.clone(), order, Arc::clone(&self.schema))?))
    }
}

impl Wanted {
    fn of(window: &WindowAggExec) -> Option<Self> {
        let schema = window.input().schema();
        let totals = window.window_expr().iter().map(|total| Total::of(total.as_ref(), &schema));
        let totals = totals.collect::<Option<Vec<_>>>()?;
        let columns = window.window_expr()[0].partition_by().iter().map(column);
        let (users, keys): (Vec<usize>, Vec<usize>) =
            columns.collect::<Option<Vec<_>>>()?.into_iter().partition(|key| schema.field(*key).name() == "user_id");
        let keys_types: Vec<_> = keys.iter().map(|key| schema.field(*key).data_type().clone()).collect();
        let fits = keys.len() <= MOST_KEYS && keys_types.iter().all(is_countable);
        let [user] = users[..] else { return None };
        fits.then_some(Self { user, keys, keys_types, totals })
    }
}

fn column(expression: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    expression.downcast_ref::<Column>().map(Column::index)
}

impl Total {
    /// A total of all rows that agree in the keys, of integers.
    fn of(window: &dyn WindowExpr, schema: &SchemaRef) -> Option<Self> {
        let aggregate = window.as_any().downcast_ref::<PlainAggregateWindowExpr>()?;
        let (frame, function) = (window.get_window_frame(), aggregate.get_aggregate_expr());
        let is_whole = frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded();
        // A condition is shown nowhere else.
        let is_plain = format!("{aggregate:?}").ends_with("filter: None }") && !function.ignore_nulls();
        let [of] = &function.expressions()[..] else { return None };
        let of = column(of)?;
        let is_count = schema.field(of).data_type() == &DataType::Int64;
        let fits = is_whole && is_plain && is_count && !function.is_distinct();
        match function.fun().name() {
            "sum" if fits => Some(Self::Sum(of)),
            "max" if fits => Some(Self::Max(of)),
            _ => None,
        }
    }

    /// The total of the rows that are of one user and one group, beside each of them. Rows of `users` come together.
    fn beside(self, rows: &RecordBatch, users: &[Range<usize>], groups: &[u32], count: usize) -> ArrayRef {
        let (of, add): (_, fn(i64, i64) -> i64) = match self {
            Self::Sum(of) => (of, i64::wrapping_add),
            Self::Max(of) => (of, i64::max),
        };
        let values = rows.column(of).as_primitive::<Int64Type>();
        let mut totals: Vec<Option<i64>> = vec![None; count];
        let (mut beside, mut valid) = (Vec::with_capacity(values.len()), vec![]);
        for user in users {
            let groups = &groups[user.clone()];
            for (group, row) in groups.iter().zip(user.clone()).filter(|(_, row)| values.is_valid(*row)) {
                let total = &mut totals[*group as usize];
                *total = Some(total.map_or(values.value(row), |total| add(total, values.value(row))));
            }
            let of_rows = groups.iter().map(|group| totals[*group as usize]);
            beside.extend(of_rows.clone().map(Option::unwrap_or_default));
            if values.null_count() > 0 {
                valid.extend(of_rows.map(|total| total.is_some()));
            }
            groups.iter().for_each(|group| totals[*group as usize] = None);
        }
        Arc::new(Int64Array::new(beside.into(), (values.null_count() > 0).then(|| valid.into())))
    }
}

impl DisplayAs for TotalsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let new = self.schema.fields().iter().skip(self.input.schema().fields().len());
        let names: Vec<_> = new.map(|field| field.name().as_str()).collect();
        write!(f, "TotalsExec: totals=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for TotalsExec {
    fn name(&self) -> &str {
        "TotalsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let user: Arc<dyn PhysicalExpr> = Arc::clone(&self.order[0].expr);
        InputDistributionRequirements::new(vec![Distribution::KeyPartitioned(vec![user])])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::new(LexRequirement::from(self.order.clone())))]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    /// To spread rows over threads costs more than to add them up.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        f(&self.order[0].expr)
    }

    /// Rows of a user are sorted before their totals are there, if they must be sorted: the order is the same.
    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> PlanResult<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let width = self.input.schema().fields().len();
        let is_own = |key: &PhysicalSortExpr| collect_columns(&key.expr).iter().all(|own| own.index() < width);
        let by_user = order.first().is_some_and(|key| column(&key.expr) == Some(self.wanted.user));
        let Some(wanted) = LexOrdering::new(order.to_vec())
            .filter(|_| by_user && is_order_by_value(order) && order.iter().all(is_own))
        else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        let input = match self.input.try_pushdown_sort(order)? {
            SortOrderPushdownResult::Exact { inner } => inner,
            // Too late: rows are sorted and spread as they are wanted now.
            _ if self.input.equivalence_properties().ordering_satisfy(self.order.clone())? => {
                return Ok(SortOrderPushdownResult::Unsupported);
            }
            _ => Arc::clone(&self.input),
        };
        Ok(SortOrderPushdownResult::Exact { inner: self.with(input, wanted)? })
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("TotalsExec has one child") };
        self.with(input, self.order.clone())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let memory = MemoryConsumer::new(self.name()).register(context.memory_pool());
        let mut pass = TotalsPass::new(self.wanted.clone(), Arc::clone(&self.schema), memory);
        let rows = yielding(self.input.execute(partition, context)?).map(Some).chain(stream::once(async { None }));
        let batches = rows.flat_map(move |rows| {
            let timer = metrics.elapsed_compute().timer();
            let ready = match rows {
                Some(rows) => rows.and_then(|rows| pass.meet(&rows)),
                None => pass.give_held(),
            };
            timer.done();
            let batches = ready.map_or_else(|error| vec![Err(error)], |ready| ready.into_iter().map(Ok).collect());
            stream::iter(batches).inspect({
                let metrics = metrics.clone();
                move |batch| metrics.record_output(batch.as_ref().map_or(0, RecordBatch::num_rows))
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One pass over rows.
struct TotalsPass {
    wanted: Wanted,
    schema: SchemaRef,
    /// The groups of the keys, numbered as they come.
    groups: Counts,
    /// Rows of the last user, of whom there may be more.
    held: Vec<RecordBatch>,
    memory: MemoryReservation,
    counter: RecordBatchMemoryCounter,
}

impl TotalsPass {
    fn new(wanted: Wanted, schema: SchemaRef, memory: MemoryReservation) -> Self {
        let groups = Counts::new(&wanted.keys_types, 1);
        Self { wanted, schema, groups, held: vec![], memory, counter: RecordBatchMemoryCounter::new() }
    }

    /// Holds rows of one user, which are there twice when their totals are put beside them.
    fn hold(&mut self, rows: RecordBatch) -> PlanResult<()> {
        self.memory.try_grow(2 * self.counter.count_batch(&rows))?;
        self.held.push(rows);
        Ok(())
    }

    /// Meets the next rows, at least one; gives those of users who have no more.
    fn meet(&mut self, rows: &RecordBatch) -> PlanResult<Vec<RecordBatch>> {
        if rows.num_rows() == 0 {
            return Ok(vec![]);
        }
        let mut ready = vec![];
        let mut rest = rows.clone();
        if let Some(last) = self.held.last() {
            let again = self.rows_of_the_same_user(last, rows)?;
            if again > 0 {
                self.hold(rows.slice(0, again))?;
            }
            if again == rows.num_rows() {
                return Ok(ready);
            }
            rest = rows.slice(again, rows.num_rows() - again);
            ready = self.give_held()?;
        }
        let users = partition(&[Arc::clone(rest.column(self.wanted.user))])?.ranges();
        let (last, others) = users.split_last().expect("there is a row");
        if !others.is_empty() {
            ready.push(self.with_totals(&rest.slice(0, last.start), others)?);
        }
        self.hold(rest.slice(last.start, last.len()))?;
        Ok(ready)
    }

    /// How many of the first `rows` are of the user of `held`.
    fn rows_of_the_same_user(&self, held: &RecordBatch, rows: &RecordBatch) -> PlanResult<usize> {
        let user = |rows: &RecordBatch| Arc::clone(rows.column(self.wanted.user));
        let both = [user(&held.slice(held.num_rows() - 1, 1)), user(&rows.slice(0, 1))];
        let both = concat(&both.each_ref().map(AsRef::as_ref))?;
        if partition(&[both])?.len() == 2 {
            return Ok(0);
        }
        Ok(partition(&[user(rows)])?.ranges().first().map_or(0, |first| first.len()))
    }

    /// The rows held, all of one user.
    fn give_held(&mut self) -> PlanResult<Vec<RecordBatch>> {
        let held = std::mem::take(&mut self.held);
        self.memory.free();
        self.counter = RecordBatchMemoryCounter::new();
        let Some(first) = held.first() else { return Ok(vec![]) };
        let rows = concat_batches(&first.schema(), &held)?;
        let user = 0..rows.num_rows();
        Ok(vec![self.with_totals(&rows, &[user])?])
    }

    fn with_totals(&mut self, rows: &RecordBatch, users: &[Range<usize>]) -> PlanResult<RecordBatch> {
        let keys: Vec<_> = self.wanted.keys.iter().map(|key| Arc::clone(rows.column(*key))).collect();
        let groups = self.groups.groups_of(&keys, rows.num_rows());
        let mut columns = rows.columns().to_vec();
        columns.extend(self.wanted.totals.iter().map(|total| total.beside(rows, users, &groups, self.groups.len())));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// Pushes the sort `node` down, if the plan below can emit its order. Rows of one partition stay in one.
fn sorted_below(node: Arc<dyn ExecutionPlan>) -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = plain::<SortExec>(&node) else { return Ok(Transformed::no(node)) };
    Ok(match sort.input().try_pushdown_sort(sort.expr())? {
        SortOrderPushdownResult::Exact { inner } if sort.preserve_partitioning() => Transformed::yes(inner),
        SortOrderPushdownResult::Exact { inner } => {
            Transformed::yes(Arc::new(SortPreservingMergeExec::new(sort.expr().clone(), inner)))
        }
        _ => Transformed::no(node),
    })
}
