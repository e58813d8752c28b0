//! What was planted, and what was counted while it was: `truth.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ids::IdFormat;
use crate::calendar::DAY_PARTS;
use crate::synth::people::person::Person;
use crate::synth::random::{Purpose, stream};
use crate::synth::town::categories::{CATEGORIES, COUNT, hour_curves};
use crate::synth::town::city::City;
use crate::synth::town::tastes::{AD_TASTE, CAUSED_VISIT, WEEKDAY_TASTE};
use crate::synth::town::world::World;

/// Home and tastes of so many users are told; the others' are alike.
const USERS_TOLD: u64 = 200;
const WEEKDAY_NAMES: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

/// Exact counts of what was written; they add up over users and parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlantedCounts {
    /// Rows of `pings`.
    pub pings: u64,
    /// Views and clicks by campaign.
    pub campaigns: BTreeMap<usize, [u64; 2]>,
    /// Views and clicks by category and local hour.
    pub hours: BTreeMap<(usize, usize), [u64; 2]>,
    /// Trips to establishments, by category.
    pub outings: [u64; COUNT],
    /// Views of ads whose establishment could be reached in time.
    pub eligible_views: u64,
    /// Trips that such a view led to.
    pub caused_trips: u64,
}

impl PlantedCounts {
    /// Counts a view or click.
    pub fn add_event(&mut self, campaign: usize, category: usize, hour: usize, click: bool) {
        self.campaigns.entry(campaign).or_default()[usize::from(click)] += 1;
        self.hours.entry((category, hour)).or_default()[usize::from(click)] += 1;
    }

    /// Adds the counts of other users.
    pub fn add(&mut self, other: &PlantedCounts) {
        self.pings += other.pings;
        self.eligible_views += other.eligible_views;
        self.caused_trips += other.caused_trips;
        self.outings.iter_mut().zip(other.outings).for_each(|(sum, count)| *sum += count);
        add_all(&mut self.campaigns, &other.campaigns);
        add_all(&mut self.hours, &other.hours);
    }

    /// Views and clicks.
    pub fn interactions(&self) -> [u64; 2] {
        self.campaigns.values().fold([0; 2], |sum, count| [sum[0] + count[0], sum[1] + count[1]])
    }

    fn of_hour(&self, category: usize, hour: usize) -> [u64; 2] {
        self.hours.get(&(category, hour)).copied().unwrap_or_default()
    }
}

fn add_all<K: Ord + Copy>(sums: &mut BTreeMap<K, [u64; 2]>, counts: &BTreeMap<K, [u64; 2]>) {
    for (&key, count) in counts {
        let sum = sums.entry(key).or_default();
        sum[0] += count[0];
        sum[1] += count[1];
    }
}

/// The contents of `truth.json`, as described at the head of this module's parent.
pub fn truth(city: &City, world: &World, counts: &PlantedCounts) -> Value {
    let [views, clicks] = counts.interactions();
    json!({
        "complete": true,
        "seed": city.seed,
        "tz": city.calendar.tz(),
        "start": city.start.to_string(),
        "days": city.days,
        "rows": {
            "pings": counts.pings,
            "interactions": views + clicks,
            "establishments": world.sizes.establishments,
            "ads": world.sizes.ads,
        },
        "users": world.sizes.users,
        "views": views,
        "clicks": clicks,
        "campaigns": campaigns(world, counts),
        "categories": categories(counts),
        "ad_taste_probability": AD_TASTE,
        "weekday_taste_probability": WEEKDAY_TASTE,
        "caused_visit_probability": CAUSED_VISIT,
        "eligible_views": counts.eligible_views,
        "caused_trips": counts.caused_trips,
        "outings": counts.outings.iter().sum::<u64>(),
        "tastes": (0..world.sizes.users.min(USERS_TOLD)).map(|user| tastes(world, user)).collect::<Vec<_>>(),
    })
}

fn campaigns(world: &World, counts: &PlantedCounts) -> Value {
    let ids = IdFormat::campaigns(&world.sizes);
    let one = |(campaign, ctr): (usize, &f64)| {
        let [views, clicks] = counts.campaigns.get(&campaign).copied().unwrap_or_default();
        json!({ "campaign_id": ids.id(campaign as u64), "ctr": ctr, "views": views, "clicks": clicks })
    };
    world.market.ctr.iter().enumerate().map(one).collect()
}

fn categories(counts: &PlantedCounts) -> Value {
    let curves = hour_curves();
    let one = |category: usize| {
        let share: f64 = curves[category].iter().sum();
        let hours: Vec<_> = (0..24).map(|hour| counts.of_hour(category, hour)).collect();
        json!({
            "category": CATEGORIES[category].name,
            "share": share,
            "hour_shares": curves[category].map(|hour| hour / share),
            "interactions": hours.iter().flatten().sum::<u64>(),
            "views_by_hour": hours.iter().map(|hour| hour[0]).collect::<Vec<_>>(),
            "clicks_by_hour": hours.iter().map(|hour| hour[1]).collect::<Vec<_>>(),
            "outings": counts.outings[category],
        })
    };
    (0..COUNT).map(one).collect()
}

fn tastes(world: &World, user: u64) -> Value {
    let tastes = world.likings.tastes(world.seed, user);
    let names = |keys: &[&str], favourites: &[usize]| -> Value {
        let pairs = keys.iter().zip(favourites);
        pairs.map(|(key, &category)| (key.to_string(), json!(CATEGORIES[category].name))).collect()
    };
    let home = Person::new(world, user, &mut stream(world.seed, Purpose::Person, user)).home;
    json!({
        "user_id": IdFormat::users(&world.sizes).id(user),
        "home": { "latitude": home.latitude(), "longitude": home.longitude() },
        "ad_category_by_day_part": names(&DAY_PARTS, &tastes.ads),
        "establishment_category_by_weekday": names(&WEEKDAY_NAMES, &tastes.outings),
    })
}
