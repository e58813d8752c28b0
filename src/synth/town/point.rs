//! A plane around Recife.

use crate::synth::random::{Stream, normal};
use crate::units::EARTH_RADIUS_M;

const LATITUDE: f64 = -8.05;
const LONGITUDE: f64 = -34.90;

/// A point of the plane: metres east and north of the middle of the city.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
}

impl Point {
    /// Metres to `other`.
    pub fn distance_m(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point a share of the way to `other`.
    pub fn towards(self, other: Point, share: f64) -> Point {
        Point { x: self.x + (other.x - self.x) * share, y: self.y + (other.y - self.y) * share }
    }

    /// A point nearby, `spread_m` away in each direction.
    pub fn near(self, random: &mut Stream, spread_m: f64) -> Point {
        Point { x: self.x + spread_m * normal(random), y: self.y + spread_m * normal(random) }
    }

    /// Latitude in degrees, to the sixth decimal place (11 cm).
    pub fn latitude(self) -> f64 {
        round(LATITUDE + self.y / metres_per_degree())
    }

    /// Longitude in degrees, to the sixth decimal place.
    pub fn longitude(self) -> f64 {
        round(LONGITUDE + self.x / (metres_per_degree() * SHRINK))
    }

    /// The point at a latitude and longitude, in degrees.
    pub fn at(latitude: f64, longitude: f64) -> Point {
        let x = (longitude - LONGITUDE) * metres_per_degree() * SHRINK;
        Point { x, y: (latitude - LATITUDE) * metres_per_degree() }
    }
}

/// The cosine of [`LATITUDE`]: how much shorter a degree of longitude is.
const SHRINK: f64 = 0.990_146_4;

const fn metres_per_degree() -> f64 {
    EARTH_RADIUS_M * std::f64::consts::PI / 180.0
}

fn round(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}
