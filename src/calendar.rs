//! Time zone to local day, ISO week, month, hour, weekday and part of the day.
//!
//! A [`Calendar`] holds the zone's changes of offset as a table, so that a row costs an addition and, now and then, a
//! binary search, instead of a conversion by chrono.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::error::{Error, Result};
use crate::spelling::edit_distance;

/// The parts of the day, six hours each from midnight on, start included and end excluded.
pub const DAY_PARTS: [&str; 4] = ["night", "morning", "afternoon", "evening"];

/// The part of the day in which an hour of `0..24` lies.
pub fn day_part(hour: i32) -> &'static str {
    DAY_PARTS[hour.rem_euclid(24) as usize / 6]
}

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;
const DAY_US: i64 = 24 * HOUR_US;

/// A time zone of the IANA database, ready to tell local days and hours. Cloning it is cheap.
///
/// The changes of offset of 1830 to 2110 are known; before and after, the offset stays as it was at that end.
#[derive(Clone, Debug)]
pub struct Calendar {
    tz: Tz,
    offsets: Arc<[OffsetSince]>,
}

#[derive(Clone, Copy, Debug)]
struct OffsetSince {
    start_us: i64,
    offset_us: i64,
}

impl Calendar {
    /// The calendar of an IANA time zone, such as `America/Recife`.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] if there is no such zone, with the name that is probably meant.
    pub fn new(tz: &str) -> Result<Self> {
        let tz: Tz = tz.parse().map_err(|_| unknown_zone(tz))?;
        Ok(Self { tz, offsets: offsets_of(tz).into() })
    }

    /// The zone's name.
    pub fn tz(&self) -> &str {
        self.tz.name()
    }

    /// A clock of this zone, which remembers where in the table of offsets it last was.
    pub fn clock(&self) -> Clock<'_> {
        Clock { offsets: &self.offsets, days_of_month: &DAYS_OF_MONTH, start_us: 0, end_us: 0, offset_us: 0 }
    }
}

/// Tells local time of instants in microseconds since 1970-01-01 UTC; fastest when they come nearly in order.
#[derive(Clone, Debug)]
pub struct Clock<'a> {
    offsets: &'a [OffsetSince],
    days_of_month: &'static [u8],
    start_us: i64,
    end_us: i64,
    offset_us: i64,
}

impl Clock<'_> {
    /// The local clock's reading, as microseconds since 1970-01-01 00:00 local.
    #[inline]
    pub fn local_us(&mut self, timestamp_us: i64) -> i64 {
        if timestamp_us < self.start_us || timestamp_us >= self.end_us {
            self.find_interval(timestamp_us);
        }
        timestamp_us.saturating_add(self.offset_us)
    }

    /// The local day, as days since 1970-01-01.
    #[inline]
    pub fn day(&mut self, timestamp_us: i64) -> i32 {
        // The widest i64 is 107 million days, so that no cast here loses anything.
        self.local_us(timestamp_us).div_euclid(DAY_US) as i32
    }

    /// The Monday of the local ISO week, as days since 1970-01-01.
    #[inline]
    pub fn week(&mut self, timestamp_us: i64) -> i32 {
        let day = self.day(timestamp_us);
        day - (weekday_of(day) - 1)
    }

    /// The first day of the local month, as days since 1970-01-01.
    #[inline]
    pub fn month(&mut self, timestamp_us: i64) -> i32 {
        let day = self.day(timestamp_us);
        let known = usize::try_from(day).ok().and_then(|day| self.days_of_month.get(day));
        day - known.map_or_else(|| days_since_the_first(day), |day_of_month| i32::from(*day_of_month))
    }

    /// The local hour, 0 to 23.
    #[inline]
    pub fn hour(&mut self, timestamp_us: i64) -> i32 {
        (self.local_us(timestamp_us).rem_euclid(DAY_US) / HOUR_US) as i32
    }

    /// The local weekday, 1 (Monday) to 7 (Sunday).
    #[inline]
    pub fn weekday(&mut self, timestamp_us: i64) -> i32 {
        weekday_of(self.day(timestamp_us))
    }

    #[cold]
    fn find_interval(&mut self, timestamp_us: i64) {
        let after = self.offsets.partition_point(|since| since.start_us <= timestamp_us);
        let since = self.offsets[after - 1];
        self.start_us = since.start_us;
        self.end_us = self.offsets.get(after).map_or(i64::MAX, |next| next.start_us);
        self.offset_us = since.offset_us;
    }
}

/// 1 = Monday. 1970-01-01 was a Thursday.
#[inline]
fn weekday_of(day: i32) -> i32 {
    (day + 3).rem_euclid(7) + 1
}

/// The day of the month, counted from 0, of a day since 1970-01-01 in the Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years begin in March, so
/// that the leap day comes last.
#[inline]
fn days_since_the_first(day: i32) -> i32 {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5
}

/// [`days_since_the_first`] of each day from 1970 to 2109, in 50 kB: a look-up is several times faster.
static DAYS_OF_MONTH: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..(LAST_S / STEP_S) as i32).map(|day| days_since_the_first(day) as u8).collect());

