//! The binding: convert, release the GIL, call, wrap.

mod arrow;
mod errors;
mod ingest;
mod kernels;
mod live;
mod reading;
mod s3;
mod session;
mod shapes;
mod synth;
mod zone;

use pyo3::prelude::*;

use crate::engine::jobs::BUCKETS;
use crate::{calendar, statistics, units};

/// The module `footfall._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    add_definitions(module)?;
    module.add_class::<session::PySession>()?;
    module.add_class::<zone::PyZone>()?;
    module.add_function(wrap_pyfunction!(zone::zone, module)?)?;
    module.add_function(wrap_pyfunction!(session::jobs, module)?)?;
    module.add_function(wrap_pyfunction!(wilson_interval, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::haversine_m, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::visit_join, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::attribute_visits, module)?)?;
    module.add_function(wrap_pyfunction!(ingest::ingest, module)?)?;
    module.add_function(wrap_pyfunction!(s3::read_object, module)?)?;
    module.add_function(wrap_pyfunction!(s3::write_object, module)?)?;
    module.add_function(wrap_pyfunction!(s3::look_at_object, module)?)?;
    shapes::add(module)?;
    live::add(module)?;
    module.add_function(wrap_pyfunction!(synth::synth, module)?)?;
    Ok(())
}

/// Adds what the definitions say, so that Python need not say it again.
fn add_definitions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EARTH_RADIUS_M", units::EARTH_RADIUS_M)?;
    module.add("VISIT_RADIUS_M", units::VISIT_RADIUS_M)?;
    module.add("ATTRIBUTION_WINDOW_US", units::ATTRIBUTION_WINDOW_US)?;
    module.add("WILSON_Z", units::WILSON_Z)?;
    module.add("DAY_PARTS", calendar::DAY_PARTS.to_vec())?;
    module.add("WEEKDAYS", calendar::WEEKDAYS.to_vec())?;
    module.add("UNITS", BUCKETS.map(|(unit, _)| unit).to_vec())
}

/// The Wilson interval of a ratio of so many trials.
#[pyfunction]
fn wilson_interval(ratio: f64, trials: f64, z: f64) -> (f64, f64) {
    statistics::wilson_of(ratio, trials, z)
}
