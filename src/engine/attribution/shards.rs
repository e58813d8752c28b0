//! Rows of attribution in memory, split by a hash of the user into shards that fit a processor's cache.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type};

use crate::attribution::{Credit, Interaction, Visit};
use crate::candidates::by_time::{CandidateFilter, Eras, Span, SpanClock};
use crate::engine::exchange::spill::Spilled;
use crate::ids::{Id, Ids};

/// The ids of users: text, or the integers that the files have, of which text is made last.
pub enum UserIds<'a> {
    /// Text.
    Text(&'a StringViewArray),
    /// Integers.
    Integers(&'a [i64]),
}

impl<'a> UserIds<'a> {
    /// Reads the column `user_id`.
    pub fn of(rows: &'a RecordBatch) -> Self {
        match rows["user_id"].as_string_view_opt() {
            Some(text) => Self::Text(text),
            None => Self::Integers(rows["user_id"].as_primitive::<Int64Type>().values()),
        }
    }

    /// The id in a row.
    #[inline]
    pub fn at(&self, row: usize) -> Id<'a> {
        match self {
            Self::Text(ids) => Id::at(ids, row),
            Self::Integers(ids) => Id::integer(ids[row]),
        }
    }
}

/// Into how many shards users are split: a power of two.
pub const SHARDS: usize = 128;

/// The users of a shard and the visits that an interaction may have earned.
#[derive(Debug, Default)]
pub struct Shard {
    /// The users, numbered within the shard.
    pub users: Ids,
    /// Their visits.
    pub visits: Vec<Visit>,
    /// Visits to establishments without ads, where these are emitted with the numbers of their users, too.
    pub unadvertised: Vec<Visit>,
    /// How far each visit was from its establishment, if that is wanted.
    pub distances_m: Vec<Option<f64>>,
    /// Where each user's visits begin, once they are sorted, and where the last one's end.
    starts: Vec<usize>,
    /// The Bloom filter of the interactions that may have earned them.
    candidates: CandidateFilter,
}

impl Shard {
    /// The Bloom filter alone, for visits that are spilled.
    pub fn without_visits(self) -> Self {
        Self { candidates: self.candidates, ..Self::default() }
    }

    /// Whether there are visits.
    pub fn has_visits(&self) -> bool {
        !self.visits.is_empty() || !self.unadvertised.is_empty()
    }

