//! Files of a table: how they are found in folders, and what each was when the data set was opened.

pub mod file;
pub mod find;
