//! Parses numbers and instants that are text, as people and programs write them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::logical_expr::ScalarUDF;

use chrono::Utc;

use crate::engine::functions::function;
use crate::engine::nouns::{EpochUnit, instant_type};

/// The function that reads the numbers of a column of the type `from`; null where there is none.
pub fn number_of_text(from: &DataType) -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| Ok(numbers(&arrays[0])?);
    function("number_of_text", vec![from.clone()], DataType::Float64, Box::new(kernel))
}

/// The function that reads the instants of a column of the type `from`; null where there is none. Bare numbers are
/// instants only since an epoch, in the unit that the caller names.
pub fn instant_of_text(from: &DataType, epoch: Option<EpochUnit>) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let texts = texts(&arrays[0])?;
        let instants = texts.as_string_view().iter().map(|text| instant(text?.trim(), epoch));
        Ok(Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC")) as ArrayRef)
    };
    function("instant_of_text", vec![from.clone()], instant_type(), Box::new(kernel))
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    cast(array, &DataType::Utf8View)
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

/// Microseconds since 1970-01-01 UTC.
fn instant(text: &str, epoch: Option<EpochUnit>) -> Option<i64> {
    match (epoch, text.parse::<f64>()) {
        (Some(unit), Ok(number)) => exactly(text, unit).or_else(|| nearly(number, unit)),
        (None, Ok(_)) => None,
        (_, Err(_)) => iso(text).or_else(|| iso(&in_full(text)?)),
    }
}

fn iso(text: &str) -> Option<i64> {
    Some(string_to_datetime(&Utc, text).ok()?.timestamp_micros())
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

/// ISO 8601 with all that may be left out or be written otherwise: seconds, `t` and `z`, a comma, spaces before the
/// offset, `UTC` in its place.
fn in_full(text: &str) -> Option<String> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let offset = rest.find(|letter: char| !matches!(letter, '0'..='9' | ':' | '.' | ',')).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(offset);
    let offset = match offset.trim_start() {
        "z" | "UTC" => "Z",
        other => other,
    };
    let seconds = if time.len() == "00:00".len() { ":00" } else { "" };
    Some(format!("{date}T{}{seconds}{offset}", time.replace(',', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_PAST: i64 = 1_709_253_000_000_000;

    #[test]
    fn iso_text_is_read_in_whichever_form() {
        for text in [
            "2024-03-01T00:30:00Z",
            "2024-03-01T00:30Z",
            "2024-03-01T00:30",
            "2024-03-01 00:30",
            "2024-03-01t00:30:00z",
            "2024-03-01 00:30:00 UTC",
            "2024-03-01 00:30:00 +0000",
            "2024-02-29T21:30-03:00",
            "2024-03-01T00:30:00,000Z",
        ] {
            assert_eq!(instant(text, None), Some(HALF_PAST), "{text}");
            assert_eq!(instant(text, Some(EpochUnit::Second)), Some(HALF_PAST), "{text}");
        }
        assert_eq!(instant("2024-03-01", None), Some(HALF_PAST - 1_800_000_000));
        for text in
            ["", "20240301", "1709253000", "2024-03-01T", "2024-03-01T1", "01/03/2024 00:30", "2024-03-01é00:30"]
        {
            assert_eq!(instant(text, None), None, "{text}");
        }
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
