//! What people like: which ads in which part of the day, and which establishments on which weekday.

use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use super::categories::{COUNT, hour_curves, outings};
use crate::calendar::DAY_PARTS;
use crate::synth::random::{Purpose, Stream, stream, weighted};

/// How often a view of an ad leads to its establishment, if that can be reached and is open in the next hours.
pub const CAUSED_VISIT: f64 = 0.06;
/// How often a user sees an ad of the favourite category of that part of the day; else it is one of any category.
pub const AD_TASTE: f64 = 0.6;
/// How often a user who goes out chooses the favourite category of that weekday; else it is any.
pub const WEEKDAY_TASTE: f64 = 0.7;

const PARTS_OF_DAY: usize = DAY_PARTS.len();
const HOURS: usize = 24 / PARTS_OF_DAY;

/// What one user likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tastes {
    /// The favourite category of ads in each part of the day.
    pub ads: [usize; PARTS_OF_DAY],
    /// The favourite category of establishments on each weekday, from Monday on.
    pub outings: [usize; 7],
}

/// What people like, as shares.
///
/// Favourites are planted in the same shares as everything else, so that the hour curves hold over all users.
#[derive(Debug)]
pub struct Likings {
    parts: WeightedIndex<f64>,
    categories: [WeightedIndex<f64>; PARTS_OF_DAY],
    hours: [[WeightedIndex<f64>; PARTS_OF_DAY]; COUNT],
    arrivals: [WeightedIndex<f64>; COUNT],
    outings: [WeightedIndex<f64>; 7],
}

impl Default for Likings {
    fn default() -> Self {
        let curves = hour_curves();
        let hours = |category: usize, part: usize| &curves[category][part * HOURS..(part + 1) * HOURS];
        let share = |category: usize, part: usize| hours(category, part).iter().sum::<f64>();
        let parts = weighted((0..PARTS_OF_DAY).map(|part| (0..COUNT).map(|category| share(category, part)).sum()));
        Self {
            parts,
            categories: std::array::from_fn(|part| weighted((0..COUNT).map(|category| share(category, part)))),
            hours: std::array::from_fn(|category| {
                std::array::from_fn(|part| weighted(hours(category, part).iter().copied()))
            }),
            arrivals: curves.map(weighted),
            outings: std::array::from_fn(outings),
        }
    }
}

impl Likings {
    /// What a user likes: the same whenever it is asked.
    pub fn tastes(&self, seed: u64, user: u64) -> Tastes {
        let mut random = stream(seed, Purpose::Tastes, user);
        let ads = std::array::from_fn(|part| self.categories[part].sample(&mut random));
        Tastes { ads, outings: std::array::from_fn(|weekday| self.outings[weekday].sample(&mut random)) }
    }

    /// When a user looks at an ad, in hours since midnight, and of which category it is.
    pub fn view(&self, tastes: &Tastes, random: &mut Stream) -> (f64, usize) {
        let part = self.parts.sample(random);
        let category =
            if random.random_bool(AD_TASTE) { tastes.ads[part] } else { self.categories[part].sample(random) };
        let hour = part * HOURS + self.hours[category][part].sample(random);
        (hour as f64 + random.random::<f64>(), category)
    }

    /// Where a user goes on a weekday: a category.
    pub fn outing(&self, tastes: &Tastes, weekday: usize, random: &mut Stream) -> usize {
        if random.random_bool(WEEKDAY_TASTE) { tastes.outings[weekday] } else { self.outings[weekday].sample(random) }
    }

    /// At what time of the day somebody wants to be at an establishment, in hours since midnight.
    pub fn arrival(&self, category: usize, random: &mut Stream) -> f64 {
        self.arrivals[category].sample(random) as f64 + random.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_follow_the_curves_over_all_users() {
        let (likings, curves) = (Likings::default(), hour_curves());
        let mut random = stream(1, Purpose::Person, 0);
        let mut counts = [[0.0; 24]; COUNT];
        for user in 0..40_000 {
            let tastes = likings.tastes(1, user);
            for _ in 0..5 {
                let (hour, category) = likings.view(&tastes, &mut random);
                counts[category][hour as usize] += 1.0 / 200_000.0;
            }
        }
        let error = |category: usize, hour: usize| (counts[category][hour] - curves[category][hour]).abs();
        let most = (0..COUNT).flat_map(|category| (0..24).map(move |hour| (category, hour)));
        assert!(most.map(|(category, hour)| error(category, hour)).fold(0.0, f64::max) < 0.002);
    }
}
