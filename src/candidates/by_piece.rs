//! A Bloom filter of visits: for those who read interactions and see no visit, it tells most that earned nothing.

use crate::attribution::Visit;

/// Bits for what may have earned a visit: whose and which establishment's it was, and when, as exactly as the window is
/// long. B. H. Bloom, Communications of the ACM 13 (1970), with one bit for each.
#[derive(Debug)]
pub struct VisitFilter {
    words: Vec<u64>,
    span_us: i64,
}

/// Bits for each visit, two of which are set: one of some ten interactions that earned nothing gets through.
const BITS_PER_VISIT: usize = 20;

impl VisitFilter {
    /// None yet; there will be so many visits.
    pub fn new(visits: usize, window_us: i64) -> Self {
        Self::of(vec![0; (visits * BITS_PER_VISIT / 64 + 1).next_power_of_two()], window_us)
    }

    /// Those whose bits are `words`, as many as a power of two. Bits of fewer visits, again and again until there are
    /// as many, or with those of other visits, say no less.
    pub fn of(words: Vec<u64>, window_us: i64) -> Self {
        Self { words, span_us: window_us.max(1) }
    }

    /// Every interaction may have earned a visit.
    pub fn all() -> Self {
        Self::of(vec![u64::MAX], 1)
    }

    /// The bits.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Notes what may have earned the visit of a user, known by the hash of the id: an interaction earns visits within
    /// the span of time in which it happens and within the next one.
    pub fn note(&mut self, user: u64, visit: &Visit) {
        let span = visit.timestamp_us.div_euclid(self.span_us);
        for span in [span, span.saturating_sub(1)] {
            let bit = self.bit(user, visit.establishment, span);
            self.words[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// Where an interaction of a user at that instant would be noted.
    #[inline]
    pub fn bit_at(&self, user: u64, establishment: u32, timestamp_us: i64) -> usize {
        self.bit(user, establishment, timestamp_us.div_euclid(self.span_us))
    }

    /// Whether it is.
    #[inline]
    pub fn has(&self, bit: usize) -> bool {
        self.words[bit / 64] >> (bit % 64) & 1 == 1
    }

    #[inline]
    fn bit(&self, user: u64, establishment: u32, span: i64) -> usize {
        hash(user, establishment, span) as usize >> 20 & (self.words.len() * 64 - 1)
    }
}

/// A number that depends on a user, known by the hash of the id, an establishment and a span of time: Fibonacci hashing
/// (Knuth, The Art of Computer Programming 3, 6.4).
#[inline]
pub fn hash(user: u64, establishment: u32, span: i64) -> u64 {
    let key = user ^ (u64::from(establishment) << 32 | span as u64 & 0xffff_ffff);
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_US: i64 = 1_000;

    fn visits(count: i64) -> impl Iterator<Item = (u64, Visit)> {
        (0..count).map(|i| (i as u64 % 89, Visit { timestamp_us: i * 997, user: 0, establishment: i as u32 % 7 }))
    }

    fn noted(room: usize, count: i64) -> VisitFilter {
        let mut filter = VisitFilter::new(room, WINDOW_US);
        visits(count).for_each(|(user, visit)| filter.note(user, &visit));
        filter
    }

    fn may_earn(filter: &VisitFilter, user: u64, visit: &Visit, before_us: i64) -> bool {
        filter.has(filter.bit_at(user, visit.establishment, visit.timestamp_us - before_us))
    }

    #[test]
    fn what_earned_a_visit_is_a_candidate_and_most_else_is_none() {
        let filter = noted(500, 500);
        assert!(visits(500).all(|(user, visit)| {
            [0, 1, WINDOW_US / 2, WINDOW_US].iter().all(|before| may_earn(&filter, user, &visit, *before))
        }));
        let others = visits(500).filter(|(user, visit)| may_earn(&filter, user + 1_000, visit, 0)).count();
        assert!(others < 100, "{others}");
    }

    #[test]
    fn bits_of_parts_together_say_what_the_parts_say() {
        let (few, many) = (noted(10, 10), noted(500, 300));
        let words = few.words().iter().cycle().zip(many.words());
        let both = VisitFilter::of(words.map(|(one, other)| one | other).collect(), WINDOW_US);
        assert!(visits(300).all(|(user, visit)| may_earn(&both, user, &visit, WINDOW_US)));
    }

    #[test]
    fn all_may_have_earned_a_visit() {
        assert!(visits(100).all(|(user, visit)| may_earn(&VisitFilter::all(), user, &visit, 12_345)));
    }
}
