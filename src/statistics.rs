//! What can be said of a ratio of counts.

/// The Wilson score interval of `successes / trials`: `(low, high)` within `[0, 1]`.
///
/// `z` is the two-sided quantile of the standard normal, [`WILSON_Z`](crate::units::WILSON_Z) for 95 %. `None` when
/// there is no proportion to speak of: no trials, or successes outside `0..=trials`.
///
/// Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927),
/// 209-212.
pub fn wilson_interval(successes: i64, trials: i64, z: f64) -> Option<(f64, f64)> {
    if trials <= 0 || !(0..=trials).contains(&successes) {
        return None;
    }
    let (n, ratio, z2) = (trials as f64, successes as f64 / trials as f64, z * z);
    let middle = ratio + z2 / (2.0 * n);
    let half_width = z * (ratio * (1.0 - ratio) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // In exact arithmetic the ends below are 0 and 1; rounding would leave 1e-17 there.
    let low = if successes == 0 { 0.0 } else { ((middle - half_width) / scale).max(0.0) };
    let high = if successes == trials { 1.0 } else { ((middle + half_width) / scale).min(1.0) };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::wilson_interval;
    use crate::units::WILSON_Z;

    fn assert_close(found: Option<(f64, f64)>, low: f64, high: f64) {
        let found = found.expect("a proportion");
        assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn agrees_with_published_values() {
        // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998).
        let to_four_places = |found: Option<(f64, f64)>| found.map(|(a, b)| (format!("{a:.4}"), format!("{b:.4}")));
        let expected = |low: &str, high: &str| Some((low.to_string(), high.to_string()));
        assert_eq!(to_four_places(wilson_interval(81, 263, WILSON_Z)), expected("0.2553", "0.3662"));
        assert_eq!(to_four_places(wilson_interval(15, 148, WILSON_Z)), expected("0.0624", "0.1605"));
        assert_eq!(to_four_places(wilson_interval(0, 20, WILSON_Z)), expected("0.0000", "0.1611"));
        assert_eq!(to_four_places(wilson_interval(1, 29, WILSON_Z)), expected("0.0061", "0.1718"));
    }

    #[test]
    fn the_ends_are_exact() {
        assert_close(wilson_interval(1, 1, WILSON_Z), 0.206_549_3, 1.0);
        assert_eq!(wilson_interval(7, 7, WILSON_Z).map(|ends| ends.1), Some(1.0));
        assert_eq!(wilson_interval(0, 3, WILSON_Z).map(|ends| ends.0), Some(0.0));
        assert_eq!(wilson_interval(1, 4, 0.0), Some((0.25, 0.25)));
    }

    #[test]
    fn no_proportion_no_interval() {
        for (successes, trials) in [(0, 0), (1, 0), (-1, 5), (6, 5), (0, -1), (i64::MIN, i64::MAX)] {
            assert_eq!(wilson_interval(successes, trials, WILSON_Z), None);
        }
    }
}
