//! Sources: where the rows of a noun come from.
//!
//! [`mod@slice`] is a part of a file, [`group`] puts slices of one schema together, [`parquet_table`] scans those of
//! Parquet, and [`catalog`] makes tables of the nouns' columns of them. [`usable`] says which rows count, [`mod@sample`] takes
//! some to look at.

pub mod catalog;
pub mod group;
pub mod parquet_table;
pub mod sample;
pub mod slice;
pub mod usable;
