//! Great-circle distance on a sphere.
//!
//! Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984), 159.

use crate::units::EARTH_RADIUS_M;

/// The great-circle distance between two points, in metres, given in degrees.
///
/// NaN if any coordinate is. Swapping the two points gives the very same number.
///
/// ```
/// let (recife, olinda) = ((-8.0631, -34.8711), (-8.0101, -34.8545));
/// let distance_m = footfall::geo::haversine_m(recife.0, recife.1, olinda.0, olinda.1);
/// assert_eq!(distance_m.round(), 6170.0);
/// ```
#[inline]
pub fn haversine_m(latitude_a: f64, longitude_a: f64, latitude_b: f64, longitude_b: f64) -> f64 {
    let cosines = latitude_a.to_radians().cos() * latitude_b.to_radians().cos();
    arc_m(half_chord_squared(latitude_b - latitude_a, longitude_b - longitude_a, cosines))
}

/// The square of half the chord between two points of the unit sphere: the haversine of the angle between them.
/// `cosines` is the product of the cosines of the two latitudes.
#[inline]
pub(super) fn half_chord_squared(latitude_difference: f64, longitude_difference: f64, cosines: f64) -> f64 {
    let sine_latitude = (latitude_difference.to_radians() / 2.0).sin();
    let sine_longitude = (longitude_difference.to_radians() / 2.0).sin();
    sine_latitude * sine_latitude + cosines * (sine_longitude * sine_longitude)
}

/// The arc on the Earth, in metres, over a chord of the unit sphere.
#[inline]
pub(super) fn arc_m(half_chord_squared: f64) -> f64 {
    // Rounding can carry antipodes past 1, where the arcsine ends. `min` would turn NaN into 1.
    let half_chord = if half_chord_squared > 1.0 { 1.0 } else { half_chord_squared.sqrt() };
    2.0 * EARTH_RADIUS_M * half_chord.asin()
}

/// [`haversine_m`] of each row, in metres. A slice of length 1 stands for that value in every row.
///
/// # Panics
///
/// If an input is neither of length 1 nor of the length of `out`.
pub fn haversine_each(
    latitude_a: &[f64],
    longitude_a: &[f64],
    latitude_b: &[f64],
    longitude_b: &[f64],
    out: &mut [f64],
) {
    let rows = out.len();
    let inputs = [latitude_a, longitude_a, latitude_b, longitude_b];
    assert!(inputs.iter().all(|input| input.len() == 1 || input.len() == rows), "inputs of one length, or of length 1");
    let at = |input: &[f64], row: usize| if input.len() == 1 { input[0] } else { input[row] };
    for (row, distance_m) in out.iter_mut().enumerate() {
        let [latitude_a, longitude_a, latitude_b, longitude_b] = inputs.map(|input| at(input, row));
        *distance_m = haversine_m(latitude_a, longitude_a, latitude_b, longitude_b);
    }
}
