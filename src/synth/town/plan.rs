//! How large everything is: from the number of pings to users, establishments, ads and parts.

use super::city::City;
use super::days::wrong;
use crate::Result;

/// Pings per user, if nothing else is asked for, and the most of them in a day.
const PINGS_PER_USER: u64 = 500;
const PINGS_PER_USER_AND_DAY: u64 = 200;
/// A telephone does not report more often than this.
const MOST_PINGS_PER_DAY: u64 = 86_400;
/// A part has so many pings at most, unless one user alone has more; small cities have about eight parts.
const PINGS_PER_PART: (u64, u64) = (32_768, 1_048_576);

/// The sizes of one city.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Pings in all.
    pub pings: u64,
    /// People with a telephone.
    pub users: u64,
    /// How many users a part holds.
    pub users_per_part: u64,
    /// Establishments.
    pub establishments: usize,
    /// Ads.
    pub ads: usize,
    /// Campaigns.
    pub campaigns: usize,
}

impl Sizes {
    /// The sizes that `city` asks for, and defaults for the rest.
    pub fn new(city: &City) -> Result<Self> {
        let users = users(city)?;
        let part = (city.pings / 8).clamp(PINGS_PER_PART.0, PINGS_PER_PART.1);
        let establishments = city.establishments.unwrap_or((city.pings / 1000).clamp(40, 1000));
        if establishments == 0 || establishments > u32::MAX.into() {
            return Err(wrong("establishments", establishments, "expected 1 to 4294967295"));
        }
        let ads = (establishments / 5).clamp(40, 200) as usize;
        let users_per_part = (part * users / city.pings).max(1);
        let establishments = establishments as usize;
        Ok(Self { pings: city.pings, users, users_per_part, establishments, ads, campaigns: ads / 10 })
    }

    /// How many parts there are.
    pub fn parts(&self) -> u64 {
        self.users.div_ceil(self.users_per_part)
    }

    /// The users of a part.
    pub fn users_of(&self, part: u64) -> std::ops::Range<u64> {
        let begin = part * self.users_per_part;
        begin..(begin + self.users_per_part).min(self.users)
    }

    /// The pings of a user; the first users have one more, if they do not divide evenly.
    pub fn pings_of(&self, user: u64) -> usize {
        (self.pings / self.users + u64::from(user < self.pings % self.users)) as usize
    }
}

fn users(city: &City) -> Result<u64> {
    let days = u64::from(city.days.max(1));
    if city.pings == 0 {
        return Err(wrong("pings", 0, "expected at least 1"));
    }
    let users = city.users.unwrap_or((city.pings / PINGS_PER_USER.min(PINGS_PER_USER_AND_DAY * days)).max(1));
    if users == 0 || users > city.pings {
        return Err(wrong("users", users, "expected at least 1, and at least one ping for each"));
    }
    if city.pings / users > MOST_PINGS_PER_DAY * days {
        return Err(wrong("users", users, "too few: a user would have more than one ping a second"));
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_pings_are_two_thousand_users() {
        let sizes = Sizes::new(&City::default()).unwrap();
        assert_eq!((sizes.users, sizes.establishments, sizes.ads, sizes.campaigns), (2000, 1000, 200, 20));
        assert_eq!(sizes.parts(), 8);
    }

    #[test]
    fn parts_hold_every_user_and_ping_once() {
        for (pings, users) in [(1, 1), (10, 3), (100_007, 201), (3_000_001, 5_999), (900_000, 1)] {
            let sizes = Sizes::new(&City { pings, users: Some(users), ..City::default() }).unwrap();
            let all: Vec<_> = (0..sizes.parts()).flat_map(|part| sizes.users_of(part)).collect();
            assert_eq!(all, (0..users).collect::<Vec<_>>());
            assert_eq!(all.iter().map(|&user| sizes.pings_of(user) as u64).sum::<u64>(), pings);
        }
    }

    #[test]
    fn impossible_sizes_are_named() {
        let error = |city| Sizes::new(&city).unwrap_err().to_string();
        assert!(error(City { pings: 0, ..City::default() }).starts_with("pings = 0"));
        assert!(error(City { users: Some(0), ..City::default() }).starts_with("users = 0"));
        assert!(error(City { pings: 5, users: Some(6), ..City::default() }).starts_with("users = 6"));
        assert!(error(City { days: 1, users: Some(2), ..City::default() }).contains("ping a second"));
        assert!(error(City { establishments: Some(0), ..City::default() }).starts_with("establishments = 0"));
    }
}
