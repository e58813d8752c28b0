//! Where a file or a folder is: on this machine, or in a bucket of S3.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use object_store::path::Path as Key;

use crate::{Error, Result};

/// How places in S3 begin.
const S3: &str = "s3://";

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilePlace {
    /// A path of this machine.
    Disk(PathBuf),
    /// An object, or all whose keys begin so.
    Object(ObjectPlace),
}

/// A bucket and a key in it, or the beginning of keys, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectPlace {
    /// The bucket's name.
    pub bucket: String,
    /// The key; empty for the whole bucket.
    pub key: Key,
}

impl FilePlace {
    /// Understands what a caller wrote: `s3://bucket/key`, or a path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for a name that no bucket has, a key that cannot be listed, or an address of another kind.
    pub fn of(written: &Path) -> Result<Self> {
        let text = written.to_string_lossy();
        if let Some(rest) = text.strip_prefix(S3) {
            return ObjectPlace::of(&text, rest).map(Self::Object);
        }
        match text.split_once("://") {
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Err(refused(&text, "an address that is not read: write a path, or s3://bucket/prefix"))
            }
            _ => Ok(Self::Disk(written.into())),
        }
    }

    /// The last part of it.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Disk(path) => path.file_name().unwrap_or_default().to_string_lossy(),
            Self::Object(object) => object.key.filename().unwrap_or_default().into(),
        }
    }

    /// It as a path, for who hands it on; [`FilePlace::of`] understands it.
    pub fn to_path(&self) -> PathBuf {
        match self {
            Self::Disk(path) => path.clone(),
            Self::Object(_) => self.to_string().into(),
        }
    }

    /// The names of the folders between `root` and this file.
    pub fn folders_below(&self, root: &Self) -> Vec<String> {
        match (self, root) {
            (Self::Disk(path), Self::Disk(root)) => {
                let below = path.strip_prefix(root).unwrap_or(Path::new(""));
                let folders = below.parent().into_iter().flat_map(Path::iter);
                folders.map(|part| part.to_string_lossy().into_owned()).collect()
            }
            (Self::Object(object), Self::Object(root)) => {
                let below = object.key.prefix_match(&root.key).into_iter().flatten();
                let mut parts: Vec<String> = below.map(|part| part.as_ref().into()).collect();
                parts.pop();
                parts
            }
            _ => vec![],
        }
    }

    /// Makes an error about this place.
    pub fn error(&self, reason: impl Display) -> Error {
        Error::Io { path: self.to_string(), reason: reason.to_string() }
    }
}

impl ObjectPlace {
    fn of(text: &str, rest: &str) -> Result<Self> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        // A secret may have slashes, so that its second half, with the @, looks like a key.
        if bucket.contains(['@', ':']) {
            return Err(refused(
                "s3://...",
                "a place has no keys in it; where they are taken from, the docs on S3 say",
            ));
        }
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_known) {
            let wanted = "3 to 63 small letters, digits, dots and hyphens, as in s3://bucket/prefix";
            return Err(refused(text, format!("no bucket is called {bucket:?}: its name has {wanted}")));
        }
        let key = Key::parse(key).map_err(|error| refused(text, format!("not a key that can be listed: {error}")))?;
        Ok(Self { bucket: bucket.into(), key })
    }

    /// The same bucket's other `key`.
    pub fn with_key(&self, key: Key) -> Self {
        Self { bucket: self.bucket.clone(), key }
    }
}

impl Display for FilePlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => path.display().fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

impl Display for ObjectPlace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{S3}{}/{}", self.bucket, self.key)
    }
}

fn refused(text: &str, reason: impl Display) -> Error {
    Error::Io { path: text.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> FilePlace {
        FilePlace::of(Path::new(text)).unwrap()
    }

    #[test]
    fn what_is_written_is_shown_again() {
        for text in ["/data/pings.csv", "data", "s3://bucket/a/b c=%20/ü.parquet", "s3://my.bucket-1/"] {
            assert_eq!(place(text).to_string(), text);
        }
        assert_eq!(place("s3://bucket/prefix/").to_string(), "s3://bucket/prefix");
    }

    #[test]
    fn what_cannot_be_a_bucket_or_a_key_is_refused() {
        let refused = |text: &str| FilePlace::of(Path::new(text)).unwrap_err().to_string();
        for text in ["s3://", "s3:///key", "s3://Bucket/x", "s3://b/x", "s3://bu cket/x"] {
            assert!(refused(text).contains("no bucket is called"), "{text}");
        }
        for text in ["s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a\nb"] {
            assert!(refused(text).contains("not a key that can be listed"), "{text}");
        }
        for text in ["s3://key:secret@bucket/x", "s3://key:secret/of@bucket/x"] {
            assert!(!refused(text).contains("secret"));
        }
        assert!(refused("gs://bucket/x").contains("s3://bucket/prefix"));
    }

    #[test]
    fn folders_are_those_between_the_root_and_the_file() {
        let folders = |file: &str, root: &str| place(file).folders_below(&place(root));
        assert_eq!(folders("s3://bucket/x=0/ads/a=1/b=2/c=3.csv", "s3://bucket/x=0/ads"), ["a=1", "b=2"]);
        assert_eq!(folders("/x=0/ads/a=1/b.csv", "/x=0/ads"), ["a=1"]);
        assert!(folders("s3://bucket/ads.csv", "s3://bucket/ads.csv").is_empty());
        assert!(folders("s3://bucket/adsel/a=1/x.csv", "s3://bucket/ads").is_empty());
    }
}
