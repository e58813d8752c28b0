//! Keeps rows by month until there are enough for a part.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{Array, AsArray, BooleanArray, Date32Array, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Date32Type;

use super::reader::BESIDE;
use crate::Result;

/// A part holds at most so many bytes in memory, however few rows these are.
const BYTES_PER_PART: usize = 256 << 20;
/// Most rows that are buffered, in parts: months seldom fill their parts at the same time.
const PARTS_WAITING: usize = 2;
/// Days since 1970 of the months that get a folder of their own, 1980 to 2099: wrong instants must not make a folder
/// of each month since Adam.
const MONTHS_WITH_FOLDER: std::ops::Range<i32> = 3_652..47_482;

/// Rows for one part.
#[derive(Debug)]
pub struct Sealed {
    /// `month=2024-03/`, or nothing where rows have no instant.
    pub folder: String,
    /// The rows, with their cell as the last column.
    pub batches: Vec<RecordBatch>,
}

/// Where a row belongs: days since 1970 of its month's first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MonthFolder {
    Month(i32),
    OtherMonth,
    Nowhere,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

/// Buffered rows of a month.
#[derive(Debug)]
pub struct MonthRuns {
    rows_per_part: usize,
    waiting: BTreeMap<MonthFolder, Waiting>,
}

impl MonthRuns {
    /// No rows yet.
    pub fn new(rows_per_part: usize) -> Self {
        Self { rows_per_part, waiting: BTreeMap::new() }
    }

    /// Buffers the rows of `batch` that `usable` marks, and emits parts that are full.
    pub fn add(&mut self, batch: &RecordBatch, usable: &BooleanArray) -> Result<Vec<Sealed>> {
        let columns: Vec<usize> = (0..batch.num_columns() + 1 - BESIDE.len()).collect();
        let (rows, months) = (batch.project(&columns)?, batch[BESIDE[1]].as_primitive::<Date32Type>());
        let mut full = vec![];
        for place in places(months) {
            let here = (0..months.len()).map(|row| usable.value(row) && place_of(months, row) == place);
            let here = filter_record_batch(&rows, &here.collect::<Vec<_>>().into())?;
            if here.num_rows() > 0 {
                self.waiting.entry(place).or_default().add(here);
                full.extend(self.full(place));
            }
        }
        Ok(full)
    }

    fn full(&mut self, place: MonthFolder) -> Option<Sealed> {
        let is_full = |waiting: &Waiting, parts: usize| {
            waiting.rows >= parts * self.rows_per_part || waiting.bytes >= parts * BYTES_PER_PART
        };
        let all = self.waiting.values().fold(Waiting::default(), |all, waiting| Waiting {
            rows: all.rows + waiting.rows,
            bytes: all.bytes + waiting.bytes,
            ..all
        });
        let largest = || self.waiting.iter().max_by_key(|(_, waiting)| waiting.bytes).map(|(place, _)| *place);
        let ready = match self.waiting.get(&place) {
            Some(waiting) if is_full(waiting, 1) => Some(place),
            _ if is_full(&all, PARTS_WAITING) => largest(),
            _ => None,
        };
        ready.and_then(|place| self.seal(place))
    }

    fn seal(&mut self, place: MonthFolder) -> Option<Sealed> {
        let waiting = self.waiting.remove(&place)?;
        Some(Sealed { folder: folder(place), batches: waiting.batches })
    }

    /// Emits all buffered rows.
    pub fn seal_all(&mut self) -> Vec<Sealed> {
        let places: Vec<MonthFolder> = self.waiting.keys().copied().collect();
        places.into_iter().filter_map(|place| self.seal(place)).collect()
    }
}

impl Waiting {
    fn add(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }
}

fn places(months: &Date32Array) -> BTreeSet<MonthFolder> {
    (0..months.len()).map(|row| place_of(months, row)).collect()
}

fn place_of(months: &Date32Array, row: usize) -> MonthFolder {
    match months.is_valid(row).then(|| months.value(row)) {
        None => MonthFolder::Nowhere,
        Some(month) if MONTHS_WITH_FOLDER.contains(&month) => MonthFolder::Month(month),
        Some(_) => MonthFolder::OtherMonth,
    }
}

fn folder(place: MonthFolder) -> String {
    let date = |days: i32| NaiveDate::from_epoch_days(days).unwrap_or_default();
    match place {
        MonthFolder::Month(days) => format!("month={}-{:02}/", date(days).year(), date(days).month()),
        MonthFolder::OtherMonth => "month=other/".into(),
        MonthFolder::Nowhere => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_folder_and_impossible_ones_share_one() {
        let months = Date32Array::from(vec![Some(19_783), Some(-999_999), Some(47_482), None]);
        let folders: Vec<String> = (0..4).map(|row| folder(place_of(&months, row))).collect();
        assert_eq!(folders, ["month=2024-03/", "month=other/", "month=other/", ""]);
        assert_eq!(
            [folder(MonthFolder::Month(3_652)), folder(MonthFolder::Month(47_451))],
            ["month=1980-01/", "month=2099-12/"]
        );
    }
}
