//! Writes the pings of one user: along trips, during visits, and now and then at home and at work.

use rand::RngExt;

use super::events::Segment;
use super::trips::{Corners, Trip};
use crate::synth::random::Stream;
use crate::synth::tables::{Ping, PingRows};
use crate::synth::town::point::Point;
use crate::synth::town::world::World;

/// A telephone at rest by night, from 0 to 6, reports this much less often.
const NIGHT: f64 = 0.35;
const NIGHT_S: f64 = 6.0 * 3600.0;
/// What telephones say of the accuracy of a position, in metres; one in twenty says nothing.
const ACCURACY_M: [f64; 16] = [3.8, 4.2, 4.7, 5.0, 5.5, 6.0, 7.1, 8.0, 9.6, 10.0, 12.0, 14.1, 16.0, 20.0, 30.0, 48.0];
const WITHOUT_ACCURACY: f64 = 0.05;

/// Walks through the plan of one user and notes positions, in order of time.
#[derive(Debug)]
pub struct Pen<'a> {
    world: &'a World,
    user_id: &'a str,
    segments: &'a [Segment],
    random: &'a mut Stream,
    rows: &'a mut PingRows,
    /// How far apart the pings at rest are, on a clock that runs slower by night.
    step_s: f64,
    /// On that clock: the time at rest so far, the next ping, the last instant.
    rested_s: f64,
    next_s: f64,
    end_s: f64,
    resting: usize,
}

impl<'a> Pen<'a> {
    /// A pen for a user of whom `resting` pings are heard at home and at work, spread evenly over all stays.
    pub fn new(
        world: &'a World,
        user_id: &'a str,
        segments: &'a [Segment],
        resting: usize,
        random: &'a mut Stream,
        rows: &'a mut PingRows,
    ) -> Self {
        let end_s = segments.iter().fold(0.0, |sum, segment| sum + rest_s(segment));
        let step_s = end_s / resting.max(1) as f64;
        let next_s = random.random::<f64>() * step_s;
        Self { world, user_id, segments, random, rows, step_s, rested_s: 0.0, next_s, end_s, resting }
    }

    /// Writes all of the user's pings.
    pub fn write(mut self, corners: &Corners) {
        for segment in self.segments {
            match segment {
                Segment::Trip { trip, back, day, start_s, pings } => {
                    self.trip(trip, *back, *day, *start_s, *pings, corners);
                }
                &Segment::Visit { place, day, from_s, to_s, pings } => self.visit(place, day, from_s, to_s, pings),
                &Segment::Stay { place, day, from_s, .. } => self.stay(place, day, from_s, rest_s(segment)),
            }
        }
    }

    fn trip(&mut self, trip: &Trip, back: bool, day: usize, start_s: f64, pings: u32, corners: &Corners) {
        let mut walk = trip.walk(corners, back);
        for ping in 0..pings {
            let share = (f64::from(ping) + self.random.random_range(0.35..0.65)) / f64::from(pings);
            self.note(walk.at(share), day, start_s + share * trip.duration_s);
        }
    }

    /// The first ping comes soon after arrival.
    fn visit(&mut self, place: Point, day: usize, from_s: f64, to_s: f64, pings: u32) {
        let step_s = (to_s - from_s) / f64::from(pings);
        for ping in 0..pings {
            let latest = if ping == 0 { 0.1 } else { 0.8 };
            let at_s = from_s + (f64::from(ping) + self.random.random_range(0.0..latest)) * step_s;
            self.note(place, day, at_s);
        }
    }

    fn stay(&mut self, place: Point, day: usize, from_s: f64, rest_s: f64) {
        let (begin_s, end_s) = (self.rested_s, self.rested_s + rest_s);
        while self.resting > 0 && self.next_s < end_s {
            let at_s = from_slow(slow(from_s) + self.next_s - begin_s);
            self.note(place, day, at_s);
            self.resting -= 1;
            let ahead_s = (self.resting as f64 - self.random.random::<f64>()) * self.step_s;
            // The last one must not fall off the end by rounding.
            self.next_s = (self.end_s - ahead_s).clamp(self.next_s, self.end_s * (1.0 - 1e-9));
        }
        self.rested_s = end_s;
    }

    fn note(&mut self, place: Point, day: usize, at_s: f64) {
        let accuracy_m = ACCURACY_M[self.random.random_range(0..ACCURACY_M.len())];
        // A reported accuracy holds two positions of three: about 1.5 standard deviations in each direction.
        let seen = place.near(self.random, accuracy_m / 1.5);
        let accuracy_m = Some(accuracy_m).filter(|_| !self.random.random_bool(WITHOUT_ACCURACY));
        let timestamp_us = self.world.instant_us(day, at_s);
        let (latitude, longitude) = (seen.latitude(), seen.longitude());
        self.rows.push(self.user_id, &Ping { timestamp_us, latitude, longitude, accuracy_m });
    }
}

/// The length of a stay on the clock that runs slower by night.
fn rest_s(segment: &Segment) -> f64 {
    match *segment {
        Segment::Stay { from_s, to_s, .. } => slow(to_s) - slow(from_s),
        _ => 0.0,
    }
}

fn slow(at_s: f64) -> f64 {
    at_s.min(NIGHT_S) * NIGHT + (at_s - NIGHT_S).max(0.0)
}

fn from_slow(slow_s: f64) -> f64 {
    (slow_s / NIGHT).min(NIGHT_S) + (slow_s - NIGHT_S * NIGHT).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_clock_goes_back() {
        for hour in 0..=24 {
            let at_s = f64::from(hour) * 3600.0;
            assert!((from_slow(slow(at_s)) - at_s).abs() < 1e-6);
        }
        assert_eq!(slow(NIGHT_S), NIGHT_S * NIGHT);
    }
}
