//! The people: where they live and work, what they do on a day, and the pings that this leaves.
//!
//! | module | what it does |
//! |---|---|
//! | [`person`] | home, work and habits of a user |
//! | [`trips`] | a way through the city at walking or driving speed |
//! | [`events`] | segments of a day, views and clicks |
//! | [`day`] | the plan of one day: views, clicks, trips that they cause, other errands |
//! | [`pen`] | a user's pings, from the plan |
//! | [`life`] | the seen days of a user |

pub mod day;
pub mod events;
pub mod life;
pub mod pen;
pub mod person;
pub mod trips;
