//! Parts of files, so that many workers can read one large file: a Parquet file falls apart into its row groups.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as PlanResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::object_store::path::Path as Location;
use datafusion::physical_plan::ExecutionPlan;
use parquet::file::metadata::RowGroupMetaData;

use super::files::{footer, is_parquet, unreadable};
use crate::Result;

/// A file or, of a Parquet file, the row groups that begin within these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The file.
    pub path: PathBuf,
    /// All of it if none.
    pub bytes: Option<Range<u64>>,
}

/// The bytes of files of which not all are read.
pub type Ranges = BTreeMap<PathBuf, Range<u64>>;

/// Where a row group begins in its file, for DataFusion's scan and for ours.
pub fn start_of(group: &RowGroupMetaData) -> i64 {
    let first = group.column(0);
    first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset())
}

/// Smaller pieces take longer to hand out than to read; larger ones leave workers waiting for the last.
const PIECE_BYTES: RangeInclusive<u64> = 1 << 20..=128 << 20;

/// The `files` in about as many pieces as `wanted`: small files together, large Parquet files cut between row groups.
pub fn pieces(files: &[&Path], wanted: u64) -> Result<Vec<Vec<Slice>>> {
    let sizes = files.iter().map(|path| size_of(path)).collect::<Result<Vec<_>>>()?;
    let bytes = sizes.iter().sum::<u64>() / wanted.max(1);
    let bytes = bytes.clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end());
    let mut pieces: Vec<Vec<Slice>> = vec![];
    let mut room = 0;
    for path in files {
        for (slice, size) in slices(path, bytes)? {
            match pieces.last_mut() {
                Some(piece) if size <= room => piece.push(slice),
                _ => {
                    pieces.push(vec![slice]);
                    room = bytes;
                }
            }
            room = room.saturating_sub(size);
        }
    }
    Ok(pieces)
}

fn size_of(path: &Path) -> Result<u64> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|e| unreadable(path, &e.to_string()))
}

/// The slices of a file, none much larger than `bytes` if row groups are not, with their sizes.
fn slices(path: &Path, bytes: u64) -> Result<Vec<(Slice, u64)>> {
    let size = size_of(path)?;
    let whole = vec![(Slice { path: path.into(), bytes: None }, size)];
    if size <= bytes || !is_parquet(path) {
        return Ok(whole);
    }
    let footer = footer(path)?;
    let starts: Vec<_> = footer.metadata().row_groups().iter().map(|group| start_of(group).unsigned_abs()).collect();
    let cuts = cuts(&starts, size, size.div_ceil(bytes));
    let slice = |ends: &[u64]| (Slice { path: path.into(), bytes: Some(ends[0]..ends[1]) }, ends[1] - ends[0]);
    Ok(if cuts.len() > 2 { cuts.windows(2).map(slice).collect() } else { whole })
}

/// Where a file of `size` bytes is cut into about `parts` parts, with both of its ends: before row groups only.
fn cuts(starts: &[u64], size: u64, parts: u64) -> Vec<u64> {
    let part_of = |start: u64| u128::from(start) * u128::from(parts) / u128::from(size.max(1));
    let inner = starts.windows(2).filter(|pair| part_of(pair[0]) != part_of(pair[1])).map(|pair| pair[1]);
    std::iter::once(0).chain(inner).chain([size]).collect()
}

/// The rows of the Parquet file `path` that come before its byte number `start`.
pub fn rows_before(path: &Path, start: u64) -> Result<u64> {
    let footer = footer(path)?;
    let before = footer.metadata().row_groups().iter().filter(|group| start_of(group).unsigned_abs() < start);
    Ok(before.map(|group| group.num_rows().unsigned_abs()).sum())
}

/// A table of files, of some of which only a range is read.
#[derive(Debug)]
pub struct SlicedTable {
    whole: Arc<dyn TableProvider>,
    ranges: BTreeMap<Location, Range<u64>>,
}

impl SlicedTable {
    /// Those rows of `whole` that are in `ranges`, or in files that have none.
    pub fn new(whole: Arc<dyn TableProvider>, ranges: &Ranges) -> Result<Self> {
        let location = |path: &Path| Location::from_absolute_path(path.canonicalize().ok()?).ok();
        let located = |(path, range): (&PathBuf, &Range<u64>)| match location(path) {
            Some(location) => Ok((location, range.clone())),
            None => Err(unreadable(path, "this path cannot be a URL")),
        };
        Ok(Self { whole, ranges: ranges.iter().map(located).collect::<Result<_>>()? })
    }

    fn sliced(&self, file: &PartitionedFile) -> PartitionedFile {
        let mut sliced = file.clone();
        sliced.statistics = None;
        match self.ranges.get(&file.object_meta.location) {
            Some(range) => sliced.with_range(range.start as i64, range.end as i64),
            None => sliced,
        }
    }
}

#[async_trait]
impl TableProvider for SlicedTable {
    fn schema(&self) -> SchemaRef {
        self.whole.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        self.whole.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let plan = self.whole.scan(state, projection, filters, None).await?;
        let Some(source) = plan.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source) else {
            return Ok(plan);
        };
        let Some(files) = (source.as_ref() as &dyn Any).downcast_ref::<FileScanConfig>() else { return Ok(plan) };
        let groups = files.file_groups.iter();
        let groups = groups.map(|group| FileGroup::new(group.iter().map(|file| self.sliced(file)).collect()));
        // At the most that of whole files: enough to tell a large table from a small one.
        let about = files.statistics().to_inexact();
        let sliced = FileScanConfigBuilder::from(files.clone()).with_file_groups(groups.collect());
        Ok(DataSourceExec::from_data_source(sliced.with_statistics(about).build()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_before_row_groups_only() {
        assert_eq!(cuts(&[4, 100, 200, 300], 400, 2), [0, 200, 400]);
        assert_eq!(cuts(&[4, 100, 200, 300], 400, 400), [0, 100, 200, 300, 400]);
        assert_eq!(cuts(&[4], 400, 3), [0, 400]);
        assert_eq!(cuts(&[], 12, 3), [0, 12]);
    }
}
