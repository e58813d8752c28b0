//! Counts by user and keys of few values: users are split by a hash, so that each shard of them fits the cache.

use std::iter::once;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt32Array, UInt64Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::TryStreamExt;

use super::user_shard::{DenseIds, USER_SHARDS, UserShard, packed};
use crate::counting::Counts;
use crate::decimal;
use crate::engine::exchange::spill::{Disk, LEAST_SPILLED, RANGES, Spilled, range_of, shards_of};
use crate::ids::{Id, Ids};

/// Rows that a shard's buffer holds: they are counted together, while its counts are in the cache.
const ROWS_PER_COUNT: usize = 16_384;

/// How the ids of users come.
#[derive(Debug, Clone, Copy)]
pub enum IdForm {
    /// As text.
    Text,
    /// As integers, of which text is made last.
    Integers,
    /// As integers that are places.
    DenseIds(DenseIds),
    /// As numbers within shards, of which no text is made.
    Numbers,
}

/// Counts by user and combination of the other keys, sharded by user; all tasks add to it.
pub struct UserTally {
    ids: IdForm,
    /// The number of the key that is the user.
    key: usize,
    schema: SchemaRef,
    /// The combinations of the other keys, numbered as they come.
    combinations: Mutex<Counts>,
    shards: Vec<Mutex<UserShard>>,
    memory: MemoryReservation,
    disk: Disk,
    /// Counts that memory did not hold.
    spilled: Mutex<Option<Spilled>>,
}

impl UserTally {
    /// No counts yet; the one of the `keys` of that number is the user.
    pub fn new(ids: IdForm, key: usize, keys: &[DataType], schema: SchemaRef, disk: Disk) -> Self {
        let others = keys.iter().enumerate().filter(|(number, _)| *number != key);
        let others: Vec<DataType> = others.map(|(_, data_type)| data_type.clone()).collect();
        let combinations = Mutex::new(Counts::new(&others, 1));
        let (shards, memory) = ((0..USER_SHARDS).map(|_| Mutex::default()).collect(), disk.reservation("UserCount"));
        Self { ids, key, schema, combinations, shards, memory, disk, spilled: Mutex::default() }
    }

    /// The columns of the counts.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How the ids come.
    pub fn ids(&self) -> IdForm {
        self.ids
    }

    /// The number of the key that is the user.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The numbers of so many combinations of the other keys.
    pub fn numbers_of(&self, keys: &[ArrayRef], count: usize) -> Vec<u32> {
        lock(&self.combinations).groups_of(keys, count)
    }

    /// The other keys of each combination, by its number.
    pub fn other_keys(&self) -> PlanResult<Vec<ArrayRef>> {
        Ok(lock(&self.combinations).keys()?)
    }

    /// The shards in the portions that memory holds at once: all of them, or one range after the other.
    pub fn portions(&self) -> Vec<Range<usize>> {
        match *lock(&self.spilled) {
            None => once(0..USER_SHARDS).collect(),
            Some(_) => (0..RANGES).map(|range| shards_of(range, USER_SHARDS)).collect(),
        }
    }

    /// Takes the shards of a portion, with what was spilled of them.
    pub async fn take(&self, portion: Range<usize>) -> PlanResult<Vec<UserShard>> {
        let shards = portion.clone().map(|number| std::mem::take(&mut *lock(&self.shards[number])));
        let mut shards: Vec<_> = shards.collect();
        let spilled = lock(&self.spilled).as_ref().map(|spilled| spilled.read(range_of(portion.start, USER_SHARDS)));
        if let Some(spilled) = spilled {
            let mut batches = Box::pin(spilled);
            while let Some(counts) = batches.try_next().await? {
                add_back(&counts, &mut shards, portion.start);
            }
        }
        Ok(shards)
    }

    /// The ids of the users of a shard, by number.
    pub fn ids_of(&self, number: usize, users: &Ids) -> PlanResult<StringViewArray> {
        Ok(match self.ids {
            IdForm::Text => users.to_array()?,
            IdForm::Integers => decimal::as_text(&Int64Array::from_iter_values(users.integers()))?,
            IdForm::DenseIds(places) => places.ids(number)?,
            IdForm::Numbers => return internal_err!("users that have numbers alone"),
        })
    }

