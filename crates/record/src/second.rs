//! `seconds.jsonl` of a load run: what was measured, a line for each worker and second, in the order in which it was told.
//! Everything else that a load run leaves is derived from these lines.
//!
//! A run is a [`LoadLine::Began`], any number of seconds and ends of workers, and a [`LoadLine::Ended`]; a search for the
//! capacity is several of them, and a [`LoadLine::Chosen`]. A line is written whole and as soon as it is known, so that of
//! a run that was killed everything but its end is there. A second is told by a worker in the very form in which it is
//! written, and all in it adds up: no percentiles and no verdicts, which need the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Capacity, FORMAT, Fact, LoadPlan, TlsRow, Verified};

/// One line of `seconds.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadLine {
    /// A run begins; in a search for the capacity, the next trial.
    Began(Box<LoadBeginning>),
    /// What one worker did in one second.
    Second(Box<Second>),
    /// A worker will tell no more.
    WorkerEnded(WorkerEnd),
    /// The run is over. Without this line it was killed, or its record was cut.
    Ended(LoadEnd),
    /// The search for the capacity is over.
    Chosen(Box<Chosen>),
}

/// What is known when a run begins, and what of it the figures depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadBeginning {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The plan. In a closed loop, whose sessions are a result, all counts of sessions in it are 0.
    pub plan: LoadPlan,
    /// Arrivals that the plan wants, by second; empty in a closed loop.
    pub asked: Vec<u64>,
    /// The thresholds, in the order they were written.
    pub thresholds: Vec<ThresholdAsked>,
    /// So many transcripts of good sessions are kept.
    pub good_transcripts: u32,
    /// So many transcripts are kept of each kind of error.
    pub bad_transcripts_per_kind: u32,
    /// The machine and the kernel limits of the generator.
    pub environment: Vec<Fact>,
}

/// A threshold before it is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdAsked {
    /// As written: `login p99 < 250ms`.
    pub text: String,
    /// Where it is written; null when it came from the command line or a program.
    pub place: Option<String>,
}

/// One second of one worker. Counters count what happened within it; the last second of a worker may be longer or shorter
/// than one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// The worker's number, from 0.
    pub worker: u32,
    /// Which second since the start of the plan, from 0.
    pub second: u32,
    /// Sessions that the plan wanted begun in it.
    pub asked: u64,
    /// Sessions really begun.
    pub begun: u64,
    /// Sessions that ended as planned, nothing wrong.
    pub completed: u64,
    /// Sessions that ended with an error.
    pub failed: u64,
    /// Sessions still open when the run ended; only in a worker's last second.
    pub unfinished: u64,
    /// Planned sessions that the end of the run prevented; only in a worker's last second.
    pub not_begun: u64,
    /// Arrivals that found their account busy and had to wait for it.
    pub waited_for_account: u64,
    /// Sessions open at its end.
    pub open: u64,
    /// Most sessions open at once since the start.
    pub peak_open: u64,
    /// Commands sent.
    pub commands: u64,
    /// Octets sent, without TLS's own.
    pub octets_sent: u64,
    /// Octets received, without TLS's own.
    pub octets_received: u64,
    /// When the last session ended of those that ended in it, nanoseconds since the start of the plan; 0 for none.
    pub last_end_ns: u64,
    /// Sessions begun by behaviour, in the order of the plan.
    pub behaviours: Vec<u64>,
    /// Latencies of correct steps, steps without samples left out.
    pub steps: Vec<StepSamples>,
    /// Errors, each kind at each step once.
    pub errors: Vec<ErrorSeen>,
    /// TLS handshakes by what they settled.
    pub tls: Vec<TlsRow>,
    /// What was verified.
    pub verified: Verified,
    /// How late sessions were begun and users woken, as [`StepSamples::response`].
    pub lateness: String,
    /// CPU time of the worker's thread, nanoseconds.
    pub cpu_ns: u64,
    /// Time in which the thread could have run and had no core, nanoseconds.
    pub run_queue_ns: u64,
    /// Resident memory of the worker's process at its end, octets.
    pub resident_bytes: u64,
    /// Transcripts that were finished in it and are kept.
    pub transcripts: Vec<TranscriptSeen>,
}

/// The latencies of one step in one second: both times of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepSamples {
    /// The step: `connect`, `login-plain`, `RETR-last`, or a name given by a custom behaviour.
    pub tag: String,
    /// From when the plan wanted the step, nanoseconds: an HdrHistogram, V2 with DEFLATE, in base64; empty for no sample.
    pub response: String,
    /// From when it was really begun, likewise.
    pub service: String,
}

/// One kind of error at one step in one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorSeen {
    /// The kind, as in [`ErrorRow::kind`](crate::ErrorRow::kind).
    pub kind: String,
    /// The tag of the step where it happened.
    pub step: String,
    /// How often.
    pub count: u64,
    /// What was seen the first time in this second, without secrets, escaped as in transcripts.
    pub example: String,
    /// When that was, seconds since the start of the plan.
    pub first_s: f64,
}

/// A transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptSeen {
    /// The name of its file in the run's folder `transcripts`: `good-00017-user4-visit2.txt`.
    pub name: String,
    /// The kind of error it shows; null for a good session.
    pub kind: Option<String>,
    /// The step of that error.
    pub step: Option<String>,
    /// The transcript itself.
    pub text: String,
}

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerEnd {
    /// Its number.
    pub worker: u32,
    /// `done`, `stopped`, or what happened to it.
    pub how: String,
    /// Whether it was lost: it died, hung, or was not to be believed any more.
    pub lost: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadEnd {
    /// Why it ended before its plan did; null if it did not.
    pub stopped: Option<String>,
}

/// What came of a search for the capacity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Chosen {
    /// Which of the runs in this file the figures are of, from 0.
    pub run: u32,
    /// What was found; null when the search broke off.
    pub capacity: Option<Capacity>,
}

impl Default for LoadBeginning {
    /// Nothing is planned; of the present format.
    fn default() -> Self {
        Self {
            format: FORMAT,
            plan: LoadPlan::default(),
            asked: Vec::new(),
            thresholds: Vec::new(),
            good_transcripts: 0,
            bad_transcripts_per_kind: 0,
            environment: Vec::new(),
        }
    }
}

impl Default for Second {
    /// Nothing happened; of the present format.
    fn default() -> Self {
        Self {
            format: FORMAT,
            worker: 0,
            second: 0,
            asked: 0,
            begun: 0,
            completed: 0,
            failed: 0,
            unfinished: 0,
            not_begun: 0,
            waited_for_account: 0,
            open: 0,
            peak_open: 0,
            commands: 0,
            octets_sent: 0,
            octets_received: 0,
            last_end_ns: 0,
            behaviours: Vec::new(),
            steps: Vec::new(),
            errors: Vec::new(),
            tls: Vec::new(),
            verified: Verified::default(),
            lateness: String::new(),
            cpu_ns: 0,
            run_queue_ns: 0,
            resident_bytes: 0,
            transcripts: Vec::new(),
        }
    }
}
