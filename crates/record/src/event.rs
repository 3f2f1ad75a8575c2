//! What a runner of checks emits while it goes on: the live view follows it. It is no format of files: what is written
//! down of a run of conformance are [`Run`](crate::Run) and [`Results`](crate::Results), and of a load run
//! [`LoadLine`](crate::LoadLine)s.

use crate::CheckResult;

/// One thing that happened in a run; several checks may be under way at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and none is kept")]
pub enum Event {
    /// A check begins.
    CheckStarted {
        /// The check's id.
        id: String,
    },
    /// A check has come to a verdict.
    CheckFinished(CheckResult),
}
