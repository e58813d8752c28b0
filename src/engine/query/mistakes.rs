//! What is wrong with a statement, where, and what was probably meant.

use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::meanings::{TABLES, function_names, parts_of};
use super::tokens::pieces_of;
use crate::Error;
use crate::engine::errors::{not_there, query_error_of};
use crate::spelling::{closest, question};

/// Letters of a line that are shown before and after a place in it.
const SHOWN: usize = 60;

/// Tells what is wrong with a statement by the names that there are.
pub fn explained(error: DataFusionError, context: &SessionContext, sql: &str) -> Error {
    with_excerpt(placed(named_better(error, context, sql), sql), sql)
}

fn named_better(error: DataFusionError, context: &SessionContext, sql: &str) -> Error {
    let said = error.diagnostic().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
    let named = |before: &str| Some(said.strip_prefix(before)?.split_once('\'')?.0);
    let better = match (named("table '"), named("Invalid function '")) {
        (Some(table), _) => Some(missing_table(table, context)),
        (_, Some(function)) => Some(missing_function(function, context)),
        _ => None,
    };
    let lacks_tables = said.starts_with("column '") && !has_keyword(sql, Keyword::FROM);
    match (query_error_of(error), better) {
        (Error::Query { place, .. }, Some(message)) => Error::Query { message, place },
        (Error::Query { place, .. }, None) if lacks_tables => missing_from(sql, place),
        (other, _) => other,
    }
}

fn has_keyword(sql: &str, keyword: Keyword) -> bool {
    pieces_of(sql).iter().any(|piece| piece.keyword() == Some(keyword))
}

/// Says that no table is named, and which word was probably meant to name one; it is the first that looks like it.
fn missing_from(sql: &str, place: Option<(u64, u64)>) -> Error {
    let is_meant = |word: &str| closest(word, ["from"]).is_some();
    let meant = pieces_of(sql).into_iter().find(|piece| piece.alias().is_some_and(|word| is_meant(&word)));
    let message = "the query names no table: FROM is missing";
    match meant {
        Some(word) => Error::Query {
            message: format!(
                "{message}{}",
                question(Some(format!("FROM, not `{}`", word.word().map_or("", |word| &word.value))))
            ),
            place: Some(word.place),
        },
        None => Error::Query { message: message.into(), place },
    }
}

/// Gives an error that tells no place that of the only text or call of the statement that it quotes, or of its end.
pub fn placed(error: Error, sql: &str) -> Error {
    let Error::Query { message, place: None } = error else { return error };
    let is_quoted = |text: &str| !text.is_empty() && message.contains(&format!("'{text}'"));
    let pieces = pieces_of(sql);
    let is_called = |at: usize| pieces.get(at).is_some_and(|next| next.token == Token::LParen);
    let mut quoted = pieces.iter().enumerate().filter(|(at, piece)| match &piece.token {
        Token::SingleQuotedString(text) => is_quoted(text),
        Token::Word(word) => is_called(at + 1) && is_quoted(&word.value.to_lowercase()),
        _ => false,
    });
    let place = match (quoted.next(), quoted.next(), pieces.last()) {
        (Some((_, only)), None, _) => Some(only.place),
        (None, _, Some(last)) if message.ends_with("found: EOF") => Some(last.place),
        _ => None,
    };
    Error::Query { message, place }
}

fn missing_table(name: &str, context: &SessionContext) -> String {
    let is_there = |name: &str| context.table_exist(name).unwrap_or(false);
    let there: Vec<String> =
        TABLES.iter().filter(|(name, ..)| is_there(name)).map(|(name, ..)| (*name).into()).collect();
    let missing = not_there(&format!("table `{name}`"), name, "tables", there);
    let parts = parts_of(name);
    if parts.is_empty() {
        return missing;
    }
    let without: Vec<&str> = parts.iter().copied().filter(|table| !is_there(table)).collect();
    format!("{missing} To make {name} takes {} too", without.join(" and "))
}

fn missing_function(name: &str, context: &SessionContext) -> String {
    let names = function_names(&context.state());
    // `month` and the like: those of the data set's clock.
    let local = names.iter().find(|known| known.strip_prefix("local_") == Some(name)).map(String::as_str);
    let meant = local.or_else(|| closest(name, names.iter().map(String::as_str))).map(|name| format!("`{name}`"));
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
    fn the_only_text_that_is_quoted_is_the_place() {
        let placed = |message: &str, sql: &str| match placed(Error::query(message), sql) {
            Error::Query { place, .. } => place,
            _ => None,
        };
        assert_eq!(placed("cannot cast 'abc'", "SELECT\n  1 > 'abc'"), Some((2, 7)));
        assert_eq!(placed("cannot cast 'abc'", "SELECT 'abc' > 'abc'"), None);
        assert_eq!(placed("cannot cast 'abc'", "SELECT 'b'"), None);
    }
}
