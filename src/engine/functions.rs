//! The SQL functions: the pure core, registered.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, PrimitiveArray,
    StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::Result as PlanResult;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;

use crate::calendar::{Calendar, Clock, day_part};
use crate::candidates::by_piece::VisitFilter;
use crate::engine::errors::external;
use crate::engine::nouns::instant_type;
use crate::engine::small_tables::Ads;
use crate::geo::cells;
use crate::geo::haversine::haversine_m;
use crate::ids::Id;
use crate::statistics::{SumsByUser, wilson_interval};

/// Functions that have few values.
pub const FEW_RESULTS: [&str; 6] =
    ["local_day", "local_week", "local_month", "local_hour", "local_weekday", "day_part"];

type Kernel = dyn Fn(&[ArrayRef]) -> PlanResult<ArrayRef> + Send + Sync;

/// A function of whole arrays, as the planner wants it.
pub fn function(name: &str, takes: Vec<DataType>, gives: DataType, kernel: Box<Kernel>) -> ScalarUDF {
    let call = move |arguments: &[ColumnarValue]| {
        let scalar = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let result = kernel(&arrays)?;
        Ok(match scalar {
            true => ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?),
            false => ColumnarValue::Array(result),
        })
    };
    create_udf(name, takes, gives, Volatility::Immutable, Arc::new(call))
}

/// A function from values of type `from` to text; instants beyond the calendar become their integer.
pub fn as_text(name: &str, from: DataType) -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let text = |values: &ArrayRef| cast(values, &DataType::Utf8View);
        let one = |row| {
            let value = arrays[0].slice(row, 1);
            text(&value).or_else(|_| text(&cast(&value, &DataType::Int64)?))
        };
        if let Ok(all) = text(&arrays[0]) {
            return Ok(all);
        }
        let each = (0..arrays[0].len()).map(one).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(concat(&each.iter().map(|text| text.as_ref()).collect::<Vec<_>>())?)
    };
    function(name, vec![from], DataType::Utf8View, Box::new(kernel))
}

/// Registers all functions that users may call; `z` is the normal quantile of the intervals.
pub fn register(context: &SessionContext, calendar: &Calendar, z: f64) {
    context.register_udf(date_function("local_day", calendar, |clock, t| clock.day(t)));
    context.register_udf(date_function("local_week", calendar, |clock, t| clock.week(t)));
    context.register_udf(date_function("local_month", calendar, |clock, t| clock.month(t)));
    context.register_udf(number_function("local_hour", calendar, |clock, t| clock.hour(t)));
    context.register_udf(number_function("local_weekday", calendar, |clock, t| clock.weekday(t)));
    context.register_udf(day_part_function(calendar.clone()));
    context.register_udf(wilson_function("wilson_low", z, |interval| interval.0));
    context.register_udf(wilson_function("wilson_high", z, |interval| interval.1));
    context.register_udf(wilson_by_user_function("wilson_low_by_user", z, |interval| interval.0));
    context.register_udf(wilson_by_user_function("wilson_high_by_user", z, |interval| interval.1));
    context.register_udf(haversine_function());
    context.register_udf(cell_function());
    context.register_udf(share_function());
}

/// Generic over what it asks of the clock, so that the loop over a column has it inlined.
fn date_function(name: &str, calendar: &Calendar, of: impl OfClock) -> ScalarUDF {
    let calendar = calendar.clone();
    let kernel = move |arrays: &[ArrayRef]| {
        let mut clock = calendar.clock();
        let days: Date32Array = each(&arrays[0], |timestamp| of(&mut clock, timestamp));
        Ok(Arc::new(days) as ArrayRef)
    };
    function(name, vec![instant_type()], DataType::Date32, Box::new(kernel))
}

fn number_function(name: &str, calendar: &Calendar, of: impl OfClock) -> ScalarUDF {
    let calendar = calendar.clone();
    let kernel = move |arrays: &[ArrayRef]| {
        let mut clock = calendar.clock();
        let numbers: Int64Array = each(&arrays[0], |timestamp| i64::from(of(&mut clock, timestamp)));
        Ok(Arc::new(numbers) as ArrayRef)
    };
    function(name, vec![instant_type()], DataType::Int64, Box::new(kernel))
}

