//! Which establishments are near a place.

use super::grid::Grid;
use super::place::{Place, SHORT, place};
use crate::error::{Error, Result};
use crate::units::EARTH_RADIUS_M;

/// Half the Earth's circumference, rounded down: beyond, everything is near everything.
const LARGEST_RADIUS_M: f64 = 20_000_000.0;

/// Establishments, arranged to find those within one radius of a place, anywhere on Earth.
///
/// Every establishment is listed in all cells of a grid that its disc touches. Whether a cell has any is one bit, so
/// that most pings cost a multiplication or two and a look at that bit. A cell's list is found by counting the bits
/// before its own.
#[derive(Debug)]
pub struct EstablishmentIndex {
    radius_m: f64,
    grid: Grid,
    places: Vec<Place>,
    /// The rows of the places, from south to north.
    northward: Vec<u32>,
    /// One bit per bucket: whether it lists anything.
    taken: Vec<u64>,
    /// For each word of `taken`, how many bits are set in the words before.
    taken_before: Vec<u32>,
    /// Where the list of each taken bucket begins, and where the last one ends.
    starts: Vec<u32>,
    /// The lists, and some more, so that a short one is copied without asking how short.
    listed: Vec<u32>,
}

impl EstablishmentIndex {
    /// Indexes establishments, in degrees, to find those strictly less than `radius_m` away.
    ///
    /// # Errors
    ///
    /// [`Error::Definition`] unless `0 < radius_m <= 20 000 km`; [`Error::Data`] for a coordinate that is NaN or out
    /// of range.
    pub fn new(latitudes: &[f64], longitudes: &[f64], radius_m: f64) -> Result<Self> {
        check_radius(radius_m)?;
        check_lengths(latitudes.len(), longitudes.len())?;
        check_range("latitude", latitudes, 90.0)?;
        check_range("longitude", longitudes, 180.0)?;
        let mut index = Self {
            radius_m,
            grid: Grid::new(latitudes, longitudes, radius_m),
            places: latitudes
                .iter()
                .zip(longitudes)
                .map(|(&latitude, &longitude)| place(latitude, longitude))
                .collect(),
            northward: (0..latitudes.len() as u32).collect(),
            taken: Vec::new(),
            taken_before: Vec::new(),
            starts: Vec::new(),
            listed: Vec::new(),
        };
        index.northward.sort_unstable_by(|a, b| latitudes[*a as usize].total_cmp(&latitudes[*b as usize]));
        index.list_places()?;
        Ok(index)
    }

    /// How many establishments there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The radius, in metres.
    pub fn radius_m(&self) -> f64 {
        self.radius_m
    }

    /// Calls `found(row, distance_m)` for each establishment less than the radius from a place, rows ascending.
    /// A place that is NaN or out of range has none.
    pub fn for_each_nearby(&self, latitude: f64, longitude: f64, mut found: impl FnMut(u32, f64)) {
        let bucket = self.grid.bucket_of(latitude, longitude);
        if self.is_taken(bucket) {
            self.nearby(bucket, latitude, longitude).for_each(|(row, distance_m)| found(row, distance_m));
        }
    }

    /// Whether any establishment is less than the radius from a place.
    pub fn is_near_any(&self, latitude: f64, longitude: f64) -> bool {
        let bucket = self.grid.bucket_of(latitude, longitude);
        self.is_taken(bucket) && self.nearby(bucket, latitude, longitude).next().is_some()
    }

    /// Whether an establishment may be less than the radius from a place between these latitudes and longitudes.
    /// Where it is hard to tell, near the poles and for large radii, it may.
    pub fn may_be_near(&self, (south, north): (f64, f64), (west, east): (f64, f64)) -> bool {
        let reach = 1.001 * (self.radius_m / EARTH_RADIUS_M).to_degrees();
        let farthest = south.abs().max(north.abs()) + reach;
        let reach_east = reach / farthest.to_radians().cos();
        if !(farthest < 89.0 && reach_east < 90.0) {
            return true;
        }
        let is_within = |place: &Place| {
            let mut turns = [-360.0, 0.0, 360.0].into_iter().map(|turn| place.longitude + turn);
            turns.any(|longitude| (west - reach_east..=east + reach_east).contains(&longitude))
        };
        let place = |row: &u32| &self.places[*row as usize];
        let first = self.northward.partition_point(|row| place(row).latitude < south - reach);
        let band = self.northward[first..].iter().map(place).take_while(|place| place.latitude <= north + reach);
        band.into_iter().any(is_within)
    }

    /// The bucket of each place, and whether all are on Earth.
    #[inline]
    pub(super) fn buckets_of(&self, latitudes: &[f64], longitudes: &[f64], buckets: &mut [u32]) -> bool {
        let mut on_earth = true;
        for ((bucket, &latitude), &longitude) in buckets.iter_mut().zip(latitudes).zip(longitudes) {
            *bucket = self.grid.bucket_of(latitude, longitude);
            on_earth &= is_within(90.0, latitude) & is_within(180.0, longitude);
        }
        on_earth
    }

    /// Whether a bucket lists any establishment.
    #[inline]
    pub(super) fn is_taken(&self, bucket: u32) -> bool {
        self.taken[(bucket / 64) as usize] >> (bucket % 64) & 1 == 1
    }

