//! Time zones.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::raise;
use crate::calendar::Calendar;
use crate::timestamps::ClockReading;
use crate::zones::{Candidate, Databases, Zone};

/// A time zone of the newest database, which travels whole: workers need no database.
#[pyclass(name = "Zone", module = "footfall._native", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyZone(pub Calendar);

#[pymethods]
impl PyZone {
    #[new]
    fn new(name: &str, tzif: &[u8], database: &str) -> PyResult<Self> {
        Calendar::of(Zone { name: name.into(), tzif: tzif.into(), database: database.into() }).map(Self).map_err(raise)
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.tz()
    }

    #[getter]
    fn database(&self) -> &str {
        &self.0.zone().database
    }

    #[pyo3(signature = (local_us, *, fold))]
    fn instant_us(&self, local_us: i64, fold: bool) -> i64 {
        self.0.instant_us(local_us, fold)
    }

    fn instant_of_text(&self, text: &str) -> Option<i64> {
        ClockReading::of_iso(text.trim())?.instant_on(&self.0)
    }

    fn local_text(&self, instant_us: i64) -> String {
        self.0.local_text(instant_us)
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
    ) -> (Bound<'py, PyAny>, (String, Bound<'py, PyBytes>, String)) {
        let zone = slf.get().0.zone();
        let whole = (zone.name.to_string(), PyBytes::new(py, &zone.tzif), zone.database.to_string());
        (slf.get_type().into_any(), whole)
    }
}

/// The zone called `name` in the newest of the databases (what it is called, its folder, its version) that has it.
#[pyfunction]
pub fn zone(name: &str, databases: Vec<(String, PathBuf, Option<String>)>) -> PyResult<PyZone> {
    let candidates = databases.into_iter().map(|(origin, folder, version)| Candidate { origin, folder, version });
    Databases::of(candidates).zone(name).and_then(Calendar::of).map(PyZone).map_err(raise)
}
