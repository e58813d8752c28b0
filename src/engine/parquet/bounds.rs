//! Bounds: the least and largest values that a footer tells of, as far as they are such by Parquet's own rules.
//!
//! All others are left out, so that whatever prunes by bounds, DataFusion or our own code, never sees them. Rules:
//! Apache Parquet, `parquet.thrift`, `Statistics`, `ColumnOrder` and `ColumnIndex`.

use parquet::basic::{ConvertedType, LogicalType, SortOrder};
use parquet::data_type::ByteArray;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::column_index::{ColumnIndex, ColumnIndexMetaData, PrimitiveColumnIndex};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescriptor;

/// The last character of Unicode: a prefix with it is larger than any text that the prefix begins.
const LAST_CHARACTER: &str = "\u{10ffff}";

/// The trusted part of a column chunk's statistics; `None` if not even its nulls are counted. `has_order` says
/// whether the file orders text by its bytes, as files have done since 2018.
pub fn of_chunk(chunk: &ColumnChunkMetaData, has_order: bool) -> Option<Statistics> {
    let (column, told) = (chunk.column_descr(), chunk.statistics()?);
    let nulls = Some(nulls(chunk, told)?);
    let (is_unsigned, is_old) = (column.sort_order() == SortOrder::UNSIGNED, told.is_min_max_deprecated());
    Some(match told {
        // The old order is that of signed numbers, whatever the type.
        Statistics::Int32(_) if is_unsigned && is_old => Statistics::int32(None, None, None, nulls, false),
        Statistics::Int64(_) if is_unsigned && is_old => Statistics::int64(None, None, None, nulls, false),
        Statistics::Int32(ends) => {
            let (least, largest) = ordered(ends, |a, b| if is_unsigned { *a as u32 <= *b as u32 } else { a <= b });
            Statistics::int32(least, largest, None, nulls, false)
        }
        Statistics::Int64(ends) => {
            let (least, largest) = ordered(ends, |a, b| if is_unsigned { *a as u64 <= *b as u64 } else { a <= b });
            Statistics::int64(least, largest, None, nulls, false)
        }
        // A zero may stand for the other one, which DataFusion tells apart.
        Statistics::Float(ends) => {
            let (least, largest) = ordered(ends, |a, b| a <= b);
            let least = least.map(|end| if end == 0.0 { -0.0 } else { end });
            Statistics::float(least, largest.map(|end| end + 0.0), None, nulls, false)
        }
        Statistics::Double(ends) => {
            let (least, largest) = ordered(ends, |a, b| a <= b);
            let least = least.map(|end| if end == 0.0 { -0.0 } else { end });
            Statistics::double(least, largest.map(|end| end + 0.0), None, nulls, false)
        }
        Statistics::ByteArray(ends) if is_text(column) && has_order && !is_old => {
            let (least, largest) = texts(ends);
            Statistics::byte_array(least, largest, None, nulls, false)
        }
        Statistics::Boolean(_) => Statistics::boolean(None, None, None, nulls, false),
        Statistics::Int96(_) => Statistics::int96(None, None, None, nulls, false),
        Statistics::ByteArray(_) => Statistics::byte_array(None, None, None, nulls, false),
        Statistics::FixedLenByteArray(_) => Statistics::fixed_len_byte_array(None, None, None, nulls, false),
    })
}

/// Whether `statistics` tell of a least or a largest value.
pub fn has_bounds(statistics: Option<&Statistics>) -> bool {
    statistics.is_some_and(|told| told.min_bytes_opt().is_some() || told.max_bytes_opt().is_some())
}

/// How many nulls a chunk has. All of them is in contradiction to bounds.
fn nulls(chunk: &ColumnChunkMetaData, told: &Statistics) -> Option<u64> {
    if chunk.column_descr().max_def_level() == 0 {
        return Some(0);
    }
    let (nulls, values) = (told.null_count_opt()?, u64::try_from(chunk.num_values()).ok()?);
    let fits = nulls < values || nulls == values && !has_bounds(Some(told));
    fits.then_some(nulls)
}

/// Both ends, if they are in order; NaN is in none.
fn ordered<T: Clone>(ends: &ValueStatistics<T>, is_ordered: impl Fn(&T, &T) -> bool) -> (Option<T>, Option<T>) {
    let (least, largest) = (ends.min_opt(), ends.max_opt());
    match (least.or(largest), largest.or(least)) {
        (Some(first), Some(last)) if is_ordered(first, last) => (least.cloned(), largest.cloned()),
        _ => (None, None),
    }
}

