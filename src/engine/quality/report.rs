//! The door: which rows can be used, how many cannot and why, and the first of them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Float64Type, Int64Type, Schema};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, when};
use datafusion::prelude::SessionContext;

use super::ask::{context_with, query, register_rows, text_of};
use super::checks::{Check, Reference, Severity, UNREADABLE, checks};
use super::duplicates;
use crate::engine::context::{new_context, planned};
use crate::engine::errors::error_of;
use crate::engine::functions::as_text;
use crate::engine::nouns::Column;
use crate::engine::run::{Heartbeat, Table, run, run_outward};
use crate::engine::session::Session;
use crate::engine::sources::part::SourcePart;
use crate::engine::sources::source::{Source, raw_name};
use crate::engine::sources::usable::usable_rows;
use crate::{Error, Result};

/// One line of the table of checks.
pub(super) struct Finding {
    pub table: &'static str,
    pub check: &'static str,
    pub column: Option<&'static str>,
    pub severity: Severity,
    pub rows: i64,
    pub of: i64,
    pub example: Option<String>,
}

impl Finding {
    /// Sorts what found rows first, then by severity and share.
    fn rank(&self) -> (bool, bool, i64) {
        let parts = |millions: i64| self.rows.saturating_mul(millions) / self.of.max(1);
        (self.rows == 0, self.severity != Severity::Unusable, -parts(1_000_000))
    }
}

impl Session {
    /// The checks of all tables that found rows, or `all`, the worst first: table, check, column, rows, share (of the
    /// table's rows), severity, example.
    pub fn check(&self, all: bool, heartbeat: Heartbeat) -> Result<Table> {
        let whole = self.unrestricted()?;
        let known = whole.known(heartbeat)?;
        let mut findings = vec![];
        for source in whole.sources.values() {
            let of_rows = findings_of_rows(source, &known, heartbeat)?;
            let copies = whole.copies(source, &unreadable(source, &of_rows), heartbeat)?;
            findings.extend(of_rows.into_iter().chain(copies));
        }
        findings.extend(whole.users_without_pings(heartbeat)?);
        findings.retain(|finding| all || finding.rows > 0);
        findings.sort_by_key(Finding::rank);
        table_of(&findings)
    }

    /// The first `limit` rows of a table that no answer can use: file, row (in it, from 0), check, column, value.
    pub fn unusable(&self, table: &str, limit: usize, heartbeat: Heartbeat) -> Result<Table> {
        let whole = self.unrestricted()?;
        let source = whole.sources.get(table).ok_or_else(|| Error::Definition {
            name: "table".into(),
            value: table.into(),
            reason: whole.what_is_there(),
        })?;
        table_of_problems(&problems(source, &whole.known(heartbeat)?, limit, heartbeat)?)
    }

    /// An error that names the first row of `tables` that no answer can use.
    pub fn refuse_unusable(&self, tables: &[String], heartbeat: Heartbeat) -> Result<()> {
        let known = self.known(heartbeat)?;
        for source in self.sources.values().filter(|source| tables.iter().any(|name| name == source.noun().name)) {
            refuse_unusable(source, &known, heartbeat)?;
            for finding in self.copies(source, &[], heartbeat)? {
                if finding.severity == Severity::Unusable && finding.rows > 0 {
                    return Err(Error::Data {
                        table: finding.table.into(),
                        column: finding.column.unwrap_or_default().into(),
                        row: None,
                        value: finding.example.unwrap_or_default(),
                        reason: "rows of this id disagree".into(),
                    });
                }
            }
        }
        Ok(())
    }

    fn known(&self, heartbeat: Heartbeat) -> Result<Reference> {
        Ok(Reference { middle: self.middle(heartbeat)?, ..self.known_ids() })
    }

    /// The ids of the small tables.
    pub(super) fn known_ids(&self) -> Reference {
        let ads = self.ads.as_ref().map(|ads| Arc::clone(ads.ids()));
        let establishments = self.establishments.as_ref().map(|places| Arc::clone(places.ids()));
        Reference { ads, establishments, middle: None }
    }

