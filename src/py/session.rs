//! `Session`: an opened data set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use datafusion::common::ScalarValue;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_arrow::PyArray;
use pyo3_arrow::input::AnyRecordBatch;

use super::arrow::{batches_of, table};
use super::errors::raise;
use super::reading::{GivenTable, PyCsvOptions, PyReading, given};
use super::zone::PyZone;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::files::place::FilePlace;
use crate::engine::files::s3::traffic::Fetched;
use crate::engine::jobs::{JOBS, Job, Request};
use crate::engine::query::UserQuery;
use crate::engine::query::scope::{NamedColumn, Variables};
use crate::engine::run::{Heartbeat, Table};
use crate::engine::session::{Options, Restriction, Session};
use crate::engine::sources::slice::Slice;
use crate::engine::steps::Steps;
use crate::{Error, Result};

/// The tables of one data set, restricted or not, ready to answer.
#[pyclass(name = "Session", module = "footfall._native", frozen)]
pub struct PySession(Session);

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Definitions {
    radius_m: f64,
    window_us: i64,
    z: f64,
}

fn tables(given: BTreeMap<String, AnyRecordBatch>) -> PyResult<BTreeMap<String, Table>> {
    given.into_iter().map(|(name, table)| Ok((name, batches_of(table)?))).collect()
}

/// Names and types of columns, by table.
type NamedColumns = BTreeMap<String, Vec<(String, String)>>;

fn variables(tables: Option<NamedColumns>) -> Variables {
    let column = |(name, data_type)| NamedColumn { name, data_type };
    let tables = tables.unwrap_or_default().into_iter();
    tables.map(|(name, columns)| (name, columns.into_iter().map(column).collect())).collect()
}

/// The values of placeholders, each an array of one.
fn values(parameters: BTreeMap<String, PyArray>) -> PyResult<BTreeMap<String, ScalarValue>> {
    let value = |array: PyArray| ScalarValue::try_from_array(array.array(), 0).map_err(|error| raise(error_of(error)));
    parameters.into_iter().map(|(name, array)| Ok((name, value(array)?))).collect()
}

/// Runs `work` without the GIL; between heartbeats Python hears of progress and may stop it.
pub fn attended<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&mut dyn FnMut(u64) -> Result<()>) -> Result<T> + Send,
) -> PyResult<T> {
    let mut interrupted = None;
    let mut heartbeat = |rows| {
        Python::attach(|py| {
            let heard = py.check_signals().and_then(|()| match progress {
                Some(listener) => listener.call1(py, (rows, py.None())).map(|_| ()),
                None => Ok(()),
            });
            heard.map_err(|error| {
                interrupted = Some(error);
                Error::Cancelled
            })
        })
    };
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(|| work(&mut heartbeat))));
    let result =
        result.unwrap_or_else(|_| Err(Error::Internal("it panicked; the message is on standard error".into())));
    match interrupted {
        Some(error) => Err(error),
        None => result.map_err(raise),
    }
}

#[pymethods]
impl PySession {
    #[new]
    #[pyo3(signature = (root, tables, *, tz, reading, definitions, threads, memory_limit))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python call")]
    fn new(
        py: Python<'_>,
        root: Option<PathBuf>,
        tables: BTreeMap<String, GivenTable>,
        tz: PyRef<'_, PyZone>,
        reading: PyReading,
        definitions: Definitions,
        threads: Option<usize>,
        memory_limit: Option<usize>,
    ) -> PyResult<Self> {
        let (given, reading) = (given(tables)?, reading.reading()?);
        let Definitions { radius_m, window_us, z } = definitions;
        let calendar = tz.0.clone();
        let options = Options { calendar, radius_m, window_us, z, threads, memory_limit, is_plain: false };
        let root = root.map(|root| FilePlace::of(&root)).transpose().map_err(raise)?;
        attended(py, None, |_| Session::open(root.as_ref(), given, reading, options)).map(Self)
    }

    fn tables(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        self.0.tables().into_iter().collect()
    }

