//! Finds the files of a table.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::file::TableFile;
use super::place::{FilePlace, ObjectPlace};
use super::s3::listing::{self, Listing};
use super::s3::object::S3Object;
use super::s3::traffic::Traffic;
use crate::Result;
use crate::error::unreadable;

/// The formats, by the extensions of their files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// Apache Parquet.
    Parquet,
    /// Text with cells between marks, and a header line.
    Csv,
    /// One JSON object in each line, or an array of them.
    Json,
}

const EXTENSIONS: [(&str, FileKind); 8] = [
    ("parquet", FileKind::Parquet),
    ("csv", FileKind::Csv),
    ("tsv", FileKind::Csv),
    ("tab", FileKind::Csv),
    ("psv", FileKind::Csv),
    ("jsonl", FileKind::Json),
    ("ndjson", FileKind::Json),
    ("json", FileKind::Json),
];

/// How text files may be packed.
const UNPACKED_HERE: [&str; 2] = ["gz", "zst"];
const COMPRESSED: [&str; 12] = ["gzip", "zip", "bz2", "xz", "zstd", "lz4", "br", "sz", "snappy", "7z", "rar", "tgz"];
const SPREADSHEETS: [&str; 5] = ["xlsx", "xls", "xlsm", "xlsb", "ods"];
const TEXTS: [&str; 3] = ["txt", "dat", "log"];
const OTHER_TABLES: [&str; 18] = [
    "xml", "yaml", "geojson", "orc", "avro", "arrow", "feather", "ipc", "pq", "parq", "h5", "pkl", "pickle", "db",
    "sqlite", "duckdb", "tar", "dta",
];

/// The folder of a data set.
#[derive(Debug)]
pub enum Folder {
    /// Of this machine, by its path.
    Disk(PathBuf),
    /// Of a bucket.
    Bucket(FilePlace, Listing),
}

impl Folder {
    /// Looks whether there is such a folder; of a bucket, what is in it.
    pub fn open(root: &FilePlace, traffic: &Traffic) -> Result<Self> {
        let is_file = match root {
            FilePlace::Disk(path) => path.is_file(),
            FilePlace::Object(_) => kind_of(root).is_ok(),
        };
        if is_file {
            let named = "name it by tables={\"pings\": path} (--table pings=path)";
            return Err(root.error(format!("this is a file: give the folder that it is in, or {named}")));
        }
        match root {
            FilePlace::Disk(path) if !path.is_dir() => Err(root.error("no such folder")),
            FilePlace::Disk(path) => Ok(Self::Disk(path.clone())),
            FilePlace::Object(object) => Ok(Self::Bucket(root.clone(), Listing::open(object, traffic)?)),
        }
    }

    /// The names of what is in it, in order; empty if it cannot be read.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Disk(path) => entries(path).unwrap_or_default().into_iter().map(|(name, _)| name).collect(),
            Self::Bucket(_, folder) => folder.names(),
        }
    }

    /// Finds the files of the noun `table`: one, or those of a folder.
    pub fn files_of(&self, table: &str) -> Result<Vec<TableFile>> {
        match self {
            Self::Disk(root) => {
                let entries = entries(root)?.into_iter().map(|(name, path)| (name, FilePlace::Disk(path)));
                let Some(FilePlace::Disk(only)) = chosen(entries, table)? else { return Ok(vec![]) };
                list_within(&only, &real(root)?)
            }
            Self::Bucket(FilePlace::Object(root), folder) => {
                let place = |name: &String| FilePlace::Object(root.with_key(root.key.clone().join(name.as_str())));
                let entries = folder.names().into_iter().map(|name| (name.clone(), place(&name)));
                let Some(only) = chosen(entries, table)? else { return Ok(vec![]) };
                table_of(folder.objects(&only.name())?, &only, &only)
            }
            Self::Bucket(..) => Ok(vec![]),
        }
    }
}

