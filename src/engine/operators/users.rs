//! Counts by user and keys of few values: users are split by a hash, so that each share of them fits the cache.

use std::iter::once;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_err};

use super::user_shares::{ByUser, Places, SHARES, Share, waiting};
use crate::counting::Counts;
use crate::decimal;
use crate::ids::Id;

/// Rows of a share that wait to be counted together, while its counts are in the cache.
const WAITING: usize = 16_384;

/// How the ids of users come.
#[derive(Debug, Clone, Copy)]
pub enum IdForm {
    /// As text.
    Text,
    /// As integers, of which text is made last.
    Integers,
    /// As integers that are places.
    Places(Places),
    /// As numbers within shares, of which no text is made.
    Numbers,
}

/// What all tasks count together.
pub struct Users {
    ids: IdForm,
    /// The number of the key that is the user.
    key: usize,
    schema: SchemaRef,
    /// The combinations of the other keys, numbered as they come.
    combinations: Mutex<Counts>,
    shares: Vec<Mutex<Share>>,
}

impl Users {
    /// No counts yet; the one of the `keys` of that number is the user.
    pub fn new(ids: IdForm, key: usize, keys: &[DataType], schema: SchemaRef) -> Self {
        let others = keys.iter().enumerate().filter(|(number, _)| *number != key);
        let others: Vec<DataType> = others.map(|(_, data_type)| data_type.clone()).collect();
        let combinations = Mutex::new(Counts::new(&others, 1));
        Self { ids, key, schema, combinations, shares: (0..SHARES).map(|_| Mutex::default()).collect() }
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

    /// The users of each share, and their counts; counting begins anew.
    pub fn take_shares(&self) -> PlanResult<Vec<(StringViewArray, ByUser)>> {
        let shares = self.shares.iter().map(|share| std::mem::take(&mut *lock(share)));
        let shares = shares.enumerate().map(|(number, share)| {
            let ids = match self.ids {
                IdForm::Text => share.users.to_array()?,
                IdForm::Integers => decimal::as_text(&Int64Array::from_iter_values(share.users.integers()))?,
                IdForm::Places(places) => places.ids(number)?,
                IdForm::Numbers => return internal_err!("users that have numbers alone"),
            };
            Ok((ids, share.counts))
        });
        shares.collect()
    }

    /// The counts of each share; counting begins anew.
    pub fn take_counts(&self) -> Vec<ByUser> {
        self.shares.iter().map(|share| std::mem::take(&mut *lock(share)).counts).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one task counts: rows wait by share until there are many.
pub struct UserRows {
    all: Arc<Users>,
    /// Rows by share: the user's id and the combination.
    waiting: Vec<Vec<u128>>,
    /// How often each of them counts; all once if there are none.
    counts: Vec<Vec<u32>>,
    /// Rows by share where ids are places: the place above the combination.
    placed: Vec<Vec<u64>>,
    users: Vec<u32>,
}

impl UserRows {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<Users>) -> Self {
        let (waiting, counts, placed) = (vec![vec![]; SHARES], vec![vec![]; SHARES], vec![vec![]; SHARES]);
        Self { all, waiting, counts, placed, users: vec![] }
    }

    /// Lets a row wait.
    #[inline]
    pub fn wait(&mut self, id: Id, combination: u32) {
        let number = id.share(SHARES);
        match id.as_number().and_then(|id| waiting(id, combination)) {
            Some(row) => self.push(number, row),
            None => self.count_now(number, id, combination, 1),
        }
    }

    /// Lets a row wait that counts so often, as do all others.
    #[inline]
    pub fn wait_with(&mut self, id: Id, combination: u32, count: u32) {
        let number = id.share(SHARES);
        match id.as_number().and_then(|id| waiting(id, combination)) {
            Some(row) => {
                self.counts[number].push(count);
                self.push(number, row);
            }
            None => self.count_now(number, id, combination, count),
        }
    }

    /// Lets a row of the user at `place` wait.
    #[inline]
    pub fn wait_at(&mut self, (share, place): (usize, u32), combination: u32) {
        self.placed[share].push(u64::from(place) << 32 | u64::from(combination));
        if self.placed[share].len() == WAITING {
            self.count_placed(share);
        }
    }

    /// Counts what still waits.
    pub fn finish(&mut self) {
        match self.all.ids {
            IdForm::Places(_) | IdForm::Numbers => (0..SHARES).for_each(|share| self.count_placed(share)),
            _ => (0..SHARES).for_each(|share| self.count(share)),
        }
    }

    #[inline]
    fn push(&mut self, number: usize, row: u128) {
        self.waiting[number].push(row);
        if self.waiting[number].len() == WAITING {
            self.count(number);
        }
    }

    /// Counts a row whose id and combination have no room beside each other.
    fn count_now(&self, number: usize, id: Id, combination: u32, count: u32) {
        let mut share = lock(&self.all.shares[number]);
        let user = share.users.add(id);
        let users = share.users.len();
        share.counts.add_all(once((user, combination, count)), users);
    }

    fn count(&mut self, share: usize) {
        lock(&self.all.shares[share]).add(&self.waiting[share], &self.counts[share], &mut self.users);
        self.waiting[share].clear();
        self.counts[share].clear();
    }

    fn count_placed(&mut self, share: usize) {
        let rows = self.placed[share].iter().map(|row| ((row >> 32) as u32, *row as u32, 1));
        let users = match self.all.ids {
            IdForm::Places(places) => places.per_share(),
            _ => rows.clone().map(|(user, ..)| user as usize + 1).max().unwrap_or_default(),
        };
        lock(&self.all.shares[share]).counts.add_all(rows, users);
        self.placed[share].clear();
    }
}
