//! JSON lines: one object in each line. Numbers become their text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::BufRead;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use memchr::memmem;
use serde_core::de::IgnoredAny;

use super::coding::Text;
use super::spans::{LineSpan, SpanReader};
use crate::{Error, Result};

/// How many lines tell the keys at once; all of the file is searched for others.
const LINES_FOR_KEYS: usize = 1_000;
/// Bytes of a letter as two numbers of 16 bits.
const PAIR_BYTES: usize = 12;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

type Object = std::collections::BTreeMap<String, IgnoredAny>;

/// The keys that the first lines of a file have; `None` if it has no line.
pub fn keys(whole: &LineSpan) -> Result<Option<BTreeSet<String>>> {
    let mut keys = BTreeSet::new();
    let mut lines = 0;
    let mut input = ObjectLines::new(whole.read_from(0)?, 0);
    while let Some((at, line)) = input.next().map_err(|e| whole.file.error(e))? {
        keys.extend(object_of(whole, at, line)?.into_keys());
        lines += 1;
        if lines == LINES_FOR_KEYS {
            break;
        }
    }
    Ok((lines > 0).then_some(keys))
}

/// Whether any line of a file has the key `name`, or speaks of it.
pub fn mentions(whole: &LineSpan, name: &str) -> Result<bool> {
    let file = &whole.file;
    let quoted = serde_json::to_string(name).map_err(|e| file.error(e))?;
    let mut input = whole.read_from(0)?;
    let (mut line, mut at) = (vec![], 0);
    loop {
        line.clear();
        let length = input.read_until(b'\n', &mut line).map_err(|e| file.error(e))?;
        if length == 0 {
            return Ok(false);
        }
        let is_escaped = || memmem::find(&line, br"\u").is_some();
        if memmem::find(&line, quoted.as_bytes()).is_some()
            || is_escaped() && object_of(whole, at, trimmed(&line, at))?.contains_key(name)
        {
            return Ok(true);
        }
        at += length as u64;
    }
}

fn object_of(span: &LineSpan, at: u64, line: &[u8]) -> Result<Object> {
    serde_json::from_slice(line).map_err(|e| no_object(span, at, &e.to_string()))
}

/// Makes an error about the line at byte `at`.
fn no_object(span: &LineSpan, at: u64, reason: &str) -> Error {
    span.file.error(format!("line {} is not a JSON object: {reason}", span.line_number(at)))
}

/// Arrow's decoder takes much that is no JSON, such as two objects in a line, or none between two commas.
fn must_be_object(line: &[u8]) -> std::result::Result<(), String> {
    match line.first() {
        Some(b'{') => serde_json::from_slice::<IgnoredAny>(line).map(|_| ()).map_err(|e| e.to_string()),
        _ => Err("each line is expected to be one".into()),
    }
}

/// Replaces pairs of numbers by the letters beyond U+FFFF that they stand for: Arrow's decoder takes those from U+20000
/// on for others.
fn with_letters(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.windows(3).any(|bytes| matches!(bytes, [b'\\', b'u', b'd' | b'D'])) {
        return line.into();
    }
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        if let Some(letter) = pair_at(rest) {
            out.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[PAIR_BYTES..];
        } else if let (b'\\', Some((escaped, after))) = (first, after.split_first()) {
            out.extend([*first, *escaped]);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out.into()
}

/// The letter that `text` begins with as a pair of numbers, such as `\ud83d\ude00`.
fn pair_at(text: &[u8]) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + PAIR_BYTES / 2)?.strip_prefix(br"\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let units = [unit(0)?, unit(PAIR_BYTES / 2)?];
    char::decode_utf16(units).next()?.ok().filter(|letter| *letter > '\u{ffff}')
}

/// What a line that begins at byte `at` holds besides spaces and the mark at the beginning of the file.
fn trimmed(line: &[u8], at: u64) -> &[u8] {
    let line = if at == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
    line.trim_ascii()
}

