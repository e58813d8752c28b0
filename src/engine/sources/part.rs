//! Some of a noun's rows, in files or in memory, with the caller's columns.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::scalar::ScalarValue;

use super::group::FileGroup;
use super::slice::rows_before;
use crate::Result;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::nouns::RAW;
use crate::engine::values::rules::{TextRules, TimestampFormat};

/// Rows of an in-memory table that are one unit of work.
const ROWS_PER_SLICE: usize = 65_536;

/// Some of a noun's rows: a table of the caller's columns.
#[derive(Debug, Clone)]
pub struct SourcePart {
    origin: Origin,
    table: Arc<dyn TableProvider>,
}

#[derive(Debug, Clone)]
enum Origin {
    Files(FileGroup),
    Memory(SchemaRef, Vec<RecordBatch>),
}

impl SourcePart {
    pub(super) fn of_files(group: FileGroup) -> SourcePart {
        SourcePart { table: group.table(), origin: Origin::Files(group) }
    }

    pub(super) fn of_memory(schema: &SchemaRef, batches: &[RecordBatch], threads: usize) -> Result<SourcePart> {
        let origin = Origin::Memory(Arc::clone(schema), batches.to_vec());
        Ok(SourcePart { origin, table: Arc::new(memory_table(schema, batches, threads)?) })
    }

    /// The first and the last `rows` of rows in memory, or all of them.
    pub(super) fn first_and_last(&self, rows: usize) -> Vec<RecordBatch> {
        let Origin::Memory(_, batches) = &self.origin else { return vec![] };
        let all: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let (mut before, mut taken) = (0, vec![]);
        for batch in batches {
            let count = batch.num_rows();
            let first = rows.saturating_sub(before).min(count);
            let last = (before + count).saturating_sub(all.saturating_sub(rows)).min(count - first);
            taken.extend([batch.slice(0, first), batch.slice(count - last, last)]);
            before += count;
        }
        taken
    }

    /// The caller's columns that can be asked for.
    pub(super) fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    /// Splits the rows by file, in the order in which they are written.
    pub fn in_order(&self) -> Result<Vec<SourcePart>> {
        match &self.origin {
            Origin::Memory(schema, batches) => Ok(vec![SourcePart::of_memory(schema, batches, 1)?]),
            Origin::Files(group) => Ok(group.singles().into_iter().map(SourcePart::of_files).collect()),
        }
    }

    /// The file that the rows come from, if they come from one.
    pub fn label(&self) -> String {
        match &self.origin {
            Origin::Memory(..) => "memory".into(),
            Origin::Files(group) => group.slices[0].file.place.to_string(),
        }
    }

    /// The number, in its file, of the first row.
    pub fn first_row(&self) -> Result<u64> {
        match &self.origin {
            Origin::Files(group) => {
                group.slices[0].bytes.as_ref().map_or(Ok(0), |bytes| rows_before(&group.slices[0].file, bytes.start))
            }
            Origin::Memory(..) => Ok(0),
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &TableFile> {
        let slices = match &self.origin {
            Origin::Memory(..) => &[],
            Origin::Files(group) => &group.slices[..],
        };
        slices.iter().map(|slice| &slice.file)
    }

    /// The value of a column in the names of the folders, if it is there.
    pub(super) fn literal(&self, theirs: &str) -> Option<ScalarValue> {
        match &self.origin {
            Origin::Memory(..) => None,
            Origin::Files(group) => group.path_columns.get(theirs).cloned().map(ScalarValue::Utf8),
        }
    }

    pub(super) fn text_rules(&self) -> &TextRules {
        static ISO: TextRules = TextRules { has_decimal_comma: false, timestamps: TimestampFormat::Iso };
        match &self.origin {
            Origin::Memory(..) => &ISO,
            Origin::Files(group) => group.dialect().map_or(&ISO, |dialect| &dialect.rules),
        }
    }

    /// The files that the rows come from.
    pub(super) fn group(&self) -> Option<&FileGroup> {
        match &self.origin {
            Origin::Memory(..) => None,
            Origin::Files(group) => Some(group),
        }
    }

    /// All columns of the caller's.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.origin {
            Origin::Memory(schema, _) => schema.fields().iter().map(|field| field.name().clone()).collect(),
            Origin::Files(group) => group.names().to_vec(),
        }
    }

    pub(super) fn scan(&self) -> Result<LogicalPlanBuilder> {
        LogicalPlanBuilder::scan(RAW, provider_as_source(Arc::clone(&self.table)), None).map_err(error_of)
    }

    pub(super) fn type_of(&self, theirs: &str) -> Option<DataType> {
        let schema = self.table.schema();
        let in_file = schema.field_with_name(theirs).ok().map(|field| field.data_type().clone());
        in_file.or_else(|| self.literal(theirs).map(|_| DataType::Utf8))
    }
}

/// A table of batches, which all threads read at the same time.
pub fn memory_table(schema: &SchemaRef, batches: &[RecordBatch], threads: usize) -> Result<MemTable> {
    let mut partitions = vec![vec![]; threads.max(1)];
    for (number, slice) in batches.iter().flat_map(slices).enumerate() {
        let options = RecordBatchOptions::new().with_row_count(Some(slice.num_rows()));
        let slice = RecordBatch::try_new_with_options(Arc::clone(schema), slice.columns().to_vec(), &options)?;
        partitions[number % threads.max(1)].push(slice);
    }
    MemTable::try_new(Arc::clone(schema), partitions).map_err(error_of)
}

fn slices(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(ROWS_PER_SLICE);
    starts.map(|at| batch.slice(at, ROWS_PER_SLICE.min(batch.num_rows() - at)))
}
