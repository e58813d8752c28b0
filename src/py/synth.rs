//! The synthetic city.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raise;
use super::session::attended;
use super::zone::PyZone;
use crate::synth::{City, Summary, write_city};
use crate::{Error, Result};

/// Writes a city under `root` and returns how many rows each table got.
#[pyfunction]
#[pyo3(signature = (root, *, seed, pings, users, establishments, start, days, tz, threads, progress))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python call")]
pub fn synth<'py>(
    py: Python<'py>,
    root: PathBuf,
    seed: u64,
    pings: u64,
    users: Option<u64>,
    establishments: Option<u64>,
    start: String,
    days: u32,
    tz: PyRef<'py, PyZone>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let start = date("start", &start).map_err(raise)?;
    let city = City { seed, pings, users, establishments, start, days, calendar: tz.0.clone(), threads };
    let summary = attended(py, progress.as_ref(), |heartbeat| {
        let (written, cancel) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let work =
                scope.spawn(|| write_city(&root, &city, &|rows| written.store(rows, Ordering::Relaxed), &cancel));
            while !work.is_finished() {
                std::thread::sleep(Duration::from_millis(50));
                if let Err(stop) = heartbeat(written.load(Ordering::Relaxed)) {
                    cancel.store(true, Ordering::Relaxed);
                    return Err(stop);
                }
            }
            work.join().unwrap_or_else(|_| Err(Error::Internal("the city's writer panicked".into())))
        })
    })?;
    counts(py, &summary)
}

fn date(name: &str, text: &str) -> Result<NaiveDate> {
    text.parse().map_err(|_| Error::Definition {
        name: name.into(),
        value: text.into(),
        reason: "expected a date such as 2024-03-01".into(),
    })
}

fn counts<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let counts = PyDict::new(py);
    counts.set_item("users", summary.users)?;
    counts.set_item("establishments", summary.establishments)?;
    counts.set_item("ads", summary.ads)?;
    counts.set_item("interactions", summary.interactions)?;
    counts.set_item("pings", summary.pings)?;
    Ok(counts)
}
