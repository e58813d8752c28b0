//! A data set, opened: its tables, what is asked of them, and the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::catalog::MemTable;
use datafusion::catalog::view::ViewTable;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::datasource::provider_as_source;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::scalar::ScalarValue;

use crate::calendar::Calendar;
use crate::candidates::by_piece::VisitFilter;
use crate::engine::attribution::ads::AttributionSpec;
use crate::engine::attribution::table::AttributedVisits;
use crate::engine::context::{new_context, plain_context, planned, thread_count};
use crate::engine::errors::error_of;
use crate::engine::files::place::FilePlace;
use crate::engine::files::s3::traffic::{Fetched, Traffic};
use crate::engine::functions;
use crate::engine::jobs::{Job, Request};
use crate::engine::nouns::EVIDENCE;
use crate::engine::query::completion::{Suggestion, suggestions};
use crate::engine::query::description::{Description, describe};
use crate::engine::query::scope::Variables;
use crate::engine::query::{self, UserQuery};
use crate::engine::run::{Heartbeat, Table, run, run_outward, silent, try_run_outward};
use crate::engine::small_tables::{Ads, Establishments};
use crate::engine::sources::catalog::sources;
use crate::engine::sources::reading::{Given, Reading};
use crate::engine::sources::source::Source;
use crate::engine::sources::usable::usable_rows;
use crate::engine::text::dialect::CsvOptions;
use crate::engine::visits::table::Visits;
use crate::{Error, Result};

/// The definitions that a caller may change, and the machine's limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clock of months, weekdays and hours.
    pub calendar: Calendar,
    /// A visit is nearer than this.
    pub radius_m: f64,
    /// An interaction earns visits for this long.
    pub window_us: i64,
    /// The normal quantile of the intervals.
    pub z: f64,
    /// Partitions worked on at once; the machine's cores if none.
    pub threads: Option<usize>,
    /// Bytes that sorts and groups may hold before they spill to disk.
    pub memory_limit: Option<usize>,
    /// Whether plans keep DataFusion's own operators, against which tests compare ours.
    pub is_plain: bool,
}

/// The users and the time that an answer is limited to.
#[derive(Debug, Clone, Copy)]
pub struct Restriction {
    /// The fraction of users.
    pub users: f64,
    /// The first instant, microseconds UTC.
    pub start_us: Option<i64>,
    /// The instant after the last.
    pub end_us: Option<i64>,
}

const EVERYTHING: Restriction = Restriction { users: 1.0, start_us: None, end_us: None };

/// A data set that can be asked.
#[derive(Clone)]
pub struct Session {
    pub(super) sources: Arc<BTreeMap<&'static str, Source>>,
    pub(super) options: Arc<Options>,
    pub(super) establishments: Option<Arc<Establishments>>,
    pub(super) ads: Option<Arc<Ads>>,
    restriction: Restriction,
    /// Which interactions may have earned a visit.
    pub(super) visit_filter: Arc<VisitFilter>,
    /// What was asked of S3 for it.
    pub(super) traffic: Traffic,
    pub(super) context: SessionContext,
}

impl Session {
    /// Opens the tables under `root` and those `given`.
    pub fn open(
        root: Option<&FilePlace>,
        given: BTreeMap<String, Given>,
        mut reading: Reading,
        options: Options,
    ) -> Result<Self> {
        reading.threads = thread_count(options.threads);
        let traffic = Traffic::default();
        let sources = sources(root, given, &reading, &traffic)?;
        // The small tables stay in memory, whatever the limit of the work on the large ones.
        let context = new_context(options.threads, None)?;
        let (mut establishments, mut ads) = (None, None);
        if let Some(source) = sources.get("establishments") {
            establishments = Some(Arc::new(Establishments::new(small_table(&context, source)?, options.radius_m)?));
        }
        if let Some(source) = sources.get("ads") {
            let places = establishments.as_ref().map(|places| places.ids());
            ads = Some(Arc::new(Ads::new(small_table(&context, source)?, places)));
        }
        let (sources, options) = (Arc::new(sources), Arc::new(options));
        let (restriction, visit_filter) = (EVERYTHING, Arc::new(VisitFilter::all()));
        Self { sources, options, establishments, ads, restriction, visit_filter, traffic, context }.planned()
    }

    /// What was asked of S3 until now, for this data set and all that were made of it on this machine.
    pub fn asked(&self) -> Fetched {
        self.traffic.asked()
    }

    /// Restricts the data set further: fractions of users multiply, and times intersect.
    pub fn restrict(&self, further: Restriction) -> Result<Self> {
        let own = self.restriction;
        let restriction = Restriction {
            users: own.users * further.users,
            start_us: own.start_us.max(further.start_us),
            end_us: own.end_us.into_iter().chain(further.end_us).min(),
        };
        Self { restriction, ..self.clone() }.planned()
    }

    /// The same data set with DataFusion's own operators wherever it has one.
    pub fn plain(&self) -> Result<Self> {
        let options = Arc::new(Options { is_plain: true, ..self.options.as_ref().clone() });
        Self { options, ..self.clone() }.planned()
    }

