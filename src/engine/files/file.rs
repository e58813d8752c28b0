//! A file of a table: where it is, which of its folders are columns, and what it was when the data set was opened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectMeta, ObjectStore};

use super::place::FilePlace;
use super::s3::input::ObjectInput;
use super::s3::object::S3Object;
use super::stamp::Stamp;
use crate::error::unreadable;
use crate::{Error, Result};

/// The value in the names of folders that Hive and Spark write for null.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// How much is read at once.
const BUFFER_BYTES: usize = 1 << 18;

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// The file.
    pub place: FilePlace,
    /// The place that the caller named: folders `key=value` below it are columns, those above are none.
    pub root: FilePlace,
    /// Its state when the data set was opened.
    pub stamp: Stamp,
    /// What reads it, if it is in a bucket.
    object: Option<S3Object>,
}

impl TableFile {
    /// Notes the file `path` of the table at `root` as it is.
    pub fn found(path: &Path, root: &FilePlace) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, e))?;
        Ok(Self { place: FilePlace::Disk(path.into()), root: root.clone(), stamp: Stamp::of(&metadata), object: None })
    }

    /// An object of the table at `root`, as it was when a data set was opened.
    pub fn of_object(object: S3Object, root: &FilePlace) -> Self {
        let (place, stamp) = (FilePlace::Object(object.place().clone()), object.stamp().clone());
        Self { place, root: root.clone(), stamp, object: Some(object) }
    }

    /// The file at `place`, which another process found in the state `stamp`.
    pub fn opened(place: FilePlace, root: FilePlace, stamp: Stamp) -> Result<Self> {
        let object = match &place {
            FilePlace::Disk(_) => None,
            FilePlace::Object(object) => Some(S3Object::opened(object.clone(), stamp.clone())?),
        };
        Ok(Self { place, root, stamp, object })
    }

    /// The same file of a table at `root`.
    pub fn below(self, root: &FilePlace) -> Self {
        Self { root: root.clone(), ..self }
    }

    /// What reads it, if it is in a bucket.
    pub fn object(&self) -> Option<&S3Object> {
        self.object.as_ref()
    }

    /// What reads it for DataFusion.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        match &self.object {
            Some(object) => Arc::new(object.clone()),
            None => Arc::new(LocalFileSystem::new()),
        }
    }

    /// How DataFusion calls it.
    pub fn meta(&self) -> Result<ObjectMeta> {
        let last_modified = chrono::DateTime::from_timestamp_nanos(self.stamp.changed_ns);
        let (size, e_tag) = (self.stamp.bytes, self.stamp.etag.clone());
        Ok(ObjectMeta { location: self.location()?, last_modified, size, e_tag, version: None })
    }

    fn location(&self) -> Result<Location> {
        let located = match &self.place {
            FilePlace::Disk(path) => path.canonicalize().ok().and_then(|path| Location::from_absolute_path(path).ok()),
            FilePlace::Object(object) => Location::parse(format!("s3/{}/{}", object.bucket, object.key)).ok(),
        };
        let Some(location) = located else {
            self.must_be_unchanged()?;
            return Err(self.error("this path cannot be a URL"));
        };
        Ok(location)
    }

    /// Makes an error about this file.
    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        self.place.error(reason)
    }

    /// Refuses a file that is no longer what it was when the data set was opened. Of an object, each read does.
    pub fn must_be_unchanged(&self) -> Result<()> {
        let FilePlace::Disk(path) = &self.place else { return Ok(()) };
        let now = match std::fs::metadata(path) {
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
    pub fn read_from(&self, start: u64) -> Result<BufReader<Input>> {
        self.must_be_unchanged()?;
        let input = match (&self.place, &self.object) {
            (_, Some(object)) => Input::Object(ObjectInput::new(object.clone(), start)),
            (FilePlace::Disk(path), None) => {
                let mut file = File::open(path).map_err(|e| self.error(e))?;
                file.seek(SeekFrom::Start(start)).map_err(|e| self.error(e))?;
                Input::Disk(file)
            }
            (FilePlace::Object(_), None) => return Err(Error::Internal("an object that nothing reads".into())),
        };
        Ok(BufReader::with_capacity(BUFFER_BYTES, input))
    }

    /// The columns that stand in the names of its folders; `None` where a folder says that there is no value.
    pub fn path_columns(&self) -> BTreeMap<String, Option<String>> {
        let folders = self.place.folders_below(&self.root).into_iter();
        let pairs = folders.filter_map(|part| part.split_once('=').map(|(key, value)| (decoded(key), decoded(value))));
        pairs.map(|(key, value)| (key, (!value.is_empty() && value != NO_VALUE).then_some(value))).collect()
    }
}

/// The bytes of a file, one after the other.
#[derive(Debug)]
pub enum Input {
    /// Of this machine.
    Disk(File),
    /// Of a bucket.
    Object(ObjectInput),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(buffer),
            Self::Object(object) => object.read(buffer),
        }
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
        let file = |path: &str, root: &str| {
            let [place, root] = [path, root].map(|path| FilePlace::Disk(path.into()));
            TableFile::opened(place, root, Stamp { bytes: 0, changed_ns: 0, etag: None }).unwrap()
        };
        let columns = file("/x=0/ads/a=1/b=__HIVE_DEFAULT_PARTITION__/c=/a=2/d=3.csv", "/x=0/ads").path_columns();
        let wanted = [("a", Some("2")), ("b", None), ("c", None)];
        assert_eq!(columns, wanted.map(|(key, value)| (key.into(), value.map(String::from))).into());
        assert!(file("/x=0/ads.csv", "/x=0/ads.csv").path_columns().is_empty());
    }
}
