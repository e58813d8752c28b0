//! Counts by user and keys of few values: users are split by a hash, so that each shard of them fits the cache.

use std::iter::once;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_err};

use super::user_shard::{ByUser, DenseIds, USER_SHARDS, UserShard, packed};
use crate::counting::Counts;
use crate::decimal;
use crate::ids::Id;

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
}

impl UserTally {
    /// No counts yet; the one of the `keys` of that number is the user.
    pub fn new(ids: IdForm, key: usize, keys: &[DataType], schema: SchemaRef) -> Self {
        let others = keys.iter().enumerate().filter(|(number, _)| *number != key);
        let others: Vec<DataType> = others.map(|(_, data_type)| data_type.clone()).collect();
        let combinations = Mutex::new(Counts::new(&others, 1));
        Self { ids, key, schema, combinations, shards: (0..USER_SHARDS).map(|_| Mutex::default()).collect() }
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

    /// The users of each shard, and their counts; counting begins anew.
    pub fn take_shards(&self) -> PlanResult<Vec<(StringViewArray, ByUser)>> {
        let shards = self.shards.iter().map(|shard| std::mem::take(&mut *lock(shard)));
        let shards = shards.enumerate().map(|(number, shard)| {
            let ids = match self.ids {
                IdForm::Text => shard.users.to_array()?,
                IdForm::Integers => decimal::as_text(&Int64Array::from_iter_values(shard.users.integers()))?,
                IdForm::DenseIds(places) => places.ids(number)?,
                IdForm::Numbers => return internal_err!("users that have numbers alone"),
            };
            Ok((ids, shard.counts))
        });
        shards.collect()
    }

    /// The counts of each shard; counting begins anew.
    pub fn take_counts(&self) -> Vec<ByUser> {
        self.shards.iter().map(|shard| std::mem::take(&mut *lock(shard)).counts).collect()
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
}

impl UserBuffer {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<UserTally>) -> Self {
        let (buffered, counts, placed) =
            (vec![vec![]; USER_SHARDS], vec![vec![]; USER_SHARDS], vec![vec![]; USER_SHARDS]);
        Self { all, buffered, counts, placed, users: vec![] }
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
    pub fn finish(&mut self) {
        match self.all.ids {
            IdForm::DenseIds(_) | IdForm::Numbers => (0..USER_SHARDS).for_each(|shard| self.count_placed(shard)),
            _ => (0..USER_SHARDS).for_each(|shard| self.count(shard)),
        }
    }

    #[inline]
    fn push(&mut self, number: usize, row: u128) {
        self.buffered[number].push(row);
        if self.buffered[number].len() == ROWS_PER_COUNT {
            self.count(number);
        }
    }

    /// Counts a row whose id and combination have no room beside each other.
    fn count_now(&self, number: usize, id: Id, combination: u32, count: u32) {
        let mut shard = lock(&self.all.shards[number]);
        let user = shard.users.add(id);
        let users = shard.users.len();
        shard.counts.add_all(once((user, combination, count)), users);
    }

    fn count(&mut self, shard: usize) {
        lock(&self.all.shards[shard]).add(&self.buffered[shard], &self.counts[shard], &mut self.users);
        self.buffered[shard].clear();
        self.counts[shard].clear();
    }

    fn count_placed(&mut self, shard: usize) {
        let rows = self.placed[shard].iter().map(|row| ((row >> 32) as u32, *row as u32, 1));
        let users = match self.all.ids {
            IdForm::DenseIds(places) => places.per_shard(),
            _ => rows.clone().map(|(user, ..)| user as usize + 1).max().unwrap_or_default(),
        };
        lock(&self.all.shards[shard]).counts.add_all(rows, users);
        self.placed[shard].clear();
    }
}
