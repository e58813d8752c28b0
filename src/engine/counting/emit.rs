//! Ordered emission of counts by user. If the order begins with the user, users are sorted, which are few, and not
//! their rows.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array, new_null_array};
use datafusion::arrow::compute::{SortColumn, concat, lexsort_to_indices, sort_to_indices, take};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Result as PlanResult, exec_err};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::{EmptyRecordBatchStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};

use super::user_shard::{ByUser, UserShard};
use super::users::UserTally;
use crate::counting::Counts;
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::exchange::spill::Disk;
use crate::engine::exchange::task::{forward, spawned};
use crate::engine::guard::is_order_by_value;

/// Groups of an output batch, few enough for sorts within a small limit.
const GROUPS_PER_BATCH: usize = 16_384;

/// All counts, ready to be emitted.
pub struct UserGroups {
    schema: SchemaRef,
    /// The number of the key that is the user.
    key: usize,
    users: ArrayRef,
    /// The shard of each, and the number there.
    places: Vec<(u32, u32)>,
    shards: Vec<Groups>,
    /// Combinations of the other keys in their order, by their numbers.
    combinations: Vec<u32>,
    /// The keys of the combinations, in that order.
    others: Vec<ArrayRef>,
    /// If rows that meet a condition are counted too: the condition is part of the combination.
    met: Option<Met>,
}

/// The condition within combinations, by their place in the order.
pub struct Met {
    /// Whether their rows meet it.
    pub holds: Vec<bool>,
    /// The place of the first combination that has the same keys.
    pub first: Vec<u32>,
}

impl Met {
    /// Pairs combinations that differ in the `condition` alone; null is not met.
    pub fn of(keys: &[ArrayRef], condition: &ArrayRef) -> Self {
        let types: Vec<_> = keys.iter().map(|key| key.data_type().clone()).collect();
        let groups = Counts::new(&types, 1).groups_of(keys, condition.len());
        let mut first = vec![u32::MAX; groups.len()];
        let first = (0..).zip(groups).map(|(place, group)| {
            let first = &mut first[group as usize];
            *first = place.min(*first);
            *first
        });
        let first = first.collect();
        Self { holds: condition.as_boolean().iter().map(|holds| holds == Some(true)).collect(), first }
    }
}

/// The columns of one output batch, user by user.
#[derive(Default)]
struct CountColumns {
    users: Vec<u32>,
    combinations: Vec<u32>,
    counts: Vec<i64>,
    /// Counts of rows that meet the condition.
    met: Vec<i64>,
    /// By combination: the last row that it has.
    last: Vec<u32>,
}

impl CountColumns {
    fn add(&mut self, user: u32, combination: u32, count: u32) {
        self.users.push(user);
        self.combinations.push(combination);
        self.counts.push(count.into());
    }

    /// Adds to the row that `user` has of this combination but for its condition, if there is one.
    fn add_met(&mut self, user: u32, combination: u32, count: u32, met: &Met) {
        let (first, holds) = (met.first[combination as usize], met.holds[combination as usize]);
        self.last.resize(met.first.len(), u32::MAX);
        let last = self.last[first as usize] as usize;
        let row = match self.users.get(last) {
            Some(own) if *own == user => last,
            _ => {
                self.last[first as usize] = self.users.len() as u32;
                self.add(user, first, 0);
                self.met.push(0);
                self.users.len() - 1
            }
        };
        self.counts[row] += i64::from(count);
        self.met[row] += if holds { i64::from(count) } else { 0 };
    }
}

/// The counts of a shard.
enum Groups {
    /// A table: the counts of each user, by the combination's number.
    Dense(Vec<u32>, usize),
    /// The user's number above the combination's place in the order, and the count, in that order.
    Sorted(Vec<(u64, u32)>),
}

/// Emission of counts by user.
pub struct Emission {
    /// The counts.
    pub users: Arc<UserTally>,
    /// The order wanted.
    pub order: Option<LexOrdering>,
    /// Whether the last key is a condition: a row for each combination of the others, with all counts and those that
    /// meet it.
    pub has_condition: bool,
    /// How many tasks make batches.
    pub tasks: usize,
}

impl Emission {
    /// Emits all counts. Those that were spilled are emitted range by range; if an order is wanted, DataFusion sorts
    /// them, which spills too.
    pub async fn run(self, outputs: OutputChannels, disk: &Disk) -> PlanResult<()> {
        self.users.make_room()?;
        let is_spilled = self.users.portions().len() > 1;
        match self.order.clone().filter(|_| is_spilled) {
            None => self.emit(outputs).await,
            Some(order) => self.sorted(order, outputs, disk).await,
        }
    }

