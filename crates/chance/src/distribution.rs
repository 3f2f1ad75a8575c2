//! Distributions that a scenario can ask for: think times, sizes, latencies. Numbers only; their unit is the
//! caller's, and so is whether a distribution makes sense (a negative size, a histogram whose bounds fall).

use serde::{Deserialize, Serialize};

use crate::Chance;
use crate::normal;

/// How a quantity is distributed.
///
/// ```
/// use chance::{Chance, Distribution};
///
/// let think = Distribution::Exponential { mean: 5.0 };
/// assert!((think.quantile(0.5) - 5.0 * 2.0_f64.ln()).abs() < 1e-12);
/// assert_eq!(think.sample(&mut Chance::of(&[1])), think.sample(&mut Chance::of(&[1])));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Always the same.
    Fixed(f64),
    /// All values between the two alike.
    Uniform {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
    },
    /// The time between events that know nothing of each other.
    Exponential {
        /// The arithmetic mean.
        mean: f64,
    },
    /// The logarithm is normally distributed: most values near the median, a few very large ones.
    LogNormal {
        /// Half of the values are below.
        median: f64,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Buckets, in the order of their bounds, each an upper bound and a weight. Within a bucket, from the bound of
    /// the one before (from 0 in the first) to its own, all values are alike. The weights need not add up to
    /// anything.
    Histogram(Vec<(f64, f64)>),
}

impl Distribution {
    /// The inverse of the distribution function: below it lies this part of all values. What is outside [0, 1] is
    /// taken as the nearest end, what is no number as 0.
    ///
    /// At 1, distributions without an upper end give infinity; [`Chance::uniform`] never is 1.
    pub fn quantile(&self, part: f64) -> f64 {
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform { low, high } => low + part * (high - low),
            // ln(1 - part), without losing the digits of a small part.
            Self::Exponential { mean } => -mean * (-part).ln_1p(),
            // Without dispersion the product below would be 0 times infinity at the ends.
            Self::LogNormal { median, sigma } if *sigma == 0.0 => *median,
            Self::LogNormal { median, sigma } => median * (sigma * normal::quantile(part)).exp(),
            Self::Histogram(buckets) => bucket_quantile(buckets, part),
        }
    }

    /// One value, drawn with the next number of `chance`.
    pub fn sample(&self, chance: &mut Chance) -> f64 {
        self.quantile(chance.uniform())
    }

    /// The arithmetic mean of all values.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Uniform { low, high } => f64::midpoint(*low, *high),
            Self::Exponential { mean } => *mean,
            Self::LogNormal { median, sigma } => median * (sigma * sigma / 2.0).exp(),
            Self::Histogram(buckets) => {
                let weight = total_weight(buckets);
                let sum: f64 =
                    ranges(buckets).map(|(low, high, weight)| f64::midpoint(low, high) * weight).sum();
                if weight > 0.0 { sum / weight } else { 0.0 }
            }
        }
    }
}

/// The smallest value at which the distribution function reaches `part`; 0 if nothing has weight.
fn bucket_quantile(buckets: &[(f64, f64)], part: f64) -> f64 {
    let mut wanted = part * total_weight(buckets);
    let mut last = 0.0;
    for (low, high, weight) in ranges(buckets) {
        if wanted <= weight {
            return low + (high - low) * (wanted / weight);
        }
        wanted -= weight;
        last = high;
    }
    // Only rounding leads here: what is left over is less than the last digit of the sum.
    last
}

fn total_weight(buckets: &[(f64, f64)]) -> f64 {
    ranges(buckets).map(|(_, _, weight)| weight).sum()
}

