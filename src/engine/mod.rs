//! DataFusion: nouns in, answers out.
//!
//! [`nouns`] says what the columns are, [`parse`] reads those that are text, and [`instants`] and [`comparisons`] keep
//! instants exact. [`files`] finds the [`table_file`]s, [`text`] and [`parquet_table`] read them, [`parquet`] says
//! what footers are worth, [`groups`] puts alike files together, and [`catalog`] makes tables of them. [`places`]
//! holds the two small tables, [`guard`] says what of DataFusion's may be replaced, [`coded`] reads columns of Parquet
//! as they are written, [`checks`], [`copies`] and [`quality`] say which rows can be used, [`functions`] and
//! [`operators`] bring the pure core into plans, [`jobs`] keeps the SQL, [`run`] runs it, `memory` limits what it
//! holds, and [`session`] answers; [`slices`] cuts files, [`steps`] jobs, for many workers. [`kernels`] are the two
//! joins by themselves, on tables that `kernel_tables` checks; [`ingest`] rewrites a data set for many reads.
//! [`query`] plans the user's own statements, [`depth`] keeps them from nesting too deep, and [`errors`] tells whose
//! fault an error is.

pub mod catalog;
pub mod checks;
pub mod coded;
pub mod comparisons;
pub mod copies;
pub mod depth;
pub mod errors;
pub mod files;
pub mod functions;
pub mod groups;
pub mod guard;
pub mod ingest;
pub mod instants;
pub mod jobs;
mod kernel_tables;
pub mod kernels;
mod memory;
pub mod nouns;
pub mod operators;
pub mod parquet;
pub mod parquet_table;
pub mod parse;
pub mod places;
pub mod quality;
pub mod query;
pub mod run;
pub mod session;
pub mod slices;
pub mod steps;
pub mod table_file;
pub mod text;

use errors::{error_of, query_error_of, statement_error_of};

/// What a scanned table is called inside a plan.
const RAW: &str = "given";
