//! A job in steps that many workers can take: each makes counts of its piece of the rows; or rows move, so that all of
//! a user's are in one place, and are counted there. Sums of counts are the job's counts, whatever the pieces.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimestampMicrosecondType, UInt64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::MemTable;
use datafusion::catalog::view::ViewTable;
use datafusion::logical_expr::LogicalPlan;

use super::kernels;
use crate::attribution::Visit;
use crate::candidates::by_piece::VisitFilter;
use crate::engine::context::thread_count;
use crate::engine::counting::spec::IS_COUNT;
use crate::engine::jobs::{Job, Reads, Request};
use crate::engine::nouns::{EVIDENCE, INTERACTIONS, PINGS, VISITS};
use crate::engine::run::{Heartbeat, Table, run};
use crate::engine::session::Session;
use crate::engine::sources::catalog::sources;
use crate::engine::sources::part::memory_table;
use crate::engine::sources::reading::{Given, Reading};
use crate::engine::sources::slice::{self, Slice};
use crate::engine::sources::source::Source;
use crate::ids::{Id, Ids};
use crate::{Error, Result};

/// Counts of pieces, as a table.
const PARTIAL_COUNTS: &str = "parts";
/// Counts by user that moved, as a table.
const BY_USER: &str = "by_user";
/// Bits for more visits than these would take longer to hand out than the interactions that they save: 32 MiB.
const MOST_VISITS: usize = 12_000_000;

/// Statement that a worker runs on its piece of a table.
#[derive(Debug)]
pub struct Map {
    /// The table that pieces are of.
    pub table: &'static str,
    /// The name of its result.
    pub name: &'static str,
    /// How.
    pub sql: String,
}

/// The steps of a job.
#[derive(Debug)]
pub struct Steps {
    /// Statements over pieces of tables.
    pub maps: Vec<Map>,
    /// The statement over all that the maps made of some users; nothing moves if `None`.
    pub of_users: Option<String>,
}

impl Steps {
    /// The steps of `job`.
    pub fn of(job: &Job, request: &Request) -> Result<Self> {
        let table = if job.reads == Reads::Interactions { INTERACTIONS.name } else { PINGS.name };
        if job.reads == Reads::AttributedVisits {
            return Ok(Self { maps: rows_for_attribution(), of_users: Some(job.counts(request)?) });
        }
        Ok(match job.by_user(request)? {
            Some((_, sql)) => {
                Self { maps: vec![Map { table, name: BY_USER, sql }], of_users: Some(counts_of_users(job, request)?) }
            }
            None => Self { maps: vec![Map { table, name: PARTIAL_COUNTS, sql: job.counts(request)? }], of_users: None },
        })
    }
}

/// The job's counts, made of those by user of all pieces.
fn counts_of_users(job: &Job, request: &Request) -> Result<String> {
    let Some((by_user, _)) = job.by_user(request)? else {
        return Err(Error::Internal(format!("{} has no counts by user", job.name)));
    };
    let summed = by_user.summed(BY_USER);
    if job.is_by_user() { Ok(summed) } else { job.counts_of(request, &format!("({summed})")) }
}

/// Visits first: their filter, see [`Session::visit_filter`], leaves few interactions to move.
fn rows_for_attribution() -> Vec<Map> {
    let visits = "SELECT user_id, timestamp, establishment_id FROM visits";
    let evidence = format!(
        "SELECT user_id, ad_id, action, timestamp FROM {EVIDENCE} WHERE may_have_earned(user_id, ad_id, timestamp)"
    );
    vec![
        Map { table: PINGS.name, name: VISITS.name, sql: visits.into() },
        Map { table: INTERACTIONS.name, name: EVIDENCE, sql: evidence },
    ]
}

impl Session {
    /// The steps of the job called `name`.
    pub fn steps(&self, name: &str, request: &Request) -> Result<Steps> {
        Steps::of(self.job(name)?, request)
    }

    /// The files of `table` in about so many pieces; `None` if it is in memory.
    pub fn pieces(&self, table: &str, wanted: u64) -> Result<Vec<Vec<Slice>>> {
        let source = self.sources.get(table);
        slice::pieces(&source.map(Source::files).unwrap_or_default(), wanted)
    }

    /// This data set's small tables beside a piece of another, so that they are not read for each piece; and what is
    /// known of visits.
    pub fn with_piece(
        &self,
        given: BTreeMap<String, Given>,
        mut reading: Reading,
        visit_filter: Option<&Table>,
    ) -> Result<Self> {
        reading.threads = thread_count(self.options.threads);
        let pieces = sources(None, given, &reading, &self.traffic)?;
        let sources = self.sources.iter().map(|(name, source)| (*name, source.clone())).chain(pieces);
        let mut with_piece = self.clone();
        with_piece.sources = Arc::new(sources.collect());
        if let Some((_, words)) = visit_filter {
            let words = words.iter().flat_map(|batch| batch["words"].as_primitive::<UInt64Type>().values());
            with_piece.visit_filter = Arc::new(VisitFilter::of(words.copied().collect(), self.options.window_us));
        }
        with_piece.planned()
    }

