//! Text files as tables of text columns: spans of whole lines, which as many partitions read as there are threads.
//!
//! Values stay text, so that one of the wrong type is counted and named, not fatal.
//!
//! | module | what it does |
//! |---|---|
//! | [`csv`] | the header and the cells of CSV |
//! | [`json`] | the keys and the values of JSON lines |
//! | [`quotes`] | where the quoted cells of CSV are |
//! | [`spans`] | cuts files into spans between lines |

pub mod csv;
pub mod json;
pub mod quotes;
pub mod spans;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as PlanResult, project_schema};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use tokio::sync::Mutex;

use self::csv::{CsvReader, Header};
use self::json::JsonReader;
use self::spans::{LineSpan, SpanReader};
use crate::Result;
use crate::engine::errors::external;
use crate::engine::files::file::TableFile;

/// How lines are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
    /// Cells after a header.
    Csv(Header),
    /// Objects.
    Json,
}

/// A table of text files that are alike.
#[derive(Debug)]
pub struct TextTable {
    lines: Lines,
    files: Arc<Vec<TableFile>>,
    schema: SchemaRef,
    /// The partitions for so many threads: unchanged files are cut where they were cut before.
    cut: Mutex<Option<(usize, Partitions)>>,
}

type Partitions = Vec<Vec<LineSpan>>;

impl TextTable {
    /// A table with the text columns of `schema`.
    pub fn new(lines: Lines, files: Vec<TableFile>, schema: SchemaRef) -> Self {
        Self { lines, files: Arc::new(files), schema, cut: Mutex::default() }
    }

    async fn partitions(&self, threads: usize) -> PlanResult<Partitions> {
        let mut cut = self.cut.lock().await;
        if let Some((_, partitions)) = cut.as_ref().filter(|(count, _)| *count == threads) {
            return Ok(partitions.clone());
        }
        let (files, has_quotes) = (Arc::clone(&self.files), matches!(self.lines, Lines::Csv(_)));
        let cutting = tokio::task::spawn_blocking(move || spans::partitions(&files, threads, has_quotes));
        let partitions = cutting.await.map_err(|join| DataFusionError::ExecutionJoin(Box::new(join)))?;
        let partitions = partitions.map_err(external)?;
        *cut = Some((threads, partitions.clone()));
        Ok(partitions)
    }
}

#[async_trait]
impl TableProvider for TextTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let partition = |spans| {
            let (lines, schema) = (self.lines.clone(), Arc::clone(&schema));
            Arc::new(TextPartition { lines, spans, schema }) as Arc<dyn PartitionStream>
        };
        let partitions = self.partitions(state.config().target_partitions()).await?.into_iter().map(partition);
        let partitions = partitions.collect();
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), partitions, None, vec![], false, limit)?))
    }
}

/// Spans that are read one after the other.
#[derive(Debug)]
struct TextPartition {
    lines: Lines,
    spans: Vec<LineSpan>,
    schema: SchemaRef,
}

impl PartitionStream for TextPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = Batches {
            lines: self.lines.clone(),
            schema: Arc::clone(&self.schema),
            rows: context.session_config().batch_size(),
            spans: self.spans.clone().into(),
            reader: None,
        };
        let batches = futures::stream::iter(batches.map(|batch| batch.map_err(external)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// The batches of a partition, span by span.
struct Batches {
    lines: Lines,
    schema: SchemaRef,
    rows: usize,
    spans: VecDeque<LineSpan>,
    reader: Option<(LineSpan, Box<dyn SpanReader>)>,
}

impl Batches {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.reader.is_none() {
                let Some(span) = self.spans.pop_front() else { return Ok(None) };
                let reader = self.open(&span)?;
                self.reader = Some((span, reader));
            }
            let Some((span, reader)) = &mut self.reader else { continue };
            let batch = reader.next_batch();
            if !matches!(batch, Ok(Some(_))) {
                // What was read of a file that changed meanwhile says nothing.
                span.file.must_be_unchanged()?;
                self.reader = None;
            }
            if let Some(batch) = batch? {
                return Ok(Some(batch));
            }
        }
    }

    fn open(&self, span: &LineSpan) -> Result<Box<dyn SpanReader>> {
        Ok(match &self.lines {
            Lines::Csv(header) => Box::new(CsvReader::new(span, header, &self.schema, self.rows)),
            Lines::Json => Box::new(JsonReader::new(span, &self.schema, self.rows)?),
        })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().transpose();
        if matches!(batch, Some(Err(_))) {
            self.spans.clear();
        }
        batch
    }
}
