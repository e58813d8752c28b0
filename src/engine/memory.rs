//! The memory of a session with a limit: what an operator may hold before it spills to disk or is refused.

use std::fmt;

use datafusion::common::{Result as PlanResult, resources_err};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// The end of the name of an operator of ours that spills.
const SPILLING: &str = " (spills by shard)";

/// The consumer of an operator of ours that spills: it may take what is free but for the last quarter, which is for
/// the operators above it.
pub fn spilling(name: &str) -> MemoryConsumer {
    MemoryConsumer::new(format!("{name}{SPILLING}"))
}

/// A [`FairSpillPool`] that never lets exchanges of rows spill, and leaves room beside operators that spill by shard.
///
/// `RepartitionExec` of DataFusion 55 waits for ever where two of its tasks spill at once: its reader waits for the
/// older of two open files while the batch that it needs is in the newer (apache/datafusion#24883). An exchange holds
/// some batches of each partition, since it reads no further when each has one; they count, but are not refused.
#[derive(Debug)]
pub struct LimitedPool {
    fair: FairSpillPool,
    bytes: usize,
}

impl LimitedPool {
    /// A pool of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { fair: FairSpillPool::new(bytes), bytes }
    }
}

fn is_exchange(consumer: &MemoryConsumer) -> bool {
    consumer.can_spill() && consumer.name().starts_with("RepartitionExec")
}

impl fmt::Display for LimitedPool {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.fair.fmt(f)
    }
}

impl MemoryPool for LimitedPool {
    fn name(&self) -> &str {
        self.fair.name()
    }

    // Those that spill share what there is: exchanges are none of them.
    fn register(&self, consumer: &MemoryConsumer) {
        if !is_exchange(consumer) {
            self.fair.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if !is_exchange(consumer) {
            self.fair.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.fair.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.fair.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> PlanResult<()> {
        if is_exchange(reservation.consumer()) {
            self.grow(reservation, additional);
            return Ok(());
        }
        let is_ours = reservation.consumer().name().ends_with(SPILLING);
        if is_ours && self.reserved() + additional > self.bytes / 4 * 3 {
            return resources_err!("{} must spill", reservation.consumer().name());
        }
        self.fair.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.fair.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.fair.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn exchanges_are_never_refused_and_take_no_share() {
        let pool: Arc<dyn MemoryPool> = Arc::new(LimitedPool::new(100));
        let register = |name: &str| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let (exchange, sort) = (register("RepartitionExec[0]"), register("ExternalSorter[0]"));
        exchange.try_grow(1_000).expect("exchanges are not refused");
        sort.try_grow(100).expect("the only one that spills may have all");
        assert!(sort.try_grow(1).is_err());
        assert_eq!(pool.reserved(), 1_100);
        drop((exchange, sort));
        assert_eq!(pool.reserved(), 0);
    }
}
