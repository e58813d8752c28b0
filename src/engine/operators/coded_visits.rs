//! `CodedVisits`: the visits of pings in Parquet files. Places are decoded first; of all else, only what visits need.

use std::sync::Arc;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::Count;
use futures::future::BoxFuture;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::coded::{Coded, CodedExec, RowGroups, for_each_outlet, with_integer};
use super::late_visits::{LATITUDE, LONGITUDE, LateVisits, or_nan};
use super::outlets::Outlets;
use super::visit_join::matches;
use crate::engine::coded::{Column, Function, RowGroup, Taker};

/// Pings decoded at a time: their places stay in the second-level cache.
const PINGS: usize = 16_384;

/// Visits of pings in Parquet files.
#[derive(Debug, Clone)]
struct CodedVisits(LateVisits);

impl CodedVisits {
    /// Whether any place that the statistics allow for is near an establishment.
    fn may_hold_visits(&self, chunks: &[&ColumnChunkMetaData]) -> bool {
        match (ends(chunks[LATITUDE]), ends(chunks[LONGITUDE])) {
            (Some(latitudes), Some(longitudes)) => self.0.establishments.index.may_be_near(latitudes, longitudes),
            _ => true,
        }
    }

    /// Whether a column must be read for visits: not if it only has to have values, and has.
    fn is_needed(&self, place: usize, chunk: &ColumnChunkMetaData) -> bool {
        let is_output = self.0.outputs.iter().flatten().any(|(of, _)| *of == place);
        let mut conditions = self.0.conditions.iter().filter(|(of, _)| *of == place);
        let full = chunk.statistics().and_then(Statistics::null_count_opt) == Some(0);
        is_output || !full || !conditions.all(|(_, function)| matches!(function.as_ref(), Function::Present))
    }
}

/// The least and the largest value of a column, if its statistics tell.
fn ends(chunk: &ColumnChunkMetaData) -> Option<(f64, f64)> {
    match chunk.statistics()? {
        Statistics::Double(ends) => Some((*ends.min_opt()?, *ends.max_opt()?)),
        _ => None,
    }
}

/// What gives visits as `join` does of the `files`, of which it needs `late`.
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

    fn with_integers(&self, column: &str) -> Option<Arc<dyn Coded>> {
        let mut same = self.clone();
        let (place, function) = same.0.outputs[self.0.schema.index_of(column).ok()?].as_mut()?;
        *function = function.without_text_of(&self.0.columns[*place].1)?;
        same.0.schema = with_integer(&self.0.schema, column);
        Some(Arc::new(same))
    }

    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outlets: Outlets) -> BoxFuture<'static, PlanResult<()>> {
        let task = move |_, outlets| {
            let (wanted, groups) = (Arc::clone(&self), Arc::clone(&groups));
            async move {
                while let Some(group) = groups.take() {
                    give_visits(group, &wanted, &groups.rows_read, &outlets).await?;
                }
                Ok(())
            }
        };
        Box::pin(async move { for_each_outlet(&outlets, task).await.map(|_| ()) })
    }
}

/// Gives away the visits of a row group.
async fn give_visits(group: &RowGroup, wanted: &CodedVisits, rows_read: &Count, outlets: &Outlets) -> PlanResult<()> {
    let (chunks, rows) = (group.columns(), group.rows()?);
    if !wanted.may_hold_visits(&chunks) {
        rows_read.add(rows);
        return Ok(());
    }
    let are_places: Vec<bool> = (0..chunks.len()).map(|place| place <= LONGITUDE).collect();
    let column = |place: usize, data| Column::new(chunks[place], data, &wanted.0.columns[place].1, rows);
    let mut places = group.fetch(&are_places).await?.into_iter().flatten().enumerate();
    let mut place = || places.next().map(|(place, data)| column(place, data)).transpose();
    let (Some(mut latitudes), Some(mut longitudes)) = (place()?, place()?) else {
        return internal_err!("a row group without places");
    };
    let mut others: Option<Vec<Option<Taker>>> = None;
    let mut first = 0;
    while first < rows {
        let count = PINGS.min(latitudes.piece()?).min(longitudes.piece()?);
        if count == 0 {
            return internal_err!("a row group has fewer places than rows");
        }
        let degrees = [latitudes.values(count)?, longitudes.values(count)?];
        let [south, west] = [0, 1].map(|axis| or_nan(&degrees[axis]));
        let mut next = 0;
        while next < count {
            let mut found = matches(&wanted.0.establishments.index, south.values(), west.values(), &mut next);
            if found.ping.is_empty() {
                continue;
            }
            if others.is_none() {
                let needed: Vec<bool> = (0..chunks.len())
                    .map(|place| place > LONGITUDE && wanted.is_needed(place, chunks[place]))
                    .collect();
                let data = group.fetch(&needed).await?.into_iter().enumerate();
                let taker = |(place, data): (usize, Option<_>)| {
                    data.map(|data| Ok(Taker::new(column(place, data)?, &wanted.0.columns[place].1))).transpose()
                };
                others = Some(data.map(taker).collect::<PlanResult<Vec<_>>>()?);
            }
            let here = UInt32Array::from(found.ping.clone());
            found.ping.iter_mut().for_each(|row| *row += first as u32);
            let visits = wanted.0.batch(found, |place, rows| match degrees.get(place) {
                Some(degrees) => Ok(Some(take(degrees, &here, None)?)),
                None => {
                    let taker = others.as_mut().and_then(|others| others[place].as_mut());
                    Ok(taker.map(|taker| taker.take(rows)).transpose()?)
                }
            })?;
            outlets.send(Ok(visits)).await?;
        }
        first += count;
        rows_read.add(count);
        tokio::task::yield_now().await;
    }
    Ok(())
}
