//! Visits and interactions that memory does not hold: spilled by range of shards and matched range by range.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result as PlanResult;
use futures::TryStreamExt;

use super::shards::{AllVisits, Interactions, SHARDS, Shard};
use super::task::{SpilledCandidates, TaskInteractions, TaskVisits};
use super::work::AttributionWork;
use crate::attribution::Interaction;
use crate::candidates::by_time::Eras;
use crate::engine::exchange::spill::{Spilled, range_of, shards_of};
use crate::engine::nouns::instant_type;

impl AttributionWork {
    /// Moves the visits that a task keeps to disk.
    pub fn spill_visits(&self, task: &mut TaskVisits) -> PlanResult<()> {
        task.kept.flush_all();
        let spilled = task.spilled.get_or_insert_with(|| self.disk.spilled(self.schema_of_visits()));
        for (number, shard) in task.kept.shards.iter_mut().enumerate() {
            let shard = std::mem::take(shard);
            if shard.has_visits() {
                spilled.push(range_of(number, SHARDS), self.rows_of_visits(&shard)?)?;
            }
        }
        spilled.flush()
    }

    /// Moves the candidates that a task keeps to disk, where all that follow go.
    pub fn spill_interactions(&self, task: &mut TaskInteractions, visits: &AllVisits) -> PlanResult<()> {
        task.kept.flush_all(visits);
        let mut candidates = self.candidates();
        for (number, shard) in task.kept.shards.iter_mut().enumerate() {
            let rows = self.rows_of_interactions(&std::mem::take(shard), &visits.shards[number])?;
            candidates.spilled.push(range_of(number, SHARDS), rows)?;
        }
        task.spilled = Some(candidates);
        Ok(())
    }

    /// Opens candidates on disk.
    pub fn candidates(&self) -> SpilledCandidates {
        let schema = self.schema_of_interactions();
        SpilledCandidates::new(self.disk.spilled(Arc::clone(&schema)), schema)
    }

    /// The Bloom filters of visits on disk, by shard.
    pub async fn filters(self, ranges: Range<usize>, spilled: Arc<Vec<Spilled>>, eras: Eras) -> PlanResult<Vec<Shard>> {
        let mut filters = vec![];
        for range in ranges {
            let (shards, bytes) = self.read_visits_of(range, &spilled).await?;
            for mut shard in shards {
                shard.fill_candidates(eras);
                let filter = shard.without_visits();
                self.memory.grow(filter.size());
                filters.push(filter);
            }
            self.memory.shrink(bytes);
        }
        Ok(filters)
    }

    /// Matches what is on disk, range by range.
    pub async fn match_ranges(
        self,
        ranges: Range<usize>,
        visits: Arc<AllVisits>,
        interactions: Arc<Vec<TaskInteractions>>,
    ) -> PlanResult<()> {
        for range in ranges {
            let numbers = shards_of(range, SHARDS);
            let (read, visit_bytes) = self.read_visits_of(range, &visits.spilled).await?;
            let shards = if visits.spilled.is_empty() { &visits.shards[numbers.clone()] } else { &read };
            let candidates = self.read_candidates_of(range, shards, &interactions).await?;
            let bytes = candidates.size();
            self.memory.grow(bytes);
            let parts: Vec<_> = interactions.iter().map(|task| &task.kept).chain([&candidates]).collect();
            for (number, shard) in numbers.zip(shards) {
                self.match_shard(number, shard, &parts).await?;
            }
            self.memory.shrink(visit_bytes + bytes);
        }
        Ok(())
    }

    /// Reads the visits of a range back, and the bytes that they take. One range for each task must fit.
    async fn read_visits_of(&self, range: usize, spilled: &[Spilled]) -> PlanResult<(Vec<Shard>, usize)> {
        let mut read = self.no_visits();
        for task in spilled {
            let mut batches = task.read(range);
            while let Some(visits) = batches.try_next().await? {
                read.push(&visits, self.with_distance());
            }
        }
        read.finish();
        let shards: Vec<_> = read.shards.drain(shards_of(range, SHARDS)).collect();
        let bytes = shards.iter().map(Shard::size).sum();
        self.memory.grow(bytes);
        Ok((shards, bytes))
    }

    /// Reads the candidates of a range back, whose users have their numbers in `shards`.
    async fn read_candidates_of(
        &self,
        range: usize,
        shards: &[Shard],
        interactions: &[TaskInteractions],
    ) -> PlanResult<Interactions> {
        let (mut read, first) = (Interactions::default(), shards_of(range, SHARDS).start);
        for task in interactions.iter().filter_map(|task| task.spilled.as_ref()) {
            let mut batches = task.spilled.read(range);
            while let Some(candidates) = batches.try_next().await? {
                read.push_candidates(&candidates, shards, first);
            }
        }
        Ok(read)
    }

    fn schema_of_visits(&self) -> SchemaRef {
        let distance = self.with_distance().then(|| Field::new("distance_m", DataType::Float64, true));
        let columns = [self.user_field(), instant_field(), Field::new("establishment", DataType::UInt32, true)];
        Schema::new(columns.into_iter().chain(distance).collect::<Vec<_>>()).into()
    }

    fn schema_of_interactions(&self) -> SchemaRef {
        let (ad, click) = (Field::new("ad", DataType::UInt32, true), Field::new("click", DataType::Boolean, true));
        Schema::new(vec![self.user_field(), ad, click, instant_field()]).into()
    }

    fn user_field(&self) -> Field {
        Field::new("user_id", if self.are_integers { DataType::Int64 } else { DataType::Utf8View }, true)
    }

    /// The visits of a shard as rows, with their users' ids.
    fn rows_of_visits(&self, shard: &Shard) -> PlanResult<RecordBatch> {
        let visits = || shard.visits.iter().chain(&shard.unadvertised);
        let users: UInt32Array = visits().map(|visit| visit.user).collect();
        let establishments: UInt32Array = visits().map(|visit| visit.establishment).collect();
        let mut columns = vec![
            take(&self.raw_ids(shard)?, &users, None)?,
            instants(visits().map(|visit| visit.timestamp_us)),
            Arc::new(establishments),
        ];
        if self.with_distance() {
            columns.push(Arc::new(shard.distances_m.iter().copied().collect::<Float64Array>()));
        }
        Ok(RecordBatch::try_new(self.schema_of_visits(), columns)?)
    }

    /// Interactions of the users of a shard as rows, with their users' ids.
    fn rows_of_interactions(&self, interactions: &[Interaction], shard: &Shard) -> PlanResult<RecordBatch> {
        let users: UInt32Array = interactions.iter().map(Interaction::user).collect();
        let credits = || interactions.iter().map(Interaction::credit);
        let columns = vec![
            take(&self.raw_ids(shard)?, &users, None)?,
            Arc::new(credits().map(|credit| credit.ad).collect::<UInt32Array>()),
            Arc::new(credits().map(|credit| Some(credit.click)).collect::<BooleanArray>()),
            instants(credits().map(|credit| credit.timestamp_us)),
        ];
        Ok(RecordBatch::try_new(self.schema_of_interactions(), columns)?)
    }
}

fn instant_field() -> Field {
    Field::new("timestamp", instant_type(), true)
}

fn instants(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}
