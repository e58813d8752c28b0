//! Arrow in and out, by the PyCapsule protocol.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;
use pyo3_arrow::{PyArray, PyTable};

use super::errors::raise;
use crate::engine::run::Table;

/// The batches of anything that speaks the protocol, as a table or as a stream.
pub fn batches_of(data: AnyRecordBatch) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let reader = data.into_reader()?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| raise(error.into()))?;
    Ok((schema, batches))
}

/// A table that any library takes by the protocol.
pub fn table<'py>(py: Python<'py>, (schema, batches): Table) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyTable::try_new(batches, schema)?.into_pyobject(py)?.into_any())
}

/// An array as one of another type.
pub fn cast_to(array: PyArray, to: &DataType) -> PyResult<ArrayRef> {
    cast(array.array(), to).map_err(|error| raise(error.into()))
}
