//! Which interactions may have earned a visit: bits that tell most of those that earned nothing, at one look.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::attribution::Visit;

/// Bits for what may have earned a visit: whose and which establishment's it was, and when, as exactly as the window is
/// long.
#[derive(Debug)]
pub struct Chances {
    bits: Vec<AtomicU64>,
    span_us: i64,
}

/// Bits for each visit, two of which are set: one of some ten interactions that earned nothing gets through.
const BITS_PER_VISIT: usize = 20;

impl Chances {
    /// None yet; there will be so many visits.
    pub fn new(visits: usize, window_us: i64) -> Self {
        let words = (visits * BITS_PER_VISIT / 64 + 1).next_power_of_two();
        Self::of((0..words).map(|_| 0), window_us)
    }

    /// Those whose bits are `words`, as many as a power of two. Bits of fewer visits, again and again until there are
    /// as many, or with those of other visits, say no less.
    pub fn of(words: impl Iterator<Item = u64>, window_us: i64) -> Self {
        Self { bits: words.map(AtomicU64::new).collect(), span_us: window_us.max(1) }
    }

    /// Every interaction may have earned a visit.
    pub fn all() -> Self {
        Self::of([u64::MAX].into_iter(), 1)
    }

    /// The bits.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.bits.iter().map(|word| word.load(Ordering::Relaxed))
    }

    /// Notes what may have earned the visit of a user, known by the hash of the id: an interaction earns visits within
    /// the span of time in which it happens and within the next one.
    pub fn note(&self, user: u64, visit: &Visit) {
        let span = visit.timestamp_us.div_euclid(self.span_us);
        for span in [span, span - 1] {
            let bit = self.bit(user, visit.establishment, span);
            self.bits[bit / 64].fetch_or(1 << (bit % 64), Ordering::Relaxed);
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
        self.bits[bit / 64].load(Ordering::Relaxed) >> (bit % 64) & 1 == 1
    }

    #[inline]
    fn bit(&self, user: u64, establishment: u32, span: i64) -> usize {
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4).
        let hash =
            (user ^ (u64::from(establishment) << 32 | span as u64 & 0xffff_ffff)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as usize >> 20 & (self.bits.len() * 64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_US: i64 = 1_000;

    fn visits(count: i64) -> impl Iterator<Item = (u64, Visit)> {
        (0..count).map(|i| (i as u64 % 89, Visit { timestamp_us: i * 997, user: 0, establishment: i as u32 % 7 }))
    }

    fn noted(room: usize, count: i64) -> Chances {
        let chances = Chances::new(room, WINDOW_US);
        visits(count).for_each(|(user, visit)| chances.note(user, &visit));
        chances
    }

    fn may_earn(chances: &Chances, user: u64, visit: &Visit, before_us: i64) -> bool {
        chances.has(chances.bit_at(user, visit.establishment, visit.timestamp_us - before_us))
    }

    #[test]
    fn what_earned_a_visit_has_a_chance_and_most_else_has_none() {
        let chances = noted(500, 500);
        assert!(visits(500).all(|(user, visit)| {
            [0, 1, WINDOW_US / 2, WINDOW_US].iter().all(|before| may_earn(&chances, user, &visit, *before))
        }));
        let others = visits(500).filter(|(user, visit)| may_earn(&chances, user + 1_000, visit, 0)).count();
        assert!(others < 100, "{others}");
    }

    #[test]
    fn bits_of_parts_together_say_what_the_parts_say() {
        let (few, many) = (noted(10, 10), noted(500, 300));
        let words = few.words().collect::<Vec<_>>().into_iter().cycle().zip(many.words());
        let both = Chances::of(words.map(|(one, other)| one | other), WINDOW_US);
        assert!(visits(300).all(|(user, visit)| may_earn(&both, user, &visit, WINDOW_US)));
    }

    #[test]
    fn all_may_have_earned_a_visit() {
        assert!(visits(100).all(|(user, visit)| may_earn(&Chances::all(), user, &visit, 12_345)));
    }
}
