//! Bytes of a file, where they stand in it: those of a column chunk, or of some of its pages.

use std::ops::Range;

use bytes::{Buf, Bytes, buf::Reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};

/// Some ranges of a file.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The ranges that were read, in the order of the file: the place of the first byte, and the bytes.
    ranges: Vec<(u64, Bytes)>,
    /// Where the pages are, if only some of them were read.
    pages: Option<Vec<PageLocation>>,
}

impl Chunk {
    /// The bytes of `ranges` of a file; of a column chunk of which not all was read, with the places of all `pages`.
    pub fn new(ranges: Vec<(u64, Bytes)>, pages: Option<Vec<PageLocation>>) -> Self {
        Self { ranges, pages }
    }

    /// Where the pages are, if only some of them were read.
    pub fn pages(&self) -> Option<&Vec<PageLocation>> {
        self.pages.as_ref()
    }

    /// The bytes from `start` to the end of the range that they are in.
    fn rest(&self, start: u64) -> Option<Bytes> {
        let after = self.ranges.partition_point(|(first, _)| *first <= start);
        let (first, bytes) = &self.ranges[after.checked_sub(1)?];
        let skipped = usize::try_from(start - first).ok()?;
        (skipped <= bytes.len()).then(|| bytes.slice(skipped..))
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.ranges.last().map_or(0, |(start, bytes)| start + bytes.len() as u64)
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.rest(start).map(Buf::reader).ok_or_else(|| broken("a page lies outside of its column"))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.get_read(start)?.into_inner();
        match length <= rest.len() {
            true => Ok(rest.slice(..length)),
            false => Err(broken("a page is longer than its column")),
        }
    }
}

/// Where all of a column chunk is.
pub fn whole(chunk: &ColumnChunkMetaData) -> Range<u64> {
    let (start, length) = chunk.byte_range();
    start..start + length
}

/// Where the dictionary of a column chunk is, and those of its `pages` that have some of the `wanted` rows, which
/// ascend; neighbours are one range. `None` if pages do not lie in the chunk, one after the other.
pub fn ranges_of_rows(
    chunk: &ColumnChunkMetaData,
    pages: &[PageLocation],
    rows: usize,
    wanted: &[Range<usize>],
) -> Option<Vec<Range<u64>>> {
    let chunk = whole(chunk);
    let mut ranges: Vec<Range<u64>> = vec![];
    let mut add = |range: Range<u64>| match ranges.last_mut().filter(|last| last.end == range.start) {
        Some(last) => last.end = range.end,
        None => ranges.push(range),
    };
    let first = u64::try_from(pages.first()?.offset).ok()?;
    if chunk.start < first {
        add(chunk.start..first);
    }
    let mut end = first;
    for (number, page) in pages.iter().enumerate() {
        let start = u64::try_from(page.offset).ok()?;
        let bytes = start..start.checked_add(u64::try_from(page.compressed_page_size).ok()?)?;
        if bytes.start < end || bytes.end > chunk.end {
            return None;
        }
        end = bytes.end;
        let first = usize::try_from(page.first_row_index).ok()?;
        let next = pages.get(number + 1).map_or(Some(rows), |next| usize::try_from(next.first_row_index).ok())?;
        let later = wanted.partition_point(|range| range.end <= first);
        if wanted.get(later).is_some_and(|range| range.start < next) {
            add(bytes);
        }
    }
    Some(ranges)
}

/// Makes the error of a file that is not as its format demands.
pub fn broken(reason: &str) -> ParquetError {
    ParquetError::General(reason.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Type;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type as SchemaType};

    use super::*;

    fn chunk(start: i64, length: i64) -> ColumnChunkMetaData {
        let of = Arc::new(SchemaType::primitive_type_builder("x", Type::DOUBLE).build().unwrap());
        let column = Arc::new(ColumnDescriptor::new(of, 0, 0, ColumnPath::from("x")));
        ColumnChunkMetaData::builder(column)
            .set_data_page_offset(start)
            .set_total_compressed_size(length)
            .build()
            .unwrap()
    }

    fn page(offset: i64, bytes: i32, first: i64) -> PageLocation {
        PageLocation { offset, compressed_page_size: bytes, first_row_index: first }
    }

    #[test]
    fn only_pages_with_wanted_rows_are_read() {
        let (chunk, pages) = (chunk(100, 60), [page(110, 10, 0), page(120, 20, 5), page(140, 20, 9)]);
        let ranges = |wanted: &[(usize, usize)]| {
            let wanted: Vec<_> = wanted.iter().map(|(first, end)| *first..*end).collect();
            let ranges = ranges_of_rows(&chunk, &pages, 12, &wanted).unwrap();
            ranges.into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(ranges(&[]), [(100, 110)]);
        assert_eq!(ranges(&[(0, 1)]), [(100, 120)]);
        assert_eq!(ranges(&[(4, 6), (11, 12)]), [(100, 160)]);
        assert_eq!(ranges(&[(0, 5), (9, 10)]), [(100, 120), (140, 160)]);
        assert_eq!(ranges(&[(8, 9)]), [(100, 110), (120, 140)]);
    }

    #[test]
    fn pages_outside_of_their_chunk_are_not_believed() {
        let (chunk, all) = (chunk(100, 60), 0..12);
        for pages in [vec![], vec![page(-1, 10, 0)], vec![page(150, 20, 0)], vec![page(120, 10, 0), page(110, 10, 5)]] {
            assert_eq!(ranges_of_rows(&chunk, &pages, 12, std::slice::from_ref(&all)), None);
        }
    }

    #[test]
    fn bytes_that_were_not_read_are_an_error() {
        let chunk = Chunk::new(vec![(10, Bytes::from_static(b"abc")), (20, Bytes::from_static(b"de"))], None);
        assert_eq!(chunk.get_bytes(11, 2).unwrap(), "bc");
        assert_eq!(chunk.get_bytes(20, 2).unwrap(), "de");
        assert_eq!(chunk.len(), 22);
        for (start, length) in [(9, 1), (12, 2), (15, 1), (21, 2)] {
            assert!(chunk.get_bytes(start, length).is_err());
        }
    }
}