fn is_text(column: &ColumnDescriptor) -> bool {
    let logical = column.logical_type_ref();
    let is_converted =
        matches!(column.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON);
    is_converted || matches!(logical, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json))
}

/// The ends of text. A largest text that may have been cut off is a prefix.
fn texts(ends: &ValueStatistics<ByteArray>) -> (Option<ByteArray>, Option<ByteArray>) {
    let (least, largest) = ordered(ends, |a, b| a.data() <= b.data());
    let largest = largest.and_then(|text| {
        let whole = text.as_utf8().ok()?;
        Some(if ends.max_is_exact() { text } else { format!("{whole}{LAST_CHARACTER}").as_str().into() })
    });
    (least, largest)
}

/// Whether the page index of a column has bounds of each of its pages, which begin at the rows of `locations`.
pub fn are_of_pages(
    pages: &ColumnIndexMetaData,
    locations: &[PageLocation],
    chunk: &ColumnChunkMetaData,
    has_order: bool,
) -> bool {
    let column = chunk.column_descr();
    let is_unsigned = column.sort_order() == SortOrder::UNSIGNED;
    let (index, is_in_order) = match pages {
        ColumnIndexMetaData::INT32(ends) => {
            (&**ends, all(ends, |a, b| if is_unsigned { *a as u32 <= *b as u32 } else { a <= b }))
        }
        ColumnIndexMetaData::INT64(ends) => {
            (&**ends, all(ends, |a, b| if is_unsigned { *a as u64 <= *b as u64 } else { a <= b }))
        }
        ColumnIndexMetaData::FLOAT(ends) => (&**ends, all(ends, |a, b| are_ends(f64::from(*a), f64::from(*b)))),
        ColumnIndexMetaData::DOUBLE(ends) => (&**ends, all(ends, |a, b| are_ends(*a, *b))),
        ColumnIndexMetaData::BYTE_ARRAY(ends) if is_text(column) && has_order => {
            let mut pairs = ends.min_values_iter().zip(ends.max_values_iter());
            (&**ends, pairs.all(|pair| matches!(pair, (None, None)) || matches!(pair, (Some(a), Some(b)) if a <= b)))
        }
        _ => return false,
    };
    is_in_order && nulls_fit(index, locations, chunk)
}

fn all<T>(ends: &PrimitiveColumnIndex<T>, is_ordered: impl Fn(&T, &T) -> bool) -> bool
where
    PrimitiveColumnIndex<T>: std::ops::Deref<Target = ColumnIndex>,
{
    let mut pages = 0..ends.min_values().len();
    pages.all(|page| ends.is_null_page(page) || is_ordered(&ends.min_values()[page], &ends.max_values()[page]))
}

/// Pages' ends are as the file has them, so that a zero has to have the sign of the outer one.
fn are_ends(least: f64, largest: f64) -> bool {
    let is_zero = |end: f64, is_negative: bool| end == 0.0 && end.is_sign_negative() == is_negative;
    least <= largest && !is_zero(least, false) && !is_zero(largest, true)
}

/// Whether the nulls of the pages are those of the chunk, and fill the pages that are said to have nothing else.
fn nulls_fit(index: &ColumnIndex, locations: &[PageLocation], chunk: &ColumnChunkMetaData) -> bool {
    if index.num_pages() != locations.len() as u64 {
        return false;
    }
    if chunk.column_descr().max_def_level() == 0 {
        return (0..locations.len()).all(|page| !index.is_null_page(page));
    }
    let ends = locations.iter().skip(1).map(|page| page.first_row_index).chain([chunk.num_values()]);
    let rows = locations.iter().zip(ends).map(|(page, end)| end - page.first_row_index);
    let mut sum = 0;
    for (page, rows) in rows.enumerate() {
        match index.null_count(page) {
            Some(nulls) if (0..=rows).contains(&nulls) && index.is_null_page(page) == (nulls == rows) => sum += nulls,
            _ => return false,
        }
    }
    let told = chunk.statistics().and_then(Statistics::null_count_opt);
    told.is_none_or(|nulls| i64::try_from(nulls) == Ok(sum))
}
