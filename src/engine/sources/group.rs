//! Puts a table's files that are alike together, and makes a table of each group.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use futures::{StreamExt, stream};

use super::parquet_table::ParquetTable;
use super::settled::Settled;
use super::slice::{Slice, footer};
use crate::Result;
use crate::engine::files::file::TableFile;
use crate::engine::files::find::{FileKind, is_parquet, kind_of};
use crate::engine::nouns::WantedColumn;
use crate::engine::parquet;
use crate::engine::text::coding::Coding;
use crate::engine::text::dialect::{self, CsvOptions, Dialect, Found, day_or_month};
use crate::engine::text::spans::{Cuts, LineSpan};
use crate::engine::text::{Lines, TextTable, json};
use crate::engine::threads::wait;
use crate::engine::values::rules::TimestampFormat;

/// More would not come sooner.
const FOOTERS_AT_ONCE: usize = 32;

/// Files of one format, one schema and the same values in their `key=value` folders.
#[derive(Debug, Clone)]
pub struct FileGroup {
    format: Format,
    schema: SchemaRef,
    /// All columns of the files.
    names: Vec<String>,
    /// The wanted columns that stand in the path only; `None` where there is no value.
    pub path_columns: BTreeMap<String, Option<String>>,
    /// The files, or parts of them, sorted by path.
    pub slices: Vec<Slice>,
    /// Rows of the Parquet files.
    rows: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Format {
    Parquet,
    Text(Lines),
}

/// Schema and size of a file, without reading its rows.
struct Outline {
    format: Format,
    schema: SchemaRef,
    names: Vec<String>,
    rows: usize,
    /// Formats of its times, the day or the month first, that it does not decide between, and an example.
    undecided: Option<(TimestampFormat, TimestampFormat, String)>,
}

/// Reads the files' outlines and puts alike files together; text files without a line have no rows to miss.
pub fn group(slices: &[Slice], options: &CsvOptions, wanted: &[WantedColumn]) -> Result<Vec<FileGroup>> {
    fetch_footers(slices)?;
    let outlines = slices.iter().map(|slice| outline_of(&slice.file, slices.len(), options, wanted));
    let mut outlines = outlines.collect::<Result<Vec<_>>>()?;
    decide(&mut outlines, slices)?;
    let mut groups: Vec<FileGroup> = vec![];
    for (slice, outline) in slices.iter().zip(outlines) {
        let Some(outline) = outline else { continue };
        let mut path_columns = slice.file.path_columns();
        path_columns.retain(|key, _| {
            wanted.iter().any(|column| column.name == *key) && outline.schema.field_with_name(key).is_err()
        });
        let alike = |group: &&mut FileGroup| {
            group.format == outline.format && group.schema == outline.schema && group.path_columns == path_columns
        };
        match groups.iter_mut().find(alike) {
            Some(group) => {
                group.slices.push(slice.clone());
                group.rows += outline.rows;
            }
            None => {
                let Outline { format, schema, names, rows, .. } = outline;
                groups.push(FileGroup { format, schema, names, path_columns, slices: vec![slice.clone()], rows });
            }
        }
    }
    match slices.first() {
        Some(slice) if groups.is_empty() => Ok(vec![no_lines(slice, wanted)?]),
        _ => Ok(groups),
    }
}

/// Reads the footers of objects, many at a time; what fails is told where one is used.
fn fetch_footers(slices: &[Slice]) -> Result<()> {
    let files = slices.iter().map(|slice| &slice.file).filter(|file| is_parquet(&file.place));
    let objects: Vec<_> = files.filter_map(|file| file.object().cloned()).collect();
    if objects.len() < 2 {
        return Ok(());
    }
    wait(async move {
        let fetched = stream::iter(objects).map(async |object| object.footer().await.map(|_| ()));
        let _ = fetched.buffer_unordered(FOOTERS_AT_ONCE).collect::<Vec<_>>().await;
        Ok(())
    })
}

/// Decides, by the other files of a table, whether the day or the month comes first in files that do not tell.
fn decide(outlines: &mut [Option<Outline>], slices: &[Slice]) -> Result<()> {
    let decided = outlines.iter().flatten().filter(|outline| outline.undecided.is_none());
    let decided: Vec<TimestampFormat> = decided.filter_map(|outline| Some(outline.timestamps()?.clone())).collect();
    for (outline, slice) in outlines.iter_mut().zip(slices) {
        let Some((day, month, example)) = outline.as_mut().and_then(|outline| outline.undecided.take()) else {
            continue;
        };
        let format = match (is_among(&day, &decided), is_among(&month, &decided)) {
            (true, false) => day,
            (false, true) => month,
            _ => return Err(day_or_month(&slice.file, &example)),
        };
        if let Some(Outline { format: Format::Text(Lines::Csv(_, dialect)), .. }) = outline {
            dialect.rules.timestamps = format;
        }
    }
    Ok(())
}

/// Whether some of the formats has one of the patterns.
fn is_among(format: &TimestampFormat, formats: &[TimestampFormat]) -> bool {
    let patterns = |format: &TimestampFormat| match format {
        TimestampFormat::Iso => vec![],
        TimestampFormat::Patterns(patterns) => patterns.clone(),
    };
    let all: Vec<_> = formats.iter().flat_map(patterns).collect();
    patterns(format).iter().any(|pattern| all.contains(pattern))
}

/// The group of files that have no line: of objects there are none, but of a CSV file the header is missing.
fn no_lines(slice: &Slice, wanted: &[WantedColumn]) -> Result<FileGroup> {
    let file = &slice.file;
    if kind_of(&file.place)? == FileKind::Csv {
        return Err(file.error("it is empty: there is not even a header line"));
    }
    let names: Vec<String> = wanted.iter().map(|column| column.name.clone()).collect();
    let (format, schema) = (Format::Text(Lines::Json(Coding::PLAIN)), text_schema(names.iter()));
    Ok(FileGroup { format, schema, names, path_columns: BTreeMap::new(), slices: vec![slice.clone()], rows: 0 })
}

fn outline_of(
    file: &TableFile,
    files: usize,
    options: &CsvOptions,
    wanted: &[WantedColumn],
) -> Result<Option<Outline>> {
    file.must_be_unchanged()?;
    match kind_of(&file.place)? {
        FileKind::Parquet => outline_of_parquet(file, wanted).map(Some),
        FileKind::Csv => outline_of_csv(file, files, options, wanted),
        FileKind::Json => outline_of_json(file, wanted),
    }
}

fn outline_of_parquet(file: &TableFile, wanted: &[WantedColumn]) -> Result<Outline> {
    let footer = footer(file)?;
    let all = parquet::schema(&footer);
    let names: Vec<String> = all.fields().iter().map(|field| field.name().clone()).collect();
    refuse_twice(file, wanted, &names)?;
    // A column that is not asked for keeps no files apart.
    let columns = wanted.iter().filter_map(|column| all.field_with_name(&column.name).ok());
    let schema = Arc::new(Schema::new(columns.cloned().collect::<Vec<_>>()));
    let rows = footer.metadata().file_metadata().num_rows();
    let rows = usize::try_from(rows).map_err(|_| file.error(format!("its footer tells of {rows} rows")))?;
    Ok(Outline { format: Format::Parquet, schema, names, rows, undecided: None })
}

fn outline_of_csv(
    file: &TableFile,
    files: usize,
    options: &CsvOptions,
    wanted: &[WantedColumn],
) -> Result<Option<Outline>> {
    let Some(Found { header, dialect, undecided }) = dialect::find(file, files, options, wanted)? else {
        return Ok(None);
    };
    let names: Vec<String> = header.names().cloned().collect();
    refuse_twice(file, wanted, &names)?;
    let schema = text_schema(wanted.iter().map(|column| &column.name).filter(|name| names.contains(name)));
    Ok(Some(Outline { format: Format::Text(Lines::Csv(header, dialect)), schema, names, rows: 0, undecided }))
}

fn outline_of_json(file: &TableFile, wanted: &[WantedColumn]) -> Result<Option<Outline>> {
    let Some(coding) = Coding::of_json(file)? else { return Ok(None) };
    let whole = LineSpan::whole(file, coding);
    let Some(keys) = json::keys(&whole)? else { return Ok(None) };
    let in_path = file.path_columns();
    let mut there = vec![];
    for column in wanted {
        // One that is not needed may come in any line; nulls where it does not are what would be without it.
        let is_asked_for = column.is_needed || in_path.contains_key(&column.name);
        if keys.contains(&column.name) || !is_asked_for || json::mentions(&whole, &column.name)? {
            there.push(&column.name);
        }
    }
    let (schema, names) = (text_schema(there.into_iter()), keys.into_iter().collect());
    Ok(Some(Outline { format: Format::Text(Lines::Json(coding)), schema, names, rows: 0, undecided: None }))
}

impl Outline {
    /// What the times of a CSV file look like.
    fn timestamps(&self) -> Option<&TimestampFormat> {
        match &self.format {
            Format::Text(Lines::Csv(_, dialect)) => Some(&dialect.rules.timestamps),
            _ => None,
        }
    }
}

fn refuse_twice(file: &TableFile, wanted: &[WantedColumn], names: &[String]) -> Result<()> {
    let is_twice = |column: &&WantedColumn| names.iter().filter(|name| **name == column.name).count() > 1;
    wanted.iter().find(is_twice).map_or(Ok(()), |twice| {
        Err(file.error(format!("the column `{}` is there twice: which one is it?", twice.name)))
    })
}

fn text_schema<'a>(names: impl Iterator<Item = &'a String>) -> SchemaRef {
    Schema::new(names.map(|name| Field::new(name, DataType::Utf8, true)).collect::<Vec<_>>()).into()
}

