//! Columns of a plan as functions of one column of its files.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{is_not_null, take};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, IsNotNullExpr, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::engine::guard::is_by_value;
use crate::engine::small_tables::SmallTable;
use crate::engine::values::convert::INTEGER_AS_TEXT;
use crate::engine::values::instants::INSTANT;

/// A column of a plan as a function of one column of the files.
#[derive(Debug, Clone)]
pub struct Derived {
    /// The column of the files, counted through their schema; `None` for a constant.
    pub column: Option<usize>,
    /// The function.
    pub function: Arc<Function>,
}

/// A function of the values of one column.
#[derive(Debug)]
pub enum Function {
    /// The values themselves.
    Itself,
    /// Whether there is a value.
    Present,
    /// An expression over other functions of the column, which has them as its columns.
    Expression {
        /// The expression.
        expression: Arc<dyn PhysicalExpr>,
        /// Its columns.
        inputs: Vec<Arc<Function>>,
        /// Their names and types.
        schema: SchemaRef,
    },
    /// A column of a small table, in the row that has the key.
    LookedUp {
        /// The table.
        table: Arc<SmallTable>,
        /// Its column.
        column: usize,
        /// The key.
        key: Arc<Function>,
    },
    /// Whether a small table has a row with the key.
    Found {
        /// The table.
        table: Arc<SmallTable>,
        /// The key.
        key: Arc<Function>,
    },
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Function::Itself => f.write_str("itself"),
            Function::Present => f.write_str("IS NOT NULL"),
            Function::Expression { expression, .. } => expression.fmt(f),
            Function::LookedUp { table, column, .. } => f.write_str(table.rows.schema().field(*column).name()),
            Function::Found { .. } => f.write_str("found"),
        }
    }
}

impl Function {
    /// The function of each of `values`.
    pub fn of(&self, values: &ArrayRef) -> PlanResult<ArrayRef> {
        Ok(match self {
            Function::Itself => Arc::clone(values),
            Function::Present => Arc::new(is_not_null(values)?),
            Function::Expression { expression, inputs, schema } => {
                let inputs = inputs.iter().map(|input| input.of(values)).collect::<PlanResult<Vec<_>>>()?;
                let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(values.len()));
                let rows = RecordBatch::try_new_with_options(Arc::clone(schema), inputs, &options)?;
                expression.evaluate(&rows)?.into_array(values.len())?
            }
            Function::LookedUp { table, column, key } => {
                let partners = table.ids.numbers(key.of(values)?.as_string_view());
                take(table.rows.column(*column), &partners, None)?
            }
            Function::Found { table, key } => {
                Arc::new(is_not_null(&table.ids.numbers(key.of(values)?.as_string_view()))?)
            }
        })
    }

    /// Whether the function only tells calendar units of instants, or whether there is one: it changes at most with
    /// the quarter of an hour wherever both ends of each quarter agree.
    pub fn is_of_calendar(&self, units: &[&str]) -> bool {
        match self {
            Function::Itself | Function::Present => true,
            Function::Expression { expression, inputs, .. } => {
                is_calendar_unit(expression, units) && inputs.iter().all(|input| input.is_of_calendar(units))
            }
            Function::LookedUp { .. } | Function::Found { .. } => false,
        }
    }

    /// Whether the function compares instants of `data_type` with a constant: what holds at two of them holds between.
    pub fn is_before_or_after(&self, data_type: &DataType) -> bool {
        let Function::Expression { expression, inputs, .. } = self else { return false };
        let Some(compared) = expression.downcast_ref::<BinaryExpr>() else { return false };
        let is_order = matches!(compared.op(), Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
        let sides = [compared.left(), compared.right()];
        is_order
            && is_universal(data_type)
            && sides.iter().any(|side| side.is::<Literal>())
            && sides.iter().any(|side| keeps_order(side))
            && inputs.iter().all(|input| input.keeps_order())
    }

    fn keeps_order(&self) -> bool {
        match self {
            Function::Itself => true,
            Function::Expression { expression, inputs, .. } => {
                keeps_order(expression) && inputs.iter().all(|input| input.keeps_order())
            }
            _ => false,
        }
    }

    /// The function without what makes text of ids: it has a value where this one has.
    pub fn without_text(self: &Arc<Self>) -> Arc<Self> {
        match self.as_ref() {
            Function::Expression { expression, inputs, schema } if is_text_of_id(expression, schema) => {
                inputs[0].without_text()
            }
            _ => Arc::clone(self),
        }
    }

    /// The integers of `data_type` of which the function makes text, if it does that alone.
    pub fn without_text_of(self: &Arc<Self>, data_type: &DataType) -> Option<Arc<Self>> {
        let values = self.without_text();
        let is_integer = matches!(data_type, DataType::Int64 | DataType::Int32);
        (is_integer && matches!(values.as_ref(), Function::Itself)).then_some(values)
    }
}

