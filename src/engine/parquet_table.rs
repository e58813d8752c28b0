//! Parquet files as a table: DataFusion's own scan, whose errors name the file, and which refuses files that changed.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::DateTime;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as PlanResult, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::path::Path as Location;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::TableSchema;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::slices::Slice;
use super::table_file::TableFile;
use crate::Error;

/// A table of Parquet files, of some of which only the row groups within a range are read.
#[derive(Debug)]
pub struct ParquetTable {
    slices: Vec<Slice>,
    schema: SchemaRef,
    /// At the most; enough to tell a large table from a small one.
    rows: usize,
}

impl ParquetTable {
    /// A table of `slices`, whose files have about so many `rows`.
    pub fn new(slices: Vec<Slice>, schema: SchemaRef, rows: usize) -> Self {
        Self { slices, schema, rows }
    }

    /// What is known of the rows. Of the columns nothing: each file's footer knows better.
    fn statistics(&self) -> Statistics {
        let bytes: u64 = self.slices.iter().map(|slice| slice.file.stamp.bytes).sum();
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Inexact(self.rows);
        statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        statistics
    }
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let files = self.slices.iter().map(partitioned).collect::<Result<Vec<_>, _>>()?;
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let source = Arc::new(ParquetSource::new(Arc::clone(&self.schema)));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_statistics(self.statistics())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        let plan = ParquetFormat::default().create_physical_plan(state, config).await?;
        Ok(named(&plan).unwrap_or(plan))
    }
}

/// The same scan, by a source that names the files.
fn named(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let config = (source.as_ref() as &dyn Any).downcast_ref::<FileScanConfig>()?;
    let source = Arc::new(NamedParquet(Arc::clone(config.file_source())));
    Some(DataSourceExec::from_data_source(FileScanConfigBuilder::from(config.clone()).with_source(source).build()))
}

/// The file as DataFusion knows it, with ours beside it.
fn partitioned(slice: &Slice) -> PlanResult<PartitionedFile> {
    let file = &slice.file;
    let located = file.path.canonicalize().ok().and_then(|path| Location::from_absolute_path(path).ok());
    let Some(location) = located else {
        file.must_be_unchanged().map_err(external)?;
        return Err(external(file.error("this path cannot be a URL")));
    };
    let last_modified = DateTime::from_timestamp_nanos(file.stamp.changed_ns);
    let meta = ObjectMeta { location, last_modified, size: file.stamp.bytes, e_tag: None, version: None };
    let partitioned = PartitionedFile::from(meta).with_extension(Arc::new(file.clone()));
    Ok(match &slice.bytes {
        Some(bytes) => partitioned.with_range(bytes.start as i64, bytes.end as i64),
        None => partitioned,
    })
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The Parquet source of a scan, if it is one.
pub fn parquet_source(source: &dyn FileSource) -> Option<&ParquetSource> {
    let inner = source.downcast_ref::<NamedParquet>().map(|named| named.0.as_ref());
    inner.unwrap_or(source).downcast_ref::<ParquetSource>()
}

/// DataFusion's source of Parquet; what it says of a file that cannot be read has the file's name.
struct NamedParquet(Arc<dyn FileSource>);

impl NamedParquet {
    fn again(inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self(inner))
    }
}

impl FileSource for NamedParquet {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> PlanResult<Arc<dyn FileOpener>> {
        self.0.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> PlanResult<Box<dyn Morselizer>> {
        Ok(Box::new(NamedFiles(self.0.create_morselizer(store, config, partition)?)))
    }

