//! Text that is a point in time: ISO 8601, or after a pattern of strptime.

use chrono::NaiveDate;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Offset, TimeZone};

use crate::calendar::{Calendar, DAY_US};
use crate::error::{Error, Result};

static ISO: DateTimeParser = DateTimeParser::new();
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// 2024-12-31 22:59:58 UTC, which no pattern that mistakes one part for another reads as the same day.
const EXAMPLE_S: i64 = 1_735_685_998;

/// Reading of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Microseconds since 1970-01-01 00:00 on that clock, rounded down.
    pub local_us: i64,
    /// The nanoseconds beyond them.
    pub rest_ns: i64,
    /// How far the clock is ahead of UTC, where the text says so.
    pub offset_us: Option<i64>,
}

impl ClockReading {
    /// Reads ISO 8601, extended or basic: the time, its seconds and the offset may be left out, `t`, a space and `z`
    /// are known, and a comma as decimal sign. RFC 9557's `[...]` is too, beside an offset.
    pub fn of_iso(text: &str) -> Option<Self> {
        let common = Self::of_common_iso(text.as_bytes());
        common.or_else(|| Self::of_temporal(text)).or_else(|| Self::of_temporal(&without_utc(text)?))
    }

    /// Reads what programs write most, several times faster: `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, with or without
    /// decimals, `Z` or no offset. `None` for all other forms.
    fn of_common_iso(text: &[u8]) -> Option<Self> {
        let (date, rest) = text.split_first_chunk()?;
        let [year @ .., b'-', _, _, b'-', _, _, b'T' | b' '] = date as &[u8; 11] else { return None };
        let (time, rest) = rest.split_first_chunk()?;
        let [_, _, b':', _, _, b':', _, _] = time as &[u8; 8] else { return None };
        let (decimals, offset_us) = match rest {
            [decimals @ .., b'Z'] => (decimals, Some(0)),
            _ => (rest, None),
        };
        let ns = match decimals {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                number(digits)? * 10_u32.pow(9 - digits.len() as u32)
            }
            _ => return None,
        };
        let date = NaiveDate::from_ymd_opt(number(year)? as i32, number(&date[5..7])?, number(&date[8..10])?)?;
        let [hour, minute, second] = [number(&time[..2])?, number(&time[3..5])?, number(&time[6..])?];
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let second = i64::from((hour * 60 + minute) * 60 + second);
        let local_us = i64::from(date.to_epoch_days()) * DAY_US + second * 1_000_000 + i64::from(ns / 1_000);
        Some(Self { local_us, rest_ns: i64::from(ns % 1_000), offset_us })
    }

    fn of_temporal(text: &str) -> Option<Self> {
        let pieces = ISO.parse_pieces(text).ok()?;
        let offset = pieces.to_numeric_offset();
        if offset.is_none() && pieces.time_zone_annotation().is_some() {
            return None;
        }
        Self::new(pieces.date().to_datetime(pieces.time().unwrap_or_else(Time::midnight)), offset)
    }

    fn new(local: DateTime, offset: Option<Offset>) -> Option<Self> {
        let ns = local.duration_since(EPOCH).as_nanos();
        let local_us = i64::try_from(ns.div_euclid(1_000)).ok()?;
        let offset_us = offset.map(|offset| i64::from(offset.seconds()) * 1_000_000);
        Some(Self { local_us, rest_ns: ns.rem_euclid(1_000) as i64, offset_us })
    }

    /// Microseconds since 1970-01-01 UTC; without an offset, on the clock of `calendar` (PEP 495, `fold=0`).
    pub fn instant_on(&self, calendar: &Calendar) -> Option<i64> {
        match self.offset_us {
            Some(_) => self.instant_us(),
            None => Some(calendar.instant_us(self.local_us, false)),
        }
    }

    /// Microseconds since 1970-01-01 UTC, if the text says the offset.
    pub fn instant_us(&self) -> Option<i64> {
        self.local_us.checked_sub(self.offset_us?)
    }
}

/// The number that up to nine bytes spell, all of them digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

/// The text with `Z` for `UTC`, and no space before the offset.
fn without_utc(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(local) = text.strip_suffix("UTC") {
        return Some(format!("{}Z", local.trim_end()));
    }
    let (local, offset) = text.rsplit_once(' ')?;
    let is_offset = offset.starts_with(['+', '-', 'Z', 'z']);
    is_offset.then(|| format!("{}{offset}", local.trim_end()))
}

