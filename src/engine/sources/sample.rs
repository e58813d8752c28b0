//! A bounded sample of a table: the first and the last rows of some of its files.

use std::io::Read;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result as PlanResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use memchr::memchr;

use super::group::FileGroup;
use super::part::SourcePart;
use super::slice::{Slice, footer, start_of};
use super::source::Source;
use crate::Result;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::text::spans::Cuts;
use crate::engine::threads::threads;

/// How many files are looked at, evenly over all.
const FILES: usize = 8;
/// How many rows of each end of a file.
const END_ROWS: usize = 1_024;
/// Where the last rows of a text file are looked for.
const END_BYTES: u64 = 1 << 20;

impl Source {
    /// Reads some rows, and plans them with the caller's own values beside them, as [`Source::with_raw`] does.
    pub fn sample_with_raw(&self, context: &SessionContext) -> Result<LogicalPlan> {
        let files: usize = self.parts.iter().filter_map(SourcePart::group).map(|group| group.slices.len()).sum();
        let looked_at = evenly(files, FILES);
        let (mut before, mut parts) = (0, vec![]);
        for part in &self.parts {
            let Some(group) = part.group() else {
                parts.push(part.first_and_last(END_ROWS)?);
                continue;
            };
            let mut rows = vec![];
            for number in looked_at.iter().filter(|number| (before..before + group.slices.len()).contains(number)) {
                let file = group.with_slices(vec![group.slices[number - before].clone()]);
                for end in ends_of(&file)? {
                    rows.extend(first_rows(context, &end)?);
                }
            }
            before += group.slices.len();
            parts.push(part.with_rows(&rows)?);
        }
        self.with_parts(parts).with_raw()
    }
}

/// At most `count` numbers below `all`, the first and the last among these.
fn evenly(all: usize, count: usize) -> Vec<usize> {
    let taken = count.min(all);
    (0..taken).map(|number| number * (all - 1) / (taken - 1).max(1)).collect()
}

/// The first rows of files, as they are in them.
fn first_rows(context: &SessionContext, files: &FileGroup) -> Result<Vec<RecordBatch>> {
    let rows = async || -> PlanResult<Vec<RecordBatch>> {
        let plan = files.table().scan(&context.state(), None, &[], Some(END_ROWS)).await?;
        let (mut left, mut rows) = (END_ROWS, vec![]);
        for partition in 0..plan.output_partitioning().partition_count() {
            let mut batches = plan.execute(partition, context.task_ctx())?;
            while left > 0
                && let Some(batch) = batches.next().await
            {
                let batch = batch?;
                rows.push(batch.slice(0, left.min(batch.num_rows())));
                left -= left.min(batch.num_rows());
            }
        }
        Ok(rows)
    };
    threads().block_on(rows()).map_err(error_of)
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
