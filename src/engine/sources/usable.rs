//! Which rows count: the one rule.

use datafusion::logical_expr::{Expr, LogicalPlan, col, lit};

use super::source::Source;
use crate::Result;
use crate::engine::nouns::{Column, Kind, Noun};
use crate::engine::values::parse::is_action;

/// The condition that every row of `noun` must meet to be counted.
pub fn usable(noun: &Noun) -> Expr {
    let ids = noun.columns.iter().filter(|column| column.is_required_id());
    ids.fold(usable_beside_ids(noun), |usable, id| usable.and(col(id.name).is_not_null()))
}

/// This condition without the ids.
fn usable_beside_ids(noun: &Noun) -> Expr {
    let is_needed = |column: &&Column| column.required && !column.is_required_id() && column.kind != Kind::Action;
    let needed = noun.columns.iter().filter(is_needed);
    let present = needed.map(|column| col(column.name).is_not_null());
    let valid = noun.columns.iter().filter_map(|column| valid(column.name, column.kind));
    present.chain(valid).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// The rows of `source` that every answer can use.
pub fn usable_rows(source: &Source) -> Result<LogicalPlan> {
    source.usable(&usable_beside_ids(source.noun()))
}

fn valid(name: &str, kind: Kind) -> Option<Expr> {
    match (name, kind) {
        ("latitude", _) => Some(col(name).between(lit(-90.0), lit(90.0))),
        ("longitude", _) => Some(col(name).between(lit(-180.0), lit(180.0))),
        (_, Kind::Action) => Some(is_action().call(vec![col(name)])),
        _ => None,
    }
}
