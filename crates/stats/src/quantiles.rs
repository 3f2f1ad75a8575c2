//! The figures of one histogram, for tables.

use hdrhistogram::Histogram;
use record::Quantiles;

/// Count, quantiles, ends and mean. A quantile is the highest value the histogram does not tell apart from it, but
/// never more than the maximum; everything is 0 when nothing was counted.
pub fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    if histogram.is_empty() {
        return Quantiles::default();
    }
    let mut values = histogram.value_at_quantiles([0.5, 0.9, 0.95, 0.99, 0.999]);
    let mut next = || values.next().unwrap_or(0).min(histogram.max());
    Quantiles {
        count: histogram.len(),
        min_ns: histogram.min(),
        p50_ns: next(),
        p90_ns: next(),
        p95_ns: next(),
        p99_ns: next(),
        p999_ns: next(),
        max_ns: histogram.max(),
        mean_ns: histogram.mean(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Latencies;

    #[test]
    fn figures_of_a_known_distribution() {
        let mut latencies = Latencies::new();
        for microseconds in 1..=10_000 {
            latencies.record("RETR", microseconds * 1000);
        }
        let found = quantiles(latencies.histogram("RETR").unwrap());
        assert_eq!(found.count, 10_000);
        let figures = [
            (found.min_ns, 1_000),
            (found.p50_ns, 5_000_000),
            (found.p90_ns, 9_000_000),
            (found.p95_ns, 9_500_000),
            (found.p99_ns, 9_900_000),
            (found.p999_ns, 9_990_000),
            (found.max_ns, 10_000_000),
        ];
        for (figure, expected) in figures {
            assert!(figure.abs_diff(expected) <= expected / 1000, "{figure} is not {expected}");
        }
        assert!((found.mean_ns / 5_000_500.0 - 1.0).abs() < 0.001, "{}", found.mean_ns);
    }

    #[test]
    fn nothing_is_all_zeros() {
        let nothing = crate::latencies::empty();
        assert_eq!(quantiles(&nothing), Quantiles::default());
    }
}
