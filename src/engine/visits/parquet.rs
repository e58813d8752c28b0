//! `CodedVisits`: the visits of pings in Parquet files. Places are decoded first; of all else, only what visits need.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::Count;
use futures::future::BoxFuture;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::exec::matches;
use super::late::{LATITUDE_COLUMN, LONGITUDE_COLUMN, LateVisits, or_nan};
use crate::engine::codes::exec::{Coded, CodedExec, RowGroups, at_once, with_type};
use crate::engine::codes::function::Function;
use crate::engine::codes::row_group::{PageOfNumbers, RowGroup, Selection};
use crate::engine::codes::share::Share;
use crate::engine::exchange::channels::OutputChannels;
use crate::engine::parquet::chunk::Chunk;
use crate::engine::parquet::column::ColumnReader;
use crate::engine::parquet::take::Taker;
use crate::visits::Matches;

/// Pings decoded at a time: their places stay in the second-level cache.
const PINGS_PER_PIECE: usize = 16_384;
/// Visits from which on they are given away.
const VISITS_PER_PIECE: usize = 4_096;

/// Visits of pings in Parquet files.
#[derive(Debug, Clone)]
struct CodedVisits(LateVisits);

impl CodedVisits {
    /// Whether any place that the statistics allow for is near an establishment.
    fn may_hold_visits(&self, chunks: &[&ColumnChunkMetaData]) -> bool {
        match (ends(chunks[LATITUDE_COLUMN]), ends(chunks[LONGITUDE_COLUMN])) {
            (Some(latitudes), Some(longitudes)) => self.0.establishments.index.may_be_near(latitudes, longitudes),
            _ => true,
        }
    }

    /// The rows of a row group that may be near an establishment, as far as statistics and the page index tell.
    fn spans(&self, group: &RowGroup, rows: usize) -> Vec<Range<usize>> {
        if !self.may_hold_visits(&group.columns()) {
            return vec![];
        }
        let whole = || PageOfNumbers { first: 0, ends: None };
        let [latitudes, longitudes] =
            [LATITUDE_COLUMN, LONGITUDE_COLUMN].map(|place| group.pages(place).unwrap_or_else(|| vec![whole()]));
        let starts: BTreeSet<usize> = latitudes.iter().chain(&longitudes).map(|page| page.first).collect();
        let ends = starts.iter().copied().skip(1).chain([rows]);
        let mut spans: Vec<Range<usize>> = vec![];
        for (start, end) in starts.iter().copied().zip(ends) {
            let bounds = |pages: &[PageOfNumbers]| {
                let page = pages.partition_point(|page| page.first <= start);
                pages[..page].last().and_then(|page| page.ends)
            };
            let may = match (bounds(&latitudes), bounds(&longitudes)) {
                (Some(latitudes), Some(longitudes)) => self.0.establishments.index.may_be_near(latitudes, longitudes),
                _ => true,
            };
            match spans.last_mut().filter(|last| last.end == start) {
                _ if !may => {}
                Some(last) => last.end = end,
                None => spans.push(start..end),
            }
        }
        spans
    }

    /// The places of some rows.
    fn places_of(&self, spans: Vec<Range<usize>>) -> Selection {
        let columns = (0..self.0.columns.len()).map(|place| place <= LONGITUDE_COLUMN).collect();
        Selection { columns, rows: Some(spans) }
    }

    /// Whether a column must be read for visits: not if all that is asked is a condition that all of its rows meet.
    fn is_needed(&self, place: usize, chunk: &ColumnChunkMetaData) -> bool {
        let is_output = self.0.outputs.iter().flatten().any(|(of, _)| *of == place);
        let mut conditions = self.0.conditions.iter().filter(|(of, _)| *of == place);
        let is_met = |condition: &Function| Share::of(condition, &self.0.columns[place].1, chunk) == Share::All;
        is_output || !conditions.all(|(_, condition)| is_met(condition))
    }
}

/// The least and the largest value of a column, if its statistics tell.
fn ends(chunk: &ColumnChunkMetaData) -> Option<(f64, f64)> {
    match chunk.statistics()? {
        Statistics::Double(ends) => Some((*ends.min_opt()?, *ends.max_opt()?)),
        _ => None,
    }
}

/// Replaces `join` over `files` by one that reads `late` columns only for pings that match.
pub fn visits_of_files(join: Arc<dyn ExecutionPlan>, files: &FileScanConfig, late: LateVisits) -> CodedExec {
    CodedExec::new(join, Arc::new(files.clone()), Arc::new(CodedVisits(late)))
}

impl Coded for CodedVisits {
    fn name(&self) -> &'static str {
        "CodedVisitsExec"
    }

    fn columns(&self) -> Vec<(usize, DataType)> {
        self.0.columns.clone()
    }

    fn conditions(&self) -> Vec<(usize, Arc<Function>)> {
        self.0.conditions.clone()
    }

    fn with_integers(&self, column: &str) -> Option<Arc<dyn Coded>> {
        let mut same = self.clone();
        let (place, function) = same.0.outputs[self.0.schema.index_of(column).ok()?].as_mut()?;
        *function = function.without_text_of(&self.0.columns[*place].1)?;
        same.0.schema = with_type(&self.0.schema, column, &DataType::Int64);
        Some(Arc::new(same))
    }

    fn first_read(&self, group: &RowGroup) -> PlanResult<Option<Selection>> {
        let spans = self.spans(group, group.rows()?);
        Ok((!spans.is_empty()).then(|| self.places_of(spans)))
    }

    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outputs: OutputChannels) -> BoxFuture<'static, PlanResult<()>> {
        let tasks = groups.tasks;
        let task = move |_, outputs| {
            let (wanted, groups) = (Arc::clone(&self), Arc::clone(&groups));
            async move {
                while let Some(group) = groups.take() {
                    group.blamed(give_visits(group, &wanted, &groups.rows_read, &outputs)).await?;
                }
                Ok(())
            }
        };
        Box::pin(async move { at_once(tasks, &outputs, task).await.map(|_| ()) })
    }
}

