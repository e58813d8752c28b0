//! Our optimizer rules, in their order, with the reason of each.

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use super::corrections::{SkipInOrder, SortAsDemanded, SortAsMerged, YieldInJoins};
use super::order::KeepOrder;
use crate::engine::counting::rules::UseCounts;
use crate::engine::counting::totals::UseTotals;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// Lists DataFusion's own rules and those that mend its plans.
pub fn corrected() -> Vec<Rule> {
    let mut rules = in_order();
    rules.push(Arc::new(YieldInJoins));
    rules
}

/// Lists DataFusion's own rules and those that mend the orders that they forget.
fn in_order() -> Vec<Rule> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(after("OutputRequirements", &rules), Arc::new(SkipInOrder));
    rules.insert(after("PushdownSort", &rules), Arc::new(SortAsMerged));
    rules.insert(after("EnsureCooperative", &rules), Arc::new(SortAsDemanded));
    rules
}

/// Lists these and the rules that use our operators. `UseCounts` and `UseTotals` come before filters are pushed into
/// scans, rows repartitioned and sorted; `KeepOrder` comes last.
pub fn rules() -> Vec<Rule> {
    let mut rules = in_order();
    let joined = after("join_selection", &rules);
    rules.insert(joined, Arc::new(UseCounts));
    rules.insert(joined + 1, Arc::new(UseTotals));
    rules.push(Arc::new(KeepOrder));
    rules.push(Arc::new(YieldInJoins));
    rules
}

/// The place after the first rule of this name.
fn after(name: &str, rules: &[Rule]) -> usize {
    rules.iter().position(|rule| rule.name() == name).map_or(0, |place| place + 1)
}
