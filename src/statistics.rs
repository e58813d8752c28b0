//! What can be said of a ratio of counts.

use arrow::datatypes::i256;

/// The Wilson score interval of `successes / trials`: `(low, high)` within `[0, 1]`.
///
/// `z` is the two-sided quantile of the standard normal, [`WILSON_Z`](crate::units::WILSON_Z) for 95 %. `None` when
/// there is no proportion to speak of: no trials, or successes outside `0..=trials`. The trials are taken as
/// independent; for trials of the same people see [`SumsByUser`].
///
/// Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927),
/// 209-212.
pub fn wilson_interval(successes: i64, trials: i64, z: f64) -> Option<(f64, f64)> {
    if trials <= 0 || !(0..=trials).contains(&successes) {
        return None;
    }
    Some(wilson_of(successes as f64 / trials as f64, trials as f64, z))
}

/// The interval of a `ratio` within `[0, 1]` of so many `trials`, above 0, which need not be whole.
pub fn wilson_of(ratio: f64, trials: f64, z: f64) -> (f64, f64) {
    let z2 = z * z;
    let middle = ratio + z2 / (2.0 * trials);
    let half_width = z * (ratio * (1.0 - ratio) / trials + z2 / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + z2 / trials;
    // In exact arithmetic the ends below are 0 and 1; rounding would leave 1e-17 there.
    let low = if ratio == 0.0 { 0.0 } else { ((middle - half_width) / scale).max(0.0) };
    let high = if ratio == 1.0 { 1.0 } else { ((middle + half_width) / scale).min(1.0) };
    (low, high)
}

/// Sums over users of their trials t and successes s. They are integers, so that those of other users add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SumsByUser {
    /// Users with a trial.
    pub users: i64,
    /// Sum of t.
    pub trials: i64,
    /// Sum of s.
    pub successes: i64,
    /// Sum of t².
    pub trials_squared: i128,
    /// Sum of t s.
    pub trials_times_successes: i128,
    /// Sum of s².
    pub successes_squared: i128,
}

impl SumsByUser {
    /// The Wilson interval of the ratio of all successes and trials, with the effective number of trials.
    pub fn wilson_interval(&self, z: f64) -> Option<(f64, f64)> {
        Some(wilson_of(self.successes as f64 / self.trials as f64, self.effective_trials()?, z))
    }

    /// How many independent trials would tell as much of the ratio r: r (1 - r) / var(r), at most the trials that there
    /// are, with the variance of a ratio by clusters, n / (n - 1) sum (s - r t)² / (sum t)², of n users. The number
    /// of users where that variance is 0 or n is 1. `None` when there is no proportion to speak of.
    ///
    /// Sources: L. Kish, "Survey Sampling" (1965), ch. 6 and 8.2; E. L. Korn and B. I. Graubard, "Confidence Intervals
    /// for Proportions With Small Expected Number of Positive Counts Estimated From Survey Data", Survey Methodology
    /// 24 (1998), 193-201.
    pub fn effective_trials(&self) -> Option<f64> {
        let (users, trials, successes) = (self.users, self.trials, self.successes);
        if !(1..=trials).contains(&users) || !(0..=trials).contains(&successes) {
            return None;
        }
        let spread = self.spread()?;
        if users == 1 || spread == i256::ZERO {
            return Some(users as f64);
        }
        let [n, t, s] = [users as f64, trials as f64, successes as f64];
        // One rounding, unless the numbers are very large: equal ratios of integers stay equal.
        let effective = s * (t - s) * t * t * (n - 1.0) / (n * as_float(spread));
        Some(effective.min(t))
    }

    /// (sum t)² sum (s - r t)², exactly: the terms nearly cancel each other where users are alike. `None` if no
    /// trials and successes have these sums.
    fn spread(&self) -> Option<i256> {
        let [t, s] = [self.trials, self.successes].map(i256::from);
        let [tt, ts, ss] =
            [self.trials_squared, self.trials_times_successes, self.successes_squared].map(i256::from_i128);
        let product = |a: i256, b: i256, of: i256| a.checked_mul(b)?.checked_mul(of);
        let squares = product(t, t, ss)?.checked_add(product(s, s, tt)?)?;
        let spread = squares.checked_sub(product(t, s, ts)?.checked_mul(i256::from(2_i64))?)?;
        (!spread.is_negative()).then_some(spread)
    }
}

