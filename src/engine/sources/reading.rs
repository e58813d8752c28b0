//! Tables as a caller gives them, and how their columns are to be read.

use std::collections::BTreeMap;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::slice::Slice;
use crate::engine::files::place::FilePlace;
use crate::engine::nouns::{Column, NOUNS, Noun};
use crate::engine::text::dialect::CsvOptions;
use crate::engine::values::rules::{Actions, TimeRules};
use crate::spelling::{closest, question};
use crate::{Error, Result};

/// A table as the caller has it.
#[derive(Debug, Clone)]
pub enum Given {
    /// Files or folders of files, each with the folder below which `key=value` folders are columns.
    Places(Vec<(FilePlace, FilePlace)>),
    /// Parts of files.
    Slices(Vec<Slice>),
    /// Arrow data in memory.
    Batches(SchemaRef, Vec<RecordBatch>),
}

/// How the caller's columns are to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Ours, as `column` or `table.column`, to theirs.
    pub columns: BTreeMap<String, String>,
    /// Times.
    pub times: TimeRules,
    /// Words for actions.
    pub actions: Actions,
    /// What is said of the CSV files of a table, or, called `""`, of all.
    pub csv: BTreeMap<String, CsvOptions>,
    /// Partitions of tables in memory.
    pub threads: usize,
}

impl Reading {
    /// The caller's name of `column`.
    pub fn theirs(&self, noun: &Noun, column: &Column) -> String {
        let exact = self.columns.get(&format!("{}.{}", noun.name, column.name));
        exact.or_else(|| self.columns.get(column.name)).cloned().unwrap_or_else(|| column.name.into())
    }

    /// What is said of the CSV files of `noun`.
    pub fn csv_of(&self, noun: &Noun) -> CsvOptions {
        let said = |name: &str| self.csv.get(name).cloned().unwrap_or_default();
        said(noun.name).or(&said(""))
    }

    /// Whether `column` must be there: answers need it, or the caller says what it is called.
    pub fn needs(&self, noun: &Noun, column: &Column) -> bool {
        column.required || self.columns.contains_key(&format!("{}.{}", noun.name, column.name))
    }
}

/// Refuses names of tables and columns that we do not have.
pub fn check_names(given: &BTreeMap<String, Given>, reading: &Reading) -> Result<()> {
    let unknown = |name: &str, value: &str, reason: String| {
        Err(Error::Definition { name: name.into(), value: value.into(), reason })
    };
    if let Some(name) = given.keys().find(|name| Noun::named(name).is_none()) {
        return unknown("table", name, format!("expected one of {}", NOUNS.map(|noun| noun.name).join(", ")));
    }
    for ours in reading.columns.keys() {
        let (table, column) = ours.split_once('.').map_or((None, ours.as_str()), |(t, c)| (Some(t), c));
        let has = |noun: &Noun| table.is_none_or(|t| t == noun.name) && noun.columns.iter().any(|c| c.name == column);
        if !NOUNS.iter().any(has) {
            return unknown("columns", ours, misnamed(ours, &reading.columns[ours]));
        }
    }
    Ok(())
}

/// Says why `ours` is no column of ours.
fn misnamed(ours: &str, theirs: &str) -> String {
    let names = || NOUNS.iter().flat_map(|noun| noun.columns).map(|column| column.name);
    let column = ours.rsplit('.').next().unwrap_or(ours);
    if names().any(|name| name == theirs) {
        return format!("it goes from our name to yours: columns={{{theirs:?}: {ours:?}}}");
    }
    format!("no table has such a column; write column or table.column{}", question(closest(column, names())))
}
