//! The two joins by themselves, on tables in memory and with nothing left out: a row that cannot be used is an error.

mod tables;

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{cast, concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as PlanResult;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use datafusion::prelude::{DataFrame, SessionContext};

use self::tables::{
    check_all_instants, check_degrees, check_instants, converted, fallible_instants, located, no_column,
    one_of_each_id, ours, plainly_typed,
};
use crate::engine::attribution::ads::AttributionSpec;
use crate::engine::attribution::table::AttributedVisits;
use crate::engine::codes::function::Derived;
use crate::engine::context::{new_context, thread_count};
use crate::engine::errors::error_of;
use crate::engine::functions::function;
use crate::engine::nouns::{ADS, ADS_OF_ESTABLISHMENTS, ESTABLISHMENTS, INTERACTIONS, Kind, Noun, PINGS, VISITS};
use crate::engine::quality::{checks, report};
use crate::engine::run::{HEARTBEAT, Heartbeat, Table, outward_schema, run, run_outward};
use crate::engine::session::small_table;
use crate::engine::small_tables::{Ads, Establishments};
use crate::engine::sources::source::Source;
use crate::engine::visits::exec::VisitsOf;
use crate::engine::visits::late::LateVisits;
use crate::ids::Ids;
use crate::{Error, Result};

/// Pings that one thread takes at a time.
const PINGS_PER_TASK: usize = 131_072;

/// All visits of `pings`, in their order: user_id, timestamp, establishment_id, distance_m.
///
/// Each task makes its part of the answer, to the last type: nothing is left to do when all are done.
pub fn visit_join(pings: &Table, establishments: &Table, radius_m: f64, heartbeat: Heartbeat) -> Result<Table> {
    let (pings, establishments) = (plainly_typed(pings)?, plainly_typed(establishments)?);
    let late = Arc::new(late_visits(&pings.0, indexed(&establishments, radius_m)?)?);
    let timestamp = &PINGS.columns[1];
    let instants = fallible_instants(&PINGS, timestamp, &pings.0)?;
    let work = |(first_row, given): &(usize, RecordBatch), stop: &AtomicBool| {
        let pings = located(&PINGS, given, *first_row)?;
        if let Some(instants) = &instants {
            check_instants(PINGS.name, timestamp.name, instants, &pings[timestamp.name], *first_row)?;
        }
        let mut visits = VisitsOf::new(pings.clone(), Arc::clone(&late));
        let found = visits.by_ref().take_while(|_| !stop.load(Ordering::Relaxed));
        let found = found.collect::<PlanResult<Vec<_>>>().map_err(error_of)?;
        if visits.lost { check_degrees(PINGS.name, &pings, given, *first_row).map(|()| found) } else { Ok(found) }
    };
    let visits = on_all_cores(&tasks(&pings.1), &work, heartbeat)?;
    Ok((Arc::clone(&late.schema), visits.into_iter().flatten().collect()))
}

/// The establishments with their grid, and their ids as they leave.
fn indexed(establishments: &Table, radius_m: f64) -> Result<Arc<Establishments>> {
    let noun = &ESTABLISHMENTS;
    let given = concat_batches(&establishments.0, &establishments.1)?;
    let places = located(noun, &given, 0)?;
    check_degrees(noun.name, &places, &given, 0)?;
    let id = ours(noun.name, &noun.columns[0], places.schema_ref())?;
    let id = cast(&id.function.of(places.column(0)).map_err(error_of)?, &DataType::Utf8)?;
    let degrees = ["latitude", "longitude"].map(|name| (name, Arc::clone(&places[name])));
    let places = RecordBatch::try_from_iter(iter::once(("establishment_id", id)).chain(degrees))?;
    let places = filter_record_batch(&places, &one_of_each_id(noun.name, &places)?.into())?;
    Ok(Arc::new(Establishments::new(places, radius_m)?))
}

/// The late columns of visits, of pings as [`located`] gives them. Ids become text, and instants microseconds UTC, for
/// those that visit alone.
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

/// Receives until the last sender is gone, with a heartbeat.
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
    let (visits, interactions, ads) =
        (given(VISITS, visits, heartbeat)?, given(INTERACTIONS, interactions, heartbeat)?, given_ads(ads, heartbeat)?);
    let ads = small_table(&context, &ads)?;
    let ids = ids_in_order(&context, visits.converted()?, &ads["establishment_id"], heartbeat)?;
    let visits = numbered(visits.converted()?, &ids)?;
    let ads = Arc::new(Ads::new(ads, Some(&ids)));
    let known = AttributionSpec::new(ids, ads, window_us);
    let attributed = Arc::new(AttributedVisits::new(visits, interactions.converted()?, known).in_order());
    let plan = LogicalPlanBuilder::scan("attributed_visits", provider_as_source(attributed), None);
    let plan = plan.and_then(LogicalPlanBuilder::build).map_err(error_of)?;
    run_outward(DataFrame::new(context.state(), plan), heartbeat)
}

/// The rows of `table`, all of which can be used, or an error for the first that cannot.
fn given(noun: Noun, table: &Table, heartbeat: Heartbeat) -> Result<Source> {
    let table = plainly_typed(table)?;
    let source = Source::of_memory(noun, &table, thread_count(None))?;
    check_all_instants(&noun, &table)?;
    report::refuse_unusable(&source, &checks::Reference::default(), heartbeat)?;
    Ok(source)
}

fn given_ads(table: &Table, heartbeat: Heartbeat) -> Result<Source> {
    let source = given(ADS_OF_ESTABLISHMENTS, table, heartbeat)?;
    if table.0.field_with_name("establishment_id").is_ok() {
        one_of_each_id(ADS.name, &converted(ADS.name, ADS_OF_ESTABLISHMENTS.columns, &plainly_typed(table)?)?)?;
    }
    Ok(source)
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
pub fn numbered(visits: LogicalPlan, ids: &ArrayRef) -> Result<LogicalPlan> {
    let numbers = Ids::of(ids.as_string_view());
    let kernel = move |arrays: &[ArrayRef]| Ok(Arc::new(numbers.numbers(arrays[0].as_string_view())) as ArrayRef);
    let number = function("number_of_establishment", vec![DataType::Utf8View], DataType::UInt32, Box::new(kernel));
    let number = number.call(vec![col("establishment_id")]).alias("establishment");
    let columns = ["user_id", "timestamp", "distance_m"].map(col).into_iter().chain([number]);
    LogicalPlanBuilder::from(visits).project(columns).and_then(LogicalPlanBuilder::build).map_err(error_of)
}
