//! Sorts the rows of a part and writes it.
//!
//! Pings lie in the order of their cells, so that a page holds one neighbourhood; within a cell, and in the other
//! tables, rows lie in the order of their id and time, so that a user's rows stand together.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::compute::{cast, concat_batches, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Int32Type, SchemaRef, TimestampMicrosecondType, UInt64Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::error::unreadable;
use crate::{Error, Result};

/// Rows between two looks at whether to stop.
const ROWS_PER_STEP: usize = 65_536;
/// Enough for several row groups in a part, which threads share, and for dictionaries that pay.
const ROWS_PER_GROUP: usize = 262_144;
/// What is skipped, or read, at once of columns that come after the places.
const ROWS_PER_PAGE: usize = 8_192;
/// A page of latitudes or longitudes: 1,024 places, some blocks of houses, most of which are near no establishment.
const BYTES_OF_PLACES: usize = 8 << 10;
/// Ids of a row group beyond this are written out in full.
const DICTIONARY_BYTES: usize = 4 << 20;

/// Writes the rows of `batches`, whose last column is the cell, and returns how many they are.
pub fn write(path: &Path, schema: &SchemaRef, batches: Vec<RecordBatch>, cancel: &AtomicBool) -> Result<u64> {
    let file = File::create(path).map_err(|e| unreadable(path, e))?;
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(schema), Some(properties())).map_err(|e| unreadable(path, e))?;
    if let Some(rows) = joined(batches)? {
        let order = order(&rows)?;
        for start in (0..order.len()).step_by(ROWS_PER_STEP) {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let step = take_record_batch(&rows, &order.slice(start, ROWS_PER_STEP.min(order.len() - start)))?;
            let columns = step.columns()[..schema.fields().len()].to_vec();
            writer.write(&RecordBatch::try_new(Arc::clone(schema), columns)?).map_err(|e| unreadable(path, e))?;
        }
    }
    let written = writer.finish().map_err(|e| unreadable(path, e))?;
    writer.inner().sync_all().map_err(|e| unreadable(path, e))?;
    Ok(written.file_metadata().num_rows() as u64)
}

fn joined(batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    Ok(Some(concat_batches(&first.schema(), &batches)?))
}

/// The order by cell, id (the first column), time and, at last, place in the source.
fn order(rows: &RecordBatch) -> Result<UInt32Array> {
    let cells = rows[super::reader::BESIDE[0]].as_primitive::<UInt64Type>().values();
    let ids = ranks(rows.column(0))?;
    let times = rows.column_by_name("timestamp").map(|column| column.as_primitive::<TimestampMicrosecondType>());
    let time = |row: usize| times.map_or(0, |times| times.value(row));
    let mut keys: Vec<_> = (0..rows.num_rows()).map(|row| (cells[row], ids[row], time(row), row as u32)).collect();
    keys.sort_unstable();
    Ok(keys.into_iter().map(|key| key.3).collect())
}

/// For each id, its place among the different ids.
fn ranks(ids: &ArrayRef) -> Result<Vec<u32>> {
    let dictionary = cast(ids, &DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))?;
    let dictionary = dictionary.as_dictionary::<Int32Type>();
    let values: &StringArray = dictionary.values().as_string();
    let mut rank = vec![0; values.len()];
    for (place, key) in sort_to_indices(values, None, None)?.values().iter().enumerate() {
        rank[*key as usize] = place as u32;
    }
    Ok(dictionary.keys().values().iter().map(|key| rank[*key as usize]).collect())
}

/// Coordinates and times hardly repeat, so a dictionary would only cost.
fn properties() -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .set_data_page_row_count_limit(ROWS_PER_PAGE)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES);
    let plain = ["timestamp", "latitude", "longitude", "distance_m"].map(ColumnPath::from);
    let properties = plain.into_iter().fold(properties, |all, one| all.set_column_dictionary_enabled(one, false));
    let places = ["latitude", "longitude"].map(ColumnPath::from);
    let small = |all: WriterPropertiesBuilder, one| all.set_column_data_page_size_limit(one, BYTES_OF_PLACES);
    places.into_iter().fold(properties, small).build()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{TimestampMicrosecondArray, UInt64Array};
    use datafusion::arrow::datatypes::{Field, Schema};
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::metadata::PageIndexPolicy;

    use super::*;

    fn rows(cells: Vec<u64>, users: Vec<&str>, times: Vec<i64>) -> RecordBatch {
        let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
        RecordBatch::try_from_iter([
            ("user_id", Arc::new(StringArray::from(users)) as ArrayRef),
            ("timestamp", Arc::new(times)),
            ("cell", Arc::new(UInt64Array::from(cells))),
        ])
        .unwrap()
    }

    #[test]
    fn rows_go_by_cell_then_user_then_time_then_place() {
        let rows = rows(vec![2, 1, 1, 1, 1], vec!["a", "b", "a", "a", "a"], vec![0, 0, 9, -9, 9]);
        assert_eq!(order(&rows).unwrap().values(), &[3, 2, 4, 1, 0]);
    }

    #[test]
    fn a_part_has_indexed_pages_and_no_cell() {
        let path = std::env::temp_dir().join(format!("footfall-part-{}.parquet", std::process::id()));
        let count = 3 * ROWS_PER_PAGE;
        let batch = rows(vec![7; count], vec!["ana"; count], (0..count as i64).rev().collect());
        let whole = batch.schema();
        let fields = whole.fields()[..2].iter().map(|f| Field::new(f.name(), f.data_type().clone(), false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let written = write(&path, &schema, vec![batch.slice(0, 9), batch.slice(9, count - 9)], &false.into());
        assert_eq!(written.unwrap(), count as u64);
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let found = ArrowReaderMetadata::load(&File::open(&path).unwrap(), options).unwrap();
        assert_eq!(found.schema().fields().len(), 2);
        let pages = &found.metadata().offset_index().unwrap()[0];
        assert!(pages.iter().all(|column| column.page_locations().len() == 3));
        assert!(matches!(write(&path, &schema, vec![batch], &true.into()), Err(Error::Cancelled)));
        std::fs::remove_file(path).unwrap();
    }
}
