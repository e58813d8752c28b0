//! Counts by user and keys of few values: users are split by a hash, so that each share of them fits the cache.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::Result as PlanResult;

use super::coded_count::Question;
use super::coded_work::{Cells, CountsPieces};
use super::outlets::Outlets;
use crate::counting::Counts;
use crate::decimal;
use crate::engine::coded::Piece;
use crate::ids::{Id, Ids};

/// Into how many shares users are split: a power of two.
const SHARES: usize = 128;
/// Rows of a share that wait to be counted together, while its counts are in the cache.
const WAITING: usize = 16_384;
/// Combinations of the other keys up to which each user has a count of each.
const MOST_DENSE: usize = 64;
/// Cells that one piece may have; columns of few values stay far below.
const MOST_CELLS: usize = 1 << 26;
/// Groups of one batch that leaves.
const GROUPS_PER_BATCH: usize = 65_536;
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
}

/// The counts of some users.
#[derive(Default)]
struct Share {
    users: Ids,
    counts: ByUser,
}

/// Counts by user and combination.
enum ByUser {
    /// As many counts for each user, of which there is one for each combination.
    Dense(Vec<u32>, usize),
    /// Only those that there are: the user's number above the combination's.
    Sparse(Ids, Vec<u32>),
}

impl Default for ByUser {
    fn default() -> Self {
        Self::Dense(vec![], 8)
    }
}

impl Users {
    /// No counts yet; the key of that number is the user.
    pub fn new(question: Arc<Question>, key: usize, schema: SchemaRef) -> Self {
        let others = question.keys.iter().enumerate().filter(|(number, _)| *number != key);
        let others: Vec<DataType> = others.map(|(_, data_type)| data_type.clone()).collect();
        let combinations = Mutex::new(Counts::new(&others, 1));
        let shares = (0..SHARES).map(|_| Mutex::default()).collect();
        Self { question, key, schema, combinations, shares }
    }

    /// Gives away the counts of every share of `tasks` that falls to this one.
    pub async fn give(self: Arc<Self>, task: usize, tasks: usize, outlets: Outlets) -> PlanResult<()> {
        let others = lock(&self.combinations).keys()?;
        for number in (task..SHARES).step_by(tasks) {
            let share = std::mem::take(&mut *lock(&self.shares[number]));
            if share.users.is_empty() {
                continue;
            }
            let users = self.ids(&share.users)?;
            let mut groups = share.counts.groups().peekable();
            while groups.peek().is_some() {
                let batch = self.batch(&users, &others, groups.by_ref().take(GROUPS_PER_BATCH))?;
                outlets.send(Ok(batch)).await?;
            }
        }
        Ok(())
    }

    fn ids(&self, users: &Ids) -> PlanResult<StringViewArray> {
        let place = self.question.user.map_or(0, |(_, place)| place);
        Ok(match self.question.asked[place].data_type {
            DataType::Utf8View => users.to_array()?,
            _ => {
                let numbers = users.as_numbers().iter().map(|number| *number as u64 as i64);
                decimal::as_text(&Int64Array::from_iter_values(numbers))?
            }
        })
    }

