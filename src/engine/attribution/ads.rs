//! Ads, establishment ids and window for attribution, and its output columns.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{SchemaRef, UInt32Type};
use datafusion::common::Result as PlanResult;

use crate::attribution::Credit;
use crate::engine::small_tables::Ads;

/// Lookup tables of attribution: ads, establishments, window.
#[derive(Debug, Clone)]
pub struct AttributionSpec {
    /// The establishments' ids, by number.
    pub establishment_ids: ArrayRef,
    /// The ads.
    pub ads: Arc<Ads>,
    /// The window after an interaction, microseconds.
    pub window_us: i64,
    /// Whether an establishment, by number, has an ad.
    pub advertised: Arc<Vec<bool>>,
}

impl AttributionSpec {
    /// Builds the tables from the ids of the establishments and the ads.
    pub fn new(establishment_ids: ArrayRef, ads: Arc<Ads>, window_us: i64) -> Self {
        let mut advertised = vec![false; establishment_ids.len()];
        ads.establishments.iter().flatten().for_each(|number| advertised[*number as usize] = true);
        Self { establishment_ids, ads, window_us, advertised: Arc::new(advertised) }
    }

    /// Whether the establishments of these `numbers` have ads; no where there is no number.
    pub fn are_advertised(&self, numbers: &ArrayRef) -> BooleanArray {
        let numbers = numbers.as_primitive::<UInt32Type>().iter();
        let advertised = numbers.map(|number| number.is_some_and(|number| self.advertised[number as usize]));
        BooleanArray::new(advertised.collect(), None)
    }

    /// The attributed visits, with the columns of `schema`, of as many `visits` and `credits`. A visit has its
    /// establishment's number, as `establishment`, where its id is wanted and not there.
    pub fn attributed(
        &self,
        visits: &RecordBatch,
        credits: &[Option<Credit>],
        schema: &SchemaRef,
    ) -> PlanResult<RecordBatch> {
        let column = |name: &str| match (name, visits.column_by_name(name)) {
            (_, Some(own)) => Ok(Arc::clone(own)),
            ("establishment_id", None) => {
                take(&self.establishment_ids, visits["establishment"].as_primitive::<UInt32Type>(), None)
            }
            ("attributed", None) => Ok(Arc::new(attributed(credits)) as ArrayRef),
            ("ad_id", None) => take(self.ads.ids(), &ads(credits), None),
            (_, None) => Ok(Arc::new(instants(credits)) as ArrayRef),
        };
        let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(credits.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
    }
}

fn attributed(credits: &[Option<Credit>]) -> BooleanArray {
    BooleanArray::new(credits.iter().map(Option::is_some).collect(), None)
}

fn ads(credits: &[Option<Credit>]) -> UInt32Array {
    credits.iter().map(|credit| credit.map(|c| c.ad)).collect()
}

fn instants(credits: &[Option<Credit>]) -> TimestampMicrosecondArray {
    let instants = credits.iter().map(|credit| credit.map(|c| c.timestamp_us));
    instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC")
}
