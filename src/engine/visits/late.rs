//! Late materialisation for the visit join: filters and other columns are evaluated only for pings that matched.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array,
};
use datafusion::arrow::compute::{and, cast, filter_record_batch, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{DataType, Float64Type, Schema, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_err};

use crate::engine::codes::function::{Derived, Function};
use crate::engine::codes::plan::ColumnwisePlan;
use crate::engine::small_tables::Establishments;
use crate::visits::Matches;

/// Columns of visits, evaluated late.
#[derive(Debug, Clone)]
pub struct LateVisits {
    /// The establishments.
    pub establishments: Arc<Establishments>,
    /// Their columns.
    pub schema: SchemaRef,
    /// The columns of the rows below that are needed, with their types: latitude, longitude, and others.
    pub columns: Vec<(usize, DataType)>,
    /// Filters of pings: which of these columns, and the condition.
    pub conditions: Vec<(usize, Arc<Function>)>,
    /// Outputs that come from the pings: which of these columns, and the function of it.
    pub outputs: Vec<Option<(usize, Arc<Function>)>>,
}

/// Where latitudes are among the columns.
pub const LATITUDE_COLUMN: usize = 0;
/// Where longitudes are.
pub const LONGITUDE_COLUMN: usize = 1;

impl LateVisits {
    /// Finds the columns of `rows`, which `input` names, that visits with the columns of `schema` need; `None` if one
    /// depends on several of those below.
    pub fn of(
        rows: &ColumnwisePlan,
        input: &Schema,
        establishments: Arc<Establishments>,
        schema: SchemaRef,
    ) -> Option<Self> {
        let below = rows.schema();
        let column = |name: &str| rows.columns[input.index_of(name).ok()?].clone();
        let mut late = Self::with(&below, input, column, establishments, schema)?;
        for Derived { column, function } in &rows.conditions {
            let place = late.place((*column)?, &below);
            late.conditions.push((place, Arc::clone(function)));
        }
        Some(late)
    }

    /// Finds the columns of `input` that visits with the columns of `schema` need.
    pub fn plain(input: &Schema, establishments: Arc<Establishments>, schema: SchemaRef) -> Option<Self> {
        let column = |name: &str| Some(Derived::itself(input.index_of(name).ok()?));
        Self::with(input, input, column, establishments, schema)
    }

    /// The same, where `column` maps a column of `input` to those `below`.
    pub fn with(
        below: &Schema,
        input: &Schema,
        column: impl Fn(&str) -> Option<Derived>,
        establishments: Arc<Establishments>,
        schema: SchemaRef,
    ) -> Option<Self> {
        let mut late = Self { establishments, schema, columns: vec![], conditions: vec![], outputs: vec![] };
        for name in ["latitude", "longitude"] {
            let degrees = column(name).filter(|column| matches!(column.function.as_ref(), Function::Itself))?;
            late.place(degrees.column?, below);
        }
        let is_place = |(_, data_type): &(usize, DataType)| *data_type == DataType::Float64;
        if late.columns.len() != 2 || !late.columns.iter().all(is_place) {
            return None;
        }
        for field in Arc::clone(&late.schema).fields() {
            let of_ping = match column(field.name()) {
                Some(Derived { column, function }) => Some((late.place(column?, below), function)),
                None if input.index_of(field.name()).is_ok() => return None,
                None => None,
            };
            late.outputs.push(of_ping);
        }
        Some(late)
    }

    /// The place of a column of those `below` among those that are needed.
    fn place(&mut self, column: usize, below: &Schema) -> usize {
        self.columns.iter().position(|(known, _)| *known == column).unwrap_or_else(|| {
            self.columns.push((column, below.field(column).data_type().clone()));
            self.columns.len() - 1
        })
    }

    /// The visits of `found`; `columns` gives the values of a column, by its place, in rows.
    pub fn batch(
        &self,
        found: Matches,
        mut columns: impl FnMut(usize, &[u32]) -> PlanResult<Option<ArrayRef>>,
    ) -> PlanResult<RecordBatch> {
        let used = self.outputs.iter().flatten().chain(&self.conditions).map(|(place, _)| *place).collect::<Vec<_>>();
        let taken = (0..self.columns.len())
            .map(|place| if used.contains(&place) { columns(place, &found.ping) } else { Ok(None) });
        let taken = taken.collect::<PlanResult<Vec<_>>>()?;
        let mut counts: Option<BooleanArray> = None;
        for (place, function) in &self.conditions {
            let Some(values) = &taken[*place] else { continue };
            let holds = function.of(values)?;
            let holds = match holds.null_count() {
                0 => holds.as_boolean().clone(),
                _ => prep_null_mask_filter(holds.as_boolean()),
            };
            counts = Some(counts.map_or(Ok(holds.clone()), |counts| and(&counts, &holds))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(found.ping.len()));
        let numbers = UInt32Array::from(found.establishment);
        let distances: ArrayRef = Arc::new(Float64Array::from(found.distance_m));
        let fields = self.schema.fields().iter().zip(&self.outputs);
        let columns = fields.map(|(field, output)| match (field.name().as_str(), output) {
            (_, Some((place, function))) => match &taken[*place] {
                Some(values) => Ok(cast(&function.of(values)?, field.data_type())?),
                None => internal_err!("a column of visits was not read"),
            },
            ("establishment_id", None) => Ok(take(self.establishments.ids(), &numbers, None)?),
            ("establishment", None) => Ok(Arc::new(numbers.clone()) as ArrayRef),
            _ => Ok(Arc::clone(&distances)),
        });
        let columns = columns.collect::<PlanResult<Vec<_>>>()?;
        let visits = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        match counts.filter(|counts| counts.true_count() < counts.len()) {
            Some(counts) => Ok(filter_record_batch(&visits, &counts)?),
            None => Ok(visits),
        }
    }
}

/// Degrees, with NaN, which is nowhere, where there is none.
pub fn or_nan(degrees: &ArrayRef) -> Float64Array {
    let degrees = degrees.as_primitive::<Float64Type>();
    match degrees.null_count() {
        0 => degrees.clone(),
        _ => degrees.iter().map(|degrees| Some(degrees.unwrap_or(f64::NAN))).collect(),
    }
}
