//! The tables as Arrow rows and Parquet files.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::ids::IdFormat;
use crate::Result;
use crate::error::unreadable;
use crate::synth::people::events::Event;
use crate::synth::town::categories::CATEGORIES;
use crate::synth::town::market::Market;
use crate::synth::town::plan::Sizes;
use crate::whole_file::WholeFile;

/// Rows are handed to the Parquet writer in batches of about this size.
pub const BATCH_ROWS: usize = 65_536;
const ROW_GROUP_ROWS: usize = 1_048_576;

/// One location record, without its user.
#[derive(Debug)]
pub struct Ping {
    /// When.
    pub timestamp_us: i64,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres, if known.
    pub accuracy_m: Option<f64>,
}

/// Rows of `pings` on their way into a file.
#[derive(Debug, Default)]
pub struct PingRows {
    user_id: StringBuilder,
    timestamps_us: Vec<i64>,
    latitudes: Vec<f64>,
    longitudes: Vec<f64>,
    accuracies_m: Float64Builder,
}

impl PingRows {
    /// Adds a row.
    pub fn push(&mut self, user_id: &str, ping: &Ping) {
        self.user_id.append_value(user_id);
        self.timestamps_us.push(ping.timestamp_us);
        self.latitudes.push(ping.latitude);
        self.longitudes.push(ping.longitude);
        self.accuracies_m.append_option(ping.accuracy_m);
    }

    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.timestamps_us.len()
    }

    /// Takes all rows out.
    pub fn take(&mut self) -> Result<RecordBatch> {
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("user_id", Arc::new(self.user_id.finish()) as ArrayRef, false),
            ("timestamp", timestamps(&mut self.timestamps_us), false),
            ("latitude", Arc::new(Float64Array::from(std::mem::take(&mut self.latitudes))), false),
            ("longitude", Arc::new(Float64Array::from(std::mem::take(&mut self.longitudes))), false),
            ("accuracy_m", Arc::new(self.accuracies_m.finish()), true),
        ])?)
    }
}

/// Rows of `interactions` on their way into a file.
#[derive(Debug)]
pub struct InteractionRows {
    user_id: StringBuilder,
    ad_id: StringBuilder,
    action: StringBuilder,
    timestamps_us: Vec<i64>,
    /// The ids of all ads, written once.
    ad_ids: Vec<String>,
}

impl InteractionRows {
    /// No rows yet.
    pub fn new(sizes: &Sizes) -> Self {
        let ids = IdFormat::ads(sizes);
        let ad_ids = (0..sizes.ads).map(|ad| ids.id(ad as u64)).collect();
        let (user_id, ad_id, action) = Default::default();
        Self { user_id, ad_id, action, timestamps_us: Vec::new(), ad_ids }
    }

    /// Adds a row.
    pub fn push(&mut self, user_id: &str, event: &Event) {
        self.user_id.append_value(user_id);
        self.ad_id.append_value(&self.ad_ids[event.ad as usize]);
        self.action.append_value(if event.click { "click" } else { "view" });
        self.timestamps_us.push(event.timestamp_us);
    }

    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.timestamps_us.len()
    }

    /// Takes all rows out.
    pub fn take(&mut self) -> Result<RecordBatch> {
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("user_id", Arc::new(self.user_id.finish()) as ArrayRef, false),
            ("ad_id", Arc::new(self.ad_id.finish()), false),
            ("action", Arc::new(self.action.finish()), false),
            ("timestamp", timestamps(&mut self.timestamps_us), false),
        ])?)
    }
}

fn timestamps(values_us: &mut Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(std::mem::take(values_us)).with_timezone("UTC"))
}

/// The table `establishments`.
pub fn establishments(market: &Market, sizes: &Sizes) -> Result<RecordBatch> {
    let (all, ids) = (&market.establishments, IdFormat::establishments(sizes));
    let text = |value: &dyn Fn(usize) -> String| Arc::new(StringArray::from_iter_values((0..all.len()).map(value)));
    let degrees = |value: &dyn Fn(usize) -> f64| Arc::new(Float64Array::from_iter_values((0..all.len()).map(value)));
    let hours = |value: &dyn Fn(usize) -> u32| {
        Arc::new(Int64Array::from_iter_values((0..all.len()).map(|row| i64::from(value(row)))))
    };
    let name = |row: usize| format!("{} {:03}", CATEGORIES[all[row].category].sign, all[row].number);
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("establishment_id", text(&|row| ids.id(row as u64)) as ArrayRef, false),
        ("name", text(&name), false),
        ("category", text(&|row| CATEGORIES[all[row].category].name.into()), false),
        ("latitude", degrees(&|row| all[row].place.latitude()), false),
        ("longitude", degrees(&|row| all[row].place.longitude()), false),
        ("opens_hour", hours(&|row| all[row].opens), false),
        ("closes_hour", hours(&|row| all[row].closes), false),
    ])?)
}

/// The table `ads`.
pub fn ads(market: &Market, sizes: &Sizes) -> Result<RecordBatch> {
    let establishments = IdFormat::establishments(sizes);
    let (ads, campaigns) = (IdFormat::ads(sizes), IdFormat::campaigns(sizes));
    let ad_ids = StringArray::from_iter_values((0..market.ads.len()).map(|ad| ads.id(ad as u64)));
    let rows = || market.ads.iter();
    let establishment_ids: StringArray =
        rows().map(|ad| ad.establishment.map(|establishment| establishments.id(establishment.into()))).collect();
    let campaign_ids = StringArray::from_iter_values(rows().map(|ad| campaigns.id(ad.campaign as u64)));
    let categories = StringArray::from_iter_values(rows().map(|ad| CATEGORIES[ad.category].name));
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("ad_id", Arc::new(ad_ids) as ArrayRef, false),
        ("campaign_id", Arc::new(campaign_ids), false),
        ("category", Arc::new(categories), false),
        ("establishment_id", Arc::new(establishment_ids), true),
    ])?)
}

/// A Parquet file that is being written.
#[derive(Debug)]
pub struct PartWriter {
    path: PathBuf,
    whole: WholeFile,
    writer: ArrowWriter<File>,
}

impl PartWriter {
    /// Creates the file, for rows of a schema.
    pub fn create(path: PathBuf, schema: SchemaRef) -> Result<Self> {
        let (whole, file) = WholeFile::create(&path).map_err(|error| unreadable(&path, error))?;
        // The Arrow schema would only repeat that of Parquet.
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let writer =
            ArrowWriter::try_new_with_options(file, schema, options).map_err(|error| unreadable(&path, error))?;
        Ok(Self { path, whole, writer })
    }

    /// Writes more rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(|error| unreadable(&self.path, error))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        let file = self.writer.into_inner().map_err(|error| unreadable(&self.path, error))?;
        self.whole.complete(&file).map_err(|error| unreadable(&self.path, error))
    }
}

/// Ids and accuracies repeat, so they go through a dictionary; positions do not, and times only grow.
fn properties() -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    let plain = ["timestamp", "latitude", "longitude"].map(ColumnPath::from);
    let properties = plain.into_iter().fold(properties, |all, one| all.set_column_dictionary_enabled(one, false));
    properties.set_column_encoding("timestamp".into(), Encoding::DELTA_BINARY_PACKED).build()
}
