//! Finds the files of a noun and makes each group of alike files one table.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::parquet::{ParquetFormat, transform_schema_to_view};
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use url::Url;

use super::json::{JsonLines, json_columns};
use super::slices::{Ranges, SlicedTable};
use crate::{Error, Result};

/// The formats, by the extensions of their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated text with a header line.
    Csv,
    /// One JSON object in each line.
    Json,
}

const EXTENSIONS: [(&str, FileKind); 5] = [
    ("parquet", FileKind::Parquet),
    ("csv", FileKind::Csv),
    ("jsonl", FileKind::Json),
    ("ndjson", FileKind::Json),
    ("json", FileKind::Json),
];

/// Files of one format, one schema and the same values in their `key=value` folders.
#[derive(Debug, Clone)]
pub struct FileGroup {
    kind: FileKind,
    schema: SchemaRef,
    /// Columns that stand in the path only.
    pub hive: BTreeMap<String, String>,
    /// The files, sorted by path.
    pub files: Vec<PathBuf>,
    /// Of these files, a part only.
    pub ranges: Ranges,
}

/// What `root` holds for the noun `table`: a file, or a folder of files. Empty if nothing.
pub fn find(root: &Path, table: &str) -> Result<Vec<PathBuf>> {
    if !root.is_dir() {
        return Err(unreadable(root, "no such folder"));
    }
    let candidates = EXTENSIONS.iter().map(|(extension, _)| root.join(format!("{table}.{extension}")));
    let mut found: Vec<PathBuf> = candidates.chain([root.join(table)]).filter(|path| path.exists()).collect();
    match found.len() {
        0 => Ok(vec![]),
        1 => list(&found.remove(0)),
        _ => Err(unreadable(&found[1], &format!("{} is there too: which one is `{table}`?", found[0].display()))),
    }
}

/// The data files at `path`: itself, or all below it; hidden ones and markers such as `_SUCCESS` are not data.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        kind_of(path)?;
        return Ok(vec![path.to_path_buf()]);
    }
    let files = below(path)?;
    match files.is_empty() {
        true => Err(unreadable(path, "there is no Parquet, CSV or JSON lines file")),
        false => Ok(files),
    }
}

/// The data files below `folder`, in order.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    walk(folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e.to_string()))? {
        let path = entry.map_err(|e| unreadable(folder, &e.to_string()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            kind_of(&path)?;
            files.push(path);
        }
    }
    Ok(())
}

/// Whether `path` is called as Parquet files are.
pub fn is_parquet(path: &Path) -> bool {
    kind_of(path).is_ok_and(|kind| kind == FileKind::Parquet)
}

fn kind_of(path: &Path) -> Result<FileKind> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let known = EXTENSIONS.iter().find(|(name, _)| *name == extension);
    let reason = "not a file that Footfall reads: .parquet, .csv, .jsonl, .ndjson or .json";
    known.map(|(_, kind)| *kind).ok_or_else(|| unreadable(path, reason))
}

/// An error about one file.
pub fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Io { path: path.display().to_string(), reason: reason.into() }
}

/// Reads the files' schemas and puts alike files together.
pub fn group(files: &[PathBuf]) -> Result<Vec<FileGroup>> {
    let mut groups: Vec<FileGroup> = vec![];
    for path in files {
        let kind = kind_of(path)?;
        let Some(schema) = schema_of(path, kind)? else { continue };
        let hive = hive_columns(path, &schema);
        match groups.iter_mut().find(|g| g.kind == kind && g.schema == schema && g.hive == hive) {
            Some(group) => group.files.push(path.clone()),
            None => {
                groups.push(FileGroup { kind, schema, hive, files: vec![path.clone()], ranges: Ranges::new() });
            }
        }
    }
    Ok(groups)
}