fn day_part_function(calendar: Calendar) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let mut clock = calendar.clock();
        let part = |timestamp: Option<i64>| timestamp.map(|t| day_part(clock.hour(t)));
        Ok(Arc::new(instants(&arrays[0]).iter().map(part).collect::<StringViewArray>()) as ArrayRef)
    };
    function("day_part", vec![instant_type()], DataType::Utf8View, Box::new(kernel))
}

fn wilson_function(name: &str, z: f64, bound: fn((f64, f64)) -> f64) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let (successes, trials) = (arrays[0].as_primitive::<Int64Type>(), arrays[1].as_primitive::<Int64Type>());
        let of = |(s, t): (Option<i64>, Option<i64>)| wilson_interval(s?, t?, z).map(bound);
        Ok(Arc::new(successes.iter().zip(trials).map(of).collect::<Float64Array>()) as ArrayRef)
    };
    function(name, vec![DataType::Int64; 2], DataType::Float64, Box::new(kernel))
}

/// `wilson_low_by_user(successes, trials, users, successes², successes trials, trials²)`: sums over users; squares and
/// products as decimals, which no number of rows overflows.
fn wilson_by_user_function(name: &str, z: f64, bound: fn((f64, f64)) -> f64) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let [successes, trials, users] = [0, 1, 2].map(|i| arrays[i].as_primitive::<Int64Type>());
        let [successes_squared, trials_times_successes, trials_squared] =
            [3, 4, 5].map(|i| arrays[i].as_primitive::<Decimal128Type>());
        let of = |row: usize| {
            let sums = arrays.iter().all(|array| array.is_valid(row)).then(|| SumsByUser {
                users: users.value(row),
                trials: trials.value(row),
                successes: successes.value(row),
                trials_squared: trials_squared.value(row),
                trials_times_successes: trials_times_successes.value(row),
                successes_squared: successes_squared.value(row),
            });
            sums?.wilson_interval(z).map(bound)
        };
        Ok(Arc::new((0..trials.len()).map(of).collect::<Float64Array>()) as ArrayRef)
    };
    let square = || DataType::Decimal128(38, 0);
    let takes = [vec![DataType::Int64; 3], vec![square(), square(), square()]].concat();
    function(name, takes, DataType::Float64, Box::new(kernel))
}

fn haversine_function() -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| arrays[i].as_primitive::<Float64Type>());
        let of = |row| {
            arrays
                .iter()
                .all(|x| x.is_valid(row))
                .then(|| haversine_m(a.value(row), b.value(row), c.value(row), d.value(row)))
        };
        Ok(Arc::new((0..a.len()).map(of).collect::<Float64Array>()) as ArrayRef)
    };
    function("haversine_m", vec![DataType::Float64; 4], DataType::Float64, Box::new(kernel))
}

/// `sampled(user_id)`: whether a stable hash of the id falls under `fraction`; the same in every table and engine.
pub fn sampled(fraction: f64) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let ids = arrays[0].as_string_view();
        let keep = |id: Option<&str>| id.map(|id| position(id) < fraction);
        Ok(Arc::new(ids.iter().map(keep).collect::<BooleanArray>()) as ArrayRef)
    };
    function(&format!("sampled_{fraction}"), vec![DataType::Utf8View], DataType::Boolean, Box::new(kernel))
}

