//! Ways through the city: on foot around a corner, or by car along the roads.

use std::ops::Range;

use rand::RngExt;

use crate::synth::random::Stream;
use crate::synth::town::places::Places;
use crate::synth::town::point::Point;

/// People walk up to here, and drive further.
const WALK_M: f64 = 1_200.0;

/// The corners of many trips, one behind the other.
pub type Corners = Vec<Point>;

/// One way, at one speed.
#[derive(Clone, Debug)]
pub struct Trip {
    /// Its corners.
    corners: Range<usize>,
    length_m: f64,
    /// How long it takes.
    pub duration_s: f64,
}

impl Trip {
    /// A way from one place to another, at walking or driving speed; its corners go behind `corners`.
    pub fn new(places: &Places, from: Point, to: Point, corners: &mut Corners, random: &mut Stream) -> Self {
        let (begin, straight_m) = (corners.len(), from.distance_m(to));
        if straight_m < WALK_M {
            let around = if random.random() { Point { x: from.x, y: to.y } } else { Point { x: to.x, y: from.y } };
            corners.extend([from, around, to]);
        } else {
            places.roads.ride(from, to, corners);
        }
        let length_m: f64 = corners[begin..].windows(2).map(|leg| leg[0].distance_m(leg[1])).sum();
        // Longer rides use faster roads.
        let driving_mps = random.random_range(5.0..9.0) + (length_m / 2_500.0).min(8.0);
        let speed_mps = if straight_m < WALK_M { random.random_range(1.1..1.6) } else { driving_mps };
        Self { corners: begin..corners.len(), length_m, duration_s: (length_m / speed_mps).max(20.0) }
    }

    /// Tells the place at each of some shares of the way, which must come in order, there or back.
    pub fn walk<'a>(&self, corners: &'a Corners, back: bool) -> TripWalk<'a> {
        TripWalk { corners: &corners[self.corners.clone()], length_m: self.length_m, back, leg: 0, behind_m: 0.0 }
    }
}

/// Somebody on the way.
#[derive(Debug)]
pub struct TripWalk<'a> {
    corners: &'a [Point],
    length_m: f64,
    back: bool,
    leg: usize,
    behind_m: f64,
}

impl TripWalk<'_> {
    /// The place at a share of the way, no smaller than the one before.
    pub fn at(&mut self, share: f64) -> Point {
        let walked_m = share * self.length_m;
        loop {
            let (from, to) = self.ends();
            let leg_m = from.distance_m(to);
            if walked_m <= self.behind_m + leg_m || self.leg + 2 >= self.corners.len() {
                return from.towards(to, ((walked_m - self.behind_m) / leg_m.max(0.001)).clamp(0.0, 1.0));
            }
            self.behind_m += leg_m;
            self.leg += 1;
        }
    }

    fn ends(&self) -> (Point, Point) {
        let last = self.corners.len() - 1;
        let corner = |at: usize| self.corners[if self.back { last - at } else { at }];
        (corner(self.leg), corner(self.leg + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::random::{Purpose, stream};

    #[test]
    fn a_trip_leads_from_end_to_end_and_back() {
        let (places, mut random) = (Places::default(), stream(3, Purpose::Person, 0));
        for _ in 0..200 {
            let (from, to) = (places.home(&mut random), places.shop(&mut random));
            let mut corners = vec![Point::default()];
            let trip = Trip::new(&places, from, to, &mut corners, &mut random);
            let (mut there, mut back) = (trip.walk(&corners, false), trip.walk(&corners, true));
            assert!(there.at(0.0).distance_m(from) < 1.0 && back.at(0.0).distance_m(to) < 1.0);
            let (half, other_half) = (there.at(0.5), back.at(0.5));
            assert!(half.distance_m(other_half) < 1.0);
            assert!(there.at(1.0).distance_m(to) < 1.0 && back.at(1.0).distance_m(from) < 1.0);
        }
    }

    #[test]
    fn walkers_walk_and_drivers_drive() {
        let (places, mut random) = (Places::default(), stream(4, Purpose::Person, 0));
        for _ in 0..200 {
            let (from, to) = (places.home(&mut random), places.shop(&mut random));
            let trip = Trip::new(&places, from, to, &mut Vec::new(), &mut random);
            let speed_mps = trip.length_m / trip.duration_s;
            let expected = if from.distance_m(to) < WALK_M { 0.0..1.7 } else { 5.0..17.1 };
            assert!(expected.contains(&speed_mps), "{speed_mps}");
        }
    }
}
