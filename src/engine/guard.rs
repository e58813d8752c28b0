//! Guard: which of DataFusion's nodes and expressions our operators may take the place of.
//!
//! An operator of ours carries over a part of what the node says in whose place it is put. What it would leave out is
//! refused here, once for all rules, and DataFusion's own node stays: a limit, a dynamic filter, an order of the input
//! that the node makes use of, another kind of join, an expression that is no function of its values alone. The checks
//! go through the fields of the nodes of DataFusion 55.2, so that another version has to be read anew.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{JoinType, NullEquality};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::logical_expr::{Operator, Volatility};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
    TryCastExpr,
};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::windows::WindowAggExec;

use crate::engine::files::file::TableFile;
use crate::engine::sources::parquet_table::parquet_source;
use crate::engine::values::parse::INSTANT_OF_LOCAL_TEXT;

/// Functions that have a value, and no error, for all values that they are given.
const WITHOUT_ERRORS: [&str; 34] = [
    "local_day",
    "local_week",
    "local_month",
    "local_hour",
    "local_weekday",
    "day_part",
    "instant",
    "integer_as_text",
    "dictionary_as_text",
    "measured",
    "number_of_text",
    "instant_of_local",
    INSTANT_OF_LOCAL_TEXT,
    "action_of_text",
    "is_action",
    "number_of_ad",
    "establishment_of_ad",
    "is_advertised",
    "share_of_user",
    "haversine_m",
    "wilson_low",
    "wilson_high",
    "wilson_low_by_user",
    "wilson_high_by_user",
    "btrim",
    "character_length",
    "coalesce",
    "ends_with",
    "lower",
    "ltrim",
    "octet_length",
    "rtrim",
    "starts_with",
    "upper",
];
/// Prefix of the functions of a sample, each of which has its fraction in its name.
const SAMPLED: &str = "sampled_";

/// The node as what it is, if it is that and says nothing that its replacements leave out.
pub fn plain<T: Replaceable>(node: &Arc<dyn ExecutionPlan>) -> Option<&T> {
    let limits_nothing = |_: &&T| node.fetch().is_none() && node.dynamic_expressions_produced().is_empty();
    node.downcast_ref::<T>().filter(limits_nothing).filter(|known| known.is_plain())
}

/// The input of a node that gives the same rows, in whatever order and partitions.
pub fn same_rows(node: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    let spread = plain::<RepartitionExec>(node).map(RepartitionExec::input);
    let merged = || plain::<CoalescePartitionsExec>(node).map(CoalescePartitionsExec::input);
    let cooperative = || plain::<CooperativeExec>(node).map(CooperativeExec::input);
    spread.or_else(merged).or_else(cooperative)
}

/// Rows from memory, with the columns that are chosen of them.
pub fn rows_in_memory(node: &Arc<dyn ExecutionPlan>) -> Option<&MemorySourceConfig> {
    let source = plain::<DataSourceExec>(node)?.data_source();
    (source.as_ref() as &dyn Any).downcast_ref::<MemorySourceConfig>()
}

/// A scan of whole Parquet files: each row of each file, or of a range of it, and no other column.
pub fn whole_parquet_files(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source = plain::<DataSourceExec>(node)?.data_source();
    let files = (source.as_ref() as &dyn Any).downcast_ref::<FileScanConfig>()?;
    let parquet = parquet_source(files.file_source().as_ref())?;
    // Its predicate is a hint, of which the plan above makes sure itself.
    let is_hint = !parquet.table_parquet_options().global.pushdown_filters;
    let is_whole = files.limit.is_none() && files.table_partition_cols().is_empty();
    let mut of_files = files.file_groups.iter().flat_map(|group| group.iter());
    let is_ours =
        |file: &PartitionedFile| file.extensions.len() == usize::from(file.extensions.contains::<Arc<TableFile>>());
    let are_whole = of_files.all(|file| is_ours(file) && file.partition_values.is_empty());
    (is_hint && is_whole && are_whole && files.expr_adapter_factory.is_none()).then_some(files)
}

/// Whether `expression` is a function of its columns alone that has a value for all of theirs: it may be asked about
/// each value once, in any order, and about values of no row that counts.
pub fn is_by_value(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    !expression.is_volatile_node()
        && is_known(expression, schema)
        && expression.children().into_iter().all(|child| is_by_value(child, schema))
}

/// Whether an order may be asked about once for each value, too.
pub fn is_order_by_value(order: &[PhysicalSortExpr]) -> bool {
    order.iter().all(|key| is_fixed(&key.expr))
}

