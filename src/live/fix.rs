//! Positions as they come.

use super::options::Options;
use crate::geo::{Place, place};
use crate::units::EARTH_RADIUS_M;

/// Where somebody was at an instant. It is small: several are kept of each user.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Fix {
    pub(super) timestamp_us: i64,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) accuracy_m: f32,
    /// Whether it lies beyond the leg of the last anchor, and another one there would be an anchor.
    pub(super) is_witness: bool,
}

impl Fix {
    #[inline]
    pub(super) fn place(&self) -> Place {
        place(self.latitude, self.longitude)
    }

    #[inline]
    pub(super) fn distance_m(&self, other: &Fix) -> f64 {
        self.place().distance_m(&other.place())
    }

    /// Whether another fix is certainly less than so many metres away, told without a root or a cosine.
    #[inline]
    pub(super) fn is_certainly_within(&self, other: &Fix, metres: f64) -> bool {
        let degrees = (self.latitude - other.latitude).abs() + (self.longitude - other.longitude).abs();
        1.001 * EARTH_RADIUS_M * degrees.to_radians() < metres
    }

    #[inline]
    pub(super) fn seconds_since(&self, earlier: &Fix) -> f64 {
        (self.timestamp_us - earlier.timestamp_us) as f64 / 1e6
    }

    /// How far apart two fixes are at least if their user moved between them.
    #[inline]
    pub(super) fn leg_m(&self, other: &Fix, options: &Options) -> f64 {
        let [a, b] = [self.accuracy_m, other.accuracy_m].map(f64::from);
        options.leg_m.max(options.leg_sigmas * (a * a + b * b).sqrt())
    }
}

/// A fix as it is received: any of its values may be missing or wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) timestamp_us: Option<i64>,
    pub(super) latitude: Option<f64>,
    pub(super) longitude: Option<f64>,
    pub(super) accuracy_m: Option<f64>,
    /// The time of the message that brought it.
    pub(super) received_us: Option<i64>,
}

impl Received {
    /// The fix, if it can be used.
    #[inline]
    pub(super) fn usable(&self, options: &Options) -> Option<Fix> {
        let accuracy_m = self.accuracy_m.unwrap_or(options.default_accuracy_m);
        let fix = Fix {
            timestamp_us: self.timestamp_us?,
            latitude: self.latitude?,
            longitude: self.longitude?,
            accuracy_m: accuracy_m as f32,
            is_witness: false,
        };
        let is_on_earth = fix.latitude.abs() <= 90.0 && fix.longitude.abs() <= 180.0;
        (is_on_earth && accuracy_m >= 0.0).then_some(fix)
    }
}
