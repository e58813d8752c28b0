//! H3 cells: of places, in views, as shapes.

use geo::{Coord, LineString, MultiPolygon, Polygon, unary_union};
use h3o::{CellIndex, LatLng, Resolution};

use super::haversine::haversine_m;
use super::shapes::nearest_turn;
use crate::{Error, Result};

const HALF_TURN: f64 = 180.0;
/// Cells that lie beside each other across a view.
const CELLS_ACROSS: f64 = 40.0;

/// The resolution of this number, 0 to 15.
///
/// # Errors
///
/// [`Error::Definition`] if it is another number.
pub fn resolution(number: i64) -> Result<Resolution> {
    let known = u8::try_from(number).ok().and_then(|number| Resolution::try_from(number).ok());
    known.ok_or_else(|| Error::Definition {
        name: "resolution".into(),
        value: number.to_string(),
        reason: "H3 has the resolutions 0 to 15".into(),
    })
}

/// The cell of a place; `None` where that is none.
#[inline]
pub fn cell_of(latitude: f64, longitude: f64, resolution: Resolution) -> Option<u64> {
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let place = LatLng::new(latitude, longitude).ok().filter(|_| is_place)?;
    Some(place.to_cell(resolution).into())
}

/// The finest resolution at which some forty cells span a view of these edges, in degrees; an eastern edge below the
/// western one lies beyond the antimeridian.
pub fn resolution_of_view(south: f64, west: f64, north: f64, east: f64) -> Resolution {
    let middle = (south + north) / 2.0;
    let degrees = if east < west { east - west + 360.0 } else { east - west };
    // In halves, since the distance along a parallel is the shorter way round.
    let width_m = 2.0 * haversine_m(middle, 0.0, middle, degrees / 2.0);
    let span_m = width_m.max(haversine_m(south, 0.0, north, 0.0));
    let is_wide = |resolution: &Resolution| resolution.edge_length_m() * 3_f64.sqrt() * CELLS_ACROSS >= span_m;
    Resolution::range(Resolution::Zero, Resolution::Fifteen).take_while(is_wide).last().unwrap_or(Resolution::Zero)
}

/// The cell of this index.
///
/// # Errors
///
/// [`Error::Definition`] if it is no cell's.
pub fn cell(index: u64) -> Result<CellIndex> {
    CellIndex::try_from(index).map_err(|error| Error::Definition {
        name: "cells".into(),
        value: format!("{index} ({index:x})"),
        reason: format!("it is no H3 cell: {error}"),
    })
}

/// The shape of a cell, in degrees; of one across the antimeridian, two.
///
/// # Errors
///
/// [`Error::Definition`] if the index is no cell's.
pub fn boundary(index: u64) -> Result<MultiPolygon> {
    Ok(within_one_turn(ring(cell(index)?)))
}

/// The shape of cells together, and its area in km².
///
/// # Errors
///
/// [`Error::Definition`] if an index is no cell's.
pub fn dissolved(indexes: &[u64]) -> Result<(MultiPolygon, f64)> {
    let cells = indexes.iter().map(|index| cell(*index)).collect::<Result<Vec<_>>>()?;
    let area_km2 = cells.iter().map(|cell| cell.area_km2()).sum();
    let shapes: Vec<MultiPolygon> = cells.into_iter().map(|cell| within_one_turn(ring(cell))).collect();
    Ok((unary_union(&shapes), area_km2))
}

/// The corners of a cell, so that neighbours are less than half a turn apart, beyond 180 degrees if need be. Around a
/// pole they go on along the edge of the map, at the pole's latitude.
fn ring(cell: CellIndex) -> Vec<Coord> {
    let mut corners: Vec<Coord> = vec![];
    for corner in cell.boundary().iter() {
        let x = corners.last().map_or(corner.lng(), |before| nearest_turn(corner.lng(), before.x));
        corners.push(Coord { x, y: corner.lat() });
    }
    let Some((first, last)) = corners.first().copied().zip(corners.last().copied()) else { return corners };
    let end = nearest_turn(first.x, last.x);
    if (end - first.x).abs() > HALF_TURN {
        let pole = 90_f64.copysign(first.y);
        corners.extend([Coord { x: end, ..first }, Coord { x: end, y: pole }, Coord { x: first.x, y: pole }]);
    }
    corners
}