    /// The whole data set again.
    pub(super) fn unrestricted(&self) -> Result<Self> {
        Self { restriction: EVERYTHING, ..self.clone() }.planned()
    }

    /// Registers the nouns and the derived nouns as this session sees them.
    pub(super) fn planned(mut self) -> Result<Self> {
        self.context = self.small_context()?;
        for noun in ["interactions", "pings"] {
            if self.sources.contains_key(noun) {
                self.register(noun, ViewTable::new(self.rows_of(noun, self.restriction.start_us)?, None))?;
            }
        }
        if self.sources.contains_key("interactions") {
            self.register(EVIDENCE, ViewTable::new(self.evidence()?, None))?;
        }
        self.register_visits()?;
        Ok(self)
    }

    /// A context with the functions and the small tables.
    pub(super) fn small_context(&self) -> Result<SessionContext> {
        let Options { threads, memory_limit, is_plain, .. } = *self.options;
        let context = if is_plain { plain_context(threads, memory_limit) } else { new_context(threads, memory_limit) }?;
        functions::register(&context, &self.options.calendar, self.options.z);
        if let Some(ads) = &self.ads {
            context.register_udf(functions::may_have_earned(Arc::clone(ads), Arc::clone(&self.visit_filter)));
        }
        let places = self.establishments.as_ref().map(|places| ("establishments", &places.batch));
        let ads = self.ads.as_ref().map(|ads| ("ads", &ads.batch));
        for (name, batch) in places.into_iter().chain(ads) {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).map_err(error_of)?;
            context.register_table(name, Arc::new(table)).map_err(error_of)?;
        }
        Ok(context)
    }

    fn register_visits(&self) -> Result<()> {
        let Some(places) = &self.establishments else { return Ok(()) };
        if !self.sources.contains_key("pings") {
            return Ok(());
        }
        let pings = self.rows_of("pings", self.restriction.start_us)?;
        self.register("visits", Visits::new(pings.clone(), Arc::clone(places)))?;
        if self.ads.is_none() || !self.sources.contains_key("interactions") {
            return Ok(());
        }
        let numbered = provider_as_source(Arc::new(Visits::numbered(pings, Arc::clone(places))));
        let visits = LogicalPlanBuilder::scan("visits", numbered, None).and_then(LogicalPlanBuilder::build);
        self.register_attributed(visits.map_err(error_of)?, self.evidence()?)
    }

    /// Registers what `visits`, which have their establishment's number, followed of the `evidence`.
    pub(super) fn register_attributed(&self, visits: LogicalPlan, evidence: LogicalPlan) -> Result<()> {
        let (Some(places), Some(ads)) = (&self.establishments, &self.ads) else { return Ok(()) };
        let known = AttributionSpec::new(Arc::clone(places.ids()), Arc::clone(ads), self.options.window_us);
        self.register("attributed_visits", AttributedVisits::new(visits, evidence, known))
    }

    /// The interactions that can have earned a visit: from a window before the first visit on.
    fn evidence(&self) -> Result<LogicalPlan> {
        let earliest = self.restriction.start_us.map(|start| start.saturating_sub(self.options.window_us));
        self.rows_of("interactions", earliest)
    }

    /// The usable rows of `noun` from `start_us` on, of this session's users and until its end.
    fn rows_of(&self, noun: &str, start_us: Option<i64>) -> Result<LogicalPlan> {
        let source = &self.sources[noun];
        let mut wanted = vec![];
        if self.restriction.users < 1.0 {
            wanted.push(functions::sampled(self.restriction.users).call(vec![col("user_id")]));
        }
        let instant = |us: i64| lit(ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())));
        wanted.extend(start_us.map(|us| col("timestamp").gt_eq(instant(us))));
        wanted.extend(self.restriction.end_us.map(|us| col("timestamp").lt(instant(us))));
        let rows = LogicalPlanBuilder::from(usable_rows(source)?);
        let rows = wanted.into_iter().try_fold(rows, LogicalPlanBuilder::filter).and_then(LogicalPlanBuilder::build);
        rows.map_err(error_of)
    }

    pub(super) fn register(&self, name: &str, table: impl datafusion::catalog::TableProvider + 'static) -> Result<()> {
        self.context.register_table(name, Arc::new(table)).map(|_| ()).map_err(error_of)
    }

    /// The nouns and their columns.
    pub fn tables(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let named = |source: &Source| source.columns().iter().map(|column| column.name).collect();
        self.sources.iter().map(|(name, source)| (*name, named(source))).collect()
    }

    /// How the text files of each noun are written, in words.
    pub fn formats(&self) -> BTreeMap<&'static str, Vec<String>> {
        let formats = self.sources.iter().map(|(name, source)| (*name, source.formats()));
        formats.filter(|(_, formats)| !formats.is_empty()).collect()
    }

    /// The options that tell of all CSV files of a noun how they are written, where that is one way.
    pub fn csv_options(&self) -> BTreeMap<&'static str, CsvOptions> {
        self.sources.iter().filter_map(|(name, source)| Some((*name, source.csv_options()?))).collect()
    }

    /// How many rows of each noun the answers use.
    pub fn rows(&self, heartbeat: Heartbeat) -> Result<Vec<(&'static str, i64)>> {
        let mut counts = vec![];
        for name in self.sources.keys() {
            let (_, batches) = self.answer_of(&format!("SELECT count(*) FROM {name}"), heartbeat)?;
            let count = batches.first().map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0));
            counts.push((*name, count));
        }
        Ok(counts)
    }

    /// The job's statement, which [`Session::sql`] runs.
    pub fn job_sql(&self, name: &str, request: &Request) -> Result<String> {
        self.job(name)?.sql(request)
    }

    /// The job called `name`, if its tables are there.
    pub(super) fn job(&self, name: &str) -> Result<&'static Job> {
        let job = Job::named(name)?;
        match job.tables.iter().find(|table| !self.sources.contains_key(*table)) {
            None => Ok(job),
            Some(table) => Err(Error::MissingTable {
                table: (*table).into(),
                needed_by: name.into(),
                reason: self.what_is_there(),
            }),
        }
    }

    /// The tables that there are, as errors about others tell it.
    pub(super) fn what_is_there(&self) -> String {
        format!("this data set has {}", self.sources.keys().copied().collect::<Vec<_>>().join(", "))
    }

    /// Answers a job. Counts by bucket are few and used twice, so they are kept; counts by user stream.
    pub fn run(&self, name: &str, request: &Request, heartbeat: Heartbeat) -> Result<Table> {
        let job = self.job(name)?;
        if !job.by {
            return self.answer_of(&job.sql(request)?, heartbeat);
        }
        let counts = run(self.frame(&job.counts(request)?)?, heartbeat)?;
        self.finish(job, request, counts, heartbeat)
    }

    /// Makes the answer of summed counts.
    pub(super) fn finish(&self, job: &Job, request: &Request, counts: Table, heartbeat: Heartbeat) -> Result<Table> {
        let context = self.small_context()?;
        let (schema, batches) = counts;
        let held = MemoryConsumer::new("counts").register(&context.runtime_env().memory_pool);
        let mut counter = RecordBatchMemoryCounter::new();
        held.try_grow(batches.iter().map(|batch| counter.count_batch(batch)).sum()).map_err(error_of)?;
        let counts = MemTable::try_new(schema, vec![batches]).map_err(error_of)?;
        context.register_table("counts", Arc::new(counts)).map_err(error_of)?;
        run_outward(planned(&context, &job.finish(request)?)?, heartbeat)
    }

    /// Answers the user's query over the nouns and derived nouns.
    pub fn sql(&self, query: &UserQuery, heartbeat: Heartbeat) -> Result<Table> {
        let calendar = &self.options.calendar;
        let answer = try_run_outward(query::frame(&self.context, calendar, query)?, heartbeat)?;
        answer.map_err(|error| query::failure(error, &self.context, calendar, query))
    }

    /// The placeholders of a statement, and the tables that it reads and this data set has not.
    pub fn names_in(&self, text: &str) -> (Vec<String>, Vec<String>) {
        query::names_in(&self.context, text)
    }

    /// What may stand for the name that ends at letter `at` of a statement. Nothing is read for it.
    pub fn complete(&self, text: &str, at: usize, variables: &Variables) -> Result<Vec<Suggestion>> {
        suggestions(&self.context, text, at, variables)
    }

    /// What the name around letter `at` of a statement means. Nothing is read for it.
    pub fn describe(&self, text: &str, at: usize, variables: &Variables) -> Result<Option<Description>> {
        describe(&self.context, text, at, variables)
    }

    /// Answers a statement of ours.
    pub(super) fn answer_of(&self, statement: &str, heartbeat: Heartbeat) -> Result<Table> {
        run_outward(self.frame(statement)?, heartbeat)
    }

    pub(super) fn frame(&self, statement: &str) -> Result<DataFrame> {
        planned(&self.context, statement)
    }
}

/// The usable rows of a small noun in order of id, one for each id; of rows that disagree, the smallest.
pub(super) fn small_table(context: &SessionContext, source: &Source) -> Result<RecordBatch> {
    let noun = source.noun();
    let names: Vec<&str> = noun.columns.iter().map(|column| column.name).collect();
    let (id, rest) = (names[0], names[1..].join(", "));
    let rows = ViewTable::new(usable_rows(source)?, None);
    context.register_table("rows", Arc::new(rows)).map_err(error_of)?;
    let query = format!(
        "SELECT {id}, {rest} FROM (SELECT *, row_number() OVER (PARTITION BY {id} ORDER BY {rest}) AS copy FROM rows)
         WHERE copy = 1 ORDER BY {id}"
    );
    let (schema, batches) = run(planned(context, &query)?, &mut silent)?;
    context.deregister_table("rows").map_err(error_of)?;
    Ok(concat_batches(&schema, &batches)?)
}
