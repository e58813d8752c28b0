//! The town: days, neighbourhoods, roads, establishments and ads, and the tastes of its people.

pub mod categories;
pub mod city;
pub mod days;
pub mod market;
pub mod places;
pub mod plan;
pub mod point;
pub mod roads;
pub mod tastes;
pub mod world;
