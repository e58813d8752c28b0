//! Errors of DataFusion as ours: of the user's query, the user's data, the machine's limits, or our bugs.

use std::error::Error as AnyError;
use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::parquet::errors::ParquetError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::Error;
use crate::spelling::{closest, question};

/// Wraps an error of ours for DataFusion; [`error_of`] unwraps it.
pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Tells what went wrong in reading data or answering a question of ours, where no query is at fault.
pub fn error_of(error: DataFusionError) -> Error {
    match cause(&error) {
        Error::Query { message, .. } => data_error(message),
        other => other,
    }
}

/// Tells what went wrong in planning a statement of ours: a bug, unless data or limits are at fault.
pub fn statement_error_of(error: DataFusionError) -> Error {
    match cause(&error) {
        Error::Query { message, .. } => Error::Internal(message),
        other => other,
    }
}

/// Tells what went wrong in a statement of the user's.
pub fn query_error_of(error: DataFusionError) -> Error {
    cause(&error)
}

/// Finds the cause below all wrappers, which is told alike whether one partition saw it or several.
fn cause(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => cause_of_any(inner.as_ref()),
        DataFusionError::Context(_, inner) => cause(inner),
        DataFusionError::Shared(inner) => cause(inner),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let start = diagnostic.span.map(|span| (span.start.line, span.start.column));
            at_place(cause(inner), start)
        }
        DataFusionError::Collection(all) => {
            all.first().map_or_else(|| Error::Internal("an error without a reason".into()), cause)
        }
        DataFusionError::ResourcesExhausted(reason) => out_of_memory(reason),
        DataFusionError::ArrowError(inner, _) => cause_of_arrow(inner),
        DataFusionError::ParquetError(inner) => cause_of_parquet(inner),
        DataFusionError::ObjectStore(inner) => cause_of_source(inner.as_ref()).unwrap_or_else(|| storage_error(inner)),
        DataFusionError::IoError(inner) => cause_of_io(inner),
        DataFusionError::Internal(reason) => Error::Internal(reason.clone()),
        DataFusionError::ExecutionJoin(join) => Error::Internal(join.to_string()),
        DataFusionError::SQL(inner, _) => syntax_error(inner),
        DataFusionError::SchemaError(inner, _) => Error::query(schema_error(inner)),
        DataFusionError::NotImplemented(what) => Error::query(format!("not supported: {what}")),
        DataFusionError::Plan(message) | DataFusionError::Execution(message) => Error::query(plain(message)),
        query => Error::query(plain(&query.strip_backtrace())),
    }
}

/// Leaves out what DataFusion says of itself.
fn plain(message: &str) -> String {
    let mut message =
        message.split("This issue was likely caused by a bug in DataFusion").next().unwrap_or(message).trim_end();
    for class in ["Internal error: ", "Error during planning: ", "Execution error: "] {
        message = message.strip_prefix(class).unwrap_or(message);
    }
    message.into()
}

/// Finds the cause in an error of whatever type; of those that nobody here knows, such as a regular expression's, the
/// query is the reason.
fn cause_of_any(error: &(dyn AnyError + 'static)) -> Error {
    cause_of_known(error).unwrap_or_else(|| Error::query(error.to_string()))
}

/// Finds the cause in an error, or in what it stems from, of a type that tells it.
fn cause_of_known(error: &(dyn AnyError + 'static)) -> Option<Error> {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return Some(ours.clone());
    }
    let known = error.downcast_ref::<DataFusionError>().map(cause);
    let known = known.or_else(|| error.downcast_ref::<Arc<DataFusionError>>().map(|shared| cause(shared)));
    let known = known.or_else(|| error.downcast_ref::<ArrowError>().map(cause_of_arrow));
    let known = known.or_else(|| error.downcast_ref::<ParquetError>().map(cause_of_parquet));
    known.or_else(|| cause_of_source(error))
}

fn cause_of_source(error: &(dyn AnyError + 'static)) -> Option<Error> {
    cause_of_known(error.source()?)
}

fn cause_of_io(error: &std::io::Error) -> Error {
    error.get_ref().and_then(|inner| cause_of_known(inner)).unwrap_or_else(|| storage_error(error))
}

fn cause_of_parquet(error: &ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => cause_of_known(inner.as_ref()),
        _ => None,
    }
    .unwrap_or_else(|| Error::Io { path: "Parquet".into(), reason: error.to_string() })
}

/// Tells what computing and what reading do wrong: a user's division by zero, a broken file.
fn cause_of_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => cause_of_any(inner.as_ref()),
        ArrowError::IoError(_, inner) => cause_of_io(inner),
        ArrowError::MemoryError(reason) => out_of_memory(reason),
        ArrowError::ParseError(reason) if is_of_csv(reason) => data_error(reason),
        ArrowError::DivideByZero => Error::query("division by zero; nullif(divisor, 0) makes its result null"),
        ArrowError::CastError(reason) | ArrowError::ParseError(reason) => {
            Error::query(format!("{reason}; try_cast makes what does not fit null"))
        }
        ArrowError::ArithmeticOverflow(reason) => Error::query(format!("the result is out of range: {reason}")),
        ArrowError::ComputeError(reason) | ArrowError::InvalidArgumentError(reason) => Error::query(reason),
        ArrowError::NotYetImplemented(what) => Error::query(format!("not supported: {what}")),
        ArrowError::DictionaryKeyOverflowError
        | ArrowError::RunEndIndexOverflowError
        | ArrowError::OffsetOverflowError(_) => Error::query(error.to_string()),
        _ => data_error(error.to_string()),
    }
}

