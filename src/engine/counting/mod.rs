//! Counts by keys, in the place of DataFusion's grouping.
//!
//! | | rows as batches | rows as codes |
//! |---|---|---|
//! | keys of few values | DataFusion's own | [`by_code`] |
//! | users, and such keys | [`by_user`] | [`user_codes`] |
//!
//! [`rules`] choose the operator by what [`spec`] finds in a grouping. Codes are counted in [`cells`]. Keys of users
//! are tallied in [`users`], by [`user_shard`], and leave by [`emit`], or as [`sums`]; [`totals`] are windows of whole
//! users over such counts.

pub mod by_code;
pub mod by_user;
pub mod cells;
pub mod emit;
pub mod rules;
pub mod spec;
pub mod sums;
pub mod totals;
pub mod user_codes;
pub mod user_shard;
pub mod users;
