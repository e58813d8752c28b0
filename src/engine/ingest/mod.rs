//! Rewrites a data set once for many reads: by local month, clustered in space or by user, counted, resumable.
//!
//! | module | what it does |
//! |---|---|
//! | [`request`] | what is rewritten, and how |
//! | [`target`] | the folder that is written: whose it is, what is hidden until all is done, how it is completed |
//! | [`progress`] | what is done, and of which source; kept as JSON |
//! | [`reader`] | the files' rows one after the other, each with its cell, its month and whether it can be used |
//! | [`runs`] | keeps rows by month until there are enough for a part |
//! | [`part`] | sorts the rows of a part and writes it |
//! | [`table`] | one table: reader, runs and writer side by side |
//!
//! Files are read in one order by one thread, and only counts decide where a part ends: the same source and options
//! give the same parts.

pub mod part;
pub mod progress;
pub mod reader;
pub mod request;
pub mod runs;
pub mod table;
pub mod target;

use self::progress::{Identity, Progress};
use self::request::IngestRequest;
use self::target::Target;
use crate::Result;
use crate::engine::files::s3::traffic::Traffic;
use crate::engine::run::Heartbeat;
use crate::engine::sources::catalog::sources;

/// Writes the data set, or what is missing of it, and tells what is there in the end.
///
/// # Errors
///
/// [`crate::Error::Io`] for a folder that is not ours to write, a source that has changed since an earlier call, or a
/// part that does not hold what was written; [`crate::Error::Definition`] for an option that makes no sense; those of
/// reading.
pub fn ingest(request: &IngestRequest, heartbeat: Heartbeat) -> Result<Progress> {
    let identity = || -> Result<_> {
        let sources = sources(Some(&request.source), request.tables.clone(), &request.reading, &Traffic::default())?;
        Ok((Identity::of(request, &sources), sources))
    };
    let (asked, sources) = identity()?;
    let target = Target::claim(&request.source, &request.target)?;
    if let Some(done) = target.manifest()? {
        done.identity.must_be(&asked, &request.target)?;
        target.verify(&done)?;
        return Ok(done);
    }
    let mut progress = target.resume(&asked)?;
    for source in sources.values() {
        table::write(source, &request.calendar, request.rows_per_part, &target, &mut progress, heartbeat)?;
    }
    identity()?.0.must_be(&asked, &request.target)?;
    target.complete(&progress)?;
    Ok(progress)
}
