//! The index and the join against a look at every pair, anywhere on Earth.

use footfall::Error;
use footfall::geo::{EstablishmentIndex, haversine_m};
use footfall::units::{EARTH_RADIUS_M, VISIT_RADIUS_M};
use footfall::visits::{Matches, match_pings};
use proptest::prelude::*;

type Place = (f64, f64);

/// Where one arrives from a place after some metres in some direction (radians from north).
fn moved((latitude, longitude): Place, bearing: f64, distance_m: f64) -> Place {
    let (angle, latitude) = (distance_m / EARTH_RADIUS_M, latitude.to_radians());
    let sine = latitude.sin() * angle.cos() + latitude.cos() * angle.sin() * bearing.cos();
    let east = (bearing.sin() * angle.sin() * latitude.cos()).atan2(angle.cos() - latitude.sin() * sine);
    let longitude = (longitude + east.to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
    (sine.clamp(-1.0, 1.0).asin().to_degrees(), longitude.clamp(-180.0, 180.0))
}

fn columns(places: &[Place]) -> (Vec<f64>, Vec<f64>) {
    places.iter().copied().unzip()
}

fn index_of(establishments: &[Place], radius_m: f64) -> EstablishmentIndex {
    let (latitudes, longitudes) = columns(establishments);
    EstablishmentIndex::new(&latitudes, &longitudes, radius_m).unwrap()
}

fn matches_of(index: &EstablishmentIndex, pings: &[Place]) -> Matches {
    let (latitudes, longitudes) = columns(pings);
    let mut matches = Matches::default();
    match_pings(index, &latitudes, &longitudes, &mut matches);
    matches
}

fn every_pair(establishments: &[Place], pings: &[Place], radius_m: f64) -> Matches {
    let is_lost = |(latitude, longitude): &Place| !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0);
    let mut matches = Matches { lost: pings.iter().any(is_lost), ..Matches::default() };
    for (ping, (latitude, longitude)) in pings.iter().enumerate() {
        for (row, establishment) in establishments.iter().enumerate() {
            let distance_m = haversine_m(*latitude, *longitude, establishment.0, establishment.1);
            if distance_m < radius_m {
                matches.ping.push(ping as u32);
                matches.establishment.push(row as u32);
                matches.distance_m.push(distance_m);
            }
        }
    }
    matches
}

fn assert_same(establishments: &[Place], pings: &[Place], radius_m: f64) {
    let index = index_of(establishments, radius_m);
    let expected = every_pair(establishments, pings, radius_m);
    assert_eq!(matches_of(&index, pings), expected);
    let mut one_by_one = Matches { lost: expected.lost, ..Matches::default() };
    for (ping, &(latitude, longitude)) in pings.iter().enumerate() {
        let before = one_by_one.ping.len();
        index.for_each_nearby(latitude, longitude, |establishment, distance_m| {
            one_by_one.ping.push(ping as u32);
            one_by_one.establishment.push(establishment);
            one_by_one.distance_m.push(distance_m);
        });
        assert_eq!(index.is_near_any(latitude, longitude), one_by_one.ping.len() > before);
    }
    assert_eq!(one_by_one, expected);
    for size in [1, 3, pings.len().max(1)] {
        pings.chunks(size).for_each(|pings| assert_boxed(&index, pings));
    }
}

/// A box of pings of which one is near an establishment may be near.
fn assert_boxed(index: &EstablishmentIndex, pings: &[Place]) {
    let ends = |degrees: &dyn Fn(&Place) -> f64| {
        let all = pings.iter().map(degrees);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), degrees| (least.min(degrees), most.max(degrees)))
    };
    let near = pings.iter().any(|&(latitude, longitude)| index.is_near_any(latitude, longitude));
    assert!(!near || index.may_be_near(ends(&|place| place.0), ends(&|place| place.1)));
}

#[test]
fn a_box_far_from_all_is_known_to_be() {
    let index = index_of(&[(10.0, 179.9999), (60.0, 20.0)], VISIT_RADIUS_M);
    assert!(index.may_be_near((9.9, 10.1), (-180.0, -179.999)));
    assert!(index.may_be_near((59.9996, 59.9997), (19.0, 21.0)));
    assert!(!index.may_be_near((9.9, 10.1), (-179.9, -179.0)));
    assert!(!index.may_be_near((59.0, 59.999), (19.0, 21.0)));
    assert!(!index.may_be_near((59.9, 60.1), (20.001, 21.0)));
}

