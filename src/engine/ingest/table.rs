//! One table: a thread reads, a thread writes, and the caller's routes rows between them and keeps the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Instant;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::prep_null_mask_filter;
use datafusion::arrow::datatypes::SchemaRef;

use super::part;
use super::progress::{PartFile, Progress, TableProgress};
use super::reader::{BESIDE, Read, Reader};
use super::runs::{MonthRuns, Sealed};
use super::target::Target;
use crate::calendar::Calendar;
use crate::engine::run::{HEARTBEAT, Heartbeat};
use crate::engine::sources::source::Source;
use crate::{Error, Result};

/// Batches that are read ahead.
const BATCHES_AHEAD: usize = 16;
/// Parts that are written or queued.
const PARTS_AHEAD: usize = 2;
/// Most work that an interrupted call loses, in parts; the last parts of such a round are smaller.
const PARTS_PER_ROUND: usize = 8;

/// Writes what is missing of the table `source`.
pub fn write(
    source: &Source,
    calendar: &Calendar,
    rows_per_part: usize,
    target: &Target,
    progress: &mut Progress,
    heartbeat: Heartbeat,
) -> Result<()> {
    let (name, table) = (source.noun().name, progress.table(source.noun().name));
    if table.done {
        return Ok(());
    }
    target.keep_only(name, &table)?;
    let reader = Reader::new(source, calendar)?;
    let (schema, stop, skip) = (reader.schema(), AtomicBool::new(false), table.files);
    thread::scope(|scope| {
        let (to_rows, rows) = sync_channel(BATCHES_AHEAD);
        let (orders, to_write) = sync_channel(PARTS_AHEAD);
        let (to_written, written) = channel();
        scope.spawn(move || reader.send(skip, &to_rows));
        scope.spawn(|| write_parts(to_write, to_written, target, &schema, &stop));
        let work = TableWork {
            name,
            target,
            progress,
            heartbeat,
            rows,
            orders,
            written,
            runs: MonthRuns::new(rows_per_part),
            round: PARTS_PER_ROUND * rows_per_part,
            unsaved: 0,
            ordered: table.parts.len(),
            outstanding: 0,
            last_beat: Instant::now(),
            table,
        };
        work.run().inspect_err(|_| stop.store(true, Ordering::Relaxed))
    })
}

/// A part to be written.
struct Order {
    path: String,
    rows: Vec<RecordBatch>,
}

fn write_parts(
    orders: Receiver<Order>,
    written: Sender<Result<PartFile>>,
    target: &Target,
    schema: &SchemaRef,
    stop: &AtomicBool,
) {
    for Order { path, rows } in orders {
        let place = target.part(&path);
        let rows = place.and_then(|place| part::write(&place, schema, rows, stop));
        if written.send(rows.map(|rows| PartFile { path, rows })).is_err() {
            return;
        }
    }
}

/// State of the caller's thread.
struct TableWork<'a> {
    name: &'static str,
    target: &'a Target,
    progress: &'a mut Progress,
    heartbeat: Heartbeat<'a>,
    /// With what is read, while `progress` has what is safe.
    table: TableProgress,
    rows: Receiver<Result<Read>>,
    orders: SyncSender<Order>,
    written: Receiver<Result<PartFile>>,
    runs: MonthRuns,
    round: usize,
    unsaved: usize,
    ordered: usize,
    outstanding: usize,
    last_beat: Instant,
}

impl TableWork<'_> {
    fn run(mut self) -> Result<()> {
        loop {
            match self.next()? {
                Read::Rows(batch) => self.take(&batch)?,
                Read::FileDone => {
                    self.table.files += 1;
                    if self.unsaved >= self.round {
                        self.save()?;
                    }
                }
                Read::End => return self.finish(),
            }
        }
    }

    fn next(&mut self) -> Result<Read> {
        loop {
            self.beat()?;
            match self.rows.recv_timeout(HEARTBEAT) {
                Ok(read) => return read,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Internal("the reader is gone".into())),
            }
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let usable = certainly(batch[BESIDE[2]].as_boolean());
        self.table.read += batch.num_rows() as u64;
        self.table.left_out += (batch.num_rows() - usable.true_count()) as u64;
        self.unsaved += usable.true_count();
        for full in self.runs.add(batch, &usable)? {
            self.order(full)?;
        }
        Ok(())
    }

    fn order(&mut self, Sealed { folder, batches }: Sealed) -> Result<()> {
        self.settle(PARTS_AHEAD - 1)?;
        let path = format!("{}/{folder}part-{:05}.parquet", self.name, self.ordered);
        self.ordered += 1;
        self.outstanding += 1;
        let sent = self.orders.send(Order { path, rows: batches });
        sent.map_err(|_| Error::Internal("the writer is gone".into()))
    }

    /// Waits until no more than `most` parts are outstanding.
    fn settle(&mut self, most: usize) -> Result<()> {
        while self.outstanding > most {
            self.beat()?;
            match self.written.recv_timeout(HEARTBEAT) {
                Ok(part) => {
                    self.table.parts.push(part?);
                    self.outstanding -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Internal("the writer is gone".into())),
            }
        }
        Ok(())
    }

    /// Flushes all rows and records that all files so far are done.
    fn save(&mut self) -> Result<()> {
        for rest in self.runs.seal_all() {
            self.order(rest)?;
        }
        self.settle(0)?;
        self.unsaved = 0;
        self.progress.tables.insert(self.name.into(), self.table.clone());
        self.target.save(self.progress)?;
        (self.heartbeat)(self.progress.rows_read())
    }

    /// A table without rows is a table still.
    fn finish(mut self) -> Result<()> {
        let rest = self.runs.seal_all();
        let none = rest.is_empty() && self.ordered == 0;
        let empty = none.then(|| Sealed { folder: String::new(), batches: vec![] });
        for part in rest.into_iter().chain(empty) {
            self.order(part)?;
        }
        self.settle(0)?;
        self.table.done = true;
        self.save()
    }

    fn beat(&mut self) -> Result<()> {
        if self.last_beat.elapsed() < HEARTBEAT {
            return Ok(());
        }
        self.last_beat = Instant::now();
        let before = self.progress.table(self.name).read;
        (self.heartbeat)(self.progress.rows_read() - before + self.table.read)
    }
}

/// Replaces nulls by false.
fn certainly(usable: &BooleanArray) -> BooleanArray {
    match usable.null_count() {
        0 => usable.clone(),
        _ => prep_null_mask_filter(usable),
    }
}
