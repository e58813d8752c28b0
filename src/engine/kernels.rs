//! The two joins by themselves, on tables in memory and with nothing left out: a row that cannot be used is an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use datafusion::prelude::DataFrame;

use super::catalog::Source;
use super::checks;
use super::functions::function;
use super::nouns::{ADS_OF_ESTABLISHMENTS, Column, INTERACTIONS, PINGS, VISITS, convert};
use super::operators::{AttributedVisits, Known, LateVisits, VisitsOf};
use super::places::{Ads, Establishments};
use super::run::{Heartbeat, run_as};
use super::session::{Table, new_context, outward, outward_plan, small_table, thread_count};
use super::{error_of, quality};
use crate::ids::Ids;
use crate::{Error, Result};

/// Pings that one thread takes at a time.
const PINGS_PER_TASK: usize = 131_072;

/// All visits of `pings`, in their order: user_id, timestamp, establishment_id, distance_m.
pub fn visit_join(pings: &Table, establishments: &Table, radius_m: f64, heartbeat: Heartbeat) -> Result<Table> {
    let places = concat_batches(&establishments.0, &establishments.1)?;
    let places = located("establishments", &places, &["establishment_id"], 0)?;
    let schema = visits_schema(&pings.0, &places)?;
    let establishments = Arc::new(Establishments::new(places, radius_m)?);
    let of_pings = located_schema(&schema);
    let late = LateVisits::plain(&of_pings, establishments, Arc::clone(&schema));
    let late = Arc::new(late.ok_or_else(|| Error::Internal("pings without places".into()))?);
    let tasks = tasks(&pings.1);
    let work = |(first_row, task): &(usize, RecordBatch), stop: &AtomicBool| {
        let pings = located("pings", task, &["user_id", "timestamp"], *first_row)?;
        let visits = VisitsOf::new(pings, Arc::clone(&late));
        let visits = visits.take_while(|_| !stop.load(Ordering::Relaxed));
        visits.map(|batch| batch.map_err(error_of)).collect::<Result<Vec<_>>>()
    };
    let visits = on_all_cores(&tasks, &work, heartbeat)?.into_iter().flatten().collect();
    as_visits((schema, visits), heartbeat)
}

/// Ids as text and instants in microseconds UTC; only what came out of the join is converted.
fn as_visits(visits: Table, heartbeat: Heartbeat) -> Result<Table> {
    let source = Source::of_memory(VISITS, &visits, 1)?;
    let frame = DataFrame::new(new_context(Some(1), None)?.state(), source.converted()?);
    outward(run_as(frame, outward_plan, heartbeat)?)
}

fn visits_schema(pings: &SchemaRef, places: &RecordBatch) -> Result<SchemaRef> {
    let own = |column: &Column| {
        let field = pings.field_with_name(column.name).map_err(|_| no_column("pings", pings, column.name))?;
        convert("pings", column, column.name, field.data_type(), None).map(|_| field.clone())
    };
    let id = Field::new("establishment_id", places["establishment_id"].data_type().clone(), true);
    let distance = Field::new("distance_m", DataType::Float64, false);
    Ok(Schema::new(vec![own(&PINGS.columns[0])?, own(&PINGS.columns[1])?, id, distance]).into())
}

/// The columns of pings as [`located`] gives them, of which visits have the first two.
fn located_schema(visits: &Schema) -> Schema {
    let degrees = ["latitude", "longitude"].map(|name| Arc::new(Field::new(name, DataType::Float64, true)));
    Schema::new(visits.fields()[..2].iter().cloned().chain(degrees).collect::<Vec<_>>())
}

/// Slices of the batches, each with the number of its first row.
fn tasks(batches: &[RecordBatch]) -> Vec<(usize, RecordBatch)> {
    let mut tasks = vec![];
    let mut first_row = 0;
    for batch in batches {
        for at in (0..batch.num_rows()).step_by(PINGS_PER_TASK) {
            tasks.push((first_row + at, batch.slice(at, PINGS_PER_TASK.min(batch.num_rows() - at))));
        }
        first_row += batch.num_rows();
    }
    tasks
}

