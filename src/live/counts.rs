//! What became of fixes and approaches.

macro_rules! counted {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Counted { $($(#[doc = $doc])+ $variant,)+ }

        impl Counted {
            const NAMES: &[&str] = &[$($name),+];

            /// The name of the counter, and the outcome of an approach.
            pub(super) fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }

        const COUNTERS: usize = [$($name),+].len();
    };
}

counted! {
    /// All fixes.
    Fix = "fixes",
    /// Without user, time or place.
    Unusable = "unusable",
    /// Of a clock that is ahead of its message.
    Ahead = "ahead",
    /// Of an accuracy that tells nothing.
    Inaccurate = "inaccurate",
    /// Older than the user's last fix.
    Late = "late",
    /// Of the instant of the user's last fix.
    Duplicate = "duplicate",
    /// Farther from the last fix than anybody moves.
    Jump = "jump",
    /// After so long that nothing of the user is known.
    Returned = "returned",
    /// After so long that the track starts again.
    Gap = "gap",
    /// Where the user certainly moved.
    Anchor = "anchors",
    /// Approaches called.
    Approach = "approaches",
    /// Approaches of too low a chance.
    Waiting = "waiting",
    /// No ad runs.
    NoAd = "no_ad",
    /// The user is there on most days.
    Familiar = "familiar",
    /// Shut on arrival.
    Closed = "closed",
    /// Suggested not long ago, or the user was inside.
    Cooldown = "cooldown",
    /// As many suggestions as a day may have.
    Cap = "cap",
    /// Too soon after the last suggestion.
    Pause = "pause",
    /// Another approach of the same instant has a better score.
    Outscored = "outscored",
    /// Suggested, recorded and not sent.
    HeldOut = "held_out",
    /// Suggested.
    Suggested = "suggested",
}

/// How often each came.
#[derive(Debug, Clone)]
pub(super) struct Counters([u64; COUNTERS]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; COUNTERS])
    }
}

impl Counters {
    #[inline]
    pub(super) fn add(&mut self, counted: Counted) {
        self.0[counted as usize] += 1;
    }

    /// Names and numbers.
    pub(super) fn named(&self) -> Vec<(&'static str, u64)> {
        Counted::NAMES.iter().copied().zip(self.0).collect()
    }
}
