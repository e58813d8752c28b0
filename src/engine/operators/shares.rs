//! Rows of attribution in memory, split by a hash of the user into shares that fit a processor's cache.

use std::ops::Range;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type};

use crate::attribution::{Credit, Interaction, Visit};
use crate::chances::Chances;
use crate::ids::{Id, Ids};

/// The ids of users: text, or the integers that the files have, of which text is made last.
enum UserIds<'a> {
    Text(&'a StringViewArray),
    Integers(&'a [i64]),
}

impl<'a> UserIds<'a> {
    fn of(rows: &'a RecordBatch) -> Self {
        match rows["user_id"].as_string_view_opt() {
            Some(text) => Self::Text(text),
            None => Self::Integers(rows["user_id"].as_primitive::<Int64Type>().values()),
        }
    }

    #[inline]
    fn at(&self, row: usize) -> Id<'_> {
        match self {
            Self::Text(text) => Id::at(text, row),
            Self::Integers(integers) => Id::integer(integers[row]),
        }
    }
}

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
    /// Where each user's visits begin, once they are sorted, and where the last one's end.
    starts: Vec<usize>,
}

impl Share {
    fn push(&mut self, visit: Visit, distance_m: Option<f64>, with_distance: bool) {
        self.visits.push(visit);
        if with_distance {
            self.distances_m.push(distance_m);
        }
    }

    /// Takes over the users and visits of `other`.
    pub fn merge(&mut self, other: Share) {
        let numbers: Vec<u32> = other.users.iter().map(|id| self.users.add(id)).collect();
        let renumbered = other.visits.iter().map(|visit| Visit { user: numbers[visit.user as usize], ..*visit });
        self.visits.extend(renumbered);
        self.distances_m.extend(other.distances_m);
    }

    /// Puts the visits in the order of user, time, establishment and distance.
    pub fn sort(&mut self) {
        let visits = &self.visits;
        self.starts = vec![0; self.users.len() + 1];
        visits.iter().for_each(|visit| self.starts[visit.user as usize + 1] += 1);
        (0..self.users.len()).for_each(|user| self.starts[user + 1] += self.starts[user]);
        let (mut next, mut rows) = (self.starts.clone(), vec![0; visits.len()]);
        for (row, visit) in visits.iter().enumerate() {
            rows[next[visit.user as usize]] = row;
            next[visit.user as usize] += 1;
        }
        let distance = |row: usize| self.distances_m.get(row).copied().flatten().map(f64::to_bits);
        let key = |row: &usize| (visits[*row].timestamp_us, visits[*row].establishment, distance(*row));
        self.starts.windows(2).for_each(|ends| rows[ends[0]..ends[1]].sort_unstable_by_key(key));
        let distances_m = rows.iter().filter_map(|row| self.distances_m.get(*row).copied()).collect();
        self.visits = rows.iter().map(|row| visits[*row]).collect();
        self.distances_m = distances_m;
    }

    /// Where a user's visits are, once they are sorted.
    pub fn of_user(&self, user: usize) -> Range<usize> {
        self.starts[user]..self.starts[user + 1]
    }

    /// Notes what may have earned each visit.
    pub fn note(&self, chances: &Chances) {
        let users: Vec<u64> = self.users.iter().map(|id| id.hash()).collect();
        self.visits.iter().for_each(|visit| chances.note(users[visit.user as usize], visit));
    }

    fn size(&self) -> usize {
        self.users.size()
            + self.visits.capacity() * size_of::<Visit>()
            + self.distances_m.capacity() * size_of::<Option<f64>>()
    }
}

/// The visits that one task has read.
#[derive(Debug)]
pub struct Visits {
    /// One for each share of the users.
    pub shares: Vec<Share>,
    /// Whether an establishment, by number, has a visit.
    pub visited: Vec<bool>,
    /// By share: visits that wait until there are many, so that a share's users are in the cache while it is worked on.
    waiting: Vec<Vec<WaitingVisit>>,
}

/// Rows of a share that wait.
const WAITING: usize = 1_024;

/// A visit whose user is known by the number that the id is.
#[derive(Debug, Clone, Copy)]
struct WaitingVisit {
    user: u128,
    timestamp_us: i64,
    distance_m: Option<f64>,
    establishment: u32,
}

impl Visits {
    /// None yet, to any of `establishments`.
    pub fn new(establishments: usize) -> Self {
        let shares = (0..SHARES).map(|_| Share::default()).collect();
        Self { shares, visited: vec![false; establishments], waiting: vec![vec![]; SHARES] }
    }

    /// Those of `shares`, and whether each establishment has one.
    pub fn of(shares: Vec<Share>, visited: Vec<bool>) -> Self {
        Self { shares, visited, waiting: vec![] }
    }

