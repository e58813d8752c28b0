//! Arrow columns in and out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanBuilder, Float64Array, Float64Builder,
    PrimitiveArray, RecordBatch, StringBuilder, StringViewArray, TimestampMicrosecondArray,
    TimestampMicrosecondBuilder,
};
use arrow::compute::{CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit};

use super::fix::Received;
use crate::error::{Error, Result};
use crate::ids::Id;

/// Instants as they come out.
pub(super) fn instants() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A table that is given: its name in errors, and its rows.
#[derive(Debug)]
pub(super) struct TableColumns<'a> {
    table: &'a str,
    rows: RecordBatch,
}

impl<'a> TableColumns<'a> {
    pub(super) fn new(table: &'a str, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        Ok(Self { table, rows: concat_batches(schema, batches)? })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// A column that need not be there.
    fn optional(&self, column: &str, data_type: &DataType) -> Result<Option<ArrayRef>> {
        let Some(values) = self.rows.column_by_name(column) else { return Ok(None) };
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let cast = cast_with_options(values, data_type, &options);
        cast.map(Some).map_err(|error| self.refuse(column, None, values.data_type().to_string(), &error.to_string()))
    }

    fn needed(&self, column: &str, data_type: &DataType) -> Result<ArrayRef> {
        let found = || self.rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        self.optional(column, data_type)?.ok_or_else(|| Error::MissingColumn {
            table: self.table.into(),
            place: "in memory".into(),
            columns: vec![(column.into(), column.into())],
            found: found(),
        })
    }

    fn refuse(&self, column: &str, row: Option<usize>, value: String, reason: &str) -> Error {
        Error::Data {
            table: self.table.into(),
            column: column.into(),
            row: row.map(|row| row as u64),
            value,
            reason: reason.into(),
        }
    }

    /// Refuses a value that cannot be used.
    pub(super) fn unusable(&self, column: &str, row: usize, value: &str, reason: &str) -> Error {
        self.refuse(column, Some(row), format!("{value:?}"), reason)
    }

    fn without_null<A: Array>(&self, column: &str, values: &A) -> Result<()> {
        match (0..values.len()).find(|row| values.is_null(*row)) {
            Some(row) => Err(self.refuse(column, Some(row), "null".into(), "a value is needed")),
            None => Ok(()),
        }
    }

    /// Texts, with nulls.
    pub(super) fn texts(&self, column: &str) -> Result<StringViewArray> {
        Ok(self.needed(column, &DataType::Utf8View)?.as_string_view().clone())
    }

    /// Texts, none of them null.
    pub(super) fn all_texts(&self, column: &str) -> Result<StringViewArray> {
        let texts = self.texts(column)?;
        self.without_null(column, &texts).map(|()| texts)
    }

    /// Numbers, none of them null.
    pub(super) fn numbers(&self, column: &str) -> Result<Vec<f64>> {
        let numbers = self.needed(column, &DataType::Float64)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        self.without_null(column, numbers).map(|()| numbers.values().to_vec())
    }

    /// Counts, none of them null.
    pub(super) fn counts(&self, column: &str) -> Result<Vec<i64>> {
        let counts = self.needed(column, &DataType::Int64)?;
        let counts = counts.as_primitive::<Int64Type>();
        self.without_null(column, counts).map(|()| counts.values().to_vec())
    }

    /// Small integers, such as days and minutes: null where the column, or a value, is not there.
    pub(super) fn small(&self, column: &str, data_type: &DataType) -> Result<Vec<Option<i32>>> {
        let Some(values) = self.optional(column, data_type)? else { return Ok(vec![None; self.len()]) };
        let values = cast_with_options(&values, &DataType::Int32, &CastOptions::default())?;
        Ok(values.as_primitive::<Int32Type>().iter().collect())
    }
}

/// Fixes, by row.
pub(super) struct Fixes {
    users: StringViewArray,
    timestamps: TimestampMicrosecondArray,
    latitudes: Float64Array,
    longitudes: Float64Array,
    accuracies: Option<Float64Array>,
    received: Option<TimestampMicrosecondArray>,
}

impl Fixes {
    pub(super) fn of(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        let given = TableColumns::new("pings", schema, batches)?;
        Ok(Self {
            users: given.texts("user_id")?,
            timestamps: given.needed("timestamp", &instants())?.as_primitive().clone(),
            latitudes: given.needed("latitude", &DataType::Float64)?.as_primitive().clone(),
            longitudes: given.needed("longitude", &DataType::Float64)?.as_primitive().clone(),
            accuracies: given.optional("accuracy_m", &DataType::Float64)?.map(|all| all.as_primitive().clone()),
            received: given.optional("received", &instants())?.map(|all| all.as_primitive().clone()),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Who is where.
    #[inline]
    pub(super) fn name(&self, row: usize) -> Option<Name<'_>> {
        let name = || Name { id: Id::at(&self.users, row), text: self.users.value(row) };
        self.users.is_valid(row).then(name)
    }

    /// The fix of a row.
    #[inline]
    pub(super) fn at(&self, row: usize) -> Received {
        Received {
            timestamp_us: value(&self.timestamps, row),
            latitude: value(&self.latitudes, row),
            longitude: value(&self.longitudes, row),
            accuracy_m: self.accuracies.as_ref().and_then(|all| value(all, row)),
            received_us: self.received.as_ref().and_then(|all| value(all, row)),
        }
    }
}

#[inline]
fn value<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

/// A user's id.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) id: Id<'a>,
    pub(super) text: &'a str,
}

/// Columns of a table that grows row by row.
#[derive(Default)]
pub(super) struct GrowingTable {
    pub(super) texts: Vec<(&'static str, StringBuilder)>,
    pub(super) numbers: Vec<(&'static str, Float64Builder)>,
    pub(super) flags: Vec<(&'static str, BooleanBuilder)>,
    timestamps: TimestampMicrosecondBuilder,
}

impl GrowingTable {
    pub(super) fn new(texts: &[&'static str], numbers: &[&'static str], flags: &[&'static str]) -> Self {
        Self {
            texts: texts.iter().map(|name| (*name, StringBuilder::new())).collect(),
            numbers: numbers.iter().map(|name| (*name, Float64Builder::new())).collect(),
            flags: flags.iter().map(|name| (*name, BooleanBuilder::new())).collect(),
            timestamps: TimestampMicrosecondBuilder::new(),
        }
    }

    /// Adds a row: the values in the order of the names.
    pub(super) fn add(&mut self, timestamp_us: i64, texts: &[&str], numbers: &[f64], flags: &[bool]) {
        self.timestamps.append_value(timestamp_us);
        self.texts.iter_mut().zip(texts).for_each(|((_, column), value)| column.append_value(value));
        self.numbers.iter_mut().zip(numbers).for_each(|((_, column), value)| column.append_value(*value));
        self.flags.iter_mut().zip(flags).for_each(|((_, column), value)| column.append_value(*value));
    }

    /// The table, with its columns in the given order.
    pub(super) fn finish(mut self, order: &[&str]) -> Result<RecordBatch> {
        let timestamps: ArrayRef = Arc::new(self.timestamps.finish().with_timezone("UTC"));
        let mut columns: Vec<(&str, ArrayRef)> = vec![("timestamp", timestamps)];
        columns.extend(self.texts.iter_mut().map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef)));
        columns.extend(self.numbers.iter_mut().map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef)));
        columns.extend(self.flags.iter_mut().map(|(name, column)| (*name, Arc::new(column.finish()) as ArrayRef)));
        let at = |name: &&str| columns.iter().position(|(column, _)| column == name).expect("each name has a column");
        let columns: Vec<_> = order.iter().map(at).map(|at| columns[at].clone()).collect();
        let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), false);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        Ok(RecordBatch::try_new(schema, columns.into_iter().map(|(_, column)| column).collect())?)
    }
}

/// Users and the bytes of their states.
pub(super) fn states(users: StringViewArray, states: BinaryArray) -> Result<RecordBatch> {
    let fields = vec![Field::new("user_id", DataType::Utf8View, false), Field::new("state", DataType::Binary, true)];
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::new(users), Arc::new(states)])?)
}

/// Users and the bytes of their states, as they are given.
pub(super) fn given_states(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(StringViewArray, BinaryArray)> {
    let given = TableColumns::new("states", schema, batches)?;
    let states = given.needed("state", &DataType::Binary)?;
    Ok((given.all_texts("user_id")?, states.as_binary::<i32>().clone()))
}

/// Refuses the bytes of a row.
pub(super) fn no_state(row: usize) -> Error {
    Error::Data {
        table: "states".into(),
        column: "state".into(),
        row: Some(row as u64),
        value: "bytes".into(),
        reason: "they are not a state that this version wrote".into(),
    }
}
