//! Attribution: which interaction earned a visit.
//!
//! [`table`] is the noun `attributed_visits`, [`exec`] the operator, [`work`] its background task, [`shards`] what it
//! buffers by hash of the user, [`ordered`] its output in order, and [`ads`] what it knows beside its rows. [`sorted`]
//! is the plan that spills to disk.

pub mod ads;
pub mod exec;
pub mod ordered;
pub mod shards;
pub mod sorted;
pub mod table;
pub mod work;
