//! The versioned result formats: what a run writes down, and the only types that serialise.
//!
//! A run leaves [`Run`] (`run.json`: what was run, against whom, how it ended), [`Results`] (`results.json`: one
//! verdict for each requirement and entrance) and, on request, both in one object, [`Report`]. A load run leaves
//! [`LoadLine`]s while it goes on (`seconds.jsonl`), and [`LoadResults`] (`results.json`: the figures, derived from them)
//! beside its `run.json`, in one object [`LoadReport`]; two load runs give a [`Comparison`]. Reporters are functions of
//! these types alone, so an old run can be rendered again.
//!
//! The contract: every file carries `format`, see [`FORMAT`]; a field keeps its meaning as long as the number
//! stays. The JSON Schemas of the files are generated from the types ([`schemas`]) and committed beside them.
//! Reading refuses a newer format and ignores fields it does not know.
//!
//! What this crate does *not* do: it opens no file, knows no clock, judges nothing and lays nothing out for
//! people. Text that came from a peer is escaped as in transcripts before it gets here, and holds no secret.
//!
//! ```
//! use record::{CheckResult, Results, Verdict};
//!
//! let results = Results {
//!     checks: vec![CheckResult { id: "rfc1939.stat.format".into(), verdict: Verdict::Pass, ..Default::default() }],
//!     ..Default::default()
//! };
//! assert_eq!(results.counts().pass, 1);
//! assert_eq!(Results::parse(&results.to_json()).unwrap(), results);
//! ```

mod check;
mod comparison;
mod event;
mod latency;
mod load;
mod plan;
mod read;
mod run;
mod schema;
mod second;
mod texts;
mod totals;
mod verdict;

pub use check::{CheckResult, Results, StaleEntry};
pub use comparison::{Comparison, ComparisonRow};
pub use event::Event;
pub use latency::LatencyRow;
pub use load::{
    Capacity, ErrorCount, ErrorRow, Fact, Generator, LoadRate, LoadResults, LoadSessions, Quantiles,
    SecondRow, SecondStep, StepRow, ThresholdRow, TlsRow, Traffic, Trial, Verified, WorkerRow,
    fewest_samples,
};
pub use plan::{LoadPlan, Share};
pub use read::{LoadReport, ReadError, Report};
pub use run::{Entrance, Run, Security, TargetInfo, TlsInfo};
pub use schema::schemas;
pub use second::{
    Chosen, ErrorSeen, LoadBeginning, LoadEnd, LoadLine, Second, StepSamples, ThresholdAsked, TranscriptSeen,
    WorkerEnd,
};
pub use totals::Totals;
pub use verdict::{Level, Severity, UnknownWord, Verdict};

/// The version of every format in this crate. It grows when a field changes its meaning or goes away; new
/// optional fields do not change it.
pub const FORMAT: u32 = 1;