/// The lines that are not blank, each with the byte at which it begins.
struct ObjectLines<R> {
    input: R,
    line: Vec<u8>,
    /// The byte after the last line.
    at: u64,
}

impl<R: BufRead> ObjectLines<R> {
    fn new(input: R, at: u64) -> Self {
        Self { input, line: vec![], at }
    }

    fn next(&mut self) -> std::io::Result<Option<(u64, &[u8])>> {
        loop {
            self.line.clear();
            let start = self.at;
            let length = self.input.read_until(b'\n', &mut self.line)?;
            self.at += length as u64;
            if length == 0 {
                return Ok(None);
            }
            if !trimmed(&self.line, start).is_empty() {
                return Ok(Some((start, trimmed(&self.line, start))));
            }
        }
    }
}

/// Reads a span of JSON lines.
pub struct JsonReader {
    span: LineSpan,
    schema: SchemaRef,
    rows: usize,
    decoder: Decoder,
    /// Up to where lines were decoded.
    at: u64,
    /// The lines from there on, of a file that stays open.
    lines: Option<ObjectLines<Text>>,
}

impl JsonReader {
    /// A reader of the columns of `schema` in batches of `rows`.
    pub fn new(span: &LineSpan, schema: &SchemaRef, rows: usize) -> Result<Self> {
        let (at, decoder) = (span.bytes.start, decoder(schema, rows)?);
        Ok(Self { span: span.clone(), schema: schema.clone(), rows, decoder, at, lines: None })
    }

    /// The error with the line that it is about, of those from byte `start` on: a batch is decoded as a whole.
    fn explained(&self, start: u64, error: &str) -> Error {
        let faulty = self.faulty_line(start).ok().flatten();
        faulty.unwrap_or_else(|| self.span.file.error(error))
    }

    fn faulty_line(&self, start: u64) -> Result<Option<Error>> {
        let span = &self.span;
        let mut lines = ObjectLines::new(span.read_from(start)?, start);
        while let Some((at, line)) = lines.next().map_err(|e| span.file.error(e))? {
            let mut decoder = decoder(&self.schema, 1)?;
            if let Err(error) = decoder.decode(&with_letters(line)).and_then(|_| decoder.flush()) {
                return Ok(Some(span.file.error(format!("line {}: {error}", span.line_number(at)))));
            }
        }
        Ok(None)
    }
}

fn decoder(schema: &SchemaRef, rows: usize) -> Result<Decoder> {
    let builder = ReaderBuilder::new(schema.clone()).with_coerce_primitive(true);
    Ok(builder.with_batch_size(rows).build_decoder()?)
}

impl SpanReader for JsonReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let (span, start) = (&self.span, self.at);
        let mut lines = match self.lines.take() {
            Some(lines) => lines,
            None => ObjectLines::new(span.read_from(start)?, start),
        };
        while self.decoder.len() < self.rows {
            let Some((at, line)) = lines.next().map_err(|e| span.file.error(e))? else { break };
            must_be_object(line)
                .and_then(|()| self.decoder.decode(&with_letters(line)).map_err(|e| e.to_string()))
                .map_err(|e| no_object(span, at, &e))?;
        }
        self.at = lines.at;
        self.lines = span.stays_open().then_some(lines);
        match self.decoder.flush() {
            Ok(batch) => Ok(batch),
            Err(error) => Err(self.explained(start, &error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::with_letters;

    #[test]
    fn pairs_of_numbers_become_letters() {
        let unpaired: &[&[u8]] =
            &[br#"{"a": "\\ud840\udc00"}"#, br#"{"a": "\ud840"}"#, br#"{"a": "\u00e9"}"#, br"\ud840\u00"];
        for line in unpaired {
            assert_eq!(with_letters(line).as_ref(), *line);
        }
        assert_eq!(
            with_letters(br#"["\ud840\udc00", "\\\uDBFF\uDFFF"]"#),
            "[\"\u{20000}\", \"\\\\\u{10ffff}\"]".as_bytes()
        );
    }
}
