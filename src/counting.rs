//! Counts by keys of few values: each value a small code, each combination of codes one cell.
//!
//! Sorting and hashing whole rows is what makes grouping slow. A column of months, hours, categories or campaigns has
//! few values, so that a row's group is found by a look-up of each value and one of the cell.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray, StringViewArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Date32Type, Int64Type};

use crate::codes::{Codes, NULL, TextCodes};

/// Cells beyond which the counts so far are given away and a new table is begun: 8 MB of cells.
const LARGEST_TABLE_BITS: u32 = 21;
/// Whether values of this type get codes here.
pub fn is_countable(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::Int64 | DataType::Date32)
}

/// The codes of one column's values: 0 for null, then 1, 2, 3 as they come.
#[derive(Debug)]
enum Coder {
    Texts(TextCodes),
    Integers(DataType, Codes, Vec<i64>),
}

impl Coder {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8View => Coder::Texts(TextCodes::default()),
            integer => Coder::Integers(integer.clone(), Codes::default(), vec![]),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Coder::Texts(_) => DataType::Utf8View,
            Coder::Integers(data_type, ..) => data_type.clone(),
        }
    }

    /// One more than the largest code.
    fn len(&self) -> usize {
        match self {
            Coder::Texts(texts) => 1 + texts.len(),
            Coder::Integers(_, _, integers) => 1 + integers.len(),
        }
    }

    fn encode(&mut self, column: &ArrayRef, into: &mut Vec<u32>) {
        into.clear();
        match self {
            Coder::Texts(texts) => texts.encode(column.as_string_view(), into),
            Coder::Integers(DataType::Date32, codes, integers) => {
                encode_integers(column.as_primitive::<Date32Type>(), codes, integers, into);
            }
            Coder::Integers(_, codes, integers) => {
                encode_integers(column.as_primitive::<Int64Type>(), codes, integers, into);
            }
        }
    }

    /// The values of `codes`.
    fn decode(&self, codes: impl Iterator<Item = u32>) -> ArrayRef {
        let at = |code: u32| (code != NULL).then(|| code as usize - 1);
        match self {
            Coder::Texts(texts) => Arc::new(codes.map(|code| texts.text(code)).collect::<StringViewArray>()),
            Coder::Integers(DataType::Date32, _, integers) => {
                let days = codes.map(|code| at(code).map(|i| integers[i] as i32));
                Arc::new(days.collect::<PrimitiveArray<Date32Type>>())
            }
            Coder::Integers(_, _, integers) => {
                Arc::new(codes.map(|code| at(code).map(|i| integers[i])).collect::<Int64Array>())
            }
        }
    }
}

fn encode_integers<T: ArrowPrimitiveType<Native: Into<i64>>>(
    column: &PrimitiveArray<T>,
    codes: &mut Codes,
    integers: &mut Vec<i64>,
    into: &mut Vec<u32>,
) {
    let mut last = None;
    into.extend(column.iter().map(|value| match (value.map(Into::into), last) {
        (None, _) => NULL,
        (Some(value), Some((same, code))) if value == same => code,
        (Some(value), _) => {
            let code = codes.code(u128::from(value as u64), || {
                integers.push(value);
                integers.len() as u32
            });
            last = Some((value, code));
            code
        }
    }));
}

/// Counts of rows by their keys.
#[derive(Debug)]
pub struct Counts {
    coders: Vec<Coder>,
    /// Bits of the cell's number that each key's code takes.
    bits: Vec<u32>,
    /// The group of each cell, counted from 1; 0 is none yet.
    cells: Vec<u32>,
    /// The codes of each group's keys, group after group.
    keys: Vec<u32>,
    /// Each measure's count of each group.
    counts: Vec<Vec<i64>>,
    scratch: Vec<Vec<u32>>,
}

