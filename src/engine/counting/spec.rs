//! Specification of a count: keys and conditions of a grouping that only counts, and, for rows as codes, by column.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result as PlanResult;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use crate::counting::{MOST_KEYS, is_countable};
use crate::engine::codes::classes::Asked;
use crate::engine::codes::function::{Derived, Function};
use crate::engine::codes::plan::ColumnwisePlan;
use crate::engine::functions::FEW_RESULTS;
use crate::engine::guard::plain;

/// Columns that have few values, so that counting by them is best done in a table of cells.
const FEW_VALUES: [&str; 3] = ["campaign_id", "category", "establishment_id"];

/// A first stage of grouping that only counts.
pub struct CountedStage {
    /// The input.
    pub input: Arc<dyn ExecutionPlan>,
    /// Its schema.
    pub schema: SchemaRef,
    /// The groups' keys.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Each measure's condition, if it has one.
    pub conditions: Vec<Option<Arc<dyn PhysicalExpr>>>,
}

impl CountedStage {
    /// Reads the counts of `stage`; `None` if it does anything else.
    pub fn of(stage: &AggregateExec) -> Option<Self> {
        let groups = stage.group_expr();
        let only_counts = !stage.aggr_expr().is_empty() && stage.aggr_expr().iter().all(|measure| counts_all(measure));
        let schema = stage.input_schema();
        let keys: Vec<_> = groups.expr().iter().map(|(key, _)| Arc::clone(key)).collect();
        let is_condition = |of: &Arc<dyn PhysicalExpr>| of.data_type(&schema).is_ok_and(|of| of == DataType::Boolean);
        let countable = |key: &Arc<dyn PhysicalExpr>| key.data_type(&schema).is_ok_and(|known| is_countable(&known));
        let fits = (1..=MOST_KEYS).contains(&keys.len()) && stage.filter_expr().iter().flatten().all(is_condition);
        (fits && only_counts && keys.iter().all(countable)).then(|| Self {
            input: Arc::clone(stage.input()),
            schema,
            keys,
            conditions: stage.filter_expr().to_vec(),
        })
    }
}

/// The stage of grouping that sees the rows, if `node` is the last one.
pub fn first_stage(node: &Arc<dyn ExecutionPlan>) -> Option<&AggregateExec> {
    let stage = plain::<AggregateExec>(node)?;
    match stage.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => Some(stage),
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            plain::<AggregateExec>(stage.input()).filter(|first| *first.mode() == AggregateMode::Partial)
        }
        _ => None,
    }
}

/// Whether a measure counts rows, whatever is in them.
pub fn counts_all(measure: &AggregateFunctionExpr) -> bool {
    let counted = measure.expressions();
    measure.fun().name() == "count"
        && !measure.is_distinct()
        && counted.iter().all(|of| of.downcast_ref::<Literal>().is_some_and(|of| !of.value().is_null()))
}

/// Whether a key is known to have few values.
pub fn has_few_values(key: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(column) = key.downcast_ref::<Column>() {
        return FEW_VALUES.contains(&column.name()) || FEW_RESULTS.iter().any(|name| column.name().starts_with(name));
    }
    if let Some(function) = key.downcast_ref::<ScalarFunctionExpr>() {
        return FEW_RESULTS.contains(&function.name());
    }
    key.is::<Literal>() || key.downcast_ref::<CastExpr>().is_some_and(|cast| cast.expr().is::<Literal>())
}

/// Specification of a count over codes: its keys and conditions by column of the files.
#[derive(Debug, Default)]
pub struct CodeSpec {
    /// Keys, filters and measures by column of the files.
    pub asked: Vec<Asked>,
    /// The keys' types.
    pub keys: Vec<DataType>,
    /// Keys that are the same in all rows, each with its number: one value.
    pub constants: Vec<(usize, ArrayRef)>,
    /// How many measures there are.
    pub measures: usize,
    /// The key that has many values, by its number, and its column, counted through what is asked.
    pub user: Option<(usize, usize)>,
}

impl CodeSpec {
    /// Splits the counts of `stage` by column of `rows`; `None` if a key or condition depends on several.
    pub fn of(stage: &CountedStage, rows: &ColumnwisePlan) -> PlanResult<Option<Self>> {
        let mut question = Self { measures: stage.conditions.len(), ..Self::default() };
        for condition in &rows.conditions {
            match condition.column {
                Some(column) => question.about(column, rows).conditions.push(Arc::clone(&condition.function)),
                None => return Ok(None),
            }
        }
        for (number, key) in stage.keys.iter().enumerate() {
            let Some(derived) = Derived::new(key, &rows.columns, &stage.schema)? else { return Ok(None) };
            question.keys.push(key.data_type(&stage.schema)?);
            if !question.ask_key(number, derived, has_few_values(key), rows)? {
                return Ok(None);
            }
        }
        for (number, condition) in stage.conditions.iter().enumerate() {
            let Some(condition) = condition else { continue };
            let Some(derived) = Derived::new(condition, &rows.columns, &stage.schema)? else { return Ok(None) };
            match (derived.column, question.user) {
                (Some(column), None) => question.about(column, rows).measures.push((number, derived.function)),
                _ => return Ok(None),
            }
        }
        Ok(Some(question))
    }

    /// Adds a key; whether it can be counted by code.
    fn ask_key(&mut self, number: usize, key: Derived, is_few: bool, rows: &ColumnwisePlan) -> PlanResult<bool> {
        let Some(column) = key.column else {
            let one: ArrayRef = Arc::new(Int64Array::from(vec![0]));
            self.constants.push((number, key.function.of(&one)?));
            return Ok(true);
        };
        let asked = self.about(column, rows);
        if is_few {
            asked.keys.push((number, key.function));
            return Ok(true);
        }
        let is_present = asked.conditions.iter().any(|condition| matches!(condition.as_ref(), Function::Present));
        let is_id = matches!(asked.data_type, DataType::Utf8View | DataType::Int64 | DataType::Int32);
        let is_column = matches!(key.function.without_text().as_ref(), Function::Itself);
        asked.is_wanted = true;
        let is_first = self.user.is_none();
        self.user = self.asked.iter().position(|asked| asked.column == column).map(|place| (number, place));
        Ok(is_present && is_id && is_column && is_first && self.keys[number] == DataType::Utf8View)
    }

    /// Finds or adds the entry of a column.
    fn about(&mut self, column: usize, rows: &ColumnwisePlan) -> &mut Asked {
        Asked::about(&mut self.asked, column, &rows.schema()).1
    }
}
