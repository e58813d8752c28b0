//! What a file was when the data set was opened.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use object_store::ObjectMeta;

/// Size and time of change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// When it was written last, in nanoseconds since 1970-01-01 UTC.
    pub changed_ns: i64,
    /// What S3 calls this content of an object.
    pub etag: Option<String>,
}

impl Stamp {
    /// The state of an object.
    pub fn of_object(meta: &ObjectMeta) -> Self {
        let changed_ns = meta.last_modified.timestamp_nanos_opt().unwrap_or_default();
        Self { bytes: meta.size, changed_ns, etag: meta.e_tag.clone() }
    }

    /// The state of a file of this machine.
    pub fn of(metadata: &Metadata) -> Self {
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let ns = |since: std::time::Duration| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let changed_ns = match changed.duration_since(UNIX_EPOCH) {
            Ok(since) => ns(since),
            Err(before) => -ns(before.duration()),
        };
        Self { bytes: metadata.len(), changed_ns, etag: None }
    }
}
