//! What a name in a statement means.

use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::completion::NameKind;
use super::meanings::{function_names, meaning_of_column, meaning_of_function, meaning_of_table, signature_of};
use super::scope::{NamedColumn, Scope, Variables};
use super::tokens::{PlacedToken, pieces_of};
use crate::Result;

/// What a name means.
#[derive(Debug, PartialEq, Eq)]
pub struct Description {
    /// What it is the name of.
    pub kind: NameKind,
    /// The name; of a column, behind that of its table.
    pub name: String,
    /// The columns of a table, the type of a column, the signature of a function.
    pub schema: String,
    /// A sentence; empty for what only the user knows.
    pub meaning: String,
}

/// Tells what the name around letter `at` of a statement means; `None` if it is no name, or an unknown one.
pub fn describe(context: &SessionContext, text: &str, at: usize, variables: &Variables) -> Result<Option<Description>> {
    let pieces = pieces_of(text);
    let Some(number) = pieces.iter().rposition(|piece| piece.word().is_some() && piece.start <= at && at <= piece.end)
    else {
        return Ok(None);
    };
    let Some(name) = pieces[number].name() else { return Ok(None) };
    let is_called = pieces.get(number + 1).is_some_and(|next| next.token == Token::LParen);
    let state = context.state();
    let function = || function_names(&state).contains(&name).then(|| of_function(&state, &name));
    if let Some(found) = if is_called { function() } else { None } {
        return Ok(Some(found));
    }
    let scope = Scope::of(context, text, variables)?;
    if let Some(owner) = owner_of(&pieces, number) {
        return Ok(scope.columns(&owner).and_then(|columns| of_column(columns, &owner, &name)));
    }
    let table = scope.columns(&name).map(|columns| of_table(&name, columns));
    let column = || scope.named.iter().find_map(|(table, columns)| of_column(columns, table, &name));
    let any_column = || scope.known.iter().find_map(|(table, columns)| of_column(columns, table, &name));
    Ok(table.or_else(column).or_else(any_column).or_else(function))
}

/// The table that stands before a column, as in `p.user_id`.
fn owner_of(pieces: &[PlacedToken], number: usize) -> Option<String> {
    let point = number.checked_sub(1).filter(|before| pieces[*before].token == Token::Period)?;
    pieces[point.checked_sub(1)?].name()
}

fn of_table(name: &str, columns: &[NamedColumn]) -> Description {
    let columns: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect();
    let (schema, meaning) = (columns.join("\n"), meaning_of_table(name).into());
    Description { kind: NameKind::Table, name: name.into(), schema, meaning }
}

fn of_column(columns: &[NamedColumn], table: &str, name: &str) -> Option<Description> {
    let column = columns.iter().find(|column| column.name == name)?;
    let (name, schema) = (format!("{table}.{name}"), column.data_type.clone());
    Some(Description { kind: NameKind::Column, name, schema, meaning: meaning_of_column(&column.name).into() })
}

fn of_function(state: &SessionState, name: &str) -> Description {
    let (schema, meaning) = (signature_of(state, name), meaning_of_function(state, name));
    Description { kind: NameKind::Function, name: name.into(), schema, meaning }
}
