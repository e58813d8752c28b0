//! Additions to DataFusion's planner.
//!
//! [`texts`] that are compared with instants become instants, [`comparisons`] keep these exact, [`corrections`] mend
//! plans, and [`order`] keeps rows in order. [`rules`] lists all rules, ours of codes and counts too, in their order.

pub mod comparisons;
pub mod corrections;
pub mod order;
pub mod rules;
pub mod texts;