    fn rows(&self, py: Python<'_>) -> PyResult<BTreeMap<&'static str, i64>> {
        Ok(attended(py, None, |heartbeat| self.0.rows(heartbeat))?.into_iter().collect())
    }

    fn refuse_unusable(&self, py: Python<'_>, tables: Vec<String>) -> PyResult<()> {
        attended(py, None, |heartbeat| self.0.refuse_unusable(&tables, heartbeat))
    }

    #[pyo3(signature = (*, users, start_us, end_us))]
    fn restrict(&self, users: Option<f64>, start_us: Option<i64>, end_us: Option<i64>) -> PyResult<Self> {
        let further = Restriction { users: users.unwrap_or(1.0), start_us, end_us };
        self.0.restrict(further).map(Self).map_err(raise)
    }

    fn plain(&self) -> PyResult<Self> {
        self.0.plain().map(Self).map_err(raise)
    }

    #[pyo3(signature = (job, *, by, users, rank_by, progress))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        job: &str,
        by: String,
        users: Option<Vec<String>>,
        rank_by: Option<String>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = Request { by, users, rank_by };
        let result: Table = attended(py, progress.as_ref(), |heartbeat| self.0.run(job, &request, heartbeat))?;
        table(py, result)
    }

    #[pyo3(signature = (job, *, by, users, rank_by))]
    fn job_sql(&self, job: &str, by: String, users: Option<Vec<String>>, rank_by: Option<String>) -> PyResult<String> {
        self.0.job_sql(job, &Request { by, users, rank_by }).map_err(raise)
    }

