//! The two joins by themselves, on tables in memory and with nothing left out: a row that cannot be used is an error.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::common::{DFSchema, Result as PlanResult};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::{DataFrame, SessionContext};

use super::catalog::Source;
use super::checks;
use super::coded::Derived;
use super::functions::function;
use super::nouns::{ADS_OF_ESTABLISHMENTS, Column, ESTABLISHMENTS, INTERACTIONS, Kind, PINGS, VISITS, convert};
use super::operators::{AttributedVisits, Known, LateVisits, VisitsOf};
use super::places::{Ads, Establishments};
use super::run::{HEARTBEAT, Heartbeat, run};
use super::session::{Table, new_context, outward_schema, run_outward, small_table, thread_count};
use super::{error_of, quality};
use crate::ids::Ids;
use crate::{Error, Result};

/// Pings that one thread takes at a time.
const PINGS_PER_TASK: usize = 131_072;

/// All visits of `pings`, in their order: user_id, timestamp, establishment_id, distance_m.
///
/// Each task makes its part of the answer, to the last type: nothing is left to do when all are done.
pub fn visit_join(pings: &Table, establishments: &Table, radius_m: f64, heartbeat: Heartbeat) -> Result<Table> {
    let late = Arc::new(late_visits(&pings.0, indexed(establishments, radius_m)?)?);
    let work = |(first_row, task): &(usize, RecordBatch), stop: &AtomicBool| {
        let pings = located("pings", task, &["user_id", "timestamp"], *first_row)?;
        let mut visits = VisitsOf::new(pings.clone(), Arc::clone(&late));
        let found = visits.by_ref().take_while(|_| !stop.load(Ordering::Relaxed));
        let found = found.collect::<PlanResult<Vec<_>>>().map_err(error_of)?;
        if visits.lost { check_degrees("pings", &pings, *first_row).map(|()| found) } else { Ok(found) }
    };
    let visits = on_all_cores(&tasks(&pings.1), &work, heartbeat)?;
    Ok((Arc::clone(&late.schema), visits.into_iter().flatten().collect()))
}

/// The establishments with their grid, and their ids as they leave.
fn indexed(establishments: &Table, radius_m: f64) -> Result<Arc<Establishments>> {
    let places = concat_batches(&establishments.0, &establishments.1)?;
    let places = located("establishments", &places, &["establishment_id"], 0)?;
    check_degrees("establishments", &places, 0)?;
    let id = ours("establishments", &ESTABLISHMENTS.columns[0], places.schema_ref())?;
    let id = cast(&id.function.of(places.column(0)).map_err(error_of)?, &DataType::Utf8)?;
    let degrees = ["latitude", "longitude"].map(|name| (name, Arc::clone(&places[name])));
    let places = RecordBatch::try_from_iter(iter::once(("establishment_id", id)).chain(degrees))?;
    Ok(Arc::new(Establishments::new(places, radius_m)?))
}

