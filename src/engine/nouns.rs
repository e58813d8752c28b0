//! The four nouns and their columns.

use std::ops::Range;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{Error, Result};

/// The table of a source inside a plan, before its columns are converted.
pub const RAW: &str = "given";
/// The interactions that may have earned visits, as a table of a session.
pub const EVIDENCE: &str = "evidence";

/// Instants from 1980-01-01 on and before 2100-01-01, microseconds UTC. Others look like another unit than they were
/// read in: seconds read as milliseconds fall in January 1970, milliseconds read as seconds after the year 3000.
pub const PLAUSIBLE_US: Range<i64> = 315_532_800_000_000..4_102_444_800_000_000;

/// Kind of a column's values, whatever type the user's file gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or an integer; text inside.
    Id,
    /// Text.
    Text,
    /// The words `view` and `click`, or others for them; these two inside.
    Action,
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
    /// The kind of its values.
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

/// A column that is asked for, by the caller's name.
#[derive(Debug, Clone)]
pub struct WantedColumn {
    /// The name.
    pub name: String,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_needed: bool,
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
        required("action", Kind::Action),
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
            Kind::Id | Kind::Text | Kind::Action => DataType::Utf8View,
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