fn as_float(number: i256) -> f64 {
    let (low, high) = number.to_parts();
    high as f64 * 2_f64.powi(128) + low as f64
}

#[cfg(test)]
mod tests {
    use super::{SumsByUser, wilson_interval};
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

    /// The sums of users with so many trials and successes.
    fn sums(users: &[(i64, i64)]) -> SumsByUser {
        users.iter().fold(SumsByUser::default(), |sums, (trials, successes)| {
            let [t, s] = [*trials, *successes].map(i128::from);
            SumsByUser {
                users: sums.users + 1,
                trials: sums.trials + trials,
                successes: sums.successes + successes,
                trials_squared: sums.trials_squared + t * t,
                trials_times_successes: sums.trials_times_successes + t * s,
                successes_squared: sums.successes_squared + s * s,
            }
        })
    }

    fn effective(users: &[(i64, i64)]) -> f64 {
        sums(users).effective_trials().expect("a proportion")
    }

    #[test]
    fn users_that_repeat_themselves_count_once() {
        // Ten users of ten trials each, all or nothing: ratio 1/2, variance 10/9 * 10 * 25 / 100² = 1/36.
        let users = [[(10, 10); 5], [(10, 0); 5]].concat();
        assert!((effective(&users) - 9.0).abs() < 1e-12, "{}", effective(&users));
    }

    #[test]
    fn by_hand() {
        // r = 3/10: sum (s - r t)² = (1 - 0.6)² + (0 - 0.9)² + (2 - 1.5)² = 1.22, var = 3/2 * 1.22 / 100 = 0.0183.
        let users = [(2, 1), (3, 0), (5, 2)];
        assert!((effective(&users) - 10.0_f64.min(0.21 / 0.0183)).abs() < 1e-12);
        // r = 1/2: sum = (2 - 1)² + (0 - 1)² + 0 + 0 = 2, var = 4/3 * 2 / 64 = 1/24, 1/4 * 24 = 6.
        assert!((effective(&[(2, 2), (2, 0), (2, 1), (2, 1)]) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn one_trial_each_is_nearly_a_trial() {
        let users = [vec![(1, 1); 400], vec![(1, 0); 600]].concat();
        assert!((effective(&users) - 999.0).abs() < 1e-9);
        let (by_user, plain) = (sums(&users).wilson_interval(WILSON_Z), wilson_interval(400, 1000, WILSON_Z));
        let (by_user, plain) = (by_user.expect("a proportion"), plain.expect("a proportion"));
        assert!((by_user.0 - plain.0).abs() < 1e-4 && (by_user.1 - plain.1).abs() < 1e-4);
    }

    #[test]
    fn never_more_than_the_trials_and_users_where_nothing_varies() {
        assert_eq!(effective(&[(2, 1); 50]), 50.0);
        assert_eq!(effective(&[(100, 100); 9]), 9.0);
        assert_eq!(effective(&[(100, 0), (3, 0)]), 2.0);
        assert_eq!(effective(&[(1_000, 400)]), 1.0);
        assert_eq!(effective(&[(4, 2), (4, 2), (5, 3)]), 13.0);
    }

    #[test]
    fn sums_of_any_size_do_not_wrap() {
        const MANY: i64 = i64::MAX / 4;
        let large = effective(&[(MANY, MANY), (MANY, 0), (MANY, MANY / 2), (MANY, MANY / 2)]);
        assert!((large - 6.0).abs() < 1e-9, "{large}");
        // r = 1 / t: sum (s - r t)² = 2 / t², so that t is the lesser.
        assert_eq!(effective(&[(i64::MAX - 1, 1), (1, 0)]), i64::MAX as f64);
    }

    #[test]
    fn no_proportion_no_effective_trials() {
        for users in [&[][..], &[(0, 0)], &[(1, 2)], &[(3, -1)]] {
            assert_eq!(sums(users).effective_trials(), None, "{users:?}");
        }
        let impossible = SumsByUser { users: 2, trials: 2, successes: 1, ..SumsByUser::default() };
        assert_eq!(impossible.effective_trials(), Some(2.0));
        assert_eq!(SumsByUser { trials_times_successes: 9, ..impossible }.effective_trials(), None);
        assert_eq!(SumsByUser { trials_squared: i128::MAX, ..sums(&[(i64::MAX, 1)]) }.effective_trials(), Some(1.0));
    }
}
