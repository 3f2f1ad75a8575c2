//! The figures of one latency histogram, for tables. The histograms themselves are kept in the interval log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::load::enough_samples;

/// Quantiles of one phase or command, in nanoseconds. With too few samples a quantile is only the longest of them, and
/// [`LatencyRow::tell`] says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyRow {
    /// The phase or command: `connect`, `tls`, `RETR`.
    pub tag: String,
    /// How many were timed.
    pub count: u64,
    /// The median.
    pub p50_ns: u64,
    /// Nine of ten took at most this long.
    pub p90_ns: u64,
    /// 99 of a hundred took at most this long.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl LatencyRow {
    /// Whether there are samples enough for this quantile, as of [`Quantiles::tell`](crate::Quantiles::tell).
    pub fn tell(&self, part: f64) -> bool {
        enough_samples(self.count, part)
    }
}
