//! `Share`: how many rows of a row group meet a condition, as far as the statistics of its column tell.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::function::Function;

/// How many rows of a row group meet a condition; of several conditions, the smallest share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// None of them.
    None,
    /// Some, as far as is known.
    Some,
    /// All of them.
    All,
}

impl Share {
    /// The share of the rows of `chunk`, a column of that type, that meet `condition`.
    pub fn of(condition: &Function, data_type: &DataType, chunk: &ColumnChunkMetaData) -> Self {
        let Some(statistics) = chunk.statistics() else { return Share::Some };
        let has_nulls = statistics.null_count_opt() != Some(0);
        let holds = match condition {
            Function::Present => [true, true],
            _ => match holds_at_ends(condition, data_type, statistics) {
                Some(holds) => holds,
                None => return Share::Some,
            },
        };
        match holds {
            [true, true] if !has_nulls => Share::All,
            [false, false] => Share::None,
            _ => Share::Some,
        }
    }
}

/// Whether a condition holds at the first and at the last of the instants that `statistics` tell of; `None` if that
/// says nothing of those between.
fn holds_at_ends(condition: &Function, data_type: &DataType, statistics: &Statistics) -> Option<[bool; 2]> {
    let Statistics::Int64(ends) = statistics else { return None };
    if !condition.is_before_or_after(data_type) {
        return None;
    }
    let ends: ArrayRef = Arc::new(Int64Array::from(vec![*ends.min_opt()?, *ends.max_opt()?]));
    // What cannot be evaluated here is an error where rows are read.
    let holds = condition.of(&cast(&ends, data_type).ok()?).ok()?;
    let holds = holds.as_boolean_opt().filter(|holds| holds.null_count() == 0)?;
    Some([holds.value(0), holds.value(1)])
}