impl FileGroup {
    /// All columns of the files.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How the files are written, if they are CSV.
    pub fn dialect(&self) -> Option<&Dialect> {
        match &self.format {
            Format::Text(Lines::Csv(_, dialect)) => Some(dialect),
            _ => None,
        }
    }

    /// How the files are written, in words, if they are text.
    pub fn words(&self) -> Option<String> {
        match &self.format {
            Format::Parquet => None,
            Format::Text(Lines::Csv(_, dialect)) => Some(dialect.to_string()),
            Format::Text(Lines::Json(coding)) => {
                Some(format!("{}, {coding}", if coding.is_array { "JSON array" } else { "JSON lines" }))
            }
        }
    }

    /// Splits the group into one group for each file.
    pub fn singles(&self) -> Vec<FileGroup> {
        self.slices.iter().map(|slice| self.with_slices(vec![slice.clone()])).collect()
    }

    /// The same files, or parts of them.
    pub fn with_slices(&self, slices: Vec<Slice>) -> FileGroup {
        FileGroup { slices, ..self.clone() }
    }

    /// The first rows of both ends of a Parquet file, without reading what is `settled`; `None` if a
    /// scan must tell.
    pub fn first_rows_of_ends(&self, count: usize, settled: &Settled) -> Option<Vec<RecordBatch>> {
        match (&self.format, &self.slices[..]) {
            (Format::Parquet, [Slice { file, bytes: None }]) => {
                parquet::first_rows_of_ends(file, &self.schema, count, |field, chunk| settled.value(field, chunk))
            }
            _ => None,
        }
    }

    /// Where text files may be cut; `None` if they are Parquet.
    pub fn cuts(&self) -> Option<Cuts> {
        match &self.format {
            Format::Parquet => None,
            Format::Text(lines) => Some(lines.cuts()),
        }
    }

    /// The table of these files.
    pub fn table(&self) -> Arc<dyn TableProvider> {
        match &self.format {
            Format::Parquet => Arc::new(ParquetTable::new(self.slices.clone(), Arc::clone(&self.schema), self.rows)),
            Format::Text(lines) => {
                if let [Slice { file, bytes: Some(bytes) }] = &self.slices[..] {
                    let (file, schema) = (file.clone(), Arc::clone(&self.schema));
                    return Arc::new(TextTable::of_span(lines.clone(), file, bytes.clone(), schema));
                }
                let files = self.slices.iter().map(|slice| slice.file.clone()).collect();
                Arc::new(TextTable::new(lines.clone(), files, Arc::clone(&self.schema)))
            }
        }
    }
}
