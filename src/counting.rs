//! Counts by keys of few values: each value a small code, each combination of codes one cell.
//!
//! Sorting and hashing whole rows is what makes grouping slow. A column of months, hours, categories or campaigns has
//! few values, so that a row's group is found by a look-up of each value and one of the cell.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Date32Array, Int64Array, PrimitiveArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Date32Type, Int64Type, UInt32Type};
use arrow::error::ArrowError;

use crate::ids::{Id, Ids};

/// Cells beyond which groups are hashed instead: 8 MB of cells.
const LARGEST_TABLE_BITS: u32 = 21;
/// A cell's number has 128 bits, and a code 32 at most.
pub const MOST_KEYS: usize = 4;
/// The code of a null; values have 1, 2, 3 as they come.
const NULL_KEY: u32 = 0;

/// Whether values of this type get codes here.
pub fn is_countable(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::Int64 | DataType::UInt32 | DataType::Date32 | DataType::Boolean)
}

/// The codes of one column's values.
#[derive(Debug)]
pub struct Coder {
    data_type: DataType,
    values: Ids,
}

impl Coder {
    /// Codes for values of a type of which [`is_countable`] holds.
    pub fn new(data_type: &DataType) -> Self {
        Self { data_type: data_type.clone(), values: Ids::default() }
    }

    /// The bits that the largest code needs.
    fn bits(&self) -> u32 {
        (self.values.len() + 1).next_power_of_two().ilog2()
    }

    /// The codes of `column`, in the place of what `into` held.
    pub fn encode(&mut self, column: &ArrayRef, into: &mut Vec<u32>) {
        into.clear();
        match self.data_type {
            DataType::Utf8View => {
                let texts = column.as_string_view();
                let code = |row| if texts.is_valid(row) { 1 + self.values.add(Id::at(texts, row)) } else { NULL_KEY };
                into.extend((0..texts.len()).map(code));
            }
            DataType::Date32 => self.encode_integers(column.as_primitive::<Date32Type>(), into),
            DataType::UInt32 => self.encode_integers(column.as_primitive::<UInt32Type>(), into),
            DataType::Boolean => {
                let mut code = |holds: bool| 1 + self.values.add(Id::integer(i64::from(holds)));
                into.extend(column.as_boolean().iter().map(|holds| holds.map_or(NULL_KEY, &mut code)));
            }
            _ => self.encode_integers(column.as_primitive::<Int64Type>(), into),
        }
    }

    fn encode_integers<T: ArrowPrimitiveType<Native: Into<i64>>>(
        &mut self,
        column: &PrimitiveArray<T>,
        into: &mut Vec<u32>,
    ) {
        let mut code = |value: i64| 1 + self.values.add(Id::integer(value));
        into.extend(column.iter().map(|value| value.map_or(NULL_KEY, |value| code(value.into()))));
    }

    /// The values of `codes`.
    fn decode(&self, codes: impl Iterator<Item = u32>) -> Result<ArrayRef, ArrowError> {
        let rows: UInt32Array = codes.map(|code| code.checked_sub(1)).collect();
        let integers = || self.values.integers();
        let values: ArrayRef = match self.data_type {
            DataType::Utf8View => Arc::new(self.values.to_array()?),
            DataType::Date32 => Arc::new(Date32Array::from_iter_values(integers().map(|day| day as i32))),
            DataType::UInt32 => Arc::new(UInt32Array::from_iter_values(integers().map(|integer| integer as u32))),
            DataType::Boolean => Arc::new(BooleanArray::from_iter(integers().map(|integer| Some(integer == 1)))),
            _ => Arc::new(Int64Array::from_iter_values(integers())),
        };
        take(&values, &rows, None)
    }
}

/// Where the group of each combination of codes is found.
#[derive(Debug)]
enum Cells {
    /// One place for each cell: its group, counted from 1; 0 is none yet.
    Dense(Vec<u32>),
    /// The cells that there are, numbered as their groups.
    Hashed(Ids),
}