    #[pyo3(signature = (job, *, by, users, rank_by))]
    fn steps<'py>(
        &self,
        py: Python<'py>,
        job: &str,
        by: String,
        users: Option<Vec<String>>,
        rank_by: Option<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Steps { maps, of_users } = self.0.steps(job, &Request { by, users, rank_by }).map_err(raise)?;
        let steps = PyDict::new(py);
        let maps: Vec<_> = maps.into_iter().map(|map| (map.table, map.name, map.sql)).collect();
        steps.set_item("maps", maps)?;
        steps.set_item("of_users", of_users)?;
        Ok(steps)
    }

    #[pyo3(signature = (job, counts, *, by, users, rank_by, progress))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python call")]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        job: &str,
        counts: BTreeMap<String, AnyRecordBatch>,
        by: String,
        users: Option<Vec<String>>,
        rank_by: Option<String>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (request, counts) = (Request { by, users, rank_by }, tables(counts)?);
        let answer = |heartbeat: Heartbeat| self.0.answer(job, &request, counts, heartbeat);
        table(py, attended(py, progress.as_ref(), answer)?)
    }

    fn asked(&self) -> (u64, u64, u64) {
        let Fetched { lists, gets, bytes } = self.0.asked();
        (lists, gets, bytes)
    }

    #[expect(clippy::type_complexity, reason = "a tuple of Python's")]
    fn pieces(
        &self,
        table: &str,
        wanted: u64,
    ) -> PyResult<Vec<Vec<(OsString, Option<(u64, u64)>, (OsString, u64, i64, Option<String>))>>> {
        let slice = |Slice { file, bytes }: Slice| {
            let TableFile { place, root, stamp, .. } = file;
            let [path, root] = [place, root].map(|place| place.to_path().into_os_string());
            let opened = (root, stamp.bytes, stamp.changed_ns, stamp.etag);
            (path, bytes.map(|bytes| (bytes.start, bytes.end)), opened)
        };
        let pieces = self.0.pieces(table, wanted).map_err(raise)?;
        Ok(pieces.into_iter().map(|piece| piece.into_iter().map(slice).collect()).collect())
    }

    #[pyo3(signature = (tables, *, reading, visit_filter))]
    fn with_piece(
        &self,
        py: Python<'_>,
        tables: BTreeMap<String, GivenTable>,
        reading: PyReading,
        visit_filter: Option<AnyRecordBatch>,
    ) -> PyResult<Self> {
        let (given, reading) = (given(tables)?, reading.reading()?);
        let visit_filter = visit_filter.map(batches_of).transpose()?;
        attended(py, None, |_| self.0.with_piece(given, reading, visit_filter.as_ref())).map(Self)
    }

    fn visit_filter<'py>(&self, py: Python<'py>, visits: AnyRecordBatch, pieces: usize) -> PyResult<Bound<'py, PyAny>> {
        let visits = batches_of(visits)?;
        table(py, attended(py, None, |_| self.0.visit_filter(&visits, pieces))?)
    }

    fn beside(&self, given: BTreeMap<String, AnyRecordBatch>) -> PyResult<Self> {
        self.0.beside(tables(given)?).map(Self).map_err(raise)
    }

    #[pyo3(signature = (query, parameters=None, tables=None, limit=None, progress=None))]
    fn sql<'py>(
        &self,
        py: Python<'py>,
        query: String,
        parameters: Option<BTreeMap<String, PyArray>>,
        tables: Option<BTreeMap<String, AnyRecordBatch>>,
        limit: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let parameters = values(parameters.unwrap_or_default())?;
        let query = UserQuery { text: query, parameters, tables: self::tables(tables.unwrap_or_default())?, limit };
        table(py, attended(py, progress.as_ref(), |heartbeat| self.0.sql(&query, heartbeat))?)
    }

    fn names_in(&self, query: &str) -> (Vec<String>, Vec<String>) {
        self.0.names_in(query)
    }

    #[pyo3(signature = (query, at, tables=None))]
    fn complete(
        &self,
        py: Python<'_>,
        query: &str,
        at: usize,
        tables: Option<NamedColumns>,
    ) -> PyResult<Vec<(String, &'static str, String)>> {
        let variables = variables(tables);
        let suggestions = py.detach(|| self.0.complete(query, at, &variables)).map_err(raise)?;
        Ok(suggestions.into_iter().map(|it| (it.text, it.kind.name(), it.detail)).collect())
    }

    #[pyo3(signature = (query, at, tables=None))]
    fn describe(
        &self,
        py: Python<'_>,
        query: &str,
        at: usize,
        tables: Option<NamedColumns>,
    ) -> PyResult<Option<(&'static str, String, String, String)>> {
        let variables = variables(tables);
        let description = py.detach(|| self.0.describe(query, at, &variables)).map_err(raise)?;
        Ok(description.map(|it| (it.kind.name(), it.name, it.schema, it.meaning)))
    }

    fn formats(&self) -> BTreeMap<&'static str, Vec<String>> {
        self.0.formats()
    }

    fn csv_options(&self) -> BTreeMap<&'static str, PyCsvOptions> {
        let options = self.0.csv_options().into_iter();
        options.map(|(table, options)| (table, PyCsvOptions::of(options))).collect()
    }

    fn sample_findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, py.detach(|| self.0.sample_findings()).map_err(raise)?)
    }

    #[pyo3(signature = (all, progress))]
    fn check<'py>(&self, py: Python<'py>, all: bool, progress: Option<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let result = attended(py, progress.as_ref(), |heartbeat| self.0.check(all, heartbeat))?;
        table(py, result)
    }

    #[pyo3(signature = (name, limit, progress))]
    fn unusable<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        limit: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        table(py, attended(py, progress.as_ref(), |heartbeat| self.0.unusable(name, limit, heartbeat))?)
    }
}

/// The registry of the jobs.
#[pyfunction]
pub fn jobs(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let entries = JOBS.iter().map(|job| entry(py, job)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, entries)
}

fn entry<'py>(py: Python<'py>, job: &Job) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("number", job.number)?;
    entry.set_item("name", job.name)?;
    entry.set_item("title", job.title)?;
    entry.set_item("question", job.question)?;
    entry.set_item("tables", job.tables)?;
    entry.set_item("by", job.by)?;
    entry.set_item("users", job.users)?;
    entry.set_item("rank_by", job.rank_by)?;
    Ok(entry)
}
