//! Establishments: their groups, who is inside, and which are open.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::corridor::Corridors;
use super::fix::Fix;
use super::options::Options;
use crate::error::{Error, Result};
use crate::geo::{EstablishmentIndex, Place, place};
use crate::ids::hashing::{KeyHasher, key_of};

/// Minutes of the local day at which an establishment opens and closes.
pub(super) type Hours = Option<(i32, i32)>;

/// Establishments by row.
#[derive(Debug)]
pub(super) struct KnownEstablishments {
    ids: Vec<String>,
    places: Vec<Place>,
    hours: Vec<Hours>,
    keys: Vec<u64>,
    /// Keys of the groups of establishments that count as one.
    groups: Vec<u64>,
    rows: HashMap<u64, u32, BuildHasherDefault<KeyHasher>>,
    inside: EstablishmentIndex,
    pub(super) corridors: Corridors,
}

impl KnownEstablishments {
    pub(super) fn new(
        ids: Vec<String>,
        latitudes: Vec<f64>,
        longitudes: Vec<f64>,
        hours: Vec<Hours>,
        options: &Options,
    ) -> Result<Self> {
        let inside = EstablishmentIndex::new(&latitudes, &longitudes, options.visit_radius_m)?;
        let keys: Vec<u64> = ids.iter().map(|id| key_of(id)).collect();
        let rows = keys.iter().copied().zip(0..).collect();
        let groups = groups(&ids, &latitudes, &longitudes, options.same_place_m)?;
        let degrees = latitudes.iter().zip(&longitudes);
        let places: Vec<_> = degrees.map(|(&latitude, &longitude)| place(latitude, longitude)).collect();
        let corridors = Corridors::new(&places);
        let all = Self { ids, places, hours, keys, groups, rows, inside, corridors };
        all.check_ids()?;
        Ok(all)
    }

    fn check_ids(&self) -> Result<()> {
        let again = |row: &usize| self.rows[&self.keys[*row]] as usize != *row;
        let Some(row) = (0..self.ids.len()).find(again) else { return Ok(()) };
        Err(Error::Data {
            table: "establishments".into(),
            column: "establishment_id".into(),
            row: Some(row as u64),
            value: format!("{:?}", self.ids[row]),
            reason: "there are two establishments of this id".into(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn id(&self, row: u32) -> &str {
        &self.ids[row as usize]
    }

    pub(super) fn key(&self, row: u32) -> u64 {
        self.keys[row as usize]
    }

    pub(super) fn group(&self, row: u32) -> u64 {
        self.groups[row as usize]
    }

    /// The row of an establishment, if the tables have it.
    pub(super) fn row_of(&self, key: u64) -> Option<u32> {
        self.rows.get(&key).copied()
    }

    /// The row of the establishment called `id`.
    pub(super) fn row_of_id(&self, id: &str) -> Option<u32> {
        self.row_of(key_of(id)).filter(|row| self.id(*row) == id)
    }

    #[inline]
    pub(super) fn place(&self, row: u32) -> &Place {
        &self.places[row as usize]
    }

    /// Calls `found(group)` for each establishment that a fix is inside of.
    #[inline]
    pub(super) fn for_each_inside(&self, fix: &Fix, mut found: impl FnMut(u64)) {
        self.inside.for_each_nearby(fix.latitude, fix.longitude, |row, _| found(self.group(row)));
    }

    /// Whether it is open at a minute of the local day.
    pub(super) fn is_open(&self, row: u32, minute: i32) -> bool {
        match self.hours[row as usize] {
            None => true,
            Some((opens, closes)) if closes <= opens => minute >= opens || minute < closes,
            Some((opens, closes)) => (opens..closes).contains(&minute),
        }
    }
}

/// The key of each establishment's group: that of the smallest id among those joined by chains of short distances.
fn groups(ids: &[String], latitudes: &[f64], longitudes: &[f64], same_place_m: f64) -> Result<Vec<u64>> {
    let index = EstablishmentIndex::new(latitudes, longitudes, same_place_m)?;
    let mut parents: Vec<u32> = (0..ids.len() as u32).collect();
    for row in 0..ids.len() {
        index.for_each_nearby(latitudes[row], longitudes[row], |other, _| {
            let (a, b) = (root(&mut parents, row as u32), root(&mut parents, other));
            let (first, second) = if ids[a as usize] <= ids[b as usize] { (a, b) } else { (b, a) };
            parents[second as usize] = first;
        });
    }
    Ok((0..ids.len() as u32).map(|row| key_of(&ids[root(&mut parents, row) as usize])).collect())
}

fn root(parents: &mut [u32], row: u32) -> u32 {
    let mut at = row;
    while parents[at as usize] != at {
        parents[at as usize] = parents[parents[at as usize] as usize];
        at = parents[at as usize];
    }
    at
}
