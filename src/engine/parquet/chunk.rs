//! The bytes of a column chunk, where they stand in their file.

use bytes::{Buf, Bytes, buf::Reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A part of a file.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The place of its first byte.
    pub start: u64,
    /// The bytes.
    pub data: Bytes,
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.data.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let skipped = start.checked_sub(self.start).map(|skipped| skipped as usize);
        let rest = skipped.filter(|skipped| *skipped <= self.data.len()).map(|skipped| self.data.slice(skipped..));
        rest.map(Buf::reader).ok_or_else(|| broken("a page lies outside of its column"))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.get_read(start)?.into_inner();
        match length <= rest.len() {
            true => Ok(rest.slice(..length)),
            false => Err(broken("a page is longer than its column")),
        }
    }
}

/// Makes the error of a file that is not as its format demands.
pub fn broken(reason: &str) -> ParquetError {
    ParquetError::General(reason.into())
}
