//! The row groups of a scan, and the bytes of their columns.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result as PlanResult, internal_datafusion_err};
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::execution::TaskContext;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::Result as StoreResult;
use datafusion::object_store::path::Path;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::Statistics;
use tokio::task::JoinHandle;

use super::classes::Asked;
use super::function::Function;
use super::reader::{Group, is_needed};
use super::share::Share;
use crate::engine::errors::external;
use crate::engine::files::file::TableFile;
use crate::engine::parquet::chunk::{Chunk, ranges_of_rows, whole};
use crate::engine::parquet::column::is_readable;
use crate::engine::parquet::{blamed, footer};
use crate::engine::sources::slice::start_of;
use crate::engine::threads::network;

/// A row group of a file, with some of its columns.
#[derive(Clone)]
pub struct RowGroup {
    store: Arc<dyn ObjectStore>,
    path: Path,
    file: Arc<TableFile>,
    metadata: Arc<ParquetMetaData>,
    number: usize,
    columns: Arc<Vec<usize>>,
    ahead: Arc<Mutex<Option<ReadAhead>>>,
}

/// What is read of a row group.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Which of its columns.
    pub columns: Vec<bool>,
    /// Of which rows, in order, as far as pages can be told apart; all of them if none.
    pub rows: Option<Vec<Range<usize>>>,
}

/// Where the wanted bytes of a column are, and all of its pages if only some are wanted.
struct ColumnRanges {
    ranges: Vec<Range<u64>>,
    pages: Option<Vec<PageLocation>>,
}

/// Bytes that were asked for before they were needed.
struct ReadAhead {
    wanted: Selection,
    bytes: JoinHandle<StoreResult<Vec<Bytes>>>,
}

impl Drop for ReadAhead {
    /// Where nobody wants them any more, nobody waits for them.
    fn drop(&mut self) {
        self.bytes.abort();
    }
}

/// Bounds of a page, from the page index.
#[derive(Debug, Clone, Copy)]
pub struct PageOfNumbers {
    /// Its first row.
    pub first: usize,
    /// Its least and its largest number, if it has any.
    pub ends: Option<(f64, f64)>,
}

/// All row groups of `files`, with those of the files' columns whose numbers and types are `columns`; `None` if a
/// column of a file is written in a way that cannot be read as codes.
pub async fn row_groups(
    files: &FileScanConfig,
    columns: &[(usize, DataType)],
    context: &TaskContext,
) -> PlanResult<Option<Vec<RowGroup>>> {
    let runtime = context.runtime_env();
    let mut groups = vec![];
    for (partitioned, ranges) in ranges(files).into_values() {
        let Some(table_file) = partitioned.extension::<Arc<TableFile>>() else { return Ok(None) };
        must_be_unchanged(table_file)?;
        let file = &partitioned.object_meta;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let metadata = blamed(table_file, footer(table_file, file, cache.as_ref())).await?;
        let names = columns.iter().map(|(column, _)| files.file_schema().field(*column).name().as_str());
        let Some(places) = names.map(|name| place_of(&metadata, name)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let of_file = places.iter().zip(columns).map(|(place, (_, data_type))| (*place, data_type));
        let mut chunks =
            metadata.row_groups().iter().flat_map(|group| of_file.clone().map(|(p, t)| (group.column(p), t)));
        if !chunks.all(|(chunk, data_type)| is_readable(chunk, data_type)) {
            return Ok(None);
        }
        let columns = Arc::new(places);
        let is_read = |number: &usize| {
            let start = start_of(metadata.row_group(*number));
            ranges.iter().any(|range| range.contains(start))
        };
        groups.extend((0..metadata.num_row_groups()).filter(is_read).map(|number| RowGroup {
            store: table_file.store(),
            path: file.location.clone(),
            file: Arc::clone(table_file),
            metadata: Arc::clone(&metadata),
            number,
            columns: Arc::clone(&columns),
            ahead: Arc::default(),
        }));
    }
    Ok(Some(groups))
}

/// Those of the row `groups` with instants that meet the `conditions`, each with the place of its column, as far as
/// statistics tell; `None` if most of their rows lie in groups that have other instants, too: DataFusion's scan seeks
/// among the pages of these.
pub fn of_period(
    groups: Vec<RowGroup>,
    columns: &[(usize, DataType)],
    conditions: &[(usize, Arc<Function>)],
) -> PlanResult<Option<Vec<RowGroup>>> {
    let of_time = conditions.iter().filter(|(place, condition)| {
        matches!(columns[*place].1, DataType::Timestamp(..)) && !matches!(condition.as_ref(), Function::Present)
    });
    let (mut kept, mut of_whole, mut of_parts) = (vec![], 0, 0);
    for group in groups {
        let shares = of_time.clone().map(|(place, condition)| group.share(*place, condition, &columns[*place].1));
        match shares.min().unwrap_or(Share::All) {
            Share::None => continue,
            Share::Some => of_parts += group.rows()?,
            Share::All => of_whole += group.rows()?,
        }
        kept.push(group);
    }
    Ok((of_parts <= of_whole).then_some(kept))
}

fn must_be_unchanged(file: &TableFile) -> PlanResult<()> {
    file.must_be_unchanged().map_err(external)
}

/// Each of the `files` once, and the ranges in which the row groups begin that are read.
fn ranges(files: &FileScanConfig) -> BTreeMap<&Path, (&PartitionedFile, Vec<FileRange>)> {
    let mut ranges: BTreeMap<&Path, (&PartitionedFile, Vec<FileRange>)> = BTreeMap::new();
    for file in files.file_groups.iter().flat_map(|group| group.iter()) {
        let of_file = ranges.entry(&file.object_meta.location).or_insert((file, vec![]));
        of_file.1.push(file.range.clone().unwrap_or(FileRange { start: 0, end: i64::MAX }));
    }
    ranges
}

/// The place of a column among those of the file, if it is not part of another.
fn place_of(metadata: &ParquetMetaData, name: &str) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| matches!(column.path().parts(), [only] if only == name))
}

