//! Parses numbers, instants and actions that are text, as people and programs write them.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
    make_view,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result as PlanResult;
use datafusion::logical_expr::ScalarUDF;

use super::rules::{Actions, ColumnName, TextRules, TimeRules, TimestampFormat};
use crate::engine::errors::external;
use crate::engine::functions::function;
use crate::engine::nouns::{EpochUnit, instant_type};
use crate::timestamps::ClockReading;

/// The function that reads instants, where times without an offset are no error.
pub const INSTANT_OF_LOCAL_TEXT: &str = "instant_of_local_text";

/// The function that reads the numbers of a column of the type `from`; null where there is none.
pub fn number_of_text(from: &DataType, has_decimal_comma: bool) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        Ok(if has_decimal_comma { numbers(&with_points(&arrays[0])?)? } else { numbers(&arrays[0])? })
    };
    function("number_of_text", vec![from.clone()], DataType::Float64, Box::new(kernel))
}

/// The function that reads the instants of a column of the type `from`; null where there is none. Bare numbers are
/// instants only since an epoch, in the unit that the caller names, and times without an offset only on a clock that
/// the caller names, which else is an error about `place`.
pub fn instant_of_text(from: &DataType, times: &TimeRules, text: &TextRules, place: ColumnName) -> ScalarUDF {
    let reader = InstantReader { times: times.clone(), format: text.timestamps.clone(), place };
    let name = if times.naive.is_some() { INSTANT_OF_LOCAL_TEXT } else { "instant_of_text" };
    let kernel = move |arrays: &[ArrayRef]| {
        let texts = texts(&arrays[0])?;
        let instants = texts.as_string_view().iter().map(|text| text.map_or(Ok(None), |text| reader.instant(text)));
        let instants = instants.collect::<PlanResult<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(instants.with_timezone("UTC")) as ArrayRef)
    };
    function(name, vec![from.clone()], instant_type(), Box::new(kernel))
}

/// The function that counts how often the caller's clock reads each time of a column of text: null where it is no time
/// on that clock.
pub fn readings_of_text(from: &DataType, times: &TimeRules, text: &TextRules, place: ColumnName) -> ScalarUDF {
    let reader = InstantReader { times: times.clone(), format: text.timestamps.clone(), place };
    let kernel = move |arrays: &[ArrayRef]| {
        let texts = texts(&arrays[0])?;
        let counts = texts.as_string_view().iter().map(|text| reader.readings(text?));
        Ok(Arc::new(counts.collect::<Int64Array>()) as ArrayRef)
    };
    function("readings_of_text", vec![from.clone()], DataType::Int64, Box::new(kernel))
}

/// The function that replaces the caller's words for actions by ours; others stay.
pub fn action_of_text(actions: &Actions) -> ScalarUDF {
    let actions = actions.clone();
    // A short text is its view, so that one comparison of integers tells it.
    let stay = actions.kept().map(|word| make_view(word.as_bytes(), 0, 0)).collect::<Vec<_>>();
    let kernel = move |arrays: &[ArrayRef]| {
        let words = arrays[0].as_string_view();
        let stays = |(row, view)| stay.contains(view) || words.is_null(row);
        if words.views().iter().enumerate().all(stays) {
            return Ok(Arc::clone(&arrays[0]));
        }
        let known = words.iter().map(|word| word.map(|word| actions.known(word).unwrap_or(word)));
        Ok(Arc::new(known.collect::<StringViewArray>()) as ArrayRef)
    };
    function("action_of_text", vec![DataType::Utf8View], DataType::Utf8View, Box::new(kernel))
}

/// The function that tells whether a text is one of our words for actions or of the caller's; null is none. One pass,
/// where `IN` would compare each word with each of ours.
pub fn is_action(from: &DataType, actions: &Actions) -> ScalarUDF {
    let actions = actions.clone();
    let views = actions.kept().map(|word| make_view(word.as_bytes(), 0, 0)).collect::<Vec<_>>();
    let ours = actions.kept().filter_map(ends_of_word).collect::<Vec<_>>();
    let kernel = move |arrays: &[ArrayRef]| {
        let is_ours = |word: &str| ends_of_word(word).is_some_and(|ends| ours.contains(&ends));
        let is_known = |word: &str| is_ours(word) || actions.known(word).is_some();
        let known: BooleanArray = match arrays[0].data_type() {
            DataType::Utf8View => {
                let words = arrays[0].as_string_view();
                let is_ours = |(row, view)| {
                    words.is_valid(row) && (views.contains(view) || actions.known(words.value(row)).is_some())
                };
                words.views().iter().enumerate().map(is_ours).collect()
            }
            DataType::LargeUtf8 => arrays[0].as_string::<i64>().iter().map(|word| word.is_some_and(is_known)).collect(),
            _ => arrays[0].as_string::<i32>().iter().map(|word| word.is_some_and(is_known)).collect(),
        };
        Ok(Arc::new(known) as ArrayRef)
    };
    function("is_action", vec![from.clone()], DataType::Boolean, Box::new(kernel))
}