/// Lower bound, upper bound and weight of the buckets that have any.
fn ranges(buckets: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64, f64)> {
    let bounds_before = std::iter::once(0.0).chain(buckets.iter().map(|(bound, _)| *bound));
    bounds_before
        .zip(buckets)
        .map(|(low, (high, weight))| (low, *high, *weight))
        .filter(|(_, _, weight)| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    fn sizes() -> Distribution {
        Distribution::Histogram(vec![(10.0, 1.0), (20.0, 0.0), (40.0, 3.0)])
    }

    #[test]
    fn known_quantiles() {
        near(Distribution::Fixed(3.5).quantile(0.2), 3.5);
        near(Distribution::Uniform { low: 2.0, high: 6.0 }.quantile(0.25), 3.0);
        let exponential = Distribution::Exponential { mean: 2.0 };
        near(exponential.quantile(0.0), 0.0);
        near(exponential.quantile(0.9), 2.0 * 10.0_f64.ln());
        near(exponential.quantile(1e-18), 2e-18);
        let log_normal = Distribution::LogNormal { median: 10.0, sigma: 0.5 };
        near(log_normal.quantile(0.0), 0.0);
        near(log_normal.quantile(0.5), 10.0);
        near(log_normal.quantile(0.975), 10.0 * (0.5 * 1.959_963_984_540_054_f64).exp());
        assert!(log_normal.quantile(1.0).is_infinite());
        near(Distribution::LogNormal { median: 10.0, sigma: 0.0 }.quantile(1.0), 10.0);
    }

    #[test]
    fn quantiles_of_a_histogram() {
        for (part, value) in [(0.0, 0.0), (0.125, 5.0), (0.25, 10.0), (0.5, 20.0 + 20.0 / 3.0), (1.0, 40.0)] {
            near(sizes().quantile(part), value);
        }
        // Nothing below the first bucket with weight.
        near(Distribution::Histogram(vec![(1.0, 0.0), (2.0, 1.0)]).quantile(0.0), 1.0);
        for nothing in [vec![], vec![(5.0, 0.0)]] {
            let nothing = Distribution::Histogram(nothing);
            near(nothing.quantile(0.5), 0.0);
            near(nothing.mean(), 0.0);
        }
    }

    #[test]
    fn what_is_no_part_is_taken_as_one() {
        let uniform = Distribution::Uniform { low: 1.0, high: 2.0 };
        near(uniform.quantile(f64::NAN), 1.0);
        near(uniform.quantile(-3.0), 1.0);
        near(uniform.quantile(7.0), 2.0);
    }

    #[test]
    fn samples_have_the_mean_that_is_promised() {
        let distributions = [
            Distribution::Fixed(3.0),
            Distribution::Uniform { low: 2.0, high: 6.0 },
            Distribution::Exponential { mean: 2.0 },
            Distribution::LogNormal { median: 10.0, sigma: 0.5 },
            sizes(),
        ];
        for distribution in distributions {
            let mut chance = Chance::of(&[42]);
            let sum: f64 = (0..40_000).map(|_| distribution.sample(&mut chance)).sum();
            let (found, promised) = (sum / 40_000.0, distribution.mean());
            // No distribution above has a standard deviation over its mean: two per cent are four standard errors.
            assert!((found / promised - 1.0).abs() < 0.02, "{distribution:?}: {found}, not {promised}");
        }
    }

    #[test]
    fn the_serialised_form() {
        let forms = [
            (Distribution::Fixed(1.5), r#"{"fixed":1.5}"#),
            (Distribution::Uniform { low: 1.0, high: 2.0 }, r#"{"uniform":{"low":1.0,"high":2.0}}"#),
            (Distribution::Exponential { mean: 2.0 }, r#"{"exponential":{"mean":2.0}}"#),
            (
                Distribution::LogNormal { median: 10.0, sigma: 0.5 },
                r#"{"log-normal":{"median":10.0,"sigma":0.5}}"#,
            ),
            (Distribution::Histogram(vec![(1.0, 2.0)]), r#"{"histogram":[[1.0,2.0]]}"#),
        ];
        for (distribution, text) in forms {
            assert_eq!(serde_json::to_string(&distribution).unwrap(), text);
            assert_eq!(serde_json::from_str::<Distribution>(text).unwrap(), distribution);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_larger_part_is_never_a_smaller_value(
            weights in prop::collection::vec(0.0..5.0_f64, 1..6), one in 0.0..1.0_f64, other in 0.0..1.0_f64
        ) {
            let buckets = weights.iter().enumerate().map(|(at, weight)| ((at + 1) as f64, *weight)).collect();
            for distribution in [
                Distribution::Histogram(buckets),
                Distribution::LogNormal { median: 3.0, sigma: 1.5 },
                Distribution::Exponential { mean: 3.0 },
            ] {
                let (low, high) = (one.min(other), one.max(other));
                prop_assert!(distribution.quantile(low) <= distribution.quantile(high) + 1e-12);
            }
        }
    }
}
