//! Latency histograms, the interval log they are kept in, and the comparison of two runs.
//!
//! [`Latencies`] holds one histogram for each tag (a phase such as `connect`, or a command such as `RETR`), adds
//! up without loss, and is written as an HdrHistogram V2 interval log ([`Latencies::interval_log`]) that the
//! usual viewers open; [`parse_interval_log`] reads it back. [`Latencies::summary`] gives the figures for tables.
//!
//! [`Series`] holds the same for every second of a run, sparsely, and is written as an interval log with a line for
//! each second and tag. [`quantiles`] and [`encode_histogram_deflated`] are for single histograms.
//!
//! [`compare`] says of two runs what differs and how sure that is.
//!
//! The contract: three significant decimal digits from 1 ns to 1 h; what lies outside is counted at the nearest
//! end, never dropped. Same records, same octets.
//!
//! What this crate does *not* do: it reads no clock and touches no file, draws nothing without a seed, and does not
//! decide whether a figure is good.
//!
//! ```
//! let mut latencies = stats::Latencies::new();
//! latencies.record("RETR", 1_500_000);
//! assert_eq!(latencies.summary()[0].count, 1);
//! ```

pub mod compare;
mod counts;
mod encoding;
mod interval_log;
mod latencies;
mod quantiles;
mod series;

pub use counts::Counts;
pub use encoding::{EncodingError, decode_histogram, encode_histogram_deflated, encode_histogram_quickly};
pub use interval_log::{Interval, LogError, parse_interval_log};
pub use latencies::{HIGHEST_NS, Latencies};
pub use quantiles::quantiles;
pub use series::Series;
