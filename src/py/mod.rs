//! The binding: convert, release the GIL, call, wrap.

mod arrow;
mod errors;
mod ingest;
mod kernels;
mod session;
mod synth;
mod zone;

use pyo3::prelude::*;

/// The module `footfall._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<session::PySession>()?;
    module.add_class::<zone::PyZone>()?;
    module.add_function(wrap_pyfunction!(zone::zone, module)?)?;
    module.add_function(wrap_pyfunction!(session::jobs, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::haversine_m, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::visit_join, module)?)?;
    module.add_function(wrap_pyfunction!(kernels::attribute_visits, module)?)?;
    module.add_function(wrap_pyfunction!(ingest::ingest, module)?)?;
    module.add_function(wrap_pyfunction!(synth::synth, module)?)?;
    Ok(())
}
