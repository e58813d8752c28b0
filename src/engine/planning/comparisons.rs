//! Comparisons of instants with finer ones, as between milliseconds and `23:59:59.999999`.
//!
//! DataFusion cuts the finer side off to the column's unit, which changes the answer for rows at that unit. Before it
//! does, the finer side is rounded up here: no row lies between it and the next unit.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as PlanResult, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, and, lit, or};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, which comes before all others.
#[derive(Debug)]
pub struct CompareFiner;

impl OptimizerRule for CompareFiner {
    fn name(&self) -> &str {
        "compare_finer"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let rewritten = expression.transform_up(|inner| rewritten(inner, &schema))?;
            Ok(rewritten.update_data(|expression| name.restore(expression)))
        })
    }
}

fn rewritten(expression: Expr, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let exact = match &expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (compared(left, *op, right, schema), op.swap()) {
            (None, Some(swapped)) => compared(right, swapped, left, schema),
            (exact, _) => exact,
        },
        Expr::Between(Between { expr, negated, low, high }) => between(expr, *negated, low, high, schema),
        Expr::InList(InList { expr, list, negated }) => among(expr, list, *negated, schema),
        _ => None,
    };
    Ok(exact.map_or_else(|| Transformed::no(expression), Transformed::yes))
}

/// `instant op other`, exactly; `None` if DataFusion compares them so, or if this is no such comparison.
fn compared(instant: &Expr, op: Operator, other: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (column, next) = next_unit(instant, other, schema)?;
    let (before, after) = (column.clone().lt(next.clone()), column.gt_eq(next));
    match op {
        Operator::Lt | Operator::LtEq => Some(before),
        Operator::Gt | Operator::GtEq => Some(after),
        Operator::Eq => Some(and(before, after)),
        Operator::NotEq => Some(or(before, after)),
        Operator::IsNotDistinctFrom => Some(lit(false)),
        Operator::IsDistinctFrom => Some(lit(true)),
        _ => None,
    }
}

/// Compares an instant with an expression that is no literal, too.
fn compared_or_as_is(instant: &Expr, op: Operator, other: &Expr, schema: &DFSchema) -> Expr {
    let as_is = || Expr::BinaryExpr(BinaryExpr::new(instant.clone().into(), op, other.clone().into()));
    compared(instant, op, other, schema).unwrap_or_else(as_is)
}

fn between(instant: &Expr, negated: bool, low: &Expr, high: &Expr, schema: &DFSchema) -> Option<Expr> {
    let is_finer = |end| next_unit(instant, end, schema).is_some();
    let ends =
        |first, last| (compared_or_as_is(instant, first, low, schema), compared_or_as_is(instant, last, high, schema));
    (is_finer(low) || is_finer(high)).then(|| match negated {
        false => {
            let (first, last) = ends(Operator::GtEq, Operator::LtEq);
            and(first, last)
        }
        true => {
            let (first, last) = ends(Operator::Lt, Operator::Gt);
            or(first, last)
        }
    })
}

fn among(instant: &Expr, list: &[Expr], negated: bool, schema: &DFSchema) -> Option<Expr> {
    let is_any_finer = list.iter().any(|other| next_unit(instant, other, schema).is_some());
    let op = if negated { Operator::NotEq } else { Operator::Eq };
    let each = list.iter().map(|other| compared_or_as_is(instant, op, other, schema));
    is_any_finer.then(|| each.reduce(if negated { and } else { or })).flatten()
}

/// The column behind `instant`, and the first of its units after `other`; `None` if `other` is one of its units.
fn next_unit(instant: &Expr, other: &Expr, schema: &DFSchema) -> Option<(Expr, Expr)> {
    let (column, unit, zone) = column_of(instant, schema)?;
    let (ns, per_unit) = (ns_of(other)?, ns_per(unit));
    if ns % per_unit == 0 {
        return None;
    }
    let next = Some(i64::try_from(ns.div_euclid(per_unit) + 1).ok()?);
    let next = match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(next, zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(next, zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(next, zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(next, zone),
    };
    Some((column, lit(next)))
}

/// The expression below casts to finer units, with its own unit and zone.
fn column_of(instant: &Expr, schema: &DFSchema) -> Option<(Expr, TimeUnit, Option<Arc<str>>)> {
    let DataType::Timestamp(unit, zone) = instant.get_type(schema).ok()? else { return None };
    let inner = match instant {
        Expr::Cast(cast) => column_of(&cast.expr, schema),
        Expr::TryCast(cast) => column_of(&cast.expr, schema),
        _ => None,
    };
    let is_finer = |of: &TimeUnit| ns_per(*of) >= ns_per(unit);
    let inner = inner.filter(|(_, of, of_zone)| is_finer(of) && is_same_clock(of_zone.as_ref(), zone.as_ref()));
    Some(inner.unwrap_or_else(|| (instant.clone(), unit, zone)))
}

/// Nanoseconds since 1970 of a literal, before it is cut off to any unit.
fn ns_of(literal: &Expr) -> Option<i128> {
    match literal {
        Expr::Literal(ScalarValue::TimestampSecond(Some(units), _), _) => Some(i128::from(*units) * 1_000_000_000),
        Expr::Literal(ScalarValue::TimestampMillisecond(Some(units), _), _) => Some(i128::from(*units) * 1_000_000),
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(units), _), _) => Some(i128::from(*units) * 1_000),
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(units), _), _) => Some(i128::from(*units)),
        Expr::Cast(cast) => ns_of_cast(&cast.expr, cast.field.data_type()),
        Expr::TryCast(cast) => ns_of_cast(&cast.expr, cast.field.data_type()),
        _ => None,
    }
}

fn ns_of_cast(literal: &Expr, to: &DataType) -> Option<i128> {
    let DataType::Timestamp(_, zone) = to else { return None };
    match literal {
        Expr::Literal(text @ (ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::LargeUtf8(_)), _) => {
            let instant = text.cast_to(&DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())).ok()?;
            ns_of(&lit(instant))
        }
        _ => {
            let DataType::Timestamp(_, of) = literal.get_type(&DFSchema::empty()).ok()? else { return None };
            ns_of(literal).filter(|_| is_same_clock(of.as_ref(), zone.as_ref()))
        }
    }
}

/// Whether a cast between the zones leaves the number as it is.
fn is_same_clock(one: Option<&Arc<str>>, other: Option<&Arc<str>>) -> bool {
    let is_utc = |zone: Option<&Arc<str>>| zone.is_none_or(|zone| matches!(&**zone, "UTC" | "+00:00"));
    one == other || is_utc(one) && is_utc(other)
}

fn ns_per(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