/// Pattern of strptime, such as `%d/%m/%Y %H:%M`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Takes a pattern that tells the day.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] if it does not, or if a directive is unknown.
    pub fn new(text: &str) -> Result<Self> {
        let pattern = Self(text.into());
        let refused = |reason: String| Error::Definition {
            name: "timestamp".into(),
            value: format!("{text:?}"),
            reason: format!("{reason}; write a pattern such as %d/%m/%Y %H:%M"),
        };
        let example = Timestamp::from_second(EXAMPLE_S).map_err(|error| refused(error.to_string()))?;
        let written = BrokenDownTime::from(&example.to_zoned_datetime(TimeZone::UTC)).to_string(text);
        let read = pattern.read(&written.map_err(|error| refused(error.to_string()))?);
        let is_same_day = |read: ClockReading| read.local_us.div_euclid(DAY_US) == EXAMPLE_S * 1_000_000 / DAY_US;
        match read.is_some_and(is_same_day) {
            true => Ok(pattern),
            false => Err(refused("it does not tell the day".into())),
        }
    }

    /// The pattern's text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Reads `text`, all of it, after the pattern.
    pub fn read(&self, text: &str) -> Option<ClockReading> {
        let parsed = BrokenDownTime::parse(&self.0, text).ok()?;
        if let Some(instant) = parsed.timestamp() {
            let local = Offset::UTC.to_datetime(instant);
            return ClockReading::new(local, Some(Offset::UTC));
        }
        let time = match parsed.hour() {
            Some(_) => parsed.to_time().ok()?,
            None => Time::midnight(),
        };
        ClockReading::new(parsed.to_date().ok()?.to_datetime(time), parsed.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_PAST: i64 = 1_709_253_000_000_000;

    #[test]
    fn iso_text_is_read_in_whichever_form() {
        let with_offset = [
            "2024-03-01T00:30:00Z",
            "2024-03-01T00:30Z",
            "2024-03-01t00:30:00z",
            "20240301T003000Z",
            "20240301T0030Z",
            "2024-03-01 00:30:00 UTC",
            "2024-03-01 00:30:00UTC",
            "2024-03-01 00:30:00 +0000",
            "2024-03-01 00:30 +00",
            "2024-02-29T21:30-03:00",
            "2024-02-29T21:30-0300",
            "2024-02-29T21:30-03",
            "2024-03-01T00:30:00,000Z",
            "2024-02-29T21:30-03:00[America/Recife]",
        ];
        for text in with_offset {
            assert_eq!(ClockReading::of_iso(text).and_then(|read| read.instant_us()), Some(HALF_PAST), "{text}");
        }
        for text in ["2024-03-01T00:30", "2024-03-01 00:30:00", "20240301T003000", "2024-03-01T00:30:00,0"] {
            let read = ClockReading::of_iso(text).expect(text);
            assert_eq!((read.local_us, read.offset_us), (HALF_PAST, None), "{text}");
        }
        let read = ClockReading::of_iso("2024-03-01").expect("a day");
        assert_eq!((read.local_us, read.offset_us), (HALF_PAST - 1_800_000_000, None));
        let read = ClockReading::of_iso("1969-12-31T23:59:59.9999999Z").expect("a time");
        assert_eq!((read.local_us, read.rest_ns), (-1, 900));
        for text in
            ["", "UTC", "2024-03-01T", "2024-03-01T1", "01/03/2024 00:30", "2024-03-01é00:30", "2024-02-30", "Z"]
        {
            assert_eq!(ClockReading::of_iso(text), None, "{text}");
        }
    }

    #[test]
    fn common_forms_are_read_as_all_others() {
        let texts = [
            "2024-02-29T23:59:59Z",
            "1900-02-28 00:00:00",
            "0000-01-01T00:00:00.000000001Z",
            "9999-12-31 23:59:59.999999",
        ];
        for text in texts {
            let same = |text: &str| {
                let common = ClockReading::of_common_iso(text.as_bytes());
                assert!(common.is_none() || common == ClockReading::of_temporal(text), "{text}");
                common.is_some()
            };
            assert!(same(text), "{text}");
            let mut mutants = 0;
            for at in 0..text.len() {
                for byte in "0123456789-:.,TtZz+ e".chars() {
                    let with = |after: usize| format!("{}{byte}{}", &text[..at], &text[after..]);
                    mutants += usize::from(same(&with(at + 1))) + usize::from(same(&with(at)));
                }
                same(&text[..at]);
            }
            assert!(mutants > 50, "{mutants} mutants of {text} are read");
        }
    }

    #[test]
    fn patterns_read_what_they_describe() {
        let read = |pattern: &str, text: &str| Pattern::new(pattern).expect(pattern).read(text);
        let local = |pattern: &str, text: &str| read(pattern, text).map(|read| read.local_us);
        assert_eq!(local("%d/%m/%Y %H:%M", "01/03/2024 00:30"), Some(HALF_PAST));
        assert_eq!(local("%d/%m/%Y %H:%M", "1/3/2024 0:30"), Some(HALF_PAST));
        assert_eq!(local("%m/%d/%y %I:%M %p", "03/01/24 12:30 AM"), Some(HALF_PAST));
        assert_eq!(local("%d.%m.%Y", "01.03.2024"), Some(HALF_PAST - 1_800_000_000));
        assert_eq!(local("%d/%m/%Y %H:%M", "01/03/2024"), None);
        assert_eq!(local("%d/%m/%Y", "31/02/2024"), None);
        let read = read("%Y-%m-%d %H:%M %z", "2024-02-29 21:30 -0300").expect("a time");
        assert_eq!(read.instant_us(), Some(HALF_PAST));
        for pattern in ["%H:%M", "yyyy-mm-dd", "%Q", "%Y", ""] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
