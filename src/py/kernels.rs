//! The three kernels on NumPy and Arrow data.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;

use super::arrow::{batches_of, table};
use super::session::attended;
use crate::engine::kernels;
use crate::geo::haversine::haversine_each;

/// Degrees of latitude or longitude.
pub type Degrees<'py> = PyReadonlyArray1<'py, f64>;

/// Great-circle distances in metres; contiguous arrays of one length, or of length 1.
#[pyfunction]
pub fn haversine_m<'py>(
    py: Python<'py>,
    latitude_a: Degrees<'py>,
    longitude_a: Degrees<'py>,
    latitude_b: Degrees<'py>,
    longitude_b: Degrees<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let [a, b, c, d] =
        [latitude_a.as_slice()?, longitude_a.as_slice()?, latitude_b.as_slice()?, longitude_b.as_slice()?];
    let lengths = [a.len(), b.len(), c.len(), d.len()];
    let length = if lengths.contains(&0) { 0 } else { lengths.into_iter().max().unwrap_or(0) };
    let mut metres = vec![0.0; length];
    py.detach(|| haversine_each(a, b, c, d, &mut metres));
    Ok(PyArray1::from_vec(py, metres))
}

/// Pairs of a ping and an establishment nearer than `radius_m`.
#[pyfunction]
pub fn visit_join<'py>(
    py: Python<'py>,
    pings: AnyRecordBatch,
    establishments: AnyRecordBatch,
    radius_m: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let (pings, establishments) = (batches_of(pings)?, batches_of(establishments)?);
    let visits = attended(py, None, |heartbeat| kernels::visit_join(&pings, &establishments, radius_m, heartbeat))?;
    table(py, visits)
}

/// Visits with the interaction that earned each.
#[pyfunction]
pub fn attribute_visits<'py>(
    py: Python<'py>,
    visits: AnyRecordBatch,
    interactions: AnyRecordBatch,
    ads: AnyRecordBatch,
    window_us: i64,
) -> PyResult<Bound<'py, PyAny>> {
    let (visits, interactions, ads) = (batches_of(visits)?, batches_of(interactions)?, batches_of(ads)?);
    let attributed =
        attended(py, None, |heartbeat| kernels::attribute_visits(&visits, &interactions, &ads, window_us, heartbeat))?;
    table(py, attributed)
}
