//! A Bloom filter over (user, establishment, time span): it rejects most interactions that earned nothing and never
//! one that did.
//!
//! Each shard of the users has bits of its own, which one task sets. The bits of an era lie together: a log is in the
//! order of time, so that interactions that follow each other look at what is in the cache.

use std::ops::Range;

use super::by_piece::hash;
use crate::attribution::Visit;

/// Bits for each span that is noted, of which a visit has two: one of some ten interactions that earned nothing gets
/// through.
const BITS_PER_NOTE: usize = 10;
/// Into how many eras time is cut at most.
const MOST_ERAS: u64 = 512;

/// The time of all visits in spans, each as long as the window: an interaction earns visits within the span in which it
/// happens and within the next one. An era is some spans.
#[derive(Debug, Clone, Copy)]
pub struct Eras {
    span_us: i64,
    /// The first span in which an interaction may earn a visit.
    first: i64,
    /// An era has two to this power of spans.
    log2_spans: u32,
    count: usize,
}

/// A span by number, and its era, if an interaction in it may earn a visit.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    number: i64,
    era: Option<usize>,
}

impl Eras {
    /// The eras of visits from the first to the last of two instants.
    pub fn new((first_us, last_us): (i64, i64), window_us: i64) -> Self {
        let span_us = window_us.max(1);
        let (first, last) = (first_us.div_euclid(span_us).saturating_sub(1), last_us.div_euclid(span_us));
        let spans = last.wrapping_sub(first) as u64;
        let log2_spans = (spans / MOST_ERAS).checked_ilog2().map_or(0, |log2| log2 + 1);
        Self { span_us, first, log2_spans, count: (spans >> log2_spans) as usize + 1 }
    }

    fn span(&self, number: i64) -> Span {
        let era = number.wrapping_sub(self.first) as u64 >> self.log2_spans;
        Span { number, era: Some(era as usize).filter(|era| *era < self.count) }
    }
}

/// Tells the spans of instants, most of which are of the same one as the instant before.
pub struct SpanClock {
    eras: Eras,
    span: Span,
    instants_us: Range<i64>,
}

impl SpanClock {
    /// A clock of these eras.
    pub fn new(eras: Eras) -> Self {
        Self { eras, span: eras.span(0), instants_us: 0..eras.span_us }
    }

    /// The span of an instant.
    #[inline]
    pub fn at(&mut self, timestamp_us: i64) -> Span {
        if !self.instants_us.contains(&timestamp_us) {
            let (number, span_us) = (timestamp_us.div_euclid(self.eras.span_us), self.eras.span_us);
            self.span = self.eras.span(number);
            self.instants_us = number.saturating_mul(span_us)..number.saturating_add(1).saturating_mul(span_us);
        }
        self.span
    }

    /// The spans in which what earned a visit may have happened.
    fn before(&mut self, visit: &Visit) -> [Span; 2] {
        let span = self.at(visit.timestamp_us);
        [span, self.eras.span(span.number.saturating_sub(1))]
    }
}

/// The Bloom filter of the visits of one shard.
#[derive(Debug, Default)]
pub struct CandidateFilter {
    bits: Vec<u64>,
    /// Where the bits of each era begin, and where the last one's end.
    starts: Vec<usize>,
}

impl CandidateFilter {
    /// The bytes that those of so many visits take: each is noted in two spans.
    pub fn size_of(visits: usize) -> usize {
        2 * visits * BITS_PER_NOTE / 8
    }

    /// The bytes held.
    pub fn size(&self) -> usize {
        self.bits.capacity() * 8 + self.starts.capacity() * size_of::<usize>()
    }

    /// Fills a filter with `visits`, whose users have these `hashes`.
    pub fn new(visits: &[Visit], hashes: &[u64], eras: Eras) -> Self {
        let mut starts = vec![0; eras.count + 1];
        let mut clock = SpanClock::new(eras);
        for era in visits.iter().flat_map(|visit| clock.before(visit)).filter_map(|span| span.era) {
            starts[era + 1] += BITS_PER_NOTE;
        }
        (0..eras.count).for_each(|era| starts[era + 1] += starts[era]);
        let mut filter = Self { bits: vec![0; starts[eras.count] / 64 + 1], starts };
        for visit in visits {
            for span in clock.before(visit) {
                if let Some(bit) = filter.bit(hashes[visit.user as usize], visit.establishment, span) {
                    filter.bits[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        filter
    }

    /// Whether an interaction in a span, of the user whose id has this hash, may have earned a visit.
    #[inline]
    pub fn has(&self, user: u64, establishment: u32, span: Span) -> bool {
        self.bit(user, establishment, span).is_some_and(|bit| self.bits[bit / 64] >> (bit % 64) & 1 == 1)
    }

    #[inline]
    fn bit(&self, user: u64, establishment: u32, span: Span) -> Option<usize> {
        let (start, end) = (self.starts[span.era?], self.starts[span.era? + 1]);
        let hash = hash(user, establishment, span.number);
        Some(start + ((u128::from(hash) * (end - start) as u128) >> 64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_US: i64 = 1_000;

    fn visits(instants: &[i64]) -> Vec<Visit> {
        instants.iter().map(|timestamp_us| Visit { timestamp_us: *timestamp_us, user: 0, establishment: 3 }).collect()
    }

    fn filter(instants: &[i64], window_us: i64) -> (CandidateFilter, SpanClock) {
        let ends = (instants[0], instants[instants.len() - 1]);
        let eras = Eras::new(ends, window_us);
        (CandidateFilter::new(&visits(instants), &[77], eras), SpanClock::new(eras))
    }

    #[test]
    fn what_earned_a_visit_is_a_candidate() {
        let instants: Vec<i64> = (-5_000..5_000).map(|i| i * i * i).collect();
        for window_us in [0, 1, WINDOW_US, i64::MAX] {
            let (filter, mut clock) = filter(&instants, window_us);
            for instant in &instants {
                for before_us in [0, window_us / 2, window_us] {
                    assert!(filter.has(77, 3, clock.at(instant.saturating_sub(before_us))));
                }
            }
        }
    }

    #[test]
    fn most_others_have_none() {
        let instants: Vec<i64> = (0..5_000).map(|i| i * 10 * WINDOW_US).collect();
        let (filter, mut clock) = filter(&instants, WINDOW_US);
        let mut passing = |user, after_us| {
            instants.iter().filter(|instant| filter.has(user, 3, clock.at(**instant + after_us))).count()
        };
        assert!(passing(!77, 0) < 750 && passing(77, 5 * WINDOW_US) < 750);
        assert!(!filter.has(77, 3, clock.at(-2 * WINDOW_US)) && !filter.has(77, 3, clock.at(i64::MAX)));
    }

    #[test]
    fn the_ends_of_time_are_instants_like_others() {
        for window_us in [1, WINDOW_US, i64::MAX] {
            let (filter, mut clock) = filter(&[i64::MIN, 0, i64::MAX], window_us);
            assert!([i64::MIN, 0, i64::MAX].iter().all(|instant| filter.has(77, 3, clock.at(*instant))));
        }
    }
}
