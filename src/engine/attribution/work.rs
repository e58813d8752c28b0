//! The work of `Attribution`: visits are read, then interactions, then each shard of the users is matched.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use datafusion::arrow::compute::{filter_record_batch, not, take};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;

use super::ads::AttributionSpec;
use super::ordered::{InOrder, OrderedRows};
use super::shards::{AllVisits, BufferedVisits, Interactions, SHARDS, Shard};
use super::task::{TaskInteractions, TaskVisits};
use crate::attribution::Evidence;
use crate::candidates::by_time::Eras;
use crate::decimal;
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::exchange::spill::{Disk, LEAST_SPILLED, RANGES};
use crate::engine::exchange::task::all;
use crate::engine::exchange::yielding;
use crate::ids::Ids;

/// The type of users where their ids are not asked for: the number of the shard, above that of the user there.
pub const NUMBERS_OF_USERS: DataType = DataType::UInt64;

/// The shard of a user and the number there.
#[inline]
pub fn place_of_user(number: u64) -> (usize, u32) {
    ((number >> 32) as usize, number as u32)
}

/// Rows of an output batch.
const ROWS_PER_BATCH: usize = 16_384;

/// Input streams, one for each partition.
pub struct Inputs {
    /// user_id, timestamp, establishment (its number), and what else of a visit is wanted.
    pub visits: Vec<SendableRecordBatchStream>,
    /// user_id, ad (its number; null for none of an establishment), click, timestamp.
    pub interactions: Vec<SendableRecordBatchStream>,
}

/// State of one execution, which all of its tasks use.
#[derive(Clone)]
pub struct AttributionWork {
    spec: AttributionSpec,
    schema: SchemaRef,
    /// Where rows go that memory does not hold.
    pub disk: Disk,
    /// The bytes that all tasks hold.
    pub memory: Arc<MemoryReservation>,
    outputs: OutputChannels,
    /// Whether users' ids come as integers.
    pub are_integers: bool,
    /// Whether visits are emitted sorted by user, time and establishment.
    in_order: bool,
    /// Whether users are emitted as numbers.
    numbers_users: bool,
    /// Whether only visits with credit are emitted.
    only_attributed: bool,
}

impl AttributionWork {
    /// The work of making visits with the columns of `schema`.
    pub fn new(spec: AttributionSpec, schema: SchemaRef, disk: Disk, outputs: OutputChannels) -> Self {
        let memory = Arc::new(disk.reservation("AttributionExec"));
        let numbers_users = schema.field_with_name("user_id").is_ok_and(|user| *user.data_type() == NUMBERS_OF_USERS);
        Self {
            spec,
            schema,
            disk,
            memory,
            outputs,
            are_integers: false,
            in_order: false,
            numbers_users,
            only_attributed: false,
        }
    }

    /// A variant that emits visits sorted by user, time and establishment, if `in_order`.
    pub fn in_order(self, in_order: bool) -> Self {
        Self { in_order, ..self }
    }

    /// A variant that emits only visits with credit, if `only_attributed`.
    pub fn only_attributed(self, only_attributed: bool) -> Self {
        Self { only_attributed, ..self }
    }

    /// Emits all attributed visits.
    pub async fn run(mut self, inputs: Inputs) -> PlanResult<()> {
        let visits = inputs.visits.first().map(|visits| visits.schema());
        self.are_integers = visits.is_some_and(|visits| {
            visits.field_with_name("user_id").is_ok_and(|user| *user.data_type() == DataType::Int64)
        });
        let tasks = inputs.visits.into_iter().enumerate().map(|(number, visits)| self.at(number).read_visits(visits));
        let visits = all(tasks).await?;
        if !visits.iter().any(TaskVisits::has_any) {
            return Ok(());
        }
        let visits = Arc::new(self.all_visits(visits).await?);
        let tasks = inputs.interactions.into_iter();
        let tasks = tasks.map(|interactions| self.clone().read_interactions(interactions, Arc::clone(&visits)));
        let interactions = Arc::new(all(tasks).await?);
        if self.in_order {
            return self.emit_in_order(visits, interactions).await;
        }
        if interactions.iter().any(|task| task.spilled.is_some()) {
            let tasks = self.split(RANGES).enumerate().map(|(number, ranges)| {
                self.at(number).match_ranges(ranges, Arc::clone(&visits), Arc::clone(&interactions))
            });
            return all(tasks).await.map(|_| ());
        }
        let tasks = self.split(SHARDS).enumerate().map(|(number, shards)| {
            self.at(number).match_shards(shards, Arc::clone(&visits), Arc::clone(&interactions))
        });
        all(tasks).await.map(|_| ())
    }