/// Whether a text that cannot be parsed is one of a CSV file, and not of a query.
fn is_of_csv(reason: &str) -> bool {
    reason.starts_with("Error while parsing value")
}

fn data_error(reason: impl Into<String>) -> Error {
    Error::Io { path: "data".into(), reason: reason.into() }
}

fn storage_error(error: &dyn AnyError) -> Error {
    Error::Io { path: "storage".into(), reason: error.to_string() }
}

fn out_of_memory(reason: &str) -> Error {
    Error::Definition {
        name: "memory_limit".into(),
        value: "reached".into(),
        reason: format!("give more, or ask for less at once ({reason})"),
    }
}

/// Says where in the query it happened, unless that is known more exactly.
fn at_place(error: Error, start: Option<(u64, u64)>) -> Error {
    match error {
        Error::Query { message, place } => Error::Query { message, place: place.or(start) },
        other => other,
    }
}

/// Tells an error of the parser, whose text has the place at its end.
fn syntax_error(error: &ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => return Error::query("expressions or queries are nested too deep"),
    };
    let Some((message, place)) = message.rsplit_once(" at Line: ") else { return Error::query(message) };
    let place =
        place.split_once(", Column: ").and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    Error::Query { message: message.into(), place }
}

fn schema_error(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound { field, valid_fields } = error else { return error.to_string() };
    let tables = || valid_fields.iter().filter_map(|field| field.relation.as_ref());
    if let Some(table) = field.relation.as_ref().filter(|table| tables().all(|known| known != *table)) {
        let names = tables().map(|table| table.table().into()).collect();
        return not_there(&format!("table `{table}` in this part of the query"), table.table(), "tables", names);
    }
    let names: Vec<String> = valid_fields.iter().map(|field| field.name.clone()).collect();
    let of = field.relation.as_ref().map_or_else(String::new, |table| format!(" of `{table}`"));
    not_there(&format!("column `{}`{of}", field.name), &field.name, "columns", names)
}

/// Says that `what` is not there, what was probably meant, and, unless there are none, which `kind` there are.
pub fn not_there(what: &str, typed: &str, kind: &str, mut names: Vec<String>) -> String {
    names.sort_unstable();
    names.dedup();
    let meant = closest(typed, names.iter().map(String::as_str)).map(|name| format!("`{name}`"));
    let meant = question(meant);
    let known = if names.is_empty() { String::new() } else { format!(" The {kind} are {}.", names.join(", ")) };
    let stop = if meant.is_empty() && !known.is_empty() { "." } else { "" };
    format!("there is no {what}{meant}{stop}{known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Error {
        Error::Io { path: "pings.csv".into(), reason: "it broke".into() }
    }

    fn wrapped(error: Error) -> Vec<DataFusionError> {
        let inner = || DataFusionError::External(Box::new(error.clone()));
        vec![
            inner(),
            DataFusionError::Shared(Arc::new(inner())),
            DataFusionError::Shared(Arc::new(DataFusionError::Shared(Arc::new(inner())))),
            DataFusionError::Context("a rule".into(), Box::new(inner())),
            DataFusionError::Collection(vec![inner(), inner()]),
            DataFusionError::External(Box::new(Arc::new(inner()))),
            ArrowError::ExternalError(Box::new(inner())).into(),
            ArrowError::ExternalError(Box::new(ArrowError::ExternalError(Box::new(error.clone())))).into(),
            ParquetError::External(Box::new(error.clone())).into(),
            DataFusionError::IoError(std::io::Error::other(inner())),
            DataFusionError::Shared(Arc::new(ArrowError::from_external_error(Box::new(error.clone())).into())),
        ]
    }

    #[test]
    fn an_error_of_ours_stays_what_it_is_in_whatever_it_comes() {
        let of_data = Error::Data {
            table: "pings".into(),
            column: "latitude".into(),
            row: Some(3),
            value: "95".into(),
            reason: "expected -90 to 90".into(),
        };
        for error in [ours(), of_data, Error::Internal("no plan".into()), Error::query("no"), Error::Cancelled] {
            for wrapped in wrapped(error.clone()) {
                assert_eq!(format!("{:?}", query_error_of(wrapped)), format!("{error:?}"));
            }
        }
    }

    #[test]
    fn memory_that_ends_is_told_in_whatever_it_comes() {
        let shared = DataFusionError::Shared(Arc::new(DataFusionError::ResourcesExhausted("8 MB".into())));
        let error = error_of(ArrowError::ExternalError(Box::new(shared)).into());
        assert!(matches!(&error, Error::Definition { name, reason, .. }
                if name == "memory_limit" && reason.contains("8 MB")));
    }

    #[test]
    fn arithmetic_is_the_fault_of_the_users_query_and_of_no_other() {
        let zero = || DataFusionError::from(ArrowError::DivideByZero);
        assert!(matches!(query_error_of(zero()), Error::Query { .. }));
        assert!(matches!(error_of(zero()), Error::Io { .. }));
        assert!(matches!(statement_error_of(zero()), Error::Internal(_)));
    }

    #[test]
    fn the_parser_tells_where() {
        let error = ParserError::ParserError("Expected: a query, found: SELEC at Line: 2, Column: 7".into());
        let Error::Query { message, place } = syntax_error(&error) else { panic!("an error of the query") };
        assert_eq!((message.as_str(), place), ("Expected: a query, found: SELEC", Some((2, 7))));
    }
}