/// A row group that is being searched for visits.
struct Search<'a> {
    wanted: &'a CodedVisits,
    group: &'a RowGroup,
    chunks: Vec<&'a ColumnChunkMetaData>,
    rows: usize,
    /// The rows that may be near an establishment.
    spans: Vec<Range<usize>>,
    /// All columns but the places, once there is a visit.
    others: Option<Vec<Option<Taker>>>,
    /// Matches buffered for the next batch, and the rows of their pings.
    found: Matches,
    places: [Vec<f64>; 2],
}

/// Emits the visits of a row group.
async fn give_visits(
    group: &RowGroup,
    wanted: &CodedVisits,
    rows_read: &Count,
    outputs: &OutputChannels,
) -> PlanResult<()> {
    let (chunks, rows) = (group.columns(), group.rows()?);
    let spans = wanted.spans(group, rows);
    if spans.is_empty() {
        rows_read.add(rows);
        return Ok(());
    }
    let (found, places) = (Matches::default(), [vec![], vec![]]);
    let mut search = Search { wanted, group, chunks, rows, spans: spans.clone(), others: None, found, places };
    let [mut latitudes, mut longitudes] = search.places().await?;
    let mut next = 0;
    for span in spans {
        latitudes.skip(span.start - next)?;
        longitudes.skip(span.start - next)?;
        rows_read.add(span.start - next);
        next = span.start;
        while next < span.end {
            let count = PINGS_PER_PIECE.min(span.end - next).min(latitudes.piece()?).min(longitudes.piece()?);
            if count == 0 {
                return internal_err!("a row group has fewer places than rows");
            }
            let degrees = [latitudes.values(count)?, longitudes.values(count)?];
            search.look_at(next, &degrees, outputs).await?;
            next += count;
            rows_read.add(count);
            tokio::task::yield_now().await;
        }
    }
    rows_read.add(rows - next);
    search.give_found(outputs).await
}

impl Search<'_> {
    fn column(&self, place: usize, data: Chunk) -> PlanResult<ColumnReader> {
        Ok(ColumnReader::new(self.chunks[place], data, &self.wanted.0.columns[place].1, self.rows)?)
    }

    async fn places(&mut self) -> PlanResult<[ColumnReader; 2]> {
        let places = self.wanted.places_of(self.spans.clone());
        let mut data = self.group.fetch(&places).await?.into_iter().flatten();
        match (data.next(), data.next()) {
            (Some(latitudes), Some(longitudes)) => {
                Ok([self.column(LATITUDE_COLUMN, latitudes)?, self.column(LONGITUDE_COLUMN, longitudes)?])
            }
            _ => internal_err!("a row group without places"),
        }
    }

    /// Finds the visits of the pings from the `first` row on, which are at `degrees`, and gives them away when there
    /// are enough.
    async fn look_at(&mut self, first: usize, degrees: &[ArrayRef; 2], outputs: &OutputChannels) -> PlanResult<()> {
        let degrees = degrees.each_ref().map(or_nan);
        let index = &self.wanted.0.establishments.index;
        let mut next = 0;
        while next < degrees[LATITUDE_COLUMN].len() {
            let found =
                matches(index, degrees[LATITUDE_COLUMN].values(), degrees[LONGITUDE_COLUMN].values(), &mut next);
            for (places, degrees) in self.places.iter_mut().zip(&degrees) {
                places.extend(found.ping.iter().map(|row| degrees.value(*row as usize)));
            }
            self.found.ping.extend(found.ping.iter().map(|row| row + first as u32));
            self.found.establishment.extend(found.establishment);
            self.found.distance_m.extend(found.distance_m);
            if self.found.ping.len() >= VISITS_PER_PIECE {
                self.give_found(outputs).await?;
            }
        }
        Ok(())
    }

    async fn give_found(&mut self, outputs: &OutputChannels) -> PlanResult<()> {
        let (found, places) = (std::mem::take(&mut self.found), std::mem::take(&mut self.places));
        if found.ping.is_empty() {
            return Ok(());
        }
        self.fetch_others().await?;
        let places = places.map(|degrees| Arc::new(Float64Array::from(degrees)) as ArrayRef);
        let visits = self.wanted.0.batch(found, |place, rows| match places.get(place) {
            Some(degrees) => Ok(Some(Arc::clone(degrees))),
            None => {
                let taker = self.others.as_mut().and_then(|others| others[place].as_mut());
                Ok(taker.map(|taker| taker.take(rows)).transpose()?)
            }
        })?;
        outputs.send(Ok(visits)).await
    }

    async fn fetch_others(&mut self) -> PlanResult<()> {
        if self.others.is_some() {
            return Ok(());
        }
        let is_needed = |place: usize| place > LONGITUDE_COLUMN && self.wanted.is_needed(place, self.chunks[place]);
        let columns = (0..self.chunks.len()).map(is_needed).collect();
        let needed = Selection { columns, rows: Some(self.spans.clone()) };
        let data = self.group.fetch(&needed).await?.into_iter().enumerate();
        let taker = |(place, data): (usize, Option<Chunk>)| {
            data.map(|data| Ok(Taker::new(self.column(place, data)?, &self.wanted.0.columns[place].1))).transpose()
        };
        self.others = Some(data.map(taker).collect::<PlanResult<Vec<_>>>()?);
        Ok(())
    }
}
