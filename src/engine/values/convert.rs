//! A caller's column as a noun's.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit, try_cast};

use super::instants;
use super::parse::{action_of_text, instant_of_text, number_of_text, readings_of_text};
use super::rules::{Actions, ColumnName, TextRules, TimeRules};
use crate::engine::functions::function;
use crate::engine::nouns::{Column, Kind, instant_type};
use crate::{Error, Result, decimal};

/// How values become ours.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Times.
    pub times: &'a TimeRules,
    /// Numbers and times that are text.
    pub text: &'a TextRules,
    /// Actions.
    pub actions: &'a Actions,
}

/// The expression that turns the user's column `theirs` of type `from` into `column`, null where it cannot.
pub fn convert(table: &str, column: &Column, theirs: &str, from: &DataType, rules: Rules) -> Result<Expr> {
    let source = || col(datafusion::common::Column::new_unqualified(theirs));
    let place = || ColumnName { table: table.into(), column: theirs.into() };
    let value_type = value_type(from);
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
        Kind::Action if value_type.is_nested() => Err(refuse("this column holds plain text")),
        Kind::Action => Ok(action_of_text(rules.actions).call(vec![text(source(), from)])),
        Kind::Number if is_text(value_type) || value_type.is_numeric() => {
            let number = match is_text(value_type) {
                true => number_of_text(from, rules.text.has_decimal_comma).call(vec![source()]),
                false => try_cast(source(), DataType::Float64),
            };
            Ok(if column.required { number } else { measured().call(vec![number]) })
        }
        Kind::Number => Err(refuse("this column holds numbers")),
        Kind::Instant => instant(source(), from, rules, place())?.ok_or_else(|| {
            refuse(
                "timestamps are instants, ISO 8601 text, or integers with epoch_unit= \"s\", \"ms\", \"us\" or \"ns\"",
            )
        }),
    }
}

/// The expression of a column of times, whatever they are; `None` if they are none, or in a unit that nobody names.
fn instant(source: Expr, from: &DataType, rules: Rules, column: ColumnName) -> Result<Option<Expr>> {
    let of = value_type(from);
    if is_text(of) {
        return Ok(Some(instant_of_text(from, rules.times, rules.text, column).call(vec![source])));
    }
    match &rules.times.naive {
        None if is_naive(of) => Err(column.without_offset(&from.to_string())),
        Some(calendar) if is_naive(of) && !calendar.is_utc() => {
            Ok(Some(instants::of_local(from, calendar).call(vec![source])))
        }
        _ => Ok(instant_of_typed(source, from, of, rules.times)),
    }
}

/// The expression that counts how often the clock of the caller's column `theirs` reads each of its times; null where
/// they are on no clock.
pub fn readings(table: &str, theirs: &str, from: &DataType, rules: Rules) -> Expr {
    let source = || col(datafusion::common::Column::new_unqualified(theirs));
    let clock = rules.times.naive.as_ref().filter(|calendar| !calendar.is_utc());
    match (clock, value_type(from)) {
        (Some(_), text) if is_text(text) => {
            let place = ColumnName { table: table.into(), column: theirs.into() };
            readings_of_text(from, rules.times, rules.text, place).call(vec![source()])
        }
        (Some(calendar), naive) if is_naive(naive) => instants::readings_of_local(from, calendar).call(vec![source()]),
        _ => lit(datafusion::common::ScalarValue::Int64(None)),
    }
}

fn value_type(from: &DataType) -> &DataType {
    match from {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    }
}

/// Whether values are readings of some clock, not instants.
fn is_naive(value_type: &DataType) -> bool {
    matches!(value_type, DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64)
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

/// Instants, days and readings of a clock on UTC, and integers if the caller says their unit.
fn instant_of_typed(source: Expr, from: &DataType, of: &DataType, times: &TimeRules) -> Option<Expr> {
    match of {
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => Some(match instants::of_type(from, of) {
            Some(function) => function.call(vec![source]),
            None => try_cast(source, instant_type()),
        }),
        integer if integer.is_integer() => Some(instants::of_integers(from, times.epoch_unit?).call(vec![source])),
        _ => None,
    }
}
