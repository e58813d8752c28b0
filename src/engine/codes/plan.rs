//! Rewrites a plan so that each output column and filter is a function of one column of the scan; `None` if one is not.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as PlanResult;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::function::{Derived, Function};
use super::lookup::Lookup;
use crate::engine::guard::{plain, same_rows, whole_parquet_files};

/// Where rows come from.
#[derive(Debug, Clone)]
pub enum Leaf {
    /// From whole Parquet files.
    Files(Box<FileScanConfig>),
    /// From any other plan.
    Plan(Arc<dyn ExecutionPlan>),
}

/// A plan whose columns and filters are functions of one column each of the leaf.
#[derive(Debug, Clone)]
pub struct ColumnwisePlan {
    /// Where the rows come from.
    pub leaf: Leaf,
    /// The plan's columns; `None` for one that depends on several of the leaf's.
    pub columns: Vec<Option<Derived>>,
    /// The plan's filters.
    pub conditions: Vec<Derived>,
}

impl ColumnwisePlan {
    /// The rows of `plan` and the files that they come from; `None` if it is more than a choice and a mapping of rows
    /// of Parquet files.
    pub fn of_files(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<(Self, Arc<FileScanConfig>)>> {
        let files = Self::of(plan)?.and_then(|rows| match &rows.leaf {
            Leaf::Files(files) => Some((Arc::new(files.as_ref().clone()), rows)),
            Leaf::Plan(_) => None,
        });
        Ok(files.map(|(files, rows)| (rows, files)))
    }

    /// The rows of `plan`; `None` if a condition depends on several columns.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
        if let Some(files) = whole_parquet_files(plan) {
            return Ok(Some(Self::scanned(files)?.unwrap_or_else(|| Self::leaf(plan))));
        }
        if let Some(projection) = plain::<ProjectionExec>(plan) {
            let Some(rows) = Self::of(projection.input())? else { return Ok(None) };
            let schema = projection.input().schema();
            let columns = projection.expr().iter().map(|column| Derived::new(&column.expr, &rows.columns, &schema));
            let columns = columns.collect::<PlanResult<_>>()?;
            return Ok(Some(Self { columns, ..rows }));
        }
        if let Some(filter) = plain::<FilterExec>(plan) {
            return Self::filtered(filter);
        }
        if let Some(input) = same_rows(plan) {
            return Self::of(input);
        }
        Ok(Some(Self::looked_up(plan)?.unwrap_or_else(|| Self::leaf(plan))))
    }

    /// The rows of `plan` as they are.
    fn leaf(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let columns = (0..plan.schema().fields().len()).map(|column| Some(Derived::itself(column))).collect();
        Self { leaf: Leaf::Plan(Arc::clone(plan)), columns, conditions: vec![] }
    }

    /// The schema of the leaf.
    pub fn schema(&self) -> SchemaRef {
        match &self.leaf {
            Leaf::Files(files) => Arc::clone(files.file_schema()),
            Leaf::Plan(plan) => plan.schema(),
        }
    }

    fn scanned(files: &FileScanConfig) -> PlanResult<Option<Self>> {
        let Some(projection) = files.file_source().projection() else { return Ok(None) };
        let schema = files.file_schema();
        let all: Vec<_> = (0..schema.fields().len()).map(|column| Some(Derived::itself(column))).collect();
        let columns = projection.iter().map(|column| Derived::new(&column.expr, &all, schema));
        let leaf = Leaf::Files(Box::new(files.clone()));
        Ok(Some(Self { leaf, columns: columns.collect::<PlanResult<_>>()?, conditions: vec![] }))
    }

    fn filtered(filter: &FilterExec) -> PlanResult<Option<Self>> {
        let Some(mut rows) = Self::of(filter.input())? else { return Ok(None) };
        let schema = filter.input().schema();
        for condition in split_conjunction(filter.predicate()) {
            let Some(condition) = Derived::new(condition, &rows.columns, &schema)? else { return Ok(None) };
            rows.conditions.push(condition);
        }
        if let Some(projection) = filter.projection() {
            rows.columns = projection.iter().map(|column| rows.columns[*column].clone()).collect();
        }
        Ok(Some(rows))
    }

    fn looked_up(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Self>> {
        let Some(lookup) = Lookup::of(plan)? else { return Ok(None) };
        let Some(mut rows) = Self::of(lookup.input)? else { return Ok(None) };
        let Some(key) = rows.columns[lookup.key].clone() else { return Ok(None) };
        let with = |function: Function| Derived { column: key.column, function: Arc::new(function) };
        let table = &lookup.table;
        let found = Function::Found { table: Arc::clone(table), key: Arc::clone(&key.function) };
        let width = table.rows.num_columns();
        let column = |number: &usize| match number.checked_sub(width) {
            Some(own) => rows.columns[own].clone(),
            None => {
                let key = Arc::clone(&key.function);
                Some(with(Function::LookedUp { table: Arc::clone(table), column: *number, key }))
            }
        };
        let columns = lookup.columns.iter().map(column).collect();
        rows.conditions.push(with(found));
        Ok(Some(Self { columns, ..rows }))
    }
}