impl RowGroup {
    /// Does `work` on the row group; its errors, and its reader's panics, name the file.
    pub async fn blamed<T>(&self, work: impl Future<Output = PlanResult<T>>) -> PlanResult<T> {
        blamed(&self.file, work).await
    }

    /// How many rows there are.
    pub fn rows(&self) -> PlanResult<usize> {
        let rows = self.metadata.row_group(self.number).num_rows();
        usize::try_from(rows).map_err(|_| internal_datafusion_err!("a row group of {rows} rows"))
    }

    /// The metadata of each column.
    pub fn columns(&self) -> Vec<&ColumnChunkMetaData> {
        let group = self.metadata.row_group(self.number);
        self.columns.iter().map(|place| group.column(*place)).collect()
    }

    /// The least and the largest integer of a column, if its statistics tell.
    pub fn integers(&self, place: usize) -> Option<(i64, i64)> {
        match self.metadata.row_group(self.number).column(self.columns[place]).statistics()? {
            Statistics::Int32(ends) => Some(((*ends.min_opt()?).into(), (*ends.max_opt()?).into())),
            Statistics::Int64(ends) => Some((*ends.min_opt()?, *ends.max_opt()?)),
            _ => None,
        }
    }

    /// The pages of a column of numbers, if the page index tells.
    pub fn pages(&self, place: usize) -> Option<Vec<PageOfNumbers>> {
        let column = self.columns[place];
        let pages = self.page_places(column)?;
        let ColumnIndexMetaData::DOUBLE(ends) = self.metadata.column_index()?.get(self.number)?.get(column)? else {
            return None;
        };
        let ends = ends.min_values_iter().zip(ends.max_values_iter());
        let ends = ends.map(|(least, largest)| Some((*least?, *largest?)));
        let first = |page: &PageLocation| usize::try_from(page.first_row_index).ok();
        pages.iter().zip(ends).map(|(page, ends)| Some(PageOfNumbers { first: first(page)?, ends })).collect()
    }

    /// Where the pages of a column of the file are.
    fn page_places(&self, column: usize) -> Option<&Vec<PageLocation>> {
        Some(self.metadata.offset_index()?.get(self.number)?.get(column)?.page_locations())
    }

    /// Whether its bytes come from afar, where answers take long.
    pub fn is_remote(&self) -> bool {
        self.file.object().is_some()
    }

