//! One error type. All variants are the user's to mend, save [`Error::Internal`]: that one is a bug of ours.

use std::path::Path;
use std::sync::Arc;

use arrow::error::ArrowError;

use crate::spelling::closest;

/// What every fallible function of the crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong, told so that its reader knows what to mend.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A value that cannot be used, such as a latitude of 95.
    #[error("{table}.{column}{}: {value}: {reason}", at_row(*row))]
    Data {
        /// The table that holds the value.
        table: String,
        /// The column that holds the value.
        column: String,
        /// The row, counted from 0, where known.
        row: Option<u64>,
        /// The value as text.
        value: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A table that a job needs and the data set lacks.
    #[error("{needed_by} needs the table `{table}`: {reason}")]
    MissingTable {
        /// The table that is not there.
        table: String,
        /// The job or function that asked for it.
        needed_by: String,
        /// Where it was looked for.
        reason: String,
    },
    /// A column that a table should have and does not.
    #[error("the table `{table}` has no {} ({place}); it has {}", named(columns), known(columns, found))]
    MissingColumn {
        /// The table that was read.
        table: String,
        /// The file, or where else the table is.
        place: String,
        /// The columns that are not there: our name and the caller's.
        columns: Vec<(String, String)>,
        /// The columns that are.
        found: Vec<String>,
    },
    /// A definition or option out of its range, such as a negative radius or an unknown time zone.
    #[error("{name} = {value}: {reason}")]
    Definition {
        /// The option's name.
        name: String,
        /// The value as text.
        value: String,
        /// What is expected instead.
        reason: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("{path}: {reason}")]
    Io {
        /// The path or address.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The user's own SQL does not run.
    #[error("{message}")]
    Query {
        /// What is wrong with it.
        message: String,
        /// The line and the column of the text, both counted from 1, where known.
        place: Option<(u64, u64)>,
    },
    /// Arrow data that does not fit together.
    #[error("{0}")]
    Arrow(Arc<ArrowError>),
    /// The user stopped the work.
    #[error("cancelled")]
    Cancelled,
    /// Ours, never the user's.
    #[error("this is a bug in footfall: {0}")]
    Internal(String),
}

impl Error {
    /// Makes an error of the user's query, at no known place.
    pub fn query(message: impl Into<String>) -> Self {
        Self::Query { message: message.into(), place: None }
    }
}

/// Makes an error about a file or a folder.
pub fn unreadable(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Io { path: path.display().to_string(), reason: reason.to_string() }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(Arc::new(error))
    }
}

/// The caller's names of columns that are not there.
fn named(columns: &[(String, String)]) -> String {
    let names = columns.iter().map(|(_, theirs)| format!("`{theirs}`")).collect::<Vec<_>>().join(", ");
    format!("column{} {names}", if columns.len() > 1 { "s" } else { "" })
}

/// The columns that there are, and the option that says what a column is called, with the name that is probably meant.
fn known(columns: &[(String, String)], found: &[String]) -> String {
    let pair = |(ours, theirs): &(String, String)| {
        let meant = closest(theirs, found.iter().map(String::as_str)).unwrap_or("...");
        format!("{ours:?}: {meant:?}")
    };
    let pairs = columns.iter().map(pair).collect::<Vec<_>>().join(", ");
    match found.is_empty() {
        true => "none".into(),
        false => format!("{}: columns={{{pairs}}} says what yours are called", found.join(", ")),
    }
}

fn at_row(row: Option<u64>) -> String {
    row.map_or_else(String::new, |row| format!(", row {row}"))
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn a_data_error_names_the_value_the_place_and_the_reason() {
        let error = |row| Error::Data {
            table: "pings".into(),
            column: "latitude".into(),
            row,
            value: "95".into(),
            reason: "expected -90 to 90".into(),
        };
        assert_eq!(error(Some(7)).to_string(), "pings.latitude, row 7: 95: expected -90 to 90");
        assert_eq!(error(None).to_string(), "pings.latitude: 95: expected -90 to 90");
    }

    #[test]
    fn a_bug_of_ours_says_so() {
        assert_eq!(Error::Internal("no plan".into()).to_string(), "this is a bug in footfall: no plan");
    }
}
