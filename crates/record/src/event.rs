//! What a runner of checks emits while it goes on: the live view follows it. It is no format of files: what is written
//! down of a run are [`Run`](crate::Run) and [`Results`](crate::Results).

use crate::CheckResult;

/// One thing that happened in a run; several checks may be under way at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check begins.
    CheckStarted {
        /// The check's id.
        id: String,
    },
    /// A check has come to a verdict.
    CheckFinished(CheckResult),
}
