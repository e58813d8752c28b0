//! Fixes past the states of their users: approaches, and suggestions.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BinaryArray, RecordBatch, StringViewArray};

use super::approach::{Approach, Course};
use super::columns::{Fixes, GrowingTable, Name, given_states, no_state, states};
use super::counts::{Counted, Counters};
use super::fix::{Fix, Received};
use super::options::{Options, micros};
use super::tables::{BatchedTable, LiveTables, Outcomes, UserId};
use super::track::{Age, Called, Legs, Track};
use super::user::User;
use crate::error::Result;
use crate::geo::Place;
use crate::ids::hashing::{lot_of, suggestion_id};
use crate::ids::{Id, Ids};

/// The columns of suggestions, in their order.
const SUGGESTIONS: [&str; 14] = [
    "suggestion_id",
    "user_id",
    "timestamp",
    "establishment_id",
    "ad_id",
    "campaign_id",
    "distance_m",
    "miss_m",
    "closing_speed_mps",
    "eta_s",
    "chance",
    "score",
    "held_out",
    "version",
];
/// The columns of approaches, in their order.
const APPROACHES: [&str; 10] = [
    "user_id",
    "timestamp",
    "establishment_id",
    "distance_m",
    "miss_m",
    "closing_speed_mps",
    "speed_mps",
    "eta_s",
    "chance",
    "outcome",
];

/// Of the way that a user has to go at least, so much is waited for: the rest is for rounding.
const WAY_SHARE: f32 = 0.99;
/// Fixes whose users are looked up together: what is fetched from memory for one does not wait for another.
const FIXES_AT_ONCE: usize = 256;

/// Knows the state of each user that it met.
#[derive(Debug)]
pub struct Detector {
    tables: Arc<LiveTables>,
    ids: Ids,
    users: Vec<User>,
    counts: Counters,
}

impl Detector {
    /// A detector that has met nobody.
    pub fn new(tables: Arc<LiveTables>) -> Self {
        Self { tables, ids: Ids::default(), users: vec![], counts: Counters::default() }
    }

    /// Takes other tables from the next fix on.
    pub fn reload(&mut self, tables: Arc<LiveTables>) {
        self.tables = tables;
    }

    /// Takes fixes in their order: the suggestions, and, if `tells_approaches`, all approaches with what became of
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::MissingColumn`](crate::Error::MissingColumn) or [`Error::Data`](crate::Error::Data) if they are no
    /// fixes.
    pub fn process(
        &mut self,
        (schema, batches): &BatchedTable,
        tells_approaches: bool,
    ) -> Result<(RecordBatch, RecordBatch)> {
        let fixes = Fixes::of(schema, batches)?;
        let tables = Arc::clone(&self.tables);
        let mut pass = Pass::new(&tables, &mut self.counts, tells_approaches);
        let mut numbers = [0; FIXES_AT_ONCE];
        for start in (0..fixes.len()).step_by(FIXES_AT_ONCE) {
            let rows = start..fixes.len().min(start + FIXES_AT_ONCE);
            look_up(&mut self.ids, &mut self.users, &fixes, rows.clone(), &mut numbers);
            for row in rows {
                pass.counts.add(Counted::Fix);
                match fixes.name(row) {
                    Some(name) => pass.take(&mut self.users[numbers[row - start]], name, &fixes.at(row)),
                    None => pass.counts.add(Counted::Unusable),
                }
            }
        }
        pass.finish()
    }

    /// What became of fixes and approaches since the detector was made.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.counts.named()
    }

    /// How many users it knows anything of.
    pub fn users(&self) -> usize {
        self.users.iter().filter(|user| !user.is_empty()).count()
    }

    /// The bytes that it holds.
    pub fn state_bytes(&self) -> usize {
        let heap: usize = self.users.iter().map(User::heap_bytes).sum();
        heap + self.users.capacity() * size_of::<User>() + self.ids.size()
    }

    /// States of these users, or of all: null where nothing is known.
    ///
    /// # Errors
    ///
    /// [`Error::Arrow`](crate::Error::Arrow) for more bytes than a column holds.
    pub fn states(&self, users: Option<StringViewArray>) -> Result<RecordBatch> {
        let users = users.map_or_else(|| self.ids.to_array(), Ok)?;
        let known = self.ids.numbers(&users);
        let user = |number: Option<u32>| Some(&self.users[number? as usize]).filter(|user| !user.is_empty());
        let bytes: Vec<_> = known.iter().map(|number| user(number).map(User::to_bytes)).collect();
        states(users, bytes.iter().map(Option::as_deref).collect())
    }

    /// Takes states over: what was known of these users is forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Data`](crate::Error::Data) for bytes that are no state; then nothing changes.
    pub fn restore(&mut self, (schema, batches): &BatchedTable) -> Result<()> {
        let (users, bytes) = given_states(schema, batches)?;
        let restored = states_of(&bytes)?;
        for (row, user) in restored.into_iter().enumerate() {
            let number = self.ids.add(Id::at(&users, row)) as usize;
            if number == self.users.len() {
                self.users.push(user);
            } else {
                self.users[number] = user;
            }
        }
        Ok(())
    }

    /// Forgets users whose last fix is before an instant, in microseconds; their ids.
    ///
    /// # Errors
    ///
    /// [`Error::Arrow`](crate::Error::Arrow) if their ids do not fit a column.
    pub fn forget_before(&mut self, instant_us: i64) -> Result<StringViewArray> {
        let is_old = |user: &User| user.track.last.is_none_or(|last| last.timestamp_us < instant_us);
        let (mut ids, mut users, mut forgotten) = (Ids::default(), vec![], vec![]);
        let names = self.ids.to_array()?;
        for (row, user) in std::mem::take(&mut self.users).into_iter().enumerate() {
            if is_old(&user) {
                forgotten.push(names.value(row));
            } else {
                ids.add(Id::at(&names, row));
                users.push(user);
            }
        }
        (self.ids, self.users) = (ids, users);
        Ok(StringViewArray::from_iter_values(forgotten))
    }
}

