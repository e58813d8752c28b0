//! One column of one row group: its dictionary, and its rows as codes where the file has them so.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use datafusion::arrow::array::{
    Array, ArrayRef, ByteView, Date32Array, Float64Array, Int32Array, Int64Array, StringViewArray, UInt32Array,
};
use datafusion::arrow::buffer::{Buffer, NullBuffer};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use parquet::basic::{Encoding, IntType, LogicalType, TimeUnit as ParquetUnit, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescriptor;

use super::chunk::Chunk;
use super::chunk::broken;
use super::rle::RunDecoder;

/// Bytes of the length before a text.
const LENGTH: usize = 4;

/// The code of a row without a value.
pub const NULL_CODE: u32 = u32::MAX;

/// Reads one column chunk.
pub struct ColumnReader {
    pages: SerializedPageReader<Chunk>,
    /// Whether pages were passed over by what the page index tells of their rows.
    is_indexed: bool,
    data_type: DataType,
    is_optional: bool,
    dictionary: Option<ArrayRef>,
    page: DataPage,
    /// Rows of pages that are still closed.
    left: usize,
    levels: Vec<u32>,
}

/// The rest of a page.
struct DataPage {
    rows: usize,
    /// Which rows have a value; all of them if none.
    levels: Option<RunDecoder>,
    values: Values,
}

enum Values {
    Codes(RunDecoder),
    Plain(Bytes),
}

/// Whether [`ColumnReader`] can read what the file has as `data_type`.
pub fn is_readable(chunk: &ColumnChunkMetaData, data_type: &DataType) -> bool {
    // Spark lists bit-packed levels, of which columns outside of others have none.
    #[allow(deprecated)]
    let known = |encoding| {
        use Encoding::{BIT_PACKED, PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY};
        matches!(encoding, PLAIN | PLAIN_DICTIONARY | RLE_DICTIONARY | RLE | BIT_PACKED)
    };
    let column = chunk.column_descr();
    column.max_rep_level() == 0
        && column.max_def_level() <= 1
        && chunk.encodings().all(known)
        && is_type(column, data_type)
}

fn is_type(column: &ColumnDescriptor, data_type: &DataType) -> bool {
    let logical = column.logical_type_ref();
    match (column.physical_type(), data_type) {
        (Type::INT64, DataType::Int64) => {
            matches!(logical, None | Some(LogicalType::Integer(IntType { bit_width: 64, is_signed: true })))
        }
        (Type::INT64, DataType::Timestamp(unit, _)) => {
            let of_file = |unit: &ParquetUnit| match unit {
                ParquetUnit::MILLIS => TimeUnit::Millisecond,
                ParquetUnit::MICROS => TimeUnit::Microsecond,
                ParquetUnit::NANOS => TimeUnit::Nanosecond,
            };
            matches!(logical, Some(LogicalType::Timestamp(theirs)) if of_file(&theirs.unit) == *unit)
        }
        (Type::INT32, DataType::Int32) => {
            matches!(logical, None | Some(LogicalType::Integer(IntType { bit_width: 32, is_signed: true })))
        }
        (Type::INT32, DataType::Date32) => matches!(logical, Some(LogicalType::Date)),
        (Type::DOUBLE, DataType::Float64) => logical.is_none(),
        (Type::BYTE_ARRAY, DataType::Utf8View) => matches!(logical, Some(LogicalType::String)),
        _ => false,
    }
}

impl ColumnReader {
    /// The column of `chunk`, whose bytes are `data`, as `data_type`, of which `is_readable` holds.
    pub fn new(chunk: &ColumnChunkMetaData, data: Chunk, data_type: &DataType, rows: usize) -> Result<Self> {
        let pages = data.pages().cloned();
        let mut column = Self {
            is_indexed: pages.is_some(),
            pages: SerializedPageReader::new(Arc::new(data), chunk, rows, pages)?,
            data_type: data_type.clone(),
            is_optional: chunk.column_descr().max_def_level() == 1,
            dictionary: None,
            page: DataPage { rows: 0, levels: None, values: Values::Plain(Bytes::new()) },
            left: rows,
            levels: vec![],
        };
        // Some writers do not tell of a dictionary in the footer; where there is no row, there may be no page.
        if rows > 0 && column.pages.peek_next_page()?.is_some_and(|page| page.is_dict) {
            column.read_dictionary()?;
        }
        Ok(column)
    }

    /// The values that codes stand for.
    pub fn dictionary(&self) -> Option<&ArrayRef> {
        self.dictionary.as_ref()
    }

    /// How many more rows come in one piece; 0 at the end.
    pub fn piece(&mut self) -> Result<usize> {
        while self.page.rows == 0 {
            let told = if self.is_indexed && self.left > 0 { Some(self.next_page()?) } else { None };
            match self.pages.get_next_page()? {
                None => return Ok(0),
                Some(page) => self.page = self.open(page)?,
            }
            if told.is_some_and(|told| told != self.page.rows) {
                return Err(broken("a page has other rows than the page index tells"));
            }
        }
        Ok(self.page.rows)
    }

    /// Passes over the next `count` rows; pages of which none is wanted stay compressed.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            if self.page.rows == 0 {
                let rows = self.next_page()?;
                if rows <= left {
                    self.skip_page()?;
                    left -= rows;
                    continue;
                }
            }
            let here = self.piece()?.min(left);
            if here == 0 {
                return Err(broken("a column has too few rows"));
            }
            self.read(here, &mut vec![])?;
            left -= here;
        }
        Ok(())
    }

    /// The next `count` rows of the piece: their values, or, if none, their codes appended to `codes`.
    pub fn read(&mut self, count: usize, codes: &mut Vec<u32>) -> Result<Option<ArrayRef>> {
        self.page.rows -= count;
        let present = self.read_levels(count)?;
        let Some(levels) = present.then_some(&self.levels) else {
            return match &mut self.page.values {
                Values::Codes(runs) => runs.read(count, codes).map(|()| None),
                Values::Plain(data) => plain(data, count, &self.data_type).map(Some),
            };
        };
        let there = levels.iter().filter(|level| **level == 1).count();
        match &mut self.page.values {
            Values::Codes(runs) => {
                let mut dense = vec![];
                runs.read(there, &mut dense)?;
                let mut dense = dense.into_iter();
                let code = |level: &u32| if *level == 1 { dense.next().unwrap_or(NULL_CODE) } else { NULL_CODE };
                codes.extend(levels.iter().map(code));
                Ok(None)
            }
            Values::Plain(data) => {
                let values = plain(data, there, &self.data_type)?;
                let mut next = 0..;
                let rows = levels.iter().map(|level| if *level == 1 { next.next() } else { None });
                Ok(Some(take(&values, &rows.collect::<UInt32Array>(), None)?))
            }
        }
    }

    /// The values of the next `count` rows of the piece.
    pub fn values(&mut self, count: usize) -> Result<ArrayRef> {
        let mut codes = vec![];
        if let Some(values) = self.read(count, &mut codes)? {
            return Ok(values);
        }
        self.decode(codes.into_iter())
    }

    /// The values of `codes`.
    pub fn decode(&self, codes: impl Iterator<Item = u32>) -> Result<ArrayRef> {
        let dictionary = self.dictionary.as_ref().ok_or_else(|| broken("codes without a dictionary"))?;
        let (codes, count): (Vec<u32>, _) = (codes.collect(), dictionary.len() as u32);
        let (is_any_larger, is_any_null) = codes.iter().fold((false, false), |(larger, null), code| {
            (larger | (*code >= count && *code != NULL_CODE), null | (*code == NULL_CODE))
        });
        let codes = match is_any_null {
            false => UInt32Array::from(codes),
            true => codes.into_iter().map(|code| (code != NULL_CODE).then_some(code)).collect(),
        };
        match is_any_larger {
            false => Ok(take(dictionary, &codes, None)?),
            true => Err(broken("a code is larger than its dictionary")),
        }
    }

    /// How many rows the next page has, which stays compressed.
    pub fn next_page(&mut self) -> Result<usize> {
        let next = self.pages.peek_next_page()?.ok_or_else(|| broken("a column has too few rows"))?;
        let rows = next.num_rows.or(next.num_levels).ok_or_else(|| broken("a page does not tell its rows"))?;
        if rows > self.left {
            return Err(broken("a page has more rows than its column"));
        }
        Ok(rows)
    }

    /// Passes over the next page.
    pub fn skip_page(&mut self) -> Result<()> {
        self.left -= self.next_page()?;
        self.pages.skip_next_page()
    }

    /// Reads the levels of `count` rows; whether any of them may be without a value.
    fn read_levels(&mut self, count: usize) -> Result<bool> {
        let Some(runs) = &mut self.page.levels else { return Ok(false) };
        if runs.same(count)? == Some(1) {
            return runs.skip(count).map(|()| false);
        }
        self.levels.clear();
        runs.read(count, &mut self.levels)?;
        // DataFusion's reader takes any run but of 0 for values, in broken files too; all jobs should answer the same.
        self.levels.iter_mut().for_each(|level| *level = (*level).min(1));
        Ok(true)
    }

    fn read_dictionary(&mut self) -> Result<()> {
        let Some(Page::DictionaryPage { mut buf, num_values, .. }) = self.pages.get_next_page()? else {
            return Err(broken("there is no dictionary where the column has one"));
        };
        self.dictionary = Some(plain(&mut buf, num_values as usize, &self.data_type)?);
        Ok(())
    }

    fn open(&mut self, page: Page) -> Result<DataPage> {
        let (rows, mut data, levels, encoding) = match page {
            Page::DataPage { mut buf, num_values, encoding, def_level_encoding, .. } => {
                let levels = match self.is_optional {
                    true if def_level_encoding != Encoding::RLE => {
                        return Err(broken("levels of an encoding that was given up in 2013"));
                    }
                    true => {
                        let length = split(&mut buf, 4)?;
                        let length = u32::from_le_bytes(length[..].try_into().expect("four bytes"));
                        Some(split(&mut buf, length as usize)?)
                    }
                    false => None,
                };
                (num_values, buf, levels, encoding)
            }
            Page::DataPageV2 { mut buf, num_rows, encoding, rep_levels_byte_len, def_levels_byte_len, .. } => {
                split(&mut buf, rep_levels_byte_len as usize)?;
                let levels = split(&mut buf, def_levels_byte_len as usize)?;
                (num_rows, buf, self.is_optional.then_some(levels), encoding)
            }
            Page::DictionaryPage { .. } => return Err(broken("a second dictionary")),
        };
        let values = match encoding {
            Encoding::PLAIN => Values::Plain(data),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY if self.dictionary.is_some() => {
                // A page of nulls needs no width.
                let width = if data.is_empty() { 0 } else { data.get_u8() };
                Values::Codes(RunDecoder::new(data, width)?)
            }
            other => return Err(broken(&format!("a page is encoded as {other}, of which its column says nothing"))),
        };
        let rows = rows as usize;
        self.left = self.left.checked_sub(rows).ok_or_else(|| broken("a page has more rows than its column"))?;
        Ok(DataPage { rows, levels: levels.map(|data| RunDecoder::new(data, 1)).transpose()?, values })
    }
}

