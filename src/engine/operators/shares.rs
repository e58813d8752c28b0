//! Rows of attribution in memory, split by a hash of the user into shares that fit a processor's cache.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, TimestampMicrosecondType, UInt32Type};

use crate::attribution::{Credit, Interaction, Visit};
use crate::engine::places::Ads;
use crate::ids::{Id, Ids};

/// Into how many shares users are split: a power of two.
pub const SHARES: usize = 128;

/// The users of a share and the visits that an interaction may have earned.
#[derive(Debug, Default)]
pub struct Share {
    /// The users, numbered within the share.
    pub users: Ids,
    /// Their visits.
    pub visits: Vec<Visit>,
    /// How far each visit was from its establishment, if that is wanted.
    pub distances_m: Vec<Option<f64>>,
    /// Bits for the pairs of user and establishment that there are, and a few that there are not.
    pairs: Vec<u64>,
}

impl Share {
    /// Takes over the users and visits of `other`.
    pub fn merge(&mut self, other: Share) {
        let numbers: Vec<u32> = other.users.iter().map(|id| self.users.add(id)).collect();
        let renumbered = other.visits.iter().map(|visit| Visit { user: numbers[visit.user as usize], ..*visit });
        self.visits.extend(renumbered);
        self.distances_m.extend(other.distances_m);
    }

    /// Makes [`Share::has_pair`] ready, after the last visit.
    pub fn index_pairs(&mut self) {
        // Eight bits for each visit let one of eight other pairs pass at most.
        self.pairs = vec![0; (self.visits.len() / 8).next_power_of_two()];
        for visit in &self.visits {
            let bit = self.bit(visit.user, visit.establishment);
            self.pairs[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Whether `user` may have been to `establishment`; never no if so.
    #[inline]
    fn has_pair(&self, user: u32, establishment: u32) -> bool {
        let bit = self.bit(user, establishment);
        self.pairs[bit / 64] >> (bit % 64) & 1 == 1
    }

    #[inline]
    fn bit(&self, user: u32, establishment: u32) -> usize {
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        let hash = (u64::from(user) << 32 | u64::from(establishment)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as usize >> 20 & (self.pairs.len() * 64 - 1)
    }

    fn size(&self) -> usize {
        self.users.size()
            + self.visits.capacity() * size_of::<Visit>()
            + self.distances_m.capacity() * size_of::<Option<f64>>()
            + self.pairs.capacity() * 8
    }

    /// The distances of the visits in `rows`.
    pub fn distances(&self, rows: Range<usize>) -> ArrayRef {
        Arc::new(self.distances_m[rows].iter().copied().collect::<Float64Array>())
    }
}

/// The visits that one task has read.
#[derive(Debug)]
pub struct Visits {
    /// One for each share of the users.
    pub shares: Vec<Share>,
    /// Whether an establishment, by number, has a visit.
    pub visited: Vec<bool>,
}

impl Visits {
    /// None yet, to any of `establishments`.
    pub fn new(establishments: usize) -> Self {
        Self { shares: (0..SHARES).map(|_| Share::default()).collect(), visited: vec![false; establishments] }
    }

    /// Keeps the `visits`, all of which have an establishment, and their distance if `with_distance`.
    pub fn push(&mut self, visits: &RecordBatch, with_distance: bool) {
        let users = visits["user_id"].as_string_view();
        let timestamps = visits["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let establishments = visits["establishment"].as_primitive::<UInt32Type>().values();
        let distances = with_distance.then(|| visits["distance_m"].as_primitive::<Float64Type>());
        for (row, (timestamp_us, establishment)) in timestamps.iter().zip(establishments).enumerate() {
            let id = Id::at(users, row);
            let share = &mut self.shares[id.share(SHARES)];
            let user = share.users.add(id);
            share.visits.push(Visit { timestamp_us: *timestamp_us, user, establishment: *establishment });
            self.visited[*establishment as usize] = true;
            if let Some(distances) = distances {
                share.distances_m.push(distances.is_valid(row).then(|| distances.value(row)));
            }
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.shares.iter().map(Share::size).sum()
    }
}

/// The interactions that one task has read and that may have earned a visit.
#[derive(Debug)]
pub struct Interactions {
    /// One list for each share of the users.
    pub shares: Vec<Vec<Interaction>>,
    near: Vec<Near>,
}

/// An interaction whose establishment has visits.
#[derive(Debug)]
struct Near {
    row: usize,
    ad: u32,
    establishment: u32,
}

impl Default for Interactions {
    fn default() -> Self {
        Self { shares: vec![vec![]; SHARES], near: vec![] }
    }
}

impl Interactions {
    /// Keeps those of the `interactions` that may have earned a visit: the ad is of an establishment that `visited`
    /// knows, the user has visits, and probably to that establishment.
    pub fn push(&mut self, interactions: &RecordBatch, ads: &Ads, visited: &[bool], visits: &[Share]) {
        let users = interactions["user_id"].as_string_view();
        let timestamps = interactions["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let clicks = interactions["click"].as_boolean();
        self.keep_near(interactions["ad_id"].as_string_view(), ads, visited);
        for Near { row, ad, establishment } in &self.near {
            let id = Id::at(users, *row);
            let share = id.share(SHARES);
            let Some(user) = visits[share].users.find(id) else { continue };
            if visits[share].has_pair(user, *establishment) {
                let credit = Credit { timestamp_us: timestamps[*row], click: clicks.value(*row), ad: *ad };
                self.shares[share].push(Interaction::new(user, credit));
            }
        }
    }

    fn keep_near(&mut self, ids: &StringViewArray, ads: &Ads, visited: &[bool]) {
        self.near.clear();
        self.near.extend((0..ids.len()).filter_map(|row| {
            let ad = ads.numbers.find(Id::at(ids, row))?;
            let establishment = ads.establishments[ad as usize]?;
            visited[establishment as usize].then_some(Near { row, ad, establishment })
        }));
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.shares.iter().map(|share| share.capacity() * size_of::<Interaction>()).sum()
    }
}
