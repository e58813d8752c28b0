//! `CodedVisits`: the visits of pings in Parquet files. Places are decoded first; of all else, only what visits need.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use datafusion::arrow::compute::{and, cast, filter_record_batch, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{DataType, Float64Type, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::Count;
use futures::future::BoxFuture;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::coded::{Coded, CodedExec, RowGroups, for_each_outlet, with_integer};
use super::outlets::Outlets;
use super::visit_join::matches;
use crate::engine::coded::{Column, Derived, Function, RowGroup, Rows, Taker};
use crate::engine::places::Establishments;
use crate::visits::Matches;

/// Pings decoded at a time: their places stay in the second-level cache.
const PINGS: usize = 16_384;

/// What visits are made of.
#[derive(Debug, Clone)]
struct CodedVisits {
    establishments: Arc<Establishments>,
    schema: SchemaRef,
    /// The columns of the files that are needed, with their types: latitude, longitude, and others.
    columns: Vec<(usize, DataType)>,
    /// What holds of each ping that counts: of which of these columns, and what.
    conditions: Vec<(usize, Arc<Function>)>,
    /// The columns of visits that are their pings': which of these columns, and what is done to it.
    outputs: Vec<Option<(usize, Arc<Function>)>>,
}

const LATITUDE: usize = 0;
const LONGITUDE: usize = 1;

impl CodedVisits {
    /// What visits with the columns of `schema` need of the rows of `input`; none if a column depends on several.
    fn of(rows: &Rows, input: &SchemaRef, establishments: Arc<Establishments>, schema: SchemaRef) -> Option<Self> {
        let mut wanted = Self { establishments, schema, columns: vec![], conditions: vec![], outputs: vec![] };
        let column = |name: &str| rows.columns[input.index_of(name).ok()?].clone();
        for name in ["latitude", "longitude"] {
            let degrees = column(name).filter(|column| matches!(column.function.as_ref(), Function::Itself))?;
            wanted.place(degrees.column?, rows);
        }
        let is_place = |(_, data_type): &(usize, DataType)| *data_type == DataType::Float64;
        if wanted.columns.len() != 2 || !wanted.columns.iter().all(is_place) {
            return None;
        }
        for Derived { column, function } in &rows.conditions {
            let place = wanted.place((*column)?, rows);
            wanted.conditions.push((place, Arc::clone(function)));
        }
        for field in Arc::clone(&wanted.schema).fields() {
            let of_ping = match column(field.name()) {
                Some(Derived { column, function }) => Some((wanted.place(column?, rows), function)),
                None if input.index_of(field.name()).is_ok() => return None,
                None => None,
            };
            wanted.outputs.push(of_ping);
        }
        Some(wanted)
    }

    /// The place of a column of the files among those that are needed.
    fn place(&mut self, column: usize, rows: &Rows) -> usize {
        self.columns.iter().position(|(known, _)| *known == column).unwrap_or_else(|| {
            self.columns.push((column, rows.files.file_schema().field(column).data_type().clone()));
            self.columns.len() - 1
        })
    }

    /// Whether any place that the statistics allow for is near an establishment.
    fn may_hold_visits(&self, chunks: &[&ColumnChunkMetaData]) -> bool {
        match (ends(chunks[LATITUDE]), ends(chunks[LONGITUDE])) {
            (Some(latitudes), Some(longitudes)) => self.establishments.index.may_be_near(latitudes, longitudes),
            _ => true,
        }
    }

    /// Whether a column must be read for visits: not if it only has to have values, and has.
    fn is_needed(&self, place: usize, chunk: &ColumnChunkMetaData) -> bool {
        let is_output = self.outputs.iter().flatten().any(|(of, _)| *of == place);
        let mut conditions = self.conditions.iter().filter(|(of, _)| *of == place);
        let full = chunk.statistics().and_then(Statistics::null_count_opt) == Some(0);
        is_output || !full || !conditions.all(|(_, function)| matches!(function.as_ref(), Function::Present))
    }

