//! A leg and an establishment: whether a user is approaching it, and when they arrive.

use super::chances::Chances;
use super::corridor::{Corridor, Heading, Plane};
use super::establishments::KnownEstablishments;
use super::options::Options;
use super::track::{Leg, Legs};
use crate::geo::Place;

/// A user approaches an establishment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Approach {
    /// The establishment's row.
    pub(super) row: u32,
    pub(super) distance_m: f64,
    pub(super) miss_m: f64,
    pub(super) speed_mps: f64,
    pub(super) closing_speed_mps: f64,
    pub(super) eta_s: f64,
    pub(super) chance: f64,
}

/// Where a user is going.
pub(super) struct Course<'a> {
    legs: &'a Legs,
    options: &'a Options,
    /// The speed over both legs, and over the last one if it is long enough to speak for itself.
    both: Option<f64>,
    long: Option<f64>,
    corridor: Corridor,
}

/// Coming nearer: over which way, and in which time.
struct Closing {
    metres: f64,
    seconds: f64,
    speed_mps: f64,
}

impl<'a> Course<'a> {
    /// The course of two legs; `None` if nobody at such a speed is looked at.
    pub(super) fn of(legs: &'a Legs, options: &'a Options) -> Option<Self> {
        let is_usual = |speed: &f64| (options.speed_min_mps..=options.speed_max_mps).contains(speed);
        let both = legs.earlier.map(|earlier| speed_over(&earlier, &legs.last)).filter(is_usual);
        let away_m = options.long_leg_away * legs.last.length_m;
        let leads_back = legs.earlier.is_some_and(|earlier| earlier.from.distance_m(&legs.last.to) < away_m);
        let is_long =
            legs.last.length_m >= options.long_leg_m && legs.last.seconds >= options.long_leg_s && !leads_back;
        let long = is_long.then(|| legs.last.length_m / legs.last.seconds).filter(is_usual);
        let speed = both.into_iter().chain(long).reduce(f64::max)?;
        let plane = Plane::at(&legs.last.to);
        let heading = Heading::from(&plane, &legs.last.from)?;
        let (miss_m, miss_share) = (options.miss_m, options.miss_share);
        let corridor = Corridor { plane, heading, reach_m: horizon_m(speed, options), miss_m, miss_share };
        Some(Self { legs, options, both, long, corridor })
    }

    /// All establishments that are approached, by row.
    pub(super) fn approaches(&self, establishments: &KnownEstablishments, chances: &Chances) -> Vec<Approach> {
        let mut found = vec![];
        establishments.corridors.for_each_in(&self.corridor, |row, place| {
            found.extend(self.approach(row, place, chances));
        });
        found
    }

    fn approach(&self, row: u32, place: &Place, chances: &Chances) -> Option<Approach> {
        let (along_m, miss_m) = self.corridor.heading.along_and_beside(self.corridor.plane.of(place));
        let widest_m = self.options.miss_m + self.options.miss_share * self.corridor.reach_m;
        if along_m <= 0.0 || miss_m > widest_m {
            return None;
        }
        let distance_m = self.legs.last.to.distance_m(place);
        let is_near = miss_m <= self.options.miss_m + self.options.miss_share * distance_m;
        if !is_near || distance_m < self.options.visit_radius_m || distance_m > self.corridor.reach_m {
            return None;
        }
        let closing = [self.closing_of_both(place, distance_m), self.closing_of_long(place, distance_m)];
        let (closing, eta_s) = closing.into_iter().flatten().find_map(|closing| {
            let eta_s = distance_m / (closing.metres / closing.seconds);
            (self.options.eta_min_s..=self.options.eta_max_s).contains(&eta_s).then_some((closing, eta_s))
        })?;
        let closing_speed_mps = closing.metres / closing.seconds;
        let chance = chances.of(miss_m, eta_s, closing.speed_mps);
        Some(Approach { row, distance_m, miss_m, speed_mps: closing.speed_mps, closing_speed_mps, eta_s, chance })
    }

    /// Each of two legs comes nearer, and both together do so by more.
    fn closing_of_both(&self, place: &Place, distance_m: f64) -> Option<Closing> {
        let (speed_mps, earlier, last) = (self.both?, self.legs.earlier?, self.legs.last);
        let between_m = last.from.distance_m(place);
        let (first_m, second_m) = (earlier.from.distance_m(place) - between_m, between_m - distance_m);
        let (share, length_m) = (self.options.leg_closing, earlier.length_m + last.length_m);
        let comes_nearer = first_m >= share * earlier.length_m
            && second_m >= share * last.length_m
            && first_m + second_m >= self.options.both_closing * length_m
            && distance_m <= horizon_m(speed_mps, self.options);
        comes_nearer.then_some(Closing {
            metres: first_m + second_m,
            seconds: earlier.seconds + last.seconds,
            speed_mps,
        })
    }

    /// One long leg comes nearer by most of its length.
    fn closing_of_long(&self, place: &Place, distance_m: f64) -> Option<Closing> {
        let (speed_mps, last) = (self.long?, self.legs.last);
        let metres = last.from.distance_m(place) - distance_m;
        let comes_nearer =
            metres >= self.options.long_leg_closing * last.length_m && distance_m <= horizon_m(speed_mps, self.options);
        comes_nearer.then_some(Closing { metres, seconds: last.seconds, speed_mps })
    }
}

fn speed_over(earlier: &Leg, last: &Leg) -> f64 {
    (earlier.length_m + last.length_m) / (earlier.seconds + last.seconds)
}

/// How far ahead establishments are looked for.
fn horizon_m(speed_mps: f64, options: &Options) -> f64 {
    (speed_mps * options.horizon_s).max(options.horizon_min_m).min(options.horizon_max_m)
}
