//! What is compared with instants and has no offset is on the clock of the data set, as in `between`: text, readings of
//! a clock, days. DataFusion would take them for UTC.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result as PlanResult, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit};

use crate::calendar::Calendar;
use crate::engine::values::instants;
use crate::timestamps::ClockReading;

/// The plan with an instant wherever text is compared with one.
pub fn with_instants(plan: LogicalPlan, calendar: &Calendar) -> PlanResult<LogicalPlan> {
    let rewrite = |node: LogicalPlan| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            let rewritten = expression.transform_up(|inner| Ok(rewritten(inner, &schema, calendar)))?;
            Ok(rewritten.update_data(|expression| name.restore(expression)))
        })
    };
    plan.transform_up_with_subqueries(rewrite).data()
}

fn rewritten(expression: Expr, schema: &DFSchema, calendar: &Calendar) -> Transformed<Expr> {
    let is_instant = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Timestamp(_, Some(_))));
    let instant = |side: Expr| instant_of(&side, calendar).unwrap_or_else(|| on_the_clock(side, schema, calendar));
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let (left, right) = match (is_instant(&left), is_instant(&right)) {
                (true, false) => (left, Box::new(instant(*right))),
                (false, true) => (Box::new(instant(*left)), right),
                _ => (left, right),
            };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high }) if is_instant(&expr) => {
            let (low, high) = (Box::new(instant(*low)), Box::new(instant(*high)));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated }) if is_instant(&expr) => {
            let list = list.into_iter().map(instant).collect();
            Transformed::yes(Expr::InList(InList { expr, list, negated }))
        }
        other => Transformed::no(other),
    }
}

/// The instants of readings of a clock and of days, whatever makes them.
fn on_the_clock(side: Expr, schema: &DFSchema, calendar: &Calendar) -> Expr {
    match side.get_type(schema) {
        Ok(from @ (DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64)) => {
            instants::of_local(&from, calendar).call(vec![side])
        }
        _ => side,
    }
}

/// The instant of a text such as `'2024-03-01'`, `DATE '2024-03-01'` or `TIMESTAMP '2024-03-01 09:30'`.
fn instant_of(expression: &Expr, calendar: &Calendar) -> Option<Expr> {
    let text = match expression {
        Expr::Literal(text, _) => text,
        Expr::Cast(cast) if is_reading(cast.field.data_type()) => literal(&cast.expr)?,
        Expr::TryCast(cast) if is_reading(cast.field.data_type()) => literal(&cast.expr)?,
        _ => return None,
    };
    let (ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text))) = text
    else {
        return None;
    };
    let reading = ClockReading::of_iso(text.trim())?;
    let us = reading.instant_on(calendar)?;
    let ns = us.checked_mul(1_000).and_then(|ns| ns.checked_add(reading.rest_ns)).filter(|_| reading.rest_ns > 0);
    let utc = || Some("UTC".into());
    Some(lit(match ns {
        Some(ns) => ScalarValue::TimestampNanosecond(Some(ns), utc()),
        None => ScalarValue::TimestampMicrosecond(Some(us), utc()),
    }))
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Whether values are readings of a clock or days, not instants.
fn is_reading(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, None) | DataType::Date32)
}

fn literal(expression: &Expr) -> Option<&ScalarValue> {
    match expression {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}
