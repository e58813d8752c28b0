//! What comes in order: where sorts go, and where none is needed.

use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, SortOrderPushdownResult, replace_children_if_necessary,
};

use super::totals::TotalsExec;
use crate::engine::guard::plain;

/// Puts `TotalsExec` in the place of windows of whole totals of users. Rows are sorted once, below, and not at all
/// if what is below can give them user by user.
#[derive(Debug)]
pub struct UseTotals;

impl PhysicalOptimizerRule for UseTotals {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let totals = plan.transform_up(|node| {
            Ok(match TotalsExec::in_place_of(&node)? {
                Some(totals) => Transformed::yes(Arc::new(totals) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })?;
        match totals.transformed {
            true => totals.data.transform_down(sorted_below).data(),
            false => Ok(totals.data),
        }
    }

    fn name(&self) -> &str {
        "use_totals"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Takes out the spreading of rows that come in order over threads, if all that follows is a projection and the merging
/// of them again.
#[derive(Debug)]
pub struct KeepOrder;

impl PhysicalOptimizerRule for KeepOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let merge = plain::<SortPreservingMergeExec>(&node);
            Ok(match merge.map(|merge| unspread(merge.input())).transpose()?.flatten() {
                Some(ordered) => Transformed::yes(ordered),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "keep_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What `plan` gives, but in one partition, if it is a projection of rows of one partition.
fn unspread(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(spread) = plain::<RepartitionExec>(plan) {
        let input = spread.input();
        return Ok((input.output_partitioning().partition_count() == 1).then(|| Arc::clone(input)));
    }
    let Some(projection) = plain::<ProjectionExec>(plan) else { return Ok(None) };
    let Some(input) = unspread(projection.input())? else { return Ok(None) };
    replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
}

/// The rows of `plan` in `order`; how they were sorted before is forgotten.
pub fn sorted(plan: &Arc<dyn ExecutionPlan>, order: &LexOrdering) -> Arc<dyn ExecutionPlan> {
    let parts = plain::<SortPreservingMergeExec>(plan).map_or(plan, SortPreservingMergeExec::input);
    let rows = Arc::clone(plain::<SortExec>(parts).map_or(parts, SortExec::input));
    let parts = SortExec::new(order.clone(), rows).with_preserve_partitioning(true);
    Arc::new(SortPreservingMergeExec::new(order.clone(), Arc::new(parts)))
}

/// What sorts as `node` does, if what is below it can do so. Where all rows are one partition, they stay one.
fn sorted_below(node: Arc<dyn ExecutionPlan>) -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = plain::<SortExec>(&node) else { return Ok(Transformed::no(node)) };
    Ok(match sort.input().try_pushdown_sort(sort.expr())? {
        SortOrderPushdownResult::Exact { inner } if sort.preserve_partitioning() => Transformed::yes(inner),
        SortOrderPushdownResult::Exact { inner } => {
            Transformed::yes(Arc::new(SortPreservingMergeExec::new(sort.expr().clone(), inner)))
        }
        _ => Transformed::no(node),
    })
}