    fn table_schema(&self) -> &TableSchema {
        self.0.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Self::again(self.0.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.0.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.0.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.0.metrics()
    }

    fn file_type(&self) -> &str {
        self.0.file_type()
    }

    fn fmt_extra(&self, format: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        self.0.fmt_extra(format, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.0.supports_repartitioning()
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> PlanResult<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let pushed = self.0.try_pushdown_filters(filters, config)?;
        Ok(FilterPushdownPropagation { filters: pushed.filters, updated_node: pushed.updated_node.map(Self::again) })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> PlanResult<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.0.try_pushdown_sort(order, properties)? {
            SortOrderPushdownResult::Exact { inner } => SortOrderPushdownResult::Exact { inner: Self::again(inner) },
            SortOrderPushdownResult::Inexact { inner } => {
                SortOrderPushdownResult::Inexact { inner: Self::again(inner) }
            }
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.0.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> PlanResult<Option<Arc<dyn FileSource>>> {
        Ok(self.0.try_pushdown_projection(projection)?.map(Self::again))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        self.0.apply_expressions(f)
    }
}

/// Plans files, each under its name.
#[derive(Debug)]
struct NamedFiles(Box<dyn Morselizer>);

impl Morselizer for NamedFiles {
    fn plan_file(&self, file: PartitionedFile) -> PlanResult<Box<dyn MorselPlanner>> {
        let Some(named) = file.extension::<Arc<TableFile>>().cloned() else { return self.0.plan_file(file) };
        named.must_be_unchanged().map_err(external)?;
        match self.0.plan_file(file) {
            Ok(inner) => Ok(NamedPlanner::boxed(inner, &named)),
            Err(error) => Err(of_file(&named, error)),
        }
    }
}

#[derive(Debug)]
struct NamedPlanner {
    inner: Box<dyn MorselPlanner>,
    file: Arc<TableFile>,
}

impl NamedPlanner {
    fn boxed(inner: Box<dyn MorselPlanner>, file: &Arc<TableFile>) -> Box<dyn MorselPlanner> {
        Box::new(Self { inner, file: Arc::clone(file) })
    }
}

impl MorselPlanner for NamedPlanner {
    fn plan(self: Box<Self>) -> PlanResult<Option<MorselPlan>> {
        let file = self.file;
        let Some(mut plan) = self.inner.plan().map_err(|error| of_file(&file, error))? else { return Ok(None) };
        let morsels = plan.take_morsels().into_iter();
        let morsels = morsels.map(|inner| Box::new(NamedMorsel { inner, file: Arc::clone(&file) }) as Box<dyn Morsel>);
        let planners = plan.take_ready_planners().into_iter().map(|inner| NamedPlanner::boxed(inner, &file));
        let named = MorselPlan::new().with_morsels(morsels.collect()).with_planners(planners.collect());
        Ok(Some(match plan.take_pending_planner() {
            Some(pending) => named.with_pending_planner(async move {
                let inner = pending.await.map_err(|error| of_file(&file, error))?;
                Ok(NamedPlanner::boxed(inner, &file))
            }),
            None => named,
        }))
    }
}

#[derive(Debug)]
struct NamedMorsel {
    inner: Box<dyn Morsel>,
    file: Arc<TableFile>,
}

impl Morsel for NamedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, PlanResult<RecordBatch>> {
        let (file, last) = (Arc::clone(&self.file), self.file);
        let batches = self.inner.into_stream().map(move |batch| batch.map_err(|error| of_file(&file, error)));
        // What was read of a file that changed meanwhile says nothing.
        let end = stream::once(async move { last.must_be_unchanged().map_err(external) });
        batches.chain(end.filter_map(async |unchanged| unchanged.err().map(Err))).boxed()
    }
}

/// The error under the file's name, if it is about reading, and not about computing with what was read.
fn of_file(file: &TableFile, error: DataFusionError) -> DataFusionError {
    let is_of_reading = match error.find_root() {
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => true,
        DataFusionError::ArrowError(inner, _) => is_of_reading(inner),
        DataFusionError::External(inner) => !inner.is::<Error>(),
        _ => false,
    };
    match file.must_be_unchanged() {
        Err(changed) => external(changed),
        Ok(()) if is_of_reading => external(file.error(error.strip_backtrace())),
        Ok(()) => error,
    }
}

fn is_of_reading(error: &ArrowError) -> bool {
    match error {
        ArrowError::ParquetError(_) | ArrowError::IoError(..) | ArrowError::SchemaError(_) => true,
        ArrowError::ExternalError(inner) => !inner.is::<DataFusionError>() && !inner.is::<Error>(),
        _ => false,
    }
}
