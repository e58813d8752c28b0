//! Which groupings are counted by our operators: of codes, and by user; all others are left to DataFusion.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::by_code::CodedCount;
use super::by_user::UserCountExec;
use super::spec::{CodeSpec, CountSpec, counts_all, first_stage};
use super::sums::{Key, Sum, SumsOfUsers};
use crate::engine::codes::exec::CodedExec;
use crate::engine::codes::plan::ColumnwisePlan;
use crate::engine::guard::plain;

/// Puts our operators in the place of whole groupings that only count: `CodedCount` where each key and each condition
/// depends on one column of Parquet files, [`UserCountExec`] for other rows by user and keys of few values, and for
/// counts of such rows, which are added up.
#[derive(Debug)]
pub struct UseCounts;

impl PhysicalOptimizerRule for UseCounts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let of_codes = plan.transform_down(|node| {
            Ok(match of_codes(&node)? {
                Some(counts) => Transformed::new(Arc::new(counts) as _, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        });
        let of_batches = of_codes.data()?.transform_up(|node| {
            Ok(match by_user(&node)? {
                Some(counts) => Transformed::yes(Arc::new(counts) as _),
                None => Transformed::no(node),
            })
        });
        of_batches.data()
    }

    fn name(&self) -> &str {
        "use_counts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Replaces `node`, if it only counts rows of Parquet files.
fn of_codes(node: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<CodedExec>> {
    let Some(stage) = first_stage(node) else { return Ok(None) };
    let Some(spec) = CountSpec::of(stage).filter(CountSpec::counts_rows) else { return Ok(None) };
    let Some((rows, files)) = ColumnwisePlan::of_files(stage.input())? else { return Ok(None) };
    let Some(by_column) = CodeSpec::of(&spec, &stage.input_schema(), &rows)? else { return Ok(None) };
    let work = CodedCount { spec: Arc::new(by_column), schema: node.schema(), order: None };
    Ok(Some(CodedExec::new(Arc::clone(node), files, Arc::new(work))))
}

/// Replaces `node`, if it only counts by user.
fn by_user(node: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<UserCountExec>> {
    if let Some((sums, counts)) = sums_of_users(node) {
        return counts.summed(sums).map(Some);
    }
    Ok(first_stage(node).and_then(|first| UserCountExec::of(first, node.schema())))
}

/// Reads the sums that `node` makes of counts by user; `None` if it does anything else.
fn sums_of_users(node: &Arc<dyn ExecutionPlan>) -> Option<(SumsOfUsers, &UserCountExec)> {
    let stage = first_stage(node)?;
    let counts = counts_below(stage.input())?;
    let has_conditions = stage.filter_expr().iter().any(Option::is_some);
    let keys = stage.group_expr().expr().iter().map(|(key, _)| match meaning(key, stage.input())? {
        Meaning::Key(key) => Some(key),
        _ => None,
    });
    let keys = keys.collect::<Option<Vec<_>>>()?;
    let others = counts.other_keys();
    let has_all =
        others > 0 && (0..others).all(|of| keys.iter().any(|key| matches!(key, Key::Other(own) if *own == of)));
    let sums = stage.aggr_expr().iter().map(|measure| sum_of(measure, stage));
    let (sums, schema) = (sums.collect::<Option<Vec<_>>>()?, node.schema());
    let types = schema.fields()[keys.len()..].iter().map(|field| field.data_type());
    let fits =
        sums.len() + keys.len() == schema.fields().len() && sums.iter().zip(types).all(|(sum, of)| sum.is_of(of));
    (!has_conditions && has_all && fits).then_some((SumsOfUsers { keys, sums, schema }, counts))
}

/// An output column of [`UserCountExec`], seen through projections.
enum Meaning {
    Key(Key),
    Count(usize),
    Product(usize, usize),
}

fn counts_below(plan: &Arc<dyn ExecutionPlan>) -> Option<&UserCountExec> {
    match plain::<ProjectionExec>(plan) {
        Some(projection) => counts_below(projection.input()),
        None => plan.downcast_ref::<UserCountExec>().filter(|counts| counts.is_by_user()),
    }
}

fn meaning(of: &Arc<dyn PhysicalExpr>, plan: &Arc<dyn ExecutionPlan>) -> Option<Meaning> {
    if let Some(literal) = of.downcast_ref::<Literal>() {
        return Some(Meaning::Key(Key::Constant(literal.value().clone())));
    }
    if let Some(column) = of.downcast_ref::<Column>() {
        return match plain::<ProjectionExec>(plan) {
            Some(projection) => meaning(&projection.expr()[column.index()].expr, projection.input()),
            None => meaning_of_column(plan.downcast_ref::<UserCountExec>()?, column.index()),
        };
    }
    if let Some(cast) = of.downcast_ref::<CastExpr>() {
        // Counts have 19 digits at most.
        let keeps = matches!(cast.cast_type(), DataType::Decimal128(19.., 0));
        return meaning(cast.expr(), plan).filter(|of| keeps && matches!(of, Meaning::Count(_)));
    }
    let product = of.downcast_ref::<BinaryExpr>().filter(|of| *of.op() == Operator::Multiply)?;
    match (meaning(product.left(), plan)?, meaning(product.right(), plan)?) {
        (Meaning::Count(one), Meaning::Count(other)) => Some(Meaning::Product(one, other)),
        _ => None,
    }
}

fn meaning_of_column(counts: &UserCountExec, column: usize) -> Option<Meaning> {
    match column.checked_sub(counts.other_keys() + 1) {
        Some(count) => Some(Meaning::Count(count)),
        None => Some(Meaning::Key(Key::Other(counts.number_of_other(column)?))),
    }
}

fn sum_of(measure: &AggregateFunctionExpr, stage: &AggregateExec) -> Option<Sum> {
    if counts_all(measure) {
        return Some(Sum::Users);
    }
    match &measure.expressions()[..] {
        [of] if measure.fun().name() == "sum" => match meaning(of, stage.input())? {
            Meaning::Count(count) => Some(Sum::Count(count)),
            Meaning::Product(one, other) => Some(Sum::Product(one, other)),
            Meaning::Key(_) => None,
        },
        _ => None,
    }
}
