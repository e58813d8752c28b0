//! The request: source, target, options.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::calendar::Calendar;
use crate::engine::files::place::FilePlace;
use crate::engine::sources::reading::{Given, Reading};

/// Rows of a part, unless the caller wants another size: some 60 bytes each in memory, and a few parts at once.
pub const ROWS_PER_PART: usize = 2_097_152;

/// Source, target and options of a rewrite.
#[derive(Debug, Clone)]
pub struct IngestRequest {
    /// The folder that is read.
    pub source: FilePlace,
    /// The folder that is written.
    pub target: PathBuf,
    /// The clock of the months.
    pub calendar: Calendar,
    /// Tables that are not called as we call them.
    pub tables: BTreeMap<String, Given>,
    /// How the caller's columns are read.
    pub reading: Reading,
    /// At most so many rows are in one part, nearly.
    pub rows_per_part: usize,
}
