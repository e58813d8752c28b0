//! Shapes as maps read them, and as other programs write them.

use geo::{Coord, Destination, Geometry, HaversineMeasure, LineString, Point, Polygon, SimplifyIdx};
use geo_traits::to_geo::ToGeoGeometry;
use serde_json::{Value, json};

use crate::units::EARTH_RADIUS_M;
use crate::{Error, Result};

/// The geometry as an object of GeoJSON.
///
/// # Errors
///
/// [`Error::Definition`] if a coordinate is no finite number.
pub fn geojson(geometry: &Geometry) -> Result<Value> {
    Ok(match geometry {
        Geometry::Point(point) => shape("Point", position(&point.0)?),
        Geometry::Line(line) => shape("LineString", positions(&[line.start, line.end])?),
        Geometry::LineString(line) => shape("LineString", positions(&line.0)?),
        Geometry::Polygon(polygon) => shape("Polygon", rings(polygon)?),
        Geometry::MultiPoint(points) => shape("MultiPoint", each(&points.0, |point| position(&point.0))?),
        Geometry::MultiLineString(lines) => shape("MultiLineString", each(&lines.0, |line| positions(&line.0))?),
        Geometry::MultiPolygon(polygons) => match &polygons.0[..] {
            [polygon] => shape("Polygon", rings(polygon)?),
            polygons => shape("MultiPolygon", each(polygons, rings)?),
        },
        Geometry::GeometryCollection(all) => {
            json!({"type": "GeometryCollection", "geometries": each(&all.0, geojson)?})
        }
        Geometry::Rect(area) => shape("Polygon", rings(&area.to_polygon())?),
        Geometry::Triangle(area) => shape("Polygon", rings(&area.to_polygon())?),
    })
}

fn shape(kind: &str, coordinates: Value) -> Value {
    json!({"type": kind, "coordinates": coordinates})
}

fn each<T>(all: &[T], to_json: impl Fn(&T) -> Result<Value>) -> Result<Value> {
    all.iter().map(to_json).collect::<Result<Vec<_>>>().map(Value::Array)
}

fn rings(polygon: &Polygon) -> Result<Value> {
    let rings: Vec<&LineString> = std::iter::once(polygon.exterior()).chain(polygon.interiors()).collect();
    each(&rings, |ring| positions(&ring.0))
}

fn positions(all: &[Coord]) -> Result<Value> {
    each(all, position)
}

fn position(at: &Coord) -> Result<Value> {
    match at.x.is_finite() && at.y.is_finite() {
        true => Ok(json!([at.x, at.y])),
        false => Err(no_geometry(&format!("{at:?}"), "a coordinate is no finite number")),
    }
}

/// Reads well-known binary.
///
/// # Errors
///
/// [`Error::Definition`] if it is none.
pub fn of_wkb(bytes: &[u8]) -> Result<Geometry> {
    let start = || format!("{} bytes that begin with {:02x?}", bytes.len(), &bytes[..bytes.len().min(5)]);
    let read = wkb::reader::Wkb::try_new(bytes).map_err(|error| no_geometry(&start(), &error.to_string()))?;
    read.try_to_geometry().ok_or_else(|| no_geometry(&start(), "a point in it is empty"))
}

/// Writes well-known binary.
///
/// # Errors
///
/// [`Error::Internal`] if it cannot be written.
pub fn to_wkb(geometry: &Geometry) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let written = wkb::writer::write_geometry(&mut bytes, geometry, &wkb::writer::WriteOptions::default());
    written.map(|()| bytes).map_err(|error| Error::Internal(error.to_string()))
}

fn no_geometry(value: &str, reason: &str) -> Error {
    Error::Definition { name: "geometry".into(), value: value.into(), reason: reason.into() }
}

/// The circle of this radius around a place, by so many points. It does not end at the antimeridian: longitudes go on
/// beyond 180 degrees.
pub fn circle(latitude: f64, longitude: f64, radius_m: f64, points: usize) -> Polygon {
    let on_earth = HaversineMeasure::new(EARTH_RADIUS_M);
    let at = |number: usize| {
        let bearing = 360.0 * number as f64 / points as f64;
        let edge = on_earth.destination(Point::new(longitude, latitude), bearing, radius_m);
        Coord { x: nearest_turn(edge.x(), longitude), y: edge.y() }
    };
    Polygon::new(LineString((0..points).map(at).collect()), vec![])
}

/// The longitude by so many full turns as bring it nearest to another.
pub fn nearest_turn(longitude: f64, to: f64) -> f64 {
    longitude + 360.0 * ((to - longitude) / 360.0).round()
}

/// The numbers of the points of a track that tell its course to within `tolerance_m` metres, by the rule of Douglas
/// and Peucker; the first and the last are among them.
pub fn simplified(latitudes: &[f64], longitudes: &[f64], tolerance_m: f64) -> Vec<usize> {
    let middle = latitudes.iter().sum::<f64>() / latitudes.len().max(1) as f64;
    let north_m = EARTH_RADIUS_M.to_radians();
    let east_m = north_m * middle.to_radians().cos();
    let mut before = longitudes.first().copied().unwrap_or_default();
    let points = latitudes.iter().zip(longitudes).map(|(latitude, longitude)| {
        before = nearest_turn(*longitude, before);
        Coord { x: before * east_m, y: latitude * north_m }
    });
    LineString(points.collect()).simplify_idx(tolerance_m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::haversine_m;

    #[test]
    fn circles_are_round_wherever_they_are() {
        for (latitude, longitude) in [(0.0, 0.0), (-8.06, -34.88), (71.0, 179.9999), (-17.0, -180.0)] {
            let circle = circle(latitude, longitude, 50.0, 64);
            let ring = &circle.exterior().0;
            assert_eq!(ring.len(), 65);
            for edge in ring {
                let distance_m = haversine_m(latitude, longitude, edge.y, edge.x);
                assert!((distance_m / 50.0 - 1.0).abs() < 1e-3, "{distance_m}");
                assert!((edge.x - longitude).abs() < 1.0);
            }
        }
    }

    #[test]
    fn shapes_come_back_from_bytes() {
        let circle = Geometry::Polygon(circle(-8.0, -35.0, 50.0, 8));
        let again = of_wkb(&to_wkb(&circle).expect("bytes")).expect("a shape");
        assert_eq!(geojson(&again).expect("a shape"), geojson(&circle).expect("a shape"));
        for bytes in [&b""[..], b"x", b"\x01\x03\x00\x00\x00\xff\xff\xff\xff"] {
            assert!(of_wkb(bytes).is_err());
        }
        assert!(geojson(&Geometry::Point(Point::new(f64::NAN, 0.0))).is_err());
    }

    #[test]
    fn a_track_keeps_its_corners() {
        let (latitudes, longitudes) = ([0.0, 0.0, 0.0, 0.001, 0.002], [179.998, 179.999, -180.0, -180.0, -180.0]);
        assert_eq!(simplified(&latitudes, &longitudes, 5.0), [0, 2, 4]);
        assert_eq!(simplified(&[], &[], 5.0), Vec::<usize>::new());
    }
}
