//! DataFusion: nouns in, answers out.
//!
//! [`nouns`] says what the columns are, [`parse`] reads those that are text, and [`instants`] and [`comparisons`] keep
//! instants exact. [`files`] finds the [`table_file`]s, [`text`] and [`parquet_table`] read them, [`parquet`] says what
//! footers are worth, [`groups`] puts alike files together, and [`catalog`] makes tables of them. [`places`] holds the
//! two small tables, [`guard`] says what of DataFusion's may be replaced, [`coded`] reads columns of Parquet as they are
//! written, [`checks`], [`copies`] and [`quality`] say which rows can be used, [`functions`] and [`operators`] bring the
//! pure core into plans, [`jobs`] keeps the SQL, [`run`] runs it, and [`session`] answers; [`slices`] cuts files,
//! [`steps`] jobs, for many workers. [`kernels`] are the two joins by themselves; [`ingest`] rewrites a data set for
//! many reads.

pub mod catalog;
pub mod checks;
pub mod coded;
pub mod comparisons;
pub mod copies;
pub mod files;
pub mod functions;
pub mod groups;
pub mod guard;
pub mod ingest;
pub mod instants;
pub mod jobs;
pub mod kernels;
pub mod nouns;
pub mod operators;
pub mod parquet;
pub mod parquet_table;
pub mod parse;
pub mod places;
pub mod quality;
pub mod run;
pub mod session;
pub mod slices;
pub mod steps;
pub mod table_file;
pub mod text;

use datafusion::common::DataFusionError;

use crate::Error;

/// What a scanned table is called inside a plan.
const RAW: &str = "given";

/// Tells the user's mistakes and broken files from our bugs.
pub fn error_of(error: DataFusionError) -> Error {
    if let DataFusionError::ResourcesExhausted(reason) = error.find_root() {
        return out_of_memory(reason);
    }
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::Internal(other.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => error_of(*inner),
        DataFusionError::Shared(shared) => shared_error(&shared),
        DataFusionError::ArrowError(inner, _) => Error::Io { path: "data".into(), reason: inner.to_string() },
        DataFusionError::ParquetError(inner) => Error::Io { path: "Parquet".into(), reason: inner.to_string() },
        DataFusionError::ObjectStore(inner) => Error::Io { path: "storage".into(), reason: inner.to_string() },
        DataFusionError::IoError(inner) => Error::Io { path: "storage".into(), reason: inner.to_string() },
        DataFusionError::Internal(reason) => Error::Internal(reason),
        DataFusionError::ExecutionJoin(join) => Error::Internal(join.to_string()),
        query => Error::Query(query.strip_backtrace()),
    }
}

fn out_of_memory(reason: &str) -> Error {
    Error::Definition {
        name: "memory_limit".into(),
        value: "reached".into(),
        reason: format!("give more, or ask for less at once ({reason})"),
    }
}

/// An error that several partitions saw; its message is all that can be had.
fn shared_error(shared: &DataFusionError) -> Error {
    match shared {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(Error::Io { path, reason }) => Error::Io { path: path.clone(), reason: reason.clone() },
            _ => Error::Io { path: "data".into(), reason: inner.to_string() },
        },
        DataFusionError::Internal(reason) => Error::Internal(reason.clone()),
        other => Error::Io { path: "data".into(), reason: other.strip_backtrace() },
    }
}