    /// Takes over the users and visits of `other`.
    pub fn merge(&mut self, other: Shard) {
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

    /// Fills the Bloom filter of the visits.
    pub fn fill_candidates(&mut self, eras: Eras) {
        let users: Vec<u64> = self.users.iter().map(|id| id.hash()).collect();
        self.candidates = CandidateFilter::new(&self.visits, &users, eras);
    }

    /// The bytes that the Bloom filter of its visits will take.
    pub fn size_of_notes(&self) -> usize {
        CandidateFilter::size_of(self.visits.len()) + self.users.len() * size_of::<u64>()
    }

    /// Keeps a visit, by itself if its establishment has no ad.
    fn keep(&mut self, visit: Visit, advertised: &Option<Arc<Vec<bool>>>) {
        match advertised {
            Some(advertised) if !advertised[visit.establishment as usize] => self.unadvertised.push(visit),
            _ => self.visits.push(visit),
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.users.size()
            + (self.visits.capacity() + self.unadvertised.capacity()) * size_of::<Visit>()
            + self.distances_m.capacity() * size_of::<Option<f64>>()
            + self.candidates.size()
    }
}

/// The visits that one task has read.
#[derive(Debug)]
pub struct BufferedVisits {
    /// One for each shard of the users.
    pub shards: Vec<Shard>,
    /// Whether an establishment, by number, has a visit.
    pub visited: Vec<bool>,
    /// The first and the last instant of a visit; the other way round if there is none.
    pub ends_us: (i64, i64),
    /// Whether an establishment, by number, has an ad, if visits to others are kept by themselves.
    advertised: Option<Arc<Vec<bool>>>,
    /// Buffered visits by shard; a full buffer is flushed at once, while the shard's users are in the cache.
    buffered: Vec<Vec<BufferedVisit>>,
}

/// Rows that a shard's buffer holds.
const ROWS_PER_FLUSH: usize = 16_384;

fn size_of_rows<T>(lists: &[Vec<T>]) -> usize {
    lists.iter().map(|rows| rows.len() * size_of::<T>()).sum()
}

/// A visit whose user's id fits a number, before that is looked up.
#[derive(Debug, Clone, Copy)]
struct BufferedVisit {
    user: u128,
    timestamp_us: i64,
    establishment: u32,
}

impl BufferedVisits {
    /// None yet, to any of `establishments`; those to such that are not `advertised` are kept by themselves.
    pub fn new(establishments: usize, advertised: Option<Arc<Vec<bool>>>) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self {
            shards,
            visited: vec![false; establishments],
            ends_us: (i64::MAX, i64::MIN),
            advertised,
            buffered: vec![vec![]; SHARDS],
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
            let number = id.shard(SHARDS);
            let (timestamp_us, establishment) = (*timestamp_us, *establishment);
            self.visited[establishment as usize] = true;
            if let Some(distances) = distances {
                let distance_m = distances.is_valid(row).then(|| distances.value(row));
                self.shards[number].distances_m.push(distance_m);
            }
            match id.as_number() {
                Some(user) => {
                    self.buffered[number].push(BufferedVisit { user, timestamp_us, establishment });
                    if self.buffered[number].len() == ROWS_PER_FLUSH {
                        self.flush(number);
                    }
                }
                None => {
                    // Those that came before go first, as their distances do.
                    self.flush(number);
                    let user = self.shards[number].users.add(id);
                    self.shards[number].keep(Visit { timestamp_us, user, establishment }, &self.advertised);
                }
            }
        }
    }

    /// Flushes all buffers; no visit follows.
    pub fn finish(&mut self) {
        self.flush_all();
        self.buffered = vec![];
    }

    /// Flushes all buffers.
    pub fn flush_all(&mut self) {
        (0..self.buffered.len()).for_each(|shard| self.flush(shard));
    }

    fn flush(&mut self, number: usize) {
        let shard = &mut self.shards[number];
        for BufferedVisit { user, timestamp_us, establishment } in self.buffered[number].drain(..) {
            let user = shard.users.add(Id::number(user));
            shard.keep(Visit { timestamp_us, user, establishment }, &self.advertised);
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.shards.iter().map(Shard::size).sum::<usize>() + size_of_rows(&self.buffered)
    }
}

/// The visits of all tasks, and what interactions must be to have earned any.
pub struct AllVisits {
    /// One for each shard of the users.
    pub shards: Vec<Shard>,
    /// Their time, cut into spans for the Bloom filters.
    pub eras: Eras,
    /// By ad: whose it is, if there are visits.
    pub visited_by_ad: Vec<Option<u32>>,
    /// The visits of each task on disk; the shards then have their Bloom filters alone.
    pub spilled: Arc<Vec<Spilled>>,
}

impl AllVisits {
    /// Whether an interaction with an ad may have earned a visit of the user.
    #[inline]
    fn may_owe(&self, user: &Id, ad: u32, span: Span) -> bool {
        let candidates = &self.shards[user.shard(SHARDS)].candidates;
        self.visited_by_ad[ad as usize].is_some_and(|establishment| candidates.has(user.hash(), establishment, span))
    }
}

/// The interactions that one task has read and that may have earned a visit.
#[derive(Debug)]
pub struct Interactions {
    /// One list for each shard of the users.
    pub shards: Vec<Vec<Interaction>>,
    /// Buffered candidates by shard, each with the number that stands for the user's id.
    buffered: Vec<Vec<(u128, Credit)>>,
    /// The candidates of a batch, at the front.
    rows: Vec<u32>,
}

/// The columns of interactions that a credit has.
struct Credits<'a> {
    timestamps: &'a [i64],
    clicks: &'a BooleanArray,
    ads: &'a [u32],
}

impl<'a> Credits<'a> {
    fn of(interactions: &'a RecordBatch) -> Self {
        Self {
            timestamps: interactions["timestamp"].as_primitive::<TimestampMicrosecondType>().values(),
            clicks: interactions["click"].as_boolean(),
            ads: interactions["ad"].as_primitive::<UInt32Type>().values(),
        }
    }

