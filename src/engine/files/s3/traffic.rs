//! What was asked of S3, and how much came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests and bytes of a data set, counted by all that read it.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<TrafficSums>);

#[derive(Debug, Default)]
struct TrafficSums {
    lists: AtomicU64,
    gets: AtomicU64,
    bytes: AtomicU64,
}

/// Requests and bytes until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Requests that list objects.
    pub lists: u64,
    /// Requests for bytes of objects.
    pub gets: u64,
    /// Bytes of objects that came.
    pub bytes: u64,
}

impl Traffic {
    /// Counts a request that lists.
    pub fn listed(&self) {
        self.0.lists.fetch_add(1, Relaxed);
    }

    /// Counts a request for so many bytes.
    pub fn got(&self, bytes: u64) {
        self.0.gets.fetch_add(1, Relaxed);
        self.0.bytes.fetch_add(bytes, Relaxed);
    }

    /// What was counted until now.
    pub fn asked(&self) -> Fetched {
        let TrafficSums { lists, gets, bytes } = self.0.as_ref();
        Fetched { lists: lists.load(Relaxed), gets: gets.load(Relaxed), bytes: bytes.load(Relaxed) }
    }
}
