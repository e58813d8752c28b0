//! The first rows of row groups, of whose pages no more are read than hold them.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::scalar::ScalarValue;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ColumnChunkMetaData;

use super::blame::quietly;
use super::footer::checked;
use super::reader::schema;
use crate::engine::files::file::TableFile;
use crate::engine::files::place::FilePlace;

/// Reads the first `count` rows of the first and the last row group of a file of this machine, in the columns of
/// `wanted`; one of which `settled` gives a value in the place of all is not read. `None` if that fails, for whatever
/// reason, or the file is elsewhere: a scan does better or tells why.
pub fn first_rows_of_ends(
    file: &TableFile,
    wanted: &SchemaRef,
    count: usize,
    settled: impl Fn(&Field, &ColumnChunkMetaData) -> Option<ScalarValue>,
) -> Option<Vec<RecordBatch>> {
    let FilePlace::Disk(path) = &file.place else { return None };
    let read = || {
        file.must_be_unchanged().ok()?;
        let opened = File::open(path).ok()?;
        let footer = trusted_footer(&opened, file.stamp.bytes)?;
        let groups = footer.metadata().num_row_groups();
        let ends = [Some(0), groups.checked_sub(1).filter(|last| *last > 0)];
        let ends = ends.into_iter().flatten().filter(|group| *group < groups);
        let rows = ends.map(|group| first_rows(opened.try_clone().ok()?, &footer, group, wanted, count, &settled));
        let rows = rows.collect::<Option<Vec<_>>>()?;
        file.must_be_unchanged().ok()?;
        Some(rows.into_iter().flatten().collect())
    };
    quietly(|| catch_unwind(AssertUnwindSafe(read))).ok().flatten()
}

/// The checked footer, whose rows come in the types that scans give.
fn trusted_footer(opened: &File, bytes: u64) -> Option<ArrowReaderMetadata> {
    let footer = ArrowReaderMetadata::load(opened, ArrowReaderOptions::new()).ok()?;
    let metadata = Arc::new(checked(footer.metadata().as_ref().clone(), bytes).ok()?);
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema(&footer)));
    ArrowReaderMetadata::try_new(metadata, options).ok()
}

fn first_rows(
    opened: File,
    footer: &ArrowReaderMetadata,
    group: usize,
    wanted: &SchemaRef,
    count: usize,
    settled: impl Fn(&Field, &ColumnChunkMetaData) -> Option<ScalarValue>,
) -> Option<Vec<RecordBatch>> {
    let chunks = footer.metadata().row_group(group).columns();
    let chunk = |field: &Field| chunks.iter().find(|chunk| chunk.column_path().parts() == [field.name().as_str()]);
    let values = wanted.fields().iter().map(|field| settled(field, chunk(field)?)).collect::<Vec<_>>();
    let read = wanted.fields().iter().zip(&values).filter(|(_, value)| value.is_none());
    let places = read.map(|(field, _)| footer.schema().index_of(field.name()));
    let places = places.collect::<Result<Vec<_>, _>>().ok()?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, footer.clone())
        .with_projection(ProjectionMask::roots(footer.parquet_schema(), places))
        .with_row_groups(vec![group])
        .with_batch_size(count)
        .with_limit(count)
        .build();
    let as_wanted = |rows: RecordBatch| {
        let columns = wanted.fields().iter().zip(&values).map(|(field, value)| match value {
            Some(value) => value.to_array_of_size(rows.num_rows()).ok(),
            None => rows.column_by_name(field.name()).cloned(),
        });
        RecordBatch::try_new(Arc::clone(wanted), columns.collect::<Option<Vec<_>>>()?).ok()
    };
    reader.ok()?.map(|rows| as_wanted(rows.ok()?)).collect()
}
