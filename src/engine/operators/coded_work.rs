//! `CodedCount`: row groups are read by all tasks, counted by class, and the counts added up.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{filter, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result as PlanResult;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr::LexOrdering;
use futures::future::BoxFuture;

use super::coded::{Coded, RowGroups, UNITS, at_once};
use super::coded_count::Question;
use super::coded_users::UserTally;
use super::outlets::Outlets;
use super::user_groups::UserGroups;
use super::user_shares::Places;
use super::users::{IdForm, Users};
use crate::counting::Counts;
use crate::engine::coded::{Classes, DROPPED, Part, Piece};

/// Cells beyond which rows are counted by their keys instead: 8 MB of cells.
const MOST_CELLS: usize = 1 << 21;

/// Counts rows of Parquet files by their keys, without decoding columns that have few values.
#[derive(Debug)]
pub struct CodedCount {
    /// What is counted.
    pub question: Arc<Question>,
    /// The columns of the counts.
    pub schema: SchemaRef,
    /// Their order, if they have one.
    pub order: Option<LexOrdering>,
}

/// Counts the pieces that one task reads.
pub trait CountsPieces: Send + 'static {
    /// Counts the rows of a piece.
    fn add(&mut self, piece: &Piece) -> PlanResult<()>;

    /// Counts what still waits.
    fn finish(&mut self) -> PlanResult<()>;

    /// The bytes held, where memory may have a limit.
    fn size(&self) -> usize;
}

impl Coded for CodedCount {
    fn name(&self) -> &'static str {
        "CodedCountExec"
    }

    fn columns(&self) -> Vec<(usize, DataType)> {
        self.question.asked.iter().map(|asked| (asked.column, asked.data_type.clone())).collect()
    }

    fn in_order(&self, keys: &LexOrdering) -> Option<Arc<dyn Coded>> {
        let (user, _) = self.question.user?;
        let (question, schema) = (Arc::clone(&self.question), Arc::clone(&self.schema));
        let ordered = Self { question, schema, order: Some(keys.clone()) };
        UserGroups::can_come_in(keys, user, self.question.keys.len()).then(|| Arc::new(ordered) as Arc<dyn Coded>)
    }

    fn order(&self) -> Option<&LexOrdering> {
        self.order.as_ref()
    }

    fn run(self: Arc<Self>, groups: Arc<RowGroups>, outlets: Outlets) -> BoxFuture<'static, PlanResult<()>> {
        Box::pin(async move {
            match self.question.user {
                Some(user) => self.count_users(user, groups, outlets).await,
                None => self.count(groups, outlets).await,
            }
        })
    }
}

impl CodedCount {
    async fn count(&self, groups: Arc<RowGroups>, outlets: Outlets) -> PlanResult<()> {
        let task =
            |_, _| count(Arc::clone(&self.question), Arc::clone(&groups), Tally::new(Arc::clone(&self.question)));
        let mut totals: Option<Counts> = None;
        for (mut tally, held) in at_once(groups.tasks, &outlets, task).await? {
            match &mut totals {
                None => totals = Some(tally.totals),
                Some(totals) => totals.add_all(&mut tally.totals)?,
            }
            // Made columns, they are there twice for a while.
            groups.memory.try_resize(2 * totals.as_ref().map_or(0, Counts::size))?;
            drop(held);
        }
        match totals.filter(|totals| !totals.is_empty()) {
            Some(mut totals) => outlets.send(Ok(RecordBatch::try_new(Arc::clone(&self.schema), totals.take()?)?)).await,
            None => Ok(()),
        }
    }

    async fn count_users(&self, user: (usize, usize), groups: Arc<RowGroups>, outlets: Outlets) -> PlanResult<()> {
        let (key, place) = user;
        let places = groups.integers(place).and_then(|ends| Places::new(ends, groups.rows().ok()?));
        let ids = match (places, &self.question.asked[place].data_type) {
            (Some(places), _) => IdForm::Places(places),
            (None, DataType::Utf8View) => IdForm::Text,
            (None, _) => IdForm::Integers,
        };
        let users = Arc::new(Users::new(ids, key, &self.question.keys, Arc::clone(&self.schema)));
        let tasks = groups.tasks;
        let tally = || UserTally::new(Arc::clone(&self.question), Arc::clone(&users));
        let task = |_, _| count(Arc::clone(&self.question), Arc::clone(&groups), tally());
        drop(at_once(tasks, &outlets, task).await?);
        UserGroups::of(&users, self.order.as_ref())?.give(tasks, outlets).await
    }
}

