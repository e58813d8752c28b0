//! The dialect of a CSV file: what the caller says of it, and, of what is not said, what a sample of it shows.

use std::fmt;
use std::io::Read;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use csv::StringRecord;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::coding::{Coding, Packing};
use super::quotes::Marks;
use super::times::{Times, looks};
use crate::engine::files::file::TableFile;
use crate::engine::nouns::{Kind, WantedColumn};
use crate::engine::values::rules::{TextRules, TimestampFormat};
use crate::timestamps::Pattern;
use crate::{Error, Result};

/// Marks between cells that are looked for.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many files are few.
const FEW_FILES: usize = 16;
/// How much of each of few files is looked at.
const OF_FEW: Extent = Extent { bytes: 1 << 16, rows: 500 };
/// How much of each of many.
const OF_MANY: Extent = Extent { bytes: 1 << 12, rows: 20 };
/// Places of a file where days of the month above 12 are looked for, and bytes at each.
const PLACES: (u64, u64) = (64, 1 << 13);

/// What the caller says of CSV files; `None` where it is to be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between cells.
    pub separator: Option<u8>,
    /// Around cells that hold separators or line ends.
    pub quote: Option<u8>,
    /// Whether decimals follow a comma.
    pub has_decimal_comma: Option<bool>,
    /// The encoding of letters.
    pub encoding: Option<&'static Encoding>,
    /// What times look like.
    pub timestamps: Option<Vec<Pattern>>,
}

impl CsvOptions {
    /// What is said here, and else what `others` say.
    pub fn or(&self, others: &Self) -> Self {
        Self {
            separator: self.separator.or(others.separator),
            quote: self.quote.or(others.quote),
            has_decimal_comma: self.has_decimal_comma.or(others.has_decimal_comma),
            encoding: self.encoding.or(others.encoding),
            timestamps: self.timestamps.clone().or_else(|| others.timestamps.clone()),
        }
    }
}

/// The names of the cells; those without one are nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header(pub Vec<String>);

impl Header {
    /// The names that there are.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|name| !name.is_empty())
    }

    /// Where the cell of this name is.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|other| other == name)
    }

    /// Every cell as text, whatever its name.
    pub fn cells(&self) -> Schema {
        let cell = |number| Field::new(format!("{number}"), DataType::Utf8, true);
        Schema::new((0..self.0.len()).map(cell).collect::<Vec<_>>())
    }
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// The marks of its cells.
    pub marks: Marks,
    /// How its bytes become text.
    pub coding: Coding,
    /// How its numbers and times are read.
    pub rules: TextRules,
}

