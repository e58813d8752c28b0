//! The constants of the definitions, each once, with its unit in its name and its source.

/// Radius of the sphere on which distances are measured, in metres: the mean radius of the WGS 84 ellipsoid,
/// (2a + b) / 3, as the International Union of Geodesy and Geophysics defines it.
///
/// Source: H. Moritz, "Geodetic Reference System 1980", Journal of Geodesy 74 (2000), 128-133.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A ping strictly less than this far from an establishment, in metres, is a visit.
pub const VISIT_RADIUS_M: f64 = 50.0;

/// A visit at most this long after an interaction, in microseconds, is attributed to it: six hours.
pub const ATTRIBUTION_WINDOW_US: i64 = 6 * 3_600_000_000;

/// Two-sided 95 % quantile of the standard normal distribution, for [Wilson intervals](crate::statistics).
pub const WILSON_Z: f64 = 1.959_963_984_540_054;
