//! The files' rows one after the other, each with its cell, its month and whether it can be used.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ScalarUDF, cast, col, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use h3o::{LatLng, Resolution};

use crate::calendar::Calendar;
use crate::engine::context::new_context;
use crate::engine::errors::error_of;
use crate::engine::functions;
use crate::engine::functions::function;
use crate::engine::nouns::{Column, Kind};
use crate::engine::sources::part::SourcePart;
use crate::engine::sources::source::Source;
use crate::engine::sources::usable::usable;
use crate::engine::threads::threads;
use crate::{Error, Result};

/// Cells of some 0.1 km², 200 m from edge to edge: a few times as wide as a visit's radius.
const RESOLUTION: Resolution = Resolution::Nine;

/// Columns after those that are written: the cell, the month (of instants), and whether the row can be used.
pub const BESIDE: [&str; 3] = ["cell", "month", "usable"];

/// Message of the reader.
#[derive(Debug)]
pub enum Read {
    /// Rows, usable or not, with the columns of [`BESIDE`] last.
    Rows(RecordBatch),
    /// A file has no more rows.
    FileDone,
    /// The end of all files.
    End,
}

/// Reads one table.
pub struct Reader<'a> {
    source: &'a Source,
    columns: Vec<&'static Column>,
    context: SessionContext,
}

impl<'a> Reader<'a> {
    /// A reader of `source`, whose months are those of `calendar`.
    pub fn new(source: &'a Source, calendar: &Calendar) -> Result<Self> {
        // One thread keeps the order of the rows.
        let context = new_context(Some(1), None)?;
        functions::register(&context, calendar, 1.0);
        Ok(Self { source, columns: source.columns(), context })
    }

    /// The schema of what is written. A usable row has a value in every column that needs one.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|c| Field::new(c.name, written_type(c.kind), !c.required));
        Schema::new(fields.collect::<Vec<_>>()).into()
    }

    /// Sends the rows of all files but the first `skip`, until the end, or until the receiver is gone.
    pub fn send(&self, skip: usize, to: &SyncSender<Result<Read>>) {
        if let Err(error) = self.send_files(skip, to) {
            // Nobody to tell: the other side has given up.
            let _ = to.send(Err(error));
        }
    }

    fn send_files(&self, skip: usize, to: &SyncSender<Result<Read>>) -> Result<()> {
        let files = self.source.parts.iter().map(SourcePart::in_order).collect::<Result<Vec<_>>>()?;
        for file in files.into_iter().flatten().skip(skip) {
            threads().block_on(self.send_file(&file, to))?;
            send(to, Read::FileDone)?;
        }
        send(to, Read::End)
    }

    async fn send_file(&self, file: &SourcePart, to: &SyncSender<Result<Read>>) -> Result<()> {
        let rows = LogicalPlanBuilder::from(self.source.part_converted(file)?).project(self.expressions()?);
        let plan = rows.and_then(LogicalPlanBuilder::build).map_err(error_of)?;
        let frame = self.context.execute_logical_plan(plan).await.map_err(error_of)?;
        let mut batches = frame.execute_stream().await.map_err(error_of)?;
        while let Some(batch) = batches.next().await {
            send(to, Read::Rows(any_nullable(batch.map_err(error_of)?)?))?;
        }
        Ok(())
    }

    fn expressions(&self) -> Result<Vec<Expr>> {
        let has = |name: &str| self.columns.iter().any(|column| column.name == name);
        let written = self.columns.iter().map(|column| cast(col(column.name), written_type(column.kind)));
        let named = written.zip(&self.columns).map(|(expression, column)| expression.alias(column.name));
        let is_of_instants = has("timestamp");
        let cell = match has("latitude") && is_of_instants {
            true => cell_function().call(vec![col("latitude"), col("longitude")]),
            false => lit(0_u64),
        };
        let month = match is_of_instants {
            true => self.context.udf("local_month").map_err(error_of)?.call(vec![col("timestamp")]),
            false => lit(ScalarValue::Date32(None)),
        };
        let beside = [cell, month, usable(self.source.noun())];
        Ok(named.chain(beside.into_iter().zip(BESIDE).map(|(expression, name)| expression.alias(name))).collect())
    }
}

fn send(to: &SyncSender<Result<Read>>, read: Read) -> Result<()> {
    to.send(Ok(read)).map_err(|_| Error::Cancelled)
}

/// Casts rows to the schema of all files, in some of which a column is REQUIRED.
fn any_nullable(batch: RecordBatch) -> Result<RecordBatch> {
    let fields = batch.schema_ref().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(batch.with_schema(schema.into())?)
}

/// Text with its bytes one after the other, as the Parquet writer takes it fastest; the rest as it is.
fn written_type(kind: Kind) -> DataType {
    match kind {
        Kind::Id | Kind::Text | Kind::Action => DataType::Utf8,
        Kind::Number | Kind::Instant => kind.data_type(),
    }
}

/// `cell(latitude, longitude)`: the number of the H3 cell, 0 where there is none. Cells with near numbers lie close
/// together, since the number goes down the hierarchy digit by digit.
fn cell_function() -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let [latitudes, longitudes] = [0, 1].map(|of| arrays[of].as_primitive::<Float64Type>());
        let both = latitudes.values().iter().zip(longitudes.values());
        let cells = both.map(|(latitude, longitude)| cell(*latitude, *longitude));
        Ok(Arc::new(cells.collect::<UInt64Array>()) as ArrayRef)
    };
    function("cell", vec![DataType::Float64; 2], DataType::UInt64, Box::new(kernel))
}

fn cell(latitude: f64, longitude: f64) -> u64 {
    LatLng::new(latitude, longitude).map_or(0, |place| place.to_cell(RESOLUTION).into())
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn near_places_share_a_cell_and_no_place_has_none() {
        assert_eq!(cell(-8.0631, -34.8711), cell(-8.06311, -34.87111));
        assert_ne!(cell(-8.0631, -34.8711), cell(-8.0731, -34.8711));
        assert_eq!(cell(f64::NAN, 0.0), 0);
    }
}