    async fn emit(self, outputs: OutputChannels) -> PlanResult<()> {
        for portion in self.users.portions() {
            let shards = self.users.take(portion.clone()).await?;
            let groups = UserGroups::of(&self.users, portion.start, shards, self.order.as_ref())?;
            let groups = if self.has_condition { groups.with_condition()? } else { groups };
            groups.emit(self.tasks, outputs.clone()).await?;
        }
        Ok(())
    }

    async fn sorted(self, order: LexOrdering, outputs: OutputChannels, disk: &Disk) -> PlanResult<()> {
        let schema = Arc::clone(self.users.schema());
        let (unsorted, mut channels) = OutputChannels::new(1);
        let Some(channel) = channels.pop() else { return exec_err!("no channel for counts") };
        let rows = stream::unfold(channel, |mut channel| async { channel.recv().await.map(|batch| (batch, channel)) });
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        let rows = Arc::new(OneStream { schema: Arc::clone(&schema), stream: Mutex::new(Some(rows)) });
        let rows = StreamingTableExec::try_new(schema, vec![rows], None, [], false, None)?;
        let sorted = SortExec::new(order, Arc::new(rows)).execute(0, Arc::clone(disk.context()))?;
        try_join(spawned(Self { order: None, ..self }.emit(unsorted)), forward(vec![sorted], outputs)).await.map(|_| ())
    }
}

/// A stream as the source of a plan, which reads it once.
struct OneStream {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for OneStream {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("OneStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for OneStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.unwrap_or_else(|| Box::pin(EmptyRecordBatchStream::new(Arc::clone(&self.schema))))
    }
}

impl UserGroups {
    /// Whether groups by so many keys can come in this order: by the key that is the user first, then by the others.
    pub fn can_come_in(order: &LexOrdering, user: usize, keys: usize) -> bool {
        let by_user = order[0].expr.downcast_ref::<Column>().is_some_and(|own| own.index() == user);
        let is_other = |place: usize| place != user && place < keys;
        by_user
            && is_order_by_value(order)
            && order[1..].iter().all(|key| collect_columns(&key.expr).iter().all(|own| is_other(own.index())))
    }

    /// The counts of some shards, the first of which has the number `first`, in any order if `None` is wanted.
    fn of(users: &UserTally, first: usize, portion: Vec<UserShard>, order: Option<&LexOrdering>) -> PlanResult<Self> {
        let (mut ids, mut places, mut shards) = (vec![], vec![], vec![]);
        let keys = users.other_keys()?;
        let combinations = combinations_in_order(users, &keys, order.map_or(&[], |order| &order[1..]))?;
        let ranks = ranks(&combinations);
        for (number, shard) in (0..).zip(portion) {
            let of_shard = users.ids_of(first + number as usize, &shard.users)?;
            places.extend((0..of_shard.len() as u32).map(|user| (number, user)));
            ids.push(of_shard);
            shards.push(Groups::of(shard.counts, &ranks));
        }
        let mut ids = concat(&ids.iter().map(|ids| ids as &dyn Array).collect::<Vec<_>>())?;
        if let Some(order) = order {
            let sorted = sort_to_indices(&ids, Some(order[0].options), None)?;
            places = sorted.values().iter().map(|user| places[*user as usize]).collect();
            ids = take(&ids, &sorted, None)?;
        }
        let in_order = UInt32Array::from(combinations.clone());
        let others = keys.iter().map(|key| take(key, &in_order, None)).collect::<Result<_, _>>()?;
        let (schema, key) = (Arc::clone(users.schema()), users.key());
        Ok(Self { schema, key, users: ids, places, shards, combinations, others, met: None })
    }

    /// A variant whose last key is a condition: a row for each combination of the others, with all counts
    /// and those that meet it.
    fn with_condition(mut self) -> PlanResult<Self> {
        let Some(condition) = self.others.pop() else { return exec_err!("counts without the condition") };
        self.met = Some(Met::of(&self.others, &condition));
        Ok(self)
    }

