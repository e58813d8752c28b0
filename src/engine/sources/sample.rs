//! A bounded sample of a table: the first and the last rows of some of its files.

use std::io::Read;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::common::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlanProperties;
use futures::StreamExt;
use futures::future::join_all;
use memchr::memchr;

use super::group::FileGroup;
use super::part::SourcePart;
use super::settled::Settled;
use super::slice::{Slice, footer, start_of};
use super::source::Source;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::text::spans::Cuts;
use crate::engine::threads::threads;
use crate::{Error, Result};

/// How many files are looked at, evenly over all.
const FILES: usize = 8;
/// How many rows of each end of a file.
const END_ROWS: usize = 1_024;
/// Where the last rows of a text file are looked for.
const END_BYTES: u64 = 1 << 20;

impl Source {
    /// Reads some rows: our columns, with the caller's own values beside them, as [`Source::with_raw`] plans them. Of
    /// columns in which there is nothing to find, a value stands for all; of users only if that is asked for.
    pub fn sample(&self, state: &Arc<SessionState>, settles_users: bool) -> Result<RecordBatch> {
        let settled = Arc::new(self.settled(settles_users));
        let files: usize = self.parts.iter().filter_map(SourcePart::group).map(|group| group.slices.len()).sum();
        let looked_at = evenly(files, FILES);
        let (mut before, mut samples) = (0, vec![]);
        for part in &self.parts {
            let rows = match part.group() {
                None => part.first_and_last(END_ROWS),
                Some(group) => {
                    let first = before;
                    before += group.slices.len();
                    let own = looked_at.iter().filter_map(|number| group.slices.get(number.checked_sub(first)?));
                    rows_of(own.map(|slice| group.with_slices(vec![slice.clone()])).collect(), &settled, state)?
                }
            };
            samples.push(self.evaluated_with_raw(part, &rows, state)?);
        }
        let first = samples.first().ok_or_else(|| Error::Internal("a source without parts".into()))?;
        Ok(concat_batches(first.schema_ref(), &samples)?)
    }
}

/// The first and the last rows of `files`, of several files at once.
fn rows_of(files: Vec<FileGroup>, settled: &Arc<Settled>, state: &Arc<SessionState>) -> Result<Vec<RecordBatch>> {
    let threads = threads();
    let read = files.into_iter().map(|file| {
        let (settled, state) = (Arc::clone(settled), Arc::clone(state));
        threads.spawn_blocking(move || match file.first_rows_of_ends(END_ROWS, &settled) {
            Some(rows) => Ok(rows),
            None => scanned_ends(&file, &state),
        })
    });
    let mut rows = vec![];
    for read in threads.block_on(join_all(read)) {
        rows.extend(read.map_err(|_| Error::Internal("reading a sample panicked".into()))??);
    }
    Ok(rows)
}

/// At most `count` numbers below `all`, the first and the last among these.
fn evenly(all: usize, count: usize) -> Vec<usize> {
    let taken = count.min(all);
    (0..taken).map(|number| number * (all - 1) / (taken - 1).max(1)).collect()
}

fn scanned_ends(file: &FileGroup, state: &SessionState) -> Result<Vec<RecordBatch>> {
    let scan = |end: &FileGroup| threads().block_on(scanned(end, state)).map_err(error_of);
    let rows = ends_of(file)?.iter().map(scan).collect::<Result<Vec<_>>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// The first rows of a file, or a part of it, as they are in it.
async fn scanned(file: &FileGroup, state: &SessionState) -> PlanResult<Vec<RecordBatch>> {
    let plan = file.table().scan(state, None, &[], Some(END_ROWS)).await?;
    let (mut left, mut rows) = (END_ROWS, vec![]);
    for partition in 0..plan.output_partitioning().partition_count() {
        let mut batches = plan.execute(partition, state.task_ctx())?;
        while left > 0
            && let Some(batch) = batches.next().await
        {
            let batch = batch?;
            rows.push(batch.slice(0, left.min(batch.num_rows())));
            left -= left.min(batch.num_rows());
        }
    }
    Ok(rows)
}

/// The file of a group, and its last part if it is large.
fn ends_of(group: &FileGroup) -> Result<Vec<FileGroup>> {
    let [Slice { file, bytes: None }] = &group.slices[..] else { return Ok(vec![group.clone()]) };
    let last = match group.cuts() {
        Some(cuts) => last_lines(file, cuts)?,
        None => last_row_group(file)?,
    };
    let last = last.map(|start| Slice { file: file.clone(), bytes: Some(start..file.stamp.bytes) });
    Ok(std::iter::once(group.clone()).chain(last.map(|last| group.with_slices(vec![last]))).collect())
}

/// Where the last row group of a file begins, if it is not the first.
fn last_row_group(file: &TableFile) -> Result<Option<u64>> {
    let footer = footer(file)?;
    Ok(match footer.metadata().row_groups() {
        [_, .., last] => Some(start_of(last).unsigned_abs()),
        _ => None,
    })
}

/// Where a line near the end of a large text file begins; `None` if lines may be within quotes there.
fn last_lines(file: &TableFile, cuts: Cuts) -> Result<Option<u64>> {
    let size = file.stamp.bytes;
    if size < 2 * END_BYTES || !cuts.coding.can_be_cut() {
        return Ok(None);
    }
    let (start, mut end) = (size - END_BYTES, vec![]);
    file.read_from(start)?.read_to_end(&mut end).map_err(|e| file.error(e))?;
    let has_quotes = cuts.marks.is_some_and(|marks| memchr(marks.quote, &end).is_some());
    let line = memchr(b'\n', &end).map(|place| start + place as u64 + 1);
    Ok(line.filter(|_| !has_quotes))
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn the_first_and_the_last_are_among_few() {
        assert_eq!(evenly(100, 4), [0, 33, 66, 99]);
        assert_eq!([evenly(1, 4), evenly(0, 4)], [vec![0], vec![]]);
    }
}
