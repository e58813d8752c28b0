//! Establishments ahead of a leg: a grid is walked along the corridor, not around a circle.

use crate::geo::Place;
use crate::units::EARTH_RADIUS_M;

/// The height of a cell, and its width.
const CELL_M: f64 = 200.0;
/// How much longer and wider corridors are, so that the curvature of the Earth makes none miss an establishment.
const MARGIN: f64 = 1.02;
const MARGIN_M: f64 = 5.0;
/// Columns get no narrower towards the poles.
const SMALLEST_COSINE: f64 = 1e-3;
/// From this share on, a corridor is looked at as wide as it is long.
const WIDE: f64 = 0.5;
const BUCKETS_PER_ESTABLISHMENT: usize = 4;

/// East and north of a place in metres, on the plane that touches the Earth there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane(Place);

impl Plane {
    pub(super) fn at(place: &Place) -> Self {
        Self(*place)
    }

    /// East and north of the plane's own place.
    #[inline]
    pub(super) fn of(&self, place: &Place) -> (f64, f64) {
        let east = place.longitude - self.0.longitude;
        let east = if east.abs() < 180.0 { east } else { (east + 180.0).rem_euclid(360.0) - 180.0 };
        let metres = |degrees: f64| EARTH_RADIUS_M * degrees.to_radians();
        (metres(east) * self.0.cosine, metres(place.latitude - self.0.latitude))
    }

    fn latitude_of(&self, north_m: f64) -> f64 {
        self.0.latitude + (north_m / EARTH_RADIUS_M).to_degrees()
    }

    fn longitude_of(&self, east_m: f64) -> f64 {
        self.0.longitude + (east_m / (EARTH_RADIUS_M * self.0.cosine.max(1e-9))).to_degrees()
    }
}

/// A direction on a plane, of length 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heading {
    east: f64,
    north: f64,
}

impl Heading {
    /// From a place to the plane's own; `None` if both are one.
    pub(super) fn from(plane: &Plane, from: &Place) -> Option<Self> {
        let (east, north) = plane.of(from);
        let length = east.hypot(north);
        (length > 0.0).then(|| Self { east: -east / length, north: -north / length })
    }

    /// How far along the heading a point lies, and how far beside it.
    #[inline]
    pub(super) fn along_and_beside(&self, (east, north): (f64, f64)) -> (f64, f64) {
        (east * self.east + north * self.north, (east * self.north - north * self.east).abs())
    }

    fn point(&self, along: f64, left: f64) -> (f64, f64) {
        (along * self.east - left * self.north, along * self.north + left * self.east)
    }
}

/// What is looked for: `reach_m` ahead, and beside by `miss_m` and a share of the distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corridor {
    pub(super) plane: Plane,
    pub(super) heading: Heading,
    pub(super) reach_m: f64,
    pub(super) miss_m: f64,
    pub(super) miss_share: f64,
}

impl Corridor {
    /// Corners of a shape that covers it.
    fn corners(&self) -> [(f64, f64); 4] {
        let reach = self.reach_m * MARGIN + MARGIN_M;
        // beside <= miss + share * distance, and distance <= along + beside.
        let beside = |along: f64| match self.miss_share < WIDE {
            true => (self.miss_m + self.miss_share * along) / (1.0 - self.miss_share) + MARGIN_M,
            false => reach,
        };
        let (near, far) = (beside(0.0), beside(reach));
        let point = |along, left| self.heading.point(along, left);
        [point(-MARGIN_M, near), point(reach, far), point(reach, -far), point(-MARGIN_M, -near)]
    }
}

/// Establishments by cells of a grid over the Earth, folded onto buckets.
#[derive(Debug)]
pub(super) struct Corridors {
    /// The first row of cells with an establishment, and how many columns it and those after it have.
    first_row: i32,
    columns: Vec<i32>,
    /// Where the entries of each bucket begin, and where the last end.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

/// An establishment, by its row, in its cell.
#[derive(Debug, Clone, Copy)]
struct Entry {
    cell: (i32, i32),
    row: u32,
    place: Place,
}

impl Corridors {
    pub(super) fn new(places: &[Place]) -> Self {
        let entry = |(place, row): (&Place, u32)| Entry { cell: cell_of(place), row, place: *place };
        let mut entries: Vec<_> = places.iter().zip(0..).map(entry).collect();
        let buckets = (entries.len() * BUCKETS_PER_ESTABLISHMENT).next_power_of_two().max(64);
        entries.sort_by_key(|entry| bucket_of(entry.cell, buckets));
        let mut starts = vec![0; buckets + 1];
        entries.iter().for_each(|entry| starts[bucket_of(entry.cell, buckets) + 1] += 1);
        (0..buckets).for_each(|at| starts[at + 1] += starts[at]);
        let first_row = entries.iter().map(|entry| entry.cell.0).min().unwrap_or(0);
        let last_row = entries.iter().map(|entry| entry.cell.0).max().unwrap_or(-1);
        let columns = (first_row..=last_row).map(columns_of).collect();
        Self { first_row, columns, starts, entries }
    }

    /// Calls `found(row, place)` for all establishments in a corridor, and some beside it.
    pub(super) fn for_each_in(&self, corridor: &Corridor, mut found: impl FnMut(u32, &Place)) {
        let (plane, corners) = (&corridor.plane, corridor.corners());
        let norths = corners.map(|(_, north)| north);
        let row_at = |north| row_of(plane.latitude_of(north));
        let south = norths.into_iter().fold(f64::INFINITY, f64::min);
        let north = norths.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let last_row = self.first_row + self.columns.len() as i32 - 1;
        for row in row_at(south).max(self.first_row)..=row_at(north).min(last_row) {
            let edge = |row: i32| EARTH_RADIUS_M * (f64::from(row) * cell_degrees() - plane.0.latitude).to_radians();
            if let Some((west, east)) = span(&corners, edge(row), edge(row + 1)) {
                self.for_each_of_row(row, plane.longitude_of(west), plane.longitude_of(east), &mut found);
            }
        }
    }

