//! Every number of the definition, by name.

use crate::error::{Error, Result};
use crate::spelling::closest;
use crate::units::VISIT_RADIUS_M;

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:expr;)+) => {
        /// The numbers of the definition. Metres, seconds, metres a second; the rest are ratios and counts.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Options { $($(#[doc = $doc])+ pub $name: f64,)+ }

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Options {
            /// The names of all options.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The options by name.
            pub fn values(&self) -> Vec<(&'static str, f64)> {
                vec![$((stringify!($name), self.$name)),+]
            }

            fn slot(&mut self, name: &str) -> Option<&mut f64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

options! {
    /// The least length of a leg.
    leg_m = 30.0;
    /// How many standard errors of the distance between two fixes a leg is long at least.
    leg_sigmas = 1.5;
    /// The accuracy of fixes that tell none.
    default_accuracy_m = 10.0;
    /// Fixes of a worse accuracy are ignored.
    worst_accuracy_m = 100.0;
    /// Where fixes come within this time of each other, an anchor needs a second one beside it.
    witness_s = 30.0;
    /// The two lie this much farther apart at most than the first from the last anchor.
    witness_share = 1.5;
    /// How far beside an establishment a leg may point, at no distance.
    miss_m = 60.0;
    /// How much farther beside it for each metre of distance.
    miss_share = 0.2;
    /// How far ahead establishments are looked for, in time at the user's speed.
    horizon_s = 300.0;
    /// The least distance ahead.
    horizon_min_m = 200.0;
    /// The largest distance ahead.
    horizon_max_m = 1_000.0;
    /// The share of its length by which each of two legs comes nearer.
    leg_closing = 0.3;
    /// The share of their length by which both legs together come nearer.
    both_closing = 0.5;
    /// One leg is enough from this length on,
    long_leg_m = 100.0;
    /// and this duration,
    long_leg_s = 45.0;
    /// coming nearer by this share of its length.
    long_leg_closing = 0.7;
    /// and ending, by this share of its length at least, away from the anchor before it: else it leads back.
    long_leg_away = 0.5;
    /// The earliest arrival.
    eta_min_s = 15.0;
    /// The latest arrival.
    eta_max_s = 600.0;
    /// The lowest speed.
    speed_min_mps = 0.5;
    /// The highest speed.
    speed_max_mps = 25.0;
    /// An approach may be called again beyond its distance times this.
    rearm = 1.5;
    /// A track starts again after this time without a fix.
    gap_s = 900.0;
    /// Nobody is faster.
    jump_mps = 70.0;
    /// How far a fix may be ahead of the message that brought it.
    ahead_s = 300.0;
    /// Strictly within, a user is inside.
    visit_radius_m = VISIT_RADIUS_M;
    /// After this time without a fix nothing of a user is known.
    forget_s = 172_800.0;
    /// An approach of a lower chance waits for a better one.
    min_chance = 0.0;
    /// The time between two suggestions to a user.
    pause_s = 600.0;
    /// The time between two suggestions of an establishment to a user.
    cooldown_s = 86_400.0;
    /// The time for which nothing is suggested to those who were inside.
    inside_pause_s = 1_800.0;
    /// Suggestions to a user on a local day.
    cap = 5.0;
    /// The share of users whose suggestions are recorded and not sent.
    holdout = 0.1;
    /// Establishments closer to each other count as one.
    same_place_m = 30.0;
}

/// Options that are shares.
const SHARES: [&str; 6] = ["leg_closing", "both_closing", "long_leg_closing", "min_chance", "holdout", "miss_share"];
/// Options that cannot be 0.
const ABOVE_ZERO: [&str; 6] =
    ["leg_m", "visit_radius_m", "same_place_m", "horizon_max_m", "default_accuracy_m", "jump_mps"];
/// The farthest that is looked ahead.
const FARTHEST_M: f64 = 20_000.0;

impl Options {
    /// The defaults, save those given by name.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] for a name that is none, and for a value out of its range.
    pub fn with(given: impl IntoIterator<Item = (String, f64)>) -> Result<Self> {
        let mut options = Self::default();
        for (name, value) in given {
            check(&name, value)?;
            *options.slot(&name).ok_or_else(|| unknown(&name, value))? = value;
        }
        Ok(options)
    }
}

fn check(name: &str, value: f64) -> Result<()> {
    let refused = |reason: &str| Err(refusal(name, value, reason.into()));
    match name {
        _ if !value.is_finite() || value < 0.0 => refused("expected a number, 0 or above"),
        _ if SHARES.contains(&name) && value > 1.0 => refused("expected a share, from 0 to 1"),
        _ if ABOVE_ZERO.contains(&name) && value == 0.0 => refused("expected a number above 0"),
        "horizon_max_m" if value > FARTHEST_M => refused("expected at most 20,000 metres"),
        _ => Ok(()),
    }
}

fn unknown(name: &str, value: f64) -> Error {
    let meant = closest(name, Options::NAMES.iter().copied()).map(|meant| format!("; did you mean {meant}?"));
    refusal(name, value, format!("there is no such option{}", meant.unwrap_or_default()))
}

fn refusal(name: &str, value: f64, reason: String) -> Error {
    Error::Definition { name: name.into(), value: value.to_string(), reason }
}

/// Seconds as whole microseconds.
pub(super) fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
