//! Visits and interactions of one user in time order: attributed visits.

use std::cmp::Reverse;
use std::collections::HashMap;

/// The interaction that gets the credit for a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// When the user saw or clicked the ad: microseconds since 1970-01-01 UTC.
    pub timestamp_us: i64,
    /// Whether it was a click (else a view).
    pub click: bool,
    /// The ad, numbered in the text order of the ids: a smaller number is a smaller id.
    pub ad: u32,
}

impl Credit {
    /// The latest gets the credit; of several at that instant a click before a view, then the smallest ad.
    fn precedence(&self) -> (i64, bool, Reverse<u32>) {
        (self.timestamp_us, self.click, Reverse(self.ad))
    }
}

/// A walk along the events of one user after another.
///
/// Events come in time order; at the same instant, interactions come before visits, since a visit at the very
/// instant of the interaction is attributed. Interactions of one instant may come in any order.
#[derive(Debug)]
pub struct Walk {
    window_us: i64,
    latest: HashMap<u32, Credit>,
}

impl Walk {
    /// A walk that attributes visits at most `window_us` microseconds after the interaction, that end included.
    pub fn new(window_us: i64) -> Self {
        Self { window_us, latest: HashMap::new() }
    }

    /// Forgets the interactions seen: what follows belongs to another user.
    pub fn next_user(&mut self) {
        self.latest.clear();
    }

    /// The user saw or clicked an ad of `establishment`.
    pub fn interact(&mut self, establishment: u32, credit: Credit) {
        let latest = self.latest.entry(establishment).or_insert(credit);
        if credit.precedence() > latest.precedence() {
            *latest = credit;
        }
    }

    /// The interaction to credit for a visit to `establishment` at `timestamp_us`, if one is recent enough.
    pub fn credit(&self, establishment: u32, timestamp_us: i64) -> Option<Credit> {
        let latest = self.latest.get(&establishment)?;
        let after_us = timestamp_us.checked_sub(latest.timestamp_us)?;
        (0..=self.window_us).contains(&after_us).then_some(*latest)
    }
}

#[cfg(test)]
mod tests {
    use super::{Credit, Walk};
    use crate::units::ATTRIBUTION_WINDOW_US;

    const VIEW: Credit = Credit { timestamp_us: 1_000, click: false, ad: 5 };

    fn walk_with(credits: &[Credit]) -> Walk {
        let mut walk = Walk::new(ATTRIBUTION_WINDOW_US);
        credits.iter().for_each(|credit| walk.interact(7, *credit));
        walk
    }

    #[test]
    fn both_ends_of_the_window_are_in() {
        let walk = walk_with(&[VIEW]);
        assert_eq!(walk.credit(7, 999), None);
        assert_eq!(walk.credit(7, 1_000), Some(VIEW));
        assert_eq!(walk.credit(7, 1_000 + ATTRIBUTION_WINDOW_US), Some(VIEW));
        assert_eq!(walk.credit(7, 1_001 + ATTRIBUTION_WINDOW_US), None);
    }

    #[test]
    fn another_establishment_or_user_earns_nothing() {
        let mut walk = walk_with(&[VIEW]);
        assert_eq!(walk.credit(8, 1_000), None);
        walk.next_user();
        assert_eq!(walk.credit(7, 1_000), None);
    }

    #[test]
    fn latest_then_click_then_smallest_ad() {
        let later = Credit { timestamp_us: 1_001, ..VIEW };
        let click = Credit { click: true, ad: 9, ..VIEW };
        let smaller = Credit { ad: 4, ..VIEW };
        for (credits, winner) in [
            ([VIEW, later], later),
            ([VIEW, click], click),
            ([click, smaller], click),
            ([VIEW, smaller], smaller),
            ([smaller, VIEW], smaller),
        ] {
            assert_eq!(walk_with(&credits).credit(7, 2_000), Some(winner));
        }
    }

    #[test]
    fn instants_at_the_ends_of_time_do_not_overflow() {
        let walk = walk_with(&[Credit { timestamp_us: i64::MIN, ..VIEW }]);
        assert_eq!(walk.credit(7, i64::MAX), None);
    }
}
