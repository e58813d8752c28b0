//! A row group, piece by piece: the rows of each column that is asked about as entries of classes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::Result as PlanResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::classes::{Asked, Classes};
use crate::engine::parquet::chunk::Chunk;
use crate::engine::parquet::chunk::broken;
use crate::engine::parquet::column::{ColumnReader, NULL_CODE};

/// Rows read at a time: their codes stay in the second-level cache.
const ROWS: usize = 32_768;
/// Quarters of hours up to which functions are always evaluated by quarter, not by row.
const FEW_QUARTERS: i64 = 4_096;

/// Batch of rows as codes.
#[derive(Default)]
pub struct Piece {
    /// How many rows there are.
    pub rows: usize,
    /// Each column that was asked about.
    pub columns: Vec<CodedColumn>,
}

/// One column of a piece.
pub struct CodedColumn {
    /// The classes of its entries.
    pub classes: Arc<Classes>,
    /// The entry of each row; where there is none, all rows are of the first entry's class.
    pub entries: Vec<u32>,
    /// Where they were wanted, the values of the entries; of the rows, where there is no entry.
    pub values: Option<ArrayRef>,
}

impl CodedColumn {
    /// The class of each of `rows` rows.
    pub fn classes_of_rows(&self, rows: usize) -> Vec<u32> {
        match self.entries.is_empty() {
            true => vec![self.classes.of_entry[0]; rows],
            false => self.entries.iter().map(|entry| self.classes.of_entry[*entry as usize]).collect(),
        }
    }
}

/// How the rows of a column become entries.
enum ColumnSource {
    /// One class for all rows: the column is not read.
    Same(Arc<Classes>),
    /// The dictionary's entries.
    Coded(ColumnReader, Option<Arc<Classes>>),
    /// Quarters of hours since the first.
    Quarters(ColumnReader, Quarters, Arc<Classes>),
}

/// A row group that is being read.
pub struct Group {
    asked: Vec<Asked>,
    sources: Vec<ColumnSource>,
    left: usize,
}

/// Whether a column has to be read at all to answer what is left to ask of it.
pub fn is_needed(asked: &Asked, chunk: &ColumnChunkMetaData, units: &[&str]) -> PlanResult<bool> {
    Ok(asked.is_wanted || unread(asked, chunk, units)?.is_none())
}

/// The classes of a column that need not be read.
fn unread(asked: &Asked, chunk: &ColumnChunkMetaData, units: &[&str]) -> PlanResult<Option<Arc<Classes>>> {
    if asked.is_nothing() {
        return Ok(Some(Arc::new(Classes::all())));
    }
    let Some(statistics) = chunk.statistics().filter(|statistics| statistics.null_count_opt() == Some(0)) else {
        return Ok(None);
    };
    let Some(quarters) = Quarters::new(asked, statistics, units, FEW_QUARTERS)? else { return Ok(None) };
    let classes = Classes::new(asked, &quarters.starts()?)?;
    let Some(_) = classes.only() else { return Ok(None) };
    Ok(quarters.agree(asked)?.then(|| Arc::new(classes)))
}

impl Group {
    /// The row group of `rows` rows whose columns are `chunks`, in the order of what is left to ask of them.
    pub fn new(
        asked: Vec<Asked>,
        units: &[&str],
        rows: usize,
        chunks: Vec<(&ColumnChunkMetaData, Option<Chunk>)>,
    ) -> PlanResult<Self> {
        let source = |(asked, (chunk, data)): (&Asked, (&ColumnChunkMetaData, Option<Chunk>))| {
            let Some(data) = data else {
                let classes = unread(asked, chunk, units)?;
                return Ok(ColumnSource::Same(classes.ok_or_else(|| broken("a column was not read"))?));
            };
            let column = ColumnReader::new(chunk, data, &asked.data_type, rows)?;
            let most = FEW_QUARTERS.max(rows as i64 / 4);
            let statistics = chunk.statistics().filter(|_| !asked.is_wanted);
            let quarters = statistics.map(|known| Quarters::new(asked, known, units, most)).transpose()?;
            if let Some(quarters) = quarters.flatten() {
                let classes = Classes::new(asked, &quarters.starts()?)?;
                if quarters.agree(asked)? {
                    return Ok(ColumnSource::Quarters(column, quarters, Arc::new(classes)));
                }
            }
            let classes = column.dictionary().map(|entries| Classes::new(asked, entries)).transpose()?;
            Ok(ColumnSource::Coded(column, classes.map(Arc::new)))
        };
        let sources = asked.iter().zip(chunks).map(source).collect::<PlanResult<_>>()?;
        Ok(Self { asked, sources, left: rows })
    }