    fn at(&self, number: usize) -> Self {
        Self { outputs: self.outputs.starting_at(number), ..self.clone() }
    }

    /// Splits so many shards, or ranges of them, among the tasks.
    fn split(&self, count: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let tasks = self.outputs.len();
        (0..tasks).map(move |task| task * count / tasks..(task + 1) * count / tasks)
    }

    /// Whether visits have a distance.
    pub fn with_distance(&self) -> bool {
        self.schema.index_of("distance_m").is_ok()
    }

    /// Buffers for visits.
    pub fn no_visits(&self) -> BufferedVisits {
        let advertised = self.numbers_users.then(|| Arc::clone(&self.spec.advertised));
        BufferedVisits::new(self.spec.establishment_ids.len(), advertised)
    }

    /// Keeps the visits that may be attributed, or spills them, and emits the others.
    async fn read_visits(self, visits: SendableRecordBatchStream) -> PlanResult<TaskVisits> {
        let mut task = TaskVisits { kept: self.no_visits(), spilled: None };
        let (mut visits, mut held) = (Box::pin(yielding(visits)), 0);
        while let Some(visits) = visits.next().await.transpose()? {
            let advertised = match self.in_order || self.numbers_users {
                true => BooleanArray::from(vec![true; visits.num_rows()]),
                false => self.spec.are_advertised(&visits["establishment"]),
            };
            self.pass(&filter_record_batch(&visits, &not(&advertised)?)?).await?;
            task.kept.push(&filter_record_batch(&visits, &advertised)?, self.with_distance());
            if !self.holds(task.kept.size(), &mut held) {
                self.spill_visits(&mut task)?;
                self.memory.shrink(std::mem::take(&mut held));
            }
        }
        task.kept.finish();
        Ok(task)
    }

    /// Emits visits without credit.
    async fn pass(&self, visits: &RecordBatch) -> PlanResult<()> {
        match visits.num_rows() {
            0 => Ok(()),
            _ if self.only_attributed => Ok(()),
            count => {
                let visits = if self.are_integers { with_text_ids(visits)? } else { visits.clone() };
                self.outputs.send(self.spec.attributed(&visits, &vec![None; count], &self.schema)).await
            }
        }
    }

    /// Grows this task's reservation to `now` bytes. If the pool is full and spilling is worth it: returns `false`.
    fn holds(&self, now: usize, held: &mut usize) -> bool {
        let is_held = self.memory.try_grow(now.saturating_sub(*held)).is_ok();
        if is_held {
            *held = (*held).max(now);
        }
        is_held || now < LEAST_SPILLED
    }

    /// The visits of all tasks as one: in memory, or, if any task had to spill, all on disk.
    async fn all_visits(&self, mut visits: Vec<TaskVisits>) -> PlanResult<AllVisits> {
        let is_visited = |place: &u32| visits.iter().any(|task| task.kept.visited[*place as usize]);
        let visited_by_ad = self.spec.ads.establishments.iter().map(|place| place.filter(is_visited)).collect();
        let ends = visits.iter().map(|task| task.kept.ends_us);
        let ends = ends.fold((i64::MAX, i64::MIN), |(first, last), (from, to)| (first.min(from), last.max(to)));
        let eras = Eras::new(ends, self.spec.window_us);
        let noted = visits.iter().flat_map(|task| &task.kept.shards).map(Shard::size_of_notes).sum();
        if visits.iter().all(|task| task.spilled.is_none()) && self.holds(noted, &mut 0) {
            let tasks = self.split(SHARDS).map(|range| {
                let parts = visits.iter_mut().map(|task| task.kept.shards.drain(..range.len()).collect()).collect();
                merge(parts, self.in_order, eras)
            });
            let shards = all(tasks.collect::<Vec<_>>()).await?.into_iter().flatten().collect();
            return Ok(AllVisits { shards, eras, visited_by_ad, spilled: Arc::default() });
        }
        visits.iter_mut().try_for_each(|task| self.spill_visits(task))?;
        self.memory.free();
        let spilled: Arc<Vec<_>> = Arc::new(visits.into_iter().filter_map(|task| task.spilled).collect());
        let tasks = self.split(RANGES).map(|ranges| self.clone().filters(ranges, Arc::clone(&spilled), eras));
        let shards = all(tasks.collect::<Vec<_>>()).await?.into_iter().flatten().collect();
        Ok(AllVisits { shards, eras, visited_by_ad, spilled })
    }

