//! The user's own statement: planned, unless it does more than ask, or told what is wrong with it and where.
//!
//! | module | what it does |
//! |---|---|
//! | [`depth`] | how deep a statement nests |
//! | [`tokens`] | a statement as tokens, finished or not |
//! | [`parameters`] | its placeholders and their values |
//! | [`meanings`] | what tables, columns and functions mean |
//! | [`mistakes`] | what is wrong with it, and where |
//! | [`scope`] | the tables that it names, and their columns |
//! | [`completion`] | what may stand at a place of it |
//! | [`description`] | what a name in it means |

pub mod completion;
pub mod depth;
pub mod description;
pub mod meanings;
pub mod mistakes;
pub mod parameters;
pub mod scope;
pub mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread;

use datafusion::catalog::MemTable;
use datafusion::common::{DataFusionError, Result as PlanResult, ScalarValue, TableReference};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use self::depth::{balanced, depth_of, depth_of_text};
use self::mistakes::{explained, placed, with_excerpt};
use self::parameters::{Parameters, bind, must_be_bound, names_of, with_values};
use self::scope::fork;
use self::tokens::pieces_of;
use crate::calendar::Calendar;
use crate::engine::errors::{error_of, external, query_error_of};
use crate::engine::planning::texts::with_instants;
use crate::engine::run::Table;
use crate::engine::threads::threads;
use crate::{Error, Result};

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

/// The user's statement, and what it may use beside the tables of the data set.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// SQL.
    pub text: String,
    /// The values of its placeholders, by their names without `$`.
    pub parameters: Parameters,
    /// Further tables.
    pub tables: BTreeMap<String, Table>,
    /// The most rows that are wanted.
    pub limit: Option<usize>,
}

/// The placeholders of a statement, without their `$`, and the tables that it reads beside those of `context`; both are
/// empty where it cannot be parsed.
pub fn names_in(context: &SessionContext, text: &str) -> (Vec<String>, Vec<String>) {
    let parsed = parsed(text).ok().and_then(|mut statements| statements.pop_front());
    let tables = parsed.and_then(|statement| context.state().resolve_table_references(&statement).ok());
    let tables = tables.into_iter().flatten().filter(|table| table.schema().is_none());
    let is_there = |name: &String| context.table_exist(TableReference::bare(name.as_str())).unwrap_or(true);
    let names = tables.map(|table| table.table().to_string()).filter(|name| !is_there(name));
    (names_of(text), names.collect())
}

/// Plans the user's statement, on a stack that is as deep as the statement may be.
pub fn frame(context: &SessionContext, calendar: &Calendar, query: &UserQuery) -> Result<DataFrame> {
    let steps = steps_of(&query.text);
    if steps > MOST_STEPS {
        return Err(Error::query(format!("the query is too long: {steps} letters beside its values, of {MOST_STEPS}")));
    }
    let has_own = !query.tables.is_empty() || !query.parameters.is_empty();
    let forked = if has_own { Some(with_tables(context, &query.tables)?) } else { None };
    let context = forked.as_ref().unwrap_or(context);
    let plan = || plan_of(context, calendar, query).map_err(|error| explained(error, context, &query.text));
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

fn with_tables(context: &SessionContext, tables: &BTreeMap<String, Table>) -> Result<SessionContext> {
    let context = fork(context)?;
    for (name, (schema, batches)) in tables {
        let table = MemTable::try_new(Arc::clone(schema), vec![batches.clone()]).map_err(error_of)?;
        context.register_table(TableReference::bare(name.as_str()), Arc::new(table)).map_err(error_of)?;
    }
    Ok(context)
}

fn parsed(sql: &str) -> PlanResult<VecDeque<Statement>> {
    DFParserBuilder::new(sql).with_recursion_limit(DEEPEST_TEXT).build()?.parse_statements()
}

fn plan_of(context: &SessionContext, calendar: &Calendar, query: &UserQuery) -> PlanResult<LogicalPlan> {
    let sql = query.text.as_str();
    let statements = parsed(sql);
    if statements.is_err() && most_nots(sql) >= DEEPEST_TEXT {
        return refused(format!("NOT is nested {} deep, and {DEEPEST_TEXT} is the most", most_nots(sql)));
    }
    let mut statements = statements?;
    let (Some(mut statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return refused("one statement at a time: this is none, or several");
    };
    let Some(question) = question_of(&statement) else {
        let word = statement.to_string().split_whitespace().next().unwrap_or_default().to_uppercase();
        return refused(format!("{word} is no question: only SELECT runs here (WITH, VALUES and EXPLAIN too)"));
    };
    not_deeper(depth_of_text(question))?;
    must_be_bound(sql, &query.parameters)?;
    bind(&mut statement, context, &query.parameters);
    let plan = threads().block_on(context.state().statement_to_plan(statement))?;
    let reads_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads_only.verify_plan(&plan)?;
    let plan = if depth_of(&plan)? > DEEPEST_CHAIN { balanced(plan)? } else { plan };
    not_deeper(depth_of(&plan)?)?;
    let plan = if query.parameters.is_empty() { plan } else { with_values(plan)? };
    let plan = with_instants(plan, calendar)?;
    match (query.limit, &plan) {
        // What explains a plan stands above all else.
        (None, _) | (_, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) => Ok(plan),
        (limit, _) => LogicalPlanBuilder::from(plan).limit(0, limit)?.build(),
    }
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

/// Tells what went wrong in running a statement. Where that is no place of it but the value of a placeholder, without
/// which it can be planned, it is the placeholder's.
pub fn failure(error: DataFusionError, context: &SessionContext, calendar: &Calendar, query: &UserQuery) -> Error {
    let error = placed(query_error_of(error), &query.text);
    let Error::Query { message, place: None } = error else { return with_excerpt(error, &query.text) };
    let can_be_planned = |query: &UserQuery| {
        let frame = frame(context, calendar, query).ok();
        frame.is_some_and(|frame| threads().block_on(frame.create_physical_plan()).is_ok())
    };
    let without = |name: &String| {
        let mut query = query.clone();
        query.parameters.insert(name.clone(), ScalarValue::Null);
        query
    };
    let is_of_plan = !query.parameters.is_empty() && !can_be_planned(query);
    let blamed = query.parameters.keys().filter(|_| is_of_plan).find(|name| can_be_planned(&without(name)));
    let pieces = pieces_of(&query.text);
    let place = pieces.iter().find(|piece| blamed.is_some() && piece.placeholder() == blamed.map(String::as_str));
    let message = blamed.map_or_else(|| message.clone(), |name| format!("${name}: {message}"));
    with_excerpt(Error::Query { message, place: place.map(|piece| piece.place) }, &query.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_nest() {
        assert_eq!(steps_of("1, 2, 'OR', 'it''s', 30"), 0);
        assert_eq!(steps_of("1+1 OR x"), 4);
    }
}
