//! Ids of users, establishments, ads and campaigns.

use crate::synth::town::plan::Sizes;

/// Ids of one kind: a letter and a number, so wide that ids sort like their numbers.
#[derive(Clone, Copy, Debug)]
pub struct IdFormat {
    letter: char,
    width: usize,
}

impl IdFormat {
    fn new(letter: char, least_width: usize, count: u64) -> Self {
        let digits = count.saturating_sub(1).max(1).ilog10() as usize + 1;
        Self { letter, width: digits.max(least_width) }
    }

    /// `u0000123`.
    pub fn users(sizes: &Sizes) -> Self {
        Self::new('u', 7, sizes.users)
    }

    /// `e00012`.
    pub fn establishments(sizes: &Sizes) -> Self {
        Self::new('e', 5, sizes.establishments as u64)
    }

    /// `a00034`.
    pub fn ads(sizes: &Sizes) -> Self {
        Self::new('a', 5, sizes.ads as u64)
    }

    /// `c03`.
    pub fn campaigns(sizes: &Sizes) -> Self {
        Self::new('c', 2, sizes.campaigns as u64)
    }

    /// The id of a number.
    pub fn id(&self, number: u64) -> String {
        format!("{}{number:0width$}", self.letter, width = self.width)
    }
}
