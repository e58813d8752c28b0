//! Objects of S3, one by one: settings beside the data, results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::errors::raise;
use crate::Result;
use crate::engine::files::place::{FilePlace, ObjectPlace};
use crate::engine::files::s3::{listing, writing};

fn object(place: &Path) -> Result<ObjectPlace> {
    match FilePlace::of(place)? {
        FilePlace::Object(object) => Ok(object),
        disk => Err(disk.error("must be s3://bucket/key")),
    }
}

/// Reads an object; `None` if it is not there.
#[pyfunction]
pub fn read_object<'py>(py: Python<'py>, place: PathBuf) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let read = py.detach(|| listing::content(&object(&place)?)).map_err(raise)?;
    Ok(read.map(|content| PyBytes::new(py, &content)))
}

/// Creates an object, or replaces the one in the state `replaces`, and returns its state.
#[pyfunction]
#[pyo3(signature = (place, content, *, notes, replaces=None))]
pub fn write_object(
    py: Python<'_>,
    place: PathBuf,
    content: Vec<u8>,
    notes: BTreeMap<String, String>,
    replaces: Option<String>,
) -> PyResult<Option<String>> {
    py.detach(|| writing::write(&object(&place)?, Bytes::from(content), &notes, replaces)).map_err(raise)
}

/// What an object says of itself: its state, when it was written, and its notes; `None` if it is not there.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "a tuple of Python's")]
pub fn look_at_object(
    py: Python<'_>,
    place: PathBuf,
) -> PyResult<Option<(Option<String>, String, BTreeMap<String, String>)>> {
    let found = py.detach(|| writing::present(&object(&place)?)).map_err(raise)?;
    Ok(found.map(|there| (there.etag, there.written, there.notes)))
}
