//! The counted chance that who approaches arrives, by class of miss distance, arrival time and speed.

use std::collections::HashMap;

/// Approaches of all classes that a class is mixed with: few counts tell little.
const PRIOR_APPROACHES: f64 = 20.0;

/// A class, by the lower bounds of its miss distance, arrival time and speed; how often it was met, and how many
/// arrived.
#[derive(Debug, Clone, Copy)]
pub struct ChanceClass {
    /// From this miss distance on.
    pub miss_m: f64,
    /// From this arrival time on.
    pub eta_s: f64,
    /// From this speed on.
    pub speed_mps: f64,
    /// Approaches of the class.
    pub approaches: i64,
    /// Those that arrived.
    pub arrivals: i64,
}

/// Chances by class.
#[derive(Debug, Clone)]
pub(super) struct Chances {
    misses_m: Bounds,
    etas_s: Bounds,
    speeds_mps: Bounds,
    by_class: HashMap<[usize; 3], f64>,
    of_all: f64,
}

impl Chances {
    pub(super) fn new(classes: &[ChanceClass]) -> Self {
        let bounds = |of: fn(&ChanceClass) -> f64| Bounds::new(classes.iter().map(of).collect());
        let (misses_m, etas_s, speeds_mps) = (bounds(|c| c.miss_m), bounds(|c| c.eta_s), bounds(|c| c.speed_mps));
        let sum = |of: fn(&ChanceClass) -> i64| classes.iter().map(of).sum::<i64>() as f64;
        let (approaches, arrivals) = (sum(|c| c.approaches), sum(|c| c.arrivals));
        let of_all = if approaches > 0.0 { arrivals / approaches } else { 1.0 };
        let mut chances = Self { misses_m, etas_s, speeds_mps, by_class: HashMap::new(), of_all };
        let mut counts: HashMap<_, (i64, i64)> = HashMap::new();
        for class in classes {
            let sums = counts.entry(chances.class_of(class.miss_m, class.eta_s, class.speed_mps)).or_default();
            *sums = (sums.0 + class.approaches, sums.1 + class.arrivals);
        }
        let chance = |(approaches, arrivals): (i64, i64)| {
            (arrivals as f64 + PRIOR_APPROACHES * of_all) / (approaches as f64 + PRIOR_APPROACHES)
        };
        chances.by_class = counts.into_iter().map(|(class, sums)| (class, chance(sums))).collect();
        chances
    }

    #[inline]
    pub(super) fn of(&self, miss_m: f64, eta_s: f64, speed_mps: f64) -> f64 {
        self.by_class.get(&self.class_of(miss_m, eta_s, speed_mps)).copied().unwrap_or(self.of_all)
    }

    fn class_of(&self, miss_m: f64, eta_s: f64, speed_mps: f64) -> [usize; 3] {
        [self.misses_m.class_of(miss_m), self.etas_s.class_of(eta_s), self.speeds_mps.class_of(speed_mps)]
    }
}

/// Lower bounds of classes, ascending.
#[derive(Debug, Clone)]
struct Bounds(Vec<f64>);

impl Bounds {
    fn new(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        all.dedup();
        Self(all)
    }

    /// The class of the largest bound that is not above `value`; else the first.
    fn class_of(&self, value: f64) -> usize {
        self.0.partition_point(|bound| *bound <= value).saturating_sub(1)
    }
}