    fn for_each_of_row(&self, row: i32, west: f64, east: f64, found: &mut impl FnMut(u32, &Place)) {
        let columns = i64::from(self.columns[(row - self.first_row) as usize]);
        let column = |longitude: f64| ((longitude + 180.0) / 360.0 * columns as f64).floor() as i64;
        let (first, last) = (column(west), column(east).min(column(west) + columns - 1));
        let start = first.rem_euclid(columns);
        let end = start + last - first;
        self.for_each_between(row, start as i32, end.min(columns - 1) as i32, found);
        if end >= columns {
            self.for_each_between(row, 0, (end - columns) as i32, found);
        }
    }

    /// Neighbours in a row of cells are neighbours in memory.
    #[inline]
    fn for_each_between(&self, row: i32, first: i32, last: i32, found: &mut impl FnMut(u32, &Place)) {
        let buckets = self.starts.len() - 1;
        let (start, count) = (bucket_of((row, first), buckets), (last - first + 1) as usize);
        let end = (start + count).min(buckets);
        let parts = [(start, end), (0, (start + count - end).min(start))];
        for (start, end) in parts.into_iter().filter(|(start, end)| start < end) {
            let listed = &self.entries[self.starts[start] as usize..self.starts[end] as usize];
            let is_there = |entry: &&Entry| entry.cell.0 == row && (first..=last).contains(&entry.cell.1);
            listed.iter().filter(is_there).for_each(|entry| found(entry.row, &entry.place));
        }
    }
}

fn cell_degrees() -> f64 {
    (CELL_M / EARTH_RADIUS_M).to_degrees()
}

fn row_of(latitude: f64) -> i32 {
    (latitude / cell_degrees()).floor() as i32
}

/// How many columns a row has around the Earth.
fn columns_of(row: i32) -> i32 {
    let middle = (f64::from(row) + 0.5) * cell_degrees();
    (360.0 / cell_degrees() * middle.to_radians().cos().max(SMALLEST_COSINE)).ceil() as i32
}

fn cell_of(place: &Place) -> (i32, i32) {
    let row = row_of(place.latitude);
    let columns = columns_of(row);
    let column = ((place.longitude + 180.0) / 360.0 * f64::from(columns)).floor() as i64;
    (row, column.rem_euclid(i64::from(columns)) as i32)
}

/// Rows are spread by a multiplication, with an odd constant near 2^32 over the golden ratio; columns stay in order.
#[inline]
fn bucket_of((row, column): (i32, i32), buckets: usize) -> usize {
    (row as u32).wrapping_mul(0x9e37_79b1).wrapping_add(column as u32) as usize & (buckets - 1)
}

/// The part of a convex shape between two parallels, from west to east; `None` if there is none.
fn span(corners: &[(f64, f64); 4], south: f64, north: f64) -> Option<(f64, f64)> {
    let (mut west, mut east) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut take = |x: f64| (west, east) = (west.min(x), east.max(x));
    for (at, &(x, y)) in corners.iter().enumerate() {
        let (next_x, next_y) = corners[(at + 1) % corners.len()];
        if (south..=north).contains(&y) {
            take(x);
        }
        for parallel in [south, north] {
            if (y < parallel) != (next_y < parallel) {
                take(x + (next_x - x) * (parallel - y) / (next_y - y));
            }
        }
    }
    (west <= east).then_some((west, east))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Corridor, Corridors, Heading, Place, Plane};
    use crate::geo::place;

    /// The rows that a corridor holds, told one by one.
    fn rows_within(corridor: &Corridor, places: &[Place], to: &Place) -> Vec<u32> {
        let is_within = |place: &Place| {
            let (along, beside) = corridor.heading.along_and_beside(corridor.plane.of(place));
            let distance_m = to.distance_m(place);
            along > 0.0
                && distance_m <= corridor.reach_m
                && beside <= corridor.miss_m + corridor.miss_share * distance_m
        };
        (0..places.len() as u32).filter(|row| is_within(&places[*row as usize])).collect()
    }

    proptest! {
        #[test]
        fn no_establishment_of_a_corridor_is_missed(
            (latitude, longitude) in (-80.0..80.0_f64, prop_oneof![Just(-180.0), Just(179.9999), -180.0..180.0_f64]),
            (north, east) in (-0.01..0.01_f64, -0.01..0.01_f64),
            (reach_m, miss_m, miss_share) in (50.0..5_000.0_f64, 0.0..200.0_f64, 0.0..1.0_f64),
            around in prop::collection::vec((-0.05..0.05_f64, -0.05..0.05_f64), 1..200),
        ) {
            let wrapped = |longitude: f64| (longitude + 180.0).rem_euclid(360.0) - 180.0;
            let at = |latitude, longitude| place(latitude, wrapped(longitude));
            let (from, to) = (at(latitude + north, longitude + east), at(latitude, longitude));
            let plane = Plane::at(&to);
            let Some(heading) = Heading::from(&plane, &from) else { return Ok(()) };
            let corridor = Corridor { plane, heading, reach_m, miss_m, miss_share };
            let places: Vec<_> = around.iter().map(|(n, e)| at(latitude + n, longitude + e)).collect();
            let mut found = vec![];
            Corridors::new(&places).for_each_in(&corridor, |row, _| found.push(row));
            let listed = found.len();
            found.sort_unstable();
            found.dedup();
            prop_assert_eq!(listed, found.len());
            for row in rows_within(&corridor, &places, &to) {
                prop_assert!(found.contains(&row));
            }
        }
    }
}
