//! Seeded streams of random numbers: one per (seed, purpose, number), so that nothing depends on who computes it.

use rand::RngExt;
use rand::distr::weighted::WeightedIndex;
use rand_distr::StandardNormal;
pub use rand_pcg::Pcg64Mcg as Stream;

/// What a stream is for; two purposes never share numbers.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Where the establishments are and what they sell.
    Establishments = 1,
    /// Campaigns and their ads.
    Ads,
    /// What one user likes.
    Tastes,
    /// Everything else about one user: home, work, days.
    Person,
}

/// The stream of numbers for one thing.
pub fn stream(seed: u64, purpose: Purpose, number: u64) -> Stream {
    let high = mix(mix(seed) ^ purpose as u64);
    let low = mix(high ^ number);
    Stream::new((u128::from(mix(high)) << 64) | u128::from(low))
}

/// A pick among `weights`, in proportion to them.
///
/// # Panics
/// If no weight is above zero; callers plant at least one.
pub fn weighted(weights: impl IntoIterator<Item = f64>) -> WeightedIndex<f64> {
    WeightedIndex::new(weights).expect("weights are finite, none is negative and one is above zero")
}

/// A number around 0 with standard deviation 1.
pub fn normal(random: &mut Stream) -> f64 {
    random.sample(StandardNormal)
}

/// A number around `mean`, `spread` wide, kept within three spreads.
pub fn around(random: &mut Stream, mean: f64, spread: f64) -> f64 {
    mean + spread * normal(random).clamp(-3.0, 3.0)
}

/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (`SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let first = |seed, purpose, number| stream(seed, purpose, number).random::<u64>();
        let one = first(1, Purpose::Tastes, 1);
        assert_eq!(one, first(1, Purpose::Tastes, 1));
        for other in [first(2, Purpose::Tastes, 1), first(1, Purpose::Person, 1), first(1, Purpose::Tastes, 2)] {
            assert_ne!(one, other);
        }
    }
}
