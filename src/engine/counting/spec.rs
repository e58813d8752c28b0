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

/// In the metadata of a column of integers: they are counts of rows, made by this engine.
pub const IS_COUNT: &str = "footfall.is_count";

/// Specification of a count: the keys and measures of a grouping that only counts.
#[derive(Debug)]
pub struct CountSpec {
    /// The groups' keys.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// Their types.
    pub types: Vec<DataType>,
    /// The number of the key that is the user, if one is.
    pub user: Option<usize>,
    /// The measures, at least one.
    pub measures: Vec<Measure>,
}

/// A measure of a group.
#[derive(Debug)]
pub enum Measure {
    /// How many rows it has.
    Rows,
    /// How many of its rows meet a condition.
    RowsWhere(Arc<dyn PhysicalExpr>),
    /// The sum of counts.
    Sum(Arc<dyn PhysicalExpr>),
}

impl CountSpec {
    /// Reads what `stage`, which sees the rows, counts; `None` if it does anything else.
    pub fn of(stage: &AggregateExec) -> Option<Self> {
        let schema = stage.input_schema();
        let keys: Vec<_> = stage.group_expr().expr().iter().map(|(key, _)| Arc::clone(key)).collect();
        let types = keys.iter().map(|key| key.data_type(&schema)).collect::<PlanResult<Vec<_>>>().ok()?;
        let measures = stage.aggr_expr().iter().zip(stage.filter_expr());
        let measures = measures.map(|(measure, filter)| Measure::of(measure, filter.as_ref(), &schema));
        let measures = measures.collect::<Option<Vec<_>>>()?;
        let mut users = (0..keys.len()).filter(|key| is_user(&keys[*key]) && types[*key] == DataType::Utf8View);
        let user = users.next().filter(|_| users.next().is_none());
        let fits = (1..=MOST_KEYS).contains(&keys.len()) && types.iter().all(is_countable) && !measures.is_empty();
        fits.then_some(Self { keys, types, user, measures })
    }

    /// Whether all measures count rows.
    pub fn counts_rows(&self) -> bool {
        !self.measures.iter().any(|measure| matches!(measure, Measure::Sum(_)))
    }

    /// Each measure's condition, if it has one.
    pub fn conditions(&self) -> impl Iterator<Item = Option<&Arc<dyn PhysicalExpr>>> {
        self.measures.iter().map(|measure| match measure {
            Measure::RowsWhere(condition) => Some(condition),
            _ => None,
        })
    }

    /// The keys but the user.
    pub fn other_keys(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.keys.iter().enumerate().filter(|(number, _)| Some(*number) != self.user).map(|(_, key)| key)
    }

    /// All that is evaluated.
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let measured = self.measures.iter().filter_map(|measure| match measure {
            Measure::Rows => None,
            Measure::RowsWhere(of) | Measure::Sum(of) => Some(of),
        });
        self.keys.iter().chain(measured)
    }
}

impl Measure {
    fn of(measure: &AggregateFunctionExpr, filter: Option<&Arc<dyn PhysicalExpr>>, schema: &SchemaRef) -> Option<Self> {
        match filter {
            None if counts_all(measure) => Some(Self::Rows),
            None => sum_of_counts(measure, schema).map(Self::Sum),
            Some(condition) => {
                let is_condition = condition.data_type(schema).is_ok_and(|of| of == DataType::Boolean);
                (is_condition && counts_all(measure)).then(|| Self::RowsWhere(Arc::clone(condition)))
            }
        }
    }
}

fn sum_of_counts(measure: &AggregateFunctionExpr, schema: &SchemaRef) -> Option<Arc<dyn PhysicalExpr>> {
    let [of] = &measure.expressions()[..] else { return None };
    let column = schema.field(of.downcast_ref::<Column>()?.index());
    (measure.fun().name() == "sum" && column.metadata().contains_key(IS_COUNT)).then(|| Arc::clone(of))
}

fn is_user(key: &Arc<dyn PhysicalExpr>) -> bool {
    key.downcast_ref::<Column>().is_some_and(|column| column.name() == "user_id")
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
    /// Splits a count of rows of this `schema` by column of `rows`; `None` if a key or condition depends on several.
    pub fn of(spec: &CountSpec, schema: &SchemaRef, rows: &ColumnwisePlan) -> PlanResult<Option<Self>> {
        let mut split = Self { measures: spec.measures.len(), keys: spec.types.clone(), ..Self::default() };
        for condition in &rows.conditions {
            match condition.column {
                Some(column) => split.about(column, rows).conditions.push(Arc::clone(&condition.function)),
                None => return Ok(None),
            }
        }
        for (number, key) in spec.keys.iter().enumerate() {
            let Some(derived) = Derived::new(key, &rows.columns, schema)? else { return Ok(None) };
            if !split.ask_key(number, derived, has_few_values(key), rows)? {
                return Ok(None);
            }
        }
        for (number, condition) in spec.conditions().enumerate() {
            let Some(condition) = condition else { continue };
            let Some(derived) = Derived::new(condition, &rows.columns, schema)? else { return Ok(None) };
            match (derived.column, split.user) {
                (Some(column), None) => split.about(column, rows).measures.push((number, derived.function)),
                _ => return Ok(None),
            }
        }
        Ok(Some(split))
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
