//! The manifest, complete or not: which source, which options, which parts are written.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::request::IngestRequest;
use crate::engine::files::file::TableFile;
use crate::engine::files::place::FilePlace;
use crate::engine::sources::source::Source;
use crate::error::unreadable;
use crate::{Error, Result, whole_file};

/// Changes when parts are written in another way.
const FORMAT: u64 = 1;

/// A source and how it is read: equal if, and only if, the same would be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    options: Value,
    files: Value,
}

/// A part that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFile {
    /// Below the target, with `/` between folders.
    pub path: String,
    /// Its rows.
    pub rows: u64,
}

/// Progress of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableProgress {
    /// Source files that are read to the end, and whose rows are in `parts`.
    pub files: usize,
    /// Rows read.
    pub read: u64,
    /// Unusable rows among these.
    pub left_out: u64,
    /// The parts written.
    pub parts: Vec<PartFile>,
    /// Whether that is all.
    pub done: bool,
}

/// Progress of all tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The source, and how it is read.
    pub identity: Identity,
    /// By table.
    pub tables: BTreeMap<String, TableProgress>,
}

impl Identity {
    /// The source's files by name, size and time of change, and the options.
    pub fn of(request: &IngestRequest, sources: &BTreeMap<&'static str, Source>) -> Self {
        let options = json!({
            "format": FORMAT,
            "tz": request.calendar.tz(),
            "columns": request.reading.columns,
            "epoch_unit": request.reading.times.epoch_unit.map(|unit| format!("{unit:?}").to_lowercase()),
            "naive_tz": request.reading.times.naive.as_ref().map(|calendar| calendar.tz()),
            "actions": request.reading.actions.words(),
            "csv": format!("{:?}", request.reading.csv),
            "rows_per_part": request.rows_per_part,
        });
        let mut files = Map::new();
        for (name, source) in sources {
            let stamps = source.files().into_iter().map(|file| stamp(&request.source, file));
            files.insert((*name).into(), stamps.collect::<Vec<_>>().into());
        }
        Self { options, files: files.into() }
    }

    /// Refuses what was begun from another source or with other options.
    pub fn must_be(&self, asked: &Self, target: &Path) -> Result<()> {
        if self.options != asked.options {
            let reason = format!("it was begun with other options: {}; choose another folder", self.options);
            return Err(unreadable(target, reason));
        }
        match self.files == asked.files {
            true => Ok(()),
            false => Err(unreadable(target, "the source has changed since this was begun; choose another folder")),
        }
    }
}

/// A file's name below the source, bytes, and time of change in nanoseconds; of an object, its state.
fn stamp(root: &FilePlace, file: &TableFile) -> Value {
    let name = match (&file.place, root) {
        (FilePlace::Disk(path), FilePlace::Disk(root)) => path.strip_prefix(root).unwrap_or(path).display().to_string(),
        (place, _) => place.to_string(),
    };
    match &file.stamp.etag {
        None => json!([name, file.stamp.bytes, file.stamp.changed_ns]),
        Some(etag) => json!([name, file.stamp.bytes, etag]),
    }
}

impl TableProgress {
    /// Rows in all parts.
    pub fn written(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    fn to_json(&self) -> Value {
        let parts = self.parts.iter().map(|part| json!({ "path": part.path, "rows": part.rows }));
        json!({
            "rows_read": self.read,
            "rows_left_out": self.left_out,
            "rows_written": self.written(),
            "files_read": self.files,
            "done": self.done,
            "parts": parts.collect::<Vec<_>>(),
        })
    }

    fn of_json(value: &Value) -> Option<Self> {
        let whole = |key: &str| value[key].as_u64();
        let part = |part: &Value| Some(PartFile { path: part["path"].as_str()?.into(), rows: part["rows"].as_u64()? });
        Some(Self {
            files: whole("files_read")? as usize,
            read: whole("rows_read")?,
            left_out: whole("rows_left_out")?,
            parts: value["parts"].as_array()?.iter().map(part).collect::<Option<_>>()?,
            done: value["done"].as_bool()?,
        })
    }
}

impl Progress {
    /// Progress of a run that has not begun.
    pub fn new(identity: Identity) -> Self {
        Self { identity, tables: BTreeMap::new() }
    }

    /// Reads what [`Progress::write`] wrote; `None` if there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, e))?;
        let found = serde_json::from_str(&text).ok().and_then(|value| Self::of_json(&value));
        let ours = found.ok_or_else(|| unreadable(path, "not written by footfall ingest; choose another folder"))?;
        Ok(Some(ours))
    }

    /// Writes the file whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let tables: Map<String, Value> = self.tables.iter().map(|(name, t)| (name.clone(), t.to_json())).collect();
        let complete = !self.tables.is_empty() && self.tables.values().all(|table| table.done);
        let value = json!({
            "complete": complete,
            "options": self.identity.options,
            "source": self.identity.files,
            "tables": tables,
        });
        whole_file::write(path, format!("{value:#}\n").as_bytes()).map_err(|e| unreadable(path, e))
    }

    fn of_json(value: &Value) -> Option<Self> {
        let table = |(name, value): (&String, &Value)| Some((name.clone(), TableProgress::of_json(value)?));
        let identity = Identity { options: value.get("options")?.clone(), files: value.get("source")?.clone() };
        let tables = value["tables"].as_object()?.iter().map(table).collect::<Option<_>>()?;
        Some(Self { identity, tables })
    }

    /// The progress of the table `name`.
    pub fn table(&self, name: &str) -> TableProgress {
        self.tables.get(name).cloned().unwrap_or_default()
    }

    /// Rows that all tables together have been read to.
    pub fn rows_read(&self) -> u64 {
        self.tables.values().map(|table| table.read).sum()
    }

    /// Refuses counts that do not add up.
    pub fn must_add_up(&self) -> Result<()> {
        for (name, table) in &self.tables {
            if table.read != table.written() + table.left_out {
                let counts = format!("{} read, {} written, {} left out", table.read, table.written(), table.left_out);
                return Err(Error::Internal(format!("rows of {name}: {counts}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(read: u64) -> Progress {
        let parts = vec![PartFile { path: "pings/month=2024-03/part-00000.parquet".into(), rows: 7 }];
        let table = TableProgress { files: 2, read, left_out: 3, parts, done: true };
        let identity = Identity { options: json!({ "tz": "UTC" }), files: json!({ "pings": [["a.csv", 1, 2]] }) };
        Progress { identity, tables: [("pings".into(), table)].into() }
    }

    #[test]
    fn what_is_written_is_read() {
        let path = std::env::temp_dir().join(format!("footfall-progress-{}.json", std::process::id()));
        assert_eq!(Progress::read(&path).unwrap(), None);
        progress(10).write(&path).unwrap();
        assert_eq!(Progress::read(&path).unwrap(), Some(progress(10)));
        std::fs::write(&path, "{}").unwrap();
        assert!(Progress::read(&path).unwrap_err().to_string().contains("not written by footfall ingest"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn counts_must_add_up() {
        assert!(progress(10).must_add_up().is_ok());
        assert!(matches!(progress(11).must_add_up(), Err(Error::Internal(_))));
    }

    #[test]
    fn another_source_or_other_options_are_refused() {
        let (ours, mut other) = (progress(10).identity, progress(10).identity);
        other.files = json!({});
        let refused = |other: &Identity| ours.must_be(other, Path::new("x")).unwrap_err().to_string();
        assert!(refused(&other).contains("the source has changed"));
        other.options = json!({ "tz": "Asia/Tokyo" });
        assert!(refused(&other).contains("other options"));
    }
}
