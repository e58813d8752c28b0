//! Haversine against the angle between vectors.

use footfall::geo::{haversine_each, haversine_m};
use footfall::units::EARTH_RADIUS_M;
use proptest::prelude::*;

fn vector(latitude: f64, longitude: f64) -> [f64; 3] {
    let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
    [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
}

/// The angle between two unit vectors from their cross and dot products, which is exact for any angle.
fn by_vectors_m(a: [f64; 3], b: [f64; 3]) -> f64 {
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let sine = cross.iter().map(|part| part * part).sum::<f64>().sqrt();
    let cosine = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    EARTH_RADIUS_M * sine.atan2(cosine)
}

fn place() -> impl Strategy<Value = (f64, f64)> {
    (-90.0..=90.0, -180.0..=180.0)
}

proptest! {
    #[test]
    fn haversine_is_the_angle_between_vectors(a in place(), b in place()) {
        let found_m = haversine_m(a.0, a.1, b.0, b.1);
        let expected_m = by_vectors_m(vector(a.0, a.1), vector(b.0, b.1));
        // Within 20 km of the antipode, haversine loses digits.
        let tolerance_m = if expected_m > 19_995_000.0 { 0.2 } else { 1e-5 };
        prop_assert!((found_m - expected_m).abs() < tolerance_m, "{} {}", found_m, expected_m);
    }

    #[test]
    fn short_distances_keep_their_digits(
        latitude in -89.0..=89.0, longitude in -180.0..=180.0, north in -1e-3..=1e-3, east in -1e-3..=1e-3,
    ) {
        let found_m = haversine_m(latitude, longitude, latitude + north, longitude + east);
        let expected_m = by_vectors_m(vector(latitude, longitude), vector(latitude + north, longitude + east));
        prop_assert!((found_m - expected_m).abs() < 1e-7, "{} {}", found_m, expected_m);
    }

    #[test]
    fn each_row_is_what_a_single_call_gives(rows in prop::collection::vec((place(), place()), 0..50)) {
        let (a, b): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        let (latitudes_a, longitudes_a): (Vec<f64>, Vec<f64>) = a.into_iter().unzip();
        let (latitudes_b, longitudes_b): (Vec<f64>, Vec<f64>) = b.into_iter().unzip();
        let mut out = vec![0.0; rows.len()];
        haversine_each(&latitudes_a, &longitudes_a, &latitudes_b, &longitudes_b, &mut out);
        for ((a, b), out_m) in rows.iter().zip(out) {
            prop_assert_eq!(out_m, haversine_m(a.0, a.1, b.0, b.1));
        }
    }
}
