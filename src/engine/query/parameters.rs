//! Placeholders of a statement and their values.
//!
//! DataFusion's planner gives a placeholder the type of what stands beside it, so that `timestamp + $window` would add
//! two timestamps. Here each is a function of no arguments, of its value's type, while the statement is planned, and
//! then the value.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Function, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::tokens::pieces_of;
use crate::Error;
use crate::engine::errors::external;

/// Values by the names of placeholders, without `$`.
pub type Parameters = BTreeMap<String, ScalarValue>;

/// The names of the placeholders of a statement, without `$`, each once.
pub fn names_of(text: &str) -> Vec<String> {
    let pieces = pieces_of(text);
    let mut names: Vec<String> = pieces.iter().filter_map(|piece| piece.placeholder().map(Into::into)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Refuses a placeholder that has no value, or no name.
pub fn must_be_bound(text: &str, parameters: &Parameters) -> PlanResult<()> {
    for piece in pieces_of(text) {
        let Token::Placeholder(written) = &piece.token else { continue };
        let message = match piece.placeholder() {
            Some(name) if parameters.contains_key(name) => continue,
            Some(name) => format!("there is no value for ${name}"),
            None => format!("{written} has no name; write $ and one"),
        };
        return Err(external(Error::Query { message, place: Some(piece.place) }));
    }
    Ok(())
}

/// Makes functions of the placeholders of a statement, and registers them.
pub fn bind(statement: &mut Statement, context: &SessionContext, parameters: &Parameters) {
    for (name, value) in parameters {
        let (name, signature) = (format!("${name}"), Signature::nullary(Volatility::Immutable));
        context.register_udf(ScalarUDF::from(Bound { name, value: value.clone(), signature }));
    }
    call_functions(statement);
}

fn call_functions(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            // Nothing breaks off.
            let _ = statement.visit(&mut Calls);
        }
        Statement::Explain(explained) => call_functions(&mut explained.statement),
        _ => {}
    }
}

/// Replaces placeholders by calls.
struct Calls;

impl VisitorMut for Calls {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Value(value) = expression
            && let Value::Placeholder(name) = &value.value
        {
            *expression = SqlExpr::Function(Function {
                name: ObjectName::from(vec![Ident::with_quote('"', name)]),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(FunctionArgumentList {
                    duplicate_treatment: None,
                    args: vec![],
                    clauses: vec![],
                }),
                filter: None,
                null_treatment: None,
                over: None,
                within_group: vec![],
            });
        }
        ControlFlow::Continue(())
    }
}

/// Puts the values in the places of the functions.
pub fn with_values(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expression| {
            let name = names.save(&expression);
            let valued = expression.transform_up(|expression| Ok(value_of(expression)))?;
            Ok(valued.update_data(|expression| name.restore(expression)))
        })?;
        if node.transformed { node.map_data(LogicalPlan::recompute_schema) } else { Ok(node) }
    })
    .data()
}

fn value_of(expression: Expr) -> Transformed<Expr> {
    let value = match &expression {
        Expr::ScalarFunction(call) => {
            let function: &dyn Any = call.func.inner().as_ref();
            function.downcast_ref::<Bound>().map(|bound| bound.value.clone())
        }
        _ => None,
    };
    value.map_or_else(|| Transformed::no(expression), |value| Transformed::yes(Expr::Literal(value, None)))
}

/// The value of a placeholder as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bound {
    name: String,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema_name(&self, _: &[Expr]) -> PlanResult<String> {
        Ok(self.name.clone())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> PlanResult<DataType> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}
