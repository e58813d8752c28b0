//! How deep a statement nests, and long chains of conditions as trees that do not.

use std::ops::ControlFlow;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, Query, Select, SetExpr, Statement, Visit, Visitor,
};

/// Counts what a statement nests in each other as it is written, but for chains of conditions: planning what is
/// deeper would take very long.
pub fn depth_of_text(statement: &Statement) -> usize {
    let mut nesting = Nesting::default();
    // Nothing breaks off.
    let _ = statement.visit(&mut nesting);
    nesting.deepest
}

/// Walks down a statement.
#[derive(Default)]
struct Nesting {
    now: usize,
    deepest: usize,
}

impl Nesting {
    fn enter(&mut self, steps: usize) -> ControlFlow<()> {
        self.now += steps;
        self.deepest = self.deepest.max(self.now);
        ControlFlow::Continue(())
    }

    fn leave(&mut self, steps: usize) -> ControlFlow<()> {
        self.now -= steps;
        ControlFlow::Continue(())
    }
}

impl Visitor for Nesting {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.enter(steps_of_query(query))
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.leave(steps_of_query(query))
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.enter(joins_of(select))
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.leave(joins_of(select))
    }

    fn pre_visit_expr(&mut self, expression: &SqlExpr) -> ControlFlow<()> {
        self.enter(steps_of_expression(expression))
    }

    fn post_visit_expr(&mut self, expression: &SqlExpr) -> ControlFlow<()> {
        self.leave(steps_of_expression(expression))
    }
}

/// Counts itself, the queries that it names, each of which may build on the one before, and those that it unites.
fn steps_of_query(query: &Query) -> usize {
    let named = query.with.as_ref().map_or(0, |with| with.cte_tables.len());
    let (mut united, mut body) = (0, query.body.as_ref());
    while let SetExpr::SetOperation { left, .. } = body {
        (united, body) = (united + 1, left.as_ref());
    }
    1 + named + united
}

/// Counts the tables that are joined to the first.
fn joins_of(select: &Select) -> usize {
    select.from.iter().map(|table| 1 + table.joins.len()).sum()
}

fn steps_of_expression(expression: &SqlExpr) -> usize {
    let is_chain = matches!(expression, SqlExpr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. });
    usize::from(!is_chain)
}

/// Counts the steps of a plan above each other, or those of its deepest expression, if there are more.
pub fn depth_of(plan: &LogicalPlan) -> PlanResult<usize> {
    let mut deepest = depth(plan)?;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression: &Expr| {
            deepest = deepest.max(depth(expression)?);
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(deepest)
}

fn depth<N: TreeNode>(node: &N) -> PlanResult<usize> {
    let mut below = 0;
    node.apply_children(|child| {
        below = below.max(depth(child)?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(below + 1)
}

/// Makes each chain of AND or of OR, which nests as deep as it is long, a tree that says the same.
pub fn balanced(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let of_node = |node: LogicalPlan| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expression| {
            let name = names.save(&expression);
            let balanced = expression.transform_down(|expression| Ok(tree_of(expression)))?;
            Ok(balanced.update_data(|expression| name.restore(expression)))
        })
    };
    plan.transform_down_with_subqueries(of_node).data()
}

fn tree_of(expression: Expr) -> Transformed<Expr> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => {
            Transformed::yes(joined(operands(expression, op), op))
        }
        other => Transformed::no(other),
    }
}

/// Takes a chain of one operator apart.
fn operands(chain: Expr, operator: Operator) -> Vec<Expr> {
    let (mut operands, mut rest) = (vec![], vec![chain]);
    while let Some(expression) = rest.pop() {
        match expression {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if op == operator => rest.extend([*right, *left]),
            operand => operands.push(operand),
        }
    }
    operands
}

/// Joins operands, at least one, in their order.
fn joined(mut operands: Vec<Expr>, operator: Operator) -> Expr {
    let right = operands.split_off(operands.len() / 2);
    match (operands.is_empty(), right.len()) {
        (true, 1) => right.into_iter().next().expect("there is one"),
        _ => binary_expr(joined(operands, operator), operator, joined(right, operator)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    use super::*;

    fn filtered(condition: Expr) -> LogicalPlan {
        let rows = LogicalPlanBuilder::values(vec![vec![lit(1)]]).unwrap();
        rows.filter(condition).unwrap().build().unwrap()
    }

    #[test]
    fn a_chain_becomes_a_tree_of_the_same_conditions_in_their_order() {
        let conditions: Vec<Expr> = (0..1_000).map(|number| col("column1").gt(lit(number))).collect();
        let chain = conditions.iter().cloned().reduce(Expr::or).unwrap().and(col("column1").is_null());
        let plan = filtered(chain);
        assert_eq!(depth_of(&plan).unwrap(), 1_002);
        let plan = balanced(plan).unwrap();
        assert_eq!(depth_of(&plan).unwrap(), 13);
        let LogicalPlan::Filter(filter) = plan else { panic!("it stays a filter") };
        let [left, right] = operands(filter.predicate, Operator::And).try_into().unwrap();
        assert_eq!((operands(left, Operator::Or), right), (conditions, col("column1").is_null()));
    }
}
