//! A place in degrees, and how long a list of places is that is copied at once.

use super::haversine::{arc_m, half_chord_squared};

/// Where something is, in degrees, and the cosine of its latitude.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    pub(crate) cosine: f64,
}

#[inline]
pub(crate) fn place(latitude: f64, longitude: f64) -> Place {
    Place { latitude, longitude, cosine: latitude.to_radians().cos() }
}

impl Place {
    /// [`haversine_m`](super::haversine_m), to the bit.
    #[inline]
    pub(crate) fn distance_m(&self, other: &Place) -> f64 {
        let (north, east) = (other.latitude - self.latitude, other.longitude - self.longitude);
        arc_m(half_chord_squared(north, east, self.cosine * other.cosine))
    }
}

/// Most lists are not longer: up to here, their copy takes no branch.
pub(super) const SHORT: usize = 4;