/// A word of four to eight letters by its first and its last four and their number: integers compare faster than texts.
#[inline]
fn ends_of_word(word: &str) -> Option<(usize, [u8; 4], [u8; 4])> {
    let letters = word.as_bytes();
    (letters.len() <= 8).then_some(())?;
    Some((letters.len(), *letters.first_chunk()?, *letters.last_chunk()?))
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    cast(array, &DataType::Utf8View)
}

/// The texts with a point for their decimal comma; none of those that have a point already.
fn with_points(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = texts(array)?;
    let with_point = |text: &str| (!text.contains('.')).then(|| text.replacen(',', ".", 1));
    let texts: StringViewArray = texts.as_string_view().iter().map(|text| text.and_then(with_point)).collect();
    Ok(Arc::new(texts))
}

/// Spaces around numbers are rare, so that all are read without a look at them first.
fn numbers(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let numbers = cast(array, &DataType::Float64)?;
    if numbers.logical_null_count() == array.logical_null_count() {
        return Ok(numbers);
    }
    let texts = texts(array)?;
    let texts: &StringViewArray = texts.as_string_view();
    let trimmed: StringViewArray = texts.iter().map(|text| text.map(str::trim)).collect();
    let again = cast(&trimmed, &DataType::Float64)?;
    let (first, second) = (numbers.as_primitive::<Float64Type>(), again.as_primitive::<Float64Type>());
    let either: Float64Array = first.iter().zip(second).map(|(first, second)| first.or(second)).collect();
    Ok(Arc::new(either))
}

/// Reads instants as the rules for times and the file's format say.
struct InstantReader {
    times: TimeRules,
    format: TimestampFormat,
    place: ColumnName,
}

impl InstantReader {
    /// Microseconds since 1970-01-01 UTC.
    fn instant(&self, text: &str) -> PlanResult<Option<i64>> {
        let text = text.trim();
        if let (TimestampFormat::Iso, Some(unit), Ok(number)) =
            (&self.format, self.times.epoch_unit, text.parse::<f64>())
        {
            return Ok(exactly(text, unit).or_else(|| nearly(number, unit)));
        }
        let Some(reading) = self.reading(text) else { return Ok(None) };
        match (reading.offset_us, &self.times.naive) {
            (Some(_), _) => Ok(reading.instant_us()),
            (None, Some(calendar)) => Ok(calendar.instants_of(reading.local_us).earliest_us()),
            (None, None) => Err(external(self.place.without_offset(text))),
        }
    }

    fn reading(&self, text: &str) -> Option<ClockReading> {
        match &self.format {
            TimestampFormat::Patterns(patterns) => patterns.iter().find_map(|pattern| pattern.read(text)),
            TimestampFormat::Iso if text.parse::<f64>().is_ok() => None,
            TimestampFormat::Iso => ClockReading::of_iso(text),
        }
    }

    /// How often the caller's clock reads the time; `None` if it is no time on that clock.
    fn readings(&self, text: &str) -> Option<i64> {
        let reading = self.reading(text.trim()).filter(|reading| reading.offset_us.is_none())?;
        Some(self.times.naive.as_ref()?.instants_of(reading.local_us).count())
    }
}

/// Microseconds of so many units, as a numerator and a denominator.
fn microseconds(unit: EpochUnit) -> (i64, i64) {
    match unit {
        EpochUnit::Second => (1_000_000, 1),
        EpochUnit::Millisecond => (1_000, 1),
        EpochUnit::Microsecond => (1, 1),
        EpochUnit::Nanosecond => (1, 1_000),
    }
}

const FRACTION_DIGITS: usize = 9;

/// The instant of a number that is written without an exponent: a double has too few digits for nanoseconds.
fn exactly(text: &str, unit: EpochUnit) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) || whole.len() > 19 {
        return None;
    }
    let fraction = format!("{:0<FRACTION_DIGITS$.FRACTION_DIGITS$}", fraction);
    let billionths: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (numerator, denominator) = microseconds(unit);
    let signed = if is_negative { -billionths } else { billionths };
    let divisor = i128::from(denominator) * 10_i128.pow(FRACTION_DIGITS as u32);
    i64::try_from((signed * i128::from(numerator)).div_euclid(divisor)).ok()
}

