//! The people: where they live and work, what they do on a day, and the pings that this leaves.

pub mod day;
pub mod events;
pub mod life;
pub mod pen;
pub mod person;
pub mod trips;
