//! A grid over the part of the sphere where establishments are, folded onto a limited number of buckets.
//!
//! Rows are rings of equal height; each row is cut into columns about as wide as it is high. A place falls into a
//! bucket by a few multiplications and roundings, without a branch, so that a loop over pings vectorises. Each step
//! from a coordinate to a row or column is monotone, rounding included: a disc that is entered into all rows and
//! columns between those of its edges is in the cell of every point that it covers.

use crate::units::EARTH_RADIUS_M;

/// Added to a number of `0..2^51`, it leaves the nearest whole number in the low bits of the float.
const ROUNDING: f64 = (1_u64 << 52) as f64;

/// Cells per bucket side by side: at one bucket in sixteen taken, few pings meet one by chance.
const BUCKETS_PER_CELL_TAKEN: f64 = 16.0;
const FEWEST_BUCKETS: f64 = 64.0;
const MOST_BUCKETS: f64 = (1_u64 << 28) as f64;
/// Discs are entered into so many cells at the most, as long as there are fewer discs.
const MOST_CELLS_TAKEN: f64 = 32e6;
/// Keeps row and column numbers below 2^32 for any radius.
const SMALLEST_CELL_DEGREES: f64 = 1e-6;

/// Discs are entered this much larger than they are, to be above any rounding in a distance.
fn generous(radius_m: f64) -> f64 {
    radius_m * (1.0 + 1e-6) + 1e-3
}

/// Cells of `f64` row and column numbers, each a whole number from 0 on.
#[derive(Debug)]
pub(super) struct Grid {
    radius: f64,
    south: f64,
    rows_per_degree: f64,
    last_row: f64,
    /// The southern edge and the height of a row, in quarters of a meridian.
    south_of_quarter: f64,
    row_of_quarter: f64,
    west: f64,
    width: f64,
    columns_per_degree: f64,
    stride: u32,
    mask: u32,
}

impl Grid {
    /// A grid for discs of one radius around the given places, valid and in degrees.
    pub(super) fn new(latitudes: &[f64], longitudes: &[f64], radius_m: f64) -> Self {
        let radius = generous(radius_m) / EARTH_RADIUS_M;
        let cell = cell_degrees(radius.to_degrees(), latitudes.len() as f64);
        let south = latitudes.iter().copied().fold(90.0, f64::min) - radius.to_degrees() - cell;
        let north = latitudes.iter().copied().fold(-90.0, f64::max) + radius.to_degrees() + cell;
        let (west, width) = longitudes_covered(longitudes, widest_half_width(radius, south, north) + 2.0 * cell);
        let mut grid = Self {
            radius,
            south,
            rows_per_degree: 1.0 / cell,
            south_of_quarter: south / 90.0,
            row_of_quarter: cell / 90.0,
            last_row: ((north - south) / cell).max(0.0).ceil() + 1.0,
            west,
            width,
            columns_per_degree: 1.0 / cell,
            stride: 0,
            mask: 0,
        };
        grid.fold(latitudes.len() as f64 * cells_per_disc(radius.to_degrees() / cell));
        grid
    }

    /// Sets how cells are numbered, and how many buckets there are, for about so many cells taken.
    fn fold(&mut self, cells_taken: f64) {
        let stride = (self.width * self.columns_per_degree).ceil() + 2.0;
        let cells = (self.last_row + 1.0) * stride;
        let buckets = cells.min(cells_taken * BUCKETS_PER_CELL_TAKEN).clamp(FEWEST_BUCKETS, MOST_BUCKETS);
        self.stride = stride as u32;
        self.mask = (buckets as u32).next_power_of_two() - 1;
    }

    /// How many buckets there are: a power of two, at least 64.
    pub(super) fn buckets(&self) -> usize {
        self.mask as usize + 1
    }

