//! `UserCount`: counts by user and keys of few values of any rows, also of those that meet a condition, and sums of
//! such counts.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef, UInt64Type};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, exec_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
    SortOrderPushdownResult,
};
use futures::StreamExt;

use super::emit::{Emission, UserGroups};
use super::spec::{CountSpec, Measure, has_few_values};
use super::sums::SumsOfUsers;
use super::users::{IdForm, UserBuffer, UserTally};
use crate::counting::Counts;
use crate::engine::attribution::exec::with_numbers_of_users;
use crate::engine::attribution::work::{NUMBERS_OF_USERS, place_of_user};
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::exchange::spill::Disk;
use crate::engine::exchange::task::{SharedTask, all};
use crate::engine::exchange::yielding;
use crate::ids::Id;

/// Counts rows by user; each group comes once.
pub struct UserCountExec {
    input: Arc<dyn ExecutionPlan>,
    count: Arc<UserCount>,
    output: Emitted,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: SharedTask,
}

/// Rows that are emitted.
#[derive(Debug, Clone)]
enum Emitted {
    /// A row for each group; in one partition where an order is wanted.
    Groups(Option<LexOrdering>),
    /// A row for each combination of the keys but the user.
    Sums(Arc<SumsOfUsers>),
}

/// A count by user, of one measure or of two of which the second has a condition, and the columns of its groups.
#[derive(Debug)]
struct UserCount {
    spec: CountSpec,
    user: usize,
    schema: SchemaRef,
}

impl UserCount {
    fn of(spec: CountSpec, schema: SchemaRef) -> Option<Self> {
        let user = spec.user?;
        // The groups that workers counted have the few keys of a job beside the user.
        let are_few = !spec.counts_rows() || spec.other_keys().all(has_few_values);
        let fits =
            matches!(spec.measures[..], [Measure::Rows | Measure::Sum(_)] | [Measure::Rows, Measure::RowsWhere(_)]);
        (are_few && fits).then_some(Self { spec, user, schema })
    }

    /// The condition, if there is one.
    fn condition(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        self.spec.conditions().flatten().next()
    }

    /// The counts that are added up, if rows have counts.
    fn counts(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        match &self.spec.measures[..] {
            [Measure::Sum(counts)] => Some(counts),
            _ => None,
        }
    }

    /// The expressions of a combination: the other keys, and the condition, if there is one.
    fn others(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.spec.other_keys().chain(self.condition()).cloned().collect()
    }

    /// Counts the `rows` of one task: the combinations of the other keys get numbers of its own first, so that tasks
    /// ask each other for new ones only.
    async fn count(self: Arc<Self>, rows: SendableRecordBatchStream, all: Arc<UserTally>) -> PlanResult<()> {
        let (expressions, schema) = (self.others(), rows.schema());
        let types = expressions.iter().map(|other| other.data_type(&schema)).collect::<PlanResult<Vec<_>>>()?;
        let (mut own, mut numbers, mut buffered) = (Counts::new(&types, 1), vec![], UserBuffer::new(Arc::clone(&all)));
        let mut rows = Box::pin(yielding(rows));
        while let Some(rows) = rows.next().await.transpose()? {
            buffered.check()?;
            let of = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(&rows)?.into_array(rows.num_rows());
            let mut others = expressions.iter().map(of).collect::<PlanResult<Vec<_>>>()?;
            if self.condition().is_some() {
                others.last_mut().into_iter().for_each(never_null);
            }
            let groups = own.groups_of(&others, rows.num_rows());
            if own.len() > numbers.len() {
                let new = own.len() - numbers.len();
                numbers.extend(all.numbers_of(&own.keys_from(numbers.len())?, new));
            }
            let counts = self.counts().map(of).transpose()?;
            let groups = groups.into_iter().map(|group| numbers[group as usize]);
            buffer(&mut buffered, &of(&self.spec.keys[self.user])?, counts.as_ref(), groups)?;
        }
        buffered.finish()
    }
}

/// Buffers rows of `users`, each with its combination and, if there are `counts`, so many times.
fn buffer(
    rows: &mut UserBuffer,
    users: &ArrayRef,
    counts: Option<&ArrayRef>,
    combinations: impl Iterator<Item = u32>,
) -> PlanResult<()> {
    if let Some(users) = users.as_primitive_opt::<UInt64Type>() {
        let places = users.values().iter().map(|user| place_of_user(*user));
        places.zip(combinations).for_each(|(place, combination)| rows.buffer_at(place, combination));
        return Ok(());
    }
    let users = users.as_string_view();
    let ids = (0..users.len()).map(|row| if users.is_valid(row) { Id::at(users, row) } else { Id::null() });
    let Some(counts) = counts else {
        ids.zip(combinations).for_each(|(id, combination)| rows.buffer(id, combination));
        return Ok(());
    };
    for ((id, combination), count) in ids.zip(combinations).zip(counts.as_primitive::<Int64Type>().values()) {
        let Ok(count) = u32::try_from(*count) else {
            return exec_err!("a user's group has {count} rows, more than {} can be counted", u32::MAX);
        };
        rows.buffer_weighted(id, combination, count);
    }
    Ok(())
}

/// A condition that is null is not met.
fn never_null(condition: &mut ArrayRef) {
    if condition.null_count() > 0 {
        *condition = Arc::new(prep_null_mask_filter(condition.as_boolean()));
    }
}

