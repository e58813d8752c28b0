//! CSV: a header, and then rows of as many cells.

use std::io::{BufRead, Read};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::{Decoder, Format};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::quotes::LineWalk;
use super::spans::{LineSpan, SpanReader, line_number};
use crate::Result;
use crate::engine::files::file::TableFile;

const NO_TEXT: &str = "it is not UTF-8 text";

/// The names of the cells; those without one are nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header(Vec<String>);

impl Header {
    /// The header of `file`; `None` if it has no line.
    pub fn of(file: &TableFile) -> Result<Option<Self>> {
        let header = Format::default().with_header(true).infer_schema(file.read_from(0)?, Some(0));
        let (schema, _) = header.map_err(|e| file.error(e))?;
        let names = schema.fields().iter().map(|field| field.name().trim_start_matches('\u{feff}').trim().to_string());
        let names: Vec<String> = names.collect();
        Ok((!names.is_empty()).then_some(Self(names)))
    }

    /// The names that there are.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|name| !name.is_empty())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|other| other == name)
    }

    /// Every cell as text, whatever its name.
    fn cells(&self) -> Schema {
        let cell = |number| Field::new(format!("{number}"), DataType::Utf8, true);
        Schema::new((0..self.0.len()).map(cell).collect::<Vec<_>>())
    }
}

/// Reads a span of CSV.
pub struct CsvReader {
    span: LineSpan,
    cells: usize,
    schema: SchemaRef,
    decoder: Decoder,
    /// Up to where lines were decoded.
    at: u64,
    /// Where the batch begins.
    batch: u64,
    /// The decoder looks at the text of all cells together, where two halves of letters may make one.
    letters: Letters,
}

/// Looks whether bytes that come in pieces are UTF-8.
#[derive(Default)]
struct Letters {
    /// The beginning of a letter that the last piece ended in.
    begun: Vec<u8>,
}

impl Letters {
    fn are_whole(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let (false, Some((first, after))) = (self.begun.is_empty(), rest.split_first()) {
            self.begun.push(*first);
            rest = after;
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(rest) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                self.begun.extend(&rest[error.valid_up_to()..]);
                true
            }
        }
    }
}

impl CsvReader {
    /// A reader of the columns of `schema` in batches of `rows`.
    pub fn new(span: &LineSpan, header: &Header, schema: &SchemaRef, rows: usize) -> Self {
        let start = span.bytes.start;
        // The decoder's columns are in the order of the file; `next_batch` gives them ours.
        let positions = schema.fields().iter().filter_map(|field| header.position(field.name())).collect();
        let decoder = ReaderBuilder::new(header.cells().into()).with_projection(positions).with_batch_size(rows);
        Self {
            span: span.clone(),
            cells: header.0.len(),
            schema: schema.clone(),
            decoder: decoder.with_header(start == 0).build_decoder(),
            at: start,
            batch: start,
            letters: Letters::default(),
        }
    }

    /// Decodes the rows of a batch; false if the span ended.
    fn decode(&mut self) -> Result<bool> {
        let mut input = self.span.read_from(self.at)?;
        loop {
            let buffer = input.fill_buf().map_err(|e| self.span.file.error(e))?;
            let is_end = buffer.is_empty();
            let decoded = match self.decoder.decode(buffer) {
                Ok(decoded) => decoded,
                Err(error) => return Err(self.explained(&error.to_string())),
            };
            let is_text = self.letters.are_whole(&buffer[..decoded]) && (!is_end || self.letters.begun.is_empty());
            if !is_text {
                return Err(self.explained(NO_TEXT));
            }
            input.consume(decoded);
            self.at += decoded as u64;
            if is_end || self.decoder.capacity() == 0 {
                return Ok(!is_end);
            }
        }
    }

    /// A quote that nothing closes would make one cell of the rest of the file.
    fn must_be_closed(&self) -> Result<()> {
        let file = &self.span.file;
        let unclosed = LineWalk::new(file.read_from(self.batch)?, self.batch).unclosed().map_err(|e| file.error(e))?;
        unclosed.map_or(Ok(()), |quote| {
            let line = line_number(file, quote);
            Err(file.error(format!("line {line}: a quote begins a cell there, and none ends it")))
        })
    }

    /// The error with the line that it is about: the decoder counts rows, and from the beginning of a span.
    fn explained(&self, error: &str) -> crate::Error {
        let file = &self.span.file;
        let faulty = self.faulty_line().ok().flatten();
        faulty.map_or_else(
            || file.error(error),
            |(at, what)| file.error(format!("line {}: {what}", line_number(file, at))),
        )
    }

    /// Where the first line of the batch is that cannot be read, and why.
    fn faulty_line(&self) -> Result<Option<(u64, String)>> {
        let file = &self.span.file;
        let mut walk = LineWalk::new(file.read_from(self.batch)?, self.batch);
        let mut input = file.read_from(self.batch)?;
        let mut start = self.batch;
        while start < self.span.bytes.end {
            let end = walk.next_line().map_err(|e| file.error(e))?.unwrap_or(self.span.bytes.end);
            let mut line = vec![];
            input.by_ref().take(end - start).read_to_end(&mut line).map_err(|e| file.error(e))?;
            if let Some(what) = self.fault_of(&line) {
                return Ok(Some((start, what)));
            }
            start = end;
        }
        Ok(None)
    }

    fn fault_of(&self, line: &[u8]) -> Option<String> {
        if std::str::from_utf8(line).is_err() {
            return Some(NO_TEXT.into());
        }
        let (schema, _) = Format::default().with_header(true).infer_schema(line, Some(0)).ok()?;
        let cells = schema.fields().len();
        let is_fine = cells == self.cells || cells == 0;
        (!is_fine).then(|| format!("{cells} cells, where the header has {}", self.cells))
    }
}

impl SpanReader for CsvReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let goes_on = self.decode()?;
        if !goes_on && self.span.bytes.end == self.span.file.stamp.bytes {
            self.must_be_closed()?;
        }
        let batch = self.decoder.flush().map_err(|e| self.explained(&e.to_string()))?;
        self.batch = self.at;
        Ok(match batch {
            Some(batch) => {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
            }
            None => None,
        })
    }
}