    /// Makes sure that memory holds all counts once more, as they are emitted; else all of them are spilled.
    pub fn make_room(&self) -> PlanResult<()> {
        let bytes = self.shards.iter().map(|shard| lock(shard).size()).sum();
        let is_spilled = lock(&self.spilled).is_some();
        if is_spilled || self.memory.try_grow(bytes).is_err() && bytes > LEAST_SPILLED {
            (0..USER_SHARDS).try_for_each(|number| self.spill(number, &mut lock(&self.shards[number])))?;
        }
        Ok(())
    }

    /// Reserves what a shard holds, or spills it.
    fn reserve(&self, number: usize, shard: &mut UserShard) -> PlanResult<()> {
        let bytes = shard.size();
        if bytes <= shard.reserved {
            return Ok(());
        }
        if self.memory.try_grow(bytes - shard.reserved).is_ok() {
            shard.reserved = bytes;
        } else if bytes > LEAST_SPILLED / RANGES {
            self.spill(number, shard)?;
        }
        Ok(())
    }

    fn spill(&self, number: usize, shard: &mut UserShard) -> PlanResult<()> {
        let mut shard = std::mem::take(shard);
        shard.counts.settle();
        let counts = self.rows_of(number, &shard)?;
        let schema = counts.schema();
        let mut spilled = lock(&self.spilled);
        let spilled = spilled.get_or_insert_with(|| self.disk.spilled(schema));
        spilled.push(range_of(number, USER_SHARDS), counts)?;
        self.memory.shrink(shard.reserved);
        Ok(())
    }