/// Places where coordinates are awkward, and anywhere.
fn anchor() -> impl Strategy<Value = Place> {
    prop_oneof![
        (-90.0..=90.0, -180.0..=180.0),
        prop::sample::select(vec![(90.0, 0.0), (-90.0, 33.0), (89.9999, -120.0), (-89.99, 180.0), (78.2, 15.6)]),
        prop::sample::select(vec![(0.0, 180.0), (-18.0, -180.0), (52.0, 179.9999), (-16.5, -179.9999), (0.0, 0.0)]),
        Just((-8.0631, -34.8711)),
    ]
}

fn radius_m() -> impl Strategy<Value = f64> {
    prop_oneof![Just(VISIT_RADIUS_M), (0.0..=4.7).prop_map(|exponent| 10_f64.powf(exponent)), 50_000.0..=20e6]
}

/// A world: establishments within some radii of a few anchors, pings around them, many a hair from the edge.
#[derive(Clone, Debug)]
struct World {
    radius_m: f64,
    establishments: Vec<Place>,
    pings: Vec<Place>,
}

fn world() -> impl Strategy<Value = World> {
    let bearing = || 0.0..std::f64::consts::TAU;
    let around = (any::<prop::sample::Index>(), bearing(), 0.0..=30.0);
    let distance = prop_oneof![
        (0.0..=2.0).prop_map(|radii| (radii, 0.0)),
        (-1e-3..=1e-3).prop_map(|hair_m| (1.0, hair_m)),
        Just((0.0, 0.0)),
    ];
    let ping = (any::<prop::sample::Index>(), bearing(), distance);
    (
        radius_m(),
        prop::collection::vec(anchor(), 1..4),
        prop::collection::vec(around, 1..60),
        prop::collection::vec(ping, 1..120),
        prop::collection::vec((-90.0..=90.0, -180.0..=180.0), 0..20),
    )
        .prop_map(|(radius_m, anchors, around, near, anywhere)| {
            let place = |(anchor, bearing, radii): (prop::sample::Index, f64, f64)| {
                moved(*anchor.get(&anchors), bearing, (radii * radius_m).min(20e6))
            };
            let establishments: Vec<Place> = around.into_iter().map(place).collect();
            let near = near.into_iter().map(|(establishment, bearing, (radii, hair_m))| {
                moved(*establishment.get(&establishments), bearing, radii * radius_m + hair_m)
            });
            let pings = near.chain(anywhere).collect();
            World { radius_m, establishments, pings }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_index_finds_what_a_look_at_every_pair_finds(world in world()) {
        assert_same(&world.establishments, &world.pings, world.radius_m);
    }
}

#[test]
fn cell_borders_lose_nothing() {
    // A lattice of pings much finer than any cell, over one establishment and its surroundings.
    for anchor in [(-8.05, -34.9), (89.9995, 10.0), (60.0, 180.0), (-90.0, 0.0)] {
        let steps = || (-60..=60).map(f64::from);
        let pings: Vec<Place> = steps().flat_map(|a| steps().map(move |b| (a, b))).collect();
        let pings: Vec<Place> = pings
            .into_iter()
            .map(|(north, east)| moved(moved(anchor, 0.0, north * 0.93), std::f64::consts::FRAC_PI_2, east * 0.93))
            .collect();
        assert_same(&[anchor, moved(anchor, 1.0, 70.0)], &pings, 50.0);
    }
}

#[test]
fn less_than_the_radius_is_strict() {
    let degrees = |metres: f64| (metres / EARTH_RADIUS_M).to_degrees();
    let index = index_of(&[(0.0, 0.0)], VISIT_RADIUS_M);
    assert!(index.is_near_any(degrees(49.999), 0.0) && index.is_near_any(0.0, degrees(49.999)));
    assert!(!index.is_near_any(degrees(50.000_001), 0.0) && !index.is_near_any(0.0, degrees(50.000_001)));
    // To the last bit: a radius that is the distance itself, and the next larger number.
    let (establishment, ping) = ((12.0, 34.0), (12.000_3, 34.000_3));
    let distance_m = haversine_m(ping.0, ping.1, establishment.0, establishment.1);
    for (radius_m, found) in [(distance_m, 0), (distance_m.next_up(), 1)] {
        assert_same(&[establishment], &[ping], radius_m);
        assert_eq!(matches_of(&index_of(&[establishment], radius_m), &[ping]).ping.len(), found);
    }
}

#[test]
fn the_outermost_points_of_every_disc_are_found() {
    for (anchor, radius_m) in
        [((-8.05, -34.9), 50.0), ((-16.5, 180.0), 300.0), ((89.98, 20.0), 50.0), ((0.0, 0.0), 5e3)]
    {
        let place = |row: u32| moved(anchor, f64::from(row), f64::from(row) * 0.02 * radius_m);
        let establishments: Vec<Place> = (0..5_000).map(place).collect();
        let index = index_of(&establishments, radius_m);
        for (row, establishment) in establishments.iter().enumerate() {
            for bearing in 0..64 {
                let bearing = f64::from(bearing) / 32.0 * std::f64::consts::PI;
                let (latitude, longitude) = moved(*establishment, bearing, radius_m - 1e-5);
                // Near a pole, an arcsine loses the digits to say where exactly one arrives.
                let mut found = haversine_m(latitude, longitude, establishment.0, establishment.1) >= radius_m;
                index.for_each_nearby(latitude, longitude, |near, _| found |= near as usize == row);
                assert!(found, "establishment {row} from {latitude}, {longitude}");
            }
        }
    }
}

#[test]
fn stacked_establishments_are_all_found_in_order() {
    let stacked = vec![(-8.05, -34.9); 5_000];
    let pings = [(-8.05, -34.9), (-8.06, -34.9), (-8.050_1, -34.9), (f64::NAN, -34.9), (-8.05, -34.9)];
    assert_same(&stacked, &pings, 50.0);
    let at_the_pole: Vec<Place> = (0..400).map(|row| (89.999_9, f64::from(row) - 180.0)).take(361).collect();
    assert_same(&at_the_pole, &at_the_pole, 50.0);
}

#[test]
fn establishments_all_over_the_world() {
    // The plastic number's low-discrepancy sequence, and a tight cluster.
    let anywhere = |row: u32| {
        let (a, b) = ((f64::from(row) * 0.754_877_666_2).fract(), (f64::from(row) * 0.569_840_290_9).fract());
        ((2.0 * a - 1.0).asin().to_degrees(), 360.0 * b - 180.0)
    };
    let establishments: Vec<Place> = (0..3_000).map(anywhere).collect();
    let pings: Vec<Place> =
        (0..3_000).map(|row| moved(establishments[row as usize], f64::from(row), f64::from(row % 75))).collect();
    assert_same(&establishments, &pings, 50.0);
    assert_same(&establishments, &pings[..300], 400_000.0);
}

/// No visit, and a ping that is not on Earth.
const LOST: Matches = Matches { ping: vec![], establishment: vec![], distance_m: vec![], lost: true };

#[test]
fn no_establishments_no_visits() {
    let index = index_of(&[], 50.0);
    assert!(index.is_empty() && index.radius_m() == 50.0);
    assert_eq!(matches_of(&index, &[(0.0, 0.0), (90.0, 180.0), (f64::NAN, 0.0)]), LOST);
}

#[test]
fn pings_that_are_not_on_earth_visit_nothing() {
    let nowhere = [
        (f64::NAN, 0.0),
        (0.0, f64::NAN),
        (f64::INFINITY, 0.0),
        (0.0, f64::NEG_INFINITY),
        (90.000_001, 0.0),
        (0.0, 180.000_1),
        (0.0, 360.0),
        (0.0, -360.0),
        (1e300, -1e300),
    ];
    for establishment in [(0.0, 0.0), (90.0, 0.0), (0.0, 180.0), (0.0, -180.0)] {
        for radius_m in [1.0, 50.0, 20e6] {
            let index = index_of(&[establishment], radius_m);
            assert_eq!(matches_of(&index, &nowhere), LOST);
            assert!(nowhere.iter().all(|&(latitude, longitude)| !index.is_near_any(latitude, longitude)));
        }
    }
}

#[test]
fn matches_are_appended() {
    let index = index_of(&[(1.0, 1.0)], 50.0);
    let mut matches = matches_of(&index, &[(1.0, 1.0)]);
    match_pings(&index, &[0.0, 1.0], &[1.0, 1.0], &mut matches);
    assert_eq!((matches.ping, matches.establishment), (vec![0, 1], vec![0, 0]));
}

#[test]
fn bad_input_dies_at_the_door() {
    let message = |latitudes: &[f64], longitudes: &[f64], radius_m: f64| {
        EstablishmentIndex::new(latitudes, longitudes, radius_m).unwrap_err().to_string()
    };
    assert_eq!(
        message(&[0.0, 91.0], &[0.0, 0.0], 50.0),
        "establishments.latitude, row 1: 91: expected -90 to 90 degrees"
    );
    assert!(message(&[0.0], &[f64::NAN], 50.0).starts_with("establishments.longitude, row 0: NaN"));
    for radius_m in [0.0, -1.0, f64::NAN, f64::INFINITY, 20e6 + 1.0] {
        assert!(matches!(EstablishmentIndex::new(&[], &[], radius_m), Err(Error::Definition { .. })));
    }
    assert!(matches!(EstablishmentIndex::new(&[0.0], &[], 50.0), Err(Error::Internal(_))));
}