    #[inline]
    fn at(&self, row: usize) -> Credit {
        Credit { timestamp_us: self.timestamps[row], click: self.clicks.value(row), ad: self.ads[row] }
    }
}

impl Default for Interactions {
    fn default() -> Self {
        Self { shards: vec![vec![]; SHARDS], buffered: vec![vec![]; SHARDS], rows: vec![] }
    }
}

impl Interactions {
    /// Finds the rows of candidates: those that may have earned one of the `visits`.
    pub fn candidates(&mut self, interactions: &RecordBatch, visits: &AllVisits) -> &[u32] {
        let count = match UserIds::of(interactions) {
            UserIds::Text(ids) => self.find(|row| Id::at(ids, row), interactions, visits),
            UserIds::Integers(ids) => self.find(|row| Id::integer(ids[row]), interactions, visits),
        };
        &self.rows[..count]
    }

    /// Buffers the candidates among `interactions`: those that may have earned one of the `visits`.
    pub fn push(&mut self, interactions: &RecordBatch, visits: &AllVisits) {
        match UserIds::of(interactions) {
            UserIds::Text(ids) => self.push_of(|row| Id::at(ids, row), interactions, visits),
            UserIds::Integers(ids) => self.push_of(|row| Id::integer(ids[row]), interactions, visits),
        }
    }

    fn push_of<'a>(&mut self, id: impl Fn(usize) -> Id<'a>, interactions: &RecordBatch, visits: &AllVisits) {
        let count = self.find(&id, interactions, visits);
        let credits = Credits::of(interactions);
        for place in 0..count {
            let row = self.rows[place] as usize;
            let (id, credit) = (id(row), credits.at(row));
            let shard = id.shard(SHARDS);
            match id.as_number() {
                Some(user) => {
                    self.buffered[shard].push((user, credit));
                    if self.buffered[shard].len() == ROWS_PER_FLUSH {
                        self.flush(shard, visits);
                    }
                }
                None => self.keep(shard, id, credit, &visits.shards[shard].users),
            }
        }
    }

    /// Notes the rows of candidates at the front of `rows`, and counts them.
    fn find<'a>(&mut self, id: impl Fn(usize) -> Id<'a>, interactions: &RecordBatch, visits: &AllVisits) -> usize {
        let timestamps = interactions["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
        let ads = interactions["ad"].as_primitive::<UInt32Type>();
        let (mut clock, mut count) = (SpanClock::new(visits.eras), 0);
        self.rows.resize(timestamps.len(), 0);
        // Branchless: every row is written, over the one before if that was no candidate.
        for (row, (timestamp_us, ad)) in timestamps.iter().zip(ads.values()).enumerate() {
            self.rows[count] = row as u32;
            count += usize::from(ads.is_valid(row) && visits.may_owe(&id(row), *ad, clock.at(*timestamp_us)));
        }
        count
    }

    /// Keeps candidates of the users of `shards`, the first of which has the number `first`.
    pub fn push_candidates(&mut self, candidates: &RecordBatch, shards: &[Shard], first: usize) {
        let (ids, credits) = (UserIds::of(candidates), Credits::of(candidates));
        for row in 0..candidates.num_rows() {
            let id = ids.at(row);
            let shard = id.shard(SHARDS);
            self.keep(shard, id, credits.at(row), &shards[shard - first].users);
        }
    }

    /// Flushes all buffers.
    pub fn flush_all(&mut self, visits: &AllVisits) {
        (0..SHARDS).for_each(|shard| self.flush(shard, visits));
    }

    fn flush(&mut self, shard: usize, visits: &AllVisits) {
        let (mut buffered, users) = (std::mem::take(&mut self.buffered[shard]), &visits.shards[shard].users);
        buffered.drain(..).for_each(|(user, credit)| self.keep(shard, Id::number(user), credit, users));
        self.buffered[shard] = buffered;
    }

    fn keep(&mut self, shard: usize, id: Id, credit: Credit, users: &Ids) {
        if let Some(user) = users.find(id) {
            self.shards[shard].push(Interaction::new(user, credit));
        }
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        let kept: usize = self.shards.iter().map(|shard| shard.capacity() * size_of::<Interaction>()).sum();
        kept + size_of_rows(&self.buffered)
    }
}
