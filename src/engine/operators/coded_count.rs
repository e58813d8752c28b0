//! What is counted of the rows of Parquet files: keys and conditions that depend on one column each.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::coded::CodedExec;
use super::coded_work::CodedCount;
use super::count::{CountedStage, first_stage, has_few_values};
use super::rows::Rows;
use crate::engine::coded::{Asked, Derived, Function};

/// Puts `CodedCount` in the place of grouping that only counts rows of Parquet files, where each key and each
/// condition depends on one column of the files.
#[derive(Debug)]
pub struct UseCodes {
    /// Whether memory has a limit: counts by user then stay with an operator that spills to disk.
    pub is_limited: bool,
}

impl PhysicalOptimizerRule for UseCodes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match in_place_of(&node, self.is_limited)? {
                Some(counts) => {
                    Transformed::new(Arc::new(counts) as Arc<dyn ExecutionPlan>, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "use_codes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Question {
    /// What is asked of each column of the files.
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

impl Question {
    /// What `stage` counts of `rows`; none if it cannot be asked column by column.
    fn of(stage: &CountedStage, rows: &Rows) -> PlanResult<Option<Self>> {
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

    /// Asks for a key; whether it can be asked for.
    fn ask_key(&mut self, number: usize, key: Derived, is_few: bool, rows: &Rows) -> PlanResult<bool> {
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

    /// What is asked of a column.
    fn about(&mut self, column: usize, rows: &Rows) -> &mut Asked {
        Asked::about(&mut self.asked, column, &rows.schema()).1
    }
}

/// What counts as `node` does, if its rows are those of Parquet files.
fn in_place_of(node: &Arc<dyn ExecutionPlan>, is_limited: bool) -> PlanResult<Option<CodedExec>> {
    let Some(counted) = first_stage(node).and_then(CountedStage::of) else { return Ok(None) };
    let Some((rows, files)) = Rows::of_files(&counted.input)? else { return Ok(None) };
    let Some(question) = Question::of(&counted, &rows)? else { return Ok(None) };
    if is_limited && question.user.is_some() {
        return Ok(None);
    }
    let work = CodedCount { question: Arc::new(question), schema: node.schema(), order: None };
    Ok(Some(CodedExec::new(Arc::clone(node), files, Arc::new(work))))
}