fn states_of(bytes: &BinaryArray) -> Result<Vec<User>> {
    let state = |(row, bytes): (usize, Option<&[u8]>)| match bytes {
        Some(bytes) => User::of_bytes(bytes).ok_or_else(|| no_state(row)),
        None => Ok(User::default()),
    };
    bytes.iter().enumerate().map(state).collect()
}

/// The numbers of the users of some rows, whose states are brought near.
fn look_up(ids: &mut Ids, users: &mut Vec<User>, fixes: &Fixes, rows: Range<usize>, numbers: &mut [usize]) {
    for (number, row) in numbers.iter_mut().zip(rows.clone()) {
        *number = fixes.name(row).map_or(0, |name| ids.add(name.id) as usize);
    }
    users.resize_with(ids.len(), User::default);
    let met = numbers.iter().take(rows.len()).filter_map(|number| users.get(*number)).filter(|user| !user.is_empty());
    black_box(met.count());
}

/// One pass over a batch of fixes.
struct Pass<'a> {
    tables: &'a LiveTables,
    options: &'a Options,
    clock: crate::calendar::Clock<'a>,
    counts: &'a mut Counters,
    suggestions: GrowingTable,
    approaches: GrowingTable,
    tells_approaches: bool,
}

impl<'a> Pass<'a> {
    fn new(tables: &'a LiveTables, counts: &'a mut Counters, tells_approaches: bool) -> Self {
        Self {
            tables,
            options: &tables.options,
            clock: tables.clock(),
            counts,
            tells_approaches,
            suggestions: GrowingTable::new(
                &["suggestion_id", "user_id", "establishment_id", "ad_id", "campaign_id", "version"],
                &["distance_m", "miss_m", "closing_speed_mps", "eta_s", "chance", "score"],
                &["held_out"],
            ),
            approaches: GrowingTable::new(
                &["user_id", "establishment_id", "outcome"],
                &["distance_m", "miss_m", "closing_speed_mps", "speed_mps", "eta_s", "chance"],
                &[],
            ),
        }
    }

    fn finish(self) -> Result<(RecordBatch, RecordBatch)> {
        Ok((self.suggestions.finish(&SUGGESTIONS)?, self.approaches.finish(&APPROACHES)?))
    }

    /// Takes a fix of a user.
    #[inline]
    fn take(&mut self, user: &mut User, name: Name, received: &Received) {
        let Some(fix) = self.usable(received).filter(|fix| self.is_next(user, fix)) else { return };
        if !user.track.believes(&fix, self.options, self.counts) {
            return;
        }
        let until_us = fix.timestamp_us.saturating_add(micros(self.options.inside_pause_s));
        let establishments = &self.tables.establishments;
        establishments.for_each_inside(&fix, |group| user.mute(group, until_us, fix.timestamp_us));
        if let Some(legs) = user.track.accept(fix, self.options, self.counts) {
            self.follow(user, name, &legs, fix.timestamp_us);
        }
    }

    /// The fix, unless it tells nothing.
    #[inline]
    fn usable(&mut self, received: &Received) -> Option<Fix> {
        let fix = received.usable(self.options);
        let is_ahead = |fix: &Fix| {
            let latest = |received_us: i64| received_us.saturating_add(micros(self.options.ahead_s));
            received.received_us.is_some_and(|received_us| fix.timestamp_us > latest(received_us))
        };
        let why_not = match &fix {
            None => Counted::Unusable,
            Some(fix) if is_ahead(fix) => Counted::Ahead,
            Some(_) if received.accuracy_m > Some(self.options.worst_accuracy_m) => Counted::Inaccurate,
            Some(_) => return fix,
        };
        self.counts.add(why_not);
        None
    }

