//! Questions of one row about the rows of a plan, in a context of their own.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::catalog::view::ViewTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;

use crate::engine::context::{new_context, planned};
use crate::engine::errors::error_of;
use crate::engine::functions::as_text;
use crate::engine::run::{Heartbeat, run_outward};
use crate::{Error, Result};

/// The rows of `plan` as the table `rows`, in a context of their own.
pub fn context_with(plan: &LogicalPlan, memory_limit: Option<usize>) -> Result<SessionContext> {
    let context = new_context(None, memory_limit)?;
    register_rows(&context, plan)?;
    Ok(context)
}

/// Registers the table `rows`, and for each `raw_…` of its columns what makes text of it.
pub fn register_rows(context: &SessionContext, plan: &LogicalPlan) -> Result<()> {
    for raw in plan.schema().fields().iter().filter(|field| field.name().starts_with("raw_")) {
        context.register_udf(as_text(&text_of(raw.name()), raw.data_type().clone()));
    }
    context.register_table("rows", Arc::new(ViewTable::new(plan.clone(), None))).map(|_| ()).map_err(error_of)
}

/// Names the function that makes text of the column `raw`.
pub fn text_of(raw: &str) -> String {
    format!("text_of_{raw}")
}

/// The example (second column) and the count (first column) of a query with one row.
pub fn query(context: &SessionContext, sql: &str, heartbeat: Heartbeat) -> Result<(Option<String>, i64)> {
    let (_, batches) = run_outward(planned(context, sql)?, heartbeat)?;
    let batch = batches.first().ok_or_else(|| Error::Internal(format!("no row from {sql}")))?;
    let example = batch.column(1).as_string_opt::<i32>().filter(|column| column.is_valid(0));
    Ok((example.map(|column| column.value(0).into()), batch.column(0).as_primitive::<Int64Type>().value(0)))
}
