//! Fixes to anchors and legs: standing still is silence, however often somebody's place is told.

use super::counts::{Counted, Counters};
use super::fix::Fix;
use super::options::{Options, micros};
use crate::geo::Place;

const LONGEST_WAY_M: f32 = 1e6;

/// What is known of the way of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Track {
    /// The last fix that was accepted.
    pub(super) last: Option<Fix>,
    /// A fix too far away to be believed without another.
    pub(super) pending: Option<Box<Fix>>,
    /// The last anchor, and the one before.
    pub(super) anchor: Option<Fix>,
    pub(super) earlier_anchor: Option<Fix>,
    /// The length of all legs. It is not part of the state that is saved: it only spares work.
    pub(super) way_m: f32,
    /// The length of the way up to which no approach called may be called again.
    pub(super) armed_way_m: f32,
    /// Approaches called that may not be called again yet.
    pub(super) called: Vec<Called>,
}

/// An establishment, by its key, whose approach was called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Called {
    pub(super) establishment: u64,
    /// Beyond this distance it may be called again.
    pub(super) armed_m: f32,
    /// The length of the way from which on the user can be so far away.
    pub(super) way_m: f32,
}

/// The way between two anchors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) length_m: f64,
    pub(super) seconds: f64,
}

impl Leg {
    fn new(from: &Fix, to: &Fix) -> Self {
        let seconds = to.seconds_since(from);
        let (from, to) = (from.place(), to.place());
        Self { from, to, length_m: from.distance_m(&to), seconds }
    }
}

/// The last leg, and the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legs {
    pub(super) earlier: Option<Leg>,
    pub(super) last: Leg,
}

/// The age of a fix beside the last one.
pub(super) enum Age {
    Late,
    Duplicate,
    /// After a time for which states are not kept.
    Forgotten,
    /// After a time over which a track cannot be followed.
    Gap,
    Next,
}

impl Track {
    pub(super) fn age_of(&self, fix: &Fix, options: &Options) -> Age {
        let Some(last) = &self.last else { return Age::Next };
        let passed_us = fix.timestamp_us.saturating_sub(last.timestamp_us);
        match passed_us {
            ..0 => Age::Late,
            0 => Age::Duplicate,
            _ if passed_us > micros(options.forget_s) => Age::Forgotten,
            _ if passed_us > micros(options.gap_s) => Age::Gap,
            _ => Age::Next,
        }
    }

    /// Whether a fix is believed: nobody jumps, unless two fixes in a row agree on it.
    pub(super) fn believes(&mut self, fix: &Fix, options: &Options, counts: &mut Counters) -> bool {
        let is_jump = |from: &Fix| {
            let farthest_m = options.jump_mps * fix.seconds_since(from);
            !from.is_certainly_within(fix, farthest_m) && from.distance_m(fix) > farthest_m
        };
        if !self.last.as_ref().is_some_and(is_jump) {
            self.pending = None;
            return true;
        }
        let agrees = |pending: &Fix| pending.timestamp_us < fix.timestamp_us && !is_jump(pending);
        if self.pending.as_deref().is_some_and(agrees) {
            *self = Self::default();
            return true;
        }
        counts.add(Counted::Jump);
        self.pending = Some(Box::new(*fix));
        false
    }

    /// Takes a fix that is believed; the legs, if it is an anchor with one before it.
    pub(super) fn accept(&mut self, fix: Fix, options: &Options, counts: &mut Counters) -> Option<Legs> {
        let before = self.last.replace(fix);
        let Some(anchor) = self.anchor else {
            self.anchor = Some(fix);
            counts.add(Counted::Anchor);
            return None;
        };
        if !self.is_anchor(&anchor, &fix, before.as_ref(), options) {
            return None;
        }
        counts.add(Counted::Anchor);
        let last = Leg::new(&anchor, &fix);
        self.go(last.length_m as f32);
        let earlier = self.earlier_anchor.as_ref().map(|earlier| Leg::new(earlier, &anchor));
        (self.earlier_anchor, self.anchor) = (Some(anchor), Some(fix));
        Some(Legs { earlier, last })
    }

    /// Adds to the length of the way, which begins anew before it gets too long for its digits.
    fn go(&mut self, length_m: f32) {
        self.way_m += length_m;
        if self.way_m > LONGEST_WAY_M {
            (self.way_m, self.armed_way_m) = (0.0, 0.0);
            self.called.iter_mut().for_each(|called| called.way_m = 0.0);
        }
    }

    /// Whether the user certainly moved away from the anchor. Among frequent fixes one alone is no proof.
    fn is_anchor(&mut self, anchor: &Fix, fix: &Fix, before: Option<&Fix>, options: &Options) -> bool {
        let leg_m = anchor.leg_m(fix, options);
        if anchor.is_certainly_within(fix, leg_m) {
            return false;
        }
        let distance_m = anchor.distance_m(fix);
        if distance_m < leg_m {
            return false;
        }
        let is_frequent = |before: &&Fix| fix.timestamp_us - before.timestamp_us <= micros(options.witness_s);
        let Some(before) = before.filter(is_frequent) else { return true };
        let apart_m = before.distance_m(fix);
        let farthest_m = options.witness_share * anchor.distance_m(before);
        let agree = before.is_witness && apart_m < distance_m && apart_m < farthest_m;
        if !agree {
            self.last = Some(Fix { is_witness: true, ..*fix });
        }
        agree
    }
}