    /// The median place of the establishments, or else of the pings.
    fn middle(&self, heartbeat: Heartbeat) -> Result<Option<(f64, f64)>> {
        let Some(table) = ["establishments", "pings"].into_iter().find(|name| self.sources.contains_key(name)) else {
            return Ok(None);
        };
        let query = format!("SELECT approx_median(latitude), approx_median(longitude) FROM {table}");
        let (_, batches) = self.answer_of(&query, heartbeat)?;
        let degrees = |column: usize| {
            let values = batches.first()?.column(column).as_primitive_opt::<Float64Type>()?;
            values.is_valid(0).then(|| values.value(0))
        };
        Ok(degrees(0).zip(degrees(1)))
    }

    /// Rows that are there twice, and, where an id is a key, rows that disagree about it.
    fn copies(&self, source: &Source, unreadable: &[&'static Column], heartbeat: Heartbeat) -> Result<Vec<Finding>> {
        let noun = source.noun();
        let is_key = matches!(noun.name, "establishments" | "ads");
        let context = context_with(&with_unread(source, unreadable)?, self.options.memory_limit)?;
        let columns: Vec<&'static Column> = source.columns();
        let (_, rows) = query(&context, "SELECT count(*), NULL FROM rows", heartbeat)?;
        let finding = |check, column, severity, (example, rows): (Option<String>, i64), of| Finding {
            table: noun.name,
            check,
            column,
            severity,
            rows,
            of,
            example,
        };
        let twice = duplicates::count(&context, &columns, unreadable, rows, heartbeat)?;
        let mut findings = vec![finding("duplicate", None, Severity::Suspicious, twice, rows)];
        if is_key {
            let (id, all) = (columns[0].name, duplicates::names(&columns));
            let context = context_with(&usable_rows(source)?, self.options.memory_limit)?;
            let versions = format!(
                "SELECT coalesce(sum(versions - 1), 0), min({id}) FROM (
                     SELECT {id}, count(*) AS versions FROM (SELECT DISTINCT {all} FROM rows)
                     GROUP BY {id} HAVING count(*) > 1)"
            );
            let versions = query(&context, &versions, heartbeat)?;
            findings.push(finding("conflicting duplicate", Some(id), Severity::Unusable, versions, rows));
        }
        Ok(findings)
    }

    fn users_without_pings(&self, heartbeat: Heartbeat) -> Result<Option<Finding>> {
        if !["interactions", "pings"].iter().all(|name| self.sources.contains_key(name)) {
            return Ok(None);
        }
        let lost = "SELECT count(*), min(user_id) FROM (SELECT DISTINCT user_id FROM interactions)
                    WHERE user_id NOT IN (SELECT DISTINCT user_id FROM pings)";
        let (example, rows) = query(&self.context, lost, heartbeat)?;
        let (_, of) = query(&self.context, "SELECT count(DISTINCT user_id), NULL FROM interactions", heartbeat)?;
        let (column, severity) = (Some("user_id"), Severity::Suspicious);
        Ok(Some(Finding { table: "interactions", check: "user without pings", column, severity, rows, of, example }))
    }
}

/// The columns of `source` in which values were found that cannot be read.
fn unreadable(source: &Source, findings: &[Finding]) -> Vec<&'static Column> {
    let is_found = |column: &&'static Column| {
        let mut found = findings.iter().filter(|finding| finding.check == UNREADABLE && finding.rows > 0);
        found.any(|finding| finding.column == Some(column.name))
    };
    source.columns().into_iter().filter(is_found).collect()
}

