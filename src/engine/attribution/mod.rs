//! Attribution: which interaction earned a visit.
//!
//! [`table`] is the noun `attributed_visits`, [`exec`] the operator, [`work`] its background task, [`shards`] what it
//! buffers by hash of the user, [`ordered`] its output in order, and [`ads`] what it knows beside its rows. Shards that
//! memory does not hold are [`spilled`] and read back range by range.

pub mod ads;
pub mod exec;
pub mod ordered;
pub mod shards;
pub mod spilled;
pub mod table;
pub mod task;
pub mod work;
