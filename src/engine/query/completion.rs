//! What may stand at a place of a statement.

use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::meanings::{function_names, signature_of};
use super::scope::{NamedColumn, Scope, Variables};
use super::tokens::{PlacedToken, pieces_before, written};
use crate::Result;

/// What stands first in a statement.
const BEGINNINGS: [&str; 4] = ["SELECT", "WITH", "EXPLAIN", "VALUES"];
/// What may follow a table.
const AFTER_TABLE: [&str; 17] = [
    "WHERE",
    "JOIN",
    "LEFT JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    "ON",
    "USING",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "UNION ALL",
    "UNION",
    "EXCEPT",
    "INTERSECT",
];
/// What may stand among columns.
const AMONG_COLUMNS: [&str; 34] = [
    "FROM",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS NULL",
    "IS NOT NULL",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "EXISTS",
    "INTERVAL",
    "TIMESTAMP",
    "DATE",
    "NULL",
    "TRUE",
    "FALSE",
    "ASC",
    "DESC",
    "OVER",
    "PARTITION BY",
    "FILTER",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "CAST",
];

/// What a text that may be inserted is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A table of the data set, or a variable that is read as one.
    Table,
    /// A column of a table.
    Column,
    /// A function.
    Function,
    /// A keyword of SQL.
    Keyword,
}

impl NameKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            NameKind::Table => "table",
            NameKind::Column => "column",
            NameKind::Function => "function",
            NameKind::Keyword => "keyword",
        }
    }
}

/// A text that may be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The text, quoted if need be.
    pub text: String,
    /// What it is.
    pub kind: NameKind,
    /// The type of a column, the columns of a table, the signature of a function.
    pub detail: String,
}

/// What a place is for.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Nothing,
    Beginning,
    Table,
    AfterTable,
    ColumnOf(String),
    Expression,
}

/// The texts that may stand for the name that ends at letter `at`, those of columns and tables first.
pub fn suggestions(context: &SessionContext, text: &str, at: usize, variables: &Variables) -> Result<Vec<Suggestion>> {
    let Some(mut before) = pieces_before(text, at) else { return Ok(vec![]) };
    let typed = match before.pop_if(|last| last.word().is_some() && last.end == at) {
        Some(last) => last.name().unwrap_or_default().to_lowercase(),
        None => String::new(),
    };
    let expected = expected_after(&before);
    let all = match &expected {
        Expected::Nothing => vec![],
        Expected::Beginning => keywords(&BEGINNINGS),
        Expected::AfterTable => keywords(&AFTER_TABLE),
        Expected::Table => tables(&Scope::of(context, text, variables)?),
        Expected::ColumnOf(name) => {
            let scope = Scope::of(context, text, variables)?;
            scope.columns(name).unwrap_or_default().iter().map(column).collect()
        }
        Expected::Expression => {
            let scope = Scope::of(context, text, variables)?;
            let state = context.state();
            let functions = function_names(&state).into_iter().filter(|name| name.starts_with(&typed));
            let functions = functions.map(|name| function(&state, name));
            columns_in(&scope).into_iter().chain(functions).chain(keywords(&AMONG_COLUMNS)).collect()
        }
    };
    let starts = |suggestion: &Suggestion| suggestion.text.trim_start_matches('"').to_lowercase().starts_with(&typed);
    Ok(all.into_iter().filter(starts).collect())
}

/// Tells by the tokens before a place what it is for.
fn expected_after(before: &[PlacedToken]) -> Expected {
    let Some(last) = before.last() else { return Expected::Beginning };
    match &last.token {
        Token::Period => {
            let owner = before.get(before.len().wrapping_sub(2)).and_then(PlacedToken::name);
            return owner.map_or(Expected::Nothing, Expected::ColumnOf);
        }
        Token::Placeholder(_) | Token::Number(..) | Token::SingleQuotedString(_) => return Expected::Expression,
        _ => {}
    }
    let Some((clause, distance)) = clause_of(before) else { return Expected::Expression };
    let is_relation = matches!(clause, Keyword::FROM | Keyword::JOIN);
    match (is_relation, distance, &last.token) {
        (_, 0, _) if clause == Keyword::AS => Expected::Nothing,
        (_, 0, _) if matches!(clause, Keyword::LIMIT | Keyword::OFFSET) => Expected::Nothing,
        (true, 0, _) | (true, _, Token::Comma) => Expected::Table,
        (true, _, Token::LParen) => Expected::Beginning,
        (true, ..) => Expected::AfterTable,
        _ => Expected::Expression,
    }
}

