// The features of a layer as GeoJSON. Python writes coordinates as integers, millionths of a degree; those of lines and
// rings as differences from the point before.
const DEGREE = 1e6;

function line(flat) {
  const points = [];
  for (let at = 0, x = 0, y = 0; at < flat.length; at += 2) {
    x += flat[at];
    y += flat[at + 1];
    points.push([x / DEGREE, y / DEGREE]);
  }
  return points;
}

const GEOMETRIES = {
  circle: (flat) => ({ type: "Point", coordinates: line(flat)[0] }),
  label: (flat) => ({ type: "Point", coordinates: line(flat)[0] }),
  line: (lines) => ({ type: "MultiLineString", coordinates: lines.map(line) }),
  fill: (polygons) => ({ type: "MultiPolygon", coordinates: polygons.map((rings) => rings.map(line)) }),
};

export function shapes({ kind, shapes, classes, radii, steps, names }) {
  const features = shapes.map((shape, i) => ({
    type: "Feature",
    geometry: GEOMETRIES[kind](shape),
    properties: { i, class: classes?.[i] ?? 0, radius: radii?.[i] ?? 0, step: steps?.[i] ?? 0, name: names?.[i] ?? "" },
  }));
  return { type: "FeatureCollection", features };
}
