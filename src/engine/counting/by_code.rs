//! `CodedCount`: row groups are read by all tasks, counted by class, and the counts added up.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result as PlanResult;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::LexOrdering;
use futures::future::BoxFuture;

use super::cells::{ClassCells, CountsPieces, keys_of_rows};
use super::emit::{Emission, UserGroups};
use super::spec::CodeSpec;
use super::user_codes::UserCodesTally;
use super::user_shard::DenseIds;
use super::users::{IdForm, UserTally};
use crate::counting::Counts;
use crate::engine::codes::classes::Asked;
use crate::engine::codes::exec::{Coded, RowGroups, UNITS, at_once};
use crate::engine::codes::function::Function;
use crate::engine::codes::reader::Piece;
use crate::engine::codes::row_group::{RowGroup, Selection};
use crate::engine::exchange::channels::OutputChannels;

/// Cells beyond which rows are counted by their keys instead: 8 MB of cells.
const MOST_COUNTED_CELLS: usize = 1 << 21;

/// Counts rows of Parquet files by their keys, without decoding columns that have few values.
#[derive(Debug)]
pub struct CodedCount {
    /// The specification.
    pub spec: Arc<CodeSpec>,
    /// The columns of the counts.
    pub schema: SchemaRef,
    /// Their order, if they have one.
    pub order: Option<LexOrdering>,
}

impl Coded for CodedCount {
    fn name(&self) -> &'static str {
        "CodedCountExec"
    }

    fn columns(&self) -> Vec<(usize, DataType)> {
        self.spec.asked.iter().map(|asked| (asked.column, asked.data_type.clone())).collect()
    }

    fn conditions(&self) -> Vec<(usize, Arc<Function>)> {
        Asked::conditions_of(&self.spec.asked)
    }

    fn in_order(&self, keys: &LexOrdering) -> Option<Arc<dyn Coded>> {
        let (user, _) = self.spec.user?;
        let (spec, schema) = (Arc::clone(&self.spec), Arc::clone(&self.schema));
        let ordered = Self { spec, schema, order: Some(keys.clone()) };
        UserGroups::can_come_in(keys, user, self.spec.keys.len()).then(|| Arc::new(ordered) as Arc<dyn Coded>)
    }

    fn order(&self) -> Option<&LexOrdering> {
        self.order.as_ref()
    }

    fn first_read(&self, group: &RowGroup) -> PlanResult<Option<Selection>> {
        group.needed(&self.spec.asked, UNITS).map(Some)
    }

    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outputs: OutputChannels) -> BoxFuture<'static, PlanResult<()>> {
        Box::pin(async move {
            match self.spec.user {
                Some(user) => self.count_users(user, groups, outputs).await,
                None => self.count(groups, outputs).await,
            }
        })
    }
}

impl CodedCount {
    async fn count(&self, groups: Arc<RowGroups>, outputs: OutputChannels) -> PlanResult<()> {
        let task = |_, _| count(Arc::clone(&self.spec), Arc::clone(&groups), Tally::new(Arc::clone(&self.spec)));
        let mut totals: Option<Counts> = None;
        for (mut tally, held) in at_once(groups.tasks, &outputs, task).await? {
            match &mut totals {
                None => totals = Some(tally.totals),
                Some(totals) => totals.add_all(&mut tally.totals)?,
            }
            // Made columns, they are there twice for a while.
            groups.memory.try_resize(2 * totals.as_ref().map_or(0, Counts::size))?;
            drop(held);
        }
        match totals.filter(|totals| !totals.is_empty()) {
            Some(mut totals) => outputs.send(Ok(RecordBatch::try_new(Arc::clone(&self.schema), totals.take()?)?)).await,
            None => Ok(()),
        }
    }

    async fn count_users(
        &self,
        user: (usize, usize),
        groups: Arc<RowGroups>,
        outputs: OutputChannels,
    ) -> PlanResult<()> {
        let (key, place) = user;
        let places = groups.integers(place).and_then(|ends| DenseIds::new(ends, groups.rows().ok()?));
        let ids = match (places, &self.spec.asked[place].data_type) {
            (Some(places), _) => IdForm::DenseIds(places),
            (None, DataType::Utf8View) => IdForm::Text,
            (None, _) => IdForm::Integers,
        };
        let users = Arc::new(UserTally::new(ids, key, &self.spec.keys, Arc::clone(&self.schema), groups.disk.clone()));
        let tasks = groups.tasks;
        let tally = || UserCodesTally::new(Arc::clone(&self.spec), Arc::clone(&users));
        let task = |_, _| count(Arc::clone(&self.spec), Arc::clone(&groups), tally());
        drop(at_once(tasks, &outputs, task).await?);
        let emission = Emission { users, order: self.order.clone(), has_condition: false, tasks };
        emission.run(outputs, &groups.disk).await
    }
}

