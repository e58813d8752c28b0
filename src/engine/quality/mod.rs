//! Quality of the data: a [`report`] of what the [`checks`] find, [`duplicates`] too, and of what a [`sample`] shows;
//! [`ask`] puts their questions.

pub mod ask;
pub mod checks;
pub mod duplicates;
pub mod report;
pub mod sample;
