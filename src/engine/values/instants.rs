//! `instant(x)`: the instants that integers, dates and instants of another unit are, in microseconds, rounded down.
//!
//! Not a cast, which rounds towards 1970, and which DataFusion takes off where a column is compared, by cutting the
//! other side off to the column's unit. Instead, the function tells which values of the column are meant.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, PrimitiveArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result as PlanResult, ScalarValue};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::calendar::{Calendar, DAY_US};
use crate::engine::functions::function;
use crate::engine::nouns::{EpochUnit, instant_type};

/// The function's name.
pub const INSTANT: &str = "instant";

/// The function for one type of column.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Instant {
    signature: Signature,
    from: DataType,
    scale: Scale,
}

/// Ratio of a unit to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scale {
    /// So many make one.
    Times(i64),
    /// One is so many.
    Per(i64),
}

/// The function of a column `from` of instants or dates, `of` one type; `None` for microseconds.
pub fn of_type(from: &DataType, of: &DataType) -> Option<ScalarUDF> {
    Scale::of(of).map(|scale| Instant::function(from, scale))
}

/// The function of a column of integers.
pub fn of_integers(from: &DataType, unit: EpochUnit) -> ScalarUDF {
    let scale = match unit {
        EpochUnit::Second => Scale::Times(1_000_000),
        EpochUnit::Millisecond => Scale::Times(1_000),
        EpochUnit::Microsecond => Scale::Times(1),
        EpochUnit::Nanosecond => Scale::Per(1_000),
    };
    Instant::function(from, scale)
}

/// The function of a column of readings of a clock of `calendar`; null where the clock skips them.
pub fn of_local(from: &DataType, calendar: &Calendar) -> ScalarUDF {
    let calendar = calendar.clone();
    let kernel = move |arrays: &[ArrayRef]| {
        let instants: TimestampMicrosecondArray =
            readings(&arrays[0])?.iter().map(|local_us| calendar.instants_of(local_us?).earliest_us()).collect();
        Ok(Arc::new(instants.with_data_type(instant_type())) as ArrayRef)
    };
    function("instant_of_local", vec![from.clone()], instant_type(), Box::new(kernel))
}

/// The function that counts how often a clock of `calendar` reads each time of a column.
pub fn readings_of_local(from: &DataType, calendar: &Calendar) -> ScalarUDF {
    let calendar = calendar.clone();
    let kernel = move |arrays: &[ArrayRef]| {
        let count = |local_us: Option<i64>| Some(calendar.instants_of(local_us?).count());
        Ok(Arc::new(readings(&arrays[0])?.iter().map(count).collect::<Int64Array>()) as ArrayRef)
    };
    function("readings_of_local", vec![from.clone()], DataType::Int64, Box::new(kernel))
}

/// Microseconds since 1970-01-01 00:00 on the clock, rounded down.
fn readings(column: &ArrayRef) -> PlanResult<Int64Array> {
    let column = match column.as_any_dictionary_opt() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None)?,
        None => Arc::clone(column),
    };
    let scale = Scale::of(column.data_type()).unwrap_or(Scale::Times(1));
    Ok(scale.us(cast(&column, &DataType::Int64)?.as_primitive()))
}

impl Instant {
    fn function(from: &DataType, scale: Scale) -> ScalarUDF {
        let signature = Signature::exact(vec![from.clone()], Volatility::Immutable);
        Self { signature, from: from.clone(), scale }.into()
    }

    fn of(&self, column: &ArrayRef) -> PlanResult<ArrayRef> {
        let integers = cast(column, &DataType::Int64)?;
        let us = self.scale.us(integers.as_primitive());
        let instants: PrimitiveArray<TimestampMicrosecondType> = us.reinterpret_cast();
        Ok(Arc::new(instants.with_data_type(instant_type())))
    }