fn is_calendar_unit(expression: &Arc<dyn PhysicalExpr>, units: &[&str]) -> bool {
    let known = match expression.downcast_ref::<ScalarFunctionExpr>() {
        Some(function) => units.contains(&function.name()) || function.name() == INSTANT,
        None => expression.is::<Column>() || expression.is::<IsNotNullExpr>() || is_cast(expression),
    };
    known && expression.children().into_iter().all(|child| is_calendar_unit(child, units))
}

/// Whether an instant stays an instant.
fn is_cast(expression: &Arc<dyn PhysicalExpr>) -> bool {
    let to = expression.downcast_ref::<CastExpr>().map(CastExpr::cast_type);
    let to = to.or_else(|| {
        expression.downcast_ref::<datafusion::physical_expr::expressions::TryCastExpr>().map(|cast| cast.cast_type())
    });
    matches!(to, Some(DataType::Timestamp(..)))
}

/// Whether an instant stays one in universal time, of any unit.
fn keeps_order(expression: &Arc<dyn PhysicalExpr>) -> bool {
    match expression.downcast_ref::<CastExpr>() {
        Some(cast) => is_universal(cast.cast_type()) && keeps_order(cast.expr()),
        None => expression.is::<Column>(),
    }
}

/// Whether its values are instants that no clock of a place tells: casts to and from local time are not in order.
fn is_universal(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, zone) => zone.as_ref().is_some_and(|zone| matches!(zone.as_ref(), "UTC" | "+00:00")),
        _ => false,
    }
}

fn is_text_of_id(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let over_column = expression.children().into_iter().all(|child| child.is::<Column>());
    let function = expression.downcast_ref::<ScalarFunctionExpr>();
    let cast = expression.downcast_ref::<CastExpr>().map(CastExpr::cast_type);
    let is_text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    over_column
        && schema.fields().len() == 1
        && (function.is_some_and(|function| function.name() == INTEGER_AS_TEXT)
            || cast.is_some_and(|to| is_text(to) && is_text(schema.field(0).data_type())))
}

impl Derived {
    /// The column as it is.
    pub fn itself(column: usize) -> Self {
        Self { column: Some(column), function: Arc::new(Function::Itself) }
    }

    /// `expression` over columns that are known as far as they are functions of one column; `None` if it is not.
    pub fn new(
        expression: &Arc<dyn PhysicalExpr>,
        columns: &[Option<Derived>],
        schema: &Schema,
    ) -> PlanResult<Option<Self>> {
        if let Some(column) = expression.downcast_ref::<Column>() {
            return Ok(columns[column.index()].clone());
        }
        if !is_by_value(expression, schema) {
            return Ok(None);
        }
        let used: BTreeSet<usize> = collect_columns(expression).iter().map(Column::index).collect();
        let Some(inputs) = used.iter().map(|index| columns[*index].as_ref()).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let of_columns: BTreeSet<_> = inputs.iter().map(|input| input.column).collect();
        if of_columns.len() > 1 {
            return Ok(None);
        }
        let inputs: Vec<_> = inputs.into_iter().map(|input| Arc::clone(&input.function)).collect();
        let column = of_columns.into_iter().next().flatten();
        let function = match (expression.downcast_ref::<IsNotNullExpr>(), inputs.as_slice()) {
            (Some(tested), _) => return Self::present(tested.arg(), columns, schema),
            _ => {
                let places: Vec<usize> = used.into_iter().collect();
                // A dictionary has an entry for rows without a value, even where there are none.
                let fields = places.iter().map(|place| schema.field(*place).clone().with_nullable(true));
                let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
                Function::Expression { expression: with_columns(expression, &places)?, inputs, schema }
            }
        };
        Ok(Some(Self { column, function: Arc::new(function) }))
    }

    /// Whether `expression` has a value.
    fn present(
        expression: &Arc<dyn PhysicalExpr>,
        columns: &[Option<Derived>],
        schema: &Schema,
    ) -> PlanResult<Option<Self>> {
        let Some(of) = Self::new(expression, columns, schema)? else { return Ok(None) };
        let input = of.function.without_text();
        let function = match input.as_ref() {
            Function::Itself => Function::Present,
            _ => {
                let value = Column::new("value", 0);
                let field = datafusion::arrow::datatypes::Field::new("value", expression.data_type(schema)?, true);
                Function::Expression {
                    expression: Arc::new(IsNotNullExpr::new(Arc::new(value))),
                    inputs: vec![of.function],
                    schema: Arc::new(Schema::new(vec![field])),
                }
            }
        };
        Ok(Some(Self { column: of.column, function: Arc::new(function) }))
    }
}

/// `expression` over the columns at `places` alone.
fn with_columns(expression: &Arc<dyn PhysicalExpr>, places: &[usize]) -> PlanResult<Arc<dyn PhysicalExpr>> {
    let replace = |node: Arc<dyn PhysicalExpr>| {
        let column = node.downcast_ref::<Column>();
        let place = column.and_then(|column| places.iter().position(|place| *place == column.index()));
        Ok(match (column, place) {
            (Some(column), Some(place)) => {
                Transformed::yes(Arc::new(Column::new(column.name(), place)) as Arc<dyn PhysicalExpr>)
            }
            _ => Transformed::no(node),
        })
    };
    Arc::clone(expression).transform(replace).data()
}
