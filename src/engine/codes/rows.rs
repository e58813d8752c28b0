//! `CodedRows`: rows of Parquet files; what depends on a column of few values is evaluated once for each code.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{cast, filter_record_batch, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result as PlanResult, internal_datafusion_err, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

use super::classes::{Asked, DROPPED};
use super::exec::{Coded, CodedExec, RowGroups, UNITS, at_once, with_type};
use super::function::Function;
use super::plan::ColumnwisePlan;
use super::reader::{CodedColumn, Piece};
use super::row_group::{RowGroup, Selection};
use crate::counting::is_countable;
use crate::engine::exchange::channels::OutputChannels;

/// Columns of the rows.
#[derive(Debug, Clone)]
struct CodedRows {
    schema: SchemaRef,
    asked: Vec<Asked>,
    /// Each column: which column of the files, counted through what is asked, and what it is.
    columns: Vec<(usize, OutputColumn)>,
}

#[derive(Debug, Clone)]
enum OutputColumn {
    /// The key of this number, by class.
    Key(usize),
    /// A function of the values, row by row.
    Value(Arc<Function>),
}

/// Replaces `plan`, whose columns `few` have few values, by a scan of codes; `plan` itself, if it is no plain scan of
/// Parquet files.
pub fn with_codes(plan: Arc<dyn ExecutionPlan>, few: &[&str]) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let Some((rows, files)) = ColumnwisePlan::of_files(&plan)? else { return Ok(plan) };
    Ok(match CodedRows::of(&rows, plan.schema(), few) {
        Some(work) => Arc::new(CodedExec::new(plan, files, Arc::new(work))),
        None => plan,
    })
}

impl CodedRows {
    /// None if a column depends on several columns of the files, or on none.
    fn of(rows: &ColumnwisePlan, schema: SchemaRef, few: &[&str]) -> Option<Self> {
        let mut wanted = Self { schema: Arc::clone(&schema), asked: vec![], columns: vec![] };
        for condition in &rows.conditions {
            let (_, asked) = Asked::about(&mut wanted.asked, condition.column?, &rows.schema());
            asked.conditions.push(Arc::clone(&condition.function));
        }
        for (number, (column, field)) in rows.columns.iter().zip(schema.fields()).enumerate() {
            let column = column.as_ref()?;
            let (place, asked) = Asked::about(&mut wanted.asked, column.column?, &rows.schema());
            let output = match few.contains(&field.name().as_str()) && is_countable(field.data_type()) {
                true => {
                    asked.keys.push((number, Arc::clone(&column.function)));
                    OutputColumn::Key(number)
                }
                false => {
                    asked.is_wanted = true;
                    OutputColumn::Value(Arc::clone(&column.function))
                }
            };
            wanted.columns.push((place, output));
        }
        Some(wanted)
    }

    /// The rows of a piece that count.
    fn batch(&self, piece: &Piece) -> PlanResult<RecordBatch> {
        let classes: Vec<_> = piece.columns.iter().map(|part| self.classes(part, piece.rows)).collect();
        let columns = self.columns.iter().zip(self.schema.fields()).map(|((place, output), field)| {
            let part = &piece.columns[*place];
            let column = match output {
                OutputColumn::Key(number) => {
                    let key = part.classes.keys.iter().find(|(known, _)| known == number);
                    let (Some((_, values)), Some(classes)) = (key, &classes[*place]) else {
                        return internal_err!("a key was not asked for");
                    };
                    take(values, classes, None)?
                }
                OutputColumn::Value(function) => {
                    let values = part.values.as_ref();
                    let values = values.ok_or_else(|| internal_datafusion_err!("values were not read"))?;
                    function.of(&of_rows(values, &part.entries, piece.rows)?)?
                }
            };
            Ok(if column.data_type() == field.data_type() { column } else { cast(&column, field.data_type())? })
        });
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<PlanResult<Vec<_>>>()?)?;
        let classes: Vec<_> = classes.iter().flatten().map(|classes| classes.values()).collect();
        match classes.iter().any(|classes| classes.contains(&DROPPED)) {
            true => {
                let counts = |row| Some(classes.iter().all(|classes| classes[row] != DROPPED));
                Ok(filter_record_batch(&rows, &(0..piece.rows).map(counts).collect::<BooleanArray>())?)
            }
            false => Ok(rows),
        }
    }

    /// The class of each row; `None` where all rows count and no key is made of it.
    fn classes(&self, part: &CodedColumn, rows: usize) -> Option<UInt32Array> {
        let tells_nothing =
            part.entries.is_empty() && part.classes.of_entry[0] != DROPPED && part.classes.keys.is_empty();
        (!tells_nothing).then(|| part.classes_of_rows(rows).into())
    }
}

/// The values of rows, of which `values` are those of the entries, or, where there is no entry, those of the rows.
fn of_rows(values: &ArrayRef, entries: &[u32], rows: usize) -> PlanResult<ArrayRef> {
    if entries.is_empty() && values.len() == rows {
        return Ok(Arc::clone(values));
    }
    let count = values.len() as u32;
    let entries = match entries.iter().fold(false, |is_any_null, entry| is_any_null | (*entry >= count)) {
        false => UInt32Array::from(entries.to_vec()),
        true => entries.iter().map(|entry| (*entry < count).then_some(*entry)).collect(),
    };
    Ok(take(values, &entries, None)?)
}

impl Coded for CodedRows {
    fn name(&self) -> &'static str {
        "CodedRowsExec"
    }

    fn columns(&self) -> Vec<(usize, DataType)> {
        self.asked.iter().map(|asked| (asked.column, asked.data_type.clone())).collect()
    }

    fn conditions(&self) -> Vec<(usize, Arc<Function>)> {
        Asked::conditions_of(&self.asked)
    }

    fn with_integers(&self, column: &str) -> Option<Arc<dyn Coded>> {
        let mut same = self.clone();
        let (place, output) = &mut same.columns[self.schema.index_of(column).ok()?];
        let OutputColumn::Value(function) = output else { return None };
        *function = function.without_text_of(&self.asked[*place].data_type)?;
        same.schema = with_type(&self.schema, column, &DataType::Int64);
        Some(Arc::new(same))
    }

    fn first_read(&self, group: &RowGroup) -> PlanResult<Option<Selection>> {
        group.needed(&self.asked, UNITS).map(Some)
    }

    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outputs: OutputChannels) -> BoxFuture<'static, PlanResult<()>> {
        let tasks = groups.tasks;
        let task = move |_, outputs| Arc::clone(&self).give(Arc::clone(&groups), outputs);
        Box::pin(async move { at_once(tasks, &outputs, task).await.map(|_| ()) })
    }
}

impl CodedRows {
    async fn give(self: Arc<Self>, groups: Arc<RowGroups>, outputs: OutputChannels) -> PlanResult<()> {
        while let Some(group) = groups.take() {
            let work = async {
                let mut reader = group.open(&self.asked, UNITS).await?;
                let mut piece = Piece::default();
                while let Some(next) = reader.next(piece)? {
                    outputs.send(Ok(self.batch(&next)?)).await?;
                    groups.rows_read.add(next.rows);
                    piece = next;
                    tokio::task::yield_now().await;
                }
                Ok(())
            };
            group.blamed(work).await?;
        }
        Ok(())
    }
}
