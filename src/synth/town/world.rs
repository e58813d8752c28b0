//! What all users of a city share.

use rand::distr::Distribution;
use rand_distr::Poisson;

use super::city::City;
use super::days::Days;
use super::market::Market;
use super::places::Places;
use super::plan::Sizes;
use super::point::Point;
use super::tastes::Likings;
use crate::Result;
use crate::geo::EstablishmentIndex;
use crate::synth::random::Stream;

/// Nobody lives or works this close to an establishment: being at home is no visit.
const QUIET_M: f64 = 100.0;

/// What all users share.
#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub sizes: Sizes,
    pub days: Days,
    pub places: Places,
    pub market: Market,
    pub likings: Likings,
    pub shops: EstablishmentIndex,
}

impl World {
    pub fn new(city: &City) -> Result<Self> {
        let (days, sizes, places) = (Days::new(city)?, Sizes::new(city)?, Places::default());
        let market = Market::new(city.seed, &sizes, &places);
        let degrees = |of: fn(Point) -> f64| -> Vec<_> {
            market.establishments.iter().map(|establishment| of(establishment.place)).collect()
        };
        let shops = EstablishmentIndex::new(&degrees(Point::latitude), &degrees(Point::longitude), QUIET_M)?;
        Ok(Self { seed: city.seed, sizes, days, places, market, likings: Likings::default(), shops })
    }

    /// A place that is not next to an establishment, if one is soon found.
    pub fn quiet(&self, random: &mut Stream, draw: impl Fn(&mut Stream) -> Point) -> Point {
        let mut place = draw(random);
        for _ in 0..12 {
            if !self.shops.is_near_any(place.latitude(), place.longitude()) {
                break;
            }
            place = draw(random);
        }
        place
    }

    /// An instant of a day, to the millisecond.
    pub fn instant_us(&self, day: usize, at_s: f64) -> i64 {
        self.days.begin_us(day) + (at_s * 1000.0) as i64 * 1000
    }
}

/// How often something happens that happens `mean` times on average, `mean` being above zero.
pub fn times(mean: f64, random: &mut Stream) -> usize {
    Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(random)) as usize
}