fn nearly(number: f64, unit: EpochUnit) -> Option<i64> {
    let (numerator, denominator) = microseconds(unit);
    let microseconds = (number * numerator as f64 / denominator as f64).floor();
    // Up to there a double has every integer.
    (microseconds.abs() < (1_i64 << 53) as f64).then_some(microseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;
    use crate::timestamps::Pattern;

    const HALF_PAST: i64 = 1_709_253_000_000_000;

    fn reader(epoch_unit: Option<EpochUnit>, naive_tz: Option<&str>, format: TimestampFormat) -> InstantReader {
        let naive = naive_tz.map(|tz| Calendar::new(tz).expect("a zone"));
        let place = ColumnName { table: "pings".into(), column: "timestamp".into() };
        InstantReader { times: TimeRules { epoch_unit, naive }, format, place }
    }

    fn instant(text: &str, epoch_unit: Option<EpochUnit>) -> Option<i64> {
        reader(epoch_unit, None, TimestampFormat::Iso).instant(text).expect("it says its offset")
    }

    #[test]
    fn bare_numbers_are_no_instants_without_a_unit() {
        for text in ["", "20240301", "1709253000", "2024-03-01T", "01/03/2024 00:30"] {
            assert_eq!(instant(text, None), None, "{text}");
        }
        assert_eq!(instant(" 2024-03-01T00:30Z ", Some(EpochUnit::Second)), Some(HALF_PAST));
    }

    #[test]
    fn times_without_an_offset_are_on_the_clock_that_is_named() {
        let at = |text: &str, tz: Option<&str>| reader(None, tz, TimestampFormat::Iso).instant(text);
        assert_eq!(at("2024-02-29 21:30", Some("America/Recife")).expect("a time"), Some(HALF_PAST));
        assert_eq!(at("2024-03-01 00:30Z", Some("America/Recife")).expect("a time"), Some(HALF_PAST));
        assert!(at("2024-03-01 00:30", None).is_err_and(|error| error.to_string().contains("naive_tz")));
        let summer = |text| at(text, Some("Europe/Berlin")).expect("a time");
        assert_eq!(summer("2024-03-31T02:30"), None, "the clock skips it");
        assert_eq!(summer("2024-10-27T02:30"), summer("2024-10-27T02:30+02:00"), "the first of two");
        let berlin = reader(None, Some("Europe/Berlin"), TimestampFormat::Iso);
        let texts = ["2024-03-31T02:30", "2024-10-27T02:30", "2024-10-27T03:00", "2024-10-27T02:30Z", "x"];
        assert_eq!(texts.map(|text| berlin.readings(text)), [Some(0), Some(2), Some(1), None, None]);
    }

    #[test]
    fn a_format_is_the_only_one() {
        let pattern = Pattern::new("%d/%m/%Y %H:%M").expect("a pattern");
        let reader = reader(None, Some("UTC"), TimestampFormat::Patterns(vec![pattern]));
        assert_eq!(reader.instant("01/03/2024 00:30").expect("a time"), Some(HALF_PAST));
        assert_eq!(reader.instant("2024-03-01T00:30Z").expect("none"), None);
    }

    #[test]
    fn decimal_commas_are_read_where_they_are_said_to_be() {
        let texts: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("-8,05"), Some("8"), Some("1.5"), Some("1,2,3")]));
        let numbers = numbers(&with_points(&texts).expect("text")).expect("text");
        let wanted = Float64Array::from(vec![Some(-8.05), Some(8.0), None, None]);
        assert_eq!(numbers.as_primitive::<Float64Type>(), &wanted);
    }

    #[test]
    fn numbers_are_instants_since_1970_in_the_unit_that_is_named() {
        let seconds = |text| instant(text, Some(EpochUnit::Second));
        assert_eq!(seconds("1709253000"), Some(HALF_PAST));
        assert_eq!(seconds("1709253000.0"), Some(HALF_PAST));
        assert_eq!(seconds("1709253000.2500009"), Some(HALF_PAST + 250_000));
        assert_eq!(seconds("1.709253e+09"), Some(HALF_PAST));
        assert_eq!(seconds("-0.0000001"), Some(-1));
        assert_eq!(instant("-1", Some(EpochUnit::Nanosecond)), Some(-1));
        assert_eq!(instant("1709253000000000999", Some(EpochUnit::Nanosecond)), Some(HALF_PAST));
        assert_eq!(instant("1709253000000.5", Some(EpochUnit::Millisecond)), Some(HALF_PAST + 500));
        for text in ["inf", "NaN", "1e300", "99999999999999999999"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn spaces_around_numbers_are_nothing() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("1.5"), Some(" -8.05 "), Some("x"), None]));
        let numbers = numbers(&texts).expect("text can be read");
        let wanted = Float64Array::from(vec![Some(1.5), Some(-8.05), None, None]);
        assert_eq!(numbers.as_primitive::<Float64Type>(), &wanted);
    }
}