/// The keyword that a place follows, in the same parentheses, and how many tokens stand between.
fn clause_of(before: &[PlacedToken]) -> Option<(Keyword, usize)> {
    use Keyword::{AS, BY, FROM, HAVING, JOIN, LIMIT, OFFSET, ON, SELECT, USING, WHERE};
    let mut depth = 0;
    for (distance, piece) in before.iter().rev().enumerate() {
        match piece.token {
            Token::RParen => depth += 1,
            Token::LParen => depth = 0.max(depth - 1),
            _ => {}
        }
        let clause = piece.keyword().filter(|keyword| {
            matches!(keyword, SELECT | FROM | JOIN | WHERE | ON | USING | BY | HAVING | LIMIT | OFFSET)
                || (*keyword == AS && distance == 0)
        });
        if let (0, Some(clause)) = (depth, clause) {
            return Some((clause, distance));
        }
    }
    None
}

/// The columns of the tables that the statement reads, or of all if it reads none yet; each name once.
fn columns_in(scope: &Scope) -> Vec<Suggestion> {
    let named = scope.named.iter().map(|(_, columns)| columns);
    let all = scope.known.values().filter(|_| scope.named.is_empty());
    let mut there: Vec<Suggestion> = named.chain(all).flatten().map(column).collect();
    let mut seen = std::collections::HashSet::new();
    there.retain(|suggestion| seen.insert(suggestion.text.clone()));
    let aliases = scope.named.iter().filter(|(name, _)| !name.is_empty());
    there.extend(aliases.map(|(name, columns)| table(name, columns)));
    there
}

fn tables(scope: &Scope) -> Vec<Suggestion> {
    scope.known.iter().map(|(name, columns)| table(name, columns)).collect()
}

fn table(name: &str, columns: &[NamedColumn]) -> Suggestion {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Suggestion { text: written(name), kind: NameKind::Table, detail: names.join(", ") }
}

fn column(column: &NamedColumn) -> Suggestion {
    Suggestion { text: written(&column.name), kind: NameKind::Column, detail: column.data_type.clone() }
}

fn function(state: &SessionState, name: String) -> Suggestion {
    let detail = signature_of(state, &name);
    Suggestion { text: name, kind: NameKind::Function, detail }
}

fn keywords(all: &[&str]) -> Vec<Suggestion> {
    all.iter().map(|word| Suggestion { text: (*word).into(), kind: NameKind::Keyword, detail: String::new() }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tokens::pieces_of;
    use super::*;

    #[test]
    fn a_place_tells_what_it_is_for() {
        let expected = |text: &str| expected_after(&pieces_of(text));
        assert_eq!(expected(""), Expected::Beginning);
        for text in ["SELECT * FROM", "SELECT * FROM pings,", "SELECT * FROM pings p JOIN", "SELECT (SELECT 1 FROM"] {
            assert_eq!(expected(text), Expected::Table, "{text}");
        }
        for text in ["SELECT", "SELECT x,", "SELECT x FROM p WHERE", "SELECT count(", "SELECT x FROM p GROUP BY"] {
            assert_eq!(expected(text), Expected::Expression, "{text}");
        }
        assert_eq!(expected("SELECT * FROM pings p"), Expected::AfterTable);
        assert_eq!(expected("SELECT * FROM pings p WHERE p."), Expected::ColumnOf("p".into()));
        for text in ["SELECT x AS", "SELECT x FROM p LIMIT", "."] {
            assert_eq!(expected(text), Expected::Nothing, "{text}");
        }
    }
}
