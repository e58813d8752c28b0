//! How DataFusion's scans read Parquet files: checked footers, and pages that its reader can take.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{Schema, TimeUnit};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, Int96Coercer, ParquetFileReaderFactory, transform_schema_to_view,
};
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::object_store::ObjectMeta;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::chunk::whole;
use super::footer::footer;
use super::pages::{may_be_without_width, with_plain_nulls};
use crate::engine::files::file::TableFile;

/// INT96 is an instant, and nanoseconds do not reach from the year 1 to 9999.
const UNIT_OF_INT96: (&str, TimeUnit) = ("us", TimeUnit::Microsecond);
const ZONE_OF_INT96: &str = "UTC";

/// The schema in which the file of this footer is read.
pub fn schema(footer: &ArrowReaderMetadata) -> Schema {
    let plain = Schema::new(footer.schema().fields().clone());
    let int96 = Int96Coercer::new(footer.parquet_schema(), &plain, &UNIT_OF_INT96.1);
    let plain = int96.with_timezone(Some(ZONE_OF_INT96.into())).coerce().unwrap_or(plain);
    transform_schema_to_view(&plain)
}

/// How files of such schemas are read.
pub fn options() -> TableParquetOptions {
    let mut options = TableParquetOptions::default();
    options.global.coerce_int96 = Some(UNIT_OF_INT96.0.into());
    options.global.coerce_int96_tz = Some(ZONE_OF_INT96.into());
    options
}

/// Opens files, each of which knows where it is.
#[derive(Debug)]
pub struct Readers {
    cache: Arc<FileMetadataCache>,
}

impl Readers {
    /// Opens files whose checked footers are kept in the `cache`.
    pub fn new(cache: Arc<FileMetadataCache>) -> Self {
        Self { cache }
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        footer_size: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> PlanResult<Box<dyn AsyncFileReader + Send>> {
        let Some(table_file) = file.extension::<Arc<TableFile>>().cloned() else {
            return internal_err!("a file of no table");
        };
        let (cache, meta) = (Arc::clone(&self.cache), file.object_meta.clone());
        let readers = CachedParquetFileReaderFactory::new(table_file.store(), Arc::clone(&cache));
        let pages = readers.create_reader(partition, file, footer_size, metrics)?;
        Ok(Box::new(FileReader { pages, file: table_file, cache, meta }))
    }
}

/// Reads one file.
struct FileReader {
    pages: Box<dyn AsyncFileReader + Send>,
    file: Arc<TableFile>,
    cache: Arc<FileMetadataCache>,
    meta: ObjectMeta,
}

impl FileReader {
    /// The checked footer. It borrows the parts alone, since nobody may share the pages.
    fn footer(&mut self) -> impl Future<Output = Result<Arc<ParquetMetaData>>> + Send + '_ {
        let footer = footer(&self.file, &self.meta, self.cache.as_ref());
        footer.map(|footer| footer.map_err(|error| ParquetError::External(Box::new(error))))
    }
}

/// The `pages` at these bytes of a file, as DataFusion's reader takes them.
fn readable(footer: &ParquetMetaData, range: &Range<u64>, pages: Bytes) -> Bytes {
    let mut chunks = footer.row_groups().iter().flat_map(RowGroupMetaData::columns);
    match chunks.find(|chunk| whole(chunk).contains(&range.start)).is_some_and(may_be_without_width) {
        true => with_plain_nulls(pages),
        false => pages,
    }
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.pages.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        let read = async move {
            let footer = self.footer().await?;
            let pages = self.pages.get_byte_ranges(ranges.clone()).await?;
            Ok(ranges.iter().zip(pages).map(|(range, pages)| readable(&footer, range, pages)).collect())
        };
        read.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        self.footer().boxed()
    }
}
