//! Columns of Parquet files as they are written: dictionaries and codes.
//!
//! What depends on one column alone is worked out once for each entry of its dictionary, not for each row. Instants
//! have quarters of hours for a dictionary, where only units of the calendar are asked of them.

mod chunk;
mod classes;
mod column;
mod files;
mod function;
mod group;
mod runs;
mod taker;

use parquet::errors::ParquetError;

pub use chunk::Chunk;
pub use classes::{Asked, Classes, DROPPED};
pub use column::Column;
pub use files::{PageOfNumbers, RowGroup, row_groups};
pub use function::{Derived, Function};
pub use group::{Group, Part, Piece};
pub use taker::Taker;

fn broken(reason: &str) -> ParquetError {
    ParquetError::General(reason.into())
}
