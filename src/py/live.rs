//! `LiveTables` and `Detector`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::DataType;
use pyo3::prelude::*;
use pyo3_arrow::PyArray;
use pyo3_arrow::input::AnyRecordBatch;

use super::arrow::{batches_of, cast_to, table};
use super::errors::raise;
use super::zone::PyZone;
use crate::live::{Detector, GivenTables, LiveTables, Options};

/// What suggestions rest on.
#[pyclass(name = "LiveTables", module = "footfall._native", frozen)]
pub struct PyLiveTables(Arc<LiveTables>);

#[pymethods]
impl PyLiveTables {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "one for each table")]
    fn new(
        py: Python<'_>,
        establishments: AnyRecordBatch,
        ads: AnyRecordBatch,
        tastes: Option<AnyRecordBatch>,
        familiar: Option<AnyRecordBatch>,
        chances: Option<AnyRecordBatch>,
        options: BTreeMap<String, f64>,
        zone: &PyZone,
        version: String,
    ) -> PyResult<Self> {
        let given = GivenTables {
            establishments: batches_of(establishments)?,
            ads: batches_of(ads)?,
            tastes: tastes.map(batches_of).transpose()?,
            familiar: familiar.map(batches_of).transpose()?,
            chances: chances.map(batches_of).transpose()?,
        };
        let options = Options::with(options).map_err(raise)?;
        let calendar = zone.0.clone();
        let tables = py.detach(|| LiveTables::new(&given, options, calendar, version)).map_err(raise)?;
        Ok(Self(Arc::new(tables)))
    }
}

/// Knows the state of each user that it met.
#[pyclass(name = "Detector", module = "footfall._native")]
pub struct PyDetector(Detector);

#[pymethods]
impl PyDetector {
    #[new]
    fn new(tables: &PyLiveTables) -> Self {
        Self(Detector::new(Arc::clone(&tables.0)))
    }

    #[pyo3(signature = (fixes, *, approaches=true))]
    fn process<'py>(
        &mut self,
        py: Python<'py>,
        fixes: AnyRecordBatch,
        approaches: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let fixes = batches_of(fixes)?;
        let (suggestions, approaches) = py.detach(|| self.0.process(&fixes, approaches)).map_err(raise)?;
        Ok((rows(py, suggestions)?, rows(py, approaches)?))
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.0.counters().into_iter().collect()
    }

    fn users(&self) -> usize {
        self.0.users()
    }

    fn state_bytes(&self) -> usize {
        self.0.state_bytes()
    }

    #[pyo3(signature = (user_ids=None))]
    fn states<'py>(&self, py: Python<'py>, user_ids: Option<PyArray>) -> PyResult<Bound<'py, PyAny>> {
        let users = user_ids.map(texts).transpose()?;
        rows(py, py.detach(|| self.0.states(users)).map_err(raise)?)
    }

    fn restore(&mut self, py: Python<'_>, states: AnyRecordBatch) -> PyResult<()> {
        let states = batches_of(states)?;
        py.detach(|| self.0.restore(&states)).map_err(raise)
    }

    fn forget_before(&mut self, py: Python<'_>, instant_us: i64) -> PyResult<Vec<String>> {
        let forgotten = py.detach(|| self.0.forget_before(instant_us)).map_err(raise)?;
        Ok(forgotten.iter().flatten().map(String::from).collect())
    }

    fn reload(&mut self, tables: &PyLiveTables) {
        self.0.reload(Arc::clone(&tables.0));
    }
}

/// The names of all options, with their defaults.
#[pyfunction]
fn live_options() -> BTreeMap<&'static str, f64> {
    Options::default().values().into_iter().collect()
}

fn rows(py: Python<'_>, batch: RecordBatch) -> PyResult<Bound<'_, PyAny>> {
    table(py, (batch.schema(), vec![batch]))
}

fn texts(ids: PyArray) -> PyResult<StringViewArray> {
    Ok(cast_to(ids, &DataType::Utf8View)?.as_string_view().clone())
}

/// Adds the classes to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLiveTables>()?;
    module.add_class::<PyDetector>()?;
    module.add_function(wrap_pyfunction!(live_options, module)?)
}
