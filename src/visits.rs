//! Pings past the index of establishments: visits.

use crate::geo::{EstablishmentIndex, Pairs, Ping};

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

impl Matches {
    fn extend(&mut self, (ping, establishment, distance_m): (&[u32], &[u32], &[f64])) {
        self.ping.extend_from_slice(ping);
        self.establishment.extend_from_slice(establishment);
        self.distance_m.extend_from_slice(distance_m);
    }
}

/// Pings looked at together: their buckets fit into the first-level cache.
const BATCH: usize = 1_024;

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
    let mut batch = Batch { buckets: [0; BATCH], kept: [0; BATCH] };
    let mut pairs = Pairs::new();
    while *next < latitudes.len() && into.ping.len() < enough {
        let (first, end) = (*next, latitudes.len().min(*next + BATCH));
        let (latitudes, longitudes) = (&latitudes[first..end], &longitudes[first..end]);
        let (kept, on_earth) = batch.keep(index, latitudes, longitudes);
        into.lost |= !on_earth;
        let mut drain = |pairs: &mut Pairs| into.extend(pairs.drain_nearer(index.radius_m()));
        for &row in &batch.kept[..kept] {
            let at = row as usize;
            let (latitude, longitude) = (latitudes[at], longitudes[at]);
            let ping = Ping { row: first as u32 + row, bucket: batch.buckets[at], latitude, longitude };
            index.gather(ping, &mut pairs, &mut drain);
        }
        *next = end;
    }
    into.extend(pairs.drain_nearer(index.radius_m()));
}

struct Batch {
    buckets: [u32; BATCH],
    kept: [u32; BATCH],
}

impl Batch {
    /// Keeps the rows whose bucket has any establishment, and returns how many, and whether all are on Earth. Both loops
    /// are without branches: most pings end here.
    fn keep(&mut self, index: &EstablishmentIndex, latitudes: &[f64], longitudes: &[f64]) -> (usize, bool) {
        let on_earth = index.buckets_of(latitudes, longitudes, &mut self.buckets);
        let mut count = 0;
        for (row, &bucket) in self.buckets[..latitudes.len()].iter().enumerate() {
            self.kept[count] = row as u32;
            count += usize::from(index.is_taken(bucket));
        }
        (count, on_earth)
    }
}