/// The rows of `source` and, as text, what cannot be read of the `unreadable` columns.
fn with_unread(source: &Source, unreadable: &[&'static Column]) -> Result<LogicalPlan> {
    if unreadable.is_empty() {
        return source.converted();
    }
    let rows = source.with_raw()?;
    let mut columns: Vec<Expr> = source.noun().columns.iter().map(|column| col(column.name)).collect();
    for column in unreadable {
        let raw = raw_name(column);
        let from = rows.schema().field_with_unqualified_name(&raw).map_err(error_of)?.data_type().clone();
        let text = as_text(&text_of(&raw), from).call(vec![col(&raw)]);
        let unread = when(col(column.name).is_null(), text).end().map_err(error_of)?;
        columns.push(unread.alias(duplicates::unread_name(column)));
    }
    LogicalPlanBuilder::from(rows).project(columns).and_then(LogicalPlanBuilder::build).map_err(error_of)
}

/// What the checks find among all rows of `source`.
fn findings_of_rows(source: &Source, known: &Reference, heartbeat: Heartbeat) -> Result<Vec<Finding>> {
    let checks = checks(source.noun(), &source.columns(), known);
    let context = context_with(&source.with_raw()?, None)?;
    known.register(&context);
    let counts = checks.iter().enumerate();
    let counts = counts.map(|(number, check)| format!("count(*) FILTER (WHERE {}) AS n{number}", check.condition));
    let sql = format!("SELECT count(*), {} FROM rows", counts.collect::<Vec<_>>().join(", "));
    let (_, batches) = run(planned(&context, &sql)?, heartbeat)?;
    let batch = batches.first().ok_or_else(|| Error::Internal("no row of checks".into()))?;
    let count = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(0);
    let finding = |(number, check): (usize, &Check)| {
        let rows = count(1 + number);
        Ok(Finding {
            table: source.noun().name,
            check: check.name,
            column: Some(check.column),
            severity: check.severity,
            rows,
            of: count(0),
            example: if rows > 0 { example(&context, check, heartbeat)? } else { None },
        })
    };
    checks.iter().enumerate().map(finding).collect()
}

/// The smallest value, as text, among the rows that `check` finds.
fn example(context: &SessionContext, check: &Check, heartbeat: Heartbeat) -> Result<Option<String>> {
    let Check { condition, column, .. } = check;
    let text = text_of(&format!("raw_{column}"));
    let sql = format!("SELECT count(*), min({text}(raw_{column})) FROM rows WHERE {condition}");
    Ok(query(context, &sql, heartbeat)?.0)
}

/// An error that names the first row of `source` that cannot be used.
pub fn refuse_unusable(source: &Source, known: &Reference, heartbeat: Heartbeat) -> Result<()> {
    match problems(source, known, 1, heartbeat)?.into_iter().next() {
        None => Ok(()),
        Some(Problem { file, row, check, value }) => Err(Error::Data {
            table: source.noun().name.into(),
            column: check.column.into(),
            row: Some(row),
            value: value.unwrap_or_else(|| "null".into()),
            reason: format!("{} (in {file})", check.reason),
        }),
    }
}

/// A row that no answer can use.
struct Problem {
    file: String,
    /// In the file, from 0.
    row: u64,
    check: Check,
    value: Option<String>,
}

/// The first `limit` rows of `source` that cannot be used.
fn problems(source: &Source, known: &Reference, limit: usize, heartbeat: Heartbeat) -> Result<Vec<Problem>> {
    let mut checks = checks(source.noun(), &source.columns(), known);
    checks.retain(|check| check.severity == Severity::Unusable);
    let mut found = vec![];
    if limit == 0 || !has_problems(source, known, &checks, heartbeat)? {
        return Ok(found);
    }
    for part in &source.parts {
        for file in part.in_order()? {
            let context = new_context(Some(1), None)?;
            known.register(&context);
            register_rows(&context, &source.part_with_raw(&file)?)?;
            let sql = first_problems(&checks, limit - found.len());
            let (_, batches) = run_outward(planned(&context, &sql)?, heartbeat)?;
            for batch in &batches {
                found.extend(problems_of(&file, &checks, batch)?);
            }
            if found.len() >= limit {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Whether any check finds a row: on all cores, where to find the first takes one row after the other.
fn has_problems(source: &Source, known: &Reference, checks: &[Check], heartbeat: Heartbeat) -> Result<bool> {
    let context = context_with(&source.with_raw()?, None)?;
    known.register(&context);
    let any: Vec<String> = checks.iter().map(|check| format!("({})", check.condition)).collect();
    let (_, rows) = query(&context, &format!("SELECT count(*), NULL FROM rows WHERE {}", any.join(" OR ")), heartbeat)?;
    Ok(rows > 0)
}

/// The numbers of the first rows that some check finds, the checks' numbers, and the values.
fn first_problems(checks: &[Check], limit: usize) -> String {
    let case = |of: &dyn Fn(usize, &Check) -> String| {
        let whens = checks.iter().enumerate();
        whens.map(|(number, check)| format!(" WHEN {} THEN {}", check.condition, of(number, check))).collect::<String>()
    };
    format!(
        "SELECT row, problem, value FROM (
             SELECT CAST(row_number() OVER () AS BIGINT) - 1 AS row,
                    CASE{} END AS problem,
                    CASE{} END AS value
             FROM rows)
         WHERE problem IS NOT NULL ORDER BY row LIMIT {limit}",
        case(&|number, _| number.to_string()),
        case(&|_, check| format!("{}(raw_{})", text_of(&format!("raw_{}", check.column)), check.column)),
    )
}

fn problems_of(file: &SourcePart, checks: &[Check], found: &RecordBatch) -> Result<Vec<Problem>> {
    let integers = |name: &str| found[name].as_primitive::<Int64Type>().values();
    let (rows, numbers, values) = (integers("row"), integers("problem"), found["value"].as_string::<i32>());
    let first_row = file.first_row()?;
    let problem = |((row, number), value): ((&i64, &i64), Option<&str>)| Problem {
        file: file.label(),
        row: first_row + *row as u64,
        check: checks[*number as usize].clone(),
        value: value.map(String::from),
    };
    Ok(rows.iter().zip(numbers.iter()).zip(values).map(problem).collect())
}

fn table_of_problems(problems: &[Problem]) -> Result<Table> {
    let text = |of: &dyn Fn(&Problem) -> Option<String>| -> ArrayRef {
        Arc::new(problems.iter().map(of).collect::<StringArray>())
    };
    let rows = problems.iter().map(|problem| i64::try_from(problem.row).ok());
    table_with(vec![
        ("file", text(&|problem| Some(problem.file.clone()))),
        ("row", Arc::new(rows.collect::<Int64Array>())),
        ("check", text(&|problem| Some(problem.check.name.into()))),
        ("column", text(&|problem| Some(problem.check.column.into()))),
        ("value", text(&|problem| problem.value.clone())),
    ])
}

/// A table of these columns.
pub(super) fn table_with(columns: Vec<(&str, ArrayRef)>) -> Result<Table> {
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect())?;
    Ok((schema, vec![batch]))
}

fn table_of(findings: &[Finding]) -> Result<Table> {
    let text = |of: &dyn Fn(&Finding) -> Option<String>| -> ArrayRef {
        Arc::new(findings.iter().map(of).collect::<StringArray>())
    };
    let share = |finding: &Finding| (finding.of > 0).then(|| finding.rows as f64 / finding.of as f64);
    table_with(vec![
        ("table", text(&|finding| Some(finding.table.into()))),
        ("check", text(&|finding| Some(finding.check.into()))),
        ("column", text(&|finding| finding.column.map(String::from))),
        ("rows", Arc::new(findings.iter().map(|finding| Some(finding.rows)).collect::<Int64Array>())),
        ("share", Arc::new(findings.iter().map(share).collect::<Float64Array>())),
        ("severity", text(&|finding| Some(finding.severity.name().into()))),
        ("example", text(&|finding| finding.example.clone())),
    ])
}
