//! The life of one user: which days are seen, what is planned for them, and the pings and interactions it leaves.

use rand::RngExt;

use super::day::{Habits, Planner};
use super::events::Life;
use super::pen::Pen;
use super::person::Person;
use crate::synth::random::{Purpose, Stream, stream};
use crate::synth::tables::{InteractionRows, PingRows};
use crate::synth::town::world::World;

/// About so many pings of a seen day are on the way or at an establishment.
const MOVING_PER_DAY: f64 = 20.0;
/// And they are such a share of all; the others are at home or at work.
const MOVING: f64 = 0.65;
/// Interactions per ping.
const INTERACTIONS_PER_PING: f64 = 0.2;
/// Nobody looks at more ads than this in a day, on average.
const MOST_VIEWS: f64 = 40.0;

impl Life {
    /// Lives the life of a user.
    pub fn live(
        &mut self,
        world: &World,
        user: u64,
        user_id: &str,
        pings: &mut PingRows,
        interactions: &mut InteractionRows,
    ) {
        let mut random = stream(world.seed, Purpose::Person, user);
        let count = world.sizes.pings_of(user);
        self.plan(world, user, count, &mut random);
        self.write_interactions(world, user_id, interactions);
        Pen::new(world, user_id, &self.segments, count - self.moving, &mut random, pings).write(&self.corners);
        self.counts.pings += count as u64;
    }

    fn plan(&mut self, world: &World, user: u64, count: usize, random: &mut Stream) {
        self.segments.clear();
        self.corners.clear();
        self.events.clear();
        self.moving = 0;
        let person = Person::new(world, user, random);
        let days = world.days.len();
        let mut seen = ((count as f64 * MOVING / MOVING_PER_DAY).round() as usize).clamp(1, days);
        let views = (count as f64 * INTERACTIONS_PER_PING / seen as f64).min(MOST_VIEWS);
        let commutes = (count as f64 / days as f64 / 60.0).clamp(0.35, 1.0);
        let habits = Habits { views, commutes, pings: count - 1 };
        // Knuth, "The Art of Computer Programming" 3.4.2, algorithm S: so many days of all, in order.
        for day in 0..days {
            if random.random_range(0..days - day) < seen {
                seen -= 1;
                Planner::new(world, &person, habits, random, self).plan(day);
            }
        }
        self.events.sort_unstable();
    }

    fn write_interactions(&mut self, world: &World, user_id: &str, rows: &mut InteractionRows) {
        let mut clock = world.days.calendar.clock();
        for event in &self.events {
            rows.push(user_id, event);
            let ad = &world.market.ads[event.ad as usize];
            self.counts.add_event(ad.campaign, ad.category, clock.hour(event.timestamp_us) as usize, event.click);
        }
    }
}