    /// The column's value that is so many of its units.
    fn value(&self, units: i128) -> Option<ScalarValue> {
        let units = i64::try_from(units).ok()?;
        let values: ArrayRef = Arc::new(Int64Array::from(vec![units]));
        let same = match &self.from {
            DataType::Dictionary(..) => return None,
            DataType::Date32 => cast(&cast(&values, &DataType::Int32).ok()?, &DataType::Date32).ok()?,
            other => cast(&values, other).ok()?,
        };
        ScalarValue::try_from_array(&same, 0).ok().filter(|value| !value.is_null())
    }
}

impl Scale {
    /// The unit of instants and dates; `None` for microseconds.
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Timestamp(TimeUnit::Second, _) => Some(Scale::Times(1_000_000)),
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => Some(Scale::Times(1_000)),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Some(Scale::Per(1_000)),
            DataType::Date32 => Some(Scale::Times(DAY_US)),
            _ => None,
        }
    }

    /// Microseconds of each of the integers; `None` beyond those that 64 bits hold.
    fn us(self, integers: &Int64Array) -> Int64Array {
        match self {
            Scale::Times(1) => integers.clone(),
            Scale::Per(per) => integers.unary(|units| units.div_euclid(per)),
            Scale::Times(times) => {
                let most = i64::MAX / times;
                match integers.values().iter().all(|units| (-most..=most).contains(units)) {
                    true => integers.unary(|units| units * times),
                    false => integers.unary_opt::<_, Int64Type>(|units| units.checked_mul(times)),
                }
            }
        }
    }

    /// The least number of units that is not before so many microseconds.
    fn not_before(self, us: i128) -> i128 {
        match self {
            Scale::Per(per) => us * i128::from(per),
            Scale::Times(times) => -(-us).div_euclid(i128::from(times)),
        }
    }
}

impl ScalarUDFImpl for Instant {
    fn name(&self) -> &str {
        INSTANT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> PlanResult<DataType> {
        Ok(instant_type())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        match &arguments.args[0] {
            ColumnarValue::Array(column) => Ok(ColumnarValue::Array(self.of(column)?)),
            ColumnarValue::Scalar(value) => {
                let instant = ScalarValue::try_from_array(&self.of(&value.to_array()?)?, 0)?;
                Ok(ColumnarValue::Scalar(instant))
            }
        }
    }

    /// The column's values that are the instant: none of a coarser unit, where it lies between two of them.
    fn preimage(&self, arguments: &[Expr], instant: &Expr, _: &SimplifyContext) -> PlanResult<PreimageResult> {
        let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(us), _), _) = instant else {
            return Ok(PreimageResult::None);
        };
        let ends = [*us, us.saturating_add(1)].map(|us| self.value(self.scale.not_before(us.into())));
        match (arguments, ends) {
            ([column], [Some(first), Some(after)]) => {
                let interval = Box::new(Interval::try_new(first, after)?);
                Ok(PreimageResult::Range { expr: column.clone(), interval })
            }
            _ => Ok(PreimageResult::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(scale: Scale, units: i64) -> Option<i64> {
        let us = scale.us(&Int64Array::from(vec![units]));
        us.iter().next().flatten()
    }

    #[test]
    fn units_are_rounded_down() {
        assert_eq!([-1, 0, 999, 1_000].map(|ns| us(Scale::Per(1_000), ns)), [Some(-1), Some(0), Some(0), Some(1)]);
        assert_eq!(us(Scale::Times(1_000), -1), Some(-1_000));
        assert_eq!(us(Scale::Times(1_000), i64::MAX / 10), None);
    }

    #[test]
    fn the_first_unit_that_is_not_before() {
        for scale in [Scale::Per(1_000), Scale::Times(1), Scale::Times(1_000)] {
            for wanted in [-2_001, -2_000, -1, 0, 1, 999, 1_000, 1_001] {
                let first = scale.not_before(wanted) as i64;
                assert!(us(scale, first) >= Some(wanted.try_into().unwrap()), "{scale:?} {wanted}");
                assert!(us(scale, first - 1) < Some(wanted.try_into().unwrap()), "{scale:?} {wanted}");
            }
        }
    }
}
