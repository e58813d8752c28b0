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
            let (mut of_user, mut of_combination, mut counts) = (vec![], vec![], vec![]);
            share.counts.for_each(|user, combination, count| {
                of_user.push(user);
                of_combination.push(combination);
                counts.push(i64::from(count));
            });
            drop(share);
            let groups = (UInt32Array::from(of_user), UInt32Array::from(of_combination), Int64Array::from(counts));
            let all = groups.0.len();
            for start in (0..all).step_by(GROUPS_PER_BATCH) {
                let length = GROUPS_PER_BATCH.min(all - start);
                let batch = self.batch(&users, &others, &groups, start, length)?;
                outlets.send(Ok(batch)).await?;
            }
        }
        Ok(())
    }

    fn ids(&self, users: &Ids) -> PlanResult<StringViewArray> {
        let place = self.question.user.map_or(0, |(_, place)| place);
        Ok(match self.question.asked[place].data_type {
            DataType::Utf8View => users.to_array()?,
            _ => decimal::as_text(&Int64Array::from_iter_values(users.integers()))?,
        })
    }

    /// As many of the `groups`, which are users, combinations and counts, from `start` on.
    fn batch(
        &self,
        users: &StringViewArray,
        others: &[ArrayRef],
        (of_user, of_combination, counts): &(UInt32Array, UInt32Array, Int64Array),
        start: usize,
        length: usize,
    ) -> PlanResult<RecordBatch> {
        let of_combination = of_combination.slice(start, length);
        let mut columns = others.iter().map(|key| take(key, &of_combination, None)).collect::<Result<Vec<_>, _>>()?;
        columns.insert(self.key, take(users, &of_user.slice(start, length), None)?);
        let counts: ArrayRef = Arc::new(counts.slice(start, length));
        columns.extend((0..self.question.measures).map(|_| Arc::clone(&counts)));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Share {
    /// Counts waiting rows. Users are looked for first and counts raised then, since the processor does many of the
    /// same at a time, whether what they touch is in the cache or not.
    fn add(&mut self, waiting: &[u128], users: &mut Vec<u32>) {
        users.clear();
        users.extend(waiting.iter().map(|row| self.users.add(Id::number(row & !COMBINATION))));
        let most = waiting.iter().map(|row| combination_of(*row)).max().unwrap_or_default();
        self.counts.make_room(self.users.len(), most);
        match &mut self.counts {
            ByUser::Dense(counts, width) => {
                for (row, user) in waiting.iter().zip(users) {
                    counts[*user as usize * *width + combination_of(*row) as usize] += 1;
                }
            }
            ByUser::Sparse(groups, counts) => {
                for (row, user) in waiting.iter().zip(users) {
                    raise(groups, counts, *user, combination_of(*row), 1);
                }
            }
        }
    }
}

/// Where a waiting row has its combination: a short text's view has its length in the lowest four bytes, which is at
/// most 12, so that three of them are free.
const COMBINATION: u128 = 0xffff_ff00;

fn waiting(id: u128, combination: u32) -> Option<u128> {
    (combination < 1 << 24 && id & COMBINATION == 0).then_some(id | u128::from(combination) << 8)
}

#[inline]
fn combination_of(row: u128) -> u32 {
    row as u32 >> 8
}

fn raise(groups: &mut Ids, counts: &mut Vec<u32>, user: u32, combination: u32, more: u32) {
    let group = groups.add(Id::number(u128::from(user) << 32 | u128::from(combination))) as usize;
    if group == counts.len() {
        counts.push(0);
    }
    counts[group] += more;
}

impl ByUser {
    /// Makes room for so many users and for combinations up to `most`.
    fn make_room(&mut self, users: usize, most: u32) {
        let Self::Dense(counts, width) = self else { return };
        if most as usize >= *width {
            let width = (most as usize + 1).next_power_of_two();
            let mut wider = match width <= MOST_DENSE {
                true => Self::Dense(vec![0; users * width], width),
                false => Self::Sparse(Ids::default(), vec![]),
            };
            std::mem::take(self).for_each(|user, combination, count| match &mut wider {
                Self::Dense(counts, width) => counts[user as usize * *width + combination as usize] = count,
                Self::Sparse(groups, counts) => raise(groups, counts, user, combination, count),
            });
            *self = wider;
        } else if counts.len() < users * *width {
            counts.resize(users * *width, 0);
        }
    }

    /// Counts one row of one of so many users.
    fn add(&mut self, user: u32, combination: u32, users: usize) {
        self.make_room(users, combination);
        match self {
            Self::Dense(counts, width) => counts[user as usize * *width + combination as usize] += 1,
            Self::Sparse(groups, counts) => raise(groups, counts, user, combination, 1),
        }
    }

    /// Calls `group(user, combination, count)` for each group.
    fn for_each(&self, mut group: impl FnMut(u32, u32, u32)) {
        match self {
            Self::Dense(counts, width) => {
                for (user, counts) in counts.chunks_exact(*width).enumerate() {
                    for (combination, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                        group(user as u32, combination as u32, *count);
                    }
                }
            }
            Self::Sparse(groups, counts) => {
                for (number, count) in groups.as_numbers().iter().zip(counts) {
                    group((number >> 32) as u32, *number as u32, *count);
                }
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
    /// Rows by share: the user's id and the combination.
    waiting: Vec<Vec<u128>>,
    users: Vec<u32>,
    of_rows: Vec<u32>,
}

impl UserTally {
    /// Counts rows of `all` users.
    pub fn new(all: Arc<Users>) -> Self {
        let waiting = vec![vec![]; SHARES];
        Self { all, cells: Cells::default(), combinations: vec![], waiting, users: vec![], of_rows: vec![] }
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
        match values.as_string_view_opt() {
            Some(ids) => rows.for_each(|(row, combination)| self.wait(Id::at(ids, entry(row)), combination)),
            None => {
                let numbers = cast(values, &DataType::Int64)?;
                let numbers = numbers.as_primitive::<Int64Type>().values();
                rows.for_each(|(row, combination)| self.wait(Id::integer(numbers[entry(row)]), combination));
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
            return share.counts.add(user, combination, users);
        };
        self.waiting[number].push(row);
        if self.waiting[number].len() == WAITING {
            self.count(number);
        }
    }

    fn count(&mut self, share: usize) {
        lock(&self.all.shares[share]).add(&self.waiting[share], &mut self.users);
        self.waiting[share].clear();
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
        (0..SHARES).for_each(|share| self.count(share));
        Ok(())
    }
}
