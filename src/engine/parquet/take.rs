//! Some rows of a column: pages without any of them stay as they are, compressed.

use datafusion::arrow::array::{ArrayRef, UInt32Array, new_empty_array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::DataType;
use parquet::errors::Result;

use super::chunk::broken;
use super::column::ColumnReader;

/// Takes rows, which ascend from call to call, from one column.
pub struct Taker {
    column: ColumnReader,
    data_type: DataType,
    page: TakenPage,
}

/// A page of which rows are taken.
#[derive(Default)]
struct TakenPage {
    /// Its first row, counted through the column, and the one after its last.
    first: usize,
    end: usize,
    codes: Vec<u32>,
    /// The rows' values; `None` if they have codes.
    values: Option<ArrayRef>,
}

impl Taker {
    /// Takes rows of `column`, which nobody has read from.
    pub fn new(column: ColumnReader, data_type: &DataType) -> Self {
        Self { column, data_type: data_type.clone(), page: TakenPage::default() }
    }

    /// The values of `rows`, which ascend and are counted from the first row of the column.
    pub fn take(&mut self, rows: &[u32]) -> Result<ArrayRef> {
        let mut rest = rows;
        let mut parts: Vec<ArrayRef> = vec![];
        while let Some(row) = rest.first() {
            self.open_page_of(*row as usize)?;
            let here = rest.partition_point(|row| (*row as usize) < self.page.end);
            parts.push(self.values(&rest[..here])?);
            rest = &rest[here..];
        }
        match parts.as_slice() {
            [] => Ok(new_empty_array(&self.data_type)),
            [only] => Ok(ArrayRef::clone(only)),
            several => Ok(concat(&several.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
        }
    }

    fn open_page_of(&mut self, row: usize) -> Result<()> {
        while row >= self.page.end {
            let rows = self.column.next_page()?;
            self.page.first = self.page.end;
            self.page.end += rows;
            if row >= self.page.end {
                self.column.skip_page()?;
                continue;
            }
            self.page.codes.clear();
            if self.column.piece()? != rows {
                return Err(broken("a page has other rows than it tells"));
            }
            self.page.values = self.column.read(rows, &mut self.page.codes)?;
        }
        Ok(())
    }

    /// The values of rows of the page.
    fn values(&self, rows: &[u32]) -> Result<ArrayRef> {
        let within = rows.iter().map(|row| *row as usize - self.page.first);
        match &self.page.values {
            Some(values) => Ok(take(values, &UInt32Array::from_iter_values(within.map(|row| row as u32)), None)?),
            None => self.column.decode(within.map(|row| self.page.codes[row])),
        }
    }
}
