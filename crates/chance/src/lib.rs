//! Seeded numbers, and the distributions that are drawn with them: plans, think times, sizes and latencies.
//!
//! [`Chance`] is a stream of numbers that its parts name; [`Distribution`] turns one of them into a quantity. The
//! contract: same parts, same numbers, on every machine and in every version.
//!
//! What this crate does *not* do: it draws nothing without a seed, makes nothing that must be kept secret, and knows no
//! units.
//!
//! ```
//! use chance::{Chance, Distribution};
//!
//! let sizes = Distribution::LogNormal { median: 13_000.0, sigma: 1.1 };
//! let (mut once, mut again) = (Chance::of(&[42, 7]), Chance::of(&[42, 7]));
//! assert_eq!(sizes.sample(&mut once), sizes.sample(&mut again));
//! ```

mod distribution;
mod generator;
mod normal;

pub use distribution::Distribution;
pub use generator::Chance;
