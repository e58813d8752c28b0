//! Quality of the data: a [`report`] of what the [`checks`] find, [`duplicates`] too; [`ask`] puts their questions.

pub mod ask;
pub mod checks;
pub mod duplicates;
pub mod report;
