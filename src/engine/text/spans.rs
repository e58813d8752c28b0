//! Cuts text files into spans of whole lines, so that each partition reads about as many bytes.

use std::io::{BufRead, Read, copy, sink};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use memchr::memchr;

use super::coding::{Coding, Text};
use super::quotes::{LineWalk, Marks};
use crate::Result;
use crate::engine::files::file::TableFile;

/// Reads the rows of one span, batch by batch.
pub trait SpanReader: Send {
    /// The next rows; none at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>>;
}

/// Smaller files and spans are read sooner than they are cut.
const SPAN_BYTES: u64 = 4 << 20;

/// The lines of a file that begin within these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSpan {
    /// The file.
    pub file: TableFile,
    /// How its bytes become text.
    pub coding: Coding,
    /// From the beginning of a line to the beginning of another, or to the end.
    pub bytes: Range<u64>,
}

impl LineSpan {
    /// All of `file`.
    pub fn whole(file: &TableFile, coding: Coding) -> Self {
        Self { file: file.clone(), coding, bytes: 0..file.stamp.bytes }
    }

    /// Reads the text from byte `at` on, which is counted from where the span begins in the file, in bytes of text.
    pub fn read_from(&self, at: u64) -> Result<Text> {
        let Range { start, end } = self.bytes;
        let failed = |e| self.file.error(e);
        if self.coding.is_plain() {
            return Ok(Box::new(self.file.read_from(at)?.take(end.saturating_sub(at))));
        }
        let mut text = self.coding.text_of(self.file.read_from(start)?.take(end - start)).map_err(failed)?;
        copy(&mut (&mut text).take(at - start), &mut sink()).map_err(failed)?;
        Ok(text)
    }

    /// Whether its file stays open from batch to batch. There may be more partitions than files that may be open; but
    /// what is packed or in another encoding would have to be read again from its beginning.
    pub fn stays_open(&self) -> bool {
        !self.coding.is_plain()
    }

    /// The number, from 1, of the line at byte `at`.
    pub fn line_number(&self, at: u64) -> u64 {
        let before = self.file.read_from(0).map_or(0, |input| line_ends(input.take(self.bytes.start)));
        let within = self.read_from(self.bytes.start).map_or(0, |text| line_ends(text.take(at - self.bytes.start)));
        before + within + 1
    }
}

fn line_ends(mut input: impl BufRead) -> u64 {
    let mut number = 0;
    while let Ok(buffer) = input.fill_buf() {
        let count = buffer.len();
        if count == 0 {
            break;
        }
        number += memchr::memchr_iter(b'\n', buffer).count() as u64;
        input.consume(count);
    }
    number
}

/// The text of a span, read batch by batch.
pub struct SpanText {
    /// The span.
    pub span: LineSpan,
    /// The byte up to which it was read.
    pub at: u64,
    input: Option<Text>,
}

impl SpanText {
    /// The text from the beginning of `span` on.
    pub fn new(span: &LineSpan) -> Self {
        Self { span: span.clone(), at: span.bytes.start, input: None }
    }

    /// Bytes from where it was last read on; none at the end.
    pub fn fill(&mut self) -> Result<&[u8]> {
        let input = match self.input.take() {
            Some(input) => input,
            None => self.span.read_from(self.at)?,
        };
        self.input.insert(input).fill_buf().map_err(|e| self.span.file.error(e))
    }

    /// Goes past so many of them.
    pub fn consume(&mut self, count: usize) {
        if let Some(input) = &mut self.input {
            input.consume(count);
        }
        self.at += count as u64;
    }

    /// Ends a batch.
    pub fn rest(&mut self) {
        if !self.span.stays_open() {
            self.input = None;
        }
    }
}

/// Where text files may be cut.
#[derive(Debug, Clone, Copy)]
pub struct Cuts {
    /// How their bytes become text.
    pub coding: Coding,
    /// The marks of cells, where line ends can be within one.
    pub marks: Option<Marks>,
}

/// All lines of `files` in at most so many partitions, in order. Where cells can be quoted, no file is cut within one.
pub fn partitions(files: &[TableFile], wanted: usize, cuts: Cuts) -> Result<Vec<Vec<LineSpan>>> {
    let total: u64 = files.iter().map(|file| file.stamp.bytes).sum();
    let share = total.div_ceil(wanted.max(1) as u64).max(SPAN_BYTES);
    let mut partitions: Vec<Vec<LineSpan>> = vec![];
    let (mut before, mut last) = (0, None);
    for file in files {
        for bytes in spans(file, before, share, cuts)? {
            let number = (before + bytes.start) / share;
            if last != Some(number) {
                partitions.push(vec![]);
                last = Some(number);
            }
            let span = LineSpan { file: file.clone(), coding: cuts.coding, bytes };
            partitions.last_mut().expect("one was pushed before the first").push(span);
        }
        before += file.stamp.bytes;
    }
    Ok(partitions)
}