    /// The bucket of any place, even an invalid one.
    #[inline]
    pub(super) fn bucket_of(&self, latitude: f64, longitude: f64) -> u32 {
        let row = self.row_of(latitude);
        self.bucket(row, self.column_of(row, self.degrees_from_west(longitude)))
    }

    /// The buckets of all cells that a disc around the given place touches. The same may come twice.
    pub(super) fn for_each_bucket(&self, latitude: f64, longitude: f64, mut found: impl FnMut(u32)) {
        let disc = Disc::new(latitude, self.radius);
        let from_west = self.degrees_from_west(longitude);
        let reach = self.radius.to_degrees();
        let (mut row, last_row) = (self.row_of(latitude - reach), self.row_of(latitude + reach));
        while row <= last_row {
            let half_width = disc.half_width(self.latitude_at(row - 0.501), self.latitude_at(row + 0.501));
            for (west, east) in spans(from_west, half_width).into_iter().flatten() {
                let (mut column, last_column) = (self.column_of(row, west), self.column_of(row, east));
                while column <= last_column {
                    found(self.bucket(row, column));
                    column += 1.0;
                }
            }
            row += 1.0;
        }
    }

    #[inline]
    fn row_of(&self, latitude: f64) -> f64 {
        (clamp((latitude - self.south) * self.rows_per_degree, self.last_row) + ROUNDING) - ROUNDING
    }

    /// The latitude of a row's middle, or of a fraction of a row.
    #[inline]
    fn latitude_at(&self, row: f64) -> f64 {
        self.south + row / self.rows_per_degree
    }

    #[inline]
    fn degrees_from_west(&self, longitude: f64) -> f64 {
        let from_west = longitude - self.west;
        if from_west < 0.0 { from_west + 360.0 } else { from_west }
    }

    /// A parabola takes the place of the cosine in the width of columns: it is at most 1.28 times as large, is 0 at
    /// the poles, too, and costs two multiplications.
    #[inline]
    fn column_of(&self, row: f64, degrees_from_west: f64) -> f64 {
        let of_quarter = self.south_of_quarter + row * self.row_of_quarter;
        let parabola = 1.0 - of_quarter * of_quarter;
        let columns_per_degree = self.columns_per_degree * if parabola > 0.0 { parabola } else { 0.0 };
        (clamp(degrees_from_west, self.width) * columns_per_degree + ROUNDING) - ROUNDING
    }

    /// Folding keeps neighbours apart and in order, so that pings of one area share cache lines.
    #[inline]
    fn bucket(&self, row: f64, column: f64) -> u32 {
        whole(row).wrapping_mul(self.stride).wrapping_add(whole(column)) & self.mask
    }
}

/// `value` within `0..=most`; 0 for NaN. `f64::clamp` would keep NaN and cost more.
#[inline]
fn clamp(value: f64, most: f64) -> f64 {
    let value = if value > 0.0 { value } else { 0.0 };
    if value < most { value } else { most }
}

/// A cast that vectorises without AVX-512.
#[inline]
fn whole(number: f64) -> u32 {
    (number + ROUNDING).to_bits() as u32
}

/// Half the radius, where a disc fills most of the cells that it touches; more when there are many discs.
fn cell_degrees(radius_degrees: f64, discs: f64) -> f64 {
    let cells_per_radius = [2.0, 1.0, 0.5, 0.25]
        .into_iter()
        .find(|per_radius| discs * cells_per_disc(*per_radius) <= MOST_CELLS_TAKEN)
        .unwrap_or(0.125);
    (radius_degrees / cells_per_radius).max(SMALLEST_CELL_DEGREES)
}

/// The cells that a disc touches on average: the area of the disc widened by a cell, over the area of a cell.
fn cells_per_disc(cells_per_radius: f64) -> f64 {
    std::f64::consts::PI * cells_per_radius * cells_per_radius + 4.0 * cells_per_radius + 1.0
}

