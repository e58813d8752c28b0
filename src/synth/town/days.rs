//! The days of a city: when each begins, in UTC.

use chrono::{Datelike, Days as DayCount, NaiveDate};

use super::city::City;
use crate::calendar::Calendar;
use crate::{Error, Result};

const STEP_US: i64 = 15 * 60 * 1_000_000;

/// A longer period is a slip of the keyboard.
const MOST_DAYS: u32 = 36_525;

/// The days of one city.
#[derive(Debug)]
pub struct Days {
    /// Tells the local hour of an instant.
    pub calendar: Calendar,
    /// Where each day begins, and behind them where the last one ends: microseconds since 1970 UTC.
    begins_us: Vec<i64>,
    first_weekday: usize,
}

impl Days {
    /// The days of `city`.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] for days that no calendar has.
    pub fn new(city: &City) -> Result<Self> {
        let calendar = city.calendar.clone();
        if city.days == 0 || city.days > MOST_DAYS {
            return Err(wrong("days", city.days, "expected 1 to 36525"));
        }
        let begins_us = (0..=city.days).map(|day| begin_us(&calendar, city.start, day)).collect::<Result<_>>()?;
        Ok(Self { calendar, begins_us, first_weekday: city.start.weekday().num_days_from_monday() as usize })
    }

    /// How many days there are.
    pub fn len(&self) -> usize {
        self.begins_us.len() - 1
    }

    /// Where a day begins: microseconds since 1970 UTC.
    pub fn begin_us(&self, day: usize) -> i64 {
        self.begins_us[day]
    }

    /// The length of a day in seconds, 24 hours at most.
    pub fn length_s(&self, day: usize) -> f64 {
        ((self.begins_us[day + 1] - self.begins_us[day]) as f64 / 1e6).min(86_400.0)
    }

    /// The weekday of a day: 0 = Monday.
    pub fn weekday(&self, day: usize) -> usize {
        (self.first_weekday + day) % 7
    }
}

/// The first instant of a local day, in years that time zones know something about.
fn begin_us(calendar: &Calendar, start: NaiveDate, day: u32) -> Result<i64> {
    let out_of_range = || wrong("start", start, "expected days between the years 1900 and 2100 that the time zone has");
    let date = start.checked_add_days(DayCount::new(day.into())).filter(|date| (1900..=2100).contains(&date.year()));
    let midnight = date.and_then(|date| date.and_hms_opt(0, 0, 0)).ok_or_else(out_of_range)?;
    // Where clocks go forward at midnight, the day begins a little later.
    let quarters = (0..96).map(|quarter| midnight.and_utc().timestamp_micros() + quarter * STEP_US);
    let mut clock = calendar.clock();
    let mut instants = quarters.map(|local_us| (local_us, calendar.instant_us(local_us, false)));
    let begin = instants.find(|(local_us, instant_us)| clock.local_us(*instant_us) == *local_us);
    begin.map(|(_, instant_us)| instant_us).ok_or_else(out_of_range)
}

/// The error for a number that no city can have.
pub fn wrong(name: &str, value: impl ToString, reason: &str) -> Error {
    Error::Definition { name: name.into(), value: value.to_string(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(start: (i32, u32, u32), days: u32, tz: &str) -> Days {
        let start = NaiveDate::from_ymd_opt(start.0, start.1, start.2).unwrap();
        Days::new(&City { start, days, calendar: Calendar::new(tz).unwrap(), ..City::default() }).unwrap()
    }

    #[test]
    fn recife_is_three_hours_behind() {
        let days = days((2024, 3, 1), 92, "America/Recife");
        assert_eq!((days.len(), days.begin_us(0)), (92, 1_709_262_000_000_000));
        assert_eq!((days.weekday(0), days.weekday(3)), (4, 0)); // Friday, Monday
    }

    #[test]
    fn a_day_may_have_23_hours() {
        let days = days((2024, 3, 30), 3, "Europe/Berlin");
        assert_eq!((days.length_s(0), days.length_s(1)), (86_400.0, 82_800.0));
    }

    #[test]
    fn a_day_without_midnight_begins_later() {
        let days = days((2018, 11, 3), 2, "America/Sao_Paulo"); // at 0:00 on the 4th clocks showed 1:00
        let mut clock = days.calendar.clock();
        assert_eq!((clock.hour(days.begin_us(1)), clock.hour(days.begin_us(1) - 1)), (1, 23));
    }
}
