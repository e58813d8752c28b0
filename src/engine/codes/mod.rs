//! Codes: what depends on one column alone is evaluated once for each entry of its dictionary, not for each row.
//!
//! [`plan`] rewrites a plan so that its columns are [`function`]s of columns of the files, [`classes`] puts codes
//! together that nothing tells apart, [`row_group`] and [`reader`] read row groups as classes, and [`exec`] is the
//! operator, or its fallback. [`share`] tells from statistics which row groups a period has. [`rows`] decodes rows by
//! class; [`lookup`] reads joins with a small table by id, which are functions of the code.

pub mod classes;
pub mod exec;
pub mod function;
pub mod lookup;
pub mod plan;
pub mod reader;
pub mod row_group;
pub mod rows;
pub mod share;
