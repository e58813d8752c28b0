//! A shard of the users, small enough for the cache, and the counts of their rows.

use datafusion::arrow::array::{Int64Array, StringViewArray};
use datafusion::arrow::error::ArrowError;

use crate::decimal;
use crate::ids::{Id, Ids};

/// The number of shards: a power of two.
pub const USER_SHARDS: usize = 128;
/// Combinations of the other keys up to which each user has a count of each.
const MOST_DENSE: usize = 64;
/// Rows for each integer between the least and the largest id, from which on ids are taken for places in a table.
const ROWS_PER_PLACE: u64 = 64;

/// The counts of some users.
#[derive(Default)]
pub struct UserShard {
    /// The users by number, unless their ids are places.
    pub users: Ids,
    /// Their counts.
    pub counts: ByUser,
    /// The bytes reserved for them.
    pub reserved: usize,
}

/// Counts by user and combination.
pub enum ByUser {
    /// A table: for each user, a count for each combination.
    Dense(Vec<u32>, usize),
    /// Only those that there are: the user's number above the combination's.
    Sparse(GroupCounts),
}

/// Counts of groups, each known by a number: buffered as they come, and from time to time sorted and added up.
#[derive(Default)]
pub struct GroupCounts {
    groups: Vec<(u64, u32)>,
    /// How many of the first are sorted, each group once.
    settled: usize,
}

/// Groups up to which they are only buffered.
const LEAST_SETTLED: usize = 16_384;

impl GroupCounts {
    #[inline]
    fn push(&mut self, user: u32, combination: u32, count: u32) {
        self.groups.push((group_of(user, combination), count));
    }

    /// Sorts and adds up where there are twice as many as before.
    fn settle_if_many(&mut self) {
        if self.groups.len() >= 2 * self.settled.max(LEAST_SETTLED) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.settled < self.groups.len() {
            self.groups.sort_unstable_by_key(|(group, _)| *group);
            self.groups.dedup_by(|(group, count), (kept, sum)| {
                let is_same = group == kept;
                if is_same {
                    *sum = sum.saturating_add(*count);
                }
                is_same
            });
            self.settled = self.groups.len();
        }
    }
}

#[inline]
fn group_of(user: u32, combination: u32) -> u64 {
    u64::from(user) << 32 | u64::from(combination)
}

impl Default for ByUser {
    fn default() -> Self {
        Self::Dense(vec![], 8)
    }
}

/// Dense integer ids as array indexes: each is a position in the table of one shard, without a look-up.
#[derive(Debug, Clone, Copy)]
pub struct DenseIds {
    first: i64,
    count: u64,
}

impl DenseIds {
    /// Takes ids between two `ends` as array indexes, if there are rows enough for such a table.
    pub fn new((first, last): (i64, i64), rows: usize) -> Option<Self> {
        let count = last.checked_sub(first)?.checked_add(1)? as u64;
        (count <= rows as u64 / ROWS_PER_PLACE).then_some(Self { first, count })
    }

    /// The shard of an id and its place there; `None` if it lies outside.
    #[inline]
    pub fn of(&self, id: i64) -> Option<(usize, u32)> {
        let place = id.wrapping_sub(self.first) as u64;
        (place < self.count).then_some((place as usize % USER_SHARDS, (place / USER_SHARDS as u64) as u32))
    }

    /// How many places each shard has.
    pub fn per_shard(&self) -> usize {
        (self.count as usize).div_ceil(USER_SHARDS)
    }

    /// The ids of a shard as text, by place.
    pub fn ids(&self, shard: usize) -> Result<StringViewArray, ArrowError> {
        let id = |place: usize| self.first.wrapping_add((place * USER_SHARDS + shard) as i64);
        decimal::as_text(&Int64Array::from_iter_values((0..self.per_shard()).map(id)))
    }
}

impl UserShard {
    /// The bytes held.
    pub fn size(&self) -> usize {
        self.users.size() + self.counts.size()
    }

    /// Counts buffered rows, each with its weight in `counts`, or once if that is empty. Two passes, find users, then
    /// add, so that the cache misses of each pass overlap.
    pub fn add(&mut self, buffered: &[u128], counts: &[u32], users: &mut Vec<u32>) {
        users.clear();
        users.extend(buffered.iter().map(|row| self.users.add(Id::number(row & !COMBINATION))));
        let rows = users.iter().zip(buffered).map(|(user, row)| (*user, combination_of(*row)));
        match counts {
            [] => self.counts.add_all(rows.map(|(user, combination)| (user, combination, 1)), self.users.len()),
            counts => {
                let rows = rows.zip(counts).map(|((user, combination), count)| (user, combination, *count));
                self.counts.add_all(rows, self.users.len());
            }
        }
    }
}

/// The bits of the combination in a buffered row: a short text's view has its length in the lowest four bytes, which is
/// at most 12, so that three of them are free.
const COMBINATION: u128 = 0xffff_ff00;

/// Packs a user's id and a combination into a buffered row; `None` if they do not fit.
#[inline]
pub fn packed(id: u128, combination: u32) -> Option<u128> {
    (combination < 1 << 24 && id & COMBINATION == 0).then_some(id | u128::from(combination) << 8)
}

#[inline]
fn combination_of(row: u128) -> u32 {
    row as u32 >> 8
}

