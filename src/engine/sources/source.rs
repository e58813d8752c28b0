//! The rows of a noun, in our columns and types.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use datafusion::scalar::ScalarValue;

use super::part::SourcePart;
use super::reading::Reading;
use super::settled::Settled;
use crate::engine::errors::error_of;
use crate::engine::files::file::TableFile;
use crate::engine::functions::as_text;
use crate::engine::nouns::{Column, Kind, Noun};
use crate::engine::text::dialect::{CsvOptions, Dialect};
use crate::engine::values::convert::{Rules, convert, readings};
use crate::engine::values::evaluate::evaluated;
use crate::engine::values::parse::is_action;
use crate::engine::values::rules::{Actions, TimeRules};
use crate::{Error, Result};

/// A noun's rows, part by part, and how their columns become ours.
#[derive(Debug, Clone)]
pub struct Source {
    noun: Noun,
    reading: Reading,
    /// The parts; several where files differ in schema.
    pub parts: Vec<SourcePart>,
}

impl Source {
    /// The rows of `noun` in Arrow data.
    pub fn of_memory(noun: Noun, (schema, batches): &(SchemaRef, Vec<RecordBatch>), threads: usize) -> Result<Self> {
        let parts = vec![SourcePart::of_memory(schema, batches, threads)?];
        let reading = Reading { threads, times: TimeRules::on_one_clock(), ..Reading::default() };
        Source::new(noun, reading, parts)
    }

    /// The rows of `noun` in these parts, which must have the columns that are needed.
    pub fn new(noun: Noun, reading: Reading, parts: Vec<SourcePart>) -> Result<Self> {
        let source = Source { noun, reading, parts };
        source.check_columns()?;
        Ok(source)
    }

    /// The noun.
    pub fn noun(&self) -> &Noun {
        &self.noun
    }

    /// The files that the rows come from, in the order of the parts.
    pub fn files(&self) -> Vec<&TableFile> {
        self.parts.iter().flat_map(SourcePart::files).collect()
    }