/// The parts of a convex ring that lie on each turn around the Earth, each between -180 and 180 degrees.
fn within_one_turn(ring: Vec<Coord>) -> MultiPolygon {
    let on_turn = |turn: i32| {
        let shift = f64::from(turn) * 2.0 * HALF_TURN;
        let east_of_west_end = clipped(&ring, |corner| corner.x - shift + HALF_TURN);
        let mut part = clipped(&east_of_west_end, |corner| HALF_TURN - (corner.x - shift));
        // What was cut ends exactly there.
        part.iter_mut().for_each(|corner| corner.x = (corner.x - shift).clamp(-HALF_TURN, HALF_TURN));
        (part.len() > 2).then(|| Polygon::new(LineString(part), vec![]))
    };
    MultiPolygon((-1..=1).filter_map(on_turn).collect())
}

/// The part of a convex ring where `inside` is above zero, and where its edges cross zero.
///
/// Source: I. E. Sutherland and G. W. Hodgman, "Reentrant Polygon Clipping", CACM 17 (1974), 32.
fn clipped(ring: &[Coord], inside: impl Fn(&Coord) -> f64) -> Vec<Coord> {
    let mut part = vec![];
    for (at, corner) in ring.iter().enumerate() {
        let next = &ring[(at + 1) % ring.len()];
        let (here, there) = (inside(corner), inside(next));
        if here > 0.0 {
            part.push(*corner);
        }
        if here * there < 0.0 || (here == 0.0 && there > 0.0) || (there == 0.0 && here > 0.0) {
            part.push(*corner + (*next - *corner) * (here / (here - there)));
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_some_forty_cells_wide() {
        assert_eq!(resolution_of_view(-8.2, -35.0, -7.9, -34.8), Resolution::Eight);
        assert_eq!(resolution_of_view(-80.0, -180.0, 80.0, 180.0), Resolution::Zero);
        assert_eq!(resolution_of_view(-17.0, 179.9, -16.8, -179.9), resolution_of_view(-17.0, -0.1, -16.8, 0.1));
        assert_eq!(resolution_of_view(1.0, 1.0, 1.0, 1.0), Resolution::Fifteen);
    }

    #[test]
    fn what_is_no_place_has_no_cell() {
        for (latitude, longitude) in [(f64::NAN, 0.0), (90.1, 0.0), (0.0, -180.1), (f64::INFINITY, 0.0)] {
            assert_eq!(cell_of(latitude, longitude, Resolution::Eight), None);
        }
        assert!(cell_of(90.0, 180.0, Resolution::Eight).is_some());
        assert!(cell(0).is_err() && boundary(u64::MAX).is_err() && resolution(16).is_err());
    }

    #[test]
    fn shapes_end_at_the_antimeridian_and_at_the_poles() {
        let parts = |latitude, longitude| {
            let cell = cell_of(latitude, longitude, Resolution::Three).expect("a place");
            let shape = boundary(cell).expect("a cell");
            let corners = || shape.0.iter().flat_map(|part| part.exterior().0.iter());
            assert!(corners().all(|corner| corner.x.abs() <= 180.0 && corner.y.abs() <= 90.0), "{shape:?}");
            (shape.0.len(), corners().any(|corner| corner.y.abs() == 90.0))
        };
        assert_eq!(parts(-8.0, -35.0), (1, false));
        assert_eq!(parts(-17.0, 180.0), (2, false));
        assert_eq!([parts(90.0, 0.0), parts(-90.0, 0.0)], [(2, true), (2, true)]);
    }

    #[test]
    fn neighbours_are_one_shape() {
        let middle = cell(cell_of(-8.06, -34.88, Resolution::Nine).expect("a place")).expect("a cell");
        let disk: Vec<u64> = middle.grid_disk::<Vec<_>>(1).into_iter().map(u64::from).collect();
        let (shape, area_km2) = dissolved(&disk).expect("cells");
        assert_eq!((shape.0.len(), shape.0[0].exterior().0.len()), (1, 19));
        assert!((area_km2 / middle.area_km2() - 7.0).abs() < 0.01);
    }
}
