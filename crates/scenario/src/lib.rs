//! Load scenarios: what a run shall do, read from YAML or built in Rust.
//!
//! [`parse`] reads the YAML form and gives the validated [`Scenario`], or *all* that is wrong with the text at once
//! ([`Problems`]), each with its place and with what was probably meant. [`builder`] makes the same model in Rust,
//! [`schema`] is the JSON Schema of the YAML form for editors.
//!
//! The model is plain data with the arithmetic of the plan on it (how many sessions, how long, when is the n-th due):
//! it crosses a pipe to worker processes, so it serialises, passwords included. It must never be written into a
//! report; [`Secret`] hides in `Debug`, not in serialisation.
//!
//! ```
//! let text = "
//! accounts: {pattern: 'load{n:05}', count: 500}
//! arrivals: {rate: 50/s, for: 10s}
//! behaviours: [{behaviour: poll}]
//! thresholds: [login p99 < 250]
//! ";
//! let problems = scenario::parse(text, "try.yaml", &|_| None, &|_| Err(String::new())).unwrap_err();
//! assert_eq!(
//!     problems.to_string(),
//!     "try.yaml:5:26: `250` has no unit: is it `250ms` or `250s` or `250min`?
//!     5 | thresholds: [login p99 < 250]
//!       |                          ^^^
//! 1 problem"
//! );
//! ```
//!
//! What this crate does *not* do: it opens no file and reads no environment (callers hand in both as functions), it
//! dials nothing, draws no random number, and does not judge whether a plan can be carried out on this machine.

pub mod builder;
mod check;
mod csv;
mod grammar;
pub mod model;
mod read;
mod table;

pub use grammar::{KINDS, STEPS, ThresholdError};
pub use model::{
    Accounts, Arrivals, Behaviour, Comparison, Credentials, Hold, Limit, Link, Mechanism, Mode, Modes,
    Process, Quantile, Samples, Scenario, Secret, SeededMail, Stage, Subject, Threshold, Timeouts, Tls,
    Verify, Versions, Weighted,
};
pub use read::{parse, schema};
pub use yaml::{Problem, Problems};