/// Whether the same values always give the same.
fn is_fixed(expression: &Arc<dyn PhysicalExpr>) -> bool {
    !expression.is_volatile_node() && expression.children().into_iter().all(is_fixed)
}

fn is_known(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    if let Some(binary) = expression.downcast_ref::<BinaryExpr>() {
        return compares(*binary.op());
    }
    if let Some(cast) = expression.downcast_ref::<CastExpr>() {
        return cast.expr().data_type(schema).is_ok_and(|from| has_room(&from, cast.cast_type()));
    }
    if let Some(function) = expression.downcast_ref::<ScalarFunctionExpr>() {
        let is_fixed = function.fun().signature().volatility == Volatility::Immutable;
        return is_fixed && (WITHOUT_ERRORS.contains(&function.name()) || function.name().starts_with(SAMPLED));
    }
    expression.is::<Column>()
        || expression.is::<Literal>()
        || expression.is::<IsNullExpr>()
        || expression.is::<IsNotNullExpr>()
        || expression.is::<NotExpr>()
        || expression.is::<InListExpr>()
        || expression.is::<LikeExpr>()
        || expression.is::<CaseExpr>()
        || expression.is::<TryCastExpr>()
}

/// Operators that have no error, as arithmetic may have.
fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::And
            | Operator::Or
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::StringConcat
    )
}

/// Whether each value of the one type has one in the other.
fn has_room(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, Date32, Dictionary, Float32, Float64, Int64, Null, Timestamp};
    let is_text = |of: &DataType| matches!(of, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    match (from, to) {
        (from, to) if from == to || *from == Null => true,
        (Dictionary(_, from), to) => has_room(from, to),
        (from, to) if is_text(to) => is_text(from) || from.is_integer() || *from == Boolean,
        (from, Int64) => from.is_integer() && *from != DataType::UInt64 || *from == Date32,
        (from, Float64) => from.is_integer() || *from == Float32,
        (Timestamp(from, _), Timestamp(to, _)) => fineness(from) >= fineness(to),
        _ => false,
    }
}

fn fineness(unit: &TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}

/// A node of DataFusion's that our operators know.
pub trait Replaceable: ExecutionPlan + Sized {
    /// Whether the node says nothing that its replacements leave out. Limits and dynamic filters are [`plain`]'s to
    /// look for.
    fn is_plain(&self) -> bool;
}

impl Replaceable for HashJoinExec {
    /// Carried over: both inputs, the columns of equal values, the projection, properties. How rows are spread is
    /// the rules' to ask.
    fn is_plain(&self) -> bool {
        *self.join_type() == JoinType::Inner
            && self.filter().is_none()
            && self.null_equality() == NullEquality::NullEqualsNothing
            && !self.null_aware
    }
}

impl Replaceable for AggregateExec {
    /// Carried over: the mode, keys, measures, their conditions and the input.
    fn is_plain(&self) -> bool {
        let is_plain = |measure: &AggregateFunctionExpr| {
            !measure.is_distinct() && !measure.ignore_nulls() && measure.order_bys().is_empty()
        };
        self.group_expr().is_single()
            && self.limit_options().is_none()
            && self.aggr_expr().iter().all(|measure| is_plain(measure))
    }
}

impl Replaceable for FilterExec {
    /// Carried over: the predicate, the projection and the input.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for ProjectionExec {
    /// Carried over: all.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for WindowAggExec {
    /// Carried over: the input, the measures and the columns that their rows agree in, the same ones for all.
    fn is_plain(&self) -> bool {
        let windows = self.window_expr();
        let first = windows.first().map(|window| window.partition_by());
        windows.iter().all(|window| Some(window.partition_by()) == first && window.order_by().is_empty())
    }
}

impl Replaceable for DataSourceExec {
    /// The source is looked at by [`rows_in_memory`] and [`whole_parquet_files`].
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for RepartitionExec {
    /// Carried over: the input.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for CoalescePartitionsExec {
    /// Carried over: the input.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for CooperativeExec {
    /// Carried over: the input.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for SortExec {
    /// Carried over: the order, whether partitions stay apart, and the input. A filter comes with a limit.
    fn is_plain(&self) -> bool {
        true
    }
}

impl Replaceable for SortPreservingMergeExec {
    /// Carried over: the order and the input.
    fn is_plain(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_nodes_fields_were_read_in_this_version() {
        assert!(datafusion::DATAFUSION_VERSION.starts_with("55.2."), "read the fields of the nodes anew");
    }
}
