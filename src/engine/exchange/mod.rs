//! Rows between tasks: bounded [`channels`] to an operator's output partitions, one background [`task`] that all of
//! them share, and rows that [`spill`] to temporary files where memory does not hold them.

pub mod channels;
pub mod spill;
pub mod task;

use futures::{Stream, StreamExt};

/// Yields to the scheduler after each item, so that a dropped stream ends at once.
pub fn yielding<T: Send>(items: impl Stream<Item = T> + Send) -> impl Stream<Item = T> + Send {
    items.then(|item| async {
        tokio::task::yield_now().await;
        item
    })
}