    /// The filter of `visits`, which are about a `pieces`th of all: the column `words`. The words of all pieces, each
    /// again and again until they are as many, joined by or, are the filter of all visits.
    pub fn visit_filter(&self, visits: &Table, pieces: usize) -> Result<Table> {
        let count = visits.1.iter().map(RecordBatch::num_rows).sum::<usize>() * pieces;
        let mut filter = VisitFilter::new(count.min(MOST_VISITS), self.options.window_us);
        let ids = self.establishments.as_ref().map(|places| Ids::of(places.ids().as_string_view())).unwrap_or_default();
        for batch in &visits.1 {
            let [users, places] = ["user_id", "establishment_id"].map(|name| cast(&batch[name], &DataType::Utf8View));
            let (users, places) = (users?, ids.numbers(places?.as_string_view()));
            let instants = batch["timestamp"].as_primitive::<TimestampMicrosecondType>().values();
            for (row, (timestamp_us, establishment)) in instants.iter().zip(places.values()).enumerate() {
                let visit = Visit { timestamp_us: *timestamp_us, user: 0, establishment: *establishment };
                filter.note(Id::at(users.as_string_view(), row).hash(), &visit);
            }
        }
        let words: ArrayRef = Arc::new(UInt64Array::from(filter.words().to_vec()));
        let words = RecordBatch::try_from_iter([("words", words)])?;
        Ok((words.schema(), vec![words]))
    }

    /// This data set's small tables beside what maps made of others: `visits` and `evidence`, which attribution needs,
    /// or counts.
    pub fn beside(&self, tables: BTreeMap<String, Table>) -> Result<Self> {
        let mut beside = self.clone();
        beside.context = self.small_context()?;
        let mut rows = BTreeMap::new();
        for (name, table) in tables {
            match name.as_str() {
                "visits" => rows.insert("visits", Source::of_memory(VISITS, &table, 1)?.converted()?),
                EVIDENCE => rows.insert(EVIDENCE, Source::of_memory(INTERACTIONS, &table, 1)?.converted()?),
                other => {
                    beside.register(other, counts(&table, thread_count(self.options.threads))?)?;
                    None
                }
            };
        }
        if let (Some(visits), Some(evidence)) = (rows.remove("visits"), rows.remove(EVIDENCE)) {
            beside.attribute(visits, evidence)?;
        }
        Ok(beside)
    }

    /// Registers `visits` and, of the same users, what they followed.
    fn attribute(&self, visits: LogicalPlan, evidence: LogicalPlan) -> Result<()> {
        let Some(places) = &self.establishments else {
            return Err(Error::Internal("attribution without establishments".into()));
        };
        self.register("visits", ViewTable::new(visits.clone(), None))?;
        self.register_attributed(kernels::numbered(visits, places.ids())?, evidence)
    }

    /// Makes the job's answer of the counts of pieces, or of their counts by user.
    pub fn answer(
        &self,
        name: &str,
        request: &Request,
        counts: BTreeMap<String, Table>,
        heartbeat: Heartbeat,
    ) -> Result<Table> {
        let job = self.job(name)?;
        let all = match counts.contains_key(BY_USER) {
            true => counts_of_users(job, request)?,
            false => job.summed(PARTIAL_COUNTS),
        };
        let counts = self.beside(counts)?;
        if job.is_by_user() {
            return counts.answer_of(&job.sql_of(&all, request)?, heartbeat);
        }
        let counts = run(counts.frame(&all)?, heartbeat)?;
        self.finish(job, request, counts, heartbeat)
    }
}

/// A table of counts that workers made, as the operators want it that add them up.
fn counts(table: &Table, threads: usize) -> Result<MemTable> {
    let field = |field: &FieldRef| match field.data_type() {
        DataType::Int64 => field.as_ref().clone().with_metadata([(IS_COUNT.into(), "true".into())].into()),
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        _ => field.as_ref().clone(),
    };
    let schema: SchemaRef = Schema::new(table.0.fields().iter().map(field).collect::<Vec<_>>()).into();
    let inner = |batch: &RecordBatch| {
        let columns = batch.columns().iter().zip(schema.fields()).map(|(column, to)| cast(column, to.data_type()));
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<std::result::Result<_, ArrowError>>()?)?)
    };
    memory_table(&schema, &table.1.iter().map(inner).collect::<Result<Vec<_>>>()?, threads)
}
