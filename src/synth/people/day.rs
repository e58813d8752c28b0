//! One day of one user: what is looked at, where it leads to, and what else there is to do.

use rand::RngExt;

use super::events::{Event, Life, Segment};
use super::person::Person;
use super::trips::Trip;
use crate::synth::random::{Stream, around, normal};
use crate::synth::town::categories::CATEGORIES;
use crate::synth::town::market::REACH_M;
use crate::synth::town::point::Point;
use crate::synth::town::tastes::CAUSED_VISIT;
use crate::synth::town::world::{World, times};

/// Whoever follows an ad arrives this long after it, so that the visit is well within six hours: seconds.
const AFTER_VIEW_S: (f64, f64) = (300.0, 19_800.0);
/// How often a user goes out without an ad for a first and for a second time, on a workday and on a weekend.
const OUTINGS: [[f64; 2]; 2] = [[0.7, 0.2], [0.95, 0.6]];
/// How often a user goes to the usual place of a category.
const USUAL: f64 = 0.6;
/// Somebody who finds no free time for an outing after so many looks at the calendar stays at home.
const TRIES: usize = 10;
const HOUR_S: f64 = 3600.0;
/// Pings along a trip are so far apart, one number per trip: seconds.
const TRIP_STEP_S: std::ops::Range<f64> = 30.0..120.0;
/// Pings during a visit, short or long, so that no category leads by its patience.
const VISIT_PINGS: std::ops::RangeInclusive<u32> = 2..=4;

/// Something that takes a user from home or work and back, or from one to the other.
#[derive(Debug)]
struct Errand {
    leave_s: f64,
    back_s: f64,
    trip: Trip,
    kind: ErrandKind,
}

#[derive(Clone, Copy, Debug)]
enum ErrandKind {
    /// To an establishment: when there, until when, and how many pings on the way, there and on the way back.
    Outing { establishment: u32, arrive_s: f64, depart_s: f64, pings: [u32; 3] },
    /// To work or home.
    Commute { home: bool, pings: u32 },
}

/// How a user's telephone reports.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// The views of ads on a day, on average.
    pub views: f64,
    /// How often a way to or from work is reported.
    pub commutes: f64,
    /// How many pings there may be in all on the way and at establishments.
    pub pings: usize,
}

/// Plans the days of one user.
#[derive(Debug)]
pub struct Planner<'a> {
    /// The city.
    pub world: &'a World,
    /// Who it is.
    pub person: &'a Person,
    /// How much of it is seen.
    pub habits: Habits,
    /// The user's own stream.
    pub random: &'a mut Stream,
    /// Where the plan goes.
    pub life: &'a mut Life,
    errands: Vec<Errand>,
    office_s: Option<(f64, f64)>,
    day: usize,
    length_s: f64,
}

impl<'a> Planner<'a> {
    /// A planner whose plans go to `life`.
    pub fn new(
        world: &'a World,
        person: &'a Person,
        habits: Habits,
        random: &'a mut Stream,
        life: &'a mut Life,
    ) -> Self {
        Self { world, person, habits, random, life, errands: Vec::new(), office_s: None, day: 0, length_s: 0.0 }
    }

    /// Plans one day.
    pub fn plan(&mut self, day: usize) {
        (self.day, self.length_s) = (day, self.world.days.length_s(day));
        self.errands.clear();
        self.go_to_work();
        for _ in 0..times(self.habits.views, self.random) {
            self.view();
        }
        self.go_out();
        self.write_down();
    }

    fn go_to_work(&mut self) {
        self.office_s = None;
        let Some(work) = self.person.work.filter(|_| self.world.days.weekday(self.day) < 5) else { return };
        let begin_s = around(self.random, self.person.hours_s.0, 0.25 * HOUR_S);
        let end_s = around(self.random, self.person.hours_s.1, 0.4 * HOUR_S);
        let trip = self.trip(self.person.home, work);
        let (leave_s, back_s) = (begin_s - trip.duration_s, end_s + trip.duration_s);
        if leave_s < 0.0 || back_s > self.length_s || end_s - begin_s < HOUR_S {
            return;
        }
        let ways = [(leave_s, begin_s, false), (end_s, back_s, true)];
        for (leave_s, back_s, home) in ways {
            let pings = self.reported(self.habits.commutes, trip.duration_s);
            let pings = if self.life.moving + pings as usize > self.habits.pings { 0 } else { pings };
            self.life.moving += pings as usize;
            self.errands.push(Errand {
                leave_s,
                back_s,
                trip: trip.clone(),
                kind: ErrandKind::Commute { home, pings },
            });
        }
        self.office_s = Some((begin_s, end_s));
    }

    /// Looks at an ad, perhaps clicks on it, perhaps goes there.
    fn view(&mut self) {
        let (hour, category) = self.world.likings.view(&self.person.tastes, self.random);
        let at_s = hour * HOUR_S;
        let Some(ad) = self.world.market.ad(category, self.random).filter(|_| at_s < self.length_s - 0.01) else {
            return;
        };
        self.note(at_s, ad, false);
        let planted = &self.world.market.ads[ad as usize];
        if self.random.random_bool(self.world.market.ctr[planted.campaign]) {
            let after_s = (1.5 + 0.8 * normal(self.random)).exp().clamp(0.5, 60.0);
            self.note((at_s + after_s).min(self.length_s - 0.001), ad, true);
        }
        if let Some(establishment) = planted.establishment {
            self.follow(at_s, establishment);
        }
    }

    fn note(&mut self, at_s: f64, ad: u32, click: bool) {
        let timestamp_us = self.world.instant_us(self.day, at_s);
        self.life.events.push(Event { timestamp_us, click, ad });
    }

