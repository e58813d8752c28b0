//! Parquet files before their rows are read: footers that are checked first, and errors that name the file.
//!
//! [`mod@footer`] is the one door to footers: [`bounds`] says which statistics can be trusted, and nothing sees the
//! others. [`reader`] gives them, and pages as `pages` mends them, to DataFusion's scans; [`mod@blame`] names files in
//! errors.

pub mod blame;
pub mod bounds;
pub mod footer;
mod pages;
pub mod reader;

pub use blame::{blame, blame_of_panic, blamed, quietly};
pub use footer::{footer, start_of};
pub use reader::{Readers, options, schema};