    /// The next rows; none at the end. `used` is a piece that is no longer needed.
    pub fn next(&mut self, used: Piece) -> PlanResult<Option<Piece>> {
        let mut rows = self.left.min(ROWS);
        if rows == 0 {
            return Ok(None);
        }
        for source in &mut self.sources {
            if let ColumnSource::Coded(column, _) | ColumnSource::Quarters(column, ..) = source {
                rows = rows.min(column.piece()?);
            }
        }
        if rows == 0 {
            return Err(broken("a column has too few rows").into());
        }
        self.left -= rows;
        let mut scratch = used.columns.into_iter().map(|part| part.entries);
        let columns = self.sources.iter_mut().zip(&self.asked).map(|(source, asked)| {
            let mut entries = scratch.next().unwrap_or_default();
            entries.clear();
            source.read(asked, rows, entries)
        });
        Ok(Some(Piece { rows, columns: columns.collect::<PlanResult<_>>()? }))
    }
}

impl ColumnSource {
    fn read(&mut self, asked: &Asked, rows: usize, mut entries: Vec<u32>) -> PlanResult<CodedColumn> {
        let (column, classes) = match self {
            ColumnSource::Same(classes) => {
                return Ok(CodedColumn { classes: Arc::clone(classes), entries, values: None });
            }
            ColumnSource::Quarters(column, quarters, classes) => {
                match column.read(rows, &mut entries)? {
                    Some(instants) => quarters.entries(&instants, &mut entries)?,
                    None => {
                        let dictionary = column.dictionary().ok_or_else(|| broken("codes without a dictionary"))?;
                        let mut of_code = vec![];
                        quarters.entries(dictionary, &mut of_code)?;
                        of_code.push(classes.of_entry.len() as u32 - 1);
                        check(&mut entries, of_code.len())?;
                        entries.iter_mut().for_each(|entry| *entry = of_code[*entry as usize]);
                    }
                }
                return Ok(CodedColumn { classes: Arc::clone(classes), entries, values: None });
            }
            ColumnSource::Coded(column, classes) => (column, classes),
        };
        match (column.read(rows, &mut entries)?, classes) {
            (None, Some(classes)) => {
                check(&mut entries, classes.of_entry.len())?;
                let values = column.dictionary().filter(|_| asked.is_wanted).cloned();
                Ok(CodedColumn { classes: Arc::clone(classes), entries, values })
            }
            (None, None) => Err(broken("codes without a dictionary").into()),
            (Some(values), _) => {
                let classes = match asked.is_presence() && values.null_count() == 0 {
                    true => Classes::all(),
                    false => Classes::new(asked, &values)?,
                };
                if classes.of_entry.len() > 1 {
                    entries.extend(0..rows as u32);
                }
                Ok(CodedColumn { classes: Arc::new(classes), entries, values: asked.is_wanted.then_some(values) })
            }
        }
    }
}

/// Rows without a value have the last of `count` entries; no other entry is so large.
fn check(entries: &mut [u32], count: usize) -> PlanResult<()> {
    let last = count as u32 - 1;
    let mut is_larger = false;
    for entry in entries {
        is_larger |= *entry >= last && *entry != NULL_CODE;
        *entry = (*entry).min(last);
    }
    match is_larger {
        true => Err(broken("a code is larger than its dictionary").into()),
        false => Ok(()),
    }
}

/// Instants that are asked together whether they are of one quarter: most are in a log, which is in the order of time.
const TOGETHER: usize = 256;
const QUARTER_S: i64 = 900;
const QUARTER_MS: i64 = QUARTER_S * 1_000;
const QUARTER_US: i64 = QUARTER_MS * 1_000;