impl Dialect {
    /// The options that say all of this.
    pub fn options(&self) -> CsvOptions {
        CsvOptions {
            separator: Some(self.marks.separator),
            quote: Some(self.marks.quote),
            has_decimal_comma: Some(self.rules.has_decimal_comma),
            encoding: Some(self.coding.encoding),
            timestamps: match &self.rules.timestamps {
                TimestampFormat::Iso => None,
                TimestampFormat::Patterns(patterns) => Some(patterns.clone()),
            },
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let separator = match self.marks.separator {
            b',' => "comma".into(),
            b';' => "semicolon".into(),
            b'\t' => "tab".into(),
            b'|' => "pipe".into(),
            other => format!("separator {}", char::from(other)),
        };
        write!(f, "{separator}")?;
        if self.marks.quote != b'"' {
            write!(f, ", quote {}", char::from(self.marks.quote))?;
        }
        write!(f, "{}, {}", if self.rules.has_decimal_comma { ", decimal comma" } else { "" }, self.coding)?;
        match &self.rules.timestamps {
            TimestampFormat::Iso => Ok(()),
            TimestampFormat::Patterns(patterns) => {
                write!(f, ", times {}", patterns.first().map_or("", |pattern| pattern.text()))
            }
        }
    }
}

/// A dialect, and the two that it may be if the sample does not tell days from months.
#[derive(Debug, Clone)]
pub struct Found {
    /// Names of the cells.
    pub header: Header,
    /// The dialect.
    pub dialect: Dialect,
    /// Formats for the day first and for the month first, and an example.
    pub undecided: Option<(TimestampFormat, TimestampFormat, String)>,
}

/// Finds the dialect of `file`, one of so many of a table; `None` if it has no line.
pub fn find(file: &TableFile, files: usize, options: &CsvOptions, wanted: &[WantedColumn]) -> Result<Option<Found>> {
    let sample = Sample::of(file, if files > FEW_FILES { OF_MANY } else { OF_FEW })?;
    let encoding = match options.encoding {
        Some(encoding) => encoding,
        None => encoding_of(&sample.bytes, file)?,
    };
    let coding = Coding { packing: sample.packing, encoding, is_array: false };
    let text = encoding.decode_with_bom_removal(&sample.bytes).0;
    if text.trim().is_empty() {
        return Ok(None);
    }
    refuse_separator_line(&text, file)?;
    let quote = options.quote.unwrap_or(b'"');
    let separator = options.separator.unwrap_or_else(|| separator_of(&text, quote, wanted));
    let marks = Marks { separator, quote };
    let (header, rows) = sample.rows(&text, marks);
    let cells = |kind: Kind| cells_of(&header, &rows, wanted, kind);
    let has_decimal_comma = match options.has_decimal_comma {
        Some(known) => known,
        None => has_decimal_comma(&cells(Kind::Number), file)?,
    };
    let mut undecided = None;
    let timestamps = match &options.timestamps {
        Some(patterns) => TimestampFormat::Patterns(patterns.clone()),
        None => match looks(&cells(Kind::Instant)) {
            Times::Of(format) => format,
            Times::Mixed(first, second) => return Err(no_format(file, &first, &second)),
            Times::DayOrMonth(family) => {
                let more = more_cells(file, &header, marks, coding, wanted)?;
                family.decided_by(&more).unwrap_or_else(|| {
                    let (day, month) = family.formats();
                    undecided = Some((day.clone(), month, family.example.clone()));
                    day
                })
            }
        },
    };
    let dialect = Dialect { marks, coding, rules: TextRules { has_decimal_comma, timestamps } };
    Ok(Some(Found { header, dialect, undecided }))
}

/// How much of a file is looked at.
#[derive(Debug, Clone, Copy)]
struct Extent {
    bytes: usize,
    rows: usize,
}

/// The beginning of a file.
struct Sample {
    packing: Packing,
    /// Unpacked.
    bytes: Vec<u8>,
    rows: usize,
    /// Whether there is no more.
    is_whole: bool,
}

impl Sample {
    fn of(file: &TableFile, extent: Extent) -> Result<Self> {
        let (packing, text) = Packing::read(file)?;
        let mut bytes = Vec::with_capacity(extent.bytes + 1);
        text.take(extent.bytes as u64 + 1).read_to_end(&mut bytes).map_err(|e| file.error(e))?;
        let is_whole = bytes.len() <= extent.bytes;
        bytes.truncate(extent.bytes);
        Ok(Self { packing, bytes, rows: extent.rows, is_whole })
    }

    /// The header, and rows after it.
    fn rows(&self, text: &str, marks: Marks) -> (Header, Vec<StringRecord>) {
        let mut rows = rows_of(text, marks, self.rows + 1);
        if !self.is_whole && rows.len() <= self.rows {
            // The last one was cut.
            rows.truncate((rows.len() - 1).max(1));
        }
        let header = if rows.is_empty() { StringRecord::new() } else { rows.remove(0) };
        (Header(header.iter().map(|name| name.trim().to_string()).collect()), rows)
    }
}

/// Refuses the line that tells Excel the separator: the header comes after it.
fn refuse_separator_line(text: &str, file: &TableFile) -> Result<()> {
    let line = text.lines().next().unwrap_or_default().trim();
    let is_one = line.len() <= 5 && line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("sep="));
    match is_one {
        true => {
            Err(file.error(format!("its first line, `{line}`, is for Excel alone: remove it, and the file is read")))
        }
        false => Ok(()),
    }
}

