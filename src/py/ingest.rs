//! A data set rewritten for many reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raise;
use super::reading::{GivenTable, PyReading, given};
use super::session::attended;
use super::zone::PyZone;
use crate::engine::files::place::FilePlace;
use crate::engine::ingest::ingest as rewrite;
use crate::engine::ingest::progress::Progress;
use crate::engine::ingest::request::{IngestRequest, ROWS_PER_PART};

/// Rewrites the folder `source` as `target` and returns each table's counts.
#[pyfunction]
#[pyo3(signature = (source, target, *, tables, tz, reading, rows_per_part, progress))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python call")]
pub fn ingest<'py>(
    py: Python<'py>,
    source: PathBuf,
    target: PathBuf,
    tables: BTreeMap<String, GivenTable>,
    tz: PyRef<'py, PyZone>,
    reading: PyReading,
    rows_per_part: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (tables, reading) = (given(tables)?, reading.reading()?);
    let rows_per_part = rows_per_part.unwrap_or(ROWS_PER_PART);
    let source = FilePlace::of(&source).map_err(raise)?;
    let request = IngestRequest { source, target, calendar: tz.0.clone(), tables, reading, rows_per_part };
    let done = attended(py, progress.as_ref(), |heartbeat| rewrite(&request, heartbeat))?;
    counts(py, &done)
}

fn counts<'py>(py: Python<'py>, done: &Progress) -> PyResult<Bound<'py, PyDict>> {
    let tables = PyDict::new(py);
    for (name, table) in &done.tables {
        let counts = PyDict::new(py);
        counts.set_item("rows_read", table.read)?;
        counts.set_item("rows_left_out", table.left_out)?;
        counts.set_item("rows_written", table.written())?;
        counts.set_item("parts", table.parts.len())?;
        tables.set_item(name, counts)?;
    }
    Ok(tables)
}
