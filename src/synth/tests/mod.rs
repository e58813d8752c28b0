//! Cities, small enough to be read back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::Error;
use crate::calendar::Calendar;
use crate::synth::town::days::Days;

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("footfall-city-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Name and bytes of every file.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let folders = [self.0.clone(), self.0.join("pings"), self.0.join("interactions")];
        let entries = folders.iter().filter(|folder| folder.exists()).flat_map(|folder| fs::read_dir(folder).unwrap());
        let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        paths.map(|path| (path.strip_prefix(&self.0).unwrap().to_path_buf(), fs::read(&path).unwrap())).collect()
    }

    /// The rows of a table, part after part.
    fn rows(&self, table: &str) -> Vec<RecordBatch> {
        let paths = self.files().into_keys().filter(|path| path.to_string_lossy().starts_with(table));
        let files = paths.map(|path| File::open(self.0.join(path)).unwrap());
        let readers = files.map(|file| ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap());
        readers.flat_map(|reader| reader.map(|batch| batch.unwrap())).collect()
    }

    fn truth(&self) -> Value {
        serde_json::from_slice(&fs::read(self.0.join("truth.json")).unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn small() -> City {
    City { pings: 100_003, users: Some(211), ..City::default() }
}

fn write(folder: &Folder, city: &City) -> Result<Summary> {
    write_city(&folder.0, city, &|_| (), &AtomicBool::new(false))
}

fn text(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    array.iter().map(|value| value.unwrap_or_default().to_string()).collect()
}

fn instants(batch: &RecordBatch) -> Vec<i64> {
    batch.column_by_name("timestamp").unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let folders = ["one", "three", "other"].map(Folder::new);
    write(&folders[0], &City { threads: Some(1), ..small() }).unwrap();
    write(&folders[1], &City { threads: Some(3), ..small() }).unwrap();
    write(&folders[2], &City { seed: 2, ..small() }).unwrap();
    let [one, three, other] = folders.each_ref().map(Folder::files);
    assert!(one.len() > 7);
    assert!(one == three);
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let is_seeded = |path: &std::path::Path| !path.ends_with("basemap.geojson");
    assert!(one.iter().all(|(path, bytes)| (other[path] != *bytes) == is_seeded(path.as_ref())));
}

#[test]
fn sizes_are_exact_and_rows_in_order() {
    let folder = Folder::new("sizes");
    let summary = write(&folder, &small()).unwrap();
    assert_eq!((summary.pings, summary.users, summary.establishments), (100_003, 211, 100));
    for (table, count) in [("pings", summary.pings), ("interactions", summary.interactions)] {
        let batches = folder.rows(table);
        let keys: Vec<_> =
            batches.iter().flat_map(|batch| text(batch, "user_id").into_iter().zip(instants(batch))).collect();
        assert_eq!(keys.len() as u64, count);
        assert!(keys.is_sorted());
    }
    let users: std::collections::BTreeSet<_> =
        folder.rows("pings").iter().flat_map(|batch| text(batch, "user_id")).collect();
    assert_eq!((users.len(), users.first().map(String::as_str)), (211, Some("u0000000")));
    let count = |table| folder.rows(table).iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
    assert_eq!((count("establishments"), count("ads")), (summary.establishments, summary.ads));
}

#[test]
fn pings_are_within_the_days_and_near_recife() {
    let folder = Folder::new("within");
    write(&folder, &small()).unwrap();
    let days = Days::new(&small()).unwrap();
    for batch in folder.rows("pings") {
        assert_eq!(batch.schema().field(1).data_type().to_string(), "Timestamp(µs, \"UTC\")");
        assert!(instants(&batch).iter().all(|at_us| (days.begin_us(0)..days.begin_us(92)).contains(at_us)));
        let degrees = |column| batch.column_by_name(column).unwrap().as_primitive::<Float64Type>();
        assert!(degrees("latitude").values().iter().all(|latitude| (-9.0..-7.5).contains(latitude)));
        assert!(degrees("longitude").values().iter().all(|longitude| (-36.2..-34.7).contains(longitude)));
        let unknown = degrees("accuracy_m").null_count() as f64 / batch.num_rows() as f64;
        assert!((0.0..0.15).contains(&unknown));
    }
}

/// Views and clicks by something.
type Counted<K> = BTreeMap<K, [u64; 2]>;

/// Views and clicks by campaign, and by category and local hour, counted from the files.
fn counted(folder: &Folder) -> (Counted<String>, Counted<(String, i64)>) {
    let (mut campaigns, mut hours) = (BTreeMap::new(), BTreeMap::new());
    let mut ads = BTreeMap::new();
    for batch in folder.rows("ads") {
        let about = text(&batch, "campaign_id").into_iter().zip(text(&batch, "category"));
        ads.extend(text(&batch, "ad_id").into_iter().zip(about));
    }
    for batch in folder.rows("interactions") {
        for ((ad, action), at_us) in text(&batch, "ad_id").iter().zip(text(&batch, "action")).zip(instants(&batch)) {
            let (campaign, category) = &ads[ad];
            let hour = (at_us / 3_600_000_000 - 3).rem_euclid(24);
            campaigns.entry(campaign.clone()).or_insert([0; 2])[usize::from(action == "click")] += 1;
            hours.entry((category.clone(), hour)).or_insert([0; 2])[usize::from(action == "click")] += 1;
        }
    }
    (campaigns, hours)
}

#[test]
fn the_truth_counts_what_was_written() {
    let folder = Folder::new("truth");
    let summary = write(&folder, &small()).unwrap();
    let (truth, (campaigns, hours)) = (folder.truth(), counted(&folder));
    assert_eq!((&truth["complete"], &truth["rows"]["pings"]), (&json!(true), &json!(100_003)));
    assert_eq!(truth["rows"]["interactions"], json!(summary.interactions));
    for campaign in truth["campaigns"].as_array().unwrap() {
        let counts = campaigns[campaign["campaign_id"].as_str().unwrap()];
        assert_eq!(json!(counts), json!([campaign["views"], campaign["clicks"]]));
        let [views, clicks] = counts.map(|count| count as f64);
        let ctr = campaign["ctr"].as_f64().unwrap();
        assert!((clicks - ctr * views).abs() < 5.0 * (ctr * views).sqrt() + 1.0, "{campaign}");
    }
    for category in truth["categories"].as_array().unwrap() {
        let name = category["category"].as_str().unwrap();
        let count = |hour, action: usize| hours.get(&(name.to_string(), hour)).map_or(0, |counts| counts[action]);
        assert_eq!(category["views_by_hour"], json!((0..24).map(|hour| count(hour, 0)).collect::<Vec<_>>()));
        assert_eq!(category["clicks_by_hour"], json!((0..24).map(|hour| count(hour, 1)).collect::<Vec<_>>()));
    }
    let number = |name: &str| truth[name].as_f64().unwrap();
    let share = number("caused_trips") / number("eligible_views") / number("caused_visit_probability");
    assert!((0.8..1.05).contains(&share), "{share}");
}

#[test]
fn clocks_that_change_leave_the_rows_in_order() {
    let folder = Folder::new("clocks");
    let start = NaiveDate::from_ymd_opt(2024, 3, 29).unwrap();
    let calendar = Calendar::new("Europe/Berlin").unwrap();
    let city = City { start, days: 4, calendar, users: Some(50), pings: 20_000, ..City::default() };
    write(&folder, &city).unwrap();
    let end_us = Days::new(&city).unwrap().begin_us(4);
    for table in ["pings", "interactions"] {
        let batches = folder.rows(table);
        let rows: Vec<_> =
            batches.iter().flat_map(|batch| text(batch, "user_id").into_iter().zip(instants(batch))).collect();
        assert!(rows.is_sorted() && rows.iter().all(|row| row.1 < end_us));
    }
}

#[test]
fn tiny_and_dense_cities_are_exact_too() {
    for (pings, users, days, establishments) in
        [(1, 1, 1, 1), (7, 3, 400, 2), (30_000, 1, 1, 12), (5_000, 5_000, 92, 40)]
    {
        let folder = Folder::new(&format!("tiny-{pings}-{users}"));
        let (users, establishments) = (Some(users), Some(establishments));
        let city = City { pings, users, days, establishments, ..City::default() };
        assert_eq!(write(&folder, &city).unwrap().pings, pings);
        assert_eq!(folder.rows("pings").iter().map(RecordBatch::num_rows).sum::<usize>() as u64, pings);
    }
}

#[test]
fn cancelling_stops_and_the_next_city_takes_the_place() {
    let folder = Folder::new("cancel");
    let (cancel, told) = (AtomicBool::new(false), Mutex::new(0));
    let progress = |pings| {
        *told.lock().unwrap() = pings;
        cancel.store(true, Relaxed);
    };
    let city = City { threads: Some(1), ..small() };
    assert!(matches!(write_city(&folder.0, &city, &progress, &cancel), Err(Error::Cancelled)));
    let told = *told.lock().unwrap();
    assert!(told > 0 && told < 100_003, "{told}");
    assert_eq!(folder.truth(), json!({ "complete": false }));
    assert_eq!(folder.rows("pings").iter().map(RecordBatch::num_rows).sum::<usize>() as u64, told);
    write(&folder, &City { pings: 5_000, ..City::default() }).unwrap();
    assert_eq!(folder.rows("pings").iter().map(RecordBatch::num_rows).sum::<usize>(), 5_000);
}

#[test]
fn other_tables_are_never_replaced() {
    let folder = Folder::new("other");
    fs::write(folder.0.join("ads.parquet"), "mine").unwrap();
    assert!(matches!(write(&folder, &small()), Err(Error::Io { .. })));
    assert_eq!(fs::read(folder.0.join("ads.parquet")).unwrap(), b"mine");
}

#[test]
fn impossible_cities_are_refused_before_anything_is_written() {
    let folder = Folder::new("impossible");
    let cities = [
        City { pings: 0, ..City::default() },
        City { days: 0, ..City::default() },
        City { threads: Some(0), ..City::default() },
        City { start: NaiveDate::from_ymd_opt(1066, 10, 14).unwrap(), ..City::default() },
    ];
    for city in cities {
        assert!(matches!(write(&folder, &city), Err(Error::Definition { .. })), "{city:?}");
        assert!(folder.files().is_empty());
    }
}
