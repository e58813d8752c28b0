//! Columns that a sample need not look at, since statistics leave nothing to find.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::scalar::ScalarValue;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::reading::Reading;
use crate::engine::nouns::{Kind, Noun, PLAUSIBLE_US};

/// Columns of a table, by the caller's names, of which statistics may tell enough.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// Ids that only have to be there.
    ids: BTreeSet<String>,
    /// Instants, of which those that are on no clock of a caller's have to be plausible, too.
    instants: BTreeSet<String>,
}

impl Settled {
    /// The columns of `noun`; users only where nobody compares how their ids are written.
    pub fn of(noun: &Noun, reading: &Reading, with_users: bool) -> Self {
        let mut settled = Self::default();
        for column in noun.columns {
            let theirs = reading.theirs(noun, column);
            match column.kind {
                Kind::Id if with_users && column.name == "user_id" => settled.ids.insert(theirs),
                Kind::Instant => settled.instants.insert(theirs),
                _ => continue,
            };
        }
        settled
    }

    /// A value of the chunk in the place of all, if none can be found fault with.
    pub fn value(&self, field: &Field, chunk: &ColumnChunkMetaData) -> Option<ScalarValue> {
        let statistics = chunk.statistics().filter(|statistics| statistics.null_count_opt() == Some(0))?;
        match (field.data_type(), statistics) {
            (DataType::Int64, Statistics::Int64(ends)) if self.ids.contains(field.name()) => {
                Some(ScalarValue::Int64(Some(*ends.min_opt()?)))
            }
            (DataType::Int32, Statistics::Int32(ends)) if self.ids.contains(field.name()) => {
                Some(ScalarValue::Int32(Some(*ends.min_opt()?)))
            }
            (DataType::Timestamp(unit, Some(_)), Statistics::Int64(ends)) if self.instants.contains(field.name()) => {
                let (least, largest) = (*ends.min_opt()?, *ends.max_opt()?);
                let are_plausible =
                    [least, largest].iter().all(|end| PLAUSIBLE_US.contains(&microseconds(*end, *unit)));
                let value = ScalarValue::Int64(Some(least)).cast_to(field.data_type());
                value.ok().filter(|_| are_plausible)
            }
            _ => None,
        }
    }
}

fn microseconds(instant: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => instant.saturating_mul(1_000_000),
        TimeUnit::Millisecond => instant.saturating_mul(1_000),
        TimeUnit::Microsecond => instant,
        TimeUnit::Nanosecond => instant.div_euclid(1_000),
    }
}
