//! Text files as tables of text columns: spans of whole lines, which as many partitions read as there are threads.
//!
//! Values stay text, so that one of the wrong type is counted and named, not fatal.
//!
//! | module | what it does |
//! |---|---|
//! | [`coding`] | packed files, and encodings other than UTF-8 |
//! | [`quotes`] | where the quoted cells of CSV are |
//! | [`spans`] | cuts files into spans between lines |
//! | [`times`] | what times look like, as a sample shows |
//! | [`dialect`] | how a CSV file is written: what the caller says, and what a sample shows |
//! | [`csv`] | the cells of CSV |
//! | [`json`] | the keys and the values of JSON lines |

pub mod coding;
pub mod csv;
pub mod dialect;
pub mod json;
pub mod quotes;
pub mod spans;
pub mod times;

use std::collections::VecDeque;
use std::ops::Range;
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

use self::coding::Coding;
use self::csv::CsvReader;
use self::dialect::{Dialect, Header};
use self::json::JsonReader;
use self::spans::{Cuts, LineSpan, SpanReader};
use crate::Result;
use crate::engine::errors::external;
use crate::engine::files::file::TableFile;

/// How lines are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
    /// Cells after a header.
    Csv(Header, Dialect),
    /// Objects.
    Json(Coding),
}

impl Lines {
    /// Where files may be cut.
    pub fn cuts(&self) -> Cuts {
        match self {
            Lines::Csv(_, dialect) => Cuts { coding: dialect.coding, marks: Some(dialect.marks) },
            Lines::Json(coding) => Cuts { coding: *coding, marks: None },
        }
    }
}

/// A table of text files that are alike, or of parts of them.
#[derive(Debug)]
pub struct TextTable {
    lines: Lines,
    rows: Rows,
    schema: SchemaRef,
    /// The partitions for so many threads: unchanged files are cut where they were cut before.
    cut: Mutex<Option<(usize, Partitions)>>,
}

/// Which rows a table has.
#[derive(Debug)]
enum Rows {
    /// Those of whole files.
    Files(Arc<Vec<TableFile>>),
    /// Those of spans of files.
    Spans(Vec<LineSpan>),
}

type Partitions = Vec<Vec<LineSpan>>;

impl TextTable {
    /// A table with the text columns of `schema`.
    pub fn new(lines: Lines, files: Vec<TableFile>, schema: SchemaRef) -> Self {
        Self { lines, rows: Rows::Files(Arc::new(files)), schema, cut: Mutex::default() }
    }

    /// A table of the lines of `file` that begin within `bytes`, the first of which begins a line.
    pub fn of_span(lines: Lines, file: TableFile, bytes: Range<u64>, schema: SchemaRef) -> Self {
        let span = LineSpan { file, coding: lines.cuts().coding, bytes };
        Self { lines, rows: Rows::Spans(vec![span]), schema, cut: Mutex::default() }
    }

    async fn partitions(&self, threads: usize) -> PlanResult<Partitions> {
        let files = match &self.rows {
            Rows::Files(files) => Arc::clone(files),
            Rows::Spans(spans) => return Ok(vec![spans.clone()]),
        };
        let mut cut = self.cut.lock().await;
        if let Some((_, partitions)) = cut.as_ref().filter(|(count, _)| *count == threads) {
            return Ok(partitions.clone());
        }
        let cuts = self.lines.cuts();
        let cutting = tokio::task::spawn_blocking(move || spans::partitions(&files, threads, cuts));
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
            Lines::Csv(header, dialect) => Box::new(CsvReader::new(span, header, dialect, &self.schema, self.rows)),
            Lines::Json(_) => Box::new(JsonReader::new(span, &self.schema, self.rows)?),
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
