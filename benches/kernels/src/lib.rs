//! The kernels and their input: seeded, the same on every machine.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::datatypes::DataType;
use footfall::attribution::{Credit, Evidence, Interaction, Visit};
use footfall::calendar::Calendar;
use footfall::counting::Counts;
use footfall::decimal;
use footfall::geo::{EstablishmentIndex, haversine::haversine_each};
use footfall::ids::{Id, Ids};
use footfall::visits::{Matches, match_pings};

/// Rows that each kernel works on.
pub const ROWS: usize = 100_000;

/// A kernel: its name, and what makes it ready to run.
pub type Kernel = (&'static str, fn() -> Box<dyn FnMut()>);

/// All of them.
pub const KERNELS: [Kernel; 9] = [
    ("haversine_each", distances),
    ("match_pings, 2 % near", || visits(20_000.0)),
    ("match_pings, most near", || visits(1_000.0)),
    ("month", months),
    ("hour", hours),
    ("ids, half of them new", ids),
    ("integers as text", texts),
    ("counts by two keys", counts),
    ("attribution", attribution),
];

/// Evenly spread in [0, 1), the same for the same seed: a Weyl sequence with the golden ratio, shuffled by its seed.
fn spread(seed: u64) -> impl Fn(usize) -> f64 {
    move |row| {
        let mixed = (row as u64 ^ seed << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn column<T>(seed: u64, of: impl Fn(f64) -> T) -> Vec<T> {
    let spread = spread(seed);
    (0..ROWS).map(|row| of(spread(row))).collect()
}

/// Degrees in a square of so many metres near Recife.
fn places(seed: u64, side_m: f64) -> (Vec<f64>, Vec<f64>) {
    let degrees = side_m / 111_195.0;
    (column(seed, |at| -8.1 + at * degrees), column(seed + 1, |at| -35.0 + at * degrees))
}

fn distances() -> Box<dyn FnMut()> {
    let ((a, b), (c, d)) = (places(1, 20_000.0), places(3, 20_000.0));
    let mut metres = vec![0.0; ROWS];
    Box::new(move || haversine_each(black_box(&a), &b, &c, &d, &mut metres))
}

fn visits(side_m: f64) -> Box<dyn FnMut()> {
    let (latitudes, longitudes) = places(5, side_m);
    let (south, west) = places(7, side_m);
    let index = EstablishmentIndex::new(&south[..1_000], &west[..1_000], 50.0).expect("degrees");
    Box::new(move || {
        let mut matches = Matches::default();
        match_pings(black_box(&index), &latitudes, &longitudes, &mut matches);
        black_box(matches);
    })
}

fn instants() -> Vec<i64> {
    column(9, |at| 1_704_067_200_000_000 + (at * 92.0 * 86_400e6) as i64)
}

fn months() -> Box<dyn FnMut()> {
    let (calendar, instants) = (Calendar::new("America/New_York").expect("a zone"), instants());
    Box::new(move || {
        let mut clock = calendar.clock();
        black_box(black_box(&instants).iter().map(|instant| clock.month(*instant)).collect::<Vec<_>>());
    })
}

fn hours() -> Box<dyn FnMut()> {
    let (calendar, instants) = (Calendar::new("America/New_York").expect("a zone"), instants());
    Box::new(move || {
        let mut clock = calendar.clock();
        black_box(black_box(&instants).iter().map(|instant| clock.hour(*instant)).collect::<Vec<_>>());
    })
}

fn ids() -> Box<dyn FnMut()> {
    let texts: StringViewArray =
        column(11, |at| format!("user {}", (at * ROWS as f64 / 2.0) as u32)).into_iter().map(Some).collect();
    Box::new(move || {
        let mut ids = Ids::default();
        (0..ROWS).for_each(|row| {
            ids.add(Id::at(black_box(&texts), row));
        });
        black_box(ids);
    })
}

fn texts() -> Box<dyn FnMut()> {
    let integers = Int64Array::from(column(13, |at| (at * 1e7) as i64));
    Box::new(move || {
        black_box(decimal::as_text(black_box(&integers)).expect("text"));
    })
}

fn counts() -> Box<dyn FnMut()> {
    let categories = column(15, |at| format!("category {}", (at * 8.0) as u32));
    let categories: ArrayRef = Arc::new(categories.into_iter().map(Some).collect::<StringViewArray>());
    let hours: ArrayRef = Arc::new(Int64Array::from(column(17, |at| (at * 24.0) as i64)));
    let keys = [categories, hours];
    Box::new(move || {
        let mut counts = Counts::new(&[DataType::Utf8View, DataType::Int64], 1);
        counts.add(black_box(&keys), &[None], ROWS);
        black_box(counts.len());
    })
}

/// Each user has ten visits and ten interactions, at ten establishments.
fn attribution() -> Box<dyn FnMut()> {
    let (times, others) = (instants(), column(19, |at| 1_704_067_200_000_000 + (at * 92.0 * 86_400e6) as i64));
    let users = (ROWS / 10) as u32;
    let number = |row: usize, count: u32| (row as u32).wrapping_mul(2_654_435_761) % count;
    let visit = |(row, timestamp_us): (usize, &i64)| Visit {
        timestamp_us: *timestamp_us,
        user: row as u32 % users,
        establishment: number(row, 10),
    };
    let visits: Vec<Visit> = times.iter().enumerate().map(visit).collect();
    let interaction = |(row, timestamp_us): (usize, &i64)| {
        let credit = Credit { timestamp_us: *timestamp_us, click: row.is_multiple_of(20), ad: number(row + 7, 20) };
        Interaction::new(row as u32 % users, credit)
    };
    let interactions: Vec<Interaction> = others.iter().enumerate().map(interaction).collect();
    Box::new(move || {
        let parts = [black_box(&interactions).as_slice()];
        let evidence = Evidence::new(&parts, users as usize, |ad| ad / 2, 6 * 3_600_000_000);
        black_box(visits.iter().filter(|visit| evidence.credit(visit).is_some()).count());
    })
}
