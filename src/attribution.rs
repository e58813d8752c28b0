//! Visits and interactions: attributed visits.
//!
//! Of the interactions of one user with one establishment, the latest gets the credit for a visit; of several at that
//! instant a click before a view, then the smallest ad.

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

/// A visit, as far as its attribution depends on it. Users are numbered from 0.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// When: microseconds since 1970-01-01 UTC.
    pub timestamp_us: i64,
    /// Whose.
    pub user: u32,
    /// Where.
    pub establishment: u32,
}

/// An interaction in 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Interaction {
    timestamp_us: i64,
    user: u32,
    rank: Rank,
}

/// Of interactions at one instant, the greatest rank gets the credit: the upper bit says click, the others run
/// against the number of the ad.
type Rank = u32;

const CLICK: Rank = 1 << 31;

impl Interaction {
    /// What `user` did. The ad's number is below 2^31.
    pub fn new(user: u32, credit: Credit) -> Self {
        let rank = (CLICK - 1 - credit.ad) | if credit.click { CLICK } else { 0 };
        Self { timestamp_us: credit.timestamp_us, user, rank }
    }

    /// Whose it is.
    pub fn user(&self) -> u32 {
        self.user
    }

    fn ad(&self) -> u32 {
        CLICK - 1 - (self.rank & (CLICK - 1))
    }

    /// The credit that it may get.
    pub fn credit(&self) -> Credit {
        Credit { timestamp_us: self.timestamp_us, click: self.rank & CLICK != 0, ad: self.ad() }
    }
}

/// One user's interaction with an ad of an establishment as one number, in the order of the credit: establishment,
/// instant, rank.
type Seen = u128;

fn seen_in_order(establishment: u32, timestamp_us: i64, rank: Rank) -> Seen {
    let instant = timestamp_us as u64 ^ 1 << 63;
    u128::from(establishment) << 96 | u128::from(instant) << 32 | u128::from(rank)
}

/// The interactions of some users, ready for any visit.
#[derive(Debug)]
pub struct Evidence {
    window_us: i64,
    /// Part after part, each of them sorted.
    seen: Vec<Seen>,
    /// Where each part starts, and where the last one ends.
    starts: Vec<u32>,
    parts: Parts,
}

/// Each user's interactions in parts, by the last bits of the establishment's number, so that most parts have one or
/// two, and most visits find at once what they look for.
#[derive(Clone, Copy, Debug)]
struct Parts {
    users: usize,
    log2_of_user: u32,
}

impl Parts {
    fn of(&self, user: u32, establishment: u32) -> usize {
        let mask = (1 << self.log2_of_user) - 1;
        (user as usize) << self.log2_of_user | (establishment as usize & mask)
    }

    fn count(&self) -> usize {
        self.users << self.log2_of_user
    }
}

impl Evidence {
    /// Sorts the interactions, fewer than 2^32, of users below `users`; `establishment_of` says whose ad an ad is.
    pub fn new(
        interactions: &[&[Interaction]],
        users: usize,
        establishment_of: impl Fn(u32) -> u32,
        window_us: i64,
    ) -> Self {
        let count: usize = interactions.iter().map(|some| some.len()).sum();
        let parts = Parts { users, log2_of_user: (count / users.max(1)).checked_ilog2().unwrap_or_default() };
        let all = || interactions.iter().copied().flatten().map(|one| (one, establishment_of(one.ad())));
        let mut starts = vec![0; parts.count() + 1];
        all().for_each(|(one, establishment)| starts[parts.of(one.user, establishment) + 1] += 1);
        (0..parts.count()).for_each(|part| starts[part + 1] += starts[part]);
        let (mut next, mut seen) = (starts.clone(), vec![0; count]);
        for (one, establishment) in all() {
            let next = &mut next[parts.of(one.user, establishment)];
            seen[*next as usize] = seen_in_order(establishment, one.timestamp_us, one.rank);
            *next += 1;
        }
        starts.windows(2).for_each(|ends| seen[ends[0] as usize..ends[1] as usize].sort_unstable());
        Self { window_us, seen, starts, parts }
    }

    /// The interaction to credit for `visit`, if one is recent enough.
    pub fn credit(&self, visit: &Visit) -> Option<Credit> {
        let part = self.parts.of(visit.user, visit.establishment);
        let part = &self.seen[self.starts[part] as usize..self.starts[part + 1] as usize];
        let last = seen_in_order(visit.establishment, visit.timestamp_us, Rank::MAX);
        let before = part.partition_point(|seen| *seen <= last);
        let latest = *part[..before].last()?;
        let timestamp_us = (latest >> 32) as i64 ^ i64::MIN;
        let after_us = visit.timestamp_us.checked_sub(timestamp_us)?;
        let recent = (latest >> 96) as u32 == visit.establishment && (0..=self.window_us).contains(&after_us);
        recent.then(|| Interaction { timestamp_us, user: visit.user, rank: latest as Rank }.credit())
    }
}

#[cfg(test)]
mod tests {
    use super::{Credit, Evidence, Interaction, Visit};
    use crate::units::ATTRIBUTION_WINDOW_US;

    const VIEW: Credit = Credit { timestamp_us: 1_000, click: false, ad: 5 };

    /// The credit of a visit, where user 0 has interacted with ads of establishment 7.
    fn credit_of(user: u32, establishment: u32, timestamp_us: i64, credits: &[Credit]) -> Option<Credit> {
        let interactions: Vec<_> = credits.iter().map(|credit| Interaction::new(0, *credit)).collect();
        let evidence = Evidence::new(&[&interactions], 2, |_| 7, ATTRIBUTION_WINDOW_US);
        evidence.credit(&Visit { timestamp_us, user, establishment })
    }

    #[test]
    fn both_ends_of_the_window_are_in() {
        assert_eq!(credit_of(0, 7, 999, &[VIEW]), None);
        assert_eq!(credit_of(0, 7, 1_000, &[VIEW]), Some(VIEW));
        assert_eq!(credit_of(0, 7, 1_000 + ATTRIBUTION_WINDOW_US, &[VIEW]), Some(VIEW));
        assert_eq!(credit_of(0, 7, 1_001 + ATTRIBUTION_WINDOW_US, &[VIEW]), None);
    }

    #[test]
    fn another_establishment_or_user_earns_nothing() {
        assert_eq!(credit_of(0, 8, 1_000, &[VIEW]), None);
        assert_eq!(credit_of(1, 7, 1_000, &[VIEW]), None);
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
            assert_eq!(credit_of(0, 7, 2_000, &credits), Some(winner));
        }
    }

    #[test]
    fn instants_at_the_ends_of_time_do_not_overflow() {
        assert_eq!(credit_of(0, 7, i64::MAX, &[Credit { timestamp_us: i64::MIN, ..VIEW }]), None);
    }
}
