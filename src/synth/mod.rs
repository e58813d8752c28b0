//! A synthetic city with planted answers: Recife-like, seeded, of any size, streamed to Parquet.
//!
//! [`write_city`] writes `establishments.parquet`, `ads.parquet`, `pings/part-*.parquet`,
//! `interactions/part-*.parquet`, `basemap.geojson` and `truth.json`. The same [`City`] gives the same bytes,
//! whatever the number of threads: each user comes from streams of random numbers of their own, seeded by (seed,
//! user), and a part holds a fixed range of users, sorted by user and time. A city has exactly as many pings as it is
//! asked for.
//!
//! The map, in the order in which data flows:
//!
//! | module | what it does |
//! |---|---|
//! | `random` | a stream of random numbers per (seed, purpose, number) |
//! | `ids` | ids of users, establishments, ads and campaigns |
//! | `town` | days, neighbourhoods, roads, establishments, ads, tastes |
//! | `truth` | what was planted and counted |
//! | `people` | what users do on a day, and the pings and interactions that this leaves |
//! | `basemap` | what a map draws below the data |
//! | `tables` | rows into Arrow and Parquet |
//! | `parts` | threads, progress, cancellation |
//!
//! # `truth.json`
//!
//! Counts are exact; what is said to be planted is a probability that the counts come near.
//!
//! - `complete`: false while the city is being written, and after it was stopped; then nothing else is there.
//! - `seed`, `tz`, `start`, `days`: as asked for. `users`: how many, each with at least one ping.
//! - `rows`: the counts of `pings`, `interactions`, `establishments` and `ads`.
//! - `views`, `clicks`: how many of the interactions are which. A click comes within a minute after its view.
//! - `campaigns`: for each its `campaign_id`, planted `ctr`, and counts of `views` and `clicks`.
//! - `categories`: for each its `category`, its planted `share` of all views and `hour_shares` (24, adding up to 1;
//!   over all users, since favourites are planted in the same shares), its counts of `interactions`, and of these
//!   `views_by_hour` and `clicks_by_hour` (24 each, hours local to `tz`), and its `outings`.
//! - `ad_taste_probability`: how often a view is of the user's favourite category of that part of the day; else it
//!   is of any, also that one.
//! - `weekday_taste_probability`: how often a user who goes out without an ad chooses the favourite category of that
//!   weekday; else it is any, also that one.
//! - `caused_visit_probability`: how often a view leads to a trip to the ad's establishment, if there is one, within
//!   25 km of home, that is open for half an hour or more in the rest of the day, 5 minutes to 5.5 hours after the
//!   view. `eligible_views` counts these views. `caused_trips` counts the trips that came of it: a little fewer than
//!   planted, as some users find no free time.
//! - `outings`: all trips to establishments, caused or not, each with two to four pings there; most of these are
//!   visits, as are some pings of passers-by.
//! - `tastes`: of the first 200 users, each with `user_id`, `home`, `ad_category_by_day_part` and
//!   `establishment_category_by_weekday` (keys "1" = Monday to "7").
//!
//! On a day on which clocks go forward or back, plans keep to the hours since midnight; counts stay local.

mod basemap;
mod ids;
mod parts;
mod people;
mod random;
mod tables;
#[cfg(test)]
mod tests;
mod town;
mod truth;

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;

use serde_json::{Value, json};

use crate::error::unreadable;
use crate::{Result, whole_file};
use parts::{Destination, write_parts};
use tables::PartWriter;
pub use town::city::City;
use town::days::wrong;
use town::world::World;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Rows of `pings`.
    pub pings: u64,
    /// Rows of `interactions`.
    pub interactions: u64,
    /// Rows of `establishments`.
    pub establishments: u64,
    /// Rows of `ads`.
    pub ads: u64,
    /// Users in `pings`.
    pub users: u64,
    /// Campaigns in `ads`.
    pub campaigns: u64,
}

/// Writes a city to the folder `root`, which is made if need be; a city that is already there is replaced.
///
/// `progress` is told, from any thread, how many pings are written so far. `cancel` stops the work when it becomes
/// true.
///
/// # Errors
///
/// [`crate::Error::Definition`] for a city that cannot be, [`crate::Error::Io`] if `root` holds tables of something
/// else or cannot be written, [`crate::Error::Cancelled`].
pub fn write_city(root: &Path, city: &City, progress: &(dyn Fn(u64) + Sync), cancel: &AtomicBool) -> Result<Summary> {
    let threads = threads(city)?;
    let world = World::new(city)?;
    clear(root)?;
    write_truth(root, &json!({ "complete": false }))?;
    write_json(root, "basemap.geojson", &basemap::basemap(&world.places))?;
    write_table(root, "establishments.parquet", &tables::establishments(&world.market, &world.sizes)?)?;
    write_table(root, "ads.parquet", &tables::ads(&world.market, &world.sizes)?)?;
    let counts = write_parts(&world, &Destination { root, progress, cancel }, threads)?;
    write_truth(root, &truth::truth(city, &world, &counts))?;
    Ok(Summary {
        pings: counts.pings,
        interactions: counts.interactions().iter().sum(),
        establishments: world.sizes.establishments as u64,
        ads: world.sizes.ads as u64,
        users: world.sizes.users,
        campaigns: world.sizes.campaigns as u64,
    })
}

fn threads(city: &City) -> Result<usize> {
    match city.threads {
        Some(0) => Err(wrong("threads", 0, "expected at least 1")),
        Some(threads) => Ok(threads),
        None => Ok(thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// Makes the folders, and empties them if they hold a city.
fn clear(root: &Path) -> Result<()> {
    let tables = ["establishments.parquet", "ads.parquet", "pings", "interactions"];
    let occupied = tables.iter().any(|table| root.join(table).exists());
    if occupied && !root.join("truth.json").exists() {
        let reason = "it holds tables and no truth.json, so they are not a synthetic city's; choose another folder";
        return Err(unreadable(root, reason));
    }
    for folder in ["pings", "interactions"].map(|table| root.join(table)) {
        if folder.is_symlink() {
            return Err(unreadable(&folder, "this is a link, which is not written through"));
        }
        fs::create_dir_all(&folder).map_err(|error| unreadable(&folder, error))?;
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let entry = entry.map_err(|error| unreadable(&folder, error))?;
            if parts::is_part(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path()).map_err(|error| unreadable(&entry.path(), error))?;
            }
        }
    }
    Ok(())
}

fn write_truth(root: &Path, truth: &Value) -> Result<()> {
    write_json(root, "truth.json", &format!("{truth:#}"))
}

fn write_json(root: &Path, name: &str, text: &impl Display) -> Result<()> {
    let path = root.join(name);
    whole_file::write(&path, format!("{text}\n").as_bytes()).map_err(|error| unreadable(&path, error))
}

fn write_table(root: &Path, name: &str, rows: &arrow::array::RecordBatch) -> Result<()> {
    let mut part = PartWriter::create(root.join(name), rows.schema())?;
    part.write(rows)?;
    part.finish()
}
