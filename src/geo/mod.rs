//! Where things are: great-circle distance, and the index of establishments.

mod grid;
pub mod haversine;
pub mod index;

pub use haversine::{haversine_each, haversine_m};
pub use index::EstablishmentIndex;
