//! Checks of the caller's tables, as SQL conditions on a row and its `raw_…` values.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;

use crate::engine::functions::function;
use crate::engine::nouns::{Column, Kind, Noun, PLAUSIBLE_US};
use crate::engine::sources::source::readings_name;

/// The check for values that are there and cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// Coordinates look swapped if they lie this far, in degrees, from the middle of the data …
const FAR_DEGREES: f64 = 5.0;
/// … and this near to it once they are exchanged.
const NEAR_DEGREES: f64 = 2.0;

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Left out of every answer, and counted.
    Unusable,
    /// Kept, and counted.
    Suspicious,
}

impl Severity {
    /// The word in the table of checks.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Unusable => "unusable",
            Severity::Suspicious => "suspicious",
        }
    }
}

/// One thing that can be wrong with a row.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// The column that it is about.
    pub column: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// The SQL condition that finds it.
    pub condition: String,
    /// The reason, as an error tells it.
    pub reason: String,
}

/// Ids and a place that checks compare rows with.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// The ids of the ads.
    pub ads: Option<ArrayRef>,
    /// The ids of the establishments.
    pub establishments: Option<ArrayRef>,
    /// The middle of the data: latitude, longitude.
    pub middle: Option<(f64, f64)>,
}

impl Reference {
    /// Registers `known_ad(id)` and `known_establishment(id)`, as far as they are known.
    pub fn register(&self, context: &SessionContext) {
        for (name, ids) in [("known_ad", &self.ads), ("known_establishment", &self.establishments)] {
            if let Some(ids) = ids {
                let known: HashSet<String> = ids.as_string_view().iter().flatten().map(String::from).collect();
                let kernel = move |arrays: &[ArrayRef]| {
                    let ids = arrays[0].as_string_view().iter();
                    let known = ids.map(|id| id.map(|id| known.contains(id)));
                    Ok(Arc::new(known.collect::<BooleanArray>()) as ArrayRef)
                };
                context.register_udf(function(name, vec![DataType::Utf8View], DataType::Boolean, Box::new(kernel)));
            }
        }
    }
}

/// All checks of a row of `noun`, of which the caller's table has `columns`.
pub fn checks(noun: &Noun, columns: &[&'static Column], known: &Reference) -> Vec<Check> {
    let mut checks: Vec<Check> = columns.iter().flat_map(|column| checks_of_column(column)).collect();
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    if has("latitude") {
        checks.extend(checks_of_place(known.middle));
    }
    if noun.name == "interactions" && known.ads.is_some() {
        checks.push(unknown_ad());
    }
    if noun.name == "ads" && has("establishment_id") && known.establishments.is_some() {
        checks.push(unknown_establishment());
    }
    checks
}

fn checks_of_column(column: &'static Column) -> Vec<Check> {
    let name = column.name;
    let severity = if column.required { Severity::Unusable } else { Severity::Suspicious };
    let check = |title, condition: String, reason: &str| check_of(column, title, severity, condition, reason);
    let mut checks = vec![];
    if column.required {
        checks.push(check("null", format!("raw_{name} IS NULL"), "a value is needed"));
    }
    match (name, column.kind) {
        ("latitude", _) => checks.extend(checks_of_number(column, Some(90), severity)),
        ("longitude", _) => checks.extend(checks_of_number(column, Some(180), severity)),
        (_, Kind::Number) => checks.extend(checks_of_number(column, None, severity)),
        (_, Kind::Action) => {
            let condition = "action IS NOT NULL AND action NOT IN ('view', 'click')".into();
            checks.push(check("unknown action", condition, "expected view or click"));
        }
        (_, Kind::Instant) => checks.extend(checks_of_instant(column, severity)),
        (_, Kind::Id | Kind::Text) => {}
    }
    checks
}

fn check_of(column: &'static Column, name: &'static str, severity: Severity, condition: String, reason: &str) -> Check {
    Check { name, column: column.name, severity, condition, reason: reason.into() }
}

/// The checks of a number, of degrees up to `limit` from 0 too.
fn checks_of_number(column: &'static Column, limit: Option<i32>, severity: Severity) -> Vec<Check> {
    let name = column.name;
    let unreadable = format!("raw_{name} IS NOT NULL AND {name} IS NULL");
    let mut checks = vec![check_of(column, UNREADABLE, severity, unreadable, "not a number")];
    if let Some(limit) = limit {
        let condition = format!("{name} IS NOT NULL AND NOT {name} BETWEEN -{limit} AND {limit}");
        let reason = format!("expected degrees from -{limit} to {limit}");
        checks.push(check_of(column, "out of range", severity, condition, &reason));
    }
    checks
}

fn checks_of_instant(column: &'static Column, severity: Severity) -> Vec<Check> {
    let (name, readings) = (column.name, readings_name(column));
    let [first, last] = [PLAUSIBLE_US.start, PLAUSIBLE_US.end].map(|us| format!("to_timestamp_micros({us})"));
    let unreadable = format!("raw_{name} IS NOT NULL AND {name} IS NULL AND coalesce({readings}, 1) > 0");
    let skipped = "the clock of naive_tz was set forward past it";
    let repeated = "the clock of naive_tz read it twice; the first is taken";
    let (other, future) =
        (format!("{name} < {first} OR {name} >= {last}"), format!("{name} > now() AND {name} < {last}"));
    let suspicious = |title, condition, reason: &str| check_of(column, title, Severity::Suspicious, condition, reason);
    vec![
        check_of(column, UNREADABLE, severity, unreadable, "not an instant: ISO 8601, or give epoch_unit"),
        check_of(column, "skipped local time", severity, format!("{readings} = 0"), skipped),
        suspicious("repeated local time", format!("{readings} = 2"), repeated),
        suspicious("epoch unit", other, "looks like another epoch unit"),
        suspicious("in the future", future, "lies in the future"),
    ]
}

fn checks_of_place(middle: Option<(f64, f64)>) -> Vec<Check> {
    let suspicious = |name, condition: String, reason: &str| Check {
        name,
        column: "latitude",
        severity: Severity::Suspicious,
        condition,
        reason: reason.into(),
    };
    let mut checks =
        vec![suspicious("at (0, 0)", "latitude = 0 AND longitude = 0".into(), "a place that nobody is at")];
    if let Some((latitude, longitude)) = middle {
        let off = |a: &str, b: &str| format!("abs({a} - ({latitude})) + abs({b} - ({longitude}))");
        let far = format!("{} > {FAR_DEGREES}", off("latitude", "longitude"));
        let near = format!("{} < {NEAR_DEGREES}", off("longitude", "latitude"));
        checks.push(suspicious("swapped", format!("{far} AND {near}"), "latitude and longitude look swapped"));
    }
    checks
}

fn unknown_ad() -> Check {
    Check {
        name: "unknown ad",
        column: "ad_id",
        severity: Severity::Unusable,
        condition: "ad_id IS NOT NULL AND NOT known_ad(ad_id)".into(),
        reason: "no usable ad has this id".into(),
    }
}

fn unknown_establishment() -> Check {
    Check {
        name: "unknown establishment",
        column: "establishment_id",
        severity: Severity::Suspicious,
        condition: "establishment_id IS NOT NULL AND NOT known_establishment(establishment_id)".into(),
        reason: "no usable establishment has this id".into(),
    }
}
