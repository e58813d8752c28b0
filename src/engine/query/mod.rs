//! The user's own statement: planned, unless it does more than ask, or told what is wrong with it and where.

pub mod depth;

use std::thread;

use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use self::depth::{balanced, depth_of, depth_of_text};
use crate::calendar::Calendar;
use crate::engine::errors::{external, not_there, query_error_of};
use crate::engine::planning::texts::with_instants;
use crate::engine::run::threads;
use crate::spelling::{closest, question};
use crate::{Error, Result};

/// The tables that a query may name, each with those that it is made of.
const TABLES: [(&str, &[&str]); 6] = [
    ("establishments", &[]),
    ("ads", &[]),
    ("interactions", &[]),
    ("pings", &[]),
    ("visits", &["pings", "establishments"]),
    ("attributed_visits", &["pings", "establishments", "interactions", "ads"]),
];
/// Parentheses and sub-queries within each other that the parser follows.
const DEEPEST_TEXT: usize = 100;
/// Steps of a plan or an expression above each other beyond which threads would need larger stacks.
const DEEPEST_PLAN: usize = 1_000;
/// Steps beyond which chains of conditions are made trees.
const DEEPEST_CHAIN: usize = 50;
/// The stack that plans any short statement.
const STACK: usize = 32 << 20;
/// Stack for each letter, as if each were an operator that nests all before it.
const STACK_PER_STEP: usize = 8 << 10;
/// Letters that may nest, beyond which a statement is refused.
const MOST_STEPS: usize = 400_000;
/// Letters of a line that are shown before and after a place in it.
const SHOWN: usize = 60;

/// Plans the user's statement, on a stack that is as deep as the statement may be.
pub fn frame(context: &SessionContext, calendar: &Calendar, sql: &str) -> Result<DataFrame> {
    let steps = steps_of(sql);
    if steps > MOST_STEPS {
        return Err(Error::query(format!("the query is too long: {steps} letters beside its values, of {MOST_STEPS}")));
    }
    let plan = || plan_of(context, calendar, sql).map_err(|error| with_excerpt(explained(error, context), sql));
    let plan = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK + steps * STACK_PER_STEP).spawn_scoped(scope, plan);
        let thread = thread.map_err(|error| Error::query(format!("too long to be planned here: {error}")))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    threads().block_on(context.execute_logical_plan(plan)).map_err(query_error_of)
}

/// Counts the letters of a statement that may nest: those of values and of lists of them do not.
fn steps_of(sql: &str) -> usize {
    let mut quoted = false;
    let may_nest = |byte: &u8| {
        quoted ^= *byte == b'\'';
        !quoted && !byte.is_ascii_digit() && !byte.is_ascii_whitespace() && !b"',".contains(byte)
    };
    sql.as_bytes().iter().copied().filter(may_nest).count()
}

fn plan_of(context: &SessionContext, calendar: &Calendar, sql: &str) -> PlanResult<LogicalPlan> {
    let parser = DFParserBuilder::new(sql).with_recursion_limit(DEEPEST_TEXT).build();
    let statements = parser?.parse_statements();
    if statements.is_err() && most_nots(sql) >= DEEPEST_TEXT {
        return refused(format!("NOT is nested {} deep, and {DEEPEST_TEXT} is the most", most_nots(sql)));
    }
    let mut statements = statements?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return refused("one statement at a time: this is none, or several");
    };
    let Some(question) = question_of(&statement) else {
        let word = statement.to_string().split_whitespace().next().unwrap_or_default().to_uppercase();
        return refused(format!("{word} is no question: only SELECT runs here (WITH, VALUES and EXPLAIN too)"));
    };
    not_deeper(depth_of_text(question))?;
    let plan = threads().block_on(context.state().statement_to_plan(statement))?;
    let reads_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads_only.verify_plan(&plan)?;
    let plan = if depth_of(&plan)? > DEEPEST_CHAIN { balanced(plan)? } else { plan };
    not_deeper(depth_of(&plan)?)?;
    with_instants(plan, calendar)
}

/// Counts the longest run of NOT: the parser does not tell that it is too long, but looks for the statement's end in
/// it.
fn most_nots(sql: &str) -> usize {
    let runs = sql.split_whitespace().scan(0, |run, word| {
        *run = if word.eq_ignore_ascii_case("not") { *run + 1 } else { 0 };
        Some(*run)
    });
    runs.max().unwrap_or_default()
}

