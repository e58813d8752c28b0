//! Where things are: great-circle distance, and the index of establishments.

mod grid;
pub mod haversine;
pub mod index;
mod pairs;
mod place;

pub use haversine::{haversine_each, haversine_m};
pub use index::EstablishmentIndex;
pub(crate) use pairs::{Matcher, PINGS_AT_ONCE};
