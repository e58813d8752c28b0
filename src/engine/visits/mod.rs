//! The visit join: pings past the grid of establishments.
//!
//! [`table`] is the noun `visits` and plans the join, [`exec`] is the operator, [`late`] says what is evaluated only
//! for pings that match, and [`parquet`] reads these alone from files.

pub mod exec;
pub mod late;
pub mod parquet;
pub mod table;
