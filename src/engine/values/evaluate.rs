//! Expressions evaluated on rows that are there, without a plan: for few rows, planning takes longer than all else.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::{DFSchema, Result as PlanResult};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use crate::Result;
use crate::engine::errors::{error_of, statement_error_of};

/// Evaluates an expression over the columns of `rows`.
pub fn evaluated(expression: Expr, rows: &RecordBatch, state: &SessionState) -> Result<ArrayRef> {
    let names = DFSchema::try_from(rows.schema()).map_err(error_of)?;
    let evaluate = || -> PlanResult<ArrayRef> {
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(names.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .with_current_time()
            .build();
        let simplifier = ExprSimplifier::new(context);
        let simple = simplifier.simplify(simplifier.coerce(expression, &names)?)?;
        state.create_physical_expr(simple, &names)?.evaluate(rows)?.into_array(rows.num_rows())
    };
    evaluate().map_err(error_of)
}

/// Evaluates an SQL expression of ours over the columns of `rows`.
pub fn evaluated_sql(expression: &str, rows: &RecordBatch, state: &SessionState) -> Result<ArrayRef> {
    let names = DFSchema::try_from(rows.schema()).map_err(error_of)?;
    evaluated(state.create_logical_expr(expression, &names).map_err(statement_error_of)?, rows, state)
}
