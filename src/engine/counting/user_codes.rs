//! Rows of Parquet files that are counted by user: cells of classes are combinations.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result as PlanResult, exec_err};

use super::cells::{ClassCells, CountsPieces, keys_of_rows};
use super::spec::CodeSpec;
use super::users::{IdForm, UserBuffer, UserTally};
use crate::engine::codes::reader::Piece;
use crate::ids::Id;

/// Cells beyond which rows are counted by their keys instead: 16 MB of combinations.
const MOST_NUMBERED_CELLS: usize = 1 << 22;
/// A cell whose combination has no number yet, and one whose rows do not count.
const UNKNOWN: u32 = u32::MAX;
const NOT_COUNTED: u32 = u32::MAX - 1;

/// A task's counter of rows as codes, by user.
pub struct UserCodesTally {
    spec: Arc<CodeSpec>,
    all: Arc<UserTally>,
    rows: UserBuffer,
    cells: ClassCells,
    /// The combination of each cell.
    combinations: Vec<u32>,
    of_rows: Vec<u32>,
}

impl UserCodesTally {
    /// Counts rows of `all` users, as `spec` asks.
    pub fn new(spec: Arc<CodeSpec>, all: Arc<UserTally>) -> Self {
        let rows = UserBuffer::new(Arc::clone(&all));
        Self { spec, all, rows, cells: ClassCells::default(), combinations: vec![], of_rows: vec![] }
    }

    /// Numbers the combinations of those cells of `of_rows` that have none.
    fn number_combinations(&mut self) -> PlanResult<()> {
        let mut unknown: Vec<usize> = vec![];
        for cell in &self.of_rows {
            let combination = &mut self.combinations[*cell as usize];
            if *combination == UNKNOWN {
                *combination = NOT_COUNTED;
                unknown.push(*cell as usize);
            }
        }
        let (counting, classes) = self.cells.counting(unknown.into_iter());
        if counting.is_empty() {
            return Ok(());
        }
        let keys = self.cells.keys(&self.spec, &classes, counting.len())?;
        let numbers = self.all.numbers_of(&keys, counting.len());
        counting.into_iter().zip(numbers).for_each(|(cell, number)| self.combinations[cell] = number);
        Ok(())
    }

    /// Numbers the combination of each row of `piece`, of which there are too many for cells.
    fn number_rows(&mut self, piece: &Piece) -> PlanResult<()> {
        let classes: Vec<Vec<u32>> = piece.columns.iter().map(|part| part.classes_of_rows(piece.rows)).collect();
        let (keys, counting) = keys_of_rows(&self.spec, piece, &classes)?;
        self.combinations = self.all.numbers_of(&keys, counting.true_count());
        self.combinations.push(NOT_COUNTED);
        let dropped = self.combinations.len() as u32 - 1;
        let mut next = 0..dropped;
        let place = |counts: Option<bool>| counts.filter(|counts| *counts).and_then(|_| next.next()).unwrap_or(dropped);
        self.of_rows.clear();
        self.of_rows.extend(counting.iter().map(place));
        Ok(())
    }

    /// Buffers the rows of `piece` that count.
    fn buffer_all(&mut self, piece: &Piece) -> PlanResult<()> {
        self.rows.check()?;
        let part = self.spec.user.map(|(_, place)| &piece.columns[place]);
        let Some((part, values)) = part.and_then(|part| Some((part, part.values.as_ref()?))) else { return Ok(()) };
        let rows = self.of_rows.iter().map(|cell| self.combinations[*cell as usize]).enumerate();
        let rows = rows.filter(|(_, combination)| *combination != NOT_COUNTED);
        let entry = |row: usize| if part.entries.is_empty() { row } else { part.entries[row] as usize };
        if let Some(ids) = values.as_string_view_opt() {
            rows.for_each(|(row, combination)| self.rows.buffer(Id::at(ids, entry(row)), combination));
            return Ok(());
        }
        let numbers = cast(values, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>().values();
        let rows = rows.map(|(row, combination)| (numbers[entry(row)], combination));
        match self.all.ids() {
            IdForm::DenseIds(places) => {
                for (id, combination) in rows {
                    let Some(place) = places.of(id) else {
                        return exec_err!("an id lies outside of what its column tells of it");
                    };
                    self.rows.buffer_at(place, combination);
                }
                Ok(())
            }
            _ => {
                rows.for_each(|(id, combination)| self.rows.buffer(Id::integer(id), combination));
                Ok(())
            }
        }
    }
}

impl CountsPieces for UserCodesTally {
    fn add(&mut self, piece: &Piece) -> PlanResult<()> {
        if !self.cells.are_of(&piece.columns) {
            self.cells = ClassCells::new(&piece.columns, MOST_NUMBERED_CELLS).unwrap_or_default();
            self.combinations.clear();
            self.combinations.resize(self.cells.count, UNKNOWN);
        }
        if self.cells.count == 0 {
            self.number_rows(piece)?;
            return self.buffer_all(piece);
        }
        let mut of_rows = std::mem::take(&mut self.of_rows);
        self.cells.of_rows(piece, &mut of_rows);
        self.of_rows = of_rows;
        self.number_combinations()?;
        self.buffer_all(piece)
    }

    fn finish(&mut self) -> PlanResult<()> {
        self.rows.finish()
    }

    /// The cells; the counts reserve what they hold, or spill.
    fn size(&self) -> usize {
        self.cells.size() + (self.combinations.capacity() + self.of_rows.capacity()) * size_of::<u32>()
    }
}