    async fn read_interactions(
        self,
        interactions: SendableRecordBatchStream,
        visits: Arc<AllVisits>,
    ) -> PlanResult<TaskInteractions> {
        let spilled = (!visits.spilled.is_empty()).then(|| self.candidates());
        let mut task = TaskInteractions { spilled, ..TaskInteractions::default() };
        let (mut interactions, mut held) = (Box::pin(yielding(interactions)), 0);
        while let Some(interactions) = interactions.next().await.transpose()? {
            if let Some(spilled) = &mut task.spilled {
                spilled.push(&interactions, task.kept.candidates(&interactions, &visits))?;
                continue;
            }
            task.kept.push(&interactions, &visits);
            if !self.holds(task.kept.size(), &mut held) {
                self.spill_interactions(&mut task, &visits)?;
                self.memory.shrink(std::mem::take(&mut held));
            }
        }
        match &mut task.spilled {
            Some(spilled) => spilled.finish()?,
            None => task.kept.flush_all(&visits),
        }
        Ok(task)
    }

    async fn match_shards(
        self,
        shards: Range<usize>,
        visits: Arc<AllVisits>,
        interactions: Arc<Vec<TaskInteractions>>,
    ) -> PlanResult<()> {
        let parts: Vec<_> = interactions.iter().map(|task| &task.kept).collect();
        for number in shards {
            self.match_shard(number, &visits.shards[number], &parts).await?;
        }
        Ok(())
    }

