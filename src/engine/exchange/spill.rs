//! Rows in temporary files, one for each range of shards, where memory does not hold them.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as PlanResult;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::spill_file::SpillFile;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::engine::memory::spilling;

/// The number of ranges: rows of one are read back together.
pub const RANGES: usize = 32;
/// Bytes below which a task does not spill: small files cost more than they free.
pub const LEAST_SPILLED: usize = 1 << 20;
/// Bytes of rows that a writer buffers, over all ranges.
const BUFFERED_BYTES: usize = 4 << 20;

/// Divides `shards` shards evenly: the shards of one range.
pub fn shards_of(range: usize, shards: usize) -> Range<usize> {
    range * shards / RANGES..(range + 1) * shards / RANGES
}

/// Divides `shards` shards evenly: the range of one shard.
#[inline]
pub fn range_of(shard: usize, shards: usize) -> usize {
    shard * RANGES / shards
}

/// Memory and disk of one execution of an operator that spills.
#[derive(Clone)]
pub struct Disk {
    context: Arc<TaskContext>,
    metrics: ExecutionPlanMetricsSet,
}

impl Disk {
    /// The pool and the disk manager of `context`; what is spilled counts in the operator's `metrics`.
    pub fn new(context: &Arc<TaskContext>, metrics: &ExecutionPlanMetricsSet) -> Self {
        Self { context: Arc::clone(context), metrics: metrics.clone() }
    }

    /// The context that plans below the operator are run in.
    pub fn context(&self) -> &Arc<TaskContext> {
        &self.context
    }

    /// Registers the operator with the memory pool.
    pub fn reservation(&self, name: &str) -> MemoryReservation {
        spilling(name).register(self.context.memory_pool())
    }

    /// Opens temporary files of rows with the columns of `schema`.
    pub fn spilled(&self, schema: SchemaRef) -> Spilled {
        let manager = SpillManager::new(self.context.runtime_env(), SpillMetrics::new(&self.metrics, 0), schema);
        Spilled { manager, files: vec![vec![]; RANGES], buffered: vec![(vec![], 0); RANGES] }
    }
}

/// Temporary files of rows, each with rows of one range.
pub struct Spilled {
    manager: SpillManager,
    files: Vec<Vec<Arc<dyn SpillFile>>>,
    /// Rows that are not written yet, and their bytes, by range.
    buffered: Vec<(Vec<RecordBatch>, usize)>,
}

impl Spilled {
    /// Adds rows of a range.
    pub fn push(&mut self, range: usize, rows: RecordBatch) -> PlanResult<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let rows = compact(&rows)?;
        let (batches, bytes) = &mut self.buffered[range];
        *bytes += get_record_batch_memory_size(&rows);
        batches.push(rows);
        while self.buffered.iter().map(|(_, bytes)| bytes).sum::<usize>() > BUFFERED_BYTES {
            let largest = (0..RANGES).max_by_key(|range| self.buffered[*range].1);
            self.write(largest.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) -> PlanResult<()> {
        (0..RANGES).try_for_each(|range| self.write(range))
    }

    fn write(&mut self, range: usize) -> PlanResult<()> {
        let (batches, _) = std::mem::take(&mut self.buffered[range]);
        self.files[range].extend(self.manager.spill_record_batch_and_finish(&batches, "rows by user")?);
        Ok(())
    }

    /// Reads the rows of a range, file after file.
    pub fn read(&self, range: usize) -> impl Stream<Item = PlanResult<RecordBatch>> + Send + use<> {
        let (manager, files) = (self.manager.clone(), self.files[range].clone());
        let opened = files.into_iter().map(move |file| manager.read_spill_as_stream_unbuffered(file, None));
        let (buffered, _) = self.buffered[range].clone();
        stream::iter(opened).try_flatten().chain(stream::iter(buffered.into_iter().map(Ok)))
    }
}

/// Copies text views, so that few rows do not keep the text of many.
pub fn compact(rows: &RecordBatch) -> PlanResult<RecordBatch> {
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(text) => Arc::new(text.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(rows.schema(), columns.collect())?)
}
