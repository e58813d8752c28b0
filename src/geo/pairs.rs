//! Pairs of a ping and an establishment that may be near it, gathered until there are enough to measure together.

use super::haversine::arcs_m;

/// Where something is, in degrees, and the cosine of its latitude.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) cosine: f64,
}

#[inline]
pub(super) fn place(latitude: f64, longitude: f64) -> Place {
    Place { latitude, longitude, cosine: latitude.to_radians().cos() }
}

/// Pairs gathered at the most: they fit into the second-level cache, and most of them into the first.
const CAPACITY: usize = 1_024;

/// Columns of pairs. Loops over them have no branch for the processor to guess wrong.
pub(crate) struct Pairs {
    count: usize,
    ping: [u32; CAPACITY],
    establishment: [u32; CAPACITY],
    north: [f64; CAPACITY],
    east: [f64; CAPACITY],
    cosines: [f64; CAPACITY],
    distance_m: [f64; CAPACITY],
}

impl Pairs {
    pub(crate) fn new() -> Self {
        Self {
            count: 0,
            ping: [0; CAPACITY],
            establishment: [0; CAPACITY],
            north: [0.0; CAPACITY],
            east: [0.0; CAPACITY],
            cosines: [0.0; CAPACITY],
            distance_m: [0.0; CAPACITY],
        }
    }

    /// How many more pairs fit.
    #[inline]
    pub(super) fn room(&self) -> usize {
        CAPACITY - self.count
    }

    /// Adds pairs of one ping with as many of the `rows` of `places` as there is room for.
    #[inline]
    pub(super) fn gather(&mut self, ping: u32, at: &Place, rows: &[u32], places: &[Place]) {
        for (slot, &row) in (self.count..CAPACITY).zip(rows) {
            let place = &places[row as usize];
            self.ping[slot] = ping;
            self.establishment[slot] = row;
            self.north[slot] = place.latitude - at.latitude;
            self.east[slot] = place.longitude - at.longitude;
            self.cosines[slot] = place.cosine * at.cosine;
        }
        self.count += rows.len().min(self.room());
    }

    /// Measures all pairs, forgets them, and returns those nearer than the radius: pings, establishments, distances.
    pub(crate) fn drain_nearer(&mut self, radius_m: f64) -> (&[u32], &[u32], &[f64]) {
        let all = std::mem::take(&mut self.count);
        arcs_m(&self.north[..all], &self.east[..all], &self.cosines[..all], &mut self.distance_m[..all]);
        let mut near = 0;
        for pair in 0..all {
            self.ping[near] = self.ping[pair];
            self.establishment[near] = self.establishment[pair];
            self.distance_m[near] = self.distance_m[pair];
            near += usize::from(self.distance_m[near] < radius_m);
        }
        (&self.ping[..near], &self.establishment[..near], &self.distance_m[..near])
    }
}
