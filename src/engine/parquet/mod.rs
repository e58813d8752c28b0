//! Parquet files: footers that are checked first, errors that name the file, and columns as they are written.
//!
//! [`mod@footer`] is the one door to footers: [`bounds`] says which statistics can be trusted, and nothing sees the
//! others. [`reader`] gives them, and pages as `pages` mends them, to DataFusion's scans; [`mod@blame`] names files in
//! errors. [`mod@first_rows`] reads a few rows at the ends of a file. [`mod@column`] reads a column chunk (of
//! [`chunk`]) as dictionary and codes (runs of them by [`rle`]), [`take`] the rows of some numbers.

pub mod blame;
pub mod bounds;
pub mod chunk;
pub mod column;
pub mod first_rows;
pub mod footer;
mod pages;
pub mod reader;
pub mod rle;
pub mod take;

pub use blame::{blame, blame_of_panic, blamed, quietly};
pub use first_rows::first_rows_of_ends;
pub use footer::{footer, start_of};
pub use reader::{Readers, options, schema};
