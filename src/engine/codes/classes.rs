//! Classes of a column's codes: keys and filters evaluated once for each dictionary entry.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result as PlanResult;
use parquet::file::metadata::ColumnChunkMetaData;

use super::function::Function;
use super::share::Share;
use crate::counting::Coder;
use crate::ids::{Id, Ids};

/// Keys, filters and measures that depend on one column of the files.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The column, counted through the files' schema.
    pub column: usize,
    /// Its type.
    pub data_type: DataType,
    /// Whether the rows' values are wanted.
    pub is_wanted: bool,
    /// Filters.
    pub conditions: Vec<Arc<Function>>,
    /// Keys of the groups, each with its number.
    pub keys: Vec<(usize, Arc<Function>)>,
    /// Conditions of measures, each with its number.
    pub measures: Vec<(usize, Arc<Function>)>,
}

impl Asked {
    /// Finds or adds the entry of a column of the files among `all`, and its position.
    pub fn about<'a>(all: &'a mut Vec<Self>, column: usize, schema: &Schema) -> (usize, &'a mut Self) {
        let place = all.iter().position(|asked| asked.column == column).unwrap_or_else(|| {
            let data_type = schema.field(column).data_type().clone();
            all.push(Self { column, data_type, is_wanted: false, conditions: vec![], keys: vec![], measures: vec![] });
            all.len() - 1
        });
        (place, &mut all[place])
    }

    /// The filters of `all`, each with the place of its column.
    pub fn conditions_of(all: &[Self]) -> Vec<(usize, Arc<Function>)> {
        let of_column = |(place, asked): (usize, &Self)| {
            asked.conditions.iter().map(move |condition| (place, Arc::clone(condition))).collect::<Vec<_>>()
        };
        all.iter().enumerate().flat_map(of_column).collect()
    }

    fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        let numbered = self.keys.iter().chain(&self.measures).map(|(_, function)| function);
        self.conditions.iter().chain(numbered)
    }

    /// What is left to ask of the rows of `chunk`, all of which meet some of the conditions.
    pub fn left_for(&self, chunk: &ColumnChunkMetaData) -> Self {
        let mut left = self.clone();
        left.conditions.retain(|condition| Share::of(condition, &self.data_type, chunk) != Share::All);
        left
    }

    /// Whether nothing is asked.
    pub fn is_nothing(&self) -> bool {
        self.functions().next().is_none()
    }

    /// Whether all that is asked is whether there is a value.
    pub fn is_presence(&self) -> bool {
        self.functions().all(|function| matches!(function.as_ref(), Function::Present))
    }

    /// Whether all that is asked are units of the calendar.
    pub fn is_of_calendar(&self, units: &[&str]) -> bool {
        self.functions().all(|function| function.is_of_calendar(units))
    }

    /// Whether nothing that is asked tells `values` from `others`, row by row.
    pub fn agree(&self, values: &ArrayRef, others: &ArrayRef) -> PlanResult<bool> {
        for function in self.functions() {
            if function.of(values)?.as_ref() != function.of(others)?.as_ref() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Rows of this class do not count.
pub const DROPPED: u32 = 0;

/// The entries of a dictionary, together where nothing that is asked tells them apart.
#[derive(Debug)]
pub struct Classes {
    /// The class of each entry; the last one is that of rows without a value.
    pub of_entry: Vec<u32>,
    /// Each key, by its number, of each class.
    pub keys: Vec<(usize, ArrayRef)>,
    /// Whether each measure, by its number, counts the rows of each class.
    pub measures: Vec<(usize, Vec<bool>)>,
    /// How many there are, with [`DROPPED`].
    pub count: usize,
}

impl Classes {
    /// The classes of a column of which no row drops out and nothing else is asked.
    pub fn all() -> Self {
        Self { of_entry: vec![1], keys: vec![], measures: vec![], count: 2 }
    }

    /// The classes of `values`.
    pub fn new(asked: &Asked, values: &ArrayRef) -> PlanResult<Self> {
        let values = concat(&[values.as_ref(), new_null_array(&asked.data_type, 1).as_ref()])?;
        let mut of_entry = vec![1; values.len()];
        for condition in &asked.conditions {
            let holds = condition.of(&values)?;
            let holds = truths(holds.as_boolean());
            of_entry.iter_mut().zip(holds).filter(|(_, holds)| !holds).for_each(|(class, _)| *class = DROPPED);
        }
        let mut count = 1;
        let mut codes = vec![];
        let keys = asked.keys.iter().map(|(number, function)| {
            let values = function.of(&values)?;
            Coder::new(values.data_type()).encode(&values, &mut codes);
            count = refine(&mut of_entry, &codes);
            Ok((*number, values))
        });
        let keys = keys.collect::<PlanResult<Vec<_>>>()?;
        let measures = asked.measures.iter().map(|(number, function)| {
            let holds = truths(function.of(&values)?.as_boolean());
            codes.clear();
            codes.extend(holds.iter().map(|holds| u32::from(*holds)));
            count = refine(&mut of_entry, &codes);
            Ok((*number, holds))
        });
        let measures = measures.collect::<PlanResult<Vec<_>>>()?;
        Self { of_entry, keys, measures, count: count + 1 }.by_class()
    }

    /// Keys and measures by class, where they were by entry.
    fn by_class(mut self) -> PlanResult<Self> {
        let mut entries = vec![None; self.count];
        for (entry, class) in self.of_entry.iter().enumerate().rev() {
            entries[*class as usize] = Some(entry as u32);
        }
        entries[DROPPED as usize] = None;
        for (_, holds) in &mut self.measures {
            *holds = entries.iter().map(|entry| entry.is_some_and(|entry| holds[entry as usize])).collect();
        }
        // The dropped class needs some key value: any non-null one keeps the array free of nulls.
        entries[DROPPED as usize] = entries.get(1).copied().flatten();
        let entries = UInt32Array::from(entries);
        for (_, values) in &mut self.keys {
            *values = take(values, &entries, None)?;
        }
        Ok(self)
    }

    /// The class of all entries, if there is only one; rows without a value are not asked about.
    pub fn only(&self) -> Option<u32> {
        let (first, entries) = self.of_entry[..self.of_entry.len() - 1].split_first()?;
        entries.iter().all(|class| class == first).then_some(*first)
    }
}

/// Tells classes further apart, by `codes`; how many there are then.
fn refine(classes: &mut [u32], codes: &[u32]) -> usize {
    let mut pairs = Ids::default();
    for (class, code) in classes.iter_mut().zip(codes).filter(|(class, _)| **class != DROPPED) {
        *class = 1 + pairs.add(Id::number(u128::from(*class) << 32 | u128::from(*code)));
    }
    pairs.len()
}

/// Null is no.
fn truths(conditions: &BooleanArray) -> Vec<bool> {
    conditions.iter().map(|holds| holds == Some(true)).collect()
}
