//! The two operators that make Footfall's derived nouns, and the tables that plan them.

mod attribution;
mod tables;
mod visit_join;

pub use attribution::{AttributionExec, Known};
pub use tables::{AttributedVisits, Visits};
pub use visit_join::{VisitJoinExec, VisitsOf};