/// Quarters of hours, from the first to the last that a column has.
struct Quarters {
    data_type: DataType,
    first: i64,
    count: i64,
    length: i64,
}

impl Quarters {
    /// The quarters between the ends that `statistics` tell, at most `most`, if all that is asked is of the calendar.
    fn new(asked: &Asked, statistics: &Statistics, units: &[&str], most: i64) -> PlanResult<Option<Self>> {
        let DataType::Timestamp(unit, _) = &asked.data_type else { return Ok(None) };
        let Statistics::Int64(ends) = statistics else { return Ok(None) };
        let (Some(least), Some(largest), true) = (ends.min_opt(), ends.max_opt(), asked.is_of_calendar(units)) else {
            return Ok(None);
        };
        let length = match unit {
            TimeUnit::Second => QUARTER_S,
            TimeUnit::Millisecond => QUARTER_MS,
            TimeUnit::Microsecond => QUARTER_US,
            TimeUnit::Nanosecond => QUARTER_US * 1_000,
        };
        let (first, last) = (least.div_euclid(length), largest.div_euclid(length));
        let fits = (0..most).contains(&last.saturating_sub(first)) && first.checked_mul(length).is_some();
        let fits = fits && last.checked_add(1).and_then(|end| end.checked_mul(length)).is_some();
        let data_type = asked.data_type.clone();
        Ok(fits.then(|| Self { data_type, first: first * length, count: last - first + 1, length }))
    }

    /// The first instant of each.
    fn starts(&self) -> PlanResult<ArrayRef> {
        self.instants(0)
    }

    /// Whether nothing that is asked changes within a quarter: its ends agree.
    fn agree(&self, asked: &Asked) -> PlanResult<bool> {
        asked.agree(&self.starts()?, &self.instants(self.length - 1)?)
    }

    fn instants(&self, after: i64) -> PlanResult<ArrayRef> {
        let starts = (0..self.count).map(|quarter| self.first + quarter * self.length + after);
        Ok(cast(&Int64Array::from_iter_values(starts), &self.data_type)?)
    }

    /// Appends the quarter of each of `instants`; the one after the last where there is none.
    fn entries(&self, instants: &ArrayRef, into: &mut Vec<u32>) -> PlanResult<()> {
        let integers = cast(instants, &DataType::Int64)?;
        let integers = integers.as_primitive::<Int64Type>();
        let (count, start) = (self.count as u32, into.len());
        integers.values().chunks(TOGETHER).for_each(|instants| self.quarters(instants, into));
        let entries = &mut into[start..];
        if let Some(nulls) = integers.nulls() {
            entries.iter_mut().zip(nulls).filter(|(_, there)| !there).for_each(|(entry, _)| *entry = NULL_CODE);
        }
        if entries.iter().fold(false, |is_any, entry| is_any | (*entry == count)) {
            return Err(broken("an instant lies outside of what its column tells of it").into());
        }
        if integers.null_count() > 0 {
            entries.iter_mut().filter(|entry| **entry == NULL_CODE).for_each(|entry| *entry = count);
        }
        Ok(())
    }

    /// Appends the quarter of each of at least one instant; the one after the last for those outside.
    fn quarters(&self, instants: &[i64], into: &mut Vec<u32>) {
        let since = |instant: i64| instant.wrapping_sub(self.first) as u64;
        let (count, length) = (self.count as u64, self.length as u64);
        let quarter = (since(instants[0]) / length).min(count);
        let is_same = |instant: &i64| since(*instant).wrapping_sub(quarter * length) < length;
        if is_same(&instants[instants.len() - 1]) && instants.iter().fold(true, |all, it| all & is_same(it)) {
            return into.resize(into.len() + instants.len(), quarter as u32);
        }
        let since = instants.iter().map(|instant| since(*instant));
        // The compiler multiplies where the divisor is a constant.
        match self.length {
            QUARTER_MS => into.extend(since.map(|since| (since / QUARTER_MS as u64).min(count) as u32)),
            QUARTER_US => into.extend(since.map(|since| (since / QUARTER_US as u64).min(count) as u32)),
            length => into.extend(since.map(|since| (since / length as u64).min(count) as u32)),
        }
    }
}
