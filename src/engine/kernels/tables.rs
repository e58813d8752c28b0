//! The tables that a caller gives to a kernel, whose rows all count: the first one that cannot be used is an error.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::DFSchema;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;

use crate::engine::codes::function::Derived;
use crate::engine::errors::error_of;
use crate::engine::nouns::{Column, Kind, Noun};
use crate::engine::run::Table;
use crate::engine::values::convert::{Rules, convert};
use crate::engine::values::rules::{Actions, TextRules, TimeRules};
use crate::{Error, Result};

/// `table` without dictionaries that hold a null as an entry, since a code of such an entry looks like a value; and
/// with text as the type of columns that have none.
pub fn plainly_typed((schema, batches): &Table) -> Result<Table> {
    let has_null_entry = |column: &ArrayRef| {
        column.as_any_dictionary_opt().is_some_and(|column| column.values().logical_null_count() > 0)
    };
    let fields = schema.fields().iter().enumerate().map(|(place, field)| match field.data_type() {
        DataType::Dictionary(_, value) if batches.iter().any(|batch| has_null_entry(batch.column(place))) => {
            Arc::new(Field::new(field.name(), value.as_ref().clone(), true))
        }
        DataType::Null => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        _ => Arc::clone(field),
    });
    let schema: SchemaRef = Schema::new(fields.collect::<Vec<_>>()).into();
    let plain = |batch: &RecordBatch| {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false => cast(column, field.data_type()),
        });
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<std::result::Result<_, _>>()?)?)
    };
    let batches = batches.iter().map(plain).collect::<Result<_>>()?;
    Ok((schema, batches))
}

/// The expression of our `column` over the caller's.
pub fn ours(table: &str, column: &Column, theirs: &Schema) -> Result<Derived> {
    let field = theirs.field_with_name(column.name).map_err(|_| no_column(table, theirs, column.name))?;
    let (times, text, actions) = (TimeRules::on_one_clock(), TextRules::default(), Actions::default());
    let rules = Rules { times: &times, text: &text, actions: &actions };
    let ours = convert(table, column, column.name, field.data_type(), rules)?;
    let names = DFSchema::try_from(theirs.clone()).map_err(error_of)?;
    let ours = create_physical_expr(&ours, &names, &ExecutionProps::new(), &PhysicalPlanningContext::default());
    let columns: Vec<_> = (0..theirs.fields().len()).map(|column| Some(Derived::itself(column))).collect();
    let ours = ours.and_then(|ours| Derived::new(&ours, &columns, theirs)).map_err(error_of)?;
    ours.ok_or_else(|| Error::Internal(format!("{} of several columns", column.name)))
}

/// The columns of `noun` that are ids or instants, as they are, and its coordinates as numbers; all of these are
/// required, and all ids and instants have values.
pub fn located(noun: &Noun, batch: &RecordBatch, first_row: usize) -> Result<RecordBatch> {
    let get =
        |name: &str| batch.column_by_name(name).cloned().ok_or_else(|| no_column(noun.name, batch.schema_ref(), name));
    let is_needed = |column: &&Column| column.required && column.kind != Kind::Text;
    let column = |column: &Column| {
        let given = get(column.name)?;
        if column.kind == Kind::Number {
            let degrees = ours(noun.name, column, batch.schema_ref())?;
            return Ok((column.name, degrees.function.of(&given).map_err(error_of)?));
        }
        check_present(noun.name, column.name, &given, first_row)?;
        Ok((column.name, given))
    };
    let columns = noun.columns.iter().filter(is_needed).map(column);
    Ok(RecordBatch::try_from_iter(columns.collect::<Result<Vec<_>>>()?)?)
}

fn check_present(table: &str, name: &str, column: &ArrayRef, first_row: usize) -> Result<()> {
    let null = column.logical_nulls().and_then(|nulls| nulls.iter().position(|valid| !valid));
    null.map_or(Ok(()), |row| Err(unusable(table, name, column, row, first_row, "a value is needed")))
}

/// An error for the first of the `places` that is not on Earth; `given` has the caller's own values.
pub fn check_degrees(table: &str, places: &RecordBatch, given: &RecordBatch, first_row: usize) -> Result<()> {
    for (name, limit) in [("latitude", 90.0), ("longitude", 180.0)] {
        let degrees = places[name].as_primitive::<Float64Type>();
        let bad = degrees.iter().position(|value| !value.is_some_and(|value| value.abs() <= limit));
        if let Some(bad) = bad {
            let reason = format!("expected degrees from -{limit} to {limit}");
            return Err(unusable(table, name, &given[name], bad, first_row, &reason));
        }
    }
    Ok(())
}

