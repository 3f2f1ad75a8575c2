//! Whole small runs of one worker against the fake server in memory, on a clock that stands still until everybody
//! waits: what takes minutes takes milliseconds, and every run with the same seed is the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod deletion;
mod errors;
mod liar;
mod lies;
mod plan;
mod safety;
mod stage;
mod truth;
mod verification;
