//! Bounded channels from worker tasks to the operator's output partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{Result as PlanResult, exec_err};
use futures::future::select_ok;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// Batches that a channel buffers.
const BATCHES_PER_CHANNEL: usize = 4;

/// The receiving end of a partition's channel.
pub type OutputChannel = Receiver<PlanResult<RecordBatch>>;

/// The sending ends of all partitions' channels. A batch goes to any that has room, so that a partition that is not
/// read blocks no other.
#[derive(Debug, Clone)]
pub struct OutputChannels {
    senders: Vec<Sender<PlanResult<RecordBatch>>>,
    /// Whether a batch was ever sent.
    are_used: Arc<AtomicBool>,
}

impl OutputChannels {
    /// Opens a channel for each partition.
    pub fn new(partitions: usize) -> (Self, Vec<OutputChannel>) {
        let (senders, receivers) = (0..partitions).map(|_| channel(BATCHES_PER_CHANNEL)).unzip();
        (Self { senders, are_used: Arc::default() }, receivers)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.senders.len()
    }

    /// Whether a batch was sent: after that, the fallback can no longer take over.
    pub fn are_used(&self) -> bool {
        self.are_used.load(Ordering::Relaxed)
    }

    /// The same channels for a task that tries `first` before the others.
    pub fn starting_at(&self, first: usize) -> Self {
        let mut senders = self.senders.clone();
        senders.rotate_left(first % self.senders.len());
        Self { senders, are_used: Arc::clone(&self.are_used) }
    }

    /// One channel alone, for rows whose order matters.
    pub fn only(&self, number: usize) -> Self {
        Self { senders: vec![self.senders[number].clone()], are_used: Arc::clone(&self.are_used) }
    }

    /// Sends `batch` as soon as a channel has room; an error if all are closed.
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
