//! What is wrong with a sample of the rows, when a data set is opened, and what would mend it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::col;

use super::ask::text_of;
use super::checks::{Check, Reference, Severity, UNREADABLE, checks};
use super::report::{Finding, table_with};
use crate::Result;
use crate::engine::context::new_context;
use crate::engine::functions::as_text;
use crate::engine::nouns::Kind;
use crate::engine::run::Table;
use crate::engine::session::Session;
use crate::engine::sources::source::Source;
use crate::engine::text::times::{Times, looks};
use crate::engine::threads::all_at_once;
use crate::engine::values::evaluate::{evaluated, evaluated_sql};
use crate::engine::values::rules::TimestampFormat;

/// What was found, and what would mend it.
type Hinted = (Finding, Option<String>);

impl Session {
    /// What is found in a sample of the rows: table, check, column, severity, rows, of (the rows that were looked at),
    /// example, hint (what would mend it).
    pub fn sample_findings(&self) -> Result<Table> {
        let known = self.known_ids();
        let context = new_context(None, None)?;
        known.register(&context);
        let (state, reads) = (context.state(), Arc::new(self.context.state()));
        let compares_users = self.compares_users();
        let (mut findings, mut samples) = (vec![], BTreeMap::new());
        let read = all_at_once(self.sources.values(), |source| (source, source.sample(&reads, !compares_users)));
        for (source, sample) in read {
            let sample = sample?;
            findings.extend(findings_in_sample(source, &sample, &known, &state)?);
            samples.insert(source.noun().name, sample);
        }
        findings.extend(if compares_users { users_written_otherwise(&samples) } else { None });
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

    /// Whether users of interactions and of pings may be written in two ways, which integers are not.
    fn compares_users(&self) -> bool {
        let both = ["interactions", "pings"].map(|name| self.sources.get(name));
        let are_integers = |source: &Option<&Source>| source.is_some_and(|source| source.has_integers("user_id"));
        both.iter().all(Option::is_some) && !both.iter().all(are_integers)
    }
}

/// Users of interactions who have no pings as they are written, and would have some if leading zeros, spaces and
/// letter case did not matter.
fn users_written_otherwise(samples: &BTreeMap<&str, RecordBatch>) -> Option<Hinted> {
    let (acting, walking) = (users_of(samples.get("interactions")?), users_of(samples.get("pings")?));
    if acting.intersection(&walking).next().is_some() {
        return None;
    }
    let walking: BTreeMap<String, &str> = walking.iter().map(|user| (alike(user), *user)).collect();
    let (user, other) = acting.iter().find_map(|user| Some((user, *walking.get(&alike(user))?)))?;
    let finding = Finding {
        table: "interactions",
        check: "user without pings",
        column: Some("user_id"),
        severity: Severity::Suspicious,
        rows: acting.len() as i64,
        of: acting.len() as i64,
        example: Some((*user).into()),
    };
    Some((finding, Some(format!("the pings have {other:?}: write the ids alike in both tables"))))
}

fn users_of(sample: &RecordBatch) -> BTreeSet<&str> {
    sample["user_id"].as_string_view().iter().flatten().collect()
}

fn findings_in_sample(
    source: &Source,
    sample: &RecordBatch,
    known: &Reference,
    state: &SessionState,
) -> Result<Vec<Hinted>> {
    let mut checks = checks(source.noun(), &source.columns(), known);
    let is_asked = |check: &Check| {
        check.severity == Severity::Unusable || ["unknown establishment", "epoch unit"].contains(&check.name)
    };
    checks.retain(is_asked);
    let mut findings = vec![];
    for check in &checks {
        let found = evaluated_sql(&check.condition, sample, state)?;
        let found = filter_record_batch(sample, found.as_boolean())?;
        if found.num_rows() == 0 {
            continue;
        }
        let finding = Finding {
            table: source.noun().name,
            check: check.name,
            column: Some(check.column),
            severity: check.severity,
            rows: found.num_rows() as i64,
            of: sample.num_rows() as i64,
            example: example(&found, check.column, state)?,
        };
        let hint = hint(source, &finding, known);
        findings.push((finding, hint));
    }
    Ok(findings)
}
/// The smallest of the caller's own values, as text, of a column in `rows`.
fn example(rows: &RecordBatch, column: &str, state: &SessionState) -> Result<Option<String>> {
    let raw = format!("raw_{column}");
    let text = as_text(&text_of(&raw), rows[raw.as_str()].data_type().clone()).call(vec![col(&raw)]);
    let values = evaluated(text, rows, state)?;
    Ok(values.as_string_view().iter().flatten().min().map(String::from))
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
