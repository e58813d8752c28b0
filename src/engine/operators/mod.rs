//! The operators that make Footfall's derived nouns, the tables that plan them, and operators in the place of
//! DataFusion's own where they are faster.

mod attribution;
mod attribution_work;
mod chances;
mod coded;
mod coded_count;
mod coded_rows;
mod coded_users;
mod coded_visits;
mod coded_work;
mod corrections;
mod count;
mod in_order;
mod known;
mod late_visits;
mod lookup;
mod order;
mod outlets;
mod rows;
mod shared_work;
mod shares;
mod sorted_attribution;
mod tables;
mod totals;
mod user_count;
mod user_groups;
mod user_shares;
mod user_sums;
mod users;
mod visit_join;

use futures::{Stream, StreamExt};

pub use attribution::AttributionExec;
pub use coded_count::UseCodes;
pub use corrections::{SkipInOrder, SortAsDemanded, SortAsMerged, logical_rules};
pub use count::{CountExec, UseCounts};
pub use known::Known;
pub use late_visits::LateVisits;
pub use lookup::{LookupExec, UseLookups};
pub use order::{KeepOrder, UseTotals};
pub use shared_work::spawned;
pub use sorted_attribution::SortedAttributionExec;
pub use tables::{AttributedVisits, PlainPlans, Visits};
pub use user_count::{IS_COUNT, UseUserCounts, UserCountExec};
pub use visit_join::{VisitJoinExec, VisitsOf};

/// The same stream, but it lets go of its thread after each item, so that dropped work ends there and then.
fn yielding<T: Send>(items: impl Stream<Item = T> + Send) -> impl Stream<Item = T> + Send {
    items.then(|item| async {
        tokio::task::yield_now().await;
        item
    })
}