/// The columns `names` of `batch`, and its coordinates as checked numbers.
fn located(table: &str, batch: &RecordBatch, names: &[&str], first_row: usize) -> Result<RecordBatch> {
    let get =
        |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| no_column(table, batch.schema_ref(), name));
    let mut columns = names.iter().map(|name| Ok((*name, get(name)?))).collect::<Result<Vec<_>>>()?;
    columns.iter().try_for_each(|(name, column)| check_present(table, name, column, first_row))?;
    for (name, limit) in [("latitude", 90.0), ("longitude", 180.0)] {
        let degrees = cast(&get(name)?, &DataType::Float64)?;
        check_degrees(table, name, limit, degrees.as_primitive(), first_row)?;
        columns.push((name, degrees));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn check_present(table: &str, name: &str, column: &ArrayRef, first_row: usize) -> Result<()> {
    let null = column.nulls().and_then(|nulls| nulls.iter().position(|valid| !valid));
    null.map_or(Ok(()), |row| {
        Err(Error::Data {
            table: table.into(),
            column: name.into(),
            row: Some((first_row + row) as u64),
            value: "null".into(),
            reason: "a value is needed".into(),
        })
    })
}

fn check_degrees(table: &str, name: &str, limit: f64, degrees: &Float64Array, first_row: usize) -> Result<()> {
    if degrees.null_count() == 0 && degrees.values().iter().all(|value| value.abs() <= limit) {
        return Ok(());
    }
    let bad = degrees.iter().position(|value| !value.is_some_and(|value| value.abs() <= limit)).unwrap_or(0);
    Err(Error::Data {
        table: table.into(),
        column: name.into(),
        row: Some((first_row + bad) as u64),
        value: if degrees.is_valid(bad) { degrees.value(bad).to_string() } else { "null".into() },
        reason: format!("expected degrees from -{limit} to {limit}"),
    })
}

fn no_column(table: &str, schema: &Schema, column: &str) -> Error {
    let found = schema.fields().iter().map(|field| field.name().clone()).collect();
    Error::MissingColumn { table: table.into(), column: column.into(), found }
}

/// Does all `tasks` and returns what they give, in their order.
fn on_all_cores<T: Sync, R: Send>(
    tasks: &[T],
    work: &(impl Fn(&T, &AtomicBool) -> Result<R> + Sync),
    heartbeat: Heartbeat,
) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(tasks.len()));
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break };
            let result = work(task, &stop);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..thread_count(None).min(tasks.len())).map(|_| scope.spawn(worker)).collect();
        let mut beats = 0;
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
            beats += 1;
            if beats % 100 == 0 {
                heartbeat(next.load(Ordering::Relaxed) as u64).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            }
        }
        Ok::<(), Error>(())
    })?;
    let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// `visits` with attributed, ad_id and interaction_timestamp.
pub fn attribute_visits(
    visits: &Table,
    interactions: &Table,
    ads: &Table,
    window_us: i64,
    heartbeat: Heartbeat,
) -> Result<Table> {
    let context = new_context(None, None)?;
    let source = |noun, table| Source::of_memory(noun, table, thread_count(None));
    let (visits, interactions, ads) =
        (source(VISITS, visits)?, source(INTERACTIONS, interactions)?, source(ADS_OF_ESTABLISHMENTS, ads)?);
    for source in [&visits, &interactions, &ads] {
        quality::refuse_unusable(source, &checks::Known::default(), heartbeat)?;
    }
    let ads = small_table(&context, &ads)?;
    let ids = sorted_ids(&ads["establishment_id"])?;
    let visits = numbered(visits.converted()?, &ids)?;
    let ads = Arc::new(Ads::new(ads, Some(&ids)));
    let known = Known::new(ids, ads, window_us);
    let attributed = Arc::new(AttributedVisits::new(visits, interactions.converted()?, known));
    let plan = LogicalPlanBuilder::scan("attributed_visits", provider_as_source(attributed), None);
    let plan = plan.and_then(|plan| {
        plan.sort([
            col("user_id").sort(true, false),
            col("timestamp").sort(true, false),
            col("establishment_id").sort(true, false),
        ])
    });
    let plan = plan.and_then(LogicalPlanBuilder::build).map_err(error_of)?;
    outward(run_as(DataFrame::new(context.state(), plan), outward_plan, heartbeat)?)
}

/// The ids that there are, each once, in text order.
fn sorted_ids(ids: &ArrayRef) -> Result<ArrayRef> {
    let mut ids: Vec<&str> = ids.as_string_view().iter().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(Arc::new(StringViewArray::from(ids)))
}

/// `visits` with the number of each one's establishment; null for an establishment that no ad is of.
pub(super) fn numbered(visits: LogicalPlan, ids: &ArrayRef) -> Result<LogicalPlan> {
    let numbers = Ids::of(ids.as_string_view());
    let kernel = move |arrays: &[ArrayRef]| Ok(Arc::new(numbers.numbers(arrays[0].as_string_view())) as ArrayRef);
    let number = function("number_of_establishment", vec![DataType::Utf8View], DataType::UInt32, Box::new(kernel));
    let mut columns: Vec<_> = VISITS.columns.iter().map(|column| col(column.name)).collect();
    columns.push(number.call(vec![col("establishment_id")]).alias("establishment"));
    LogicalPlanBuilder::from(visits).project(columns).and_then(LogicalPlanBuilder::build).map_err(error_of)
}