fn not_deeper(depth: usize) -> PlanResult<()> {
    match depth {
        ..=DEEPEST_PLAN => Ok(()),
        depth => {
            refused(format!("nested {depth} deep, and {DEEPEST_PLAN} is the most: a list with IN, or a table, is flat"))
        }
    }
}

fn refused<T>(message: impl Into<String>) -> PlanResult<T> {
    Err(external(Error::query(message)))
}

/// The statement that only asks, if it is one.
fn question_of(statement: &Statement) -> Option<&SqlStatement> {
    match statement {
        Statement::Statement(statement) => {
            let explains =
                matches!(statement.as_ref(), SqlStatement::Explain { .. } | SqlStatement::ExplainTable { .. });
            (explains || matches!(statement.as_ref(), SqlStatement::Query(_))).then_some(statement)
        }
        Statement::Explain(explained) => question_of(&explained.statement),
        _ => None,
    }
}

/// Tells what is wrong with a statement by the names that there are.
fn explained(error: DataFusionError, context: &SessionContext) -> Error {
    let said = error.diagnostic().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
    let named = |before: &str| Some(said.strip_prefix(before)?.split_once('\'')?.0);
    let better = match (named("table '"), named("Invalid function '")) {
        (Some(table), _) => Some(missing_table(table, context)),
        (_, Some(function)) => Some(missing_function(function, context)),
        _ => None,
    };
    match (query_error_of(error), better) {
        (Error::Query { place, .. }, Some(message)) => Error::Query { message, place },
        (other, _) => other,
    }
}

fn missing_table(name: &str, context: &SessionContext) -> String {
    let is_there = |name: &str| context.table_exist(name).unwrap_or(false);
    let there: Vec<String> = TABLES.iter().filter(|(name, _)| is_there(name)).map(|(name, _)| (*name).into()).collect();
    let missing = not_there(&format!("table `{name}`"), name, "tables", there);
    match TABLES.iter().find(|(known, of)| *known == name && !of.is_empty()) {
        None => missing,
        Some((_, of)) => {
            let without: Vec<&str> = of.iter().copied().filter(|table| !is_there(table)).collect();
            format!("{missing} To make {name} takes {} too", without.join(" and "))
        }
    }
}

fn missing_function(name: &str, context: &SessionContext) -> String {
    let state = context.state();
    let (scalar, aggregate) = (state.scalar_functions().keys(), state.aggregate_functions().keys());
    let names: Vec<&str> = scalar.chain(aggregate).chain(state.window_functions().keys()).map(String::as_str).collect();
    let meant = closest(name, names).map(|name| format!("`{name}`"));
    format!("there is no function `{name}`{}", question(meant))
}

/// Adds the line of `sql` that an error is about, with its column marked.
pub fn with_excerpt(error: Error, sql: &str) -> Error {
    let Error::Query { message, place: Some((number, column)) } = error else { return error };
    let place = Some((number, column));
    let line = usize::try_from(number).ok().and_then(|number| sql.lines().nth(number.checked_sub(1)?));
    let Some(line) = line else { return Error::Query { message, place } };
    let before = (column as usize).saturating_sub(1);
    let start = before.saturating_sub(SHOWN);
    let shown: String = line.chars().skip(start).take(2 * SHOWN).collect();
    let blank = |letter: char| if letter == '\t' { '\t' } else { ' ' };
    let margin: String = shown.chars().take(before - start).map(blank).collect();
    let message = format!("{message}\n  line {number}, column {column}:\n    {shown}\n    {margin}^");
    Error::Query { message, place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_in_its_line() {
        let error = Error::Query { message: "no".into(), place: Some((2, 6)) };
        assert_eq!(
            with_excerpt(error, "SELECT a\nFROM b").to_string(),
            "no\n  line 2, column 6:\n    FROM b\n         ^"
        );
        let far = Error::Query { message: "no".into(), place: Some((1, 1_001)) };
        let shown = with_excerpt(far, &"x".repeat(5_000)).to_string();
        assert!(shown.len() < 400 && shown.ends_with(&format!("\n    {}^", " ".repeat(SHOWN))));
        for place in [None, Some((0, 0)), Some((9, 9)), Some((u64::MAX, u64::MAX))] {
            assert_eq!(with_excerpt(Error::Query { message: "no".into(), place }, "SELECT").to_string(), "no");
        }
    }

    #[test]
    fn values_do_not_nest() {
        assert_eq!(steps_of("1, 2, 'OR', 'it''s', 30"), 0);
        assert_eq!(steps_of("1+1 OR x"), 4);
    }
}
