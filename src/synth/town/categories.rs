//! What establishments sell, when they are open, and at which hours people want it.

use rand::distr::weighted::WeightedIndex;

use crate::synth::random::weighted;

/// How many categories there are.
pub const COUNT: usize = CATEGORIES.len();

/// A kind of establishment, and of advertisement.
#[derive(Debug)]
pub struct Category {
    /// As in the tables.
    pub name: &'static str,
    /// What the establishments are called, before their number.
    pub sign: &'static str,
    /// The hour at which they open.
    pub opens: u32,
    /// The hour at which they close, 24 = midnight.
    pub closes: u32,
    /// How many of them there are, and how often they are in ads, relative to the others.
    pub share: f64,
    /// The hours around which people want it: hour, width in hours, weight.
    peaks: &'static [(f64, f64, f64)],
    /// How often people go there on a workday and on a day of the weekend, relative to the others.
    outings: (f64, f64),
    /// How long a visit lasts, in minutes.
    pub stay_min: f64,
}

/// In the order of their names.
pub const CATEGORIES: [Category; 10] = [
    Category {
        name: "bakery",
        sign: "Padaria",
        opens: 6,
        closes: 21,
        share: 0.14,
        peaks: &[(7.0, 1.2, 1.0), (17.0, 1.5, 0.7)],
        outings: (1.3, 1.2),
        stay_min: 12.0,
    },
    Category {
        name: "bar",
        sign: "Bar",
        opens: 16,
        closes: 24,
        share: 0.10,
        peaks: &[(20.0, 2.0, 1.0), (23.5, 1.5, 0.4)],
        outings: (0.6, 1.6),
        stay_min: 95.0,
    },
    Category {
        name: "cafe",
        sign: "Café",
        opens: 7,
        closes: 20,
        share: 0.09,
        peaks: &[(9.0, 1.5, 1.0), (15.5, 1.5, 0.9)],
        outings: (1.0, 0.9),
        stay_min: 35.0,
    },
    Category {
        name: "cinema",
        sign: "Cinema",
        opens: 12,
        closes: 24,
        share: 0.03,
        peaks: &[(19.0, 2.0, 1.0), (15.0, 2.0, 0.4)],
        outings: (0.4, 1.1),
        stay_min: 130.0,
    },
    Category {
        name: "electronics",
        sign: "Eletrônicos",
        opens: 9,
        closes: 20,
        share: 0.08,
        peaks: &[(13.0, 2.0, 0.6), (21.0, 2.0, 1.0)],
        outings: (0.5, 0.7),
        stay_min: 30.0,
    },
    Category {
        name: "fashion",
        sign: "Moda",
        opens: 9,
        closes: 21,
        share: 0.13,
        peaks: &[(12.5, 1.5, 0.8), (20.5, 2.0, 1.0)],
        outings: (0.8, 1.2),
        stay_min: 40.0,
    },
    Category {
        name: "gym",
        sign: "Academia",
        opens: 5,
        closes: 23,
        share: 0.07,
        peaks: &[(6.0, 1.0, 1.0), (18.5, 1.5, 0.9)],
        outings: (1.1, 0.6),
        stay_min: 65.0,
    },
    Category {
        name: "pharmacy",
        sign: "Farmácia",
        opens: 0,
        closes: 24,
        share: 0.12,
        peaks: &[(10.5, 2.5, 0.9), (18.5, 2.5, 1.0), (2.0, 2.5, 0.25)],
        outings: (0.8, 0.7),
        stay_min: 10.0,
    },
    Category {
        name: "restaurant",
        sign: "Restaurante",
        opens: 11,
        closes: 23,
        share: 0.15,
        peaks: &[(12.0, 1.0, 1.0), (19.5, 1.5, 0.9)],
        outings: (1.3, 1.6),
        stay_min: 60.0,
    },
    Category {
        name: "supermarket",
        sign: "Mercado",
        opens: 7,
        closes: 22,
        share: 0.09,
        peaks: &[(10.0, 2.0, 0.8), (18.0, 2.0, 1.0)],
        outings: (1.2, 1.5),
        stay_min: 40.0,
    },
];

/// What people want at which hour: shares that add up to 1 over all categories and hours.
pub fn hour_curves() -> [[f64; 24]; COUNT] {
    let mut curves = CATEGORIES.map(|category| std::array::from_fn(|hour| category.wanted(hour as f64)));
    for (curve, category) in curves.iter_mut().zip(&CATEGORIES) {
        let total: f64 = curve.iter().sum();
        curve.iter_mut().for_each(|share| *share *= category.share / total);
    }
    curves
}

/// How people choose where to go, if they have no favourite: by weekday, 0 = Monday.
pub fn outings(weekday: usize) -> WeightedIndex<f64> {
    weighted(CATEGORIES.iter().map(|category| if weekday < 5 { category.outings.0 } else { category.outings.1 }))
}

impl Category {
    /// How much it is wanted around an hour; the clock is round, so that 23 is near 1.
    fn wanted(&self, hour: f64) -> f64 {
        let peak = |&(at, width, weight): &(f64, f64, f64)| {
            let apart = (hour - at).abs().min(24.0 - (hour - at).abs()) / width;
            weight * (-0.5 * apart * apart).exp()
        };
        0.01 + self.peaks.iter().map(peak).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_add_up_and_peak_where_planted() {
        let curves = hour_curves();
        let total: f64 = curves.iter().flatten().sum();
        assert!((total - 1.0).abs() < 1e-12);
        let bakery = curves[0];
        assert_eq!((0..24).max_by(|&a, &b| bakery[a].total_cmp(&bakery[b])), Some(7));
        assert!(CATEGORIES.is_sorted_by_key(|category| category.name));
    }
}
