//! Live: who is approaching which establishment, and which ad to suggest. The map:
//!
//! | module | what it does |
//! |---|---|
//! | `options` | every number of the definition, by name |
//! | `counts` | what became of fixes and approaches |
//! | `fix` | positions as they come |
//! | `establishments` | establishments: their groups, and who is inside |
//! | `corridor` | establishments ahead of a leg |
//! | `track` | fixes to anchors and legs |
//! | `chances` | counted chance of arrival by class |
//! | `approach` | a leg and an establishment: approaching or not |
//! | `offers` | ads that run, and what a user likes |
//! | `user` | the state of a user, and its bytes |
//! | `tables` | what suggestions rest on, and the choice of one |
//! | `columns` | Arrow columns in and out |
//! | `detector` | fixes past the states of their users |
//!
//! What is suggested depends on a user's own fixes in their order, the tables and the options, on nothing else.

mod approach;
mod chances;
mod columns;
mod corridor;
mod counts;
mod detector;
mod establishments;
mod fix;
mod offers;
mod options;
mod tables;
mod track;
mod user;

pub use detector::Detector;
pub use options::Options;
pub use tables::{GivenTables, LiveTables};
