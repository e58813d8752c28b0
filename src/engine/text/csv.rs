//! CSV: a header, and then rows of as many cells.

use std::io::Read;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::{Decoder, Format};
use datafusion::arrow::datatypes::SchemaRef;

use super::coding::Text;
use super::dialect::{Dialect, Header};
use super::quotes::{LineWalk, Marks};
use super::spans::{LineSpan, SpanReader, SpanText};
use crate::Result;

const NO_TEXT: &str = "it is not UTF-8 text: csv=footfall.Csv(encoding=...) names another encoding, such as latin-1";

/// Reads a span of CSV.
pub struct CsvReader {
    text: SpanText,
    dialect: Dialect,
    cells: usize,
    schema: SchemaRef,
    decoder: Decoder,
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
    pub fn new(span: &LineSpan, header: &Header, dialect: &Dialect, schema: &SchemaRef, rows: usize) -> Self {
        let start = span.bytes.start;
        // The decoder's columns are in the order of the file; `next_batch` gives them ours.
        let positions = schema.fields().iter().filter_map(|field| header.position(field.name())).collect();
        let decoder = ReaderBuilder::new(header.cells().into()).with_projection(positions).with_batch_size(rows);
        let decoder = decoder.with_delimiter(dialect.marks.separator).with_quote(dialect.marks.quote);
        Self {
            text: SpanText::new(span),
            dialect: dialect.clone(),
            cells: header.0.len(),
            schema: schema.clone(),
            decoder: decoder.with_header(start == 0).build_decoder(),
            batch: start,
            letters: Letters::default(),
        }
    }

    /// Decodes the rows of a batch; false if the span ended.
    fn decode(&mut self) -> Result<bool> {
        loop {
            let buffer = self.text.fill()?;
            let is_end = buffer.is_empty();
            let decoded = match self.decoder.decode(buffer) {
                Ok(decoded) => decoded,
                Err(error) => return Err(self.explained(&error.to_string())),
            };
            let is_text = self.letters.are_whole(&buffer[..decoded]) && (!is_end || self.letters.begun.is_empty());
            if !is_text {
                return Err(self.explained(NO_TEXT));
            }
            self.text.consume(decoded);
            if is_end || self.decoder.capacity() == 0 {
                self.text.rest();
                return Ok(!is_end);
            }
        }
    }

    /// A walk through the lines from byte `start` on.
    fn walk(&self, start: u64) -> Result<LineWalk<Text>> {
        Ok(LineWalk::new(self.text.span.read_from(start)?, self.dialect.marks, start))
    }

    /// A quote that nothing closes would make one cell of the rest of the file.
    fn must_be_closed(&self) -> Result<()> {
        let span = &self.text.span;
        let unclosed = self.walk(self.batch)?.unclosed().map_err(|e| span.file.error(e))?;
        unclosed.map_or(Ok(()), |quote| {
            let line = span.line_number(quote);
            Err(span.file.error(format!("line {line}: a quote begins a cell there, and none ends it")))
        })
    }

    /// The error with the line that it is about: the decoder counts rows, and from the beginning of a span.
    fn explained(&self, error: &str) -> crate::Error {
        let span = &self.text.span;
        let faulty = self.faulty_line().ok().flatten();
        faulty.map_or_else(
            || span.file.error(error),
            |(at, what)| span.file.error(format!("line {}: {what}", span.line_number(at))),
        )
    }

    /// Where the first line of the batch is that cannot be read, and why.
    fn faulty_line(&self) -> Result<Option<(u64, String)>> {
        let span = &self.text.span;
        let failed = |e| span.file.error(e);
        let (mut walk, mut input) = (self.walk(self.batch)?, span.read_from(self.batch)?);
        let mut start = self.batch;
        loop {
            let end = walk.next_line().map_err(failed)?;
            let mut line = vec![];
            input.by_ref().take(end.map_or(u64::MAX, |end| end - start)).read_to_end(&mut line).map_err(failed)?;
            if let Some(what) = self.fault_of(&line) {
                return Ok(Some((start, what)));
            }
            let Some(end) = end else { return Ok(None) };
            start = end;
        }
    }

    fn fault_of(&self, line: &[u8]) -> Option<String> {
        if std::str::from_utf8(line).is_err() {
            return Some(NO_TEXT.into());
        }
        let Marks { separator, quote } = self.dialect.marks;
        let format = Format::default().with_header(true).with_delimiter(separator).with_quote(quote);
        let (schema, _) = format.infer_schema(line, Some(0)).ok()?;
        let cells = schema.fields().len();
        let is_fine = cells == self.cells || cells == 0;
        (!is_fine).then(|| format!("{cells} cells, where the header has {}", self.cells))
    }
}

impl SpanReader for CsvReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let goes_on = self.decode()?;
        let span = &self.text.span;
        if !goes_on && span.bytes.end == span.file.stamp.bytes {
            self.must_be_closed()?;
        }
        let batch = self.decoder.flush().map_err(|e| self.explained(&e.to_string()))?;
        self.batch = self.text.at;
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
