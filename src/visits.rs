//! Pings past the index of establishments: visits.

use crate::geo::{EstablishmentIndex, Matcher, PINGS_AT_ONCE};

/// Pairs of a ping and an establishment less than the radius apart, as parallel columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matches {
    /// Row of the ping in the slices that were matched.
    pub ping: Vec<u32>,
    /// Row of the establishment in the slices from which the index was made.
    pub establishment: Vec<u32>,
    /// Great-circle distance between the two, in metres.
    pub distance_m: Vec<f64>,
    /// Whether a ping was nowhere on Earth.
    pub lost: bool,
}

/// Appends to `into` every pair of a ping and an establishment less than the index's radius apart, ordered by ping,
/// then by establishment.
///
/// `latitudes` and `longitudes` are in degrees and of one length, at most 2³². A ping that is NaN or out of range
/// matches nothing.
pub fn match_pings(index: &EstablishmentIndex, latitudes: &[f64], longitudes: &[f64], into: &mut Matches) {
    match_some(index, latitudes, longitudes, &mut 0, usize::MAX, into);
}

/// [`match_pings`] from the ping `next` on, until there are about `enough` pairs or no more pings. `next` is then the
/// first ping that was not matched.
pub fn match_some(
    index: &EstablishmentIndex,
    latitudes: &[f64],
    longitudes: &[f64],
    next: &mut usize,
    enough: usize,
    into: &mut Matches,
) {
    let mut matcher = Matcher::new(index);
    while *next < latitudes.len() && into.ping.len() < enough {
        let (first, end) = (*next, latitudes.len().min(*next + PINGS_AT_ONCE));
        let on_earth =
            matcher.batch(&latitudes[first..end], &longitudes[first..end], |ping, establishment, distance_m| {
                into.ping.extend(ping.iter().map(|row| first as u32 + row));
                into.establishment.extend_from_slice(establishment);
                into.distance_m.extend_from_slice(distance_m);
            });
        into.lost |= !on_earth;
        *next = end;
    }
}