    /// The counts of a shard as rows: the user, the number of the combination, the count.
    fn rows_of(&self, number: usize, shard: &UserShard) -> PlanResult<RecordBatch> {
        let (mut users, mut combinations, mut counts) = (vec![], vec![], vec![]);
        shard.counts.for_each(|user, combination, count| {
            users.push(user);
            combinations.push(combination);
            counts.push(count);
        });
        let ids: ArrayRef = match self.ids {
            IdForm::Text => take(&shard.users.to_array()?, &UInt32Array::from(users), None)?,
            IdForm::Integers => {
                take(&Int64Array::from_iter_values(shard.users.integers()), &UInt32Array::from(users), None)?
            }
            IdForm::DenseIds(_) | IdForm::Numbers => {
                let places = users.into_iter().map(|user| (number as u64) << 32 | u64::from(user));
                Arc::new(UInt64Array::from_iter_values(places))
            }
        };
        let fields = vec![
            Field::new("user", ids.data_type().clone(), true),
            Field::new("combination", DataType::UInt32, false),
            Field::new("count", DataType::UInt32, false),
        ];
        let columns = vec![ids, Arc::new(UInt32Array::from(combinations)), Arc::new(UInt32Array::from(counts))];
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

/// Adds spilled counts to `shards`, the first of which has the number `first`.
fn add_back(rows: &RecordBatch, shards: &mut [UserShard], first: usize) {
    let combinations = rows["combination"].as_primitive::<UInt32Type>().values();
    let counts = rows["count"].as_primitive::<UInt32Type>().values();
    let mut by_shard: Vec<Vec<(u32, u32, u32)>> = vec![vec![]; shards.len()];
    let mut add = |number: usize, user: u32, row: usize| {
        by_shard[number].push((user, combinations[row], counts[row]));
    };
    if let Some(places) = rows["user"].as_primitive_opt::<UInt64Type>() {
        let places = places.values().iter().enumerate();
        places.for_each(|(row, place)| add((place >> 32) as usize - first, *place as u32, row));
    } else {
        let text = rows["user"].as_string_view_opt();
        let integers = rows["user"].as_primitive_opt::<Int64Type>();
        for row in 0..rows.num_rows() {
            let id = match (text, integers) {
                (Some(text), _) if text.is_valid(row) => Id::at(text, row),
                (_, Some(integers)) => Id::integer(integers.value(row)),
                _ => Id::null(),
            };
            let number = id.shard(USER_SHARDS) - first;
            add(number, shards[number].users.add(id), row);
        }
    }
    for (shard, rows) in shards.iter_mut().zip(by_shard) {
        let most = rows.iter().map(|(user, ..)| *user as usize + 1).max().unwrap_or_default();
        shard.counts.add_all(rows.into_iter(), most.max(shard.users.len()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task's buffers, one for each shard.
pub struct UserBuffer {
    all: Arc<UserTally>,
    /// Rows by shard: the user's id and the combination.
    buffered: Vec<Vec<u128>>,
    /// How often each of them counts; all once if there are none.
    counts: Vec<Vec<u32>>,
    /// Rows by shard where ids are places: the place above the combination.
    placed: Vec<Vec<u64>>,
    users: Vec<u32>,
    /// The first error of spilling.
    error: PlanResult<()>,
}

impl UserBuffer {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<UserTally>) -> Self {
        let (buffered, counts, placed) =
            (vec![vec![]; USER_SHARDS], vec![vec![]; USER_SHARDS], vec![vec![]; USER_SHARDS]);
        Self { all, buffered, counts, placed, users: vec![], error: Ok(()) }
    }

    /// Buffers a row.
    #[inline]
    pub fn buffer(&mut self, id: Id, combination: u32) {
        let number = id.shard(USER_SHARDS);
        match id.as_number().and_then(|id| packed(id, combination)) {
            Some(row) => self.push(number, row),
            None => self.count_now(number, id, combination, 1),
        }
    }

    /// Buffers a row with a weight; use one of the two methods for all rows.
    #[inline]
    pub fn buffer_weighted(&mut self, id: Id, combination: u32, count: u32) {
        let number = id.shard(USER_SHARDS);
        match id.as_number().and_then(|id| packed(id, combination)) {
            Some(row) => {
                self.counts[number].push(count);
                self.push(number, row);
            }
            None => self.count_now(number, id, combination, count),
        }
    }

    /// Buffers a row of the user at `place`.
    #[inline]
    pub fn buffer_at(&mut self, (shard, place): (usize, u32), combination: u32) {
        self.placed[shard].push(u64::from(place) << 32 | u64::from(combination));
        if self.placed[shard].len() == ROWS_PER_COUNT {
            self.count_placed(shard);
        }
    }

    /// Flushes all buffers.
    pub fn finish(&mut self) -> PlanResult<()> {
        match self.all.ids {
            IdForm::DenseIds(_) | IdForm::Numbers => (0..USER_SHARDS).for_each(|shard| self.count_placed(shard)),
            _ => (0..USER_SHARDS).for_each(|shard| self.count(shard)),
        }
        self.check()
    }

    /// The first error of spilling, once.
    pub fn check(&mut self) -> PlanResult<()> {
        std::mem::replace(&mut self.error, Ok(()))
    }

    #[inline]
    fn push(&mut self, number: usize, row: u128) {
        self.buffered[number].push(row);
        if self.buffered[number].len() == ROWS_PER_COUNT {
            self.count(number);
        }
    }

    /// Counts a row whose id and combination have no room beside each other.
    fn count_now(&mut self, number: usize, id: Id, combination: u32, count: u32) {
        self.change(number, |shard, _| {
            let user = shard.users.add(id);
            let users = shard.users.len();
            shard.counts.add_all(once((user, combination, count)), users);
        });
    }

    fn count(&mut self, number: usize) {
        self.change(number, |shard, own| shard.add(&own.buffered[number], &own.counts[number], &mut own.users));
        self.buffered[number].clear();
        self.counts[number].clear();
    }

    fn count_placed(&mut self, number: usize) {
        self.change(number, |shard, own| {
            let rows = own.placed[number].iter().map(|row| ((row >> 32) as u32, *row as u32, 1));
            let users = match own.all.ids {
                IdForm::DenseIds(places) => places.per_shard(),
                _ => rows.clone().map(|(user, ..)| user as usize + 1).max().unwrap_or_default(),
            };
            shard.counts.add_all(rows, users);
        });
        self.placed[number].clear();
    }

    /// Changes a shard and reserves what it then holds.
    fn change(&mut self, number: usize, change: impl FnOnce(&mut UserShard, &mut Self)) {
        let all = Arc::clone(&self.all);
        let mut shard = lock(&all.shards[number]);
        change(&mut shard, self);
        let reserved = all.reserve(number, &mut shard);
        if self.error.is_ok() {
            self.error = reserved;
        }
    }
}