    /// Whether a fix comes after the user's last one; the state starts again after a long time.
    #[inline]
    fn is_next(&mut self, user: &mut User, fix: &Fix) -> bool {
        match user.track.age_of(fix, self.options) {
            Age::Next => return true,
            Age::Late => self.counts.add(Counted::Late),
            Age::Duplicate => self.counts.add(Counted::Duplicate),
            Age::Forgotten => {
                self.counts.add(Counted::Returned);
                *user = User::default();
                return true;
            }
            Age::Gap => {
                self.counts.add(Counted::Gap);
                user.track = Track::default();
                return true;
            }
        }
        false
    }

    /// Calls the approaches of a new anchor.
    fn follow(&mut self, user: &mut User, name: Name, legs: &Legs, now_us: i64) {
        self.arm_again(user, &legs.last.to);
        let Some(course) = Course::of(legs, self.options) else { return };
        let establishments = &self.tables.establishments;
        let mut approaches = course.approaches(establishments, &self.tables.chances);
        approaches.retain(|approach| {
            let key = establishments.key(approach.row);
            let is_new = user.track.called.iter().all(|called| called.establishment != key);
            let waits = is_new && approach.chance < self.options.min_chance;
            if waits {
                self.counts.add(Counted::Waiting);
            }
            is_new && !waits
        });
        if !approaches.is_empty() {
            approaches.sort_by(|a, b| establishments.id(a.row).cmp(establishments.id(b.row)));
            self.call(user, name, &approaches, now_us);
        }
    }

    /// Establishments that the user has gone away from may be called again.
    fn arm_again(&self, user: &mut User, at: &Place) {
        let (establishments, track) = (&self.tables.establishments, &mut user.track);
        if track.way_m < track.armed_way_m {
            return;
        }
        let way_m = track.way_m;
        track.called.retain_mut(|called| {
            if way_m < called.way_m {
                return true;
            }
            let Some(row) = establishments.row_of(called.establishment) else { return false };
            let distance_m = at.distance_m(establishments.place(row)) as f32;
            called.way_m = way_m + WAY_SHARE * (called.armed_m - distance_m);
            distance_m <= called.armed_m
        });
        track.armed_way_m = track.called.iter().map(|called| called.way_m).fold(f32::INFINITY, f32::min);
    }

    fn call(&mut self, user: &mut User, name: Name, approaches: &[Approach], now_us: i64) {
        let (establishments, options) = (&self.tables.establishments, self.options);
        let id = UserId { number: self.tables.number_of(name.id), is_held_out: lot_of(name.text) < options.holdout };
        let choice = self.tables.choose(user, id, approaches, now_us, &mut self.clock);
        for (approach, outcome) in approaches.iter().zip(&choice.outcomes) {
            let key = establishments.key(approach.row);
            let armed_m = (options.rearm * approach.distance_m) as f32;
            let way_m = user.track.way_m + WAY_SHARE * (armed_m - approach.distance_m as f32);
            user.track.armed_way_m = user.track.armed_way_m.min(way_m);
            user.track.called.push(Called { establishment: key, armed_m, way_m });
            self.counts.add(Counted::Approach);
            self.counts.add(*outcome);
            if !self.tells_approaches {
                continue;
            }
            self.approaches.add(
                now_us,
                &[name.text, establishments.id(approach.row), outcome.name()],
                &[
                    approach.distance_m,
                    approach.miss_m,
                    approach.closing_speed_mps,
                    approach.speed_mps,
                    approach.eta_s,
                    approach.chance,
                ],
                &[],
            );
        }
        self.suggest(user, name, approaches, &choice, now_us, id.is_held_out);
    }

    fn suggest(
        &mut self,
        user: &mut User,
        name: Name,
        approaches: &[Approach],
        choice: &Outcomes,
        now_us: i64,
        is_held_out: bool,
    ) {
        let Some(suggestion) = &choice.suggestion else { return };
        let (approach, ad) = (&approaches[suggestion.at], suggestion.ad);
        let establishments = &self.tables.establishments;
        let establishment = establishments.id(approach.row);
        let until_us = now_us.saturating_add(micros(self.options.cooldown_s));
        user.mute(establishments.group(approach.row), until_us, now_us);
        user.note_suggestion(now_us, choice.day);
        let id = suggestion_id(name.text, establishment, now_us);
        self.suggestions.add(
            now_us,
            &[&id, name.text, establishment, &ad.ad_id, &ad.campaign_id, &self.tables.version],
            &[
                approach.distance_m,
                approach.miss_m,
                approach.closing_speed_mps,
                approach.eta_s,
                approach.chance,
                suggestion.score,
            ],
            &[is_held_out],
        );
    }
}
