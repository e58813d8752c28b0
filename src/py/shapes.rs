//! The shapes of a map: H3 cells, circles, tracks, well-known binary.

use arrow::array::{AsArray, UInt64Array};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use geo::Geometry;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3_arrow::PyArray;

use super::arrow::cast_to;
use super::errors::raise;
use super::kernels::Degrees;
use crate::geo::{cells, shapes};
use crate::{Error, Result};

/// Adds the functions.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cells_of, module)?)?;
    module.add_function(wrap_pyfunction!(cell_resolution, module)?)?;
    module.add_function(wrap_pyfunction!(cell_boundaries, module)?)?;
    module.add_function(wrap_pyfunction!(cells_dissolved, module)?)?;
    module.add_function(wrap_pyfunction!(geojson_of_wkb, module)?)?;
    module.add_function(wrap_pyfunction!(circle, module)?)?;
    module.add_function(wrap_pyfunction!(simplified, module)?)
}

/// The H3 cell of each place; null where there is none.
#[pyfunction]
fn cells_of<'py>(
    py: Python<'py>,
    latitude: PyArray,
    longitude: PyArray,
    resolution: i64,
) -> PyResult<Bound<'py, PyAny>> {
    let resolution = cells::resolution(resolution).map_err(raise)?;
    let (latitude, longitude) = (cast_to(latitude, &DataType::Float64)?, cast_to(longitude, &DataType::Float64)?);
    let (latitude, longitude) = (latitude.as_primitive::<Float64Type>(), longitude.as_primitive::<Float64Type>());
    let of = |(latitude, longitude): (Option<f64>, Option<f64>)| cells::cell_of(latitude?, longitude?, resolution);
    let all: UInt64Array = py.detach(|| latitude.iter().zip(longitude).map(of).collect());
    Ok(PyArray::from_array_ref(std::sync::Arc::new(all)).into_pyobject(py)?.into_any())
}

/// The resolution at which some forty cells span a view.
#[pyfunction]
fn cell_resolution(south: f64, west: f64, north: f64, east: f64) -> u8 {
    cells::resolution_of_view(south, west, north, east).into()
}

/// The shape of each cell as GeoJSON.
#[pyfunction]
fn cell_boundaries(py: Python<'_>, cells: PyArray) -> PyResult<Vec<Option<String>>> {
    let all = cast_to(cells, &DataType::UInt64)?;
    let text = |index: u64| geojson_text(&Geometry::MultiPolygon(cells::boundary(index)?));
    let texts: Result<Vec<_>> =
        py.detach(|| all.as_primitive::<UInt64Type>().iter().map(|cell| cell.map(text).transpose()).collect());
    texts.map_err(raise)
}

/// Cells of one resolution as one shape, in well-known binary, and its area in km².
#[pyfunction]
fn cells_dissolved<'py>(py: Python<'py>, cells: PyArray) -> PyResult<(Bound<'py, PyBytes>, f64)> {
    let all = cast_to(cells, &DataType::UInt64)?;
    let indexes: Vec<u64> = all.as_primitive::<UInt64Type>().iter().flatten().collect();
    let (shape, area_km2) = py.detach(|| cells::dissolved(&indexes)).map_err(raise)?;
    let bytes = shapes::to_wkb(&Geometry::MultiPolygon(shape)).map_err(raise)?;
    Ok((PyBytes::new(py, &bytes), area_km2))
}

/// Well-known binary as GeoJSON.
#[pyfunction]
fn geojson_of_wkb(py: Python<'_>, geometries: PyArray) -> PyResult<Vec<Option<String>>> {
    let all = cast_to(geometries, &DataType::Binary)?;
    let text = |bytes: &[u8]| geojson_text(&shapes::of_wkb(bytes)?);
    let texts: Result<Vec<_>> =
        py.detach(|| all.as_binary::<i32>().iter().map(|bytes| bytes.map(text).transpose()).collect());
    texts.map_err(raise)
}

/// A circle, in metres on the ground, as GeoJSON.
#[pyfunction]
fn circle(latitude: f64, longitude: f64, radius_m: f64, points: usize) -> PyResult<String> {
    geojson_text(&Geometry::Polygon(shapes::circle(latitude, longitude, radius_m, points))).map_err(raise)
}

/// The numbers of the points that tell the course of a track.
#[pyfunction]
fn simplified(latitude: Degrees<'_>, longitude: Degrees<'_>, tolerance_m: f64) -> PyResult<Vec<usize>> {
    let (latitudes, longitudes) = (latitude.as_slice()?, longitude.as_slice()?);
    if latitudes.len() != longitudes.len() {
        return Err(raise(Error::Definition {
            name: "longitude".into(),
            value: format!("{} numbers", longitudes.len()),
            reason: format!("expected one for each of {} latitudes", latitudes.len()),
        }));
    }
    Ok(shapes::simplified(latitudes, longitudes, tolerance_m))
}

fn geojson_text(geometry: &Geometry) -> Result<String> {
    Ok(shapes::geojson(geometry)?.to_string())
}
