//! Footers: loaded once, checked for sense, without what cannot be trusted. The one door to them for scans.

use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::datasource::physical_plan::parquet::CachedParquetMetaData;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::object_store::ObjectMeta;
use parquet::basic::ColumnOrder;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetColumnIndex, ParquetMetaData, ParquetOffsetIndex, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};

use super::bounds;
use crate::engine::files::file::TableFile;

/// The bytes before the first page: `PAR1`.
const MAGIC: i64 = 4;

/// The footer of `file`, with its page index. Whatever is in the `cache` has come through here.
pub async fn footer(
    file: &TableFile,
    meta: &ObjectMeta,
    cache: &FileMetadataCache,
) -> PlanResult<Arc<ParquetMetaData>> {
    if let Some(known) = cache.get(&meta.location).filter(|known| known.is_valid_for(meta))
        && let Some(known) = known.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()
    {
        return Ok(Arc::clone(known.parquet_metadata()));
    }
    let found = match file.object() {
        Some(object) => object.footer().await?,
        None => {
            let store = file.store();
            let fetch = DFParquetMetadata::new(store.as_ref(), meta);
            fetch.with_page_index_policy(Some(PageIndexPolicy::Optional)).fetch_metadata().await?
        }
    };
    let checked = Arc::new(checked(Arc::unwrap_or_clone(found), meta.size)?);
    let entry = Arc::new(CachedParquetMetaData::new(Arc::clone(&checked)));
    cache.put(&meta.location, CachedFileMetadataEntry::new(meta.clone(), entry));
    Ok(checked)
}

/// Removes impossible offsets, statistics and page indexes; an error if the pages are impossible, too.
pub fn checked(metadata: ParquetMetaData, file_size: u64) -> Result<ParquetMetaData> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    let order = |column| matches!(metadata.file_metadata().column_order(column), ColumnOrder::TYPE_DEFINED_ORDER(_));
    let has_order: Vec<bool> = (0..columns).map(order).collect();
    let mut whole = metadata.into_builder();
    let mut groups = whole.take_row_groups();
    let pages =
        whole.take_column_index().zip(whole.take_offset_index()).map(|(bounds, places)| Pages { bounds, places });
    let mut pages = pages.filter(|pages| pages.are_of(&groups));
    for (number, group) in groups.iter_mut().enumerate() {
        let rows = group.num_rows();
        for (column, chunk) in group.columns_mut().iter_mut().enumerate() {
            check_chunk(chunk, rows, file_size)?;
            let had_bounds = bounds::has_bounds(chunk.statistics());
            *chunk = trusted(chunk, has_order[column], pages.is_some())?;
            if let Some(pages) = &mut pages {
                let lost_bounds = had_bounds && !bounds::has_bounds(chunk.statistics());
                pages.keep_bounds(number, column, |told, places| {
                    !lost_bounds && bounds::are_of_pages(told, places, chunk, has_order[column])
                });
            }
        }
    }
    let (bounds, places) = pages.map(|pages| (pages.bounds, pages.places)).unzip();
    Ok(whole.set_row_groups(groups).set_column_index(bounds).set_offset_index(places).build())
}

/// Where a column chunk begins: 0 is no place of a dictionary, and older files of polars do not tell its place.
pub fn start_of(chunk: &ColumnChunkMetaData) -> i64 {
    dictionary_of(chunk).unwrap_or_else(|| chunk.data_page_offset())
}

fn dictionary_of(chunk: &ColumnChunkMetaData) -> Option<i64> {
    chunk.dictionary_page_offset().filter(|offset| (1..chunk.data_page_offset()).contains(offset))
}

/// Refuses a chunk whose bytes are not in the file, or that has not the rows of its row group.
fn check_chunk(chunk: &ColumnChunkMetaData, rows: i64, file_size: u64) -> Result<()> {
    let end = start_of(chunk).checked_add(chunk.compressed_size());
    let is_inside = start_of(chunk) >= MAGIC || rows == 0;
    let is_inside = is_inside && chunk.compressed_size() >= 0 && end.is_some_and(|end| end as u64 <= file_size);
    let is_flat = chunk.column_descr().max_rep_level() == 0;
    let name = chunk.column_path().string();
    match (is_inside, rows >= 0 && (!is_flat || chunk.num_values() == rows)) {
        (false, _) => Err(ParquetError::General(format!("the column {name} lies outside of the file"))),
        (_, false) => {
            let values = chunk.num_values();
            Err(ParquetError::General(format!("the column {name} has {values} values for {rows} rows")))
        }
        _ => Ok(()),
    }
}

/// The chunk with what is trusted of its statistics, and without the places of page indexes that are not.
fn trusted(chunk: &ColumnChunkMetaData, has_order: bool, has_pages: bool) -> Result<ColumnChunkMetaData> {
    let statistics = bounds::of_chunk(chunk, has_order);
    let mut trusted = chunk.clone().into_builder().clear_statistics();
    trusted = trusted.set_dictionary_page_offset(dictionary_of(chunk));
    if let Some(statistics) = statistics {
        trusted = trusted.set_statistics(statistics);
    }
    if !has_pages {
        trusted = trusted.set_column_index_offset(None).set_offset_index_offset(None);
    }
    trusted.build()
}

/// A page index: by row group and column, bounds and places of the pages.
struct Pages {
    bounds: ParquetColumnIndex,
    places: ParquetOffsetIndex,
}

impl Pages {
    /// Whether the places are those of pages of the row `groups`.
    fn are_of(&self, groups: &[RowGroupMetaData]) -> bool {
        let are_whole = self.bounds.len() == groups.len() && self.places.len() == groups.len();
        are_whole
            && groups.iter().zip(&self.places).zip(&self.bounds).all(|((group, places), bounds)| {
                let mut places = places.iter().map(OffsetIndexMetaData::page_locations);
                bounds.len() == group.num_columns()
                    && places.len() == group.num_columns()
                    && places.all(|places| ascend(places, group.num_rows()))
            })
    }

    /// Leaves the bounds of a column's pages out if they are not `good`.
    fn keep_bounds(
        &mut self,
        group: usize,
        column: usize,
        good: impl Fn(&ColumnIndexMetaData, &[PageLocation]) -> bool,
    ) {
        let bounds = &mut self.bounds[group][column];
        if !good(bounds, self.places[group][column].page_locations()) {
            *bounds = ColumnIndexMetaData::NONE;
        }
    }
}

/// Whether pages begin with the first of `rows` rows, and each with a later one than the page before.
fn ascend(pages: &[PageLocation], rows: i64) -> bool {
    let starts = || pages.iter().map(|page| page.first_row_index);
    let are_in_order = pages.windows(2).all(|pair| pair[0].first_row_index <= pair[1].first_row_index);
    are_in_order && starts().next() == Some(0) && starts().all(|start| start <= rows)
}