/// Of the `entries` of a folder, the one that is the noun `table`, if one is.
fn chosen(entries: impl Iterator<Item = (String, FilePlace)>, table: &str) -> Result<Option<FilePlace>> {
    let (mut readable, mut others) = (vec![], vec![]);
    for (name, path) in entries {
        let (stem, extension) = name.split_once('.').unwrap_or((&name, ""));
        if !stem.eq_ignore_ascii_case(table) {
            continue;
        }
        if extension.is_empty() || kind_named(unpacked(extension)).is_some() {
            readable.push(path);
        } else if is_table_of_another_kind(extension) {
            others.push(path);
        }
    }
    match (&readable[..], &others[..]) {
        ([], []) => Ok(None),
        ([only], _) | ([], [only, ..]) => Ok(Some(only.clone())),
        ([first, second, ..], _) => {
            let which = format!("which one is `{table}`? tables={{{table:?}: \"...\"}} says it");
            Err(second.error(format!("{first} is there too: {which}")))
        }
    }
}

/// The files of a table, which are these objects at `place`, with the folder below which `key=value` are columns.
fn table_of(objects: Vec<S3Object>, place: &FilePlace, root: &FilePlace) -> Result<Vec<TableFile>> {
    for object in &objects {
        kind_of(&FilePlace::Object(object.place().clone()))?;
    }
    match objects.is_empty() {
        true => Err(place.error(NO_FILE)),
        false => Ok(objects.into_iter().map(|object| TableFile::of_object(object, root)).collect()),
    }
}

const NO_FILE: &str = "there is no Parquet, CSV or JSON lines file";

/// Names and paths of what is in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |e: std::io::Error| unreadable(folder, e);
    let mut entries = vec![];
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}

/// The data files at `place`: itself, or all below it; hidden ones and markers such as `_SUCCESS` are not data.
pub fn list(place: &FilePlace, traffic: &Traffic) -> Result<Vec<TableFile>> {
    match place {
        FilePlace::Disk(path) => {
            metadata(path)?;
            list_within(path, &real(path)?)
        }
        FilePlace::Object(object) => table_of(listing::at(object, kind_of(place).is_ok(), traffic)?, place, place),
    }
}

/// The data files at `paths`, each with the folder below which `key=value` folders are columns. None comes twice.
pub fn list_all(places: &[(FilePlace, FilePlace)], traffic: &Traffic) -> Result<Vec<TableFile>> {
    let mut files = vec![];
    for (place, root) in places {
        let found = list(place, traffic)?.into_iter().map(|file| file.below(root));
        files.extend(found);
    }
    if places.len() > 1 {
        let (mut paths, mut objects) = (vec![], vec![]);
        for file in &files {
            match &file.place {
                FilePlace::Disk(path) => paths.push(path.clone()),
                FilePlace::Object(object) => objects.push(object),
            }
        }
        refuse_doubles(&paths)?;
        refuse_double_objects(&objects)?;
    }
    Ok(files)
}

fn refuse_double_objects(objects: &[&ObjectPlace]) -> Result<()> {
    listing::doubled(objects).map_or(Ok(()), |twice| {
        Err(FilePlace::Object(twice).error("this object is named twice: its rows would count twice"))
    })
}

/// The data files at `path`, all of them within the real folder `root`.
fn list_within(path: &Path, root: &Path) -> Result<Vec<TableFile>> {
    let is_folder = metadata(path)?.is_dir();
    refuse_leaving(path, root)?;
    let files = if is_folder { below_within(path, root)? } else { vec![checked(path)?] };
    match files.is_empty() {
        true => Err(unreadable(path, NO_FILE)),
        false => files.iter().map(|file| TableFile::found(file, &FilePlace::Disk(path.into()))).collect(),
    }
}

/// The data files below `folder`, in order.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    below_within(folder, &real(folder)?)
}

fn below_within(folder: &Path, root: &Path) -> Result<Vec<PathBuf>> {
    let mut finder = FileFinder { root, files: vec![], has_links: false, above: vec![] };
    finder.look_into(folder)?;
    finder.files.sort();
    if finder.has_links {
        refuse_doubles(&finder.files)?;
    }
    Ok(finder.files)
}

/// Looks for data files in a folder and all below it.
struct FileFinder<'a> {
    /// The real folder that links must not leave.
    root: &'a Path,
    files: Vec<PathBuf>,
    has_links: bool,
    /// The real folders from the first to the one where we are.
    above: Vec<PathBuf>,
}

