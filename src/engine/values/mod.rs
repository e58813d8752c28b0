//! Values as the nouns hold them: the columns of a caller converted, text read, instants kept exact; and
//! expressions evaluated on a few rows.

pub mod convert;
pub mod evaluate;
pub mod instants;
pub mod parse;
pub mod rules;
