//! Sorted rows stay sorted: no round robin between a sorted partition and a merge.

use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

use crate::engine::guard::plain;

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

/// Finds a plan with the rows of `plan` in one partition, if `plan` only projects and spreads such rows.
fn unspread(plan: &Arc<dyn ExecutionPlan>) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(spread) = plain::<RepartitionExec>(plan) {
        let input = spread.input();
        return Ok((input.output_partitioning().partition_count() == 1).then(|| Arc::clone(input)));
    }
    let Some(projection) = plain::<ProjectionExec>(plan) else { return Ok(None) };
    let Some(input) = unspread(projection.input())? else { return Ok(None) };
    replace_children_if_necessary(Arc::clone(plan), vec![input]).map(Some)
}
