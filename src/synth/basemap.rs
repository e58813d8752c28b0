//! What a map draws below the data: water, streets, roads, and the names of neighbourhoods, as GeoJSON.

use serde_json::{Value, json};

use super::town::places::{Places, is_land};
use super::town::point::Point;

/// How far the sea goes, in metres.
const SEA_M: f64 = 250_000.0;

/// The features, those that lie below others first. Each has a `kind`: `water`, `street`, `avenue`, `road`, or
/// `neighbourhood` with a `name` and its share of the `homes`.
pub fn basemap(places: &Places) -> Value {
    let neighbourhoods: Vec<_> = places.neighbourhoods().collect();
    let mut features = vec![feature("water", "Polygon", json!([ring(&sea(places))]), json!({}))];
    for (hub, neighbourhood) in neighbourhoods.iter().enumerate() {
        let streets = places.roads.streets_within(hub, neighbourhood.reach_m);
        let on_land =
            |street: &&[Point; 2]| !is_on_coast(neighbourhood.middle) || street.iter().all(|end| is_land(*end));
        let avenues = streets.len().min(2);
        for (kind, streets) in [("street", &streets[avenues..]), ("avenue", &streets[..avenues])] {
            let lines: Vec<Value> = streets.iter().filter(on_land).map(|street| ring(street)).collect();
            features.push(feature(kind, "MultiLineString", json!(lines), json!({})));
        }
    }
    let roads: Vec<Value> = places.roads.between_neighbourhoods().iter().map(|road| ring(road)).collect();
    features.push(feature("road", "MultiLineString", json!(roads), json!({})));
    features.extend(neighbourhoods.iter().map(|neighbourhood| {
        let named = json!({"name": neighbourhood.name, "homes": neighbourhood.homes});
        feature("neighbourhood", "Point", position(&neighbourhood.middle), named)
    }));
    json!({"type": "FeatureCollection", "features": features})
}

fn feature(kind: &str, shape: &str, coordinates: Value, mut properties: Value) -> Value {
    properties["kind"] = kind.into();
    json!({"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}})
}

/// Whether water is near: towns inland have no coast beside them.
fn is_on_coast(middle: Point) -> bool {
    is_land(middle)
}

/// The sea, from the coast eastwards; north and south of the known coast it goes straight on.
fn sea(places: &Places) -> Vec<Point> {
    let coast: Vec<Point> = places.coast().collect();
    let Some((first, last)) = coast.first().zip(coast.last()) else { return vec![] };
    let (south, north) = (first.y - SEA_M, last.y + SEA_M);
    let east = first.x.max(last.x) + SEA_M;
    let mut corners = vec![Point { x: first.x - SEA_M / 4.0, y: south }];
    corners.extend(&coast);
    corners.extend([
        Point { x: last.x, y: north },
        Point { x: east, y: north },
        Point { x: east, y: south },
        corners[0],
    ]);
    corners
}

fn ring(points: &[Point]) -> Value {
    points.iter().map(position).collect()
}

fn position(point: &Point) -> Value {
    json!([point.longitude(), point.latitude()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_neighbourhood_has_a_name_and_streets() {
        let places = Places::default();
        let map = basemap(&places);
        let features = map["features"].as_array().expect("features");
        let of = |kind: &str| features.iter().filter(|feature| feature["properties"]["kind"] == kind).count();
        assert_eq!([of("water"), of("street"), of("avenue"), of("road"), of("neighbourhood")], [1, 44, 44, 1, 44]);
        let names: std::collections::BTreeSet<_> = places.neighbourhoods().map(|it| it.name).collect();
        assert_eq!(names.len(), 44);
    }
}
