//! A file of a table: where it is, which of its folders are columns, and what it was when the data set was opened.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{BufReader, ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::unreadable;
use crate::{Error, Result};

/// The value in the names of folders that Hive and Spark write for null.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// How much is read at once.
const BUFFER_BYTES: usize = 1 << 18;

/// Size and time of change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// When it was written last, in nanoseconds since 1970-01-01 UTC.
    pub changed_ns: i64,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// The file.
    pub path: PathBuf,
    /// The path that the caller named: folders `key=value` below it are columns, those above are none.
    pub root: PathBuf,
    /// Its state when the data set was opened.
    pub stamp: Stamp,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let ns = |since: std::time::Duration| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let changed_ns = match changed.duration_since(UNIX_EPOCH) {
            Ok(since) => ns(since),
            Err(before) => -ns(before.duration()),
        };
        Self { bytes: metadata.len(), changed_ns }
    }
}

impl TableFile {
    /// Notes the file `path` of the table at `root` as it is.
    pub fn found(path: &Path, root: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, e))?;
        Ok(Self { path: path.into(), root: root.into(), stamp: Stamp::of(&metadata) })
    }

    /// Makes an error about this file.
    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        unreadable(&self.path, reason)
    }

    /// Refuses a file that is no longer what it was when the data set was opened.
    pub fn must_be_unchanged(&self) -> Result<()> {
        let now = match std::fs::metadata(&self.path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(self.error("it is gone since the data set was opened: open it again"));
            }
            Err(error) => return Err(self.error(error)),
        };
        if now == self.stamp {
            return Ok(());
        }
        let (before, after) = (self.stamp.bytes, now.bytes);
        let sizes = if before == after { String::new() } else { format!(" ({before} bytes then, {after} now)") };
        Err(self.error(format!("it has changed since the data set was opened{sizes}: open it again")))
    }

    /// Reads the unchanged file from byte `start` on.
    pub fn read_from(&self, start: u64) -> Result<BufReader<File>> {
        self.must_be_unchanged()?;
        let mut file = File::open(&self.path).map_err(|e| self.error(e))?;
        file.seek(SeekFrom::Start(start)).map_err(|e| self.error(e))?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }

    /// The columns that stand in the names of its folders; `None` where a folder says that there is no value.
    pub fn path_columns(&self) -> BTreeMap<String, Option<String>> {
        let below = self.path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let folders = below.parent().into_iter().flat_map(Path::iter).map(|part| part.to_string_lossy().into_owned());
        let pairs = folders.filter_map(|part| part.split_once('=').map(|(key, value)| (decoded(key), decoded(value))));
        pairs.map(|(key, value)| (key, (!value.is_empty() && value != NO_VALUE).then_some(value))).collect()
    }
}

/// Decodes `%20` and the like, as writers escape what a folder's name cannot hold; what is no such code stays.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (vec![], text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = if *first == b'%' { after.get(..2).and_then(byte_of) } else { None };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.into())
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_names_of_folders_are_decoded() {
        assert_eq!(decoded("food%20%26%20drink"), "food & drink");
        assert_eq!(decoded("%C3%A1gua%2Fg%C3%A1s"), "água/gás");
        assert_eq!(decoded("100% cotton"), "100% cotton");
        assert_eq!(decoded("50%"), "50%");
        assert_eq!(decoded("%+1"), "%+1");
        assert_eq!(decoded("caf%E9"), "caf%E9");
    }

    #[test]
    fn only_folders_below_the_root_are_columns() {
        let file = |path: &str, root: &str| TableFile {
            path: path.into(),
            root: root.into(),
            stamp: Stamp { bytes: 0, changed_ns: 0 },
        };
        let columns = file("/x=0/ads/a=1/b=__HIVE_DEFAULT_PARTITION__/c=/a=2/d=3.csv", "/x=0/ads").path_columns();
        let wanted = [("a", Some("2")), ("b", None), ("c", None)];
        assert_eq!(columns, wanted.map(|(key, value)| (key.into(), value.map(String::from))).into());
        assert!(file("/x=0/ads.csv", "/x=0/ads.csv").path_columns().is_empty());
    }
}