/// Where the grid begins and how many degrees it spans eastwards: all longitudes and `margin` on both sides.
fn longitudes_covered(longitudes: &[f64], margin: f64) -> (f64, f64) {
    let origin = after_widest_gap(longitudes);
    let from_origin = |longitude: f64| (longitude - origin).rem_euclid(360.0);
    let first = longitudes.iter().map(|&longitude| from_origin(longitude)).fold(360.0, f64::min);
    let last = longitudes.iter().map(|&longitude| from_origin(longitude)).fold(0.0, f64::max);
    let width = last - first + 2.0 * margin;
    // A degree is left free, so that a ping beyond the eastern edge is never one beyond the western.
    if width > 359.0 || margin > 180.0 {
        return (-180.0, 360.0);
    }
    let west = origin + first - margin;
    ((west + 180.0).rem_euclid(360.0) - 180.0, width.max(0.0))
}

/// The whole degree of longitude at which the widest stretch without establishments ends.
fn after_widest_gap(longitudes: &[f64]) -> f64 {
    let mut taken = [false; 360];
    for longitude in longitudes {
        taken[(longitude + 180.0).rem_euclid(360.0) as usize % 360] = true;
    }
    let mut widest = (0, 0);
    let mut free = 0;
    for degree in 0..720 {
        if taken[degree % 360] {
            widest = widest.max((free, degree % 360));
            free = 0;
        } else {
            free += 1;
        }
    }
    // A little less, lest a longitude that was rounded up to a whole degree be all the way around.
    widest.1 as f64 - 180.0 - 1e-9
}

/// Half of the longitudes that a disc between two latitudes can cover, in degrees.
fn widest_half_width(radius: f64, south: f64, north: f64) -> f64 {
    let farthest = south.abs().max(north.abs()).min(90.0);
    Disc::new(farthest, radius).half_width(-90.0, 90.0)
}

/// Degrees east of the grid's western edge that an arc covers: it may reach over either end of the full circle.
fn spans(from_west: f64, half_width: f64) -> [Option<(f64, f64)>; 3] {
    if half_width >= 180.0 {
        return [Some((0.0, 360.0)), None, None];
    }
    [-360.0, 0.0, 360.0].map(|turn| {
        let west = (from_west - half_width + turn).max(0.0);
        let east = (from_west + half_width + turn).min(360.0);
        (west <= east).then_some((west, east))
    })
}

/// All points within an angle of a place.
struct Disc {
    latitude: f64,
    radius: f64,
    /// The latitude, in radians, at which the disc is widest: a little poleward of its centre.
    widest: f64,
}

impl Disc {
    /// `latitude` is in degrees, `radius` in radians.
    fn new(latitude: f64, radius: f64) -> Self {
        let latitude = latitude.to_radians();
        // Beyond 1 the disc holds a pole, and there it is widest.
        let widest = (latitude.sin() / radius.cos()).clamp(-1.0, 1.0).asin();
        Self { latitude, radius, widest }
    }

    /// Half of the longitudes that the disc covers anywhere between two latitudes, all in degrees.
    ///
    /// A parallel at `p` meets the disc where sin²(l/2) <= (sin²(r/2) - sin²((p - c)/2)) / (cos p cos c); the half
    /// width l grows towards the widest latitude from either side.
    fn half_width(&self, south: f64, north: f64) -> f64 {
        if self.radius >= std::f64::consts::FRAC_PI_2 {
            return 180.0;
        }
        let parallel = self.widest.min(north.to_radians()).max(south.to_radians());
        let haversine = |angle: f64| (angle / 2.0).sin().powi(2);
        let above = haversine(self.radius) - haversine(parallel - self.latitude);
        let cosines = parallel.cos() * self.latitude.cos();
        if above >= cosines {
            return 180.0;
        }
        // Rounding is below a thousandth of a millimetre here, and the radius is larger than asked for.
        2.0 * (above.max(0.0) / cosines).sqrt().asin().to_degrees() * (1.0 + 1e-9) + 1e-9
    }
}
