//! Ads that run, and what a user likes: how good a suggestion would be.

use std::collections::{HashMap, HashSet};

use arrow::array::StringViewArray;

use crate::calendar::DAY_PARTS;
use crate::ids::{Id, Ids};

/// An ad of an establishment.
#[derive(Debug, Clone)]
pub struct RunningAd {
    /// Its id.
    pub ad_id: String,
    /// The campaign's id.
    pub campaign_id: String,
    /// The number of its category.
    pub category: u32,
    /// The lower bound of its click-through rate.
    pub ctr_low: f64,
    /// The first and the last local day on which it runs, since 1970-01-01.
    pub days: (Option<i32>, Option<i32>),
}

impl RunningAd {
    fn runs_on(&self, day: i32) -> bool {
        self.days.0.is_none_or(|first| first <= day) && self.days.1.is_none_or(|last| day <= last)
    }
}

/// Ads by establishment, the tastes of users, and who knows which establishment.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Ads of each row of the establishments, by id.
    ads: Vec<Vec<RunningAd>>,
    /// Whether an ad of each row always runs.
    evergreen: Vec<bool>,
    /// How many categories ads have.
    categories: u32,
    users: Ids,
    tastes: HashMap<(u32, u8), Vec<(u32, f64)>>,
    familiar: HashSet<(u32, u64)>,
}

/// Somebody's view of a day: who, on which local day, in which part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) user: Option<u32>,
    pub(super) now_us: i64,
    pub(super) day: i32,
    pub(super) day_part: u8,
}

impl Offers {
    pub(super) fn new(mut ads: Vec<Vec<RunningAd>>, categories: u32) -> Self {
        ads.iter_mut().for_each(|ads| ads.sort_by(|a, b| a.ad_id.cmp(&b.ad_id)));
        let evergreen = ads.iter().map(|ads| ads.iter().any(|ad| ad.days == (None, None))).collect();
        Self { ads, evergreen, categories, ..Self::default() }
    }

    /// Adds the share that ads of a category have of what users do in a part of the day.
    pub(super) fn add_tastes(&mut self, users: &StringViewArray, rows: impl Iterator<Item = (u8, u32, f64)>) {
        for (row, (day_part, category, share)) in rows.enumerate() {
            let user = self.users.add(Id::at(users, row));
            self.tastes.entry((user, day_part)).or_default().push((category, share));
        }
    }

    /// Adds an establishment, by its key, where a user is on most days.
    pub(super) fn add_familiar(&mut self, users: &StringViewArray, establishments: impl Iterator<Item = u64>) {
        for (row, establishment) in establishments.enumerate() {
            let user = self.users.add(Id::at(users, row));
            self.familiar.insert((user, establishment));
        }
    }

    /// The number of a user that anything is known of.
    pub(super) fn user(&self, id: Id) -> Option<u32> {
        self.users.find(id)
    }

    pub(super) fn is_familiar(&self, user: Option<u32>, establishment: u64) -> bool {
        user.is_some_and(|user| self.familiar.contains(&(user, establishment)))
    }

    /// Whether any ad of an establishment runs on a local day.
    pub(super) fn has_any(&self, row: u32, day: i32) -> bool {
        self.evergreen[row as usize] || self.ads[row as usize].iter().any(|ad| ad.runs_on(day))
    }

    /// The best ad of an establishment for who arrives by a chance, and its score; `None` if none runs.
    pub(super) fn best(&self, row: u32, chance: f64, moment: &Moment) -> Option<(&RunningAd, f64)> {
        let running = self.ads[row as usize].iter().filter(|ad| ad.runs_on(moment.day));
        let scored = running.map(|ad| (ad, chance * self.taste(moment, ad.category) * ad.ctr_low));
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The share of a category in what a user does in a part of the day; even where nothing is known.
    fn taste(&self, moment: &Moment, category: u32) -> f64 {
        let known = moment.user.and_then(|user| self.tastes.get(&(user, moment.day_part)));
        match known {
            None => 1.0 / f64::from(self.categories.max(1)),
            Some(shares) => shares.iter().find(|(of, _)| *of == category).map_or(0.0, |(_, share)| *share),
        }
    }
}

/// The number of a part of the day.
pub(super) fn day_part_number(name: &str) -> Option<u8> {
    DAY_PARTS.iter().position(|part| *part == name).map(|at| at as u8)
}