impl Counts {
    /// Counts by keys of the types `keys`, of which [`is_countable`] holds, of `measures` measures.
    pub fn new(keys: &[DataType], measures: usize) -> Self {
        Self {
            coders: keys.iter().map(Coder::new).collect(),
            bits: vec![2; keys.len()],
            cells: vec![0; 1 << (2 * keys.len())],
            keys: vec![],
            counts: vec![vec![]; measures],
            scratch: vec![vec![]; keys.len()],
        }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.counts.first().map_or(0, Vec::len)
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is time to [`Counts::take`] what there is.
    pub fn is_full(&self) -> bool {
        self.bits.iter().sum::<u32>() > LARGEST_TABLE_BITS
    }

    /// Counts `rows` rows with the keys `keys`; a measure counts the rows where its condition is true, or all.
    pub fn add(&mut self, keys: &[ArrayRef], conditions: &[Option<BooleanArray>], rows: usize) {
        let mut codes = std::mem::take(&mut self.scratch);
        for ((coder, column), codes) in self.coders.iter_mut().zip(keys).zip(&mut codes) {
            coder.encode(column, codes);
        }
        self.make_room();
        let mut groups = vec![0; rows];
        for (key, codes) in codes.iter().enumerate() {
            let shift: u32 = self.bits[..key].iter().sum();
            groups.iter_mut().zip(codes).for_each(|(cell, code)| *cell |= code << shift);
        }
        for (row, cell) in groups.iter_mut().enumerate() {
            *cell = self.group(*cell, row, &codes);
        }
        for (counts, condition) in self.counts.iter_mut().zip(conditions) {
            count(counts, &groups, condition.as_ref());
        }
        self.scratch = codes;
    }

    /// The group of `cell`, to which the codes of `row` lead.
    fn group(&mut self, cell: u32, row: usize, codes: &[Vec<u32>]) -> u32 {
        match self.cells[cell as usize] {
            0 => {
                self.keys.extend(codes.iter().map(|codes| codes[row]));
                self.counts.iter_mut().for_each(|counts| counts.push(0));
                self.cells[cell as usize] = self.len() as u32;
                self.len() as u32 - 1
            }
            known => known - 1,
        }
    }

    /// Widens the table so that each code has its cells.
    fn make_room(&mut self) {
        let needed: Vec<u32> = self.coders.iter().map(|coder| coder.len().next_power_of_two().ilog2()).collect();
        if needed.iter().zip(&self.bits).all(|(needed, bits)| needed <= bits) {
            return;
        }
        self.bits = needed.iter().zip(&self.bits).map(|(needed, bits)| *needed.max(bits)).collect();
        self.cells = vec![0; 1 << self.bits.iter().sum::<u32>()];
        for (group, codes) in self.keys.chunks(self.bits.len().max(1)).enumerate() {
            let mut shift = 0;
            let mut cell = 0;
            for (code, bits) in codes.iter().zip(&self.bits) {
                cell |= code << shift;
                shift += bits;
            }
            self.cells[cell as usize] = group as u32 + 1;
        }
    }

    /// The groups so far: a column for each key, then one for each measure. Counting begins anew.
    pub fn take(&mut self) -> Vec<ArrayRef> {
        let width = self.coders.len();
        let key =
            |(number, coder): (usize, &Coder)| coder.decode(self.keys.iter().skip(number).step_by(width).copied());
        let mut columns: Vec<ArrayRef> = self.coders.iter().enumerate().map(key).collect();
        columns.extend(
            self.counts.iter_mut().map(|counts| Arc::new(Int64Array::from(std::mem::take(counts))) as ArrayRef),
        );
        let types: Vec<DataType> = self.coders.iter().map(Coder::data_type).collect();
        *self = Self::new(&types, self.counts.len());
        columns
    }
}

fn count(counts: &mut [i64], groups: &[u32], condition: Option<&BooleanArray>) {
    match condition {
        None => groups.iter().for_each(|group| counts[*group as usize] += 1),
        Some(condition) if condition.null_count() == 0 => {
            let bits = condition.values().iter();
            groups.iter().zip(bits).for_each(|(group, holds)| counts[*group as usize] += i64::from(holds));
        }
        Some(condition) => {
            let holds = condition.iter().map(|holds| i64::from(holds == Some(true)));
            groups.iter().zip(holds).for_each(|(group, holds)| counts[*group as usize] += holds);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Row = (Option<String>, Option<i64>, bool);

    fn rows(count: usize) -> Vec<Row> {
        let text = |i: usize| format!("{}{}", "long enough not to be in its view ".repeat(i % 3), i * 7 % 11);
        let row = |i: usize| {
            let integer = (!i.is_multiple_of(7)).then_some(i as i64 % 5 - 2);
            ((!i.is_multiple_of(13)).then(|| text(i)), integer, i.is_multiple_of(3))
        };
        (0..count).map(row).collect()
    }

    fn columns(rows: &[Row]) -> (Vec<ArrayRef>, BooleanArray) {
        let texts: StringViewArray = rows.iter().map(|row| row.0.as_deref()).collect();
        let integers: Int64Array = rows.iter().map(|row| row.1).collect();
        (vec![Arc::new(texts), Arc::new(integers)], rows.iter().map(|row| Some(row.2)).collect())
    }

    fn expected(rows: &[Row]) -> BTreeMap<(Option<String>, Option<i64>), (i64, i64)> {
        let mut counts = BTreeMap::new();
        for (text, integer, holds) in rows {
            let entry: &mut (i64, i64) = counts.entry((text.clone(), *integer)).or_default();
            *entry = (entry.0 + 1, entry.1 + i64::from(*holds));
        }
        counts
    }

    fn found(columns: &[ArrayRef]) -> BTreeMap<(Option<String>, Option<i64>), (i64, i64)> {
        let (texts, integers) = (columns[0].as_string_view(), columns[1].as_primitive::<Int64Type>());
        let [all, some] = [2, 3].map(|column| columns[column].as_primitive::<Int64Type>());
        let key = |row: usize| {
            (texts.is_valid(row).then(|| texts.value(row).into()), integers.is_valid(row).then(|| integers.value(row)))
        };
        (0..texts.len()).map(|row| (key(row), (all.value(row), some.value(row)))).collect()
    }

    #[test]
    fn counts_are_those_of_a_map_however_the_rows_are_cut() {
        let rows = rows(5_000);
        for size in [1, 17, 5_000] {
            let mut counts = Counts::new(&[DataType::Utf8View, DataType::Int64], 2);
            for part in rows.chunks(size) {
                let (keys, condition) = columns(part);
                counts.add(&keys, &[None, Some(condition)], part.len());
            }
            assert_eq!(found(&counts.take()), expected(&rows));
            assert!(counts.is_empty());
        }
    }
}
