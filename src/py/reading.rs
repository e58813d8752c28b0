//! Tables as callers give them, and how they are to be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use encoding_rs::Encoding;
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;

use super::arrow::batches_of;
use super::errors::raise;
use super::zone::PyZone;
use crate::engine::files::file::TableFile;
use crate::engine::files::place::FilePlace;
use crate::engine::files::stamp::Stamp;
use crate::engine::nouns::EpochUnit;
use crate::engine::sources::reading::{Given, Reading};
use crate::engine::sources::slice::Slice;
use crate::engine::text::dialect::CsvOptions;
use crate::engine::values::rules::{Actions, TimeRules};
use crate::timestamps::Pattern;
use crate::{Error, Result};

/// A table.
#[derive(FromPyObject)]
pub enum GivenTable {
    /// A file or a folder.
    Path(PathBuf),
    /// Files and folders, each with the folder below which `key=value` folders are columns.
    Paths(Vec<(PathBuf, PathBuf)>),
    /// Parts of files.
    Slices(Vec<PySlice>),
    /// Rows.
    Data(AnyRecordBatch),
}

/// A file; the first byte and the end of what is read of it, all of it if none; and, if it was opened before, where its
/// table begins, and its bytes, its time of change and what S3 calls its content then.
pub type PySlice = (PathBuf, Option<(u64, u64)>, Option<(PathBuf, u64, i64, Option<String>)>);

/// How tables are to be read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct PyReading<'py> {
    columns: BTreeMap<String, String>,
    epoch_unit: Option<String>,
    naive_tz: Option<PyRef<'py, PyZone>>,
    actions: BTreeMap<String, String>,
    csv: BTreeMap<String, PyCsvOptions>,
}

/// What is said of CSV files.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub struct PyCsvOptions {
    separator: Option<String>,
    decimal: Option<String>,
    encoding: Option<String>,
    timestamp: Option<Vec<String>>,
    quote: Option<String>,
}

impl GivenTable {
    fn given(self) -> PyResult<Given> {
        match self {
            GivenTable::Path(path) => {
                let place = FilePlace::of(&path).map_err(raise)?;
                Ok(Given::Places(vec![(place.clone(), place)]))
            }
            GivenTable::Paths(paths) => {
                let places = paths.iter().map(|(path, root)| Ok((FilePlace::of(path)?, FilePlace::of(root)?)));
                Ok(Given::Places(places.collect::<Result<_>>().map_err(raise)?))
            }
            GivenTable::Slices(slices) => {
                let slices = slices.into_iter().map(slice).collect::<Result<_>>();
                Ok(Given::Slices(slices.map_err(raise)?))
            }
            GivenTable::Data(data) => batches_of(data).map(|(schema, batches)| Given::Batches(schema, batches)),
        }
    }
}

fn slice((path, bytes, opened): PySlice) -> Result<Slice> {
    let place = FilePlace::of(&path)?;
    let file = match opened {
        Some((root, bytes, changed_ns, etag)) => {
            TableFile::opened(place, FilePlace::of(&root)?, Stamp { bytes, changed_ns, etag })?
        }
        None => TableFile::found(&path, &place)?,
    };
    Ok(Slice { file, bytes: bytes.map(|(start, end)| start..end) })
}

/// Converts tables.
pub fn given(tables: BTreeMap<String, GivenTable>) -> PyResult<BTreeMap<String, Given>> {
    tables.into_iter().map(|(name, source)| Ok((name, source.given()?))).collect()
}

impl PyReading<'_> {
    /// Converts them.
    pub fn reading(self) -> PyResult<Reading> {
        let epoch_unit = self.epoch_unit.as_deref().map(EpochUnit::parse).transpose().map_err(raise)?;
        let naive = self.naive_tz.map(|zone| zone.0.clone());
        let csv = self.csv.into_iter().map(|(table, options)| Ok((table, options.options()?)));
        Ok(Reading {
            columns: self.columns,
            times: TimeRules { epoch_unit, naive },
            actions: Actions::new(self.actions),
            csv: csv.collect::<Result<_>>().map_err(raise)?,
            threads: 1,
        })
    }
}

impl PyCsvOptions {
    fn options(self) -> Result<CsvOptions> {
        let mark = |name: &str, text: Option<String>| match text {
            Some(text) if text.len() != 1 => Err(refused(name, &text, "must be one ASCII character")),
            text => Ok(text.map(|text| text.as_bytes()[0])),
        };
        let encoding = |label: String| {
            // Python says latin-1 and utf_8, the standard latin1 and utf-8.
            let spelled = [label.clone(), label.replace('_', "-"), label.replace(['_', '-'], "")];
            let known = spelled.iter().find_map(|label| Encoding::for_label(label.as_bytes()));
            known.ok_or_else(|| refused("encoding", &label, "no known encoding; utf-8, latin-1 and utf-16le are some"))
        };
        let patterns = |texts: Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect::<Result<Vec<_>>>();
        Ok(CsvOptions {
            separator: mark("separator", self.separator)?,
            quote: mark("quote", self.quote)?,
            has_decimal_comma: self.decimal.map(|mark| mark == ","),
            encoding: self.encoding.map(encoding).transpose()?,
            timestamps: self.timestamp.map(patterns).transpose()?,
        })
    }

    /// Converts what was found out.
    pub fn of(options: CsvOptions) -> Self {
        let mark = |byte: u8| char::from(byte).to_string();
        let texts = |patterns: Vec<Pattern>| patterns.iter().map(|pattern| pattern.text().to_string()).collect();
        Self {
            separator: options.separator.map(mark),
            decimal: options.has_decimal_comma.map(|comma| if comma { "," } else { "." }.into()),
            encoding: options.encoding.map(|encoding| encoding.name().to_lowercase()),
            timestamp: options.timestamps.map(texts),
            quote: options.quote.map(mark),
        }
    }
}

fn refused(name: &str, value: &str, reason: &str) -> Error {
    Error::Definition { name: format!("csv.{name}"), value: format!("{value:?}"), reason: reason.into() }
}