/// The encoding that a mark or the letters tell.
fn encoding_of(bytes: &[u8], file: &TableFile) -> Result<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Ok(encoding);
    }
    let refused = |looks: &str, label: &str| {
        let named = format!("csv=footfall.Csv(encoding=\"{label}\") says so, or names what it is");
        Err(file.error(format!("it is not UTF-8 text; it looks like {looks}: {named}")))
    };
    // Every second byte of Latin letters in UTF-16 is 0; a NUL by itself is a letter of UTF-8.
    if memchr::memchr_iter(0, bytes).count() > bytes.len() / 4 {
        return refused("UTF-16 without a mark", "utf-16le");
    }
    // The sample may end within a letter.
    if std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true) {
        return Ok(UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    match detector.guess(None, Utf8Detection::Deny) {
        encoding if encoding == WINDOWS_1252 => Ok(encoding),
        other => refused(other.name(), &other.name().to_lowercase()),
    }
}

/// The mark under which the header has most of the columns that are needed, or else of all that are known, or cells.
fn separator_of(text: &str, quote: u8, wanted: &[WantedColumn]) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut there = SEPARATORS.into_iter().filter(|mark| line.as_bytes().contains(mark));
    let (first, second) = (there.next().unwrap_or(b','), there.next());
    if second.is_none() {
        return first;
    }
    let score = |separator: &u8| {
        let header = rows_of(text, Marks { separator: *separator, quote }, 1).pop().unwrap_or_default();
        let has = |column: &&WantedColumn| header.iter().any(|name| name.trim() == column.name);
        let needed = wanted.iter().filter(|column| column.is_needed).filter(has).count();
        (needed, wanted.iter().filter(has).count(), header.len())
    };
    // Of equals the last wins, which should be the comma.
    SEPARATORS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

/// The first rows; what is no row is none.
fn rows_of(text: &str, marks: Marks, most: usize) -> Vec<StringRecord> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).flexible(true).delimiter(marks.separator).quote(marks.quote);
    let rows = reader.from_reader(text.as_bytes()).into_records();
    rows.take(most).filter_map(std::result::Result::ok).collect()
}

/// What the cells of the wanted columns of a kind hold.
fn cells_of(header: &Header, rows: &[StringRecord], wanted: &[WantedColumn], kind: Kind) -> Vec<String> {
    let columns = wanted.iter().filter(|column| column.kind == kind);
    let places: Vec<usize> = columns.filter_map(|column| header.position(&column.name)).collect();
    let cells = rows.iter().flat_map(|row| places.iter().filter_map(|place| row.get(*place)));
    cells.map(|cell| cell.trim().to_string()).filter(|cell| !cell.is_empty()).collect()
}

fn has_decimal_comma(numbers: &[String], file: &TableFile) -> Result<bool> {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    let with_comma =
        |text: &&String| !text.contains('.') && text.contains(',') && is_number(&text.replacen(',', ".", 1));
    let with_point = |text: &&String| text.contains('.') && is_number(text);
    match (numbers.iter().find(with_comma), numbers.iter().find(with_point)) {
        (Some(comma), Some(point)) => Err(file.error(format!(
            "its numbers have decimal commas, such as {comma:?}, and points, such as {point:?}: \
             csv=footfall.Csv(decimal=\",\") or (decimal=\".\") says which ones are meant"
        ))),
        (comma, _) => Ok(comma.is_some()),
    }
}

fn no_format(file: &TableFile, first: &str, second: &str) -> Error {
    file.error(format!(
        "its times {first:?} and {second:?} are not of one format: \
         csv=footfall.Csv(timestamp=\"%d/%m/%Y %H:%M\") names the one that is meant"
    ))
}

/// Refuses times of which nothing tells whether the day or the month comes first.
pub fn day_or_month(file: &TableFile, example: &str) -> Error {
    file.error(format!(
        "its times, such as {example:?}, may have the day or the month first: \
         csv=footfall.Csv(timestamp=\"%d/%m/%Y %H:%M\") or (timestamp=\"%m/%d/%Y %H:%M\") says which"
    ))
}

/// Times at other places of the file: logs begin on the first days of a month.
fn more_cells(
    file: &TableFile,
    header: &Header,
    marks: Marks,
    coding: Coding,
    wanted: &[WantedColumn],
) -> Result<Vec<String>> {
    let failed = |e| file.error(e);
    let cells = |text: &str| cells_of(header, &rows_of(text, marks, usize::MAX), wanted, Kind::Instant);
    let (places, length) = PLACES;
    let mut all = vec![];
    if !coding.can_be_cut() {
        let text = coding.text_of(file.read_from(0)?).map_err(failed)?;
        let mut start = vec![];
        text.take(places * (length << 3)).read_to_end(&mut start).map_err(failed)?;
        let text = String::from_utf8_lossy(&start);
        return Ok(text.lines().skip(1).step_by(100).flat_map(cells).collect());
    }
    for place in 1..=places {
        let at = (file.stamp.bytes / places * place).min(file.stamp.bytes.saturating_sub(length));
        let mut bytes = vec![];
        file.read_from(at)?.take(length).read_to_end(&mut bytes).map_err(failed)?;
        let text = coding.encoding.decode_without_bom_handling(&bytes).0;
        let lines = text.split_once('\n').map_or("", |(_, lines)| lines);
        let lines = if place < places { lines.rsplit_once('\n').map_or("", |(lines, _)| lines) } else { lines };
        all.extend(cells(lines));
    }
    Ok(all)
}
