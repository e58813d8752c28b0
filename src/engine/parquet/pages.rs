//! Pages of nulls alone whose codes have no width: there is no value to read, but DataFusion's reader looks for it.
//!
//! Such a page is called plain, which it is as well, by one byte of its header. Rules: Apache Parquet,
//! `parquet.thrift`, `PageHeader`, and Apache Thrift, "Compact protocol".

use bytes::Bytes;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

/// Whether the chunk may have such pages.
pub fn may_be_without_width(chunk: &ColumnChunkMetaData) -> bool {
    let are_none = chunk.statistics().and_then(Statistics::null_count_opt) == Some(0);
    chunk.column_descr().max_def_level() == 1 && chunk.column_descr().max_rep_level() == 0 && !are_none
}

/// Marks pages of nulls alone as plain.
pub fn with_plain_nulls(pages: Bytes) -> Bytes {
    let (mut at, mut encodings) = (0, vec![]);
    while let Some((header, length)) = pages.get(at..).and_then(PageHeader::read) {
        encodings.extend(header.encoding_of_nulls().map(|place| at + place));
        match usize::try_from(header.compressed_size) {
            Ok(size) => at += length + size,
            Err(_) => break,
        }
    }
    if encodings.is_empty() {
        return pages;
    }
    let mut changed = pages.to_vec();
    encodings.into_iter().for_each(|place| changed[place] = PLAIN);
    changed.into()
}

const PLAIN: u8 = 0;
/// The numbers of encodings by dictionary, as a header has them.
const CODES: [u8; 2] = [2 << 1, 8 << 1];

/// The header of a page.
#[derive(Default)]
struct PageHeader {
    uncompressed_size: i64,
    compressed_size: i64,
    /// Of a data page of the first version, and of the second.
    pages: [Option<DataHeader>; 2],
}

/// The header of a data page: the numbers of its fields, and where the encoding is, and what.
#[derive(Default)]
struct DataHeader {
    values: i64,
    nulls: i64,
    encoding: Option<(usize, u8)>,
}

impl PageHeader {
    /// The header at the start of `bytes`, and its length; `None` if there is none.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (mut thrift, mut header) = (Thrift { bytes, at: 0 }, Self::default());
        let mut last = 0;
        while let Some((field, kind)) = thrift.field(&mut last)? {
            match (field, kind) {
                (2, INTEGER) => header.uncompressed_size = thrift.integer()?,
                (3, INTEGER) => header.compressed_size = thrift.integer()?,
                (5, STRUCT) => header.pages[0] = Some(DataHeader::read(&mut thrift, 2)?),
                (8, STRUCT) => header.pages[1] = Some(DataHeader::read(&mut thrift, 4)?),
                _ => thrift.skip(kind, 0)?,
            }
        }
        Some((header, thrift.at))
    }

    /// Where the encoding is of a page of nulls alone by dictionary.
    fn encoding_of_nulls(&self) -> Option<usize> {
        let (page, has_nulls_only) = match &self.pages {
            [Some(page), _] => (page, self.uncompressed_size == size_of_null_levels(page.values)),
            [None, Some(page)] => (page, page.nulls == page.values),
            [None, None] => return None,
        };
        let (place, encoding) = page.encoding?;
        (has_nulls_only && CODES.contains(&encoding)).then_some(place)
    }
}

/// The bytes of one run of levels, with their length before them. A page with values has at least a width, too.
fn size_of_null_levels(rows: i64) -> i64 {
    let bits = i64::BITS - (rows << 1).leading_zeros();
    4 + i64::from(bits.div_ceil(7).max(1)) + 1
}

impl DataHeader {
    /// Reads the header of a page whose encoding has this number.
    fn read(thrift: &mut Thrift, encoding: i64) -> Option<Self> {
        let (mut header, mut last) = (Self::default(), 0);
        while let Some((field, kind)) = thrift.field(&mut last)? {
            match (field, kind) {
                (1, INTEGER) => header.values = thrift.integer()?,
                (2, INTEGER) if encoding != 2 => header.nulls = thrift.integer()?,
                (number, INTEGER) if number == encoding => {
                    header.encoding = Some((thrift.at, *thrift.bytes.get(thrift.at)?));
                    thrift.integer()?;
                }
                _ => thrift.skip(kind, 0)?,
            }
        }
        Some(header)
    }
}

/// Thrift's numbers of 32-bit integers and of structs.
const INTEGER: u8 = 5;
const STRUCT: u8 = 12;
/// Structs within structs: a page's header has three, one in the other.
const MOST_NESTED: usize = 8;

/// Reads Thrift's compact protocol; `None` at what is none.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// The number and the kind of the next field; none at the end of a struct.
    fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *last = if head >> 4 == 0 { self.integer()? } else { *last + i64::from(head >> 4) };
        Some(Some((*last, head & 15)))
    }

    fn byte(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        self.varint().map(|number| (number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn skip(&mut self, kind: u8, nested: usize) -> Option<()> {
        match kind {
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.at += 8,
            8 => self.at = self.at.checked_add(usize::try_from(self.varint()?).ok()?)?,
            STRUCT if nested < MOST_NESTED => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, nested + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of a 32-bit integer that fits seven bits, as it follows the field before.
    fn small(number: u8) -> [u8; 2] {
        [0x15, number << 1]
    }

    /// A data page of the first version: so many values, of so many bytes, by dictionary.
    fn page(values: u8, body: &[u8]) -> Vec<u8> {
        let size = small(body.len() as u8);
        let data = [small(values), small(8), small(3), small(3)].concat();
        [&small(0)[..], &size, &size, &[0x2c], &data, &[0, 0], body].concat()
    }

    #[test]
    fn only_pages_without_a_width_are_called_plain() {
        let nulls = page(5, &[2, 0, 0, 0, 10, 0]);
        let values = page(5, &[2, 0, 0, 0, 10, 1, 0, 10]);
        let both = [values.clone(), nulls.clone(), values.clone()].concat();
        let changed = with_plain_nulls(both.clone().into());
        let differing: Vec<_> = (0..both.len()).filter(|at| both[*at] != changed[*at]).collect();
        let place = values.len() + nulls.iter().position(|byte| *byte == 16).unwrap();
        assert_eq!((differing, changed[place]), (vec![place], PLAIN));
    }

    #[test]
    fn bytes_that_are_no_pages_stay() {
        for bytes in
            [&b""[..], b"\x15", b"\xff\xff\xff\xff", b"\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c", b"\x18\x80"]
        {
            assert_eq!(with_plain_nulls(Bytes::copy_from_slice(bytes)), bytes);
        }
    }
}
