//! Runs a plan on the shared threads: its rows, its progress, and an end when the caller wants one.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result as PlanResult;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion::prelude::DataFrame;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt};

use crate::engine::errors::error_of;
use crate::engine::exchange::task::spawned;
use crate::engine::threads::threads;
use crate::{Error, Result};

/// Tables and results, as they come out.
pub type Table = (SchemaRef, Vec<RecordBatch>);

/// How often the caller hears of progress and may stop the work.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// Called at each heartbeat with the rows read so far; an error stops the work.
pub type Heartbeat<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// A heartbeat that does nothing.
pub fn silent(_rows: u64) -> Result<()> {
    Ok(())
}

/// All rows of `frame`.
pub fn run(frame: DataFrame, heartbeat: Heartbeat) -> Result<Table> {
    try_run_as(frame, Ok, heartbeat)?.map_err(error_of)
}

/// All rows of `frame`, in what `shape` makes of each batch: on all threads, and in the order of the plan, partition
/// after partition. What the plan fails with is left to the caller to tell.
fn try_run_as(
    frame: DataFrame,
    shape: impl Fn(RecordBatch) -> PlanResult<RecordBatch> + Copy + Send + 'static,
    heartbeat: Heartbeat,
) -> Result<PlanResult<Table>> {
    let context = Arc::new(frame.task_ctx());
    let plan = match watched(async move { frame.create_physical_plan().await }, &|| 0, heartbeat)? {
        Ok(plan) => plan,
        Err(error) => return Ok(Err(error)),
    };
    let work = collect(Arc::clone(&plan), context, shape);
    let batches = watched(work, &|| rows_read(&plan), heartbeat)?;
    Ok(batches.map(|batches| (plan.schema(), batches)))
}

async fn collect(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    shape: impl Fn(RecordBatch) -> PlanResult<RecordBatch> + Copy + Send + 'static,
) -> PlanResult<Vec<RecordBatch>> {
    let tasks = context.session_config().target_partitions();
    let partitions = execute_stream_partitioned(plan, context)?.into_iter();
    let partitions = partitions.map(|batches| {
        let shaped = batches.map(move |batch| spawned(async move { shape(batch?) }));
        spawned(shaped.buffered(tasks).try_collect::<Vec<_>>())
    });
    Ok(try_join_all(partitions).await?.into_iter().flatten().collect())
}

/// Waits for `work`; when the heartbeat fails, the work is dropped at its next batch.
///
/// The caller's own thread keeps the time: the clock of the shared threads stands still while they compute.
fn watched<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    rows: &dyn Fn() -> u64,
    heartbeat: Heartbeat,
) -> Result<T> {
    let (sender, done) = mpsc::channel();
    let task = threads().spawn(async move {
        // Nobody listens any more once the caller has stopped the work.
        let _ = sender.send(work.await);
    });
    loop {
        match done.recv_timeout(HEARTBEAT) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Internal("the work panicked".into())),
            Err(RecvTimeoutError::Timeout) => heartbeat(rows()).inspect_err(|_| task.abort())?,
        }
    }
}

/// The rows that `plan` has read so far: of its leaves, or, where these do not count, of what stands above them.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    match plan.children().into_iter().map(rows_read).sum() {
        0 => {
            let metrics = plan.metrics();
            let read =
                metrics.as_ref().and_then(|metrics| metrics.sum_by_name("rows_read")).map(|read| read.as_usize());
            read.or_else(|| metrics?.output_rows()).unwrap_or(0) as u64
        }
        below => below,
    }
}

/// All rows of `frame` as they leave: plain text columns and signed integers, one type for one thing everywhere.
pub fn run_outward(frame: DataFrame, heartbeat: Heartbeat) -> Result<Table> {
    try_run_outward(frame, heartbeat)?.map_err(error_of)
}

/// The same, but the plan's error is left as it is.
pub fn try_run_outward(frame: DataFrame, heartbeat: Heartbeat) -> Result<PlanResult<Table>> {
    let answer = try_run_as(frame, |batch| Ok(outward(&batch)?), heartbeat)?;
    Ok(answer.map(|(schema, batches)| (outward_schema(&schema), batches)))
}

fn outward(batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
    let schema = outward_schema(&batch.schema());
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| outward_column(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// The types in which rows leave.
pub fn outward_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| Field::new(f.name(), outward_type(f.data_type()), true));
    Schema::new(fields.collect::<Vec<_>>()).into()
}

fn outward_type(inner: &DataType) -> DataType {
    match inner {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Dictionary(_, value) => outward_type(value),
        DataType::UInt64 => DataType::UInt64,
        integer if integer.is_integer() => DataType::Int64,
        other => other.clone(),
    }
}

fn outward_column(column: &ArrayRef, to: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    match column.data_type() == to {
        true => Ok(Arc::clone(column)),
        false => cast(column, to),
    }
}
