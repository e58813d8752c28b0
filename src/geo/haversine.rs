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
pub(super) fn half_chord_squared(north_degrees: f64, east_degrees: f64, cosines: f64) -> f64 {
    let (sine_north, sine_east) = (sine(half_radians(north_degrees)), sine(half_radians(east_degrees)));
    sine_north * sine_north + cosines * (sine_east * sine_east)
}

/// The arc on the Earth, in metres, over a chord of the unit sphere.
#[inline]
pub(super) fn arc_m(half_chord_squared: f64) -> f64 {
    2.0 * EARTH_RADIUS_M * half_angle(half_chord_squared)
}

/// [`arc_m`] of [`half_chord_squared`] of each row, to the bit, by a loop that vectorises where all are small.
pub(super) fn arcs_m(north_degrees: &[f64], east_degrees: &[f64], cosines: &[f64], out: &mut [f64]) {
    let rows = || north_degrees.iter().zip(east_degrees).zip(cosines);
    let mut all_small = true;
    for (((&north, &east), &cosines), arc_m) in rows().zip(out.iter_mut()) {
        let (north, east) = (half_radians(north), half_radians(east));
        let (sine_north, sine_east) = (small_sine(north), small_sine(east));
        let squared = sine_north * sine_north + cosines * (sine_east * sine_east);
        all_small &= (north.abs() <= SMALL) & (east.abs() <= SMALL) & (squared <= SMALL * SMALL);
        *arc_m = 2.0 * EARTH_RADIUS_M * small_half_angle(squared);
    }
    if !all_small {
        for (((&north, &east), &cosines), out) in rows().zip(out) {
            *out = arc_m(half_chord_squared(north, east, cosines));
        }
    }
}

/// Up to here (400 km on the Earth) a few terms of the Taylor series are all that a double can hold. They vectorise,
/// and are the same on every platform.
const SMALL: f64 = 1.0 / 32.0;

#[inline]
fn half_radians(degrees: f64) -> f64 {
    degrees.to_radians() / 2.0
}

#[inline]
fn sine(angle: f64) -> f64 {
    if angle.abs() <= SMALL { small_sine(angle) } else { angle.sin() }
}

/// The first term left out is below SMALL^8 / 9! = 2.5e-18 of the whole.
#[inline]
fn small_sine(angle: f64) -> f64 {
    let squared = angle * angle;
    angle + angle * squared * (-1.0 / 6.0 + squared * (1.0 / 120.0 - squared * (1.0 / 5_040.0)))
}

/// The arcsine of the square root.
#[inline]
fn half_angle(half_chord_squared: f64) -> f64 {
    if half_chord_squared <= SMALL * SMALL {
        return small_half_angle(half_chord_squared);
    }
    // Rounding can carry antipodes past 1, where the arcsine ends. `min` would turn NaN into 1.
    let half_chord = if half_chord_squared > 1.0 { 1.0 } else { half_chord_squared.sqrt() };
    half_chord.asin()
}

/// The first term left out is below SMALL^10 * 63 / 2816 = 2.0e-17 of the whole.
#[inline]
fn small_half_angle(squared: f64) -> f64 {
    let series = 3.0 / 40.0 + squared * (5.0 / 112.0 + squared * (35.0 / 1_152.0));
    let half_chord = squared.sqrt();
    half_chord + half_chord * squared * (1.0 / 6.0 + squared * series)
}

/// Rows from which on it is worth the while to wake other cores.
const MANY_ROWS: usize = 1_000_000;

/// [`haversine_m`] of each row, in metres, by all cores if there are many. A slice of length 1 stands for that value in
/// every row.
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
    let cores = if rows < MANY_ROWS { 1 } else { std::thread::available_parallelism().map_or(1, Into::into) };
    let share = rows.div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        for (number, out) in out.chunks_mut(share).enumerate() {
            let rows = number * share..number * share + out.len();
            let inputs = inputs.map(|input| if input.len() == 1 { input } else { &input[rows.clone()] });
            match cores {
                1 => each(inputs, out),
                _ => drop(scope.spawn(move || each(inputs, out))),
            }
        }
    });
}