    /// The bytes of its columns, as they are written.
    pub fn bytes(&self) -> usize {
        self.columns().iter().map(|column| usize::try_from(column.compressed_size()).unwrap_or_default()).sum()
    }

    /// Asks for the `wanted` bytes, and waits for none.
    pub fn read_ahead(&self, wanted: Selection) -> PlanResult<()> {
        let (store, path, ranges) = (Arc::clone(&self.store), self.path.clone(), flat(&self.ranges(&wanted)?));
        let bytes = network().spawn(async move { store.get_ranges(&path, &ranges).await });
        *self.ahead() = Some(ReadAhead { wanted, bytes });
        Ok(())
    }

    fn ahead(&self) -> std::sync::MutexGuard<'_, Option<ReadAhead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the wanted bytes of each column are; none of a column that is not wanted.
    fn ranges(&self, wanted: &Selection) -> PlanResult<Vec<Option<ColumnRanges>>> {
        let rows = self.rows()?;
        // Where all is wanted, nobody has to believe a page index.
        let some = wanted.rows.as_deref().filter(|some| !matches!(some, [all] if *all == (0..rows)));
        let of_column = |place: usize| {
            let chunk = self.metadata.row_group(self.number).column(place);
            let pages = some.zip(self.page_places(place)).and_then(|(some, pages)| {
                let ranges = ranges_of_rows(chunk, pages, rows, some)?;
                Some(ColumnRanges { ranges, pages: Some(pages.clone()) })
            });
            pages.unwrap_or_else(|| ColumnRanges { ranges: vec![whole(chunk)], pages: None })
        };
        let columns = self.columns.iter().zip(&wanted.columns);
        Ok(columns.map(|(place, is_wanted)| is_wanted.then(|| of_column(*place))).collect())
    }

    /// The `wanted` bytes of each column.
    pub async fn fetch(&self, wanted: &Selection) -> PlanResult<Vec<Option<Chunk>>> {
        let columns = self.ranges(wanted)?;
        let ranges = flat(&columns);
        let ahead = self.ahead().take().filter(|ahead| ahead.wanted == *wanted);
        let fetched = match ahead {
            Some(mut ahead) => {
                (&mut ahead.bytes).await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
            }
            None => self.store.get_ranges(&self.path, &ranges).await,
        };
        must_be_unchanged(&self.file)?;
        let mut fetched = fetched?.into_iter().zip(&ranges).map(|(bytes, range)| (range.start, bytes));
        let mut chunk = |of: ColumnRanges| Chunk::new(fetched.by_ref().take(of.ranges.len()).collect(), of.pages);
        Ok(columns.into_iter().map(|column| column.map(&mut chunk)).collect())
    }

    /// How many of its rows meet a condition on one of its columns.
    fn share(&self, place: usize, condition: &Function, data_type: &DataType) -> Share {
        Share::of(condition, data_type, self.metadata.row_group(self.number).column(self.columns[place]))
    }

    /// What has to be read for what is asked of its columns.
    pub fn needed(&self, asked: &[Asked], units: &[&str]) -> PlanResult<Selection> {
        self.needed_for(&self.left_to_ask(asked), units)
    }

    fn needed_for(&self, asked: &[Asked], units: &[&str]) -> PlanResult<Selection> {
        let columns = asked.iter().zip(self.columns()).map(|(asked, chunk)| is_needed(asked, chunk, units));
        Ok(Selection { columns: columns.collect::<PlanResult<_>>()?, rows: None })
    }

    fn left_to_ask(&self, asked: &[Asked]) -> Vec<Asked> {
        asked.iter().zip(self.columns()).map(|(asked, chunk)| asked.left_for(chunk)).collect()
    }

    /// Reads what is asked of the columns, which are those of the row group.
    pub async fn open(&self, asked: &[Asked], units: &[&str]) -> PlanResult<Group> {
        let asked = self.left_to_ask(asked);
        let needed = self.needed_for(&asked, units)?;
        let chunks = self.columns().into_iter().zip(self.fetch(&needed).await?).collect();
        Group::new(asked, units, self.rows()?, chunks)
    }
}

/// The ranges of all columns, one after the other.
fn flat(columns: &[Option<ColumnRanges>]) -> Vec<Range<u64>> {
    columns.iter().flatten().flat_map(|column| column.ranges.iter().cloned()).collect()
}
