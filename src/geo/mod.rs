//! Where things are: great-circle distance, the index of establishments, H3 cells, and the shapes of a map.

#[cfg(feature = "engine")]
pub mod cells;
mod grid;
pub mod haversine;
pub mod index;
mod pairs;
mod place;
#[cfg(feature = "engine")]
pub mod shapes;

pub use haversine::{haversine_each, haversine_m};
pub use index::EstablishmentIndex;
pub(crate) use pairs::{Matcher, PINGS_AT_ONCE};
pub(crate) use place::{Place, place};
