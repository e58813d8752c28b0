//! Parquet files as a table: DataFusion's own scan, whose errors name the file, and which refuses files that changed.

use std::fmt::{self, Formatter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as PlanResult, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::TableSchema;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::slice::Slice;
use crate::engine::errors::external;
use crate::engine::files::file::TableFile;
use crate::engine::parquet::{Readers, blame, blame_of_panic, blamed, options, quietly};

/// Files in buckets that are read at once.
const REMOTE_SCANS: usize = 16;

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

    /// How many files are read at once: of those that are not on this machine more than there are threads, since they
    /// are waited for.
    fn scans(&self, threads: usize) -> usize {
        let is_remote = self.slices.iter().any(|slice| slice.file.object().is_some());
        if is_remote { threads.max(REMOTE_SCANS) } else { threads }
    }

    /// Statistics of the rows. None of the columns: each file's footer knows better.
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
        let groups = FileGroup::new(files).split_files(self.scans(state.config().target_partitions()));
        let readers = Arc::new(Readers::new(state.runtime_env().cache_manager.get_file_metadata_cache()));
        // Each file knows who reads it, wherever it is.
        let store = ObjectStoreUrl::local_filesystem();
        let source = ParquetSource::new(Arc::clone(&self.schema)).with_table_parquet_options(options());
        let source = Arc::new(NamedParquet(Arc::new(source.with_parquet_file_reader_factory(readers))));
        let config = FileScanConfigBuilder::new(store, source)
            .with_file_groups(groups)
            .with_statistics(self.statistics())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The file as DataFusion knows it, with ours beside it.
fn partitioned(slice: &Slice) -> PlanResult<PartitionedFile> {
    let file = &slice.file;
    let meta = file.meta().map_err(external)?;
    let partitioned = PartitionedFile::from(meta).with_extension(Arc::new(file.clone()));
    Ok(match &slice.bytes {
        Some(bytes) => partitioned.with_range(bytes.start as i64, bytes.end as i64),
        None => partitioned,
    })
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

    /// Cuts files for as many threads; those that are waited for stay as many as they are.
    fn repartitioned(
        &self,
        threads: usize,
        smallest: usize,
        order: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> PlanResult<Option<FileScanConfig>> {
        match config.file_groups.len() > threads {
            true => Ok(None),
            false => self.0.repartitioned(threads, smallest, order, config),
        }
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
            Err(error) => Err(blame(&named, error)),
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
        let Self { inner, file } = *self;
        let planned = quietly(|| catch_unwind(AssertUnwindSafe(|| inner.plan())));
        let planned = planned.map_err(|panic| blame_of_panic(&file, panic.as_ref()))?;
        let Some(mut plan) = planned.map_err(|error| blame(&file, error))? else { return Ok(None) };
        let morsels = plan.take_morsels().into_iter();
        let morsels = morsels.map(|inner| Box::new(NamedMorsel { inner, file: Arc::clone(&file) }) as Box<dyn Morsel>);
        let planners = plan.take_ready_planners().into_iter().map(|inner| NamedPlanner::boxed(inner, &file));
        let named = MorselPlan::new().with_morsels(morsels.collect()).with_planners(planners.collect());
        Ok(Some(match plan.take_pending_planner() {
            Some(pending) => named.with_pending_planner(async move {
                let inner = blamed(&file, pending).await?;
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
        let mut batches = AssertUnwindSafe(self.inner.into_stream()).catch_unwind().boxed();
        let batches = stream::poll_fn(move |context| quietly(|| batches.poll_next_unpin(context)));
        let batches = batches.map(move |batch| match batch {
            Ok(batch) => batch.map_err(|error| blame(&file, error)),
            Err(panic) => Err(blame_of_panic(&file, panic.as_ref())),
        });
        // What was read of a file that changed meanwhile says nothing.
        let end = stream::once(async move { last.must_be_unchanged().map_err(external) });
        batches.chain(end.filter_map(async |unchanged| unchanged.err().map(Err))).boxed()
    }
}
