//! What is wrong with a sample of the rows, when a data set is opened, and what would mend it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};

use datafusion::logical_expr::LogicalPlan;

use super::ask::context_with;
use super::checks::{Check, Reference, Severity, UNREADABLE, checks};
use super::report::{Finding, findings_of, table_with};
use crate::Result;
use crate::engine::context::planned;
use crate::engine::nouns::Kind;
use crate::engine::run::{Heartbeat, Table, run};
use crate::engine::session::Session;
use crate::engine::sources::source::Source;
use crate::engine::text::times::{Times, looks};
use crate::engine::values::rules::TimestampFormat;

/// What was found, and what would mend it.
type Hinted = (Finding, Option<String>);

impl Session {
    /// What is found in a sample of the rows: table, check, column, severity, rows, of (the rows that were looked at),
    /// example, hint (what would mend it).
    pub fn sample_findings(&self, heartbeat: Heartbeat) -> Result<Table> {
        let known = self.known_ids();
        let (mut findings, mut samples) = (vec![], BTreeMap::new());
        for source in self.sources.values() {
            let sample = source.sample_with_raw(&self.context)?;
            findings.extend(findings_in_sample(source, &sample, &known, heartbeat)?);
            samples.insert(source.noun().name, sample);
        }
        findings.extend(users_written_otherwise(&samples, heartbeat)?);
        let text = |of: &dyn Fn(&Hinted) -> Option<String>| -> ArrayRef {
            Arc::new(findings.iter().map(of).collect::<StringArray>())
        };
        let number = |of: fn(&Finding) -> i64| -> ArrayRef {
            Arc::new(findings.iter().map(|(finding, _)| Some(of(finding))).collect::<Int64Array>())
        };
        table_with(vec![
            ("table", text(&|(finding, _)| Some(finding.table.into()))),
            ("check", text(&|(finding, _)| Some(finding.check.into()))),
            ("column", text(&|(finding, _)| finding.column.map(String::from))),
            ("severity", text(&|(finding, _)| Some(finding.severity.name().into()))),
            ("rows", number(|finding| finding.rows)),
            ("of", number(|finding| finding.of)),
            ("example", text(&|(finding, _)| finding.example.clone())),
            ("hint", text(&|(_, hint)| hint.clone())),
        ])
    }
}

/// Users of interactions who have no pings as they are written, and would have some if leading zeros, spaces and
/// letter case did not matter.
fn users_written_otherwise(samples: &BTreeMap<&str, LogicalPlan>, heartbeat: Heartbeat) -> Result<Option<Hinted>> {
    let (Some(of_interactions), Some(of_pings)) = (samples.get("interactions"), samples.get("pings")) else {
        return Ok(None);
    };
    let (acting, walking) = (users_in_sample(of_interactions, heartbeat)?, users_in_sample(of_pings, heartbeat)?);
    if acting.intersection(&walking).next().is_some() {
        return Ok(None);
    }
    let walking: BTreeMap<String, &String> = walking.iter().map(|user| (alike(user), user)).collect();
    let pair = acting.iter().find_map(|user| Some((user, *walking.get(&alike(user))?)));
    Ok(pair.map(|(user, other)| {
        let finding = Finding {
            table: "interactions",
            check: "user without pings",
            column: Some("user_id"),
            severity: Severity::Suspicious,
            rows: acting.len() as i64,
            of: acting.len() as i64,
            example: Some(user.clone()),
        };
        (finding, Some(format!("the pings have {other:?}: write the ids alike in both tables")))
    }))
}

fn findings_in_sample(
    source: &Source,
    sample: &LogicalPlan,
    known: &Reference,
    heartbeat: Heartbeat,
) -> Result<Vec<Hinted>> {
    let noun = source.noun();
    let mut checks = checks(noun, &source.columns(), known);
    let is_asked = |check: &Check| {
        check.severity == Severity::Unusable || ["unknown establishment", "epoch unit"].contains(&check.name)
    };
    checks.retain(is_asked);
    let findings = findings_of(noun, sample, &checks, known, heartbeat)?;
    let found = findings.into_iter().filter(|finding| finding.rows > 0);
    Ok(found
        .map(|finding| {
            let hint = hint(source, &finding, known);
            (finding, hint)
        })
        .collect())
}

fn users_in_sample(sample: &LogicalPlan, heartbeat: Heartbeat) -> Result<BTreeSet<String>> {
    let context = context_with(sample, None)?;
    let users = "SELECT DISTINCT user_id FROM rows WHERE user_id IS NOT NULL";
    let (_, batches) = run(planned(&context, users)?, heartbeat)?;
    let ids = batches.iter().flat_map(|batch| batch.column(0).as_string_view().iter().flatten().map(String::from));
    Ok(ids.collect())
}

/// The id without what programs leave out or add.
fn alike(id: &str) -> String {
    id.trim().trim_start_matches('0').to_lowercase()
}

/// The option, or else the change, that would mend it.
fn hint(source: &Source, finding: &Finding, known: &Reference) -> Option<String> {
    let example = finding.example.as_deref()?;
    let kind = source.noun().columns.iter().find(|column| Some(column.name) == finding.column)?.kind;
    match (finding.check, kind) {
        (UNREADABLE, Kind::Number) if example.contains(',') => {
            Some("csv=footfall.Csv(decimal=\",\") would read it".into())
        }
        (UNREADABLE | "epoch unit", Kind::Instant) => match epoch_unit(example) {
            Some(unit) => Some(format!("epoch_unit=\"{unit}\" would read it")),
            None if !is_date(example) => None,
            None if source.csv_options().is_some() => {
                Some("csv=footfall.Csv(timestamp=\"%d/%m/%Y %H:%M\") would say how times are written".into())
            }
            None => Some("make it times first, such as with pandas.to_datetime(..., dayfirst=True)".into()),
        },
        (_, Kind::Action) => Some(format!("actions={{{example:?}: \"view\"}}, or \"click\", would say what it means")),
        ("unknown ad", _) => written_otherwise("ads", known.ads.as_ref()?, example),
        ("unknown establishment", _) => written_otherwise("establishments", known.establishments.as_ref()?, example),
        _ => None,
    }
}

fn written_otherwise(table: &str, ids: &ArrayRef, example: &str) -> Option<String> {
    let mut ids = ids.as_string_view().iter().flatten();
    let other = ids.find(|id| alike(id) == alike(example))?;
    Some(format!("the {table} have {other:?}: write the ids alike in both tables"))
}

/// Whether the text looks like day, month and year.
fn is_date(text: &str) -> bool {
    let looks = looks(&[text.to_string()]);
    matches!(looks, Times::DayOrMonth(_) | Times::Of(TimestampFormat::Patterns(_)))
}

/// The unit in which an integer is a time between 1973 and 2286.
fn epoch_unit(text: &str) -> Option<&'static str> {
    let digits = text.split('.').next().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    match digits.len() {
        9 | 10 => Some("s"),
        12 | 13 => Some("ms"),
        15 | 16 => Some("us"),
        18 | 19 => Some("ns"),
        _ => None,
    }
}
