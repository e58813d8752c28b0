//! Corrections of plans that DataFusion makes: orders that it forgets, joins that do not yield.

use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_expr::{Distribution, LexOrdering, OrderingRequirements};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

use super::comparisons::CompareFiner;

/// DataFusion's rules for logical plans, without the one that leaves out keys of a sort that others tell: a key of rows
/// that were grouped, joined and grouped again tells less than it takes it for. The rule that keeps the finer instants,
/// which the others would cut off, comes first.
pub fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    rules.retain(|rule| rule.name() != "eliminate_duplicated_expr");
    rules.insert(0, Arc::new(CompareFiner));
    rules
}

/// Lets other tasks run between the batches of a join, and the join be stopped. DataFusion does so where rows are read,
/// but of few rows a join may make any number.
#[derive(Debug)]
pub struct YieldInJoins;

impl PhysicalOptimizerRule for YieldInJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let yielding = |node: Arc<dyn ExecutionPlan>| match multiplies(&node) {
            true => Transformed::yes(Arc::new(CooperativeExec::new(node)) as _),
            false => Transformed::no(node),
        };
        plan.transform_up(|node| Ok(yielding(node))).data()
    }

    fn name(&self) -> &str {
        "yield_in_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn multiplies(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<NestedLoopJoinExec>()
        || node.is::<CrossJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<UnnestExec>()
}

/// Keeps the order of rows of which the first are left out. DataFusion keeps it for the first rows alone: it forgets
/// the sort below an offset without a limit.
#[derive(Debug)]
pub struct SkipInOrder;

impl PhysicalOptimizerRule for SkipInOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match node.downcast_ref::<GlobalLimitExec>().and_then(in_order) {
                Some(input) => Transformed::yes(replace_children_if_necessary(node, vec![input?])?),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "skip_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rows of which `limit` leaves out the first, with the demand that they stay in their order.
fn in_order(limit: &GlobalLimitExec) -> Option<PlanResult<Arc<dyn ExecutionPlan>>> {
    let skips = limit.skip() > 0 && limit.fetch().is_none();
    skips.then(|| kept(limit.input())).flatten()
}

/// Keeps the sort of rows; it may stand below projections that leave out its keys.
fn kept(rows: &Arc<dyn ExecutionPlan>) -> Option<PlanResult<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = rows.downcast_ref::<ProjectionExec>() {
        let input = kept(projection.input())?;
        return Some(input.and_then(|input| replace_children_if_necessary(Arc::clone(rows), vec![input])));
    }
    let sort = rows.downcast_ref::<SortExec>()?;
    let (rows, order) = (Arc::clone(rows), OrderingRequirements::from(sort.expr().clone()));
    Some(Ok(Arc::new(OutputRequirementExec::new(rows, Some(order), Distribution::SinglePartition, None))))
}

/// Sorts the first rows of each partition by all that partitions are merged by. DataFusion leaves out what is the same
/// in all rows of a partition, but its partitions tell each other which rows come too late, by what is left of it.
#[derive(Debug)]
pub struct SortAsMerged;

impl PhysicalOptimizerRule for SortAsMerged {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match node.downcast_ref::<SortPreservingMergeExec>().and_then(sorted_as_merged) {
                Some(sort) => Transformed::yes(replace_children_if_necessary(node, vec![sort])?),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_as_merged"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Sorts rows that are not in the order that an operator demands. DataFusion takes a sort away where it thinks that
/// the rows below are in order, and may find afterwards that they are not, which would be an error.
#[derive(Debug)]
pub struct SortAsDemanded;

impl PhysicalOptimizerRule for SortAsDemanded {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let inputs = node.children().into_iter().zip(node.required_input_ordering());
            let inputs = inputs.map(|(input, demand)| sorted_as_demanded(input, demand));
            let inputs = inputs.collect::<PlanResult<Vec<_>>>()?;
            if inputs.iter().all(Option::is_none) {
                return Ok(Transformed::no(node));
            }
            let own = node.children().into_iter().zip(inputs);
            let inputs = own.map(|(own, sorted)| sorted.unwrap_or_else(|| Arc::clone(own))).collect();
            Ok(Transformed::yes(replace_children_if_necessary(node, inputs)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "sort_as_demanded"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rows of `input` sorted as an operator demands, if they are not.
fn sorted_as_demanded(
    input: &Arc<dyn ExecutionPlan>,
    demand: Option<OrderingRequirements>,
) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
    let Some(demand) = demand.map(OrderingRequirements::into_single) else { return Ok(None) };
    if input.equivalence_properties().ordering_satisfy_requirement(demand.clone())? {
        return Ok(None);
    }
    let sort = SortExec::new(LexOrdering::from(demand), Arc::clone(input)).with_preserve_partitioning(true);
    Ok(Some(Arc::new(sort)))
}

/// Finds the sort below `merge` that sorts by less than the merge.
fn sorted_as_merged(merge: &SortPreservingMergeExec) -> Option<Arc<dyn ExecutionPlan>> {
    let sort = merge.input().downcast_ref::<SortExec>().filter(|sort| sort.fetch().is_some())?;
    if merge.expr().iter().all(|key| sort.expr().contains(key)) {
        return None;
    }
    let whole = LexOrdering::new(merge.expr().iter().chain(sort.expr()).cloned())?;
    let whole = SortExec::new(whole, Arc::clone(sort.input())).with_fetch(sort.fetch());
    Some(Arc::new(whole.with_preserve_partitioning(sort.preserve_partitioning())))
}
