//! Quantiles for people: what too few samples cannot tell is not shown as if they could.

use record::Quantiles;

use crate::text::nanoseconds;

/// Stands for a figure there is none of.
pub(crate) const UNTOLD: &str = "·";

/// A quantile, or [`UNTOLD`] where no sample is expected beyond it.
pub(crate) fn quantile(figures: &Quantiles, part: f64, value: u64) -> String {
    if figures.tell(part) { nanoseconds(value) } else { UNTOLD.to_owned() }
}

/// The columns of every table: p50, p90, p95, p99, p99.9 and the longest.
pub(crate) fn columns(figures: &Quantiles) -> [String; 6] {
    [
        quantile(figures, 0.5, figures.p50_ns),
        quantile(figures, 0.9, figures.p90_ns),
        quantile(figures, 0.95, figures.p95_ns),
        quantile(figures, 0.99, figures.p99_ns),
        quantile(figures, 0.999, figures.p999_ns),
        quantile(figures, 0.0, figures.max_ns),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_without_a_sample_beyond_it_is_not_told() {
        let of = |count| {
            let figures = Quantiles {
                count,
                p50_ns: 1_000_000,
                p90_ns: 2_000_000,
                p95_ns: 3_000_000,
                p99_ns: 4_000_000,
                p999_ns: 5_000_000,
                max_ns: 6_000_000,
                ..Quantiles::default()
            };
            columns(&figures).map(|cell| if cell == UNTOLD { '-' } else { 'x' }).iter().collect::<String>()
        };
        for (count, told) in [
            (0, "------"),
            (1, "x----x"),
            (5, "x----x"),
            (10, "xx---x"),
            (20, "xxx--x"),
            (99, "xxx--x"),
            (100, "xxxx-x"),
            (999, "xxxx-x"),
            (1000, "xxxxxx"),
        ] {
            assert_eq!(of(count), told, "{count}");
        }
    }
}
