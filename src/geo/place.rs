//! A place in degrees, and how long a list of places is that is copied at once.

/// Where something is, in degrees, and the cosine of its latitude.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) cosine: f64,
}

#[inline]
pub(super) fn place(latitude: f64, longitude: f64) -> Place {
    Place { latitude, longitude, cosine: latitude.to_radians().cos() }
}

/// Most lists are not longer: up to here, their copy takes no branch.
pub(super) const SHORT: usize = 4;