/// `share_of_user(user_id, shares)`: one of so many shares of the users, from 0 on; the same in every table and engine.
/// `h3_cell(latitude, longitude, resolution)`: null where there is no place.
fn cell_function() -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let [latitudes, longitudes] = [0, 1].map(|i| arrays[i].as_primitive::<Float64Type>());
        let resolutions = arrays[2].as_primitive::<Int64Type>();
        let mut last = None;
        let mut resolution = |number: i64| match last {
            Some((known, resolution)) if known == number => Ok(resolution),
            _ => cells::resolution(number).map(|resolution| last.insert((number, resolution)).1).map_err(external),
        };
        let of = |row: usize| {
            if !arrays.iter().all(|array| array.is_valid(row)) {
                return Ok(None);
            }
            Ok(cells::cell_of(latitudes.value(row), longitudes.value(row), resolution(resolutions.value(row))?))
        };
        Ok(Arc::new((0..latitudes.len()).map(of).collect::<PlanResult<UInt64Array>>()?) as ArrayRef)
    };
    let takes = vec![DataType::Float64, DataType::Float64, DataType::Int64];
    function("h3_cell", takes, DataType::UInt64, Box::new(kernel))
}

fn share_function() -> ScalarUDF {
    let kernel = |arrays: &[ArrayRef]| {
        let (ids, shares) = (arrays[0].as_string_view(), arrays[1].as_primitive::<Int64Type>());
        let of = |(id, shares): (Option<&str>, Option<i64>)| Some((position(id?) * shares? as f64) as i64);
        Ok(Arc::new(ids.iter().zip(shares).map(of).collect::<Int64Array>()) as ArrayRef)
    };
    function("share_of_user", vec![DataType::Utf8View, DataType::Int64], DataType::Int64, Box::new(kernel))
}

/// `may_have_earned(user_id, ad_id, timestamp)`: whether the ad has an establishment, and the user a chance to have
/// visited it within the window; yes is certain nowhere, and no everywhere.
pub fn may_have_earned(ads: Arc<Ads>, filter: Arc<VisitFilter>) -> ScalarUDF {
    let kernel = move |arrays: &[ArrayRef]| {
        let (users, numbers) = (arrays[0].as_string_view(), ads.numbers.numbers(arrays[1].as_string_view()));
        let bit = |((row, ad), timestamp_us): ((usize, Option<u32>), &i64)| {
            let establishment = ads.establishments[ad? as usize]?;
            Some(filter.bit_at(Id::at(users, row).hash(), establishment, *timestamp_us))
        };
        let rows = (0..).zip(&numbers).zip(instants(&arrays[2]).values());
        let bits: Vec<Option<usize>> = rows.map(bit).collect();
        // One after the other: the processor fetches many bits at a time.
        let may = bits.into_iter().map(|bit| bit.is_some_and(|bit| filter.has(bit)));
        Ok(Arc::new(BooleanArray::new(may.collect(), None)) as ArrayRef)
    };
    let takes = vec![DataType::Utf8View, DataType::Utf8View, instant_type()];
    function("may_have_earned", takes, DataType::Boolean, Box::new(kernel))
}

/// Where in [0, 1) the id falls: FNV-1a (Fowler, Noll, Vo) with the final mix of MurmurHash3 (Appleby).
fn position(id: &str) -> f64 {
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    ((hash ^ (hash >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A function of a clock and an instant.
trait OfClock: Fn(&mut Clock, i64) -> i32 + Send + Sync + 'static {}
impl<F: Fn(&mut Clock, i64) -> i32 + Send + Sync + 'static> OfClock for F {}

fn each<T: ArrowPrimitiveType>(array: &ArrayRef, of: impl FnMut(i64) -> T::Native) -> PrimitiveArray<T> {
    let instants = instants(array);
    PrimitiveArray::new(instants.values().iter().copied().map(of).collect(), instants.nulls().cloned())
}

/// The instants of an array that the planner has cast to the inner type.
pub fn instants(array: &ArrayRef) -> &TimestampMicrosecondArray {
    array.as_primitive::<TimestampMicrosecondType>()
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_hundredth_of_ids_is_about_a_hundredth() {
        let kept = (0..100_000).filter(|i| position(&format!("u{i:07}")) < 0.01).count();
        assert!((900..1_100).contains(&kept), "{kept}");
    }

    #[test]
    fn a_smaller_sample_is_part_of_a_larger_one() {
        assert!((0..1_000).all(|i| {
            let p = position(&i.to_string());
            (0.0..1.0).contains(&p)
        }));
    }
}
