//! Counts by user and keys of few values: users are split by a hash, so that each share of them fits the cache.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{Result as PlanResult, exec_err};

use super::coded_count::Question;
use super::coded_work::{Cells, CountsPieces};
use super::user_shares::{ByUser, Places, SHARES, Share, waiting};
use crate::counting::Counts;
use crate::decimal;
use crate::engine::coded::Piece;
use crate::ids::{Id, Ids};

/// Rows of a share that wait to be counted together, while its counts are in the cache.
const WAITING: usize = 16_384;
/// Cells that one piece may have; columns of few values stay far below.
const MOST_CELLS: usize = 1 << 26;
/// A cell whose combination nobody has asked for yet, and one whose rows do not count.
const UNKNOWN: u32 = u32::MAX;
const DROPPED: u32 = u32::MAX - 1;

/// What all tasks count together.
pub struct Users {
    question: Arc<Question>,
    /// The number of the key that is the user.
    key: usize,
    schema: SchemaRef,
    /// The combinations of the other keys, numbered as they come.
    combinations: Mutex<Counts>,
    shares: Vec<Mutex<Share>>,
    /// If the users' ids are places.
    places: Option<Places>,
}

impl Users {
    /// No counts yet; the key of that number is the user.
    pub fn new(question: Arc<Question>, key: usize, schema: SchemaRef, places: Option<Places>) -> Self {
        let others = question.keys.iter().enumerate().filter(|(number, _)| *number != key);
        let others: Vec<DataType> = others.map(|(_, data_type)| data_type.clone()).collect();
        let combinations = Mutex::new(Counts::new(&others, 1));
        let shares = (0..SHARES).map(|_| Mutex::default()).collect();
        Self { question, key, schema, combinations, shares, places }
    }

    /// The columns of the counts.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of the key that is the user.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The other keys of each combination, by its number.
    pub fn other_keys(&self) -> PlanResult<Vec<ArrayRef>> {
        Ok(lock(&self.combinations).keys()?)
    }

    /// The users of each share, and their counts; counting begins anew.
    pub fn take_shares(&self) -> PlanResult<Vec<(StringViewArray, ByUser)>> {
        let shares = self.shares.iter().map(|share| std::mem::take(&mut *lock(share)));
        let ids = |(number, share): (usize, Share)| {
            let ids = match self.places {
                Some(places) => places.ids(number)?,
                None => self.ids(&share.users)?,
            };
            Ok((ids, share.counts))
        };
        shares.enumerate().map(ids).collect()
    }

