//! The calendar against chrono and chrono-tz, row by row.

use chrono::{DateTime, Datelike, Days, NaiveDate, Offset, TimeZone, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};
use footfall::calendar::{Calendar, Clock};
use proptest::prelude::*;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;

fn day_number(date: NaiveDate) -> i32 {
    date.signed_duration_since(NaiveDate::default()).num_days() as i32
}

fn assert_agrees(clock: &mut Clock<'_>, tz: Tz, timestamp_us: i64) {
    let utc = DateTime::from_timestamp_micros(timestamp_us).unwrap();
    let local = tz.from_utc_datetime(&utc.naive_utc());
    let (date, context) = (local.date_naive(), format!("{local} {tz}"));
    let monday = date - Days::new(u64::from(date.weekday().num_days_from_monday()));
    assert_eq!(clock.local_us(timestamp_us), local.naive_local().and_utc().timestamp_micros(), "{context}");
    assert_eq!(clock.day(timestamp_us), day_number(date), "{context}");
    assert_eq!(clock.week(timestamp_us), day_number(monday), "{context}");
    assert_eq!(clock.month(timestamp_us), day_number(date.with_day(1).unwrap()), "{context}");
    assert_eq!(clock.hour(timestamp_us), local.hour() as i32, "{context}");
    assert_eq!(clock.weekday(timestamp_us), date.weekday().number_from_monday() as i32, "{context}");
}

fn instant(year: i32, month: u32, day: u32) -> i64 {
    NaiveDate::from_ymd_opt(year, month, day).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_micros()
}

proptest! {
    #[test]
    fn any_zone_at_any_instant(
        zone in prop::sample::select(TZ_VARIANTS.to_vec()),
        instants in prop::collection::vec(instant(1850, 1, 1)..instant(2150, 1, 1), 1..200),
    ) {
        let calendar = Calendar::new(zone.name()).unwrap();
        let mut clock = calendar.clock();
        for timestamp_us in instants {
            assert_agrees(&mut clock, zone, timestamp_us);
        }
    }
}

#[test]
fn every_zone_through_its_history() {
    for zone in TZ_VARIANTS {
        let calendar = Calendar::new(zone.name()).unwrap();
        assert_eq!(calendar.tz(), zone.name());
        let mut clock = calendar.clock();
        // An odd step, so that instants of all hours and days come up.
        for timestamp_us in (instant(1890, 1, 1)..instant(2105, 1, 1)).step_by(4_001 * HOUR_US as usize / 60 * 13) {
            assert_agrees(&mut clock, zone, timestamp_us);
        }
    }
}

/// The local hours of a day, counted in quarters of an hour, and whether its days agree with chrono to the microsecond
/// around each quarter.
fn hours_of_day(tz: &str, year: i32, month: u32, day: u32) -> f64 {
    let zone: Tz = tz.parse().unwrap();
    let calendar = Calendar::new(tz).unwrap();
    let mut clock = calendar.clock();
    let midnight_us = instant(year, month, day);
    let day = day_number(NaiveDate::from_ymd_opt(year, month, day).unwrap());
    let quarters = (-26 * 4..50 * 4).map(|quarter| midnight_us + quarter * HOUR_US / 4);
    let mut of_day = 0;
    for quarter_us in quarters {
        for timestamp_us in [quarter_us - 1, quarter_us, quarter_us + 1] {
            assert_agrees(&mut clock, zone, timestamp_us);
        }
        of_day += usize::from(clock.day(quarter_us) == day);
    }
    of_day as f64 / 4.0
}

#[test]
fn days_of_23_and_25_hours() {
    assert_eq!(hours_of_day("America/New_York", 2024, 3, 10), 23.0);
    assert_eq!(hours_of_day("America/New_York", 2024, 11, 3), 25.0);
    assert_eq!(hours_of_day("Europe/Lisbon", 2024, 3, 31), 23.0);
    assert_eq!(hours_of_day("America/Sao_Paulo", 2018, 11, 4), 23.0);
    assert_eq!(hours_of_day("America/Recife", 2024, 3, 31), 24.0);
}

#[test]
fn offsets_that_are_not_whole_hours() {
    assert_eq!(hours_of_day("Australia/Lord_Howe", 2024, 10, 6), 23.5);
    assert_eq!(hours_of_day("Asia/Kathmandu", 2024, 1, 1), 24.0);
    assert_eq!(hours_of_day("Asia/Kolkata", 1900, 1, 1), 24.0);
    // Samoa skipped a whole day.
    assert_eq!(hours_of_day("Pacific/Apia", 2011, 12, 30), 0.0);
}

#[test]
fn the_edges_of_centuries_and_leap_years() {
    let calendar = Calendar::new("UTC").unwrap();
    let mut clock = calendar.clock();
    for year in [1600, 1899, 1900, 1904, 1969, 1970, 1999, 2000, 2024, 2099, 2100, 2101, 2400] {
        for (month, day) in [(1, 1), (2, 28), (3, 1), (12, 31)] {
            for second in [-1, 0, 86_399, 86_400] {
                assert_agrees(&mut clock, Tz::UTC, instant(year, month, day) + second * SECOND_US);
            }
        }
    }
}

#[test]
fn every_day_of_eight_centuries_has_the_week_and_month_that_chrono_gives() {
    let calendar = Calendar::new("UTC").unwrap();
    let mut clock = calendar.clock();
    for date in NaiveDate::from_ymd_opt(1600, 1, 1).unwrap().iter_days().take(800 * 365) {
        assert_agrees(&mut clock, Tz::UTC, i64::from(day_number(date)) * 24 * HOUR_US);
    }
}

#[test]
fn a_clone_is_the_same_calendar() {
    let calendar = Calendar::new("Europe/Paris").unwrap();
    let clone = calendar.clone();
    let summer_us = instant(2024, 7, 1);
    assert_eq!(calendar.clock().hour(summer_us), clone.clock().hour(summer_us));
    let offset_s =
        Tz::Europe__Paris.offset_from_utc_datetime(&DateTime::UNIX_EPOCH.naive_utc()).fix().local_minus_utc();
    assert_eq!(calendar.clock().local_us(0), i64::from(offset_s) * SECOND_US);
}