impl UserCountExec {
    /// Counts what `stage` groups, whose groups leave in `schema`; `None` if it does not only count by user.
    pub fn of(stage: &AggregateExec, schema: SchemaRef) -> Option<Self> {
        let count = UserCount::of(CountSpec::of(stage)?, schema)?;
        Some(Self::new(Arc::clone(stage.input()), Arc::new(count), Emitted::Groups(None)))
    }

    fn new(input: Arc<dyn ExecutionPlan>, count: Arc<UserCount>, output: Emitted) -> Self {
        let (schema, order, partitions) = match &output {
            Emitted::Groups(None) => (&count.schema, None, input.output_partitioning().partition_count()),
            Emitted::Groups(order) => (&count.schema, order.clone().map(Vec::from), 1),
            Emitted::Sums(sums) => (&sums.schema, None, 1),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(Arc::clone(schema), order),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (properties, metrics) = (Arc::new(properties), ExecutionPlanMetricsSet::new());
        Self { input, count, output, properties, metrics, shared: SharedTask::default() }
    }

    fn with(&self, input: Arc<dyn ExecutionPlan>, output: Emitted) -> Self {
        Self::new(input, Arc::clone(&self.count), output)
    }

    /// A variant that emits only `sums` over users, which then need no ids.
    pub fn summed(&self, sums: SumsOfUsers) -> PlanResult<Self> {
        let UserCount { spec, user, .. } = self.count.as_ref();
        let column = spec.keys[*user].downcast_ref::<Column>().map(Column::index);
        let asks = |other: &Arc<dyn PhysicalExpr>| collect_columns(other).iter().any(|of| Some(of.index()) == column);
        let is_asked_for = self.count.others().iter().any(asks);
        let numbered = match column.filter(|_| !is_asked_for) {
            Some(column) => with_numbers_of_users(&self.input, column)?,
            None => None,
        };
        Ok(self.with(numbered.unwrap_or_else(|| Arc::clone(&self.input)), Emitted::Sums(Arc::new(sums))))
    }

    /// Whether its rows are groups by user.
    pub fn is_by_user(&self) -> bool {
        matches!(self.output, Emitted::Groups(_))
    }

    /// How many keys are not the user.
    pub fn other_keys(&self) -> usize {
        self.count.spec.keys.len() - 1
    }

    /// The number of a key among those that are not the user; `None` for the user.
    pub fn number_of_other(&self, key: usize) -> Option<usize> {
        let user = self.count.user;
        (key != user).then_some(key - usize::from(key > user))
    }
}

async fn run(
    count: Arc<UserCount>,
    rows: Vec<SendableRecordBatchStream>,
    emitted: Emitted,
    outputs: OutputChannels,
    disk: Disk,
) -> PlanResult<()> {
    let has_condition = count.condition().is_some();
    let mut types = count.spec.types.clone();
    types.extend(has_condition.then_some(DataType::Boolean));
    let user = rows.first().map(|rows| count.spec.keys[count.user].data_type(&rows.schema())).transpose()?;
    let ids = if user == Some(NUMBERS_OF_USERS) { IdForm::Numbers } else { IdForm::Text };
    let users = UserTally::new(ids, count.user, &types, Arc::clone(&count.schema), disk.clone());
    let (users, tasks) = (Arc::new(users), rows.len());
    all(rows.into_iter().map(|rows| Arc::clone(&count).count(rows, Arc::clone(&users)))).await?;
    match emitted {
        Emitted::Groups(order) => Emission { users, order, has_condition, tasks }.run(outputs, &disk).await,
        Emitted::Sums(sums) => outputs.send(Ok(sums.batch(&users, has_condition, tasks).await?)).await,
    }
}

impl fmt::Debug for UserCountExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("UserCountExec").field("count", &self.count).finish_non_exhaustive()
    }
}

impl DisplayAs for UserCountExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> = self.count.spec.keys.iter().map(ToString::to_string).collect();
        let output = match &self.output {
            Emitted::Groups(None) => String::new(),
            Emitted::Groups(Some(order)) => format!(", order=[{order}]"),
            Emitted::Sums(sums) => format!(", sums over users={:?}", sums.names()),
        };
        write!(f, "UserCountExec: keys=[{}]{output}", keys.join(", "))
    }
}

impl ExecutionPlan for UserCountExec {
    fn name(&self) -> &str {
        "UserCountExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        for expression in self.count.spec.expressions() {
            if f(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> PlanResult<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let order = LexOrdering::new(order.to_vec())
            .filter(|_| self.is_by_user() && self.count.condition().is_none())
            .filter(|order| UserGroups::can_come_in(order, self.count.user, self.count.spec.keys.len()));
        Ok(match order {
            Some(order) => {
                let ordered = self.with(Arc::clone(&self.input), Emitted::Groups(Some(order)));
                SortOrderPushdownResult::Exact { inner: Arc::new(ordered) }
            }
            None => SortOrderPushdownResult::Unsupported,
        })
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("UserCountExec has one child") };
        Ok(Arc::new(self.with(input, self.output.clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let partitions = self.properties.partitioning.partition_count();
        let disk = Disk::new(&context, &self.metrics);
        let work = |outputs: OutputChannels| {
            let rows = 0..self.input.output_partitioning().partition_count();
            let rows = rows.map(|partition| self.input.execute(partition, Arc::clone(&context)));
            let rows = rows.collect::<PlanResult<Vec<_>>>()?;
            Ok(Box::pin(run(Arc::clone(&self.count), rows, self.output.clone(), outputs, disk)) as _)
        };
        self.shared.stream(partition, partitions, self.schema(), metrics, work)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