    /// Keeps the `visits`, all of which have an establishment, and their distance if `with_distance`.
    pub fn push(&mut self, visits: &RecordBatch, with_distance: bool) {
        let users = UserIds::of(visits);
        let timestamps = visits["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let establishments = visits["establishment"].as_primitive::<UInt32Type>().values();
        let distances = with_distance.then(|| visits["distance_m"].as_primitive::<Float64Type>());
        for (row, (timestamp_us, establishment)) in timestamps.iter().zip(establishments).enumerate() {
            let id = users.at(row);
            let number = id.share(SHARES);
            let distance_m = distances.and_then(|distances| distances.is_valid(row).then(|| distances.value(row)));
            let (timestamp_us, establishment) = (*timestamp_us, *establishment);
            self.visited[establishment as usize] = true;
            match id.as_number() {
                Some(user) => {
                    self.waiting[number].push(WaitingVisit { user, timestamp_us, distance_m, establishment });
                    if self.waiting[number].len() == WAITING {
                        self.settle(number, with_distance);
                    }
                }
                None => {
                    let share = &mut self.shares[number];
                    let user = share.users.add(id);
                    share.push(Visit { timestamp_us, user, establishment }, distance_m, with_distance);
                }
            }
        }
    }

    /// Keeps the visits that wait.
    pub fn finish(&mut self, with_distance: bool) {
        (0..SHARES).for_each(|share| self.settle(share, with_distance));
    }

    fn settle(&mut self, number: usize, with_distance: bool) {
        let share = &mut self.shares[number];
        for WaitingVisit { user, timestamp_us, distance_m, establishment } in self.waiting[number].drain(..) {
            let user = share.users.add(Id::number(user));
            share.push(Visit { timestamp_us, user, establishment }, distance_m, with_distance);
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
    /// By share: interactions that wait, with the number that the user's id is.
    waiting: Vec<Vec<(u128, Credit)>>,
    near: Vec<Near>,
}

/// An interaction whose establishment has visits, and where its chance would be noted.
#[derive(Debug)]
struct Near {
    row: u32,
    ad: u32,
    bit: usize,
}

impl Default for Interactions {
    fn default() -> Self {
        Self { shares: vec![vec![]; SHARES], waiting: vec![vec![]; SHARES], near: vec![] }
    }
}

impl Interactions {
    /// Keeps those of the `interactions` that have a chance to have earned one of the `visits`.
    pub fn push(&mut self, interactions: &RecordBatch, visits: &Visits, chances: &Chances) {
        let ids = UserIds::of(interactions);
        let timestamps = interactions["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let clicks = interactions["click"].as_boolean();
        let numbers = |name: &str| interactions[name].as_primitive::<UInt32Type>().values().iter();
        self.near.clear();
        let rows = (0..).zip(numbers("ad").zip(numbers("establishment")));
        let rows = rows.filter(|(_, (_, establishment))| visits.visited[**establishment as usize]);
        self.near.extend(rows.map(|(row, (ad, establishment))| {
            let bit = chances.bit_at(ids.at(row).hash(), *establishment, timestamps[row]);
            Near { row: row as u32, ad: *ad, bit }
        }));
        // One after the other: the processor fetches many bits at a time.
        self.near.retain(|near| chances.has(near.bit));
        for Near { row, ad, .. } in std::mem::take(&mut self.near) {
            let row = row as usize;
            let (id, credit) = (ids.at(row), Credit { timestamp_us: timestamps[row], click: clicks.value(row), ad });
            let share = id.share(SHARES);
            match id.as_number() {
                Some(user) => {
                    self.waiting[share].push((user, credit));
                    if self.waiting[share].len() == WAITING {
                        self.settle(share, visits);
                    }
                }
                None => self.keep(share, id, credit, visits),
            }
        }
    }

    /// Keeps those interactions that wait.
    pub fn finish(&mut self, visits: &Visits) {
        (0..SHARES).for_each(|share| self.settle(share, visits));
    }

    fn settle(&mut self, share: usize, visits: &Visits) {
        let mut waiting = std::mem::take(&mut self.waiting[share]);
        waiting.drain(..).for_each(|(user, credit)| self.keep(share, Id::number(user), credit, visits));
        self.waiting[share] = waiting;
    }

    fn keep(&mut self, share: usize, id: Id, credit: Credit, visits: &Visits) {
        if let Some(user) = visits.shares[share].users.find(id) {
            self.shares[share].push(Interaction::new(user, credit));
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.shares.iter().map(|share| share.capacity() * size_of::<Interaction>()).sum()
    }
}
