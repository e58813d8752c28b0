//! The tables of a data set: where each noun comes from, and its rows in our columns and types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use datafusion::scalar::ScalarValue;

use super::group::{FileGroup, group};
use super::slice::{Slice, rows_before};
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::files::find;
use crate::engine::functions::as_text;
use crate::engine::nouns::{Column, Kind, NOUNS, Noun, RAW, WantedColumn};
use crate::engine::text::dialect::{CsvOptions, Dialect};
use crate::engine::values::convert::{Rules, convert, readings};
use crate::engine::values::rules::{Actions, TextRules, TimeRules, TimestampFormat};
use crate::spelling::closest;
use crate::{Error, Result};

/// Rows of an in-memory table that are one unit of work.
const ROWS_PER_SLICE: usize = 65_536;

/// A table as the caller has it.
#[derive(Debug, Clone)]
pub enum Given {
    /// Files or folders of files, each with the folder below which `key=value` folders are columns.
    Paths(Vec<(PathBuf, PathBuf)>),
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

/// Some of a noun's rows: a table of the caller's columns.
#[derive(Debug, Clone)]
pub struct SourcePart {
    origin: Origin,
    table: Arc<dyn TableProvider>,
}

#[derive(Debug, Clone)]
enum Origin {
    Files(FileGroup),
    Memory(SchemaRef, Vec<RecordBatch>),
}

/// A noun's rows, part by part, and how their columns become ours.
#[derive(Debug, Clone)]
pub struct Source {
    noun: Noun,
    reading: Reading,
    /// The parts; several where files differ in schema.
    pub parts: Vec<SourcePart>,
}

impl Source {
    /// The rows of `noun` in Arrow data.
    pub fn of_memory(noun: Noun, (schema, batches): &(SchemaRef, Vec<RecordBatch>), threads: usize) -> Result<Self> {
        let parts = vec![SourcePart::of_memory(schema, batches, threads)?];
        let reading = Reading { threads, times: TimeRules::on_one_clock(), ..Reading::default() };
        let source = Source { noun, reading, parts };
        source.check_columns()?;
        Ok(source)
    }
}

/// Finds the nouns under `root` and among the tables `given`.
pub fn sources(
    root: Option<&Path>,
    given: BTreeMap<String, Given>,
    reading: &Reading,
) -> Result<BTreeMap<&'static str, Source>> {
    check_names(&given, reading)?;
    let mut found = BTreeMap::new();
    for noun in NOUNS {
        let parts = match (given.get(noun.name), root) {
            (Some(Given::Paths(paths)), _) => whole_files(&noun, find::list_all(paths)?, reading)?,
            (Some(Given::Slices(slices)), _) => file_parts(&noun, slices, reading)?,
            (Some(Given::Batches(schema, batches)), _) => {
                vec![SourcePart::of_memory(schema, batches, reading.threads)?]
            }
            (None, Some(root)) => whole_files(&noun, find::find(root, noun.name)?, reading)?,
            (None, None) => vec![],
        };
        if !parts.is_empty() {
            let source = Source { noun, reading: reading.clone(), parts };
            source.check_columns()?;
            found.insert(noun.name, source);
        }
    }
    match found.is_empty() {
        true => Err(nothing_found(root)),
        false => Ok(found),
    }
}

/// Says why `ours` is no column of ours.
fn misnamed(ours: &str, theirs: &str) -> String {
    let names = || NOUNS.iter().flat_map(|noun| noun.columns).map(|column| column.name);
    let column = ours.rsplit('.').next().unwrap_or(ours);
    if names().any(|name| name == theirs) {
        return format!("it goes from our name to yours: columns={{{theirs:?}: {ours:?}}}");
    }
    let meant = closest(column, names()).map_or_else(String::new, |name| format!("; did you mean {name}?"));
    format!("no table has such a column; write column or table.column{meant}")
}

/// How many names of a folder are told.
const TOLD_NAMES: usize = 8;

