//! From tasks that make batches to partitions that give them away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{Result as PlanResult, exec_err};
use futures::future::select_ok;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// Batches that may wait at one outlet.
const WAITING: usize = 4;

/// What a partition gives away.
pub type Outlet = Receiver<PlanResult<RecordBatch>>;

/// The partitions' outlets. A batch goes to any that has room, so that nothing waits for a partition that nobody reads
/// while another is read.
#[derive(Debug, Clone)]
pub struct Outlets {
    senders: Vec<Sender<PlanResult<RecordBatch>>>,
    /// Whether any of them was given anything.
    are_used: Arc<AtomicBool>,
}

impl Outlets {
    /// As many as there are partitions, and their other ends.
    pub fn new(partitions: usize) -> (Self, Vec<Outlet>) {
        let (senders, receivers) = (0..partitions).map(|_| channel(WAITING)).unzip();
        (Self { senders, are_used: Arc::default() }, receivers)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.senders.len()
    }

    /// Whether a batch was sent, so that other work can no longer take the place of this.
    pub fn are_used(&self) -> bool {
        self.are_used.load(Ordering::Relaxed)
    }

    /// The same, for a task that tries the outlet `first` before the others.
    pub fn starting_at(&self, first: usize) -> Self {
        let mut senders = self.senders.clone();
        senders.rotate_left(first % self.senders.len());
        Self { senders, are_used: Arc::clone(&self.are_used) }
    }

    /// One of them alone, for rows whose order matters.
    pub fn only(&self, number: usize) -> Self {
        Self { senders: vec![self.senders[number].clone()], are_used: Arc::clone(&self.are_used) }
    }

    /// Gives `batch` away as soon as there is room; an error if nobody reads any more.
    pub async fn send(&self, batch: PlanResult<RecordBatch>) -> PlanResult<()> {
        self.are_used.store(true, Ordering::Relaxed);
        let mut batch = batch;
        for sender in &self.senders {
            match sender.try_send(batch) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back) | TrySendError::Closed(back)) => batch = back,
            }
        }
        let room = self.senders.iter().map(|sender| Box::pin(sender.reserve()));
        match select_ok(room).await {
            Ok((place, _)) => place.send(batch),
            Err(_) => return exec_err!("nobody reads the answer any more"),
        }
        Ok(())
    }
}