impl Cells {
    /// The bytes held.
    fn size(&self) -> usize {
        match self {
            Self::Dense(cells) => cells.capacity() * size_of::<u32>(),
            Self::Hashed(cells) => cells.size(),
        }
    }
}

/// Counts of rows by their keys.
#[derive(Debug)]
pub struct Counts {
    coders: Vec<Coder>,
    /// Bits of the cell's number that each key's code takes.
    bits: Vec<u32>,
    cells: Cells,
    /// The codes of each group's keys, group after group.
    keys: Vec<u32>,
    /// Each measure's count of each group.
    counts: Vec<Vec<i64>>,
    scratch: Vec<Vec<u32>>,
}

impl Counts {
    /// Counts by at most [`MOST_KEYS`] keys of the types `keys`, of which [`is_countable`] holds, of `measures`
    /// measures.
    pub fn new(keys: &[DataType], measures: usize) -> Self {
        Self {
            coders: keys.iter().map(Coder::new).collect(),
            bits: vec![0; keys.len()],
            cells: Cells::Dense(vec![0]),
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

    /// The bytes held.
    pub fn size(&self) -> usize {
        let coders: usize = self.coders.iter().map(|coder| coder.values.size()).sum();
        let codes = self.keys.capacity() + self.scratch.iter().map(Vec::capacity).sum::<usize>();
        let counts: usize = self.counts.iter().map(Vec::capacity).sum();
        coders + self.cells.size() + codes * size_of::<u32>() + counts * size_of::<i64>()
    }

    /// Counts `rows` rows with the keys `keys`; a measure counts the rows where its condition is true, or all.
    pub fn add(&mut self, keys: &[ArrayRef], conditions: &[Option<BooleanArray>], rows: usize) {
        let groups = self.groups_of(keys, rows);
        for (counts, condition) in self.counts.iter_mut().zip(conditions) {
            count(counts, &groups, condition.as_ref());
        }
    }

    /// Adds counts by `measures` of groups with the keys `keys`.
    pub fn merge(&mut self, keys: &[ArrayRef], measures: &[Vec<i64>]) {
        let groups = self.groups_of(keys, measures.first().map_or(0, Vec::len));
        for (counts, more) in self.counts.iter_mut().zip(measures) {
            groups.iter().zip(more).for_each(|(group, more)| counts[*group as usize] += more);
        }
    }

    /// Adds all counts of `others`, which begin anew.
    pub fn add_all(&mut self, others: &mut Self) -> Result<(), ArrowError> {
        let mut columns = others.take()?;
        let measures = columns.split_off(self.coders.len());
        let measures = measures.iter().map(|counts| counts.as_primitive::<Int64Type>().values().to_vec());
        self.merge(&columns, &measures.collect::<Vec<_>>());
        Ok(())
    }

    /// The number of the group of each of `rows` rows with the keys `keys`; without a key, all are one group.
    pub fn groups_of(&mut self, keys: &[ArrayRef], rows: usize) -> Vec<u32> {
        if keys.is_empty() {
            self.counts.iter_mut().for_each(|counts| counts.resize(1, 0));
            return vec![0; rows];
        }
        let mut codes = std::mem::take(&mut self.scratch);
        for ((coder, column), codes) in self.coders.iter_mut().zip(keys).zip(&mut codes) {
            coder.encode(column, codes);
        }
        self.make_room();
        let groups = self.groups(&codes, rows);
        self.counts.iter_mut().for_each(|counts| counts.resize(self.keys.len() / self.bits.len(), 0));
        self.scratch = codes;
        groups
    }

    /// The group of each row.
    fn groups(&mut self, codes: &[Vec<u32>], rows: usize) -> Vec<u32> {
        let mut groups = vec![0; rows];
        match &mut self.cells {
            Cells::Dense(cells) => {
                let mut shift = 0;
                for (codes, bits) in codes.iter().zip(&self.bits) {
                    groups.iter_mut().zip(codes).for_each(|(cell, code)| *cell |= code << shift);
                    shift += bits;
                }
                let mut known = (self.keys.len() / self.bits.len()) as u32;
                for (row, group) in groups.iter_mut().enumerate() {
                    let cell = &mut cells[*group as usize];
                    if *cell == 0 {
                        known += 1;
                        *cell = known;
                        self.keys.extend(codes.iter().map(|codes| codes[row]));
                    }
                    *group = *cell - 1;
                }
            }
            Cells::Hashed(cells) => {
                for (row, group) in groups.iter_mut().enumerate() {
                    let known = cells.len();
                    *group = cells.add(Id::number(cell(codes.iter().map(|codes| codes[row]), &self.bits)));
                    if cells.len() > known {
                        self.keys.extend(codes.iter().map(|codes| codes[row]));
                    }
                }
            }
        }
        groups
    }

    /// Widens the table so that each code has its cells.
    fn make_room(&mut self) {
        let needed: Vec<u32> = self.coders.iter().map(Coder::bits).collect();
        if needed == self.bits {
            return;
        }
        self.bits = needed;
        let bits: u32 = self.bits.iter().sum();
        let groups = self.keys.chunks(self.bits.len()).map(|codes| cell(codes.iter().copied(), &self.bits));
        self.cells = if bits <= LARGEST_TABLE_BITS {
            let mut cells = vec![0; 1 << bits];
            (1..).zip(groups).for_each(|(group, cell)| cells[cell as usize] = group);
            Cells::Dense(cells)
        } else {
            let mut cells = Ids::default();
            groups.for_each(|cell| {
                cells.add(Id::number(cell));
            });
            Cells::Hashed(cells)
        };
    }

    /// Each key of the groups so far.
    pub fn keys(&self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.keys_from(0)
    }

    /// Each key of the groups from the number `first` on.
    pub fn keys_from(&self, first: usize) -> Result<Vec<ArrayRef>, ArrowError> {
        let width = self.coders.len();
        let codes = &self.keys[first * width..];
        let key = |(number, coder): (usize, &Coder)| coder.decode(codes.iter().skip(number).step_by(width).copied());
        self.coders.iter().enumerate().map(key).collect()
    }

    /// The groups so far: a column for each key, then one for each measure. Counting begins anew.
    pub fn take(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns = self.keys()?;
        columns.extend(
            self.counts.iter_mut().map(|counts| Arc::new(Int64Array::from(std::mem::take(counts))) as ArrayRef),
        );
        let types: Vec<DataType> = self.coders.iter().map(|coder| coder.data_type.clone()).collect();
        *self = Self::new(&types, self.counts.len());
        Ok(columns)
    }
}

/// The number of the cell of `codes`.
fn cell(codes: impl Iterator<Item = u32>, bits: &[u32]) -> u128 {
    let join = |(cell, shift): (u128, u32), (code, bits): (u32, &u32)| (cell | u128::from(code) << shift, shift + bits);
    codes.zip(bits).fold((0, 0), join).0
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

    use arrow::array::StringViewArray;

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
            assert_eq!(found(&counts.take().unwrap()), expected(&rows));
            assert!(counts.is_empty());
        }
    }

    #[test]
    fn more_values_than_cells_are_counted_too() {
        let integers = |factor: i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..20_000).map(|i| i * factor % 5_000)))
        };
        let types = [DataType::Int64, DataType::Int64];
        let mut counts = Counts::new(&types, 1);
        for factor in [1, 7] {
            counts.add(&[integers(1), integers(factor)], &[None], 20_000);
        }
        assert!(matches!(counts.cells, Cells::Hashed(_)));
        let columns = counts.take().unwrap();
        let numbers = columns[2].as_primitive::<Int64Type>();
        assert_eq!(numbers.iter().flatten().sum::<i64>(), 40_000);
        // Of the pairs (i, i) and (i, 7 i mod 5 000), those with 6 i = 0 mod 5 000 are the same: i = 0 and 2 500.
        assert_eq!((numbers.len(), numbers.iter().flatten().max()), (9_998, Some(8)));
    }
}
