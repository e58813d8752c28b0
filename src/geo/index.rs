//! Which establishments are near a place.

use super::grid::Grid;
use super::haversine::{arc_m, half_chord_squared};
use crate::error::{Error, Result};

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
    /// No pair within the radius has a larger haversine: a look without an arcsine.
    largest_haversine: f64,
    grid: Grid,
    places: Vec<Place>,
    /// One bit per bucket: whether it lists anything.
    taken: Vec<u64>,
    /// For each word of `taken`, how many bits are set in the words before.
    taken_before: Vec<u32>,
    /// Where the list of each taken bucket begins, and where the last one ends.
    starts: Vec<u32>,
    listed: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    latitude: f64,
    longitude: f64,
    cosine: f64,
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
            largest_haversine: largest_haversine(radius_m),
            grid: Grid::new(latitudes, longitudes, radius_m),
            places: latitudes.iter().zip(longitudes).map(|(&latitude, &longitude)| place(latitude, longitude)).collect(),
            taken: Vec::new(),
            taken_before: Vec::new(),
            starts: Vec::new(),
            listed: Vec::new(),
        };
        index.mark_buckets();
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
            self.nearby_in(bucket, latitude, longitude).for_each(|(row, distance_m)| found(row, distance_m));
        }
    }

    /// Whether any establishment is less than the radius from a place.
    pub fn is_near_any(&self, latitude: f64, longitude: f64) -> bool {
        let bucket = self.grid.bucket_of(latitude, longitude);
        self.is_taken(bucket) && self.nearby_in(bucket, latitude, longitude).next().is_some()
    }

    /// The bucket of each place.
    #[inline]
    pub(crate) fn buckets_of(&self, latitudes: &[f64], longitudes: &[f64], buckets: &mut [u32]) {
        for ((bucket, &latitude), &longitude) in buckets.iter_mut().zip(latitudes).zip(longitudes) {
            *bucket = self.grid.bucket_of(latitude, longitude);
        }
    }

    /// Whether a bucket has any establishment.
    #[inline]
    pub(crate) fn is_taken(&self, bucket: u32) -> bool {
        self.taken[(bucket / 64) as usize] >> (bucket % 64) & 1 == 1
    }

    /// Row and distance of each establishment less than the radius from a place, which lies in `bucket`, a taken one.
    #[inline]
    pub(crate) fn nearby_in(
        &self,
        bucket: u32,
        latitude: f64,
        longitude: f64,
    ) -> impl Iterator<Item = (u32, f64)> + use<'_> {
        let valid = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        let rank = self.rank(bucket);
        let rows = self.starts[rank] as usize..self.starts[rank + 1] as usize;
        let rows = if valid { &self.listed[rows] } else { &[] };
        let cosine = latitude.to_radians().cos();
        let mut last = None;
        rows.iter().filter_map(move |&row| {
            let distance_m = self.distance_if_near(&self.places[row as usize], latitude, longitude, cosine)?;
            // A place is listed twice, side by side, where the fold lays two of its cells onto one bucket.
            (last.replace(row) != Some(row)).then_some((row, distance_m))
        })
    }

    #[inline]
    fn distance_if_near(&self, place: &Place, latitude: f64, longitude: f64, cosine: f64) -> Option<f64> {
        let (north, east) = (place.latitude - latitude, place.longitude - longitude);
        let haversine = half_chord_squared(north, east, cosine * place.cosine);
        if haversine > self.largest_haversine {
            return None;
        }
        let distance_m = arc_m(haversine);
        (distance_m < self.radius_m).then_some(distance_m)
    }

    /// The number of taken buckets before a bucket.
    #[inline]
    fn rank(&self, bucket: u32) -> usize {
        let word = (bucket / 64) as usize;
        let lower_bits = self.taken[word] & ((1 << (bucket % 64)) - 1);
        (self.taken_before[word] + lower_bits.count_ones()) as usize
    }

    fn mark_buckets(&mut self) {
        let mut taken = vec![0_u64; self.grid.buckets() / 64];
        for place in &self.places {
            self.grid.for_each_bucket(place.latitude, place.longitude, |bucket| {
                taken[(bucket / 64) as usize] |= 1 << (bucket % 64);
            });
        }
        let mut before = 0;
        for word in &taken {
            self.taken_before.push(before);
            before += word.count_ones();
        }
        self.starts = vec![0; before as usize + 2];
        self.taken = taken;
    }

    /// Counts what each bucket lists, then lists it: a counting sort, whose cursors become the starts.
    fn list_places(&mut self) -> Result<()> {
        let mut starts = std::mem::take(&mut self.starts);
        for place in &self.places {
            self.grid.for_each_bucket(place.latitude, place.longitude, |bucket| starts[self.rank(bucket) + 2] += 1);
        }
        let mut total = 0_u32;
        for start in &mut starts {
            total = total.checked_add(*start).ok_or_else(too_many)?;
            *start = total;
        }
        let mut listed = vec![0; total as usize];
        for (row, place) in self.places.iter().enumerate() {
            self.grid.for_each_bucket(place.latitude, place.longitude, |bucket| {
                let cursor = &mut starts[self.rank(bucket) + 1];
                listed[*cursor as usize] = row as u32;
                *cursor += 1;
            });
        }
        (self.starts, self.listed) = (starts, listed);
        Ok(())
    }
}

fn place(latitude: f64, longitude: f64) -> Place {
    Place { latitude, longitude, cosine: latitude.to_radians().cos() }
}

fn largest_haversine(radius_m: f64) -> f64 {
    (radius_m * (1.0 + 1e-9) / (2.0 * crate::units::EARTH_RADIUS_M)).sin().powi(2)
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
    // Written so that NaN fails.
    match degrees.iter().position(|degree| !(degree.abs() <= most)) {
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
