//! JSON lines as a table of text columns: numbers become their text, so that a wrong type is counted, not fatal.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as PlanResult, project_schema};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};

use super::files::unreadable;
use crate::Result;

/// How many lines tell the columns; a column that first appears later would be one that no row before has.
const LINES_FOR_COLUMNS: usize = 1_000;

/// The keys that the first lines of `path` have, in sorted order.
pub fn json_columns(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|e| unreadable(path, &e.to_string()))?;
    let mut keys = BTreeSet::new();
    for (number, line) in BufReader::new(file).lines().take(LINES_FOR_COLUMNS).enumerate() {
        let line = line.map_err(|e| unreadable(path, &e.to_string()))?;
        if !line.trim().is_empty() {
            keys.extend(object_of(path, number, &line)?.into_iter().map(|(key, _)| key));
        }
    }
    Ok(keys.into_iter().collect())
}

fn object_of(path: &Path, number: usize, line: &str) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(line).map_err(|e| unreadable(path, &format!("line {} is not a JSON object: {e}", number + 1)))
}

/// A table over JSON-lines files.
#[derive(Debug)]
pub struct JsonLines {
    files: Vec<PathBuf>,
    schema: SchemaRef,
}

impl JsonLines {
    /// A table with the text columns of `schema`, one partition for each file.
    pub fn new(files: Vec<PathBuf>, schema: SchemaRef) -> Self {
        Self { files, schema }
    }
}

#[async_trait]
impl TableProvider for JsonLines {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let partition = |path: &PathBuf| {
            Arc::new(JsonFile { path: path.clone(), schema: Arc::clone(&schema) }) as Arc<dyn PartitionStream>
        };
        let partitions = self.files.iter().map(partition).collect();
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), partitions, None, vec![], false, limit)?))
    }
}

#[derive(Debug)]
struct JsonFile {
    path: PathBuf,
    schema: SchemaRef,
}

impl PartitionStream for JsonFile {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches =
            futures::stream::iter(Lazy { path: self.path.clone(), schema: Arc::clone(&self.schema), reader: None });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// Opens the file at the first batch, and names the line when one cannot be read.
struct Lazy {
    path: PathBuf,
    schema: SchemaRef,
    reader: Option<datafusion::arrow::json::Reader<BufReader<File>>>,
}

impl Lazy {
    fn open(&self) -> Result<datafusion::arrow::json::Reader<BufReader<File>>> {
        let file = File::open(&self.path).map_err(|e| unreadable(&self.path, &e.to_string()))?;
        let schema = Arc::new(Schema::new(self.schema.fields().clone()));
        Ok(ReaderBuilder::new(schema).with_coerce_primitive(true).build(BufReader::new(file))?)
    }

    /// The reader tells no line number, so the lines are looked at again, one by one.
    fn explain(&self, error: &str) -> crate::Error {
        let lines = File::open(&self.path).map(|file| BufReader::new(file).lines());
        for (number, line) in lines.into_iter().flatten().enumerate() {
            let text = line.unwrap_or_default();
            if let (false, Err(reason)) = (text.trim().is_empty(), object_of(&self.path, number, &text)) {
                return reason;
            }
        }
        unreadable(&self.path, error)
    }
}

impl Iterator for Lazy {
    type Item = PlanResult<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_none() {
            match self.open() {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return Some(Err(DataFusionError::External(Box::new(error)))),
            }
        }
        let batch = self.reader.as_mut()?.next()?;
        Some(batch.map_err(|error| DataFusionError::External(Box::new(self.explain(&error.to_string())))))
    }
}