fn each(inputs: [&[f64]; 4], out: &mut [f64]) {
    let at = |input: &[f64], row: usize| if input.len() == 1 { input[0] } else { input[row] };
    for (row, distance_m) in out.iter_mut().enumerate() {
        let [latitude_a, longitude_a, latitude_b, longitude_b] = inputs.map(|input| at(input, row));
        *distance_m = haversine_m(latitude_a, longitude_a, latitude_b, longitude_b);
    }
}

#[cfg(test)]
mod tests {
    use super::{arc_m, arcs_m, half_angle, half_chord_squared, haversine_each, haversine_m, sine};
    use crate::units::EARTH_RADIUS_M;

    #[test]
    fn known_distances() {
        let quarter_m = std::f64::consts::FRAC_PI_2 * EARTH_RADIUS_M;
        assert_eq!(haversine_m(12.5, -7.25, 12.5, -7.25), 0.0);
        assert!((haversine_m(-90.0, 0.0, 90.0, 77.0) - 2.0 * quarter_m).abs() < 1e-6);
        assert!((haversine_m(0.0, 0.0, 0.0, 90.0) - quarter_m).abs() < 1e-6);
        assert!((haversine_m(0.0, 179.9, 0.0, -179.9) - quarter_m / 450.0).abs() < 1e-6);
        assert!((haversine_m(10.0, 20.0, -10.0, -160.0) - 2.0 * quarter_m).abs() < 0.2);
        // One degree of latitude on this sphere.
        assert!((haversine_m(40.0, 5.0, 41.0, 5.0) - 111_195.080_233_5).abs() < 1e-6);
    }

    #[test]
    fn nan_stays_nan_and_order_does_not_matter() {
        assert!(haversine_m(f64::NAN, 0.0, 0.0, 0.0).is_nan());
        assert!(haversine_m(0.0, 0.0, 0.0, f64::INFINITY).is_nan());
        assert_eq!(haversine_m(1.0, 2.0, 3.5, 4.25), haversine_m(3.5, 4.25, 1.0, 2.0));
    }

    #[test]
    fn the_series_meet_the_library_functions() {
        for step in 1..=40_000 {
            let angle = f64::from(step) * 1e-6;
            assert!((sine(angle) / angle.sin() - 1.0).abs() < 5e-16, "{angle}");
            assert!((half_angle(angle * angle) / angle.asin() - 1.0).abs() < 5e-16, "{angle}");
        }
    }

    #[test]
    fn rows_give_the_same_bits_as_single_values() {
        for widest in [1e-6, 0.01, 3.5, 3.6, 180.0] {
            let north: Vec<f64> = (0..999).map(|row| widest * (f64::from(row) / 998.0 - 0.5)).collect();
            let east: Vec<f64> = north.iter().rev().map(|north| north * 1.7).collect();
            let cosines: Vec<f64> = north.iter().map(|north| north.to_radians().cos()).collect();
            let mut out = vec![0.0; north.len()];
            arcs_m(&north, &east, &cosines, &mut out);
            for (row, out_m) in out.iter().enumerate() {
                assert_eq!(*out_m, arc_m(half_chord_squared(north[row], east[row], cosines[row])));
            }
        }
    }

    #[test]
    fn a_single_value_stands_for_every_row() {
        let mut out = [0.0; 3];
        haversine_each(&[0.0], &[0.0, 1.0, 2.0], &[5.0, 6.0, 7.0], &[1.0], &mut out);
        let row = |row: usize| haversine_m(0.0, [0.0, 1.0, 2.0][row], [5.0, 6.0, 7.0][row], 1.0);
        assert_eq!(out, [row(0), row(1), row(2)]);
        haversine_each(&[0.0], &[0.0], &[5.0], &[1.0], &mut []);
    }

    #[test]
    fn many_rows_are_the_same_as_few() {
        let rows = super::MANY_ROWS + 17;
        let degrees: Vec<f64> = (0..rows).map(|row| row as f64 / rows as f64).collect();
        let mut out = vec![0.0; rows];
        haversine_each(&degrees, &[7.0], &degrees, &degrees, &mut out);
        let wanted = degrees.iter().map(|&degrees| haversine_m(degrees, 7.0, degrees, degrees));
        assert!(out.into_iter().eq(wanted));
    }

    #[test]
    #[should_panic(expected = "of one length")]
    fn other_lengths_are_refused() {
        haversine_each(&[0.0, 1.0], &[0.0], &[5.0], &[1.0], &mut [0.0; 3]);
    }
}
