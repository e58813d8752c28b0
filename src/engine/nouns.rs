//! The four nouns: their columns, and how a user's columns become them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit, try_cast};

use super::functions::function;
use super::instants;
use super::parse::{instant_of_text, number_of_text};
use crate::{Error, Result, decimal};

/// What a column holds, whatever type the user's file gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or an integer; text inside.
    Id,
    /// Text.
    Text,
    /// A number in the unit that the column's name tells.
    Number,
    /// An instant; microseconds UTC inside.
    Instant,
}

/// One column of a noun.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its fixed name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the column must be there and every row needs a value.
    pub required: bool,
}

impl Column {
    /// Whether every row needs this id.
    pub fn is_required_id(&self) -> bool {
        self.required && self.kind == Kind::Id
    }
}

/// A table that users bring.
#[derive(Debug, Clone, Copy)]
pub struct Noun {
    /// Its fixed name.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

const fn required(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

/// Places that advertise.
pub const ESTABLISHMENTS: Noun = Noun {
    name: "establishments",
    columns: &[
        required("establishment_id", Kind::Id),
        optional("name", Kind::Text),
        required("category", Kind::Text),
        required("latitude", Kind::Number),
        required("longitude", Kind::Number),
    ],
};

/// Ads, each of one campaign and perhaps of one establishment.
pub const ADS: Noun = Noun {
    name: "ads",
    columns: &[
        required("ad_id", Kind::Id),
        required("campaign_id", Kind::Id),
        required("category", Kind::Text),
        optional("establishment_id", Kind::Id),
    ],
};

/// Views of and clicks on ads.
pub const INTERACTIONS: Noun = Noun {
    name: "interactions",
    columns: &[
        required("user_id", Kind::Id),
        required("ad_id", Kind::Id),
        required("action", Kind::Text),
        required("timestamp", Kind::Instant),
    ],
};

/// Location records.
pub const PINGS: Noun = Noun {
    name: "pings",
    columns: &[
        required("user_id", Kind::Id),
        required("timestamp", Kind::Instant),
        required("latitude", Kind::Number),
        required("longitude", Kind::Number),
        optional("accuracy_m", Kind::Number),
    ],
};

/// Visits as they come back from a caller.
pub const VISITS: Noun = Noun {
    name: "visits",
    columns: &[
        required("user_id", Kind::Id),
        required("timestamp", Kind::Instant),
        required("establishment_id", Kind::Id),
        optional("distance_m", Kind::Number),
    ],
};

/// Ads as far as attribution needs them.
pub const ADS_OF_ESTABLISHMENTS: Noun =
    Noun { name: "ads", columns: &[required("ad_id", Kind::Id), optional("establishment_id", Kind::Id)] };

/// All nouns, small tables first.
pub const NOUNS: [Noun; 4] = [ESTABLISHMENTS, ADS, INTERACTIONS, PINGS];

/// The inner type of every instant.
pub fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Kind {
    /// The inner type.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Id | Kind::Text => DataType::Utf8View,
            Kind::Number => DataType::Float64,
            Kind::Instant => instant_type(),
        }
    }
}

impl Noun {
    /// The noun called `name`.
    pub fn named(name: &str) -> Option<Noun> {
        NOUNS.into_iter().find(|noun| noun.name == name)
    }

    /// The inner schema.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|c| Field::new(c.name, c.kind.data_type(), true));
        Schema::new(fields.collect::<Vec<_>>()).into()
    }
}

/// The unit of timestamps that are plain integers since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpochUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds.
    Nanosecond,
}

impl EpochUnit {
    /// Reads `"s"`, `"ms"`, `"us"` or `"ns"`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "s" => Ok(Self::Second),
            "ms" => Ok(Self::Millisecond),
            "us" => Ok(Self::Microsecond),
            "ns" => Ok(Self::Nanosecond),
            _ => Err(Error::Definition {
                name: "epoch_unit".into(),
                value: text.into(),
                reason: "expected one of \"s\", \"ms\", \"us\", \"ns\"".into(),
            }),
        }
    }
}

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
