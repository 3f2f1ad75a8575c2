//! Distributions of durations and sizes.

use chance::Distribution;
use yaml::{Node, units};

use super::Reader;
use crate::table::DISTRIBUTIONS;

/// The number of standard deviations that 95 % stay below.
const P95: f64 = 1.644_853_626_951_472_6;

/// The sigma of a lognormal distribution of this median and p95.
pub(super) fn sigma(median: f64, p95: f64) -> f64 {
    (p95 / median).ln() / P95
}

impl Reader<'_> {
    /// A distribution in the unit that `read` reads; a bare value is a fixed one.
    pub(super) fn distribution(
        &mut self,
        node: &Node,
        read: fn(&str) -> Result<f64, String>,
    ) -> Option<Distribution> {
        if let Some(text) = node.scalar() {
            return read(text).ok().map(Distribution::Fixed);
        }
        let kind = DISTRIBUTIONS.into_iter().find(|kind| node.at(kind).is_some())?;
        let inner = node.at(kind)?;
        let number = |key: &str| read(inner.at(key)?.scalar()?).ok();
        match kind {
            "fixed" => read(inner.scalar()?).ok().map(Distribution::Fixed),
            "exponential" => read(inner.scalar()?).ok().map(|mean| Distribution::Exponential { mean }),
            "uniform" => {
                let (low, high) = (number("from")?, number("to")?);
                if low > high {
                    self.wrong(inner.at("to")?, "`to` is less than `from`");
                    return None;
                }
                Some(Distribution::Uniform { low, high })
            }
            "lognormal" => self.lognormal(inner, read),
            _ => self.histogram(inner, read),
        }
    }

    fn lognormal(&mut self, node: &Node, read: fn(&str) -> Result<f64, String>) -> Option<Distribution> {
        let number = |key: &str| read(node.at(key)?.scalar()?).ok();
        let median = number("median")?;
        if median <= 0.0 {
            self.wrong(node.at("median")?, "the median of a lognormal distribution is more than 0");
            return None;
        }
        let sigma = if let Some(value) = node.at("sigma") {
            let sigma = units::number(value.scalar()?).ok()?;
            if sigma > 10.0 {
                self.wrong(value, "a sigma over 10 makes values no server could hold; give `p95` instead");
                return None;
            }
            sigma
        } else {
            let p95 = number("p95")?;
            if p95 < median {
                self.wrong(node.at("p95")?, "`p95` is less than the median");
                return None;
            }
            sigma(median, p95)
        };
        Some(Distribution::LogNormal { median, sigma })
    }

    fn histogram(&mut self, node: &Node, read: fn(&str) -> Result<f64, String>) -> Option<Distribution> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (name, weight) in node.map()? {
            let bound = read(name.scalar()?).ok()?;
            if buckets.last().is_some_and(|(before, _)| bound <= *before) {
                self.wrong(name, "the bounds of a histogram rise from line to line; this one does not");
            }
            buckets.push((bound, units::number(weight.scalar()?).ok()?));
        }
        if buckets.iter().all(|(_, weight)| *weight == 0.0) {
            self.wrong(node, "nothing in the histogram has a weight");
            return None;
        }
        Some(Distribution::Histogram(buckets))
    }
}