/// 1830-01-01: the first change that the IANA database knows is Amsterdam's of 1835.
const FIRST_S: i64 = -4_417_977_600;
/// 2110-01-01: chrono-tz writes recurring rules out to 2100.
const LAST_S: i64 = 4_417_977_600;
/// No zone of the database changes its offset twice within so short a time.
const STEP_S: i64 = 86_400;

fn offsets_of(tz: Tz) -> Vec<OffsetSince> {
    let since = |start_us, offset_s: i64| OffsetSince { start_us, offset_us: offset_s * SECOND_US };
    let mut offset_s = offset_at(tz, FIRST_S);
    let mut offsets = vec![since(i64::MIN, offset_s)];
    for step_s in (FIRST_S..LAST_S).step_by(STEP_S as usize) {
        let next_s = offset_at(tz, step_s + STEP_S);
        if next_s != offset_s {
            offsets.push(since(change_within(tz, step_s, step_s + STEP_S) * SECOND_US, next_s));
            offset_s = next_s;
        }
    }
    offsets
}

/// Local time minus UTC, in seconds.
fn offset_at(tz: Tz, second: i64) -> i64 {
    let utc = DateTime::from_timestamp(second, 0).expect("1830 to 2110 are within chrono's range");
    tz.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc().into()
}

/// The second in `(before, after]` from which on the offset is that of `after`.
fn change_within(tz: Tz, mut before: i64, mut after: i64) -> i64 {
    let new = offset_at(tz, after);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset_at(tz, middle) == new { after = middle } else { before = middle }
    }
    after
}

fn unknown_zone(tz: &str) -> Error {
    let hint = closest_zone(tz).map_or_else(String::new, |name| format!("; did you mean {name}?"));
    Error::Definition {
        name: "tz".into(),
        value: format!("{tz:?}"),
        reason: format!("not a time zone of the IANA database{hint}"),
    }
}

/// The zone within two typing errors of `tz`, which may also be the city alone or in other letter case.
fn closest_zone(tz: &str) -> Option<&'static str> {
    const MOST_ERRORS: usize = 2;
    let typed = tz.trim().to_lowercase().replace(' ', "_");
    let errors = |name: &str| {
        let name = name.to_lowercase();
        let city = name.rsplit('/').next().unwrap_or(&name);
        edit_distance(&typed, &name).min(edit_distance(&typed, city))
    };
    let (fewest, name) = TZ_VARIANTS.iter().map(|zone| (errors(zone.name()), zone.name())).min()?;
    (fewest <= MOST_ERRORS && fewest < typed.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, day_part};

    #[test]
    fn a_winter_night_in_recife() {
        let calendar = Calendar::new("America/Recife").expect("a zone");
        let mut clock = calendar.clock();
        // 2024-03-01 02:59:59.999999 UTC is 2024-02-29 23:59:59.999999 in Recife, a Thursday.
        let timestamp_us = 1_709_261_999_999_999;
        let [day, week, month] = [19_782, 19_779, 19_754];
        assert_eq!([clock.day(timestamp_us), clock.week(timestamp_us), clock.month(timestamp_us)], [day, week, month]);
        assert_eq!([clock.hour(timestamp_us), clock.weekday(timestamp_us)], [23, 4]);
        let [day, week, month] = [19_783, 19_779, 19_783];
        let midnight_us = timestamp_us + 1;
        assert_eq!([clock.day(midnight_us), clock.week(midnight_us), clock.month(midnight_us)], [day, week, month]);
        assert_eq!([clock.hour(midnight_us), clock.weekday(midnight_us)], [0, 5]);
    }

    #[test]
    fn parts_of_the_day_are_half_open() {
        let parts: Vec<_> = [0, 5, 6, 11, 12, 17, 18, 23].map(day_part).into();
        let expected = ["night", "night", "morning", "morning", "afternoon", "afternoon", "evening", "evening"];
        assert_eq!(parts, expected);
    }

    #[test]
    fn an_unknown_zone_comes_with_a_suggestion() {
        let message = |tz| Calendar::new(tz).expect_err("no such zone").to_string();
        assert!(message("America/Recive").ends_with("did you mean America/Recife?"));
        assert!(message("america/sao paulo").ends_with("did you mean America/Sao_Paulo?"));
        assert!(message("recife").ends_with("did you mean America/Recife?"));
        assert!(message("utc").contains("did you mean"));
        assert_eq!(message("Mars/Olympus Mons"), "tz = \"Mars/Olympus Mons\": not a time zone of the IANA database");
        assert!(!message("").contains("did you mean"));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for tz in ["UTC", "Asia/Kathmandu", "America/New_York"] {
            let calendar = Calendar::new(tz).expect("a zone");
            let mut clock = calendar.clock();
            for timestamp_us in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
                clock.month(timestamp_us);
                clock.week(timestamp_us);
                assert!((0..24).contains(&clock.hour(timestamp_us)));
            }
        }
    }
}
