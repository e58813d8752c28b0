//! Which rows count: the one rule.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, LogicalPlan, col, lit};

use super::source::Source;
use crate::Result;
use crate::engine::nouns::{Column, Kind, Noun};
use crate::engine::values::parse::is_action;
use crate::engine::values::rules::Actions;

/// The condition that every row of `noun` must meet to be counted.
pub fn usable(noun: &Noun) -> Expr {
    let ids = noun.columns.iter().filter(|column| column.is_required_id());
    let ids = ids.map(|id| col(id.name).is_not_null());
    let actions = noun.columns.iter().filter(|column| column.kind == Kind::Action);
    let actions =
        actions.map(|column| is_action(&DataType::Utf8View, &Actions::default()).call(vec![col(column.name)]));
    ids.chain(actions).fold(usable_in_ours(noun), Expr::and)
}

/// This condition without ids and actions, which a source tells from the caller's own values.
fn usable_in_ours(noun: &Noun) -> Expr {
    let is_needed = |column: &&Column| column.required && !column.is_required_id() && column.kind != Kind::Action;
    let needed = noun.columns.iter().filter(is_needed);
    let present = needed.map(|column| col(column.name).is_not_null());
    let valid = noun.columns.iter().filter_map(|column| valid(column.name));
    present.chain(valid).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// The rows of `source` that every answer can use.
pub fn usable_rows(source: &Source) -> Result<LogicalPlan> {
    source.usable(&usable_in_ours(source.noun()))
}

fn valid(name: &str) -> Option<Expr> {
    match name {
        "latitude" => Some(col(name).between(lit(-90.0), lit(90.0))),
        "longitude" => Some(col(name).between(lit(-180.0), lit(180.0))),
        _ => None,
    }
}
