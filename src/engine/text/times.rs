//! What times in text look like: ISO 8601, or a day, a month and a year in an order that a sample tells.

use crate::engine::values::rules::TimestampFormat;
use crate::timestamps::{ClockReading, Pattern};

/// Times of the day that follow a date.
const TIMES: [&str; 4] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
/// What stands between date and time.
const JOINTS: [&str; 2] = [" ", ", "];

/// What a sample shows.
#[derive(Debug)]
pub enum Times {
    /// This format.
    Of(TimestampFormat),
    /// Two formats, with an example of each.
    Mixed(String, String),
    /// The day or the month comes first: no number of the sample is above 12.
    DayOrMonth(Family),
}

/// Numbers in the order day, month, year or month, day, year.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    separator: char,
    year_digits: usize,
    /// One of the sample.
    pub example: String,
}

/// A date as three numbers with a separator, of a text that begins with one.
struct Numbers {
    separator: char,
    values: [u32; 3],
    digits: [usize; 3],
}

/// Tells the format of `cells`, none of which is empty.
pub fn looks(cells: &[String]) -> Times {
    let is_iso = |cell: &&String| cell.parse::<f64>().is_ok() || ClockReading::of_iso(cell).is_some();
    let dates = || cells.iter().filter_map(|cell| Some((cell, Numbers::of(cell)?)));
    // What no format explains is unreadable, and counted as such.
    let Some((example, first)) = dates().find(|(cell, _)| !is_iso(cell)) else {
        return Times::Of(TimestampFormat::Iso);
    };
    // Beside ISO 8601, others are unreadable, and counted as such.
    if cells.iter().any(|cell| is_iso(&cell)) {
        return Times::Of(TimestampFormat::Iso);
    }
    if first.digits[0] == 4 {
        return Times::Of(formats(&format!("%Y{0}%m{0}%d", first.separator), example));
    }
    let family = Family { separator: first.separator, year_digits: first.digits[2], example: example.clone() };
    match (family.first(cells, 0), family.first(cells, 1)) {
        (Some(day), Some(month)) => Times::Mixed(day.clone(), month.clone()),
        _ => match family.decided_by(cells) {
            Some(format) => Times::Of(format),
            None => Times::DayOrMonth(family),
        },
    }
}

impl Numbers {
    fn of(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut number = || {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let value = rest[..digits].parse::<u32>().ok()?;
            rest = &rest[digits..];
            let after = rest.chars().next();
            rest = &rest[after.map_or(0, char::len_utf8)..];
            Some((value, digits, after))
        };
        let (first, second, third) = (number()?, number()?, number()?);
        let separator = first.2.filter(|mark| matches!(mark, '/' | '-' | '.') && second.2 == Some(*mark))?;
        let is_date = third.2.is_none_or(|mark| matches!(mark, ' ' | ','));
        is_date.then_some(Self {
            separator,
            values: [first.0, second.0, third.0],
            digits: [first.1, second.1, third.1],
        })
    }
}

impl Family {
    /// The first cell whose number at `place` can be no month.
    fn first<'a>(&self, cells: &'a [String], place: usize) -> Option<&'a String> {
        cells.iter().find(|cell| {
            Numbers::of(cell).is_some_and(|numbers| numbers.separator == self.separator && numbers.values[place] > 12)
        })
    }

    /// The format that further cells decide for.
    pub fn decided_by(&self, cells: &[String]) -> Option<TimestampFormat> {
        let (day, month) = self.formats();
        match (self.first(cells, 0), self.first(cells, 1)) {
            (Some(_), None) => Some(day),
            (None, Some(_)) => Some(month),
            _ => None,
        }
    }

    /// With the day first, and with the month first.
    pub fn formats(&self) -> (TimestampFormat, TimestampFormat) {
        let year = if self.year_digits == 2 { "%y" } else { "%Y" };
        let order = |first, second| formats(&format!("{first}{0}{second}{0}{year}", self.separator), &self.example);
        (order("%d", "%m"), order("%m", "%d"))
    }
}

/// All patterns of a date with a time, those that fit the example first.
fn formats(date: &str, example: &str) -> TimestampFormat {
    let with_time = JOINTS.iter().flat_map(|joint| TIMES.map(|time| format!("{date}{joint}{time}")));
    let texts = with_time.chain([date.to_string()]);
    let mut patterns: Vec<Pattern> = texts.filter_map(|text| Pattern::new(&text).ok()).collect();
    patterns.sort_by_key(|pattern| pattern.read(example).is_none());
    TimestampFormat::Patterns(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(cells: &[&str]) -> Times {
        looks(&cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>())
    }

    fn first_pattern(format: &TimestampFormat) -> &str {
        match format {
            TimestampFormat::Iso => "ISO",
            TimestampFormat::Patterns(patterns) => patterns[0].text(),
        }
    }

    #[test]
    fn days_above_twelve_tell_the_order() {
        for (cells, wanted) in [
            (vec!["2024-03-01T00:30"], "ISO"),
            (vec!["1709253000"], "ISO"),
            (vec!["nonsense"], "ISO"),
            (vec![], "ISO"),
            (vec!["04/03/2024 05:49", "14/03/2024 05:49"], "%d/%m/%Y %H:%M"),
            (vec!["04/03/2024 05:49", "nonsense", "03/14/2024 05:49"], "%m/%d/%Y %H:%M"),
            (vec!["14.3.24"], "%d.%m.%y"),
            (vec!["14/09/2018, 13:05:07"], "%d/%m/%Y, %H:%M:%S%.f"),
            (vec!["2024/03/01 10:00"], "%Y/%m/%d %H:%M"),
            (vec!["9/14/2018 1:05 PM"], "%m/%d/%Y %I:%M %p"),
        ] {
            match looked(&cells) {
                Times::Of(format) => assert_eq!(first_pattern(&format), wanted, "{cells:?}"),
                other => panic!("{cells:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_no_number_tells_is_left_open() {
        assert!(matches!(looked(&["04/03/2024 05:49", "05/03/2024"]), Times::DayOrMonth(_)));
        assert!(matches!(looked(&["14/03/2024", "03/14/2024"]), Times::Mixed(..)));
        assert!(matches!(looked(&["14/03/2024", "2024-03-14"]), Times::Of(TimestampFormat::Iso)));
    }

    #[test]
    fn every_pattern_of_a_family_can_be_read() {
        let Times::Of(TimestampFormat::Patterns(patterns)) = looked(&["14/03/2024 05:49"]) else { panic!("a family") };
        assert_eq!(patterns.len(), 9);
        let read = |text: &str| patterns.iter().find_map(|pattern| pattern.read(text));
        for text in ["14/03/2024 05:49:00", "14/03/2024 05:49:00.5", "14/03/2024", "14/03/2024 05:49 AM"] {
            assert!(read(text).is_some(), "{text}");
        }
    }
}
