//! What a runner emits while it goes on; the live view and the files are both made from these.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Run};

/// One thing that happened in a run, in order: one `RunStarted`, any number of checks (several may be under way
/// at once), one `RunFinished`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run begins; nothing has been dialled yet.
    RunStarted(RunStart),
    /// A check begins.
    CheckStarted {
        /// The check's id.
        id: String,
    },
    /// A check has come to a verdict.
    CheckFinished(CheckResult),
    /// The run is over; nothing follows.
    RunFinished(Run),
}

/// What is known when a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStart {
    /// The instrument, as in [`Run::tool`].
    pub tool: String,
    /// The version of poplab.
    pub version: String,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    /// The seed.
    pub seed: u64,
    /// What the user called the target.
    pub target: String,
    /// How many results are to be expected, for the progress display.
    pub checks: u64,
}