    /// Matches the visits of one shard with the candidates of all tasks, and emits them.
    pub async fn match_shard(&self, number: usize, shard: &Shard, interactions: &[&Interactions]) -> PlanResult<()> {
        let evidence = self.evidence(number, shard, interactions);
        let users = match self.numbers_users {
            true => Arc::new(numbers_of_users(number, shard.users.len())),
            false => Arc::new(self.user_ids(&shard.users)?) as ArrayRef,
        };
        for visits in shard.unadvertised.chunks(ROWS_PER_BATCH).filter(|_| !self.only_attributed) {
            let credits = vec![None; visits.len()];
            let rows = OrderedRows { visits: visits.to_vec(), credits, ..OrderedRows::default() };
            self.outputs.send(self.batch(&users, &rows)).await?;
        }
        let mut left = 0..shard.visits.len();
        while !left.is_empty() {
            let rows = self.credited(shard, &evidence, &mut left);
            self.outputs.send(self.batch(&users, &rows)).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The visits of a shard, from the first of those `left` on, that leave together.
    fn credited(&self, shard: &Shard, evidence: &Evidence, left: &mut Range<usize>) -> OrderedRows {
        let mut rows = OrderedRows::default();
        while rows.visits.len() < ROWS_PER_BATCH
            && let Some(place) = left.next()
        {
            let visit = shard.visits[place];
            let credit = evidence.credit(&visit);
            if credit.is_some() || !self.only_attributed {
                rows.visits.push(visit);
                rows.distances_m.extend(shard.distances_m.get(place));
                rows.credits.push(credit);
            }
        }
        rows
    }

    /// The interactions of one shard.
    fn evidence(&self, number: usize, shard: &Shard, interactions: &[&Interactions]) -> Evidence {
        let parts: Vec<_> = interactions.iter().map(|task| task.shards[number].as_slice()).collect();
        let of = &self.spec.ads.establishments;
        let establishment_of = |ad: u32| of[ad as usize].unwrap_or_default();
        Evidence::new(&parts, shard.users.len(), establishment_of, self.spec.window_us)
    }

    /// Emits all visits in the order of user, time and establishment: each partition has its part of the users.
    async fn emit_in_order(self, visits: Arc<AllVisits>, interactions: Arc<Vec<TaskInteractions>>) -> PlanResult<()> {
        if interactions.iter().any(|task| task.spilled.is_some()) {
            return internal_err!("attribution in order has no limit of memory");
        }
        let tasks = self.split(SHARDS).map(|shards| {
            let (work, visits, interactions) = (self.clone(), Arc::clone(&visits), Arc::clone(&interactions));
            async move {
                let parts: Vec<_> = interactions.iter().map(|task| &task.kept).collect();
                let of = |number: usize| work.evidence(number, &visits.shards[number], &parts);
                Ok(shards.map(of).collect::<Vec<_>>())
            }
        });
        let evidence = all(tasks).await?.into_iter().flatten().collect();
        drop(interactions);
        let ids = visits.shards.iter().map(|shard| self.user_ids(&shard.users)).collect::<PlanResult<Vec<_>>>()?;
        let in_order = Arc::new(InOrder::new(visits, evidence, &ids));
        let tasks = in_order.parts(self.outputs.len()).into_iter().enumerate();
        let tasks = tasks.map(|(number, users)| {
            let work = Self { outputs: self.outputs.only(number), ..self.clone() };
            work.emit_users(users, Arc::clone(&in_order))
        });
        all(tasks).await.map(|_| ())
    }

    async fn emit_users(self, mut users: Range<usize>, in_order: Arc<InOrder>) -> PlanResult<()> {
        while !users.is_empty() {
            let rows = in_order.rows(&mut users, ROWS_PER_BATCH);
            self.outputs.send(self.batch(&in_order.ids, &rows)).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn user_ids(&self, users: &Ids) -> PlanResult<StringViewArray> {
        Ok(match self.are_integers {
            true => decimal::as_text(&Int64Array::from_iter_values(users.integers()))?,
            false => users.to_array()?,
        })
    }

    /// The users' ids as they came, by number.
    pub fn raw_ids(&self, shard: &Shard) -> PlanResult<ArrayRef> {
        Ok(match self.are_integers {
            true => Arc::new(Int64Array::from_iter_values(shard.users.integers())),
            false => Arc::new(shard.users.to_array()?),
        })
    }

    /// The `rows` of `users` as columns.
    fn batch(&self, users: &dyn Array, rows: &OrderedRows) -> PlanResult<RecordBatch> {
        let OrderedRows { visits, distances_m, credits } = rows;
        let number: UInt32Array = visits.iter().map(|visit| visit.establishment).collect();
        let mut columns: Vec<(&str, ArrayRef)> = vec![("establishment", Arc::new(number))];
        if self.schema.index_of("user_id").is_ok() {
            let number: UInt32Array = visits.iter().map(|visit| visit.user).collect();
            columns.push(("user_id", take(users, &number, None)?));
        }
        if self.schema.index_of("timestamp").is_ok() {
            let instants = TimestampMicrosecondArray::from_iter_values(visits.iter().map(|visit| visit.timestamp_us));
            columns.push(("timestamp", Arc::new(instants.with_timezone("UTC"))));
        }
        if self.schema.index_of("distance_m").is_ok() {
            columns.push(("distance_m", Arc::new(distances_m.iter().copied().collect::<Float64Array>())));
        }
        self.spec.attributed(&RecordBatch::try_from_iter(columns)?, credits, &self.schema)
    }
}

fn numbers_of_users(shard: usize, count: usize) -> UInt64Array {
    (0..count as u64).map(|user| (shard as u64) << 32 | user).collect()
}

/// Turns users' ids that are integers into text.
fn with_text_ids(visits: &RecordBatch) -> PlanResult<RecordBatch> {
    let columns = visits.schema_ref().fields().iter().zip(visits.columns()).map(|(field, column)| {
        let column = match column.as_primitive_opt::<Int64Type>() {
            Some(ids) if field.name() == "user_id" => Arc::new(decimal::as_text(ids)?),
            _ => Arc::clone(column),
        };
        Ok((field.name(), column))
    });
    Ok(RecordBatch::try_from_iter(columns.collect::<PlanResult<Vec<_>>>()?)?)
}

/// Shard by shard, the parts that the tasks have.
async fn merge(mut parts: Vec<Vec<Shard>>, in_order: bool, eras: Eras) -> PlanResult<Vec<Shard>> {
    let mut merged = vec![];
    let Some(first) = parts.pop() else { return Ok(merged) };
    let mut others: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    for mut shard in first {
        others.iter_mut().filter_map(Iterator::next).for_each(|other| shard.merge(other));
        if in_order {
            shard.sort();
        }
        shard.fill_candidates(eras);
        merged.push(shard);
        tokio::task::yield_now().await;
    }
    Ok(merged)
}