    /// With the planted probability, goes where an ad led to.
    fn follow(&mut self, seen_s: f64, establishment: u32) {
        let target = &self.world.market.establishments[establishment as usize];
        let earliest_s = (seen_s + AFTER_VIEW_S.0).max(f64::from(target.opens) * HOUR_S);
        let latest_s = (seen_s + AFTER_VIEW_S.1).min((f64::from(target.closes) - 0.5) * HOUR_S);
        let reached = self.person.home.distance_m(target.place) < REACH_M;
        if latest_s - earliest_s < 0.5 * HOUR_S || !reached {
            return;
        }
        self.life.counts.eligible_views += 1;
        let follows = self.random.random_bool(CAUSED_VISIT);
        if follows && self.book(establishment, seen_s, |random| random.random_range(earliest_s..latest_s)) {
            self.life.counts.caused_trips += 1;
        }
    }

    /// Goes out for no other reason than the weekday's taste.
    fn go_out(&mut self) {
        let weekday = self.world.days.weekday(self.day);
        for chance in OUTINGS[usize::from(weekday >= 5)] {
            if !self.random.random_bool(chance) {
                continue;
            }
            let category = self.world.likings.outing(&self.person.tastes, weekday, self.random);
            let usual = self.person.usual[category].filter(|_| self.random.random_bool(USUAL));
            let found = usual.or_else(|| self.world.market.establishment_near(category, self.person.home, self.random));
            if let Some(establishment) = found {
                let world = self.world;
                self.book(establishment, 0.0, |random| world.likings.arrival(category, random) * HOUR_S);
            }
        }
    }

    /// Finds a time for an outing that starts after `after_s`, between the other errands and in opening hours.
    fn book(&mut self, establishment: u32, after_s: f64, mut arrival_s: impl FnMut(&mut Stream) -> f64) -> bool {
        for _ in 0..TRIES {
            let (arrive_s, corners) = (arrival_s(self.random), self.life.corners.len());
            if let Some(errand) = self.outing(establishment, arrive_s, after_s) {
                let category = self.world.market.establishments[establishment as usize].category;
                self.life.counts.outings[category] += 1;
                self.errands.push(errand);
                return true;
            }
            self.life.corners.truncate(corners);
        }
        false
    }

    fn outing(&mut self, establishment: u32, arrive_s: f64, after_s: f64) -> Option<Errand> {
        let target = &self.world.market.establishments[establishment as usize];
        let closes_s = f64::from(target.closes) * HOUR_S;
        let usual_s = CATEGORIES[target.category].stay_min * 60.0;
        let stay_s = (usual_s * self.random.random_range(0.5..1.6)).min(closes_s - arrive_s);
        if arrive_s < f64::from(target.opens) * HOUR_S || stay_s < 300.0 {
            return None;
        }
        let trip = self.trip(self.base(arrive_s), target.place);
        let (leave_s, depart_s) = (arrive_s - trip.duration_s, arrive_s + stay_s);
        let back_s = depart_s + trip.duration_s;
        let free = self.errands.iter().all(|errand| back_s < errand.leave_s || errand.back_s < leave_s);
        let pings = [
            self.reported(1.0, trip.duration_s),
            self.random.random_range(VISIT_PINGS),
            self.reported(0.5, trip.duration_s),
        ];
        let moving = self.life.moving + pings.iter().sum::<u32>() as usize;
        if !free || leave_s < after_s || back_s > self.length_s || moving > self.habits.pings {
            return None;
        }
        self.life.moving = moving;
        Some(Errand { leave_s, back_s, trip, kind: ErrandKind::Outing { establishment, arrive_s, depart_s, pings } })
    }

    /// How many pings a trip makes, if it is reported at all.
    fn reported(&mut self, chance: f64, duration_s: f64) -> u32 {
        let steps = duration_s / self.random.random_range(TRIP_STEP_S);
        if self.random.random_bool(chance) { (steps as u32).max(1) } else { 0 }
    }

    fn trip(&mut self, from: Point, to: Point) -> Trip {
        Trip::new(&self.world.places, from, to, &mut self.life.corners, self.random)
    }

    fn base(&self, at_s: f64) -> Point {
        let at_work = self.office_s.is_some_and(|(begin_s, end_s)| (begin_s..end_s).contains(&at_s));
        self.person.work.filter(|_| at_work).unwrap_or(self.person.home)
    }

    /// Puts the day together: errands in their order, and stays between them.
    fn write_down(&mut self) {
        self.errands.sort_unstable_by(|a, b| a.leave_s.total_cmp(&b.leave_s));
        let (mut place, mut since_s, day) = (self.person.home, 0.0, self.day);
        for Errand { leave_s, back_s, trip, kind } in self.errands.drain(..) {
            self.life.segments.push(Segment::Stay { place, day, from_s: since_s, to_s: leave_s });
            since_s = back_s;
            let way = |start_s, back, pings| Segment::Trip { trip: trip.clone(), back, day, start_s, pings };
            match kind {
                ErrandKind::Commute { home, pings } => {
                    self.life.segments.push(way(leave_s, home, pings));
                    place = self.person.work.filter(|_| !home).unwrap_or(self.person.home);
                }
                ErrandKind::Outing { establishment, arrive_s, depart_s, pings } => {
                    let place = self.world.market.establishments[establishment as usize].place;
                    let visit = Segment::Visit { place, day, from_s: arrive_s, to_s: depart_s, pings: pings[1] };
                    self.life.segments.extend([way(leave_s, false, pings[0]), visit, way(depart_s, true, pings[2])]);
                }
            }
        }
        self.life.segments.push(Segment::Stay { place, day, from_s: since_s, to_s: self.length_s });
    }
}