/// The expression of instants over a caller's column some of whose values may be none.
pub fn fallible_instants(noun: &Noun, column: &Column, theirs: &Schema) -> Result<Option<Derived>> {
    let instants = ours(noun.name, column, theirs)?;
    let given = theirs.field_with_name(column.name).map_err(|_| no_column(noun.name, theirs, column.name))?;
    let always = matches!(given.data_type(), DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _));
    Ok((!always).then_some(instants))
}

/// An error for the first value of the `column` of which `instants` makes nothing.
pub fn check_instants(table: &str, column: &str, instants: &Derived, given: &ArrayRef, first_row: usize) -> Result<()> {
    let read = instants.function.of(given).map_err(error_of)?;
    let unread = read.logical_nulls().and_then(|nulls| nulls.iter().position(|valid| !valid));
    unread.map_or(Ok(()), |row| {
        let is_null = given.logical_nulls().is_some_and(|nulls| nulls.is_null(row));
        let reason = if is_null { "a value is needed" } else { "not an instant: ISO 8601" };
        Err(unusable(table, column, given, row, first_row, reason))
    })
}

/// An error for the first row of a table of `noun` that has no instant.
pub fn check_all_instants(noun: &Noun, (schema, batches): &Table) -> Result<()> {
    for column in noun.columns.iter().filter(|column| column.kind == Kind::Instant) {
        let Some(instants) = fallible_instants(noun, column, schema)? else { continue };
        let mut first_row = 0;
        for batch in batches {
            check_instants(noun.name, column.name, &instants, &batch[column.name], first_row)?;
            first_row += batch.num_rows();
        }
    }
    Ok(())
}

/// The `columns` of a table in our types, as one batch.
pub fn converted(table: &str, columns: &[Column], (schema, batches): &Table) -> Result<RecordBatch> {
    let given = concat_batches(schema, batches)?;
    let column = |column: &Column| {
        let derived = ours(table, column, schema)?;
        let place = schema.index_of(column.name)?;
        Ok((column.name, derived.function.of(given.column(place)).map_err(error_of)?))
    };
    Ok(RecordBatch::try_from_iter(columns.iter().map(column).collect::<Result<Vec<_>>>()?)?)
}

/// The rows to keep of those whose first column is an id: one of each id, since all of an id say the same, or else an
/// error for the first that says something else.
pub fn one_of_each_id(table: &str, rows: &RecordBatch) -> Result<Vec<bool>> {
    let ids = cast(rows.column(0), &DataType::Utf8View)?;
    let (ids, name) = (ids.as_string_view(), rows.schema_ref().field(0).name());
    let mut first_rows = HashMap::new();
    let mut kept = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        let first = *first_rows.entry(ids.value(row)).or_insert(row);
        let others = &rows.columns()[1..];
        if let Some(place) = others.iter().position(|column| column.slice(row, 1) != column.slice(first, 1)) {
            let other = rows.schema_ref().field(1 + place).name();
            let [one, another] = [first, row].map(|row| array_value_to_string(&others[place], row));
            let reason = format!("row {first} of this id has another {other}: {:?}, not {:?}", one?, another?);
            return Err(unusable(table, name, rows.column(0), row, 0, &reason));
        }
        kept.push(first == row);
    }
    Ok(kept)
}

fn unusable(table: &str, column: &str, values: &ArrayRef, row: usize, first_row: usize, reason: &str) -> Error {
    let is_null = values.logical_nulls().is_some_and(|nulls| nulls.is_null(row));
    let text = if is_null { None } else { array_value_to_string(values, row).ok() };
    Error::Data {
        table: table.into(),
        column: column.into(),
        row: Some((first_row + row) as u64),
        value: text.unwrap_or_else(|| "null".into()),
        reason: reason.into(),
    }
}

/// The error for a column that is not there.
pub fn no_column(table: &str, schema: &Schema, column: &str) -> Error {
    let found = schema.fields().iter().map(|field| field.name().clone()).collect();
    Error::MissingColumn {
        table: table.into(),
        place: "memory".into(),
        columns: vec![(column.into(), column.into())],
        found,
    }
}
