//! What city is made.

use chrono::NaiveDate;

use crate::calendar::Calendar;

/// A city to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct City {
    /// Another seed is another city.
    pub seed: u64,
    /// Exactly how many location records.
    pub pings: u64,
    /// How many users; by default one for 500 pings, or for 200 pings a day if there are few days.
    pub users: Option<u64>,
    /// How many establishments; by default one for 1,000 pings, from 40 to 1,000.
    pub establishments: Option<u64>,
    /// The first local day.
    pub start: NaiveDate,
    /// How many days.
    pub days: u32,
    /// The clock by which people live.
    pub calendar: Calendar,
    /// How many threads; by default one per processor.
    pub threads: Option<usize>,
}

impl Default for City {
    /// A million pings in Recife, from March to May 2024.
    fn default() -> Self {
        let start = NaiveDate::from_ymd_opt(2024, 3, 1).expect("the first of March exists");
        let (users, establishments, threads) = (None, None, None);
        let calendar = Calendar::new("America/Recife").expect("every database has it");
        Self { seed: 1, pings: 1_000_000, users, establishments, start, days: 92, calendar, threads }
    }
}
