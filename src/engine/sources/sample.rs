//! A bounded sample of a table: the first and the last rows of some of its files.

use std::io::Read;

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use memchr::memchr;

use super::catalog::{Source, SourcePart};
use super::group::FileGroup;
use super::slice::{Slice, footer, start_of};
use crate::Result;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::text::spans::Cuts;

/// How many files are looked at, evenly over all.
const FILES: usize = 8;
/// How many rows of each end of a file.
const ROWS: usize = 4_096;
/// Where the last rows of a text file are looked for.
const END_BYTES: u64 = 1 << 20;

impl Source {
    /// Plans some rows, each column with the caller's own value beside it, as [`Source::with_raw`] does.
    pub fn sample_with_raw(&self) -> Result<LogicalPlan> {
        let files = self.parts.iter().map(SourcePart::in_order).collect::<Result<Vec<_>>>()?;
        let files: Vec<SourcePart> = files.into_iter().flatten().collect();
        let ends = evenly(&files, FILES).map(SourcePart::ends).collect::<Result<Vec<_>>>()?;
        let sample = self.with_parts(ends.into_iter().flatten().collect());
        let parts = sample.parts.iter().map(|part| {
            let rows = LogicalPlanBuilder::from(sample.part_with_raw(part)?);
            rows.limit(0, Some(ROWS)).map_err(error_of)
        });
        sample.union(parts)
    }
}

/// At most `count` of them, the first and the last among these.
fn evenly<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    let taken = count.min(all.len());
    (0..taken).map(move |number| &all[number * (all.len() - 1) / (taken - 1).max(1)])
}

impl SourcePart {
    /// The rows of one file, or in memory, from the first on, and from near the last on if there are many.
    fn ends(&self) -> Result<Vec<SourcePart>> {
        match self.group() {
            None => self.first_and_last(ROWS),
            Some(group) => Ok(ends_of(group)?.into_iter().map(SourcePart::of_files).collect()),
        }
    }
}

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
    let footer = footer(&file.path)?;
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
        let all: Vec<u32> = (0..100).collect();
        let some: Vec<u32> = evenly(&all, 4).copied().collect();
        assert_eq!(some, [0, 33, 66, 99]);
        assert_eq!(evenly(&all[..1], 4).count(), 1);
        assert_eq!(evenly(&all[..0], 4).count(), 0);
    }
}
