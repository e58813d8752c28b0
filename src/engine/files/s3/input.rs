//! The bytes of an object, one after the other, for readers of text.

use std::io::{self, Read};

use bytes::{Buf, Bytes};

use super::object::S3Object;
use crate::Error;

/// What is asked for first, as many readers want only the beginning; then twice as much each time.
const FIRST_BYTES: u64 = 128 << 10;
const LARGEST_READ: u64 = 8 << 20;

/// Reads an object from a byte on.
#[derive(Debug)]
pub struct ObjectInput {
    object: S3Object,
    at: u64,
    wanted: u64,
    here: Bytes,
}

impl ObjectInput {
    /// Reads `object` from byte `start` on.
    pub fn new(object: S3Object, start: u64) -> Self {
        Self { object, at: start, wanted: FIRST_BYTES, here: Bytes::new() }
    }
}

impl Read for ObjectInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.here.is_empty() {
            let end = self.object.stamp().bytes.min(self.at.saturating_add(self.wanted));
            if self.at >= end || buffer.is_empty() {
                return Ok(0);
            }
            self.here = self.object.read(self.at..end).map_err(|error| io::Error::other(reason_of(error)))?;
            self.at = end;
            self.wanted = LARGEST_READ.min(2 * self.wanted);
        }
        let count = buffer.len().min(self.here.len());
        self.here.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The reason alone: readers of text name the file themselves.
fn reason_of(error: Error) -> String {
    match error {
        Error::Io { reason, .. } => reason,
        other => other.to_string(),
    }
}