    /// Row and distance of each establishment less than the radius from a place in a taken bucket.
    fn nearby(&self, bucket: u32, latitude: f64, longitude: f64) -> impl Iterator<Item = (u32, f64)> + use<'_> {
        let at = place(latitude, longitude);
        let (start, end) = self.list_of(bucket, latitude, longitude);
        self.listed[start as usize..end as usize].iter().filter_map(move |&row| {
            let distance_m = at.distance_m(&self.places[row as usize]);
            (distance_m < self.radius_m).then_some((row, distance_m))
        })
    }

    /// Where the list of a taken bucket begins and ends: it is empty for a place that is not on Earth.
    #[inline]
    pub(super) fn list_of(&self, bucket: u32, latitude: f64, longitude: f64) -> (u32, u32) {
        let rank = self.rank(bucket);
        let (start, end) = (self.starts[rank], self.starts[rank + 1]);
        (start, if is_within(90.0, latitude) & is_within(180.0, longitude) { end } else { start })
    }

    /// The establishments that are listed from `start` on, and more after them.
    #[inline]
    pub(super) fn listed_from(&self, start: u32) -> &[u32] {
        &self.listed[start as usize..]
    }

    /// The establishments, by row.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The number of taken buckets before a bucket.
    #[inline]
    fn rank(&self, bucket: u32) -> usize {
        let word = (bucket / 64) as usize;
        let lower_bits = self.taken[word] & ((1 << (bucket % 64)) - 1);
        (self.taken_before[word] + lower_bits.count_ones()) as usize
    }

    /// Lists every place in the buckets of its disc: a counting sort, whose cursors become the starts.
    fn list_places(&mut self) -> Result<()> {
        let Listings { mut buckets, ends } = Listings::new(&self.grid, &self.places)?;
        self.take_buckets(&buckets);
        let mut starts = vec![0_u32; self.taken_buckets() + 2];
        for bucket in &mut buckets {
            let rank = self.rank(*bucket);
            starts[rank + 2] += 1;
            *bucket = rank as u32;
        }
        for rank in 1..starts.len() {
            starts[rank] += starts[rank - 1];
        }
        self.listed = vec![0; buckets.len() + SHORT];
        let mut first = 0;
        for (row, end) in ends.into_iter().enumerate() {
            for rank in &buckets[first..end as usize] {
                let cursor = &mut starts[*rank as usize + 1];
                self.listed[*cursor as usize] = row as u32;
                *cursor += 1;
            }
            first = end as usize;
        }
        self.starts = starts;
        Ok(())
    }

    fn take_buckets(&mut self, buckets: &[u32]) {
        self.taken = vec![0; self.grid.buckets() / 64];
        for bucket in buckets {
            self.taken[(bucket / 64) as usize] |= 1 << (bucket % 64);
        }
        let mut before = 0;
        for word in &self.taken {
            self.taken_before.push(before);
            before += word.count_ones();
        }
    }

    fn taken_buckets(&self) -> usize {
        self.taken.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// The buckets of each place's disc, place after place, none twice.
struct Listings {
    buckets: Vec<u32>,
    ends: Vec<u32>,
}

impl Listings {
    fn new(grid: &Grid, places: &[Place]) -> Result<Self> {
        let mut listings = Self { buckets: Vec::new(), ends: Vec::with_capacity(places.len()) };
        let mut of_place = Vec::new();
        for place in places {
            of_place.clear();
            grid.for_each_bucket(place.latitude, place.longitude, |bucket| of_place.push(bucket));
            of_place.sort_unstable();
            of_place.dedup();
            listings.buckets.extend_from_slice(&of_place);
            listings.ends.push(u32::try_from(listings.buckets.len()).map_err(|_| too_many())?);
        }
        Ok(listings)
    }
}

fn check_radius(radius_m: f64) -> Result<()> {
    if radius_m > 0.0 && radius_m <= LARGEST_RADIUS_M {
        return Ok(());
    }
    Err(Error::Definition {
        name: "radius_m".into(),
        value: radius_m.to_string(),
        reason: "expected more than 0 and at most 20 000 000 metres".into(),
    })
}

fn check_lengths(latitudes: usize, longitudes: usize) -> Result<()> {
    if latitudes != longitudes {
        return Err(Error::Internal(format!("{latitudes} latitudes and {longitudes} longitudes")));
    }
    if latitudes > u32::MAX as usize { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> Error {
    Error::Data {
        table: "establishments".into(),
        column: "establishment_id".into(),
        row: None,
        value: "all".into(),
        reason: "too many establishments for one index: it holds some hundred million".into(),
    }
}

fn check_range(column: &str, degrees: &[f64], most: f64) -> Result<()> {
    match degrees.iter().position(|degree| !is_within(most, *degree)) {
        None => Ok(()),
        Some(row) => Err(Error::Data {
            table: "establishments".into(),
            column: column.into(),
            row: Some(row as u64),
            value: degrees[row].to_string(),
            reason: format!("expected -{most} to {most} degrees"),
        }),
    }
}

/// False for NaN.
#[inline]
fn is_within(most: f64, degrees: f64) -> bool {
    degrees.abs() <= most
}