/// `None` for a text file without a line: it has no rows to miss.
fn schema_of(path: &Path, kind: FileKind) -> Result<Option<SchemaRef>> {
    let open = || File::open(path).map_err(|e| unreadable(path, &e.to_string()));
    match kind {
        FileKind::Parquet => {
            let plain = Schema::new(footer(path)?.schema().fields().clone());
            Ok(Some(Arc::new(transform_schema_to_view(&plain))))
        }
        FileKind::Csv => {
            let header = Format::default().with_header(true).infer_schema(open()?, Some(0));
            let (schema, _) = header.map_err(|e| unreadable(path, &e.to_string()))?;
            Ok(text_schema(schema.fields().iter().map(|f| f.name().trim_start_matches('\u{feff}').trim())))
        }
        FileKind::Json => Ok(text_schema(json_columns(path)?.iter().map(String::as_str))),
    }
}

/// What a Parquet file tells of itself.
pub fn footer(path: &Path) -> Result<ArrowReaderMetadata> {
    let file = File::open(path).map_err(|e| unreadable(path, &e.to_string()))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
    metadata.map_err(|e| unreadable(path, &format!("not a whole Parquet file: {e}")))
}

/// Text files are read as text, so that a value of the wrong type is counted and named, not fatal.
fn text_schema<'a>(names: impl Iterator<Item = &'a str>) -> Option<SchemaRef> {
    let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
    (!fields.is_empty()).then(|| Arc::new(Schema::new(fields)))
}

fn hive_columns(path: &Path, schema: &Schema) -> BTreeMap<String, String> {
    let folders = path.parent().into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy().into_owned());
    let pairs = folders.filter_map(|part| part.split_once('=').map(|(k, v)| (k.to_string(), v.to_string())));
    pairs.filter(|(key, _)| schema.field_with_name(key).is_err()).collect()
}

impl FileGroup {
    /// The schema of the files themselves.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Forgets path columns that nobody asks for, so that their files can be one table.
    pub fn keep_hive(&mut self, wanted: impl Fn(&str) -> bool) {
        self.hive.retain(|key, _| wanted(key));
    }

    /// Whether `other`'s files can stand in the same table.
    pub fn is_like(&self, other: &FileGroup) -> bool {
        self.kind == other.kind && self.schema == other.schema && self.hive == other.hive
    }

    /// The same files, each by itself.
    pub fn singles(&self) -> Vec<FileGroup> {
        self.files.iter().map(|path| FileGroup { files: vec![path.clone()], ..self.clone() }).collect()
    }

    /// The table of these files.
    pub fn table(&self) -> Result<Arc<dyn TableProvider>> {
        match self.kind {
            FileKind::Parquet => self.listing(Arc::new(ParquetFormat::default())),
            FileKind::Csv => self.listing(Arc::new(CsvFormat::default().with_has_header(true))),
            FileKind::Json => Ok(Arc::new(JsonLines::new(self.files.clone(), Arc::clone(&self.schema)))),
        }
    }

    fn listing(&self, format: Arc<dyn FileFormat>) -> Result<Arc<dyn TableProvider>> {
        let urls = self.files.iter().map(|path| file_url(path)).collect::<Result<Vec<_>>>()?;
        let options = ListingOptions::new(format).with_file_extension("");
        let config = ListingTableConfig::new_with_multi_paths(urls);
        let config = config.with_listing_options(options).with_schema(Arc::clone(&self.schema));
        let whole: Arc<dyn TableProvider> = Arc::new(ListingTable::try_new(config).map_err(super::error_of)?);
        Ok(if self.ranges.is_empty() { whole } else { Arc::new(SlicedTable::new(whole, &self.ranges)?) })
    }
}

/// A URL, not a pattern: brackets and stars in a file's name mean themselves.
fn file_url(path: &Path) -> Result<ListingTableUrl> {
    let absolute = path.canonicalize().map_err(|e| unreadable(path, &e.to_string()))?;
    let url = Url::from_file_path(&absolute).map_err(|()| unreadable(path, "this path cannot be a URL"))?;
    ListingTableUrl::parse(url.as_str()).map_err(super::error_of)
}
