//! What one task of attribution has read: in memory, and on disk where memory did not hold it.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as PlanResult;

use super::shards::{BufferedVisits, Interactions, SHARDS, Shard, UserIds};
use crate::engine::exchange::spill::{RANGES, Spilled, compact, range_of};

/// Candidates that are split by range together.
const ROWS_PER_SPLIT: usize = 32_768;

/// Visits that one task has read.
pub struct TaskVisits {
    /// Those in memory.
    pub kept: BufferedVisits,
    /// Those on disk, if memory did not hold all.
    pub spilled: Option<Spilled>,
}

/// Candidates that one task has read.
#[derive(Default)]
pub struct TaskInteractions {
    /// Those in memory.
    pub kept: Interactions,
    /// Those on disk, if memory did not hold all, and all that come after them.
    pub spilled: Option<SpilledCandidates>,
}

/// Candidates on their way to disk.
pub struct SpilledCandidates {
    /// The rows that are split by range.
    pub spilled: Spilled,
    schema: SchemaRef,
    /// Rows of any range, not yet split.
    unsplit: Vec<RecordBatch>,
}

impl TaskVisits {
    /// Whether there are any.
    pub fn has_any(&self) -> bool {
        self.spilled.is_some() || self.kept.shards.iter().any(Shard::has_visits)
    }
}

impl SpilledCandidates {
    /// Candidates with the columns of `schema`, which go to `spilled`.
    pub fn new(spilled: Spilled, schema: SchemaRef) -> Self {
        Self { spilled, schema, unsplit: vec![] }
    }

    /// Adds those `rows` of `interactions` that are candidates.
    pub fn push(&mut self, interactions: &RecordBatch, rows: &[u32]) -> PlanResult<()> {
        let rows = take_record_batch(interactions, &UInt32Array::from(rows.to_vec()))?;
        let columns = self.schema.fields().iter().map(|field| Arc::clone(&rows[field.name().as_str()]));
        self.unsplit.push(compact(&RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?)?);
        match self.unsplit.iter().map(RecordBatch::num_rows).sum::<usize>() {
            0..ROWS_PER_SPLIT => Ok(()),
            _ => self.split(),
        }
    }

    /// Writes all candidates.
    pub fn finish(&mut self) -> PlanResult<()> {
        self.split()?;
        self.spilled.flush()
    }

    fn split(&mut self) -> PlanResult<()> {
        let rows = concat_batches(&self.schema, &std::mem::take(&mut self.unsplit))?;
        let ids = UserIds::of(&rows);
        let mut by_range: Vec<Vec<u32>> = vec![vec![]; RANGES];
        (0..rows.num_rows()).for_each(|row| by_range[range_of(ids.at(row).shard(SHARDS), SHARDS)].push(row as u32));
        for (range, of_range) in by_range.into_iter().enumerate() {
            self.spilled.push(range, take_record_batch(&rows, &UInt32Array::from(of_range))?)?;
        }
        Ok(())
    }
}
