//! What a user does: segments of days, views and clicks.

use super::trips::{Corners, Trip};
use crate::synth::town::point::Point;
use crate::synth::truth::PlantedCounts;

/// A view or a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// When.
    pub timestamp_us: i64,
    /// Rather than a view.
    pub click: bool,
    /// Which ad.
    pub ad: u32,
}

/// A piece of a seen day; times in seconds since the day began.
#[derive(Debug)]
pub enum Segment {
    /// At home or at work: the remaining pings are spread over all stays.
    Stay { place: Point, day: usize, from_s: f64, to_s: f64 },
    /// On the way.
    Trip { trip: Trip, back: bool, day: usize, start_s: f64, pings: u32 },
    /// At an establishment.
    Visit { place: Point, day: usize, from_s: f64, to_s: f64, pings: u32 },
}

/// What a user does and leaves behind; reused from one user to the next.
#[derive(Debug, Default)]
pub struct Life {
    /// The plan, in order of time.
    pub segments: Vec<Segment>,
    /// The corners of the plan's trips.
    pub corners: Corners,
    /// Views and clicks.
    pub events: Vec<Event>,
    /// How many pings the trips and visits make.
    pub moving: usize,
    /// What has been planted so far, over all users.
    pub counts: PlantedCounts,
}