/// The spans of a file, `before` which so many bytes of others are, cut where a share is full.
fn spans(file: &TableFile, before: u64, share: u64, cuts: Cuts) -> Result<Vec<Range<u64>>> {
    let size = file.stamp.bytes;
    let full = (before / share + 1..).map(|number| number * share - before).take_while(|target| *target < size);
    let is_whole = size <= SPAN_BYTES || !cuts.coding.can_be_cut();
    let targets: Vec<u64> = if is_whole { vec![] } else { full.collect() };
    let cuts = match (targets.last(), cuts.marks) {
        (Some(last), Some(marks)) if has_quote(file, marks.quote, *last)? => {
            cuts_outside_quotes(file, marks, &targets)?
        }
        _ => cuts_between_lines(file, &targets)?,
    };
    let mut ends: Vec<u64> = std::iter::once(0).chain(cuts).chain([size]).collect();
    ends.dedup();
    if size == 0 {
        return Ok(std::iter::once(0..0).collect());
    }
    Ok(ends.windows(2).map(|ends| ends[0]..ends[1]).collect())
}

/// Whether there is a quote before byte `end`: all cores look.
fn has_quote(file: &TableFile, quote: u8, end: u64) -> Result<bool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let part = end.div_ceil(cores).max(SPAN_BYTES);
    let found = AtomicBool::new(false);
    let look = |start: u64| -> Result<()> {
        let mut input = file.read_from(start)?.take(part.min(end - start));
        while !found.load(Ordering::Relaxed) {
            let buffer = input.fill_buf().map_err(|e| file.error(e))?;
            if buffer.is_empty() {
                break;
            }
            if memchr(quote, buffer).is_some() {
                found.store(true, Ordering::Relaxed);
            }
            let count = buffer.len();
            input.consume(count);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let starts = (0..end).step_by(usize::try_from(part).unwrap_or(usize::MAX));
        let threads: Vec<_> = starts.map(|start| scope.spawn(move || look(start))).collect();
        let mut results = threads.into_iter().map(|thread| thread.join().expect("reading and comparing panic never"));
        results.try_for_each(|result| result)
    })?;
    Ok(found.into_inner())
}

/// After each target, where the next line begins that is no part of a quoted cell.
fn cuts_outside_quotes(file: &TableFile, marks: Marks, targets: &[u64]) -> Result<Vec<u64>> {
    let mut walk = LineWalk::new(file.read_from(0)?, marks, 0);
    let mut cuts = vec![];
    for target in targets {
        // The walk may be past the target: in the line before, which was as long.
        let line = walk.go_to(*target).and_then(|_| walk.next_line());
        cuts.extend(line.map_err(|e| file.error(e))?);
    }
    Ok(cuts)
}

/// After each target, where the next line begins.
fn cuts_between_lines(file: &TableFile, targets: &[u64]) -> Result<Vec<u64>> {
    let line_after = |target: &u64| {
        let mut input = file.read_from(*target)?;
        let line = input.skip_until(b'\n').map_err(|e| file.error(e))?;
        Ok(target + line as u64)
    };
    targets.iter().map(line_after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::place::FilePlace;

    const MARKS: Marks = Marks { separator: b',', quote: b'"' };
    const CUTS: Cuts = Cuts { coding: Coding::PLAIN, marks: Some(MARKS) };

    fn written(name: &str, text: &[u8]) -> TableFile {
        let path = std::env::temp_dir().join(format!("footfall-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the folder for temporary files can be written");
        TableFile::found(&path, &FilePlace::Disk(path.clone())).expect("it was written")
    }

    #[test]
    fn each_line_is_in_one_span_and_quoted_lines_are_together() {
        let row = [b"1,\"".as_slice(), &b"2,3\n".repeat(300), b"\",4\n"].concat();
        let file = written("quoted.csv", &row.repeat(12_000));
        let partitions = partitions(std::slice::from_ref(&file), 3, CUTS).expect("the file is there");
        let ends: Vec<_> = partitions.iter().flatten().map(|span| (span.bytes.start, span.bytes.end)).collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert!(ends.iter().all(|(start, _)| start % row.len() as u64 == 0));
        std::fs::remove_file(file.place.to_path()).expect("it is there");
    }

    #[test]
    fn small_files_are_read_together_and_whole() {
        let files: Vec<_> = (0..3).map(|n| written(&format!("{n}.csv"), b"a,b\n1,2\n")).collect();
        let partitions = partitions(&files, 2, CUTS).expect("the files are there");
        assert_eq!(partitions.iter().map(Vec::len).collect::<Vec<_>>(), [3]);
        assert_eq!(partitions[0][0].line_number(4), 2);
        files.iter().for_each(|file| std::fs::remove_file(file.place.to_path()).expect("it is there"));
    }
}
