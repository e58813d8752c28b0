//! Who sells and who advertises: establishments, campaigns and their ads.

use rand::RngExt;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::SliceRandom;

use super::categories::{CATEGORIES, COUNT};
use super::places::Places;
use super::plan::Sizes;
use super::point::Point;
use crate::synth::random::{Purpose, Stream, normal, stream, weighted};

/// The least and the greatest share of views that a campaign's ads turn into clicks.
const CTR_RANGE: (f64, f64) = (0.005, 0.08);
/// One ad in so many belongs to no establishment.
const AD_WITHOUT_ESTABLISHMENT: usize = 25;

/// A place that sells something.
#[derive(Debug)]
pub struct Establishment {
    /// Where it is.
    pub place: Point,
    /// What it sells: a row of [`CATEGORIES`].
    pub category: usize,
    /// Its number among those of its category, from 1.
    pub number: u32,
    /// The hour at which it opens.
    pub opens: u32,
    /// The hour at which it closes.
    pub closes: u32,
    /// How much more people like it than the others.
    weight: f64,
}

/// An advertisement.
#[derive(Debug)]
pub struct Ad {
    /// The campaign that pays for it.
    pub campaign: usize,
    /// Its establishment's category, or its own.
    pub category: usize,
    /// What it is for.
    pub establishment: Option<u32>,
    weight: f64,
}

/// Some of the establishments, or of the ads, and a pick among them.
#[derive(Debug)]
struct Choice {
    members: Vec<u32>,
    pick: WeightedIndex<f64>,
}

/// All that is sold and advertised in a city.
#[derive(Debug)]
pub struct Market {
    /// Numbered as in the table.
    pub establishments: Vec<Establishment>,
    /// Numbered as in the table.
    pub ads: Vec<Ad>,
    /// The planted share of views that are clicked, by campaign.
    pub ctr: Vec<f64>,
    establishments_of: [Option<Choice>; COUNT],
    ads_of: [Option<Choice>; COUNT],
}

impl Market {
    /// The market of a city.
    pub fn new(seed: u64, sizes: &Sizes, places: &Places) -> Self {
        let establishments = establishments(seed, sizes.establishments, places);
        let establishments_of = by_category(establishments.iter().map(|one| (one.category, one.weight)));
        let mut random = stream(seed, Purpose::Ads, 0);
        let ctr = ctrs(sizes.campaigns, &mut random);
        let ads: Vec<_> = (0..sizes.ads).map(|number| ad(number, ctr.len(), &establishments_of, &mut random)).collect();
        let ads_of = by_category(ads.iter().map(|ad| (ad.category, ad.weight)));
        Self { establishments, ads, ctr, establishments_of, ads_of }
    }

    /// An establishment of a category, the popular ones more often; `None` if there is none.
    pub fn establishment(&self, category: usize, random: &mut Stream) -> Option<u32> {
        pick(&self.establishments_of, category, random)
    }

    /// An ad of a category.
    pub fn ad(&self, category: usize, random: &mut Stream) -> Option<u32> {
        pick(&self.ads_of, category, random)
    }

    /// An establishment of a category that is not far from `home`; `None` if all of those looked at are out of reach.
    pub fn establishment_near(&self, category: usize, home: Point, random: &mut Stream) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for _ in 0..12 {
            let found = self.establishment(category, random)?;
            let distance_m = home.distance_m(self.establishments[found as usize].place);
            if best.is_none_or(|(least_m, _)| distance_m < least_m) {
                best = Some((distance_m, found));
            }
            if random.random::<f64>() < (-distance_m / USUAL_M).exp() {
                return Some(found);
            }
        }
        best.filter(|&(distance_m, _)| distance_m < REACH_M).map(|(_, found)| found)
    }
}

/// People seldom look much further than this for what they want.
const USUAL_M: f64 = 2_500.0;
/// They never go further than this for it.
pub const REACH_M: f64 = 25_000.0;

fn establishments(seed: u64, count: usize, places: &Places) -> Vec<Establishment> {
    let mut random = stream(seed, Purpose::Establishments, 0);
    let categories = weighted(CATEGORIES.iter().map(|category| category.share));
    let mut numbers = [0; COUNT];
    let one = |row| {
        // The first ones see to it that every category is there.
        let category = if row < COUNT { row } else { categories.sample(&mut random) };
        numbers[category] += 1;
        establishment(category, numbers[category], places, &mut random)
    };
    (0..count).map(one).collect()
}

fn establishment(category: usize, number: u32, places: &Places, random: &mut Stream) -> Establishment {
    let (place, weight) = (places.shop(random), (0.9 * normal(random)).exp());
    let opens = CATEGORIES[category].opens + u32::from(random.random_bool(0.25));
    let closes = CATEGORIES[category].closes - u32::from(random.random_bool(0.25));
    Establishment { place, category, number, opens, closes, weight }
}

fn ad(number: usize, campaigns: usize, establishments_of: &[Option<Choice>; COUNT], random: &mut Stream) -> Ad {
    let any = weighted(CATEGORIES.iter().map(|category| category.share)).sample(random);
    let category = if number < COUNT { number } else { any };
    let campaign = if number < campaigns { number } else { random.random_range(0..campaigns) };
    let establishment = pick(establishments_of, category, random);
    let establishment = establishment.filter(|_| number % AD_WITHOUT_ESTABLISHMENT != AD_WITHOUT_ESTABLISHMENT - 1);
    Ad { campaign, category, establishment, weight: (0.5 * normal(random)).exp() }
}

/// Click-through rates from the least to the greatest, each the same factor above the one before, shuffled.
fn ctrs(campaigns: usize, random: &mut Stream) -> Vec<f64> {
    let factor = CTR_RANGE.1 / CTR_RANGE.0;
    let step = |campaign: usize| campaign as f64 / (campaigns - 1).max(1) as f64;
    let round = |ctr: f64| (ctr * 1e4).round() / 1e4;
    let mut ctrs: Vec<_> = (0..campaigns).map(|campaign| round(CTR_RANGE.0 * factor.powf(step(campaign)))).collect();
    ctrs.shuffle(random);
    ctrs
}

fn by_category(rows: impl Iterator<Item = (usize, f64)>) -> [Option<Choice>; COUNT] {
    let mut split: [(Vec<u32>, Vec<f64>); COUNT] = Default::default();
    for (row, (category, weight)) in rows.enumerate() {
        split[category].0.push(row as u32);
        split[category].1.push(weight);
    }
    split.map(|(members, weights)| (!members.is_empty()).then(|| Choice { members, pick: weighted(weights) }))
}

fn pick(choices: &[Option<Choice>; COUNT], category: usize, random: &mut Stream) -> Option<u32> {
    choices[category].as_ref().map(|choice| choice.members[choice.pick.sample(random)])
}