/// Splits off the first `count` bytes.
fn split(data: &mut Bytes, count: usize) -> Result<Bytes> {
    match count <= data.len() {
        true => Ok(data.split_to(count)),
        false => Err(broken("a page ends too early")),
    }
}

/// The next `count` values of `data`, which are written one after the other.
fn plain(data: &mut Bytes, count: usize, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Int64 => Arc::new(Int64Array::from(numbers(data, count, i64::from_le_bytes)?)),
        DataType::Timestamp(..) => cast(&Int64Array::from(numbers(data, count, i64::from_le_bytes)?), data_type)?,
        DataType::Int32 => Arc::new(Int32Array::from(numbers(data, count, i32::from_le_bytes)?)),
        DataType::Date32 => Arc::new(Date32Array::from(numbers(data, count, i32::from_le_bytes)?)),
        DataType::Float64 => Arc::new(Float64Array::from(numbers(data, count, f64::from_le_bytes)?)),
        DataType::Utf8View => Arc::new(texts(data, count)?),
        other => return Err(broken(&format!("no way to read {other}"))),
    })
}

fn numbers<const SIZE: usize, T>(data: &mut Bytes, count: usize, of: impl Fn([u8; SIZE]) -> T) -> Result<Vec<T>> {
    let bytes = split(data, count * SIZE)?;
    Ok(bytes.chunks_exact(SIZE).map(|bytes| of(bytes.try_into().expect("chunks are exact"))).collect())
}

/// Texts with their lengths before them; views of the same bytes.
fn texts(data: &mut Bytes, count: usize) -> Result<StringViewArray> {
    let whole = data.clone();
    if count > data.len() / LENGTH {
        return Err(broken("a page has fewer texts than it tells"));
    }
    let mut views = Vec::with_capacity(count);
    for _ in 0..count {
        let length = u32::from_le_bytes(split(data, LENGTH)?[..].try_into().expect("four bytes"));
        let start = whole.len() - data.len();
        let text = split(data, length as usize)?;
        let mut inline = [0; 12];
        views.push(match inline.get_mut(..text.len()) {
            Some(short) => {
                short.copy_from_slice(&text);
                u128::from(length) | inline.iter().rev().fold(0, |view, byte| view << 8 | u128::from(*byte)) << 32
            }
            None => ByteView::new(length, &text[..4]).with_offset(start as u32).as_u128(),
        });
    }
    Ok(StringViewArray::try_new(views.into(), vec![Buffer::from(whole)], None::<NullBuffer>)?)
}
