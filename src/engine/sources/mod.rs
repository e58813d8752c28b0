//! Sources: where the rows of a noun come from.
//!
//! [`reading`] is what a caller gives and says. [`mod@slice`] is a part of a file, [`group`] puts slices of one
//! schema together, [`parquet_table`] scans those of Parquet, [`part`] is some rows in files or in memory, and
//! [`source`] makes our columns of the caller's. [`catalog`] finds the source of each noun, [`usable`] says which rows
//! count, and [`mod@sample`] takes some to look at, but for what is [`settled`].

pub mod catalog;
pub mod group;
pub mod parquet_table;
pub mod part;
pub mod reading;
pub mod sample;
pub mod settled;
pub mod slice;
pub mod source;
pub mod usable;
