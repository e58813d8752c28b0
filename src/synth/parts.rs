//! Writes users into part files, several threads at a time; a part's bytes do not depend on which thread wrote it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use super::ids::IdFormat;
use super::tables::{BATCH_ROWS, InteractionRows, PartWriter, PingRows};
use super::truth::PlantedCounts;
use crate::synth::people::events::Life;
use crate::synth::town::world::World;
use crate::{Error, Result};

/// Where the parts go, who wants to know, and who may stop it.
pub struct Destination<'a> {
    /// The city's folder.
    pub root: &'a Path,
    /// Is told how many pings are written.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Stops the work when it becomes true.
    pub cancel: &'a AtomicBool,
}

/// What the threads share.
struct PartsWork<'a> {
    world: &'a World,
    output: &'a Destination<'a>,
    next_part: AtomicU64,
    pings: AtomicU64,
    failed: AtomicBool,
}

/// Writes all parts and returns what they hold.
pub fn write_parts(world: &World, output: &Destination, threads: usize) -> Result<PlantedCounts> {
    let (next_part, pings, failed) = Default::default();
    let work = PartsWork { world, output, next_part, pings, failed };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work.run())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    let mut sum = PlantedCounts::default();
    for counts in results {
        sum.add(&counts?);
    }
    Ok(sum)
}

/// Whether a file is named as parts are.
pub fn is_part(name: &str) -> bool {
    let number = name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".parquet"));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn panicked() -> Error {
    Error::Internal("a thread that writes a city panicked".into())
}

impl PartsWork<'_> {
    /// Writes one part after the other until there are no more.
    fn run(&self) -> Result<PlantedCounts> {
        let mut life = Life::default();
        loop {
            let part = self.next_part.fetch_add(1, Relaxed);
            if part >= self.world.sizes.parts() || self.failed.load(Relaxed) {
                return Ok(life.counts);
            }
            if let Err(error) = self.write_part(part, &mut life) {
                self.failed.store(true, Relaxed);
                // Half a file is no file.
                self.paths(part).iter().for_each(|path| drop(fs::remove_file(path)));
                return Err(error);
            }
        }
    }

    fn paths(&self, part: u64) -> [PathBuf; 2] {
        ["pings", "interactions"].map(|table| self.output.root.join(table).join(format!("part-{part:05}.parquet")))
    }

    fn write_part(&self, part: u64, life: &mut Life) -> Result<()> {
        let sizes = &self.world.sizes;
        let (mut pings, mut interactions) = (PingRows::default(), InteractionRows::new(sizes));
        let [pings_path, interactions_path] = self.paths(part);
        let mut pings_part = PartWriter::create(pings_path, pings.take()?.schema())?;
        let mut interactions_part = PartWriter::create(interactions_path, interactions.take()?.schema())?;
        let (users, ids) = (sizes.users_of(part), IdFormat::users(sizes));
        for user in users.clone() {
            life.live(self.world, user, &ids.id(user), &mut pings, &mut interactions);
            let last = user + 1 == users.end;
            if last || interactions.len() >= BATCH_ROWS {
                interactions_part.write(&interactions.take()?)?;
            }
            if last || pings.len() >= BATCH_ROWS {
                self.write_pings(&mut pings_part, &mut pings)?;
            }
        }
        pings_part.finish()?;
        interactions_part.finish()
    }

    fn write_pings(&self, part: &mut PartWriter, rows: &mut PingRows) -> Result<()> {
        if self.output.cancel.load(Relaxed) {
            return Err(Error::Cancelled);
        }
        let count = rows.len() as u64;
        part.write(&rows.take()?)?;
        (self.output.progress)(self.pings.fetch_add(count, Relaxed) + count);
        Ok(())
    }
}
