//! Who lives here: one user's home, work and habits.

use rand::RngExt;

use crate::synth::random::{Stream, around};
use crate::synth::town::categories::COUNT;
use crate::synth::town::point::Point;
use crate::synth::town::tastes::Tastes;
use crate::synth::town::world::World;

/// How many people work.
const WORKERS: f64 = 0.7;
/// How far from work people usually live.
const USUAL_COMMUTE_M: f64 = 4_000.0;
/// And at most.
const LONGEST_COMMUTE_M: f64 = 25_000.0;

/// One user.
#[derive(Debug)]
pub struct Person {
    /// Where the user sleeps.
    pub home: Point,
    /// Where the user works, if at all.
    pub work: Option<Point>,
    /// When the user usually comes to work and leaves it, in seconds since midnight.
    pub hours_s: (f64, f64),
    /// What the user likes.
    pub tastes: Tastes,
    /// The usual establishment of each category.
    pub usual: [Option<u32>; COUNT],
}

impl Person {
    /// A user of the world, the same whenever it is asked for with a fresh stream.
    pub fn new(world: &World, user: u64, random: &mut Stream) -> Self {
        let home = world.quiet(random, |random| world.places.home(random));
        let work = if random.random_bool(WORKERS) { work(world, home, random) } else { None };
        let begins_s = around(random, 8.3, 0.7) * 3600.0;
        let hours_s = (begins_s, begins_s + around(random, 8.8, 0.4) * 3600.0);
        let tastes = world.likings.tastes(world.seed, user);
        let usual = std::array::from_fn(|category| world.market.establishment_near(category, home, random));
        Self { home, work, hours_s, tastes, usual }
    }
}

/// A place to work, rather near to home; `None` if there is none within reach.
fn work(world: &World, home: Point, random: &mut Stream) -> Option<Point> {
    let mut nearest: Option<Point> = None;
    for _ in 0..8 {
        let found = world.quiet(random, |random| world.places.shop(random));
        if random.random::<f64>() < (-home.distance_m(found) / USUAL_COMMUTE_M).exp() {
            return Some(found);
        }
        nearest = nearest.filter(|best| home.distance_m(*best) < home.distance_m(found)).or(Some(found));
    }
    nearest.filter(|work| home.distance_m(*work) < LONGEST_COMMUTE_M)
}
