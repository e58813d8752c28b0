//! Values as the nouns hold them: the columns of a caller converted, text read, instants kept exact.

pub mod convert;
pub mod instants;
pub mod parse;
pub mod rules;