    fn batch(
        &self,
        users: &StringViewArray,
        others: &[ArrayRef],
        groups: impl Iterator<Item = (u32, u32, u32)>,
    ) -> PlanResult<RecordBatch> {
        let (mut of_user, mut of_combination, mut counts) = (vec![], vec![], vec![]);
        for (user, combination, count) in groups {
            of_user.push(user);
            of_combination.push(combination);
            counts.push(i64::from(count));
        }
        let (of_user, of_combination) = (UInt32Array::from(of_user), UInt32Array::from(of_combination));
        let mut columns = others.iter().map(|key| take(key, &of_combination, None)).collect::<Result<Vec<_>, _>>()?;
        columns.insert(self.key, take(users, &of_user, None)?);
        let counts: ArrayRef = Arc::new(Int64Array::from(counts));
        columns.extend((0..self.question.measures).map(|_| Arc::clone(&counts)));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Share {
    /// Counts a row of each of `users`, known by the numbers that their ids are.
    fn add(&mut self, users: &[u128], combinations: &[u32]) {
        for (user, combination) in users.iter().zip(combinations) {
            let user = self.users.add(Id::number(*user));
            self.counts.add(user, *combination);
        }
    }
}

impl ByUser {
    #[inline]
    fn add(&mut self, user: u32, combination: u32) {
        match self {
            Self::Dense(counts, width) if (combination as usize) < *width => {
                let place = user as usize * *width + combination as usize;
                if place >= counts.len() {
                    counts.resize((user as usize + 1) * *width, 0);
                }
                counts[place] += 1;
            }
            Self::Dense(..) => {
                self.widen(combination);
                self.add(user, combination);
            }
            Self::Sparse(groups, counts) => {
                let group = groups.add(Id::number(u128::from(user) << 32 | u128::from(combination))) as usize;
                if group == counts.len() {
                    counts.push(0);
                }
                counts[group] += 1;
            }
        }
    }

    #[cold]
    fn widen(&mut self, combination: u32) {
        let wider = (combination as usize + 1).next_power_of_two();
        let mut widened = match wider <= MOST_DENSE {
            true => Self::Dense(vec![], wider),
            false => Self::Sparse(Ids::default(), vec![]),
        };
        let groups: Vec<_> = std::mem::take(self).groups().collect();
        for (user, combination, count) in groups {
            widened.add(user, combination);
            widened.raise(user, combination, count - 1);
        }
        *self = widened;
    }

    /// Adds to a count that is there.
    fn raise(&mut self, user: u32, combination: u32, more: u32) {
        match self {
            Self::Dense(counts, width) => counts[user as usize * *width + combination as usize] += more,
            Self::Sparse(_, counts) => {
                if let Some(last) = counts.last_mut() {
                    *last += more;
                }
            }
        }
    }

    /// User, combination and count of each group.
    fn groups(self) -> Box<dyn Iterator<Item = (u32, u32, u32)> + Send> {
        match self {
            Self::Dense(counts, width) => {
                let group = move |(place, count)| ((place / width) as u32, (place % width) as u32, count);
                Box::new(counts.into_iter().enumerate().filter(|(_, count)| *count > 0).map(group))
            }
            Self::Sparse(groups, counts) => {
                let group = |(place, count)| (place, count);
                let numbers = groups.as_numbers().to_vec();
                let groups = counts.into_iter().enumerate().map(group);
                Box::new(groups.map(move |(place, count)| {
                    let number = numbers[place];
                    ((number >> 32) as u32, number as u32, count)
                }))
            }
        }
    }
}

/// What one task counts: rows wait by share until there are many.
pub struct UserTally {
    all: Arc<Users>,
    cells: Cells,
    /// The combination of each cell.
    combinations: Vec<u32>,
    waiting: Vec<(Vec<u128>, Vec<u32>)>,
    of_rows: Vec<u32>,
}

impl UserTally {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<Users>) -> Self {
        let waiting = vec![(vec![], vec![]); SHARES];
        Self { all, cells: Cells::default(), combinations: vec![], waiting, of_rows: vec![] }
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

    fn wait(&mut self, id: Id, combination: u32) {
        let share = id.share(SHARES);
        let Some(number) = id.as_number() else {
            let mut share = lock(&self.all.shares[share]);
            let user = share.users.add(id);
            return share.counts.add(user, combination);
        };
        let (users, combinations) = &mut self.waiting[share];
        users.push(number);
        combinations.push(combination);
        if users.len() == WAITING {
            self.count(share);
        }
    }

    fn count(&mut self, share: usize) {
        let (users, combinations) = &mut self.waiting[share];
        lock(&self.all.shares[share]).add(users, combinations);
        users.clear();
        combinations.clear();
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
        let of_rows = std::mem::take(&mut self.of_rows);
        let part = self.all.question.user.map(|(_, place)| &piece.columns[place]);
        let Some((part, values)) = part.and_then(|part| Some((part, part.values.as_ref()?))) else { return Ok(()) };
        let entry = |row: usize| if part.entries.is_empty() { row } else { part.entries[row] as usize };
        let rows = of_rows.iter().enumerate();
        let rows = rows.map(|(row, cell)| (entry(row), self.combinations[*cell as usize]));
        let rows: Vec<(usize, u32)> = rows.filter(|(_, combination)| *combination != DROPPED).collect();
        match values.as_string_view_opt() {
            Some(ids) => rows.into_iter().for_each(|(row, combination)| self.wait(Id::at(ids, row), combination)),
            None => {
                let numbers = cast(values, &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>().values();
                for (row, combination) in rows {
                    self.wait(Id::number(u128::from(numbers[row] as u64)), combination);
                }
            }
        }
        self.of_rows = of_rows;
        Ok(())
    }
    fn finish(&mut self) -> PlanResult<()> {
        (0..SHARES).for_each(|share| self.count(share));
        Ok(())
    }
}
