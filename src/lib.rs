//! Footfall: location-based advertising analytics.
//!
//! The map, in the order in which data flows; nothing below is used by anything above.
//!
//! | module | what it does |
//! |---|---|
//! | [`units`] | Earth radius, visit radius, attribution window: each constant once, with its source |
//! | [`spelling`] | the name that a mistyped one was meant to be |
//! | [`error`] | one error type: which are the user's, which are ours |
//! | [`whole_file`] | files that are written whole or not at all |
//! | [`geo`] | great-circle distance; the grid of establishments; H3 cells and the shapes of a map |
//! | [`zones`] | the newest time-zone database of this machine |
//! | [`calendar`] | time zone to local month, week, day, hour, weekday, part of the day; and back |
//! | [`timestamps`] | text that is a point in time |
//! | [`visits`] | pings past the grid: visits |
//! | [`attribution`] | visits and interactions in time order: attributed visits |
//! | [`candidates`] | Bloom filters: which interactions may have earned a visit |
//! | [`decimal`] | integers as text |
//! | [`ids`] | ids and other values as small numbers |
//! | [`counting`] | counts by keys of few values |
//! | [`statistics`] | Wilson interval |
//! | [`live`] | approaches of establishments, and which ad to suggest |
//! | `engine` | DataFusion: nouns, files, operators, functions, the jobs' SQL, the session |
//! | `synth` | a seeded city with planted answers |
//! | `py` | the binding: convert, release the GIL, call, wrap |
//!
//! The laws: those above `engine` know neither DataFusion nor Python; counts are integers and add up, and ratios are
//! made from them last, so that any split, any order of rows and any number of threads gives the same bytes.

pub mod attribution;
pub mod calendar;
pub mod candidates;
pub mod counting;
pub mod decimal;
#[cfg(feature = "engine")]
pub mod engine;
pub mod error;
pub mod geo;
pub mod ids;
pub mod live;
#[cfg(feature = "python")]
mod py;
pub mod spelling;
pub mod statistics;
#[cfg(feature = "synth")]
pub mod synth;
pub mod timestamps;
pub mod units;
pub mod visits;
pub mod whole_file;
pub mod zones;

pub use error::{Error, Result};
