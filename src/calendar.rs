//! Time zone to local day, ISO week, month, hour, weekday and part of the day; and local time to instant.
//!
//! A [`Calendar`] holds the zone's changes of offset as a table, so that a row costs an addition and, now and then, a
//! binary search, instead of a conversion by a library of time.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::zones::{Databases, Zone};

/// The parts of the day, six hours each from midnight on, start included and end excluded.
pub const DAY_PARTS: [&str; 4] = ["night", "morning", "afternoon", "evening"];

/// The weekdays, from that of number 1 on.
pub const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The part of the day in which an hour of `0..24` lies.
pub fn day_part(hour: i32) -> &'static str {
    DAY_PARTS[hour.rem_euclid(24) as usize / 6]
}

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;
/// Microseconds of a day.
pub const DAY_US: i64 = 24 * HOUR_US;

/// The instant at which a local clock reads a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalInstant {
    /// The only one.
    Once(i64),
    /// The earlier of two: the clock was set back.
    Twice(i64),
    /// None: the clock was set forward past it.
    Never,
}

impl LocalInstant {
    /// How often the clock reads the time.
    pub fn count(self) -> i64 {
        match self {
            LocalInstant::Never => 0,
            LocalInstant::Once(_) => 1,
            LocalInstant::Twice(_) => 2,
        }
    }

    /// Microseconds since 1970-01-01 UTC; the earlier where there are two.
    pub fn earliest_us(self) -> Option<i64> {
        match self {
            LocalInstant::Once(us) | LocalInstant::Twice(us) => Some(us),
            LocalInstant::Never => None,
        }
    }
}

/// A time zone of the IANA database, ready to tell local days and hours. Cloning it is cheap.
///
/// The zone's changes of offset are known up to `END_US`; from there on the last 400 years repeat, as the Gregorian
/// calendar does to the day of the week, and with it each rule of summer time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calendar {
    zone: Zone,
    offsets: Arc<[OffsetSince]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct OffsetSince {
    start_us: i64,
    offset_us: i64,
}

impl Calendar {
    /// The calendar of an IANA time zone, such as `America/Recife`, by the newest database of the system or our own.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] if there is no such zone, with the name that is probably meant.
    pub fn new(tz: &str) -> Result<Self> {
        Self::of(Databases::of_the_system().zone(tz)?)
    }

    /// The calendar of UTC.
    pub fn utc() -> Self {
        let zone = Zone { name: "UTC".into(), tzif: [].into(), database: "of itself".into() };
        Self { zone, offsets: [OffsetSince { start_us: i64::MIN, offset_us: 0 }].into() }
    }

    /// The calendar of `zone`.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] if its file is damaged.
    pub fn of(zone: Zone) -> Result<Self> {
        let offsets = offsets_of(&zone)?.into();
        Ok(Self { zone, offsets })
    }

    /// The zone's name.
    pub fn tz(&self) -> &str {
        &self.zone.name
    }

    /// Whether its clocks always read UTC.
    pub fn is_utc(&self) -> bool {
        matches!(&*self.offsets, [OffsetSince { offset_us: 0, .. }])
    }

    /// The zone, and which database it is of.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// A clock of this zone, which remembers where in the table of offsets it last was.
    pub fn clock(&self) -> Clock<'_> {
        Clock { offsets: &self.offsets, days_of_month: &DAYS_OF_MONTH, start_us: 0, end_us: 0, offset_us: 0 }
    }

    /// The instant at which the local clock reads `local_us`, microseconds since 1970-01-01 00:00 local.
    ///
    /// A reading that comes twice means the first time, or, if `fold`, the second; one that the clock skips is taken
    /// by the offset before the change, or, if `fold`, by the one after it (Python's PEP 495).
    pub fn instant_us(&self, local_us: i64, fold: bool) -> i64 {
        let repeated_us = eras_beyond_the_table(local_us) * ERA_US;
        let local_us = local_us - repeated_us;
        let mut at = self.offsets.partition_point(|since| since.start_us <= local_us.saturating_sub(2 * DAY_US)) - 1;
        while let Some(next) = self.offsets.get(at + 1) {
            let (before_us, after_us) = (self.offsets[at].offset_us, next.offset_us);
            let offset_us = if fold { before_us.min(after_us) } else { before_us.max(after_us) };
            if local_us < next.start_us + offset_us {
                break;
            }
            at += 1;
        }
        local_us.saturating_sub(self.offsets[at].offset_us).saturating_add(repeated_us)
    }

    /// When the local clock reads `local_us`: once, twice where it is set back, or never where it is set forward.
    pub fn instants_of(&self, local_us: i64) -> LocalInstant {
        let (first_us, second_us) = (self.instant_us(local_us, false), self.instant_us(local_us, true));
        match first_us.cmp(&second_us) {
            Ordering::Equal => LocalInstant::Once(first_us),
            Ordering::Less => LocalInstant::Twice(first_us),
            Ordering::Greater => LocalInstant::Never,
        }
    }

    /// An instant as ISO 8601 text on the local clock, such as `2024-03-01T00:00:00-03:00`; a year beyond 9999 has a
    /// sign.
    pub fn local_text(&self, timestamp_us: i64) -> String {
        let local_us = self.clock().local_us(timestamp_us);
        let (second, micros) = (local_us.div_euclid(SECOND_US), local_us.rem_euclid(SECOND_US));
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
        let offset_s = local_us.saturating_sub(timestamp_us) / SECOND_US;
        let sign = if offset_s < 0 { '-' } else { '+' };
        let date = date_text(second.div_euclid(DAY_S));
        format!(
            "{date}T{}{fraction}{sign}{}",
            time_text(second.rem_euclid(DAY_S), true),
            time_text(offset_s.abs(), false)
        )
    }
}