    /// The visits of `found`, whose pings are rows of the row group; `columns` gives the values of a column there.
    fn batch(
        &self,
        found: Matches,
        mut columns: impl FnMut(usize, &[u32]) -> PlanResult<Option<ArrayRef>>,
    ) -> PlanResult<RecordBatch> {
        let taken = (0..self.columns.len()).map(|place| columns(place, &found.ping));
        let taken = taken.collect::<PlanResult<Vec<_>>>()?;
        let mut counts: Option<BooleanArray> = None;
        for (place, function) in &self.conditions {
            let Some(values) = &taken[*place] else { continue };
            let holds = function.of(values)?;
            let holds = match holds.null_count() {
                0 => holds.as_boolean().clone(),
                _ => prep_null_mask_filter(holds.as_boolean()),
            };
            counts = Some(counts.map_or(Ok(holds.clone()), |counts| and(&counts, &holds))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(found.ping.len()));
        let numbers = UInt32Array::from(found.establishment);
        let distances: ArrayRef = Arc::new(Float64Array::from(found.distance_m));
        let fields = self.schema.fields().iter().zip(&self.outputs);
        let columns = fields.map(|(field, output)| match (field.name().as_str(), output) {
            (_, Some((place, function))) => match &taken[*place] {
                Some(values) => Ok(cast(&function.of(values)?, field.data_type())?),
                None => internal_err!("a column of visits was not read"),
            },
            ("establishment_id", None) => Ok(take(self.establishments.ids(), &numbers, None)?),
            ("establishment", None) => Ok(Arc::new(numbers.clone()) as ArrayRef),
            _ => Ok(Arc::clone(&distances)),
        });
        let columns = columns.collect::<PlanResult<Vec<_>>>()?;
        let visits = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        match counts.filter(|counts| counts.true_count() < counts.len()) {
            Some(counts) => Ok(filter_record_batch(&visits, &counts)?),
            None => Ok(visits),
        }
    }
}

/// The least and the largest value of a column, if its statistics tell.
fn ends(chunk: &ColumnChunkMetaData) -> Option<(f64, f64)> {
    match chunk.statistics()? {
        Statistics::Double(ends) => Some((*ends.min_opt()?, *ends.max_opt()?)),
        _ => None,
    }
}

/// What gives visits as `join` does of `input`: `join` itself, if `input` is more than rows of Parquet files.
pub fn with_late_columns(
    join: Arc<dyn ExecutionPlan>,
    input: &Arc<dyn ExecutionPlan>,
    establishments: Arc<Establishments>,
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let Some(rows) = Rows::of(input)? else { return Ok(join) };
    Ok(match CodedVisits::of(&rows, &input.schema(), establishments, join.schema()) {
        Some(work) => Arc::new(CodedExec::new(join, Arc::new(rows.files), Arc::new(work))),
        None => join,
    })
}

impl Coded for CodedVisits {
    fn name(&self) -> &'static str {
        "CodedVisitsExec"
    }

    fn columns(&self) -> Vec<(usize, DataType)> {
        self.columns.clone()
    }

    fn with_integers(&self, column: &str) -> Option<Arc<dyn Coded>> {
        let mut same = self.clone();
        let (place, function) = same.outputs[self.schema.index_of(column).ok()?].as_mut()?;
        *function = function.without_text_of(&self.columns[*place].1)?;
        same.schema = with_integer(&self.schema, column);
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
    let column = |place: usize, data| Column::new(chunks[place], data, &wanted.columns[place].1, rows);
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
            let mut found = matches(&wanted.establishments.index, &south, &west, &mut next);
            if found.ping.is_empty() {
                continue;
            }
            if others.is_none() {
                let needed: Vec<bool> = (0..chunks.len())
                    .map(|place| place > LONGITUDE && wanted.is_needed(place, chunks[place]))
                    .collect();
                let data = group.fetch(&needed).await?.into_iter().enumerate();
                let taker = |(place, data): (usize, Option<_>)| {
                    data.map(|data| Ok(Taker::new(column(place, data)?, &wanted.columns[place].1))).transpose()
                };
                others = Some(data.map(taker).collect::<PlanResult<Vec<_>>>()?);
            }
            let here = UInt32Array::from(found.ping.clone());
            found.ping.iter_mut().for_each(|row| *row += first as u32);
            let visits = wanted.batch(found, |place, rows| match degrees.get(place) {
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

/// Degrees, with NaN, which is nowhere, where there is none.
fn or_nan(degrees: &ArrayRef) -> Vec<f64> {
    let degrees = degrees.as_primitive::<Float64Type>();
    match degrees.null_count() {
        0 => degrees.values().to_vec(),
        _ => degrees.iter().map(|degrees| degrees.unwrap_or(f64::NAN)).collect(),
    }
}
