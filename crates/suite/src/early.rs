//! What is sent before the answer to an earlier command has come.
//!
//! RFC 2449 section 6.6 promises that it is kept where PIPELINING is announced. Elsewhere nobody forbids a client to send it,
//! and nobody promises to keep it (ambiguity A35 of the catalogue): a server may read a line and throw away what came with it. So
//! what becomes of it there is told and held against nobody. Whether commands are mixed up all the same is
//! `practice.pipe.unannounced`'s matter.

use crate::lab::Lab;
use crate::outcome::{Outcome, Stop};

/// Whether the server promises to take commands before it has answered earlier ones.
pub(crate) fn is_promised(lab: &Lab) -> bool {
    lab.survey().announces("PIPELINING")
}

/// A verdict on what was sent early: only an information where it is not promised to be kept.
///
/// # Errors
/// Those of the outcome.
pub(crate) fn only_if_promised(lab: &Lab, outcome: Outcome) -> Outcome {
    match outcome {
        Err(Stop::Fail(seen) | Stop::Warn(seen)) if !is_promised(lab) => Err(Stop::Info(format!(
            "{seen}; but PIPELINING is not announced, and nobody promises to keep what is sent before an answer"
        ))),
        outcome => outcome,
    }
}
