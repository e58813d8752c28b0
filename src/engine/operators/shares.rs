//! Rows of attribution in memory, split by a hash of the user into shares that fit a processor's cache.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type};

use super::chances::{Chances, Clock, Eras, Span};
use crate::attribution::{Credit, Interaction, Visit};
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
    /// Visits to establishments without ads, which nothing earned, where their users have numbers, too.
    pub unadvertised: Vec<Visit>,
    /// How far each visit was from its establishment, if that is wanted.
    pub distances_m: Vec<Option<f64>>,
    /// Where each user's visits begin, once they are sorted, and where the last one's end.
    starts: Vec<usize>,
    /// What may have earned them.
    chances: Chances,
}

impl Share {
    /// Takes over the users and visits of `other`.
    pub fn merge(&mut self, other: Share) {
        let numbers: Vec<u32> = other.users.iter().map(|id| self.users.add(id)).collect();
        let renumbered = |visit: &Visit| Visit { user: numbers[visit.user as usize], ..*visit };
        self.visits.extend(other.visits.iter().map(renumbered));
        self.unadvertised.extend(other.unadvertised.iter().map(renumbered));
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
    pub fn note_chances(&mut self, eras: Eras) {
        let users: Vec<u64> = self.users.iter().map(|id| id.hash()).collect();
        self.chances = Chances::new(&self.visits, &users, eras);
    }

    /// The bytes that the notes of what may have earned its visits will take.
    pub fn size_of_notes(&self) -> usize {
        Chances::size_of(self.visits.len()) + self.users.len() * size_of::<u64>()
    }

    /// Keeps a visit, by itself if its establishment has no ad.
    fn keep(&mut self, visit: Visit, advertised: &Option<Arc<Vec<bool>>>) {
        match advertised {
            Some(advertised) if !advertised[visit.establishment as usize] => self.unadvertised.push(visit),
            _ => self.visits.push(visit),
        }
    }

    fn size(&self) -> usize {
        self.users.size()
            + (self.visits.capacity() + self.unadvertised.capacity()) * size_of::<Visit>()
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
    /// The first and the last instant of a visit; the other way round if there is none.
    pub ends_us: (i64, i64),
    /// Whether an establishment, by number, has an ad, if visits to others are kept by themselves.
    advertised: Option<Arc<Vec<bool>>>,
    /// By share: visits that wait until there are many, so that a share's users are in the cache while it is worked on.
    waiting: Vec<Vec<WaitingVisit>>,
}

/// Rows of a share that wait.
const WAITING: usize = 16_384;

fn size_of_rows<T>(lists: &[Vec<T>]) -> usize {
    lists.iter().map(|rows| rows.len() * size_of::<T>()).sum()
}

/// A visit whose user is known by the number that the id is.
#[derive(Debug, Clone, Copy)]
struct WaitingVisit {
    user: u128,
    timestamp_us: i64,
    establishment: u32,
}

impl Visits {
    /// None yet, to any of `establishments`; those to such that are not `advertised` are kept by themselves.
    pub fn new(establishments: usize, advertised: Option<Arc<Vec<bool>>>) -> Self {
        let shares = (0..SHARES).map(|_| Share::default()).collect();
        Self {
            shares,
            visited: vec![false; establishments],
            ends_us: (i64::MAX, i64::MIN),
            advertised,
            waiting: vec![vec![]; SHARES],
        }
    }

    /// Keeps the `visits`, all of which have an establishment, and their distance if `with_distance`.
    pub fn push(&mut self, visits: &RecordBatch, with_distance: bool) {
        match UserIds::of(visits) {
            UserIds::Text(ids) => self.push_of(|row| Id::at(ids, row), visits, with_distance),
            UserIds::Integers(ids) => self.push_of(|row| Id::integer(ids[row]), visits, with_distance),
        }
    }

    fn push_of<'a>(&mut self, id: impl Fn(usize) -> Id<'a>, visits: &RecordBatch, with_distance: bool) {
        let timestamps = visits["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let establishments = visits["establishment"].as_primitive::<UInt32Type>().values();
        let distances = with_distance.then(|| visits["distance_m"].as_primitive::<Float64Type>());
        let (first, last) = &mut self.ends_us;
        (*first, *last) = timestamps.iter().fold((*first, *last), |(first, last), at| (first.min(*at), last.max(*at)));
        for (row, (timestamp_us, establishment)) in timestamps.iter().zip(establishments).enumerate() {
            let id = id(row);
            let number = id.share(SHARES);
            let (timestamp_us, establishment) = (*timestamp_us, *establishment);
            self.visited[establishment as usize] = true;
            if let Some(distances) = distances {
                let distance_m = distances.is_valid(row).then(|| distances.value(row));
                self.shares[number].distances_m.push(distance_m);
            }
            match id.as_number() {
                Some(user) => {
                    self.waiting[number].push(WaitingVisit { user, timestamp_us, establishment });
                    if self.waiting[number].len() == WAITING {
                        self.settle(number);
                    }
                }
                None => {
                    // Those that came before go first, as their distances do.
                    self.settle(number);
                    let user = self.shares[number].users.add(id);
                    self.shares[number].keep(Visit { timestamp_us, user, establishment }, &self.advertised);
                }
            }
        }
    }

    /// Keeps the visits that wait.
    pub fn finish(&mut self) {
        (0..SHARES).for_each(|share| self.settle(share));
        self.waiting = vec![];
    }

    fn settle(&mut self, number: usize) {
        let share = &mut self.shares[number];
        for WaitingVisit { user, timestamp_us, establishment } in self.waiting[number].drain(..) {
            let user = share.users.add(Id::number(user));
            share.keep(Visit { timestamp_us, user, establishment }, &self.advertised);
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.shares.iter().map(Share::size).sum::<usize>() + size_of_rows(&self.waiting)
    }
}

/// The visits of all tasks, and what interactions must be to have earned any.
#[derive(Debug)]
pub struct AllVisits {
    /// One for each share of the users.
    pub shares: Vec<Share>,
    /// When they are; chances are noted by it.
    pub eras: Eras,
    /// By ad: whose it is, if there are visits.
    pub visited_by_ad: Vec<Option<u32>>,
}

impl AllVisits {
    /// Whether an interaction with an ad may have earned a visit of the user.
    #[inline]
    fn may_owe(&self, user: &Id, ad: u32, span: Span) -> bool {
        let chances = &self.shares[user.share(SHARES)].chances;
        self.visited_by_ad[ad as usize].is_some_and(|establishment| chances.has(user.hash(), establishment, span))
    }
}

/// The interactions that one task has read and that may have earned a visit.
#[derive(Debug)]
pub struct Interactions {
    /// One list for each share of the users.
    pub shares: Vec<Vec<Interaction>>,
    /// By share: interactions that wait, with the number that the user's id is.
    waiting: Vec<Vec<(u128, Credit)>>,
    /// Rows of a batch that have a chance, at the front.
    rows: Vec<u32>,
}

impl Default for Interactions {
    fn default() -> Self {
        Self { shares: vec![vec![]; SHARES], waiting: vec![vec![]; SHARES], rows: vec![] }
    }
}

impl Interactions {
    /// Keeps those of the `interactions` that have a chance to have earned one of the `visits`.
    pub fn push(&mut self, interactions: &RecordBatch, visits: &AllVisits) {
        match UserIds::of(interactions) {
            UserIds::Text(ids) => self.push_of(|row| Id::at(ids, row), interactions, visits),
            UserIds::Integers(ids) => self.push_of(|row| Id::integer(ids[row]), interactions, visits),
        }
    }

    fn push_of<'a>(&mut self, id: impl Fn(usize) -> Id<'a>, interactions: &RecordBatch, visits: &AllVisits) {
        let timestamps = interactions["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let ads = interactions["ad"].as_primitive::<UInt32Type>();
        let clicks = interactions["click"].as_boolean();
        let (mut clock, mut count) = (Clock::new(visits.eras), 0);
        self.rows.resize(timestamps.len(), 0);
        // The processor cannot guess which rows have a chance: all are written, each over one that has none.
        for (row, (timestamp_us, ad)) in timestamps.iter().zip(ads.values()).enumerate() {
            self.rows[count] = row as u32;
            count += usize::from(ads.is_valid(row) && visits.may_owe(&id(row), *ad, clock.at(*timestamp_us)));
        }
        for place in 0..count {
            let row = self.rows[place] as usize;
            let (id, credit) =
                (id(row), Credit { timestamp_us: timestamps[row], click: clicks.value(row), ad: ads.value(row) });
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
    pub fn finish(&mut self, visits: &AllVisits) {
        (0..SHARES).for_each(|share| self.settle(share, visits));
        self.waiting = vec![];
    }

    fn settle(&mut self, share: usize, visits: &AllVisits) {
        let mut waiting = std::mem::take(&mut self.waiting[share]);
        waiting.drain(..).for_each(|(user, credit)| self.keep(share, Id::number(user), credit, visits));
        self.waiting[share] = waiting;
    }

    fn keep(&mut self, share: usize, id: Id, credit: Credit, visits: &AllVisits) {
        if let Some(user) = visits.shares[share].users.find(id) {
            self.shares[share].push(Interaction::new(user, credit));
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        let kept: usize = self.shares.iter().map(|share| share.capacity() * size_of::<Interaction>()).sum();
        kept + size_of_rows(&self.waiting)
    }
}