/// How many times 400 years lie between an instant and the end of the table, if it is beyond; rounded up.
fn eras_beyond_the_table(timestamp_us: i64) -> i64 {
    if timestamp_us < END_US { 0 } else { (timestamp_us - END_US) / ERA_US + 1 }
}

/// `hours:minutes`, and the seconds if there are any or `always`.
fn time_text(second: i64, always: bool) -> String {
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    let seconds = if always || seconds != 0 { format!(":{seconds:02}") } else { String::new() };
    format!("{hours:02}:{minutes:02}{seconds}")
}

/// A day since 1970-01-01 as ISO 8601 text; a year beyond 9999 has a sign.
fn date_text(day: i64) -> String {
    let (year, month, day) = date_of(day);
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+05}") };
    format!("{year}-{month:02}-{day:02}")
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
        let repeated_us = eras_beyond_the_table(timestamp_us) * ERA_US;
        let folded_us = timestamp_us - repeated_us;
        let after = self.offsets.partition_point(|since| since.start_us <= folded_us);
        let since = self.offsets[after - 1];
        let end_us = self.offsets.get(after).map_or(END_US, |next| next.start_us);
        let start_us = if repeated_us == 0 { since.start_us } else { since.start_us.max(END_US - ERA_US) };
        self.start_us = start_us.saturating_add(repeated_us);
        self.end_us = end_us.saturating_add(repeated_us);
        self.offset_us = since.offset_us;
    }
}

/// 1 = Monday. 1970-01-01 was a Thursday.
#[inline]
fn weekday_of(day: i32) -> i32 {
    (day + 3).rem_euclid(7) + 1
}

/// The day of the month, counted from 0, of a day since 1970-01-01.
#[inline]
fn days_since_the_first(day: i32) -> i32 {
    (date_of(day.into()).2 - 1) as i32
}

/// Year, month and day of the month of a day since 1970-01-01 in the Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years begin in March, so
/// that the leap day comes last.
#[inline]
fn date_of(day: i64) -> (i64, i64, i64) {
    let (era, day_of_era) = ((day + 719_468).div_euclid(ERA_DAYS), (day + 719_468).rem_euclid(ERA_DAYS));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (400 * era + year + i64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

/// [`days_since_the_first`] of each day from 1970 to 2109, in 50 kB: a look-up is several times faster.
static DAYS_OF_MONTH: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..51_134).map(|day| days_since_the_first(day) as u8).collect());

const DAY_S: i64 = 86_400;
/// The Gregorian calendar repeats after 400 years, which are 20,871 weeks.
const ERA_DAYS: i64 = 146_097;
const ERA_US: i64 = ERA_DAYS * DAY_US;
/// 2500-01-01, where the table of offsets ends. In the 400 years before, no zone changes but by its rule.
const END_US: i64 = 16_725_225_600 * SECOND_US;

fn offsets_of(zone: &Zone) -> Result<Vec<OffsetSince>> {
    let damaged = |error: jiff::Error| Error::Definition {
        name: "tz".into(),
        value: format!("{:?}", zone.name),
        reason: format!("its file in the time-zone database {} is damaged: {error}", zone.database),
    };
    let tz = TimeZone::tzif(&zone.name, &zone.tzif).map_err(damaged)?;
    let since = |start_us, offset_s: i32| OffsetSince { start_us, offset_us: i64::from(offset_s) * SECOND_US };
    let mut offsets = vec![since(i64::MIN, tz.to_offset(Timestamp::MIN).seconds())];
    let changes = tz
        .following(Timestamp::MIN)
        .map(|change| since(change.timestamp().as_microsecond(), change.offset().seconds()));
    for change in changes.take_while(|change| change.start_us < END_US) {
        // Where the name alone changes, or what counts as summer time, the clock does not.
        if offsets.last().is_none_or(|last| last.offset_us != change.offset_us) {
            offsets.push(change);
        }
    }
    Ok(offsets)
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
