//! Integers as text, straight into Arrow's views.
//!
//! Ids that are integers become text in each row that is read. A text of up to 12 bytes is an integer itself in
//! Arrow's view, so that arithmetic makes it: no text is formatted, copied or measured. Of integers that come again and
//! again, such as the ids of ads, it is made once.

use std::ops::RangeInclusive;

use arrow::array::{Array, AsArray, ByteView, Int64Array, MAX_INLINE_VIEW_LEN, StringViewArray, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::take;
use arrow::error::ArrowError;

/// The integers in decimal digits; null stays null.
///
/// # Errors
///
/// None that is known: Arrow checks the texts.
pub fn as_text(integers: &Int64Array) -> Result<StringViewArray, ArrowError> {
    let Some(span) = narrow_span(integers) else { return each_as_text(integers) };
    let texts = each_as_text(&Int64Array::from_iter_values(span.clone()))?;
    let numbers = integers.values().iter().map(|integer| (integer - span.start()) as u32);
    Ok(take(&texts, &UInt32Array::from_iter_values(numbers), None)?.as_string_view().clone())
}

/// From the smallest to the largest of the integers, if that is so few that each comes some times.
fn narrow_span(integers: &Int64Array) -> Option<RangeInclusive<i64>> {
    const TIMES: usize = 4;
    let first = *integers.values().first().filter(|_| integers.null_count() == 0)?;
    let (mut low, mut high) = (first, first);
    for some in integers.values().chunks(256) {
        low = some.iter().copied().fold(low, i64::min);
        high = some.iter().copied().fold(high, i64::max);
        if high.abs_diff(low) as usize >= integers.len() / TIMES {
            return None;
        }
    }
    Some(low..=high)
}

fn each_as_text(integers: &Int64Array) -> Result<StringViewArray, ArrowError> {
    let mut long = Vec::new();
    let views =
        integers.values().iter().map(|&integer| short_view(integer).unwrap_or_else(|| view(integer, &mut long)));
    let views: Vec<u128> = views.collect();
    let buffers = if long.is_empty() { vec![] } else { vec![Buffer::from(long)] };
    StringViewArray::try_new(views.into(), buffers, integers.nulls().cloned())
}

/// The view of a text that fits into one.
#[inline]
fn short_view(integer: i64) -> Option<u128> {
    const EIGHT_DIGITS: u64 = 100_000_000;
    let number = integer.unsigned_abs();
    let (text, length) = match number / EIGHT_DIGITS {
        0 => leading(eight_digits(number)),
        upper if upper < 10_000 => {
            let (text, length) = leading(eight_digits(upper));
            let lower = u128::from(eight_digits(number % EIGHT_DIGITS) | ZEROS);
            (text | lower << (8 * length), length + 8)
        }
        _ => return None,
    };
    match integer < 0 {
        false => Some(text << 32 | u128::from(length)),
        true if length < MAX_INLINE_VIEW_LEN => Some(text << 40 | u128::from(b'-') << 32 | u128::from(length + 1)),
        true => None,
    }
}

/// The view of a longer text, which goes to the end of `long`.
#[cold]
fn view(integer: i64, long: &mut Vec<u8>) -> u128 {
    let text = integer.to_string();
    let start = long.len() as u32;
    long.extend_from_slice(text.as_bytes());
    ByteView::new(text.len() as u32, &text.as_bytes()[..4]).with_offset(start).as_u128()
}

const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// Eight digits without leading zeros, as text and its length; the first is in the lowest byte.
#[inline]
fn leading(digits: u64) -> (u128, u32) {
    let zeros = (digits.trailing_zeros() / 8).min(7);
    (u128::from((digits | ZEROS) >> (8 * zeros)), 8 - zeros)
}

/// The digits of a number below 10⁸, one in a byte, the first in the lowest: halves of halves, side by side in one
/// word. To multiply by 10 486 / 2²⁰ is to divide a number below 10 000 by 100; by 103 / 2¹⁰, one below 100 by 10.
#[inline]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = (fours * 10_486) >> 20 & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = (twos * 103) >> 10 & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_texts(integers: impl Iterator<Item = i64>) {
        let integers: Int64Array = integers.map(Some).chain([None]).collect();
        let texts = as_text(&integers).expect("valid text");
        let wanted: StringViewArray =
            integers.iter().map(|integer| integer.map(|integer| integer.to_string())).collect();
        assert_eq!(texts, wanted);
    }

    #[test]
    fn integers_around_powers_of_ten_and_the_ends_of_the_range() {
        let powers = (0..19).map(|exponent| 10_i64.pow(exponent));
        let around = powers.flat_map(|power| [power - 1, power, power + 1]);
        assert_texts(around.flat_map(|number| [number, -number]).chain([i64::MIN, i64::MAX]));
    }

    #[test]
    fn integers_that_come_again_and_again() {
        for first in [i64::MIN, -5, 0, 9_999_999_999_990, i64::MAX - 20] {
            let integers = Int64Array::from_iter_values((0..1_000).map(|i| first + i * 7 % 20));
            assert!(narrow_span(&integers).is_some());
            let texts = as_text(&integers).expect("valid text");
            assert!(texts.iter().zip(integers.values()).all(|(text, i)| text == Some(i.to_string().as_str())));
        }
        let far_apart = Int64Array::from_iter_values((0..1_000).map(|i| [i64::MIN, i64::MAX][i % 2]));
        assert_eq!(narrow_span(&far_apart), None);
        assert_eq!(narrow_span(&Int64Array::from([Some(1), None].repeat(100))), None);
    }

    #[test]
    fn all_pairs_and_many_more() {
        assert_texts(-11_000..11_000);
        assert_texts((0..50_000).map(|i: i64| i * 1_999_993 % 100_000_000));
        assert_texts((0..50_000).map(|i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> (i % 64)));
    }
}