impl FileFinder<'_> {
    fn look_into(&mut self, folder: &Path) -> Result<()> {
        let real = real(folder)?;
        if self.above.contains(&real) {
            let reason = format!("this link leads back to {}, which it is in: a circle", real.display());
            return Err(unreadable(folder, &reason));
        }
        self.above.push(real);
        for (name, path) in entries(folder)? {
            if name.starts_with(['.', '_']) {
                continue;
            }
            let is_folder = metadata(&path)?.is_dir();
            if path.is_symlink() {
                refuse_leaving(&path, self.root)?;
                self.has_links = true;
            }
            match is_folder {
                true => self.look_into(&path)?,
                false => self.files.push(checked(&path)?),
            }
        }
        self.above.pop();
        Ok(())
    }
}

/// Refuses a link out of `root`: whoever can write there would choose what else is read.
fn refuse_leaving(path: &Path, root: &Path) -> Result<()> {
    let real = real(path)?;
    if real.starts_with(root) {
        return Ok(());
    }
    let (real, root) = (real.display(), root.display());
    Err(unreadable(path, format!("this link leads to {real}, out of {root}; give the table by the path where it is")))
}

/// The path without links.
fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|e| unreadable(path, e))
}

fn metadata(path: &Path) -> Result<Metadata> {
    let what = if path.is_symlink() { "this link leads nowhere: " } else { "" };
    std::fs::metadata(path).map_err(|e| unreadable(path, format!("{what}{e}")))
}

fn checked(path: &Path) -> Result<PathBuf> {
    kind_of(&FilePlace::Disk(path.into()))?;
    match metadata(path)?.is_file() {
        true => Ok(path.into()),
        false => Err(unreadable(path, "neither a file nor a folder")),
    }
}

/// Rows that a link shows again would be counted twice.
fn refuse_doubles(files: &[PathBuf]) -> Result<()> {
    let mut seen = std::collections::BTreeMap::new();
    for path in files {
        if let Some(other) = seen.insert(real(path)?, path) {
            let reason = format!("this is the same file as {}: its rows would count twice", other.display());
            return Err(unreadable(path, &reason));
        }
    }
    Ok(())
}

/// Whether `place` is called as Parquet files are.
pub fn is_parquet(place: &FilePlace) -> bool {
    kind_of(place).is_ok_and(|kind| kind == FileKind::Parquet)
}

fn kind_named(extension: &str) -> Option<FileKind> {
    EXTENSIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(extension)).map(|(_, kind)| *kind)
}

/// A name such as `pings.csv.gz` without the extension that says that text is packed.
fn unpacked(name: &str) -> &str {
    let is_text = |text: &str| kind_named(last_of(text)).is_some_and(|kind| kind != FileKind::Parquet);
    match name.rsplit_once('.') {
        Some((text, packed)) if is_unpacked_here(packed) && is_text(text) => text,
        _ => name,
    }
}

fn last_of(extensions: &str) -> &str {
    extensions.rsplit('.').next().unwrap_or_default()
}

fn is_unpacked_here(extension: &str) -> bool {
    UNPACKED_HERE.iter().any(|name| name.eq_ignore_ascii_case(extension))
}

/// The last of a file's extensions, in small letters; of packed text the one before it.
fn extension_of(place: &FilePlace) -> String {
    let name = place.name();
    Path::new(unpacked(&name)).extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Whether extensions such as `csv.gz` are those of a table that we do not read, and not of other documents.
fn is_table_of_another_kind(extensions: &str) -> bool {
    let extension = last_of(extensions).to_ascii_lowercase();
    [&UNPACKED_HERE[..], &COMPRESSED, &SPREADSHEETS, &TEXTS, &OTHER_TABLES].concat().contains(&extension.as_str())
}

/// The format of the file at `place`.
pub fn kind_of(place: &FilePlace) -> Result<FileKind> {
    let extension = extension_of(place);
    kind_named(&extension).ok_or_else(|| {
        let what_to_do = match extension.as_str() {
            compressed if COMPRESSED.contains(&compressed) || is_unpacked_here(compressed) => "unpack it first",
            sheet if SPREADSHEETS.contains(&sheet) => {
                "give it as a table, as in footfall.open({\"pings\": pandas.read_excel(path)}), or save it as CSV"
            }
            text if TEXTS.contains(&text) => "if it is CSV, call it .csv",
            _ => "give it as a table that pandas or polars has read, convert it, or take it away",
        };
        let kinds = ".parquet; .csv, .tsv, .jsonl, .ndjson or .json, also packed: .csv.gz or .csv.zst";
        place.error(format!("not a file that Footfall reads ({kinds}): {what_to_do}"))
    })
}