/// What visits take of pings as [`located`] gives them. Ids become text, and instants microseconds UTC, for those that
/// visit alone.
fn late_visits(pings: &SchemaRef, establishments: Arc<Establishments>) -> Result<LateVisits> {
    let own = |name| pings.field_with_name(name).cloned().map_err(|_| no_column("pings", pings, name));
    let degrees = |name: &str| Field::new(name, DataType::Float64, true);
    let below = Schema::new(vec![own("user_id")?, own("timestamp")?, degrees("latitude"), degrees("longitude")]);
    let columns = PINGS.columns[..4].iter().enumerate().map(|(place, column)| match column.kind {
        Kind::Number => Ok(Derived::itself(place)),
        _ => ours("pings", column, &below),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let column = |name: &str| Some(columns[below.index_of(name).ok()?].clone());
    let late = LateVisits::with(&below, &below, column, establishments, outward_schema(&VISITS.schema()));
    late.ok_or_else(|| Error::Internal("pings without places".into()))
}

/// What makes our `column` of the caller's of that name.
fn ours(table: &str, column: &Column, theirs: &Schema) -> Result<Derived> {
    let field = theirs.field_with_name(column.name).map_err(|_| no_column(table, theirs, column.name))?;
    let ours = convert(table, column, column.name, field.data_type(), None)?;
    let names = DFSchema::try_from(theirs.clone()).map_err(error_of)?;
    let ours = create_physical_expr(&ours, &names, &ExecutionProps::new(), &PhysicalPlanningContext::default());
    let columns: Vec<_> = (0..theirs.fields().len()).map(|column| Some(Derived::itself(column))).collect();
    let ours = ours.and_then(|ours| Derived::new(&ours, &columns, theirs)).map_err(error_of)?;
    ours.ok_or_else(|| Error::Internal(format!("{} of several columns", column.name)))
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

/// The columns `names` of `batch`, all of which have values, and its coordinates as numbers.
fn located(table: &str, batch: &RecordBatch, names: &[&str], first_row: usize) -> Result<RecordBatch> {
    let get =
        |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| no_column(table, batch.schema_ref(), name));
    let mut columns = names.iter().map(|name| Ok((*name, get(name)?))).collect::<Result<Vec<_>>>()?;
    columns.iter().try_for_each(|(name, column)| check_present(table, name, column, first_row))?;
    for name in ["latitude", "longitude"] {
        columns.push((name, cast(&get(name)?, &DataType::Float64)?));
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

/// An error for the first of the `places` that is not on Earth.
fn check_degrees(table: &str, places: &RecordBatch, first_row: usize) -> Result<()> {
    for (name, limit) in [("latitude", 90.0), ("longitude", 180.0)] {
        let degrees = places[name].as_primitive::<Float64Type>();
        let bad = degrees.iter().position(|value| !value.is_some_and(|value| value.abs() <= limit));
        if let Some(bad) = bad {
            return Err(Error::Data {
                table: table.into(),
                column: name.into(),
                row: Some((first_row + bad) as u64),
                value: if degrees.is_valid(bad) { degrees.value(bad).to_string() } else { "null".into() },
                reason: format!("expected degrees from -{limit} to {limit}"),
            });
        }
    }
    Ok(())
}

fn no_column(table: &str, schema: &Schema, column: &str) -> Error {
    let found = schema.fields().iter().map(|field| field.name().clone()).collect();
    Error::MissingColumn { table: table.into(), place: "memory".into(), column: column.into(), found }
}

/// Does all `tasks` and returns what they give, in their order.
fn on_all_cores<T: Sync, R: Send>(
    tasks: &[T],
    work: &(impl Fn(&T, &AtomicBool) -> Result<R> + Sync),
    heartbeat: Heartbeat,
) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = |results: Sender<(usize, Result<R>)>| {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break };
            // Nobody listens any more once the caller has stopped the work.
            let _ = results.send((number, work(task, &stop)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for sender in vec![sender; thread_count(None).min(tasks.len())] {
            scope.spawn(|| worker(sender));
        }
        all_of(&results, heartbeat).inspect_err(|_| stop.store(true, Ordering::Relaxed))
    })?;
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What comes until the last sender is gone, while the heart beats.
fn all_of<R>(results: &Receiver<R>, heartbeat: Heartbeat) -> Result<Vec<R>> {
    let (mut all, mut last) = (vec![], Instant::now());
    loop {
        match results.recv_timeout(HEARTBEAT.saturating_sub(last.elapsed())) {
            Ok(result) => all.push(result),
            Err(RecvTimeoutError::Disconnected) => return Ok(all),
            Err(RecvTimeoutError::Timeout) => {
                heartbeat(all.len() as u64)?;
                last = Instant::now();
            }
        }
    }
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
    let ids = ids_in_order(&context, visits.converted()?, &ads["establishment_id"], heartbeat)?;
    let visits = numbered(visits.converted()?, &ids)?;
    let ads = Arc::new(Ads::new(ads, Some(&ids)));
    let known = Known::new(ids, ads, window_us);
    let attributed = Arc::new(AttributedVisits::new(visits, interactions.converted()?, known).in_order());
    let plan = LogicalPlanBuilder::scan("attributed_visits", provider_as_source(attributed), None);
    let plan = plan.and_then(LogicalPlanBuilder::build).map_err(error_of)?;
    run_outward(DataFrame::new(context.state(), plan), heartbeat)
}

/// The ids of establishments that visits or ads have, each once, in their order.
fn ids_in_order(
    context: &SessionContext,
    visits: LogicalPlan,
    of_ads: &ArrayRef,
    heartbeat: Heartbeat,
) -> Result<ArrayRef> {
    let visited = LogicalPlanBuilder::from(visits).project([col("establishment_id")]);
    let visited =
        visited.and_then(LogicalPlanBuilder::distinct).and_then(LogicalPlanBuilder::build).map_err(error_of)?;
    let (_, visited) = run(DataFrame::new(context.state(), visited), heartbeat)?;
    let all = visited.iter().map(|batch| batch.column(0)).chain([of_ads]);
    let mut ids: Vec<&str> = all.flat_map(|ids| ids.as_string_view().iter().flatten()).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(Arc::new(StringViewArray::from(ids)))
}

/// `visits` with the number of each one's establishment in the place of its id.
pub(super) fn numbered(visits: LogicalPlan, ids: &ArrayRef) -> Result<LogicalPlan> {
    let numbers = Ids::of(ids.as_string_view());
    let kernel = move |arrays: &[ArrayRef]| Ok(Arc::new(numbers.numbers(arrays[0].as_string_view())) as ArrayRef);
    let number = function("number_of_establishment", vec![DataType::Utf8View], DataType::UInt32, Box::new(kernel));
    let number = number.call(vec![col("establishment_id")]).alias("establishment");
    let columns = ["user_id", "timestamp", "distance_m"].map(col).into_iter().chain([number]);
    LogicalPlanBuilder::from(visits).project(columns).and_then(LogicalPlanBuilder::build).map_err(error_of)
}
