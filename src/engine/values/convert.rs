//! A caller's column as a noun's.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit, try_cast};

use super::instants;
use super::parse::{instant_of_text, number_of_text};
use crate::engine::functions::function;
use crate::engine::nouns::{Column, EpochUnit, Kind, instant_type};
use crate::{Error, Result, decimal};

/// The expression that turns the user's column `theirs` of type `from` into `column`, null where it cannot.
pub fn convert(table: &str, column: &Column, theirs: &str, from: &DataType, epoch: Option<EpochUnit>) -> Result<Expr> {
    let source = || col(datafusion::common::Column::new_unqualified(theirs));
    let value_type = match from {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let refuse = |reason: &str| Error::Data {
        table: table.into(),
        column: theirs.into(),
        row: None,
        value: from.to_string(),
        reason: reason.into(),
    };
    if *value_type == DataType::Null {
        return Ok(cast(lit(datafusion::common::ScalarValue::Null), column.kind.data_type()));
    }
    match column.kind {
        Kind::Id if is_text(value_type) || value_type.is_integer() => Ok(text(source(), from)),
        Kind::Id => Err(refuse("ids are text or integers; convert the column first")),
        Kind::Text if value_type.is_nested() => Err(refuse("this column holds plain text")),
        Kind::Text => Ok(text(source(), from)),
        Kind::Number if is_text(value_type) || value_type.is_numeric() => {
            let number = match is_text(value_type) {
                true => number_of_text(from).call(vec![source()]),
                false => try_cast(source(), DataType::Float64),
            };
            Ok(if column.required { number } else { measured().call(vec![number]) })
        }
        Kind::Number => Err(refuse("this column holds numbers")),
        Kind::Instant if is_text(value_type) => Ok(instant_of_text(from, epoch).call(vec![source()])),
        Kind::Instant => instant(source(), from, value_type, epoch).ok_or_else(|| {
            refuse(
                "timestamps are instants, ISO 8601 text, or integers with epoch_unit= \"s\", \"ms\", \"us\" or \"ns\"",
            )
        }),
    }
}

/// The function that makes text of ids that are integers.
pub const INTEGER_AS_TEXT: &str = "integer_as_text";

fn text(source: Expr, from: &DataType) -> Expr {
    match from {
        DataType::Dictionary(..) => dictionary_as_text(from).call(vec![source]),
        integer if integer.is_integer() => integer_as_text(from).call(vec![source]),
        _ => cast(source, DataType::Utf8View),
    }
}

/// Not a cast: the planner would cast the bounds of the column with it, and `8` to `11` is no range of text.
fn integer_as_text(from: &DataType) -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let text: ArrayRef = match arrays[0].data_type() {
            DataType::UInt64 => compute::cast(&arrays[0], &DataType::Utf8View)?,
            _ => Arc::new(decimal::as_text(compute::cast(&arrays[0], &DataType::Int64)?.as_primitive())?),
        };
        Ok(text)
    };
    function(INTEGER_AS_TEXT, vec![from.clone()], DataType::Utf8View, Box::new(kernel))
}

/// Not a cast, which makes "" of a null among the values of a dictionary.
fn dictionary_as_text(from: &DataType) -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let dictionary = arrays[0].as_any_dictionary();
        let values = compute::cast(dictionary.values(), &DataType::Utf8View)?;
        Ok(compute::take(&values, dictionary.keys(), None)?)
    };
    function("dictionary_as_text", vec![from.clone()], DataType::Utf8View, Box::new(kernel))
}

/// The same number. Bounds of a column do not hold for its NaN, which is larger than any number: `accuracy_m > 100`
/// must not skip rows by them. Coordinates that are NaN do not count anyway.
fn measured() -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| Ok(Arc::clone(&arrays[0]));
    function("measured", vec![DataType::Float64], DataType::Float64, Box::new(kernel))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Naive instants are taken as UTC.
fn instant(source: Expr, from: &DataType, of: &DataType, epoch: Option<EpochUnit>) -> Option<Expr> {
    match of {
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => Some(match instants::of_type(from, of) {
            Some(function) => function.call(vec![source]),
            None => try_cast(source, instant_type()),
        }),
        integer if integer.is_integer() => Some(instants::of_integers(from, epoch?).call(vec![source])),
        _ => None,
    }
}