fn nothing_found(root: Option<&Path>) -> Error {
    let wanted = NOUNS.map(|noun| noun.name).join(", ");
    let there = root.map(find::names_in).unwrap_or_default();
    let told = match &there[..] {
        [] => "nothing".into(),
        names if names.len() > TOLD_NAMES => {
            format!("{} and {} more", names[..TOLD_NAMES].join(", "), names.len() - TOLD_NAMES)
        }
        names => names.join(", "),
    };
    let named = "tables={\"pings\": \"...\"} (--table pings=...) says what it is called";
    let reason = format!(
        "there is none of the tables {wanted} (a file such as pings.parquet, or a folder pings/): it has {told}; {named}"
    );
    Error::Io { path: root.map_or_else(|| "the mapping".into(), |root| root.display().to_string()), reason }
}

fn check_names(given: &BTreeMap<String, Given>, reading: &Reading) -> Result<()> {
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

fn whole_files(noun: &Noun, files: Vec<TableFile>, reading: &Reading) -> Result<Vec<SourcePart>> {
    let slices = files.into_iter().map(|file| Slice { file, bytes: None });
    file_parts(noun, &slices.collect::<Vec<_>>(), reading)
}

fn file_parts(noun: &Noun, slices: &[Slice], reading: &Reading) -> Result<Vec<SourcePart>> {
    let wanted = |column: &Column| WantedColumn {
        name: reading.theirs(noun, column),
        kind: column.kind,
        is_needed: reading.needs(noun, column),
    };
    let wanted: Vec<_> = noun.columns.iter().map(wanted).collect();
    let groups = group(slices, &reading.csv_of(noun), &wanted)?;
    Ok(groups.into_iter().map(SourcePart::of_files).collect())
}

impl Reading {
    /// The caller's name of `column`.
    pub fn theirs(&self, noun: &Noun, column: &Column) -> String {
        let exact = self.columns.get(&format!("{}.{}", noun.name, column.name));
        exact.or_else(|| self.columns.get(column.name)).cloned().unwrap_or_else(|| column.name.into())
    }

    /// What is said of the CSV files of `noun`.
    fn csv_of(&self, noun: &Noun) -> CsvOptions {
        let said = |name: &str| self.csv.get(name).cloned().unwrap_or_default();
        said(noun.name).or(&said(""))
    }

    /// Whether `column` must be there: answers need it, or the caller says what it is called.
    fn needs(&self, noun: &Noun, column: &Column) -> bool {
        column.required || self.columns.contains_key(&format!("{}.{}", noun.name, column.name))
    }
}

/// A table of batches, which all threads read at the same time.
pub fn memory_table(schema: &SchemaRef, batches: &[RecordBatch], threads: usize) -> Result<MemTable> {
    let mut partitions = vec![vec![]; threads.max(1)];
    for (number, slice) in batches.iter().flat_map(slices).enumerate() {
        let options = RecordBatchOptions::new().with_row_count(Some(slice.num_rows()));
        let slice = RecordBatch::try_new_with_options(Arc::clone(schema), slice.columns().to_vec(), &options)?;
        partitions[number % threads.max(1)].push(slice);
    }
    MemTable::try_new(Arc::clone(schema), partitions).map_err(error_of)
}

impl SourcePart {
    fn of_files(group: FileGroup) -> SourcePart {
        SourcePart { table: group.table(), origin: Origin::Files(group) }
    }

    fn of_memory(schema: &SchemaRef, batches: &[RecordBatch], threads: usize) -> Result<SourcePart> {
        let origin = Origin::Memory(Arc::clone(schema), batches.to_vec());
        Ok(SourcePart { origin, table: Arc::new(memory_table(schema, batches, threads)?) })
    }

    /// The first and the last `rows` of rows in memory, or all of them.
    pub(super) fn first_and_last(&self, rows: usize) -> Result<SourcePart> {
        let Origin::Memory(schema, batches) = &self.origin else { return Ok(self.clone()) };
        let all: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let (mut before, mut taken) = (0, vec![]);
        for batch in batches {
            let count = batch.num_rows();
            let first = rows.saturating_sub(before).min(count);
            let last = (before + count).saturating_sub(all.saturating_sub(rows)).min(count - first);
            taken.extend([batch.slice(0, first), batch.slice(count - last, last)]);
            before += count;
        }
        SourcePart::of_memory(schema, &taken, 1)
    }

    /// The same part with `rows` of its files in the place of all.
    pub(super) fn with_rows(&self, rows: &[RecordBatch]) -> Result<SourcePart> {
        let table = Arc::new(memory_table(&self.table.schema(), rows, 1)?);
        Ok(SourcePart { origin: self.origin.clone(), table })
    }

    /// Splits the rows by file, in the order in which they are written.
    pub fn in_order(&self) -> Result<Vec<SourcePart>> {
        match &self.origin {
            Origin::Memory(schema, batches) => Ok(vec![SourcePart::of_memory(schema, batches, 1)?]),
            Origin::Files(group) => Ok(group.singles().into_iter().map(SourcePart::of_files).collect()),
        }
    }

    /// The file that the rows come from, if they come from one.
    pub fn label(&self) -> String {
        match &self.origin {
            Origin::Memory(..) => "memory".into(),
            Origin::Files(group) => group.slices[0].file.path.display().to_string(),
        }
    }

    /// The number, in its file, of the first row.
    pub fn first_row(&self) -> Result<u64> {
        match &self.origin {
            Origin::Files(group) => group.slices[0]
                .bytes
                .as_ref()
                .map_or(Ok(0), |bytes| rows_before(&group.slices[0].file.path, bytes.start)),
            Origin::Memory(..) => Ok(0),
        }
    }

    fn files(&self) -> impl Iterator<Item = &TableFile> {
        let slices = match &self.origin {
            Origin::Memory(..) => &[],
            Origin::Files(group) => &group.slices[..],
        };
        slices.iter().map(|slice| &slice.file)
    }

    /// The value of a column in the names of the folders, if it is there.
    fn literal(&self, theirs: &str) -> Option<ScalarValue> {
        match &self.origin {
            Origin::Memory(..) => None,
            Origin::Files(group) => group.path_columns.get(theirs).cloned().map(ScalarValue::Utf8),
        }
    }

    fn text_rules(&self) -> &TextRules {
        static ISO: TextRules = TextRules { has_decimal_comma: false, timestamps: TimestampFormat::Iso };
        match &self.origin {
            Origin::Memory(..) => &ISO,
            Origin::Files(group) => group.dialect().map_or(&ISO, |dialect| &dialect.rules),
        }
    }

    /// The files that the rows come from.
    pub(super) fn group(&self) -> Option<&FileGroup> {
        match &self.origin {
            Origin::Memory(..) => None,
            Origin::Files(group) => Some(group),
        }
    }

    /// All columns of the caller's.
    fn names(&self) -> Vec<String> {
        match &self.origin {
            Origin::Memory(schema, _) => schema.fields().iter().map(|field| field.name().clone()).collect(),
            Origin::Files(group) => group.names().to_vec(),
        }
    }

    fn scan(&self) -> Result<LogicalPlanBuilder> {
        LogicalPlanBuilder::scan(RAW, provider_as_source(Arc::clone(&self.table)), None).map_err(error_of)
    }

    fn type_of(&self, theirs: &str) -> Option<DataType> {
        let schema = self.table.schema();
        let in_file = schema.field_with_name(theirs).ok().map(|field| field.data_type().clone());
        in_file.or_else(|| self.literal(theirs).map(|_| DataType::Utf8))
    }
}

fn slices(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(ROWS_PER_SLICE);
    starts.map(|at| batch.slice(at, ROWS_PER_SLICE.min(batch.num_rows() - at)))
}

impl Source {
    /// The noun.
    pub fn noun(&self) -> &Noun {
        &self.noun
    }

    /// The same noun, read in the same way, with other rows.
    pub(super) fn with_parts(&self, parts: Vec<SourcePart>) -> Source {
        Source { noun: self.noun, reading: self.reading.clone(), parts }
    }

    /// The files that the rows come from, in the order of the parts.
    pub fn files(&self) -> Vec<&TableFile> {
        self.parts.iter().flat_map(SourcePart::files).collect()
    }

    /// The noun's columns that the caller's tables have.
    pub fn columns(&self) -> Vec<&'static Column> {
        let there = |column: &&Column| {
            let theirs = self.reading.theirs(&self.noun, column);
            self.parts.iter().any(|part| part.type_of(&theirs).is_some())
        };
        self.noun.columns.iter().filter(there).collect()
    }

    /// How text files are written, in words: each way once.
    pub fn formats(&self) -> Vec<String> {
        let words = self.parts.iter().filter_map(|part| part.group()?.words());
        words.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The options that tell of all CSV files of the table how they are written, if that is one way.
    pub fn csv_options(&self) -> Option<CsvOptions> {
        let mut dialects = self.parts.iter().filter_map(|part| part.group()?.dialect()).map(Dialect::options);
        let first = dialects.next()?;
        dialects.all(|other| other == first).then_some(first)
    }

    fn check_columns(&self) -> Result<()> {
        let names = |column: &Column| (column.name.to_string(), self.reading.theirs(&self.noun, column));
        for part in &self.parts {
            let lacks = |column: &&Column| {
                self.reading.needs(&self.noun, column)
                    && part.type_of(&self.reading.theirs(&self.noun, column)).is_none()
            };
            let columns: Vec<_> = self.noun.columns.iter().filter(lacks).map(names).collect();
            if !columns.is_empty() {
                let (table, place) = (self.noun.name.into(), part.label());
                return Err(Error::MissingColumn { table, place, columns, found: part.names() });
            }
            for column in self.noun.columns {
                self.ours(part, column)?;
            }
        }
        self.refuse_shared_columns()
    }

    /// Refuses two columns of ours that are the same of the caller's.
    fn refuse_shared_columns(&self) -> Result<()> {
        let mut ours_of = BTreeMap::new();
        for column in self.columns() {
            let theirs = self.reading.theirs(&self.noun, column);
            if let Some(other) = ours_of.insert(theirs.clone(), column.name) {
                return Err(Error::Definition {
                    name: "columns".into(),
                    value: theirs,
                    reason: format!("of {}, {other} and {} would both be read from it", self.noun.name, column.name),
                });
            }
        }
        Ok(())
    }

    /// The expression of one of our columns.
    fn ours(&self, part: &SourcePart, column: &Column) -> Result<Expr> {
        let theirs = self.reading.theirs(&self.noun, column);
        let expression = match (part.literal(&theirs), part.type_of(&theirs)) {
            (Some(value), _) => self.converted_literal(part, column, &theirs, value)?,
            (None, Some(from)) => convert(self.noun.name, column, &theirs, &from, self.rules(part))?,
            (None, None) => cast(lit(ScalarValue::Null), column.kind.data_type()),
        };
        Ok(expression.alias(column.name))
    }

    /// The expression of a column that stands in the path: its value, read as if it stood in a column of text.
    fn converted_literal(&self, part: &SourcePart, column: &Column, theirs: &str, value: ScalarValue) -> Result<Expr> {
        let expression = convert(self.noun.name, column, theirs, &DataType::Utf8, self.rules(part))?;
        let in_place = |part: Expr| match part {
            Expr::Column(_) => Ok(Transformed::yes(lit(value.clone()))),
            other => Ok(Transformed::no(other)),
        };
        Ok(expression.transform(in_place).map_err(error_of)?.data)
    }

    fn rules<'a>(&'a self, part: &'a SourcePart) -> Rules<'a> {
        Rules { times: &self.reading.times, text: part.text_rules(), actions: &self.reading.actions }
    }

    /// An expression that is null where the id is.
    fn id_of(&self, part: &SourcePart, column: &Column) -> Result<Expr> {
        let theirs = self.reading.theirs(&self.noun, column);
        match (part.literal(&theirs), part.type_of(&theirs)) {
            (None, Some(from)) if from.is_integer() => Ok(col(datafusion::common::Column::new_unqualified(theirs))),
            _ => self.ours(part, column),
        }
    }

    /// The caller's own value, to show it and to tell a null from an unreadable one. Parts may differ in type, and
    /// text is what all have in common.
    fn raw(&self, part: &SourcePart, column: &Column) -> Expr {
        let theirs = self.reading.theirs(&self.noun, column);
        let value = match (part.literal(&theirs), part.type_of(&theirs)) {
            (Some(value), _) => lit(value),
            (None, Some(_)) => col(datafusion::common::Column::new_unqualified(&theirs)),
            (None, None) => lit(ScalarValue::Null),
        };
        let value = match part.type_of(&theirs) {
            Some(from) if self.parts.len() > 1 => as_text("as_text", from).call(vec![value]),
            _ if self.parts.len() > 1 => cast(value, DataType::Utf8View),
            _ => value,
        };
        value.alias(raw_name(column))
    }

    fn instants(&self) -> impl Iterator<Item = &'static Column> {
        self.noun.columns.iter().filter(|column| column.kind == Kind::Instant)
    }

    /// How often the caller's clock reads a time.
    fn readings(&self, part: &SourcePart, column: &Column) -> Expr {
        let theirs = self.reading.theirs(&self.noun, column);
        let counted = match (part.literal(&theirs), part.type_of(&theirs)) {
            (None, Some(from)) => readings(self.noun.name, &theirs, &from, self.rules(part)),
            _ => lit(ScalarValue::Int64(None)),
        };
        counted.alias(readings_name(column))
    }

    /// All rows in our columns and types; null where a value cannot be read.
    pub fn converted(&self) -> Result<LogicalPlan> {
        self.union(self.parts.iter().map(|part| self.project(part, false)))
    }

    /// The rows that answers can use, which are those where `usable` holds and that have all required ids.
    ///
    /// Whether there is an id is asked before integers become text.
    pub fn usable(&self, usable: &Expr) -> Result<LogicalPlan> {
        let part = |part: &SourcePart| {
            let mut rows = part.scan()?;
            for column in self.noun.columns.iter().filter(|column| column.is_required_id()) {
                rows = rows.filter(self.id_of(part, column)?.is_not_null()).map_err(error_of)?;
            }
            let columns = self.noun.columns.iter().map(|c| self.ours(part, c)).collect::<Result<Vec<_>>>()?;
            rows.project(columns).and_then(|rows| rows.filter(usable.clone())).map_err(error_of)
        };
        self.union(self.parts.iter().map(part))
    }

    /// Plans the rows with each column's own value beside it, as `raw_…`, and how often its clock reads it, as
    /// `readings_…`.
    pub fn with_raw(&self) -> Result<LogicalPlan> {
        self.union(self.parts.iter().map(|part| self.project(part, true)))
    }

    /// Like [`Source::converted`], for one part.
    pub fn part_converted(&self, part: &SourcePart) -> Result<LogicalPlan> {
        self.project(part, false)?.build().map_err(error_of)
    }

    /// Like [`Source::with_raw`], for one part.
    pub fn part_with_raw(&self, part: &SourcePart) -> Result<LogicalPlan> {
        self.project(part, true)?.build().map_err(error_of)
    }

    fn project(&self, part: &SourcePart, raw: bool) -> Result<LogicalPlanBuilder> {
        let mut expressions = self.noun.columns.iter().map(|c| self.ours(part, c)).collect::<Result<Vec<_>>>()?;
        if raw {
            expressions.extend(self.noun.columns.iter().map(|column| self.raw(part, column)));
            expressions.extend(self.instants().map(|column| self.readings(part, column)));
        }
        part.scan()?.project(expressions).map_err(error_of)
    }

    fn union(&self, mut parts: impl Iterator<Item = Result<LogicalPlanBuilder>>) -> Result<LogicalPlan> {
        let first = parts.next().ok_or_else(|| Error::Internal("a source without parts".into()))??;
        let all = parts.try_fold(first, |all, part| all.union(part?.build().map_err(error_of)?).map_err(error_of))?;
        all.build().map_err(error_of)
    }
}

/// The name of the column that holds the caller's own text of `column`.
pub fn raw_name(column: &Column) -> String {
    format!("raw_{}", column.name)
}

/// The name of the column that counts how often the caller's clock reads the time in `column`.
pub fn readings_name(column: &Column) -> String {
    format!("readings_{}", column.name)
}