/// Reads row groups until there are no more; what is counted comes with the memory that it takes.
async fn count<T: CountsPieces>(
    question: Arc<Question>,
    groups: Arc<RowGroups>,
    mut tally: T,
) -> PlanResult<(T, MemoryReservation)> {
    let memory = groups.memory.new_empty();
    while let Some(group) = groups.take() {
        let work = async {
            let mut reader = group.open(&question.asked, UNITS).await?;
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

/// Cells: one for each combination of the classes of all columns.
#[derive(Default)]
pub struct Cells {
    /// Whose combinations they are.
    classes: Vec<Arc<Classes>>,
    /// How many there are.
    pub count: usize,
    /// What each entry of each column adds to the number of its rows' cell.
    steps: Vec<Vec<u32>>,
}

impl Cells {
    /// The cells of other classes; none if there are too many.
    pub fn new(parts: &[Part], most: usize) -> Option<Self> {
        let mut cells = Self { count: 1, ..Self::default() };
        for part in parts {
            let step = cells.count as u32;
            cells.count = cells.count.checked_mul(part.classes.count).filter(|count| *count <= most)?;
            cells.steps.push(part.classes.of_entry.iter().map(|class| class * step).collect());
            cells.classes.push(Arc::clone(&part.classes));
        }
        Some(cells)
    }

    /// Whether these are the cells of the classes of `parts`.
    pub fn are_of(&self, parts: &[Part]) -> bool {
        let same = |(part, classes): (&Part, &Arc<Classes>)| Arc::ptr_eq(&part.classes, classes);
        self.classes.len() == parts.len() && parts.iter().zip(&self.classes).all(same)
    }

    /// The bytes held.
    fn size(&self) -> usize {
        let steps: usize = self.steps.iter().map(Vec::capacity).sum();
        steps * size_of::<u32>()
    }

    /// The cell of each row.
    pub fn of_rows(&self, piece: &Piece, into: &mut Vec<u32>) {
        let same = piece.columns.iter().zip(&self.steps).filter(|(part, _)| part.entries.is_empty());
        let first: u32 = same.map(|(_, steps)| steps[0]).sum();
        into.clear();
        into.resize(piece.rows, first);
        for (part, steps) in piece.columns.iter().zip(&self.steps) {
            let entries = part.entries.iter();
            into.iter_mut().zip(entries).for_each(|(cell, entry)| *cell += steps[*entry as usize]);
        }
    }

    /// The class of each column in `cell`; none if its rows do not count.
    fn classes_of(&self, cell: usize) -> Option<Vec<u32>> {
        let mut rest = cell;
        let classes = self.classes.iter().map(|classes| {
            let class = rest % classes.count;
            rest /= classes.count;
            class as u32
        });
        let classes: Vec<u32> = classes.collect();
        classes.iter().all(|class| *class != DROPPED).then_some(classes)
    }

    /// Those of `cells` whose rows count; for each column, the class in each of them.
    pub fn counting(&self, cells: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<Vec<u32>>) {
        let (mut counting, mut by_column) = (vec![], vec![vec![]; self.classes.len()]);
        for cell in cells {
            if let Some(classes) = self.classes_of(cell) {
                counting.push(cell);
                by_column.iter_mut().zip(classes).for_each(|(column, class)| column.push(class));
            }
        }
        (counting, by_column)
    }

    /// The keys, in their order, of rows whose `classes` are known by column.
    pub fn keys(&self, question: &Question, classes: &[Vec<u32>], rows: usize) -> PlanResult<Vec<ArrayRef>> {
        keys(question, &self.classes, classes, rows)
    }
}

/// The keys, in their order, of rows whose class in each column is known.
fn keys(question: &Question, columns: &[Arc<Classes>], classes: &[Vec<u32>], rows: usize) -> PlanResult<Vec<ArrayRef>> {
    let mut keys: Vec<Option<ArrayRef>> = vec![None; question.keys.len()];
    for (number, constant) in &question.constants {
        keys[*number] = Some(take(constant, &UInt32Array::from(vec![0; rows]), None)?);
    }
    for (column, classes) in columns.iter().zip(classes) {
        for (number, values) in &column.keys {
            keys[*number] = Some(take(values, &UInt32Array::from(classes.clone()), None)?);
        }
    }
    Ok(keys.into_iter().flatten().collect())
}

/// The keys of those rows of a piece that count, and which rows those are; `classes` has each row's class, by column.
pub fn keys_of_rows(
    question: &Question,
    piece: &Piece,
    classes: &[Vec<u32>],
) -> PlanResult<(Vec<ArrayRef>, BooleanArray)> {
    let counts = |row: usize| Some(classes.iter().all(|classes| classes[row] != DROPPED));
    let counting: BooleanArray = (0..piece.rows).map(counts).collect();
    let columns: Vec<_> = piece.columns.iter().map(|part| Arc::clone(&part.classes)).collect();
    let keys = keys(question, &columns, classes, piece.rows)?;
    let keys = keys.iter().map(|key| filter(key, &counting)).collect::<Result<Vec<_>, _>>()?;
    Ok((keys, counting))
}

/// Counts by keys of few values: first by cell, and when the classes change, by key.
struct Tally {
    question: Arc<Question>,
    totals: Counts,
    cells: Cells,
    counts: Vec<u32>,
    of_rows: Vec<u32>,
}

impl Tally {
    fn new(question: Arc<Question>) -> Self {
        let totals = Counts::new(&question.keys, question.measures);
        Self { question, totals, cells: Cells::default(), counts: vec![], of_rows: vec![] }
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
        let measures: Vec<Vec<i64>> = (0..self.question.measures).map(of_measure).collect();
        if !met.is_empty() {
            self.totals.merge(&self.cells.keys(&self.question, &classes, met.len())?, &measures);
        }
        self.cells = Cells::default();
        Ok(())
    }

    /// Counts rows one by one, where there are too many cells.
    fn add_rows(&mut self, piece: &Piece) -> PlanResult<()> {
        let classes: Vec<Vec<u32>> = piece.columns.iter().map(|part| part.classes_of_rows(piece.rows)).collect();
        let (keys, counting) = keys_of_rows(&self.question, piece, &classes)?;
        let mut conditions: Vec<Option<BooleanArray>> = vec![None; self.question.measures];
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
            match Cells::new(&piece.columns, MOST_CELLS) {
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
