//! The town: days, neighbourhoods, roads, establishments and ads, and the tastes of its people.
//!
//! | module | what it does |
//! |---|---|
//! | [`city`] | the seed, the sizes and the days that are asked for |
//! | [`days`] | the local days, in UTC |
//! | [`plan`] | from the number of pings to all other sizes |
//! | [`point`] | a plane around Recife, in metres |
//! | [`roads`] | roads between neighbourhoods, and their streets |
//! | [`places`] | neighbourhoods and the coast |
//! | [`categories`] | ten kinds of establishments: opening hours, and the hours at which people want them |
//! | [`tastes`] | favourites by part of the day and by weekday |
//! | [`market`] | establishments, campaigns, ads |
//! | [`world`] | what all people of a city share |

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