    /// The noun's columns that the caller's tables have.
    pub fn columns(&self) -> Vec<&'static Column> {
        let there = |column: &&Column| {
            let theirs = self.theirs(column);
            self.parts.iter().any(|part| part.type_of(&theirs).is_some())
        };
        self.noun.columns.iter().filter(there).collect()
    }

    /// How text files are written, in words: each way once.
    pub fn formats(&self) -> Vec<String> {
        let words = self.parts.iter().filter_map(|part| part.group()?.words());
        words.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The options that tell of all CSV files of the table how they are written, if that is one way.
    pub fn csv_options(&self) -> Option<CsvOptions> {
        let mut dialects = self.parts.iter().filter_map(|part| part.group()?.dialect()).map(Dialect::options);
        let first = dialects.next()?;
        dialects.all(|other| other == first).then_some(first)
    }

    /// The caller's name of one of our columns.
    fn theirs(&self, column: &Column) -> String {
        self.reading.theirs(&self.noun, column)
    }

    /// Whether a column is one of integers wherever it is there.
    pub fn has_integers(&self, name: &str) -> bool {
        let mut types = self.noun.columns.iter().filter(|column| column.name == name).flat_map(|column| {
            let theirs = self.theirs(column);
            self.parts.iter().filter_map(move |part| part.type_of(&theirs))
        });
        types.all(|of| of.is_integer())
    }

    fn check_columns(&self) -> Result<()> {
        let names = |column: &Column| (column.name.to_string(), self.theirs(column));
        for part in &self.parts {
            let lacks = |column: &&Column| {
                self.reading.needs(&self.noun, column) && part.type_of(&self.theirs(column)).is_none()
            };
            let columns: Vec<_> = self.noun.columns.iter().filter(lacks).map(names).collect();
            if !columns.is_empty() {
                let (table, place) = (self.noun.name.into(), part.label());
                return Err(Error::MissingColumn { table, place, columns, found: part.names() });
            }
            for column in self.noun.columns {
                self.ours(part, column)?;
            }
        }
        self.refuse_shared_columns()
    }

    /// Refuses two columns of ours that are the same of the caller's.
    fn refuse_shared_columns(&self) -> Result<()> {
        let mut ours_of = BTreeMap::new();
        for column in self.columns() {
            let theirs = self.theirs(column);
            if let Some(other) = ours_of.insert(theirs.clone(), column.name) {
                return Err(Error::Definition {
                    name: "columns".into(),
                    value: theirs,
                    reason: format!("of {}, {other} and {} would both be read from it", self.noun.name, column.name),
                });
            }
        }
        Ok(())
    }

    /// The expression of one of our columns.
    fn ours(&self, part: &SourcePart, column: &Column) -> Result<Expr> {
        let theirs = self.theirs(column);
        let expression = match (part.literal(&theirs), part.type_of(&theirs)) {
            (Some(value), _) => self.converted_literal(part, column, &theirs, value)?,
            (None, Some(from)) => convert(self.noun.name, column, &theirs, &from, self.rules(part))?,
            (None, None) => cast(lit(ScalarValue::Null), column.kind.data_type()),
        };
        Ok(expression.alias(column.name))
    }

    /// The expression of a column that stands in the path: its value, read as if it stood in a column of text.
    fn converted_literal(&self, part: &SourcePart, column: &Column, theirs: &str, value: ScalarValue) -> Result<Expr> {
        let expression = convert(self.noun.name, column, theirs, &DataType::Utf8, self.rules(part))?;
        let in_place = |part: Expr| match part {
            Expr::Column(_) => Ok(Transformed::yes(lit(value.clone()))),
            other => Ok(Transformed::no(other)),
        };
        Ok(expression.transform(in_place).map_err(error_of)?.data)
    }

    fn rules<'a>(&'a self, part: &'a SourcePart) -> Rules<'a> {
        Rules { times: &self.reading.times, text: part.text_rules(), actions: &self.reading.actions }
    }

    /// An expression that is null where the id is.
    fn id_of(&self, part: &SourcePart, column: &Column) -> Result<Expr> {
        let theirs = self.theirs(column);
        match (part.literal(&theirs), part.type_of(&theirs)) {
            (None, Some(from)) if from.is_integer() => Ok(col(datafusion::common::Column::new_unqualified(theirs))),
            _ => self.ours(part, column),
        }
    }

    /// An expression that is true where the action is known.
    fn is_known_action(&self, part: &SourcePart, column: &Column) -> Result<Expr> {
        let theirs = self.theirs(column);
        match (part.literal(&theirs), part.type_of(&theirs)) {
            (None, Some(from @ (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))) => {
                let word = col(datafusion::common::Column::new_unqualified(theirs));
                Ok(is_action(&from, &self.reading.actions).call(vec![word]))
            }
            _ => Ok(is_action(&DataType::Utf8View, &Actions::default()).call(vec![self.ours(part, column)?.unalias()])),
        }
    }

    /// The caller's own value, to show it and to tell a null from an unreadable one. Parts may differ in type, and
    /// text is what all have in common.
    fn raw(&self, part: &SourcePart, column: &Column) -> Expr {
        let theirs = self.theirs(column);
        let value = match (part.literal(&theirs), part.type_of(&theirs)) {
            (Some(value), _) => lit(value),
            (None, Some(_)) => col(datafusion::common::Column::new_unqualified(&theirs)),
            (None, None) => lit(ScalarValue::Null),
        };
        let value = match part.type_of(&theirs) {
            Some(from) if self.parts.len() > 1 => as_text("as_text", from).call(vec![value]),
            _ if self.parts.len() > 1 => cast(value, DataType::Utf8View),
            _ => value,
        };
        value.alias(raw_name(column))
    }

    fn instants(&self) -> impl Iterator<Item = &'static Column> {
        self.noun.columns.iter().filter(|column| column.kind == Kind::Instant)
    }

    /// How often the caller's clock reads a time.
    fn readings(&self, part: &SourcePart, column: &Column) -> Expr {
        let theirs = self.theirs(column);
        let counted = match (part.literal(&theirs), part.type_of(&theirs)) {
            (None, Some(from)) => readings(self.noun.name, &theirs, &from, self.rules(part)),
            _ => lit(ScalarValue::Int64(None)),
        };
        counted.alias(readings_name(column))
    }

    /// All rows in our columns and types; null where a value cannot be read.
    pub fn converted(&self) -> Result<LogicalPlan> {
        self.union(self.parts.iter().map(|part| self.project(part, false)))
    }

    /// The rows that answers can use, which are those where `usable` holds and that have all required ids and known
    /// actions.
    ///
    /// Whether there is an id is asked before integers become text, and whether an action is known before its word
    /// becomes ours.
    pub fn usable(&self, usable: &Expr) -> Result<LogicalPlan> {
        let part = |part: &SourcePart| {
            let mut rows = part.scan()?;
            for column in self.noun.columns.iter().filter(|column| column.is_required_id()) {
                rows = rows.filter(self.id_of(part, column)?.is_not_null()).map_err(error_of)?;
            }
            for column in self.noun.columns.iter().filter(|column| column.kind == Kind::Action) {
                rows = rows.filter(self.is_known_action(part, column)?).map_err(error_of)?;
            }
            let columns = self.noun.columns.iter().map(|c| self.ours(part, c)).collect::<Result<Vec<_>>>()?;
            rows.project(columns).and_then(|rows| rows.filter(usable.clone())).map_err(error_of)
        };
        self.union(self.parts.iter().map(part))
    }

    /// Plans the rows with each column's own value beside it, as `raw_…`, and how often its clock reads it, as
    /// `readings_…`.
    pub fn with_raw(&self) -> Result<LogicalPlan> {
        self.union(self.parts.iter().map(|part| self.project(part, true)))
    }

    /// Like [`Source::converted`], for one part.
    pub fn part_converted(&self, part: &SourcePart) -> Result<LogicalPlan> {
        self.project(part, false)?.build().map_err(error_of)
    }

    /// Like [`Source::with_raw`], for one part.
    pub fn part_with_raw(&self, part: &SourcePart) -> Result<LogicalPlan> {
        self.project(part, true)?.build().map_err(error_of)
    }

    /// The columns that a sample need not look at, where statistics allow for it.
    pub(super) fn settled(&self, with_users: bool) -> Settled {
        Settled::of(&self.noun, &self.reading, with_users)
    }

    /// Evaluates, on some `rows` of a part, what [`Source::with_raw`] plans.
    pub(super) fn evaluated_with_raw(
        &self,
        part: &SourcePart,
        rows: &[RecordBatch],
        state: &SessionState,
    ) -> Result<RecordBatch> {
        let rows = concat_batches(&part.schema(), rows)?;
        let (mut fields, mut columns) = (vec![], vec![]);
        for expression in self.expressions(part, true)? {
            let name = expression.schema_name().to_string();
            let column = evaluated(expression, &rows, state)?;
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }

    fn project(&self, part: &SourcePart, raw: bool) -> Result<LogicalPlanBuilder> {
        part.scan()?.project(self.expressions(part, raw)?).map_err(error_of)
    }

    /// Our columns, and, with `raw`, the caller's own values and how often their clocks read them.
    fn expressions(&self, part: &SourcePart, raw: bool) -> Result<Vec<Expr>> {
        let mut expressions = self.noun.columns.iter().map(|c| self.ours(part, c)).collect::<Result<Vec<_>>>()?;
        if raw {
            expressions.extend(self.noun.columns.iter().map(|column| self.raw(part, column)));
            expressions.extend(self.instants().map(|column| self.readings(part, column)));
        }
        Ok(expressions)
    }

    fn union(&self, mut parts: impl Iterator<Item = Result<LogicalPlanBuilder>>) -> Result<LogicalPlan> {
        let first = parts.next().ok_or_else(|| Error::Internal("a source without parts".into()))??;
        let all = parts.try_fold(first, |all, part| all.union(part?.build().map_err(error_of)?).map_err(error_of))?;
        all.build().map_err(error_of)
    }
}

/// The name of the column that holds the caller's own text of `column`.
pub fn raw_name(column: &Column) -> String {
    format!("raw_{}", column.name)
}

/// The name of the column that counts how often the caller's clock reads the time in `column`.
pub fn readings_name(column: &Column) -> String {
    format!("readings_{}", column.name)
}
