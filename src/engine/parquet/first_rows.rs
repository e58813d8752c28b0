//! The first rows of row groups, of whose pages no more are read than hold them.

use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::scalar::ScalarValue;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::blame::quietly;
use super::chunk::{Chunk, ranges_of_rows, whole};
use super::footer::checked;
use super::reader::schema;
use crate::engine::files::file::TableFile;
use crate::engine::files::place::FilePlace;
use crate::engine::files::s3::object::S3Object;

/// Reads the first `count` rows of the first and the last row group of a file, in the columns of `wanted`; one of which
/// `settled` gives a value in the place of all is not read. `None` if that fails, for whatever reason: a scan does
/// better or tells why.
pub fn first_rows_of_ends(
    file: &TableFile,
    wanted: &SchemaRef,
    count: usize,
    settled: impl Fn(&Field, &ColumnChunkMetaData) -> Option<ScalarValue>,
) -> Option<Vec<RecordBatch>> {
    let read = || {
        file.must_be_unchanged().ok()?;
        let rows = match (&file.place, file.object()) {
            (FilePlace::Disk(path), _) => {
                let opened = File::open(path).ok()?;
                let footer = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).ok()?;
                let footer = trusted(&footer, file.stamp.bytes)?;
                let ends = ends(&footer, wanted, count, settled)?;
                ends.iter().map(|end| end.rows(opened.try_clone().ok()?)).collect::<Option<Vec<_>>>()?
            }
            (FilePlace::Object(_), object) => {
                let footer = object?.footer_now().ok()?;
                let footer = ArrowReaderMetadata::try_new(footer, ArrowReaderOptions::new()).ok()?;
                let footer = trusted(&footer, file.stamp.bytes)?;
                let ends = ends(&footer, wanted, count, settled)?;
                let pages = pages_of(object?, &ends)?;
                ends.iter().map(|end| end.rows(pages.clone())).collect::<Option<Vec<_>>>()?
            }
        };
        file.must_be_unchanged().ok()?;
        Some(rows.into_iter().flatten().collect())
    };
    quietly(|| catch_unwind(AssertUnwindSafe(read))).ok().flatten()
}

/// The checked footer, whose rows come in the types that scans give.
fn trusted(footer: &ArrowReaderMetadata, bytes: u64) -> Option<ArrowReaderMetadata> {
    let metadata = Arc::new(checked(footer.metadata().as_ref().clone(), bytes).ok()?);
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema(footer)));
    ArrowReaderMetadata::try_new(metadata, options).ok()
}

/// The first rows of a row group.
struct FirstRows<'a> {
    footer: &'a ArrowReaderMetadata,
    group: usize,
    wanted: &'a SchemaRef,
    count: usize,
    /// Of each wanted column, the value in the place of all.
    values: Vec<Option<ScalarValue>>,
    /// Where the others are among the columns of the file.
    places: Vec<usize>,
}

/// The first rows of the first and the last row group.
fn ends<'a>(
    footer: &'a ArrowReaderMetadata,
    wanted: &'a SchemaRef,
    count: usize,
    settled: impl Fn(&Field, &ColumnChunkMetaData) -> Option<ScalarValue>,
) -> Option<Vec<FirstRows<'a>>> {
    let groups = footer.metadata().num_row_groups();
    let last = groups.checked_sub(1).filter(|last| *last > 0);
    let ends = [Some(0), last].into_iter().flatten().filter(|group| *group < groups);
    let end = |group| {
        let chunks = footer.metadata().row_group(group).columns();
        let chunk = |field: &Field| chunks.iter().find(|chunk| chunk.column_path().parts() == [field.name().as_str()]);
        let values = wanted.fields().iter().map(|field| settled(field, chunk(field)?)).collect::<Vec<_>>();
        let read = wanted.fields().iter().zip(&values).filter(|(_, value)| value.is_none());
        let places = read.map(|(field, _)| footer.schema().index_of(field.name()));
        let places = places.collect::<Result<Vec<_>, _>>().ok()?;
        Some(FirstRows { footer, group, wanted, count, values, places })
    };
    ends.map(end).collect()
}

/// The pages of an object that hold the first rows of its `ends`, asked for at once.
fn pages_of(object: &S3Object, ends: &[FirstRows]) -> Option<Chunk> {
    let mut ranges = ends.iter().map(FirstRows::ranges).collect::<Option<Vec<_>>>()?.concat();
    ranges.sort_by_key(|range| range.start);
    let bytes = object.read_all(ranges.clone()).ok()?;
    Some(Chunk::new(ranges.iter().map(|range| range.start).zip(bytes).collect(), None))
}

impl FirstRows<'_> {
    /// The leaves of the columns that are read: a column of parts has several.
    fn mask(&self) -> ProjectionMask {
        ProjectionMask::roots(self.footer.parquet_schema(), self.places.iter().copied())
    }

    /// Where the pages of these rows are; whole columns, where no page index tells.
    fn ranges(&self) -> Option<Vec<Range<u64>>> {
        let metadata = self.footer.metadata();
        let (group, mask) = (metadata.row_group(self.group), self.mask());
        let rows = usize::try_from(group.num_rows()).ok()?;
        let leaves = group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
        let ranges = leaves.flat_map(|(leaf, chunk)| {
            let pages = metadata.offset_index().and_then(|index| index.get(self.group)?.get(leaf));
            let first = 0..self.count;
            let some = pages
                .and_then(|pages| ranges_of_rows(chunk, pages.page_locations(), rows, std::slice::from_ref(&first)));
            some.unwrap_or_else(|| vec![whole(chunk)])
        });
        Some(ranges.collect())
    }

    /// Reads them from the file, or those pages of it.
    fn rows(&self, file: impl ChunkReader + 'static) -> Option<Vec<RecordBatch>> {
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.clone())
            .with_projection(self.mask())
            .with_row_groups(vec![self.group])
            .with_batch_size(self.count)
            .with_limit(self.count)
            .build();
        let as_wanted = |rows: RecordBatch| {
            let columns = self.wanted.fields().iter().zip(&self.values).map(|(field, value)| match value {
                Some(value) => value.to_array_of_size(rows.num_rows()).ok(),
                None => rows.column_by_name(field.name()).cloned(),
            });
            RecordBatch::try_new(Arc::clone(self.wanted), columns.collect::<Option<Vec<_>>>()?).ok()
        };
        reader.ok()?.map(|rows| as_wanted(rows.ok()?)).collect()
    }
}