/// Reads row groups until there are no more; what is counted comes with the memory that it takes.
async fn count<T: CountsPieces>(
    spec: Arc<CodeSpec>,
    groups: Arc<RowGroups>,
    mut tally: T,
) -> PlanResult<(T, MemoryReservation)> {
    let memory = groups.memory.new_empty();
    while let Some(group) = groups.take() {
        let work = async {
            let mut reader = group.open(&spec.asked, UNITS).await?;
            let mut piece = Piece::default();
            while let Some(next) = reader.next(piece)? {
                tally.add(&next)?;
                memory.try_resize(tally.size())?;
                groups.rows_read.add(next.rows);
                piece = next;
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        group.blamed(work).await?;
    }
    tally.finish()?;
    memory.try_resize(tally.size())?;
    Ok((tally, memory))
}

/// Counts by keys of few values: first by cell, and when the classes change, by key.
struct Tally {
    spec: Arc<CodeSpec>,
    totals: Counts,
    cells: ClassCells,
    counts: Vec<u32>,
    of_rows: Vec<u32>,
}

impl Tally {
    fn new(spec: Arc<CodeSpec>) -> Self {
        let totals = Counts::new(&spec.keys, spec.measures);
        Self { spec, totals, cells: ClassCells::default(), counts: vec![], of_rows: vec![] }
    }

    /// Adds what is counted by cell to the totals.
    fn flush(&mut self) -> PlanResult<()> {
        let counts = std::mem::take(&mut self.counts);
        let met = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(cell, _)| cell);
        let (met, classes) = self.cells.counting(met);
        let of_measure = |measure: usize| {
            let holds = self.cells.classes.iter().zip(&classes).find_map(|(column, classes)| {
                let (_, holds) = column.measures.iter().find(|(number, _)| *number == measure)?;
                Some((holds, classes))
            });
            let count = |(place, cell): (usize, &usize)| {
                let counts_here = holds.is_none_or(|(holds, classes)| holds[classes[place] as usize]);
                if counts_here { i64::from(counts[*cell]) } else { 0 }
            };
            met.iter().enumerate().map(count).collect()
        };
        let measures: Vec<Vec<i64>> = (0..self.spec.measures).map(of_measure).collect();
        if !met.is_empty() {
            self.totals.merge(&self.cells.keys(&self.spec, &classes, met.len())?, &measures);
        }
        self.cells = ClassCells::default();
        Ok(())
    }

    /// Counts rows one by one, where there are too many cells.
    fn add_rows(&mut self, piece: &Piece) -> PlanResult<()> {
        let classes: Vec<Vec<u32>> = piece.columns.iter().map(|part| part.classes_of_rows(piece.rows)).collect();
        let (keys, counting) = keys_of_rows(&self.spec, piece, &classes)?;
        let mut conditions: Vec<Option<BooleanArray>> = vec![None; self.spec.measures];
        for (part, classes) in piece.columns.iter().zip(&classes) {
            for (number, holds) in &part.classes.measures {
                let holds: BooleanArray = classes.iter().map(|class| Some(holds[*class as usize])).collect();
                conditions[*number] = Some(filter(&holds, &counting)?.as_boolean().clone());
            }
        }
        self.totals.add(&keys, &conditions, counting.true_count());
        Ok(())
    }
}

impl CountsPieces for Tally {
    fn add(&mut self, piece: &Piece) -> PlanResult<()> {
        if !self.cells.are_of(&piece.columns) {
            self.flush()?;
            match ClassCells::new(&piece.columns, MOST_COUNTED_CELLS) {
                Some(cells) => self.cells = cells,
                None => return self.add_rows(piece),
            }
            self.counts.resize(self.cells.count, 0);
        }
        self.cells.of_rows(piece, &mut self.of_rows);
        self.of_rows.iter().for_each(|cell| self.counts[*cell as usize] += 1);
        Ok(())
    }

    fn finish(&mut self) -> PlanResult<()> {
        self.flush()
    }

    fn size(&self) -> usize {
        let codes = self.counts.capacity() + self.of_rows.capacity();
        self.totals.size() + self.cells.size() + codes * size_of::<u32>()
    }
}