impl ByUser {
    /// Counts rows of so many users, each with its user, its combination and how often it counts.
    pub fn add_all(&mut self, rows: impl Iterator<Item = (u32, u32, u32)> + Clone, users: usize) {
        let most = rows.clone().map(|(_, combination, _)| combination).max();
        self.make_room(users, most.unwrap_or_default());
        match self {
            Self::Dense(counts, width) => {
                rows.for_each(|(user, combination, more)| {
                    let count = &mut counts[user as usize * *width + combination as usize];
                    *count = count.saturating_add(more);
                });
            }
            Self::Sparse(groups) => {
                rows.for_each(|(user, combination, more)| groups.push(user, combination, more));
                groups.settle_if_many();
            }
        }
    }

    /// Adds up what is buffered; then the counts can be read.
    pub fn settle(&mut self) {
        if let Self::Sparse(groups) = self {
            groups.settle();
        }
    }

    /// Makes room for so many users and for combinations up to `most`.
    fn make_room(&mut self, users: usize, most: u32) {
        let Self::Dense(counts, width) = self else { return };
        let users = users.max(counts.len() / *width);
        if most as usize >= *width {
            let width = (most as usize + 1).next_power_of_two();
            let mut wider = match width <= MOST_DENSE {
                true => Self::Dense(vec![0; users * width], width),
                false => Self::Sparse(GroupCounts::default()),
            };
            std::mem::take(self).for_each(|user, combination, count| match &mut wider {
                Self::Dense(counts, width) => counts[user as usize * *width + combination as usize] = count,
                Self::Sparse(groups) => groups.push(user, combination, count),
            });
            *self = wider;
        } else if counts.len() < users * *width {
            counts.resize(users * *width, 0);
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Dense(counts, _) => counts.capacity() * size_of::<u32>(),
            Self::Sparse(counts) => counts.groups.capacity() * size_of::<(u64, u32)>(),
        }
    }

    /// The count of one user and combination, once it is settled.
    #[inline]
    pub fn count_of(&self, user: u32, combination: u32) -> u32 {
        match self {
            Self::Dense(counts, width) if (combination as usize) < *width => {
                counts.get(user as usize * *width + combination as usize).copied().unwrap_or_default()
            }
            Self::Dense(..) => 0,
            Self::Sparse(counts) => {
                let found = counts.groups.binary_search_by_key(&group_of(user, combination), |(group, _)| *group);
                found.map_or(0, |place| counts.groups[place].1)
            }
        }
    }

    /// Calls `group(user, combination, count)` for each group, once they are settled.
    pub fn for_each(&self, mut group: impl FnMut(u32, u32, u32)) {
        match self {
            Self::Dense(counts, width) => {
                for (user, counts) in counts.chunks_exact(*width).enumerate() {
                    for (combination, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                        group(user as u32, combination as u32, *count);
                    }
                }
            }
            Self::Sparse(counts) => {
                debug_assert_eq!(counts.settled, counts.groups.len());
                for (number, count) in &counts.groups {
                    group((number >> 32) as u32, *number as u32, *count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_has_a_place_of_its_own_and_is_found_there() {
        let places = DenseIds::new((-40, 500), 64 * 541).unwrap();
        let ids: Vec<_> = (0..USER_SHARDS).map(|shard| places.ids(shard).unwrap()).collect();
        for id in -40..=500 {
            let (shard, place) = places.of(id).unwrap();
            assert_eq!(ids[shard].value(place as usize), id.to_string());
        }
        assert_eq!((places.of(-41), places.of(501), places.of(i64::MIN)), (None, None, None));
    }

    #[test]
    fn ids_far_from_each_other_are_no_places() {
        assert!(DenseIds::new((0, 99), 6_400).is_some() && DenseIds::new((0, 100), 6_400).is_none());
        assert!(DenseIds::new((i64::MIN, i64::MAX), usize::MAX).is_none());
    }

    #[test]
    fn counts_are_the_same_dense_and_sparse() {
        let rows: Vec<(u32, u32)> = (0..5_000).map(|i| (i % 37, i * 7 % 30 * (1 + i / 4_000))).collect();
        let mut counts = ByUser::default();
        rows.chunks(1_000)
            .for_each(|rows| counts.add_all(rows.iter().map(|(user, combination)| (*user, *combination, 1)), 37));
        counts.settle();
        let (mut all, mut groups) = (0, 0);
        counts.for_each(|user, combination, count| {
            assert_eq!(rows.iter().filter(|row| **row == (user, combination)).count(), count as usize);
            (all, groups) = (all + count, groups + 1);
        });
        assert_eq!(all, 5_000);
        let mut different = rows;
        different.sort_unstable();
        different.dedup();
        assert_eq!(groups, different.len());
    }
    #[test]
    fn counts_are_the_same_however_often_they_are_added_up() {
        let rows: Vec<(u32, u32, u32)> = (0..200_000).map(|i| (i * 31 % 911, 100 + i % 89, 1 + i % 3)).collect();
        let (mut often, mut once) = (ByUser::default(), ByUser::default());
        once.add_all(rows.iter().copied(), 911);
        rows.chunks(777).for_each(|rows| often.add_all(rows.iter().copied(), 911));
        let groups = |counts: &mut ByUser| {
            counts.settle();
            let mut groups = vec![];
            counts.for_each(|user, combination, count| groups.push((user, combination, count)));
            groups
        };
        let found = groups(&mut often);
        assert_eq!(found, groups(&mut once));
        assert_eq!(found.len(), 911 * 89);
        assert_eq!(found.iter().map(|(.., count)| count).sum::<u32>(), rows.iter().map(|(.., more)| more).sum::<u32>());
        assert!(found.iter().all(|(user, combination, count)| often.count_of(*user, *combination) == *count));
        assert_eq!(often.count_of(0, 99), 0);
    }
}
