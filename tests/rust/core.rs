//! The pure core against slow, obvious answers on random worlds.

#![allow(clippy::unwrap_used)]

mod attribution;
mod calendar;
mod geo;
mod visits;