    /// Emits all counts in their order, made by so many tasks.
    async fn emit(self, tasks: usize, outputs: OutputChannels) -> PlanResult<()> {
        let rows: usize = self.shards.iter().map(Groups::len).sum();
        let users = self.users.len();
        let per_batch = (GROUPS_PER_BATCH * users / rows.max(1)).max(1);
        let all = Arc::new(self);
        let batch = |start: usize| {
            let all = Arc::clone(&all);
            spawned(async move { all.batch(start..users.min(start + per_batch)) })
        };
        let mut batches = stream::iter((0..users).step_by(per_batch)).map(batch).buffered(tasks);
        while let Some(batch) = batches.try_next().await? {
            outputs.send(Ok(batch)).await?;
        }
        Ok(())
    }

    fn batch(&self, users: Range<usize>) -> PlanResult<RecordBatch> {
        let (mut rows, mut is_full) = (CountColumns::default(), false);
        for (user, (shard, number)) in (0..).zip(&self.places[users.clone()]) {
            self.shards[*shard as usize].for_each_of(*number, &self.combinations, |rank, count| {
                is_full |= count == u32::MAX;
                match &self.met {
                    None => rows.add(user, rank, count),
                    Some(met) => rows.add_met(user, rank, count, met),
                }
            });
        }
        if is_full {
            return exec_err!("{} rows or more are of one user and group", u32::MAX);
        }
        let combinations = UInt32Array::from(rows.combinations);
        let mut columns =
            self.others.iter().map(|key| take(key, &combinations, None)).collect::<Result<Vec<_>, _>>()?;
        let users = self.users.slice(users.start, users.len());
        columns.insert(self.key, take(&users, &UInt32Array::from(rows.users), None)?);
        columns.push(Arc::new(Int64Array::from(rows.counts)));
        columns.resize(self.schema.fields().len(), Arc::new(Int64Array::from(rows.met)));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// The numbers of the combinations, which are the rows of `keys`, in the order of `order`.
fn combinations_in_order(users: &UserTally, keys: &[ArrayRef], order: &[PhysicalSortExpr]) -> PlanResult<Vec<u32>> {
    let count = keys.first().map_or(1, |key| key.len());
    if order.is_empty() {
        return Ok((0..count as u32).collect());
    }
    let fields = users.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<Field>>());
    let mut columns = keys.to_vec();
    let nothing = |place: usize| new_null_array(schema.field(place).data_type(), count);
    columns.insert(users.key(), nothing(users.key()));
    columns.extend((columns.len()..schema.fields().len()).map(nothing));
    let rows = RecordBatch::try_new(Arc::new(schema.clone()), columns)?;
    let sorted = order.iter().map(|key| key.evaluate_to_sort_column(&rows)).collect::<PlanResult<Vec<SortColumn>>>()?;
    Ok(lexsort_to_indices(&sorted, None)?.values().to_vec())
}

/// The place of each combination in the order.
fn ranks(combinations: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; combinations.len()];
    (0..).zip(combinations).for_each(|(rank, combination)| ranks[*combination as usize] = rank);
    ranks
}

impl Groups {
    fn of(mut counts: ByUser, ranks: &[u32]) -> Self {
        if let ByUser::Dense(counts, width) = counts {
            return Self::Dense(counts, width);
        }
        let mut groups = vec![];
        counts.settle();
        counts.for_each(|user, combination, count| {
            groups.push((u64::from(user) << 32 | u64::from(ranks[combination as usize]), count));
        });
        groups.sort_unstable();
        Self::Sorted(groups)
    }

    fn len(&self) -> usize {
        match self {
            Self::Dense(counts, _) => counts.iter().filter(|count| **count > 0).count(),
            Self::Sorted(groups) => groups.len(),
        }
    }

    /// Calls `group(rank, count)` for each group of a user in the order of `combinations`.
    #[inline]
    fn for_each_of(&self, user: u32, combinations: &[u32], mut group: impl FnMut(u32, u32)) {
        match self {
            Self::Dense(counts, width) => {
                let counts = &counts[user as usize * width..][..*width];
                for (rank, combination) in (0..).zip(combinations) {
                    match counts.get(*combination as usize) {
                        None | Some(0) => {}
                        Some(count) => group(rank, *count),
                    }
                }
            }
            Self::Sorted(groups) => {
                let start = groups.partition_point(|(group, _)| group >> 32 < u64::from(user));
                let of_user = groups[start..].iter().take_while(|(group, _)| group >> 32 == u64::from(user));
                of_user.for_each(|(rank, count)| group(*rank as u32, *count));
            }
        }
    }
}
