//! Where `Totals` takes the place of DataFusion's windows, and sorts go below them.

use std::sync::Arc;

use datafusion::common::Result as PlanResult;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, SortOrderPushdownResult};

use super::totals::TotalsExec;

/// Puts [`TotalsExec`] in the place of windows of whole totals of users. Rows are sorted once, below, and not at all
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
            true => totals.data.transform_down(|node| sorted_below(node)).data(),
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

/// What sorts as `node` does, if what is below it can do so.
fn sorted_below(node: Arc<dyn ExecutionPlan>) -> PlanResult<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>().filter(|sort| sort.fetch().is_none()) else {
        return Ok(Transformed::no(node));
    };
    Ok(match sort.input().try_pushdown_sort(sort.expr())? {
        SortOrderPushdownResult::Exact { inner } => Transformed::yes(inner),
        _ => Transformed::no(node),
    })
}
