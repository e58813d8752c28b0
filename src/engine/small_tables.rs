//! The two small tables, held in memory: establishments with their grid, and ads by id.

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Float64Type;

use crate::Result;
use crate::geo::index::EstablishmentIndex;
use crate::ids::Ids;

/// Establishments in order of id; an establishment's number is its row.
#[derive(Debug)]
pub struct Establishments {
    /// The table: establishment_id, name, category, latitude, longitude.
    pub batch: RecordBatch,
    /// The grid, made for one radius.
    pub index: EstablishmentIndex,
}

impl Establishments {
    /// Builds the grid of the table `batch`, which is sorted by id.
    pub fn new(batch: RecordBatch, radius_m: f64) -> Result<Self> {
        let of = |name: &str| batch[name].as_primitive::<Float64Type>().values();
        let index = EstablishmentIndex::new(of("latitude"), of("longitude"), radius_m)?;
        Ok(Self { batch, index })
    }

    /// The column `establishment_id`.
    pub fn ids(&self) -> &ArrayRef {
        self.batch.column(0)
    }
}

/// Ads in order of id; an ad's number is its row, so that a smaller number is a smaller id.
#[derive(Debug)]
pub struct Ads {
    /// The table: ad_id, campaign_id, category, establishment_id.
    pub batch: RecordBatch,
    /// The ads' numbers by id.
    pub numbers: Ids,
    /// The number of each ad's establishment.
    pub establishments: Vec<Option<u32>>,
}

impl Ads {
    /// Numbers the ads of `batch`, which is sorted by id, and finds their establishments among `establishment_ids`.
    pub fn new(batch: RecordBatch, establishment_ids: Option<&ArrayRef>) -> Self {
        let places = establishment_ids.map(|ids| Ids::of(ids.as_string_view())).unwrap_or_default();
        let numbers = Ids::of(batch.column(0).as_string_view());
        let establishments = places.numbers(batch["establishment_id"].as_string_view()).iter().collect();
        Self { batch, numbers, establishments }
    }

    /// The column `ad_id`.
    pub fn ids(&self) -> &ArrayRef {
        self.batch.column(0)
    }
}

/// A small table; an id's number is its row.
#[derive(Debug)]
pub struct SmallTable {
    /// The rows.
    pub rows: RecordBatch,
    /// Their ids.
    pub ids: Ids,
}
