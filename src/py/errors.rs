//! Our errors as the exceptions of `footfall.errors`.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::Error;

/// The exception for `error`.
pub fn raise(error: Error) -> PyErr {
    Python::attach(|py| exception(py, error).unwrap_or_else(|failure| failure))
}

fn exception(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let message = error.to_string();
    let class = match &error {
        Error::Data { .. } | Error::MissingColumn { .. } | Error::Io { .. } | Error::Arrow(_) => "DataError",
        Error::MissingTable { .. } => "MissingTableError",
        Error::Definition { .. } => "DefinitionError",
        Error::Query { .. } => "QueryError",
        Error::Internal(_) => "InternalError",
        Error::Cancelled => {
            // The signal's own exception, if a handler raised one, says more than ours.
            return Ok(PyErr::take(py).unwrap_or_else(|| PyKeyboardInterrupt::new_err(())));
        }
    };
    let details = details(py, error)?;
    let class = py.import("footfall.errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((message,), details.as_ref())?))
}

/// Where the value stands, for errors about data, or the mistake, for those of a query.
fn details(py: Python<'_>, error: Error) -> PyResult<Option<Bound<'_, PyDict>>> {
    let place = PyDict::new(py);
    match error {
        Error::Data { table, column, row, value, reason } => {
            place.set_item("table", table)?;
            place.set_item("column", column)?;
            place.set_item("row", row)?;
            place.set_item("value", value)?;
            place.set_item("reason", reason)?;
        }
        Error::MissingColumn { table, columns, .. } => {
            place.set_item("table", table)?;
            place.set_item("column", columns.first().map(|(_, theirs)| theirs))?;
            place.set_item("reason", "the table has no such column")?;
        }
        Error::Io { path, reason } => {
            place.set_item("value", path)?;
            place.set_item("reason", reason)?;
        }
        Error::Query { place: Some((line, column)), .. } => {
            place.set_item("line", line)?;
            place.set_item("column", column)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(place))
}
