//! Cells: combinations of the classes of all columns, by number.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{filter, take};
use datafusion::common::Result as PlanResult;

use super::spec::CodeSpec;
use crate::engine::codes::classes::{Classes, DROPPED};
use crate::engine::codes::reader::{CodedColumn, Piece};

/// Counts the pieces that one task reads.
pub trait CountsPieces: Send + 'static {
    /// Counts the rows of a piece.
    fn add(&mut self, piece: &Piece) -> PlanResult<()>;

    /// Counts the buffered rows.
    fn finish(&mut self) -> PlanResult<()>;

    /// The bytes held, where memory may have a limit.
    fn size(&self) -> usize;
}

/// Cells: one for each combination of the classes of all columns.
#[derive(Default)]
pub struct ClassCells {
    /// The classes that they combine.
    pub classes: Vec<Arc<Classes>>,
    /// How many there are.
    pub count: usize,
    /// The step of each entry of each column: a cell's number is their sum.
    steps: Vec<Vec<u32>>,
}

impl ClassCells {
    /// The cells of other classes; `None` if there are too many.
    pub fn new(parts: &[CodedColumn], most: usize) -> Option<Self> {
        let mut cells = Self { count: 1, ..Self::default() };
        for part in parts {
            let step = cells.count as u32;
            cells.count = cells.count.checked_mul(part.classes.count).filter(|count| *count <= most)?;
            cells.steps.push(part.classes.of_entry.iter().map(|class| class * step).collect());
            cells.classes.push(Arc::clone(&part.classes));
        }
        Some(cells)
    }

    /// Whether these are the cells of the classes of `parts`.
    pub fn are_of(&self, parts: &[CodedColumn]) -> bool {
        let same = |(part, classes): (&CodedColumn, &Arc<Classes>)| Arc::ptr_eq(&part.classes, classes);
        self.classes.len() == parts.len() && parts.iter().zip(&self.classes).all(same)
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        let steps: usize = self.steps.iter().map(Vec::capacity).sum();
        steps * size_of::<u32>()
    }

    /// The cell of each row.
    pub fn of_rows(&self, piece: &Piece, into: &mut Vec<u32>) {
        let same = piece.columns.iter().zip(&self.steps).filter(|(part, _)| part.entries.is_empty());
        let first: u32 = same.map(|(_, steps)| steps[0]).sum();
        into.clear();
        into.resize(piece.rows, first);
        for (part, steps) in piece.columns.iter().zip(&self.steps) {
            let entries = part.entries.iter();
            into.iter_mut().zip(entries).for_each(|(cell, entry)| *cell += steps[*entry as usize]);
        }
    }

    /// The class of each column in `cell`; `None` if its rows do not count.
    fn classes_of(&self, cell: usize) -> Option<Vec<u32>> {
        let mut rest = cell;
        let classes = self.classes.iter().map(|classes| {
            let class = rest % classes.count;
            rest /= classes.count;
            class as u32
        });
        let classes: Vec<u32> = classes.collect();
        classes.iter().all(|class| *class != DROPPED).then_some(classes)
    }

    /// Selects those of `cells` whose rows count, with the class in each of them by column.
    pub fn counting(&self, cells: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<Vec<u32>>) {
        let (mut counting, mut by_column) = (vec![], vec![vec![]; self.classes.len()]);
        for cell in cells {
            if let Some(classes) = self.classes_of(cell) {
                counting.push(cell);
                by_column.iter_mut().zip(classes).for_each(|(column, class)| column.push(class));
            }
        }
        (counting, by_column)
    }

    /// The keys, in their order, of rows whose `classes` are known by column.
    pub fn keys(&self, spec: &CodeSpec, classes: &[Vec<u32>], rows: usize) -> PlanResult<Vec<ArrayRef>> {
        keys(spec, &self.classes, classes, rows)
    }
}

/// The keys, in their order, of rows whose class in each column is known.
fn keys(spec: &CodeSpec, columns: &[Arc<Classes>], classes: &[Vec<u32>], rows: usize) -> PlanResult<Vec<ArrayRef>> {
    let mut keys: Vec<Option<ArrayRef>> = vec![None; spec.keys.len()];
    for (number, constant) in &spec.constants {
        keys[*number] = Some(take(constant, &UInt32Array::from(vec![0; rows]), None)?);
    }
    for (column, classes) in columns.iter().zip(classes) {
        for (number, values) in &column.keys {
            keys[*number] = Some(take(values, &UInt32Array::from(classes.clone()), None)?);
        }
    }
    Ok(keys.into_iter().flatten().collect())
}

/// The keys of those rows of a piece that count, and which rows those are; `classes` has each row's class, by column.
pub fn keys_of_rows(spec: &CodeSpec, piece: &Piece, classes: &[Vec<u32>]) -> PlanResult<(Vec<ArrayRef>, BooleanArray)> {
    let counts = |row: usize| Some(classes.iter().all(|classes| classes[row] != DROPPED));
    let counting: BooleanArray = (0..piece.rows).map(counts).collect();
    let columns: Vec<_> = piece.columns.iter().map(|part| Arc::clone(&part.classes)).collect();
    let keys = keys(spec, &columns, classes, piece.rows)?;
    let keys = keys.iter().map(|key| filter(key, &counting)).collect::<Result<Vec<_>, _>>()?;
    Ok((keys, counting))
}
