//! Pings in taken cells, paired with what the cells list, and measured.
//!
//! Each step passes over all pings or pairs before the next one begins. What a step fetches from memory depends on
//! nothing that it fetches for another row, so that the processor fetches many at a time; and what it decides depends
//! on what lies in the first-level cache already.

use super::haversine::arcs_m;
use super::index::EstablishmentIndex;
use super::place::{Place, SHORT, place};

/// Pings looked at together: with their pairs, they fit into the second-level cache, and most into the first.
pub(crate) const PINGS_AT_ONCE: usize = 1_024;
/// Pairs measured together.
const PAIRS: usize = 1_024;
/// Pings of one batch in cells that list any establishment.
struct Pings {
    count: usize,
    rows: [u32; PINGS_AT_ONCE],
    places: [Place; PINGS_AT_ONCE],
    /// Where the list of each one's cell begins and ends.
    lists: [(u32, u32); PINGS_AT_ONCE],
}

/// Pairs that may be near, and what is measured of them. Loops over them have no branch that the processor might guess
/// wrong.
struct Pairs {
    count: usize,
    /// Each one's number among the pings.
    ping: [u32; PAIRS + SHORT],
    establishment: [u32; PAIRS + SHORT],
    north: [f64; PAIRS],
    east: [f64; PAIRS],
    cosines: [f64; PAIRS],
    distance_m: [f64; PAIRS],
}

/// Finds the pairs of pings and establishments that are nearer than an index's radius, batch by batch.
pub(crate) struct Matcher<'a> {
    index: &'a EstablishmentIndex,
    buckets: [u32; PINGS_AT_ONCE],
    pings: Pings,
    pairs: Pairs,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(index: &'a EstablishmentIndex) -> Self {
        let pings = Pings {
            count: 0,
            rows: [0; PINGS_AT_ONCE],
            places: [Place::default(); PINGS_AT_ONCE],
            lists: [(0, 0); PINGS_AT_ONCE],
        };
        let pairs = Pairs {
            count: 0,
            ping: [0; PAIRS + SHORT],
            establishment: [0; PAIRS + SHORT],
            north: [0.0; PAIRS],
            east: [0.0; PAIRS],
            cosines: [0.0; PAIRS],
            distance_m: [0.0; PAIRS],
        };
        Self { index, buckets: [0; PINGS_AT_ONCE], pings, pairs }
    }

    /// Calls `found` with pairs, as columns: pings by their row, establishments, distances in metres. At most [`PINGS`]
    /// at a time. Returns whether all of them are on Earth.
    pub(crate) fn batch(
        &mut self,
        latitudes: &[f64],
        longitudes: &[f64],
        mut found: impl FnMut(&[u32], &[u32], &[f64]),
    ) -> bool {
        let on_earth = self.index.buckets_of(latitudes, longitudes, &mut self.buckets);
        self.pings.keep(self.index, &self.buckets[..latitudes.len()]);
        self.pings.locate(self.index, &self.buckets, latitudes, longitudes);
        for ping in 0..self.pings.count {
            let (mut start, end) = self.pings.lists[ping];
            while start < end {
                let count = self.pairs.add(ping as u32, self.index.listed_from(start), (end - start) as usize);
                start += count as u32;
                if self.pairs.count == PAIRS {
                    self.drain(&mut found);
                }
            }
        }
        self.drain(&mut found);
        on_earth
    }

    /// Measures all pairs, forgets them, and tells those nearer than the radius.
    fn drain(&mut self, found: &mut impl FnMut(&[u32], &[u32], &[f64])) {
        let near = self.pairs.measure(&self.pings.places, self.index.places(), self.index.radius_m());
        let Pairs { ping, establishment, distance_m, .. } = &mut self.pairs;
        ping[..near].iter_mut().for_each(|ping| *ping = self.pings.rows[*ping as usize]);
        found(&ping[..near], &establishment[..near], &distance_m[..near]);
    }
}

impl Pings {
    /// Keeps the rows whose bucket has any establishment: most pings end here.
    fn keep(&mut self, index: &EstablishmentIndex, buckets: &[u32]) {
        let mut count = 0;
        for (row, &bucket) in buckets.iter().enumerate() {
            self.rows[count] = row as u32;
            count += usize::from(index.is_taken(bucket));
        }
        self.count = count;
    }

    fn locate(&mut self, index: &EstablishmentIndex, buckets: &[u32], latitudes: &[f64], longitudes: &[f64]) {
        let kept = self.rows[..self.count].iter().zip(&mut self.places).zip(&mut self.lists);
        for ((row, at), list) in kept {
            let row = *row as usize;
            *list = index.list_of(buckets[row], latitudes[row], longitudes[row]);
            *at = place(latitudes[row], longitudes[row]);
        }
    }
}

impl Pairs {
    /// Adds pairs of one ping with the first `count` of `listed`, which has [`SHORT`] at least, or as many as there is
    /// room for, and returns how many.
    #[inline]
    fn add(&mut self, ping: u32, listed: &[u32], count: usize) -> usize {
        let (start, count) = (self.count, count.min(PAIRS - self.count));
        self.ping[start..start + SHORT].fill(ping);
        self.establishment[start..start + SHORT].copy_from_slice(&listed[..SHORT]);
        if count > SHORT {
            self.ping[start..start + count].fill(ping);
            self.establishment[start..start + count].copy_from_slice(&listed[..count]);
        }
        self.count += count;
        count
    }

    /// Moves the pairs nearer than the radius to the front and returns how many they are.
    fn measure(&mut self, pings: &[Place], places: &[Place], radius_m: f64) -> usize {
        let all = std::mem::take(&mut self.count);
        for pair in 0..all {
            let (at, place) = (&pings[self.ping[pair] as usize], &places[self.establishment[pair] as usize]);
            self.north[pair] = place.latitude - at.latitude;
            self.east[pair] = place.longitude - at.longitude;
            self.cosines[pair] = place.cosine * at.cosine;
        }
        arcs_m(&self.north[..all], &self.east[..all], &self.cosines[..all], &mut self.distance_m[..all]);
        let mut near = 0;
        for pair in 0..all {
            self.ping[near] = self.ping[pair];
            self.establishment[near] = self.establishment[pair];
            self.distance_m[near] = self.distance_m[pair];
            near += usize::from(self.distance_m[near] < radius_m);
        }
        near
    }
}