    fn ids(&self, users: &Ids) -> PlanResult<StringViewArray> {
        let place = self.question.user.map_or(0, |(_, place)| place);
        Ok(match self.question.asked[place].data_type {
            DataType::Utf8View => users.to_array()?,
            _ => decimal::as_text(&Int64Array::from_iter_values(users.integers()))?,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one task counts: rows wait by share until there are many.
pub struct UserTally {
    all: Arc<Users>,
    cells: Cells,
    /// The combination of each cell.
    combinations: Vec<u32>,
    /// Rows by share: the user's id and the combination.
    waiting: Vec<Vec<u128>>,
    /// The same where ids are places: the place above the combination.
    placed: Vec<Vec<u64>>,
    users: Vec<u32>,
    of_rows: Vec<u32>,
}

impl UserTally {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<Users>) -> Self {
        let (waiting, placed) = (vec![vec![]; SHARES], vec![vec![]; SHARES]);
        Self { all, cells: Cells::default(), combinations: vec![], waiting, placed, users: vec![], of_rows: vec![] }
    }

    /// Numbers the combinations of those cells of `of_rows` that nobody has asked for.
    fn number_combinations(&mut self) -> PlanResult<()> {
        let mut unknown: Vec<usize> = vec![];
        for cell in &self.of_rows {
            let combination = &mut self.combinations[*cell as usize];
            if *combination == UNKNOWN {
                *combination = DROPPED;
                unknown.push(*cell as usize);
            }
        }
        let (counting, classes) = self.cells.counting(unknown.into_iter());
        if counting.is_empty() {
            return Ok(());
        }
        let keys = self.cells.keys(&self.all.question, &classes, counting.len())?;
        let numbers = lock(&self.all.combinations).groups_of(&keys, counting.len());
        counting.into_iter().zip(numbers).for_each(|(cell, number)| self.combinations[cell] = number);
        Ok(())
    }

    /// Lets the rows of `piece` that count wait.
    fn wait_for_all(&mut self, piece: &Piece) -> PlanResult<()> {
        let part = self.all.question.user.map(|(_, place)| &piece.columns[place]);
        let Some((part, values)) = part.and_then(|part| Some((part, part.values.as_ref()?))) else { return Ok(()) };
        let (of_rows, combinations) = (std::mem::take(&mut self.of_rows), std::mem::take(&mut self.combinations));
        let rows = of_rows.iter().map(|cell| combinations[*cell as usize]).enumerate();
        let rows = rows.filter(|(_, combination)| *combination != DROPPED);
        let entry = |row: usize| if part.entries.is_empty() { row } else { part.entries[row] as usize };
        match (values.as_string_view_opt(), self.all.places) {
            (Some(ids), _) => rows.for_each(|(row, combination)| self.wait(Id::at(ids, entry(row)), combination)),
            (None, places) => {
                let numbers = cast(values, &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>().values();
                let mut rows = rows.map(|(row, combination)| (numbers[entry(row)], combination));
                match places {
                    None => rows.for_each(|(id, combination)| self.wait(Id::integer(id), combination)),
                    Some(places) => rows.try_for_each(|(id, combination)| self.wait_at(places.of(id), combination))?,
                }
            }
        }
        (self.of_rows, self.combinations) = (of_rows, combinations);
        Ok(())
    }

    #[inline]
    fn wait(&mut self, id: Id, combination: u32) {
        let number = id.share(SHARES);
        let Some(row) = id.as_number().and_then(|id| waiting(id, combination)) else {
            let mut share = lock(&self.all.shares[number]);
            let user = share.users.add(id);
            let users = share.users.len();
            return share.counts.add_all(std::iter::once((user, combination)), users);
        };
        self.waiting[number].push(row);
        if self.waiting[number].len() == WAITING {
            self.count(number);
        }
    }

    #[inline]
    fn wait_at(&mut self, place: Option<(usize, u32)>, combination: u32) -> PlanResult<()> {
        let Some((share, place)) = place else { return exec_err!("an id lies outside of what its column tells of it") };
        self.placed[share].push(u64::from(place) << 32 | u64::from(combination));
        if self.placed[share].len() == WAITING {
            self.count_placed(share);
        }
        Ok(())
    }

    fn count(&mut self, share: usize) {
        lock(&self.all.shares[share]).add(&self.waiting[share], &mut self.users);
        self.waiting[share].clear();
    }

    fn count_placed(&mut self, share: usize) {
        let rows = self.placed[share].iter().map(|row| ((row >> 32) as u32, *row as u32));
        let users = self.all.places.map_or(0, |places| places.per_share());
        lock(&self.all.shares[share]).counts.add_all(rows, users);
        self.placed[share].clear();
    }
}

impl CountsPieces for UserTally {
    fn add(&mut self, piece: &Piece) -> PlanResult<()> {
        if !self.cells.are_of(&piece.columns) {
            let cells = Cells::new(&piece.columns, MOST_CELLS);
            self.cells = cells.ok_or_else(|| datafusion::common::exec_datafusion_err!("too many keys at once"))?;
            self.combinations.clear();
            self.combinations.resize(self.cells.count, UNKNOWN);
        }
        let mut of_rows = std::mem::take(&mut self.of_rows);
        self.cells.of_rows(piece, &mut of_rows);
        self.of_rows = of_rows;
        self.number_combinations()?;
        self.wait_for_all(piece)
    }

    fn finish(&mut self) -> PlanResult<()> {
        match self.all.places {
            Some(_) => (0..SHARES).for_each(|share| self.count_placed(share)),
            None => (0..SHARES).for_each(|share| self.count(share)),
        }
        Ok(())
    }
}
