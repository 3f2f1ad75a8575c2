//! `results.json` of a load run: what was asked, what was reached, the figures of each step, the errors, the
//! thresholds and a row per second. No figure is computed here; all numbers are finite.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FORMAT, LoadPlan};

/// `results.json` of a load run. [`Run::tool`](crate::Run::tool) of the `run.json` beside it is `load`, which tells
/// it apart from the [`Results`](crate::Results) of a conformance run; neither reads as the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadResults {
    /// The version of this format, [`FORMAT`].
    pub format: u32,
    /// What the scenario asked for, worked out.
    pub plan: LoadPlan,
    /// The rate asked for and the rates reached.
    pub rate: LoadRate,
    /// What became of the planned sessions.
    pub sessions: LoadSessions,
    /// The figures of each step, in the order of the tables.
    pub steps: Vec<StepRow>,
    /// What went wrong, one row for each kind and step.
    pub errors: Vec<ErrorRow>,
    /// What was verified of the retrieved mail.
    pub verified: Verified,
    /// Commands and octets.
    pub traffic: Traffic,
    /// The TLS handshakes by what they settled; empty without TLS.
    pub tls: Vec<TlsRow>,
    /// The thresholds of the scenario, judged, in the order they were written.
    pub thresholds: Vec<ThresholdRow>,
    /// What the search for the capacity found; null when none was asked for.
    pub capacity: Option<Capacity>,
    /// One row for each second since the start, in order and without a gap.
    pub series: Vec<SecondRow>,
    /// What the generator says of itself.
    pub generator: Generator,
    /// The machine and the kernel limits of the generator.
    pub environment: Vec<Fact>,
    /// Transcripts of good sessions, as paths below the run's folder.
    pub samples: Vec<String>,
    /// What an early end left out, one sentence each; empty when the run went to its end.
    pub missing: Vec<String>,
}

impl Default for LoadResults {
    /// Nothing ran; of the present format.
    fn default() -> Self {
        Self {
            format: FORMAT,
            plan: LoadPlan::default(),
            rate: LoadRate::default(),
            sessions: LoadSessions::default(),
            steps: Vec::new(),
            errors: Vec::new(),
            verified: Verified::default(),
            traffic: Traffic::default(),
            tls: Vec::new(),
            thresholds: Vec::new(),
            capacity: None,
            series: Vec::new(),
            generator: Generator::default(),
            environment: Vec::new(),
            samples: Vec::new(),
            missing: Vec::new(),
        }
    }
}

impl LoadResults {
    /// The errors of all kinds and steps.
    pub fn error_count(&self) -> u64 {
        self.errors.iter().map(|row| row.count).sum()
    }

    /// The figures of a step; `None` when no correct step of that tag was timed.
    pub fn step(&self, tag: &str) -> Option<&StepRow> {
        self.steps.iter().find(|row| row.tag == tag)
    }
}

/// The rate asked for and the rates reached: what was asked for and begun, per second of the plan (or of the part of it
/// that ran); what was done, per second until it was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadRate {
    /// Sessions the plan wanted begun; 0 in a closed loop, which asks for no rate.
    pub asked_per_s: f64,
    /// Sessions really begun.
    pub achieved_per_s: f64,
    /// Sessions that went as planned, per second of `done_within_s`.
    pub completed_per_s: f64,
    /// Commands sent, per second of `done_within_s`.
    pub commands_per_s: f64,
    /// From the start of the plan to its end or to the end of the last session, whichever came later, seconds.
    #[serde(default)]
    pub done_within_s: f64,
}

/// What became of the planned sessions. `planned` = `begun` + `not_begun`, and `begun` = `completed` + `failed` +
/// `unfinished`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSessions {
    /// Arrivals of the plan.
    pub planned: u64,
    /// Those whose connection was begun.
    pub begun: u64,
    /// Those that went as planned, nothing wrong.
    pub completed: u64,
    /// Those in which something went wrong.
    pub failed: u64,
    /// Those still open when the run ended.
    pub unfinished: u64,
    /// Those that never began.
    pub not_begun: u64,
    /// Those that had to wait because their account was still in use by the session before.
    pub waited_for_account: u64,
    /// The most sessions open at once.
    pub peak_open: u64,
    /// When so many waited for their account that the target was asked for less than the plan says, the sentence
    /// that says so; it stands above every report.
    #[serde(default)]
    pub shortage: Option<String>,
}

/// The figures of one histogram, in nanoseconds. All 0 when `count` is 0. Beyond a quantile there has to be a sample: with
/// fewer than 1000 a `p999_ns`, with fewer than 100 a `p99_ns`, with fewer than 20 a `p95_ns` is only the longest one, and
/// [`Quantiles::tell`] says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// How many were timed.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// The median.
    pub p50_ns: u64,
    /// Nine of ten took at most this long.
    pub p90_ns: u64,
    /// 95 of a hundred took at most this long.
    pub p95_ns: u64,
    /// 99 of a hundred took at most this long.
    pub p99_ns: u64,
    /// 999 of a thousand took at most this long.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// The arithmetic mean.
    pub mean_ns: f64,
}

/// The figures of one step. Only correct steps are timed; failed ones are [`ErrorRow`]s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRow {
    /// The step: `connect`, `login-plain`, `RETR-last`, or a name given by a custom behaviour.
    pub tag: String,
    /// From when the plan wanted the step to its completion.
    pub response: Quantiles,
    /// From when it was really begun to its completion.
    pub service: Quantiles,
    /// All response times: an HdrHistogram, V2 with DEFLATE, in base64.
    pub response_histogram: String,
    /// All service times, likewise.
    pub service_histogram: String,
}

/// One kind of error at one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorRow {
    /// What went wrong: `refused`, `timeout`, `err:IN-USE`, `deviation:bare-lf`, `verification:checksum`.
    pub kind: String,
    /// The tag of the step it happened in.
    pub step: String,
    /// How often.
    pub count: u64,
    /// When it was first seen, in seconds since the start.
    pub first_s: f64,
    /// What was seen the first time, without secrets, escaped as in transcripts.
    pub example: String,
    /// The transcript of that session, as a path below the run's folder.
    pub transcript: Option<String>,
}

/// What was verified of the retrieved mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// Messages retrieved whole and judged.
    pub messages: u64,
    /// Their octets, un-stuffed.
    pub octets: u64,
    /// Those whose content was verified by checksum and owner.
    pub content: u64,
    /// Those that were not seeded, so that only framing and size could be verified.
    pub unverifiable: u64,
    /// How often the server gave wrong data: content, owner, size or framing of a message, unique-ids, totals. Each is
    /// an error of a session too.
    pub failures: u64,
}

/// Commands and octets, as the client counts them, inside TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Commands sent.
    pub commands: u64,
    /// Octets sent.
    pub octets_sent: u64,
    /// Octets received.
    pub octets_received: u64,
}

/// The TLS handshakes that settled the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsRow {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The key exchange group.
    pub group: String,
    /// The key of the server's certificate: `ECDSA P-256`.
    pub certificate: String,
    /// Whether the session was resumed; otherwise the handshake was a full one.
    pub resumed: bool,
    /// How many.
    pub count: u64,
}

/// A threshold and what was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdRow {
    /// As written: `login p99 < 250ms`.
    pub text: String,
    /// Where it is written: `scenarios/smoke.yaml:31:5`; null when it came from the command line or a program.
    pub place: Option<String>,
    /// The figure it was compared with: `212 ms`, `no samples`.
    pub observed: String,
    /// How many samples the figure stands on. Without any a threshold does not hold.
    pub samples: u64,
    /// Whether it holds.
    pub holds: bool,
    /// Why the figure is less than it seems: too few samples for such a quantile.
    #[serde(default)]
    pub doubt: Option<String>,
}

impl Quantiles {
    /// Whether there are samples enough for this quantile, a part of 1: at least one is expected beyond it. Of the median
    /// and below every sample tells something.
    pub fn tell(&self, part: f64) -> bool {
        enough_samples(self.count, part)
    }
}

impl SecondStep {
    /// Whether there are samples enough for this quantile, as of [`Quantiles::tell`].
    pub fn tell(&self, part: f64) -> bool {
        enough_samples(self.count, part)
    }
}

/// The one rule for all figures.
pub(crate) fn enough_samples(count: u64, part: f64) -> bool {
    count > 0 && count >= fewest_samples(part)
}

/// How many samples a quantile needs, so that one of them is expected beyond it: 100 for 0.99.
pub fn fewest_samples(part: f64) -> u64 {
    if part <= 0.5 || part >= 1.0 {
        return 1;
    }
    // Rounded first, since 1 - 0.99 is a little more than 0.01.
    let needed = (1.0 / (1.0 - part) * 1e6).round() / 1e6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 2, and of what is written"
    )]
    let whole = needed.ceil() as u64;
    whole
}

/// What the search for the capacity found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    /// The highest rate at which all thresholds held, sessions per second.
    pub sessions_per_s: f64,
    /// Half the width of the range the true capacity is in, in percent of the rate.
    pub margin_percent: f64,
    /// The thresholds that limit it, as written: `login p99 < 250ms`.
    pub limit: String,
    /// The step or figure that broke first: `login`.
    pub first_to_break: String,
    /// All of it in one sentence.
    pub sentence: String,
    /// The rates that were tried, in the order they were.
    pub trials: Vec<Trial>,
}

/// One rate that was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// Sessions per second.
    pub rate_per_s: f64,
    /// Whether all thresholds held.
    pub holds: bool,
    /// The thresholds that did not, as written.
    pub broken: Vec<String>,
    /// Why the trial says nothing about the target: the generator or the accounts were too weak for the rate.
    #[serde(default)]
    pub untold: Option<String>,
}

/// One second of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondRow {
    /// The second since the start, from 0.
    pub second: u32,
    /// Arrivals the plan wanted in it.
    pub asked: u64,
    /// Sessions begun in it.
    pub begun: u64,
    /// Sessions that ended in it as planned.
    pub completed: u64,
    /// Sessions that ended in it with something wrong.
    pub failed: u64,
    /// Sessions open at its end.
    pub open: u64,
    /// Commands sent.
    pub commands: u64,
    /// Octets received.
    pub octets_received: u64,
    /// The errors by kind, those without any left out, in the order of the kinds.
    pub errors: Vec<ErrorCount>,
    /// Response times by step, steps without samples left out.
    pub steps: Vec<SecondStep>,
    /// By how much the generator's clock ticker was late at most.
    pub lateness_max_ns: u64,
}

/// How often one kind of error was seen in a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorCount {
    /// As in [`ErrorRow::kind`].
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// The response times of one step in one second. With too few samples a quantile is only the longest of them, and
/// [`SecondStep::tell`] says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecondStep {
    /// As in [`StepRow::tag`].
    pub tag: String,
    /// How many were timed.
    pub count: u64,
    /// The median.
    pub p50_ns: u64,
    /// 95 of a hundred took at most this long.
    pub p95_ns: u64,
    /// 99 of a hundred took at most this long.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// What the generator says of itself, so that its own limits are not taken for the target's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// By how much the workers were late to begin sessions and to wake users from their pauses.
    pub lateness: Quantiles,
    /// The worker processes, by number.
    pub workers: Vec<WorkerRow>,
    /// When the generator was the bottleneck, the sentence that says so; it is the first line of every report.
    pub bottleneck: Option<String>,
    /// Errors of the generator's own making, such as a lack of descriptors or ports.
    pub own_errors: u64,
}

/// One worker process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerRow {
    /// Its number, from 0.
    pub number: u32,
    /// CPU time used, user and system, in seconds.
    pub cpu_s: f64,
    /// How long it was runnable and waited for a processor, in seconds.
    pub run_queue_s: f64,
    /// CPU use of its busiest second, in percent of one processor.
    pub busiest_second_percent: f64,
    /// The most sessions it had open at once.
    pub peak_open: u64,
    /// Its memory at the most, in octets.
    pub resident_bytes: u64,
    /// Sessions it began.
    pub sessions: u64,
    /// How it ended: `done`, `stopped`, or what happened to it.
    pub ended: String,
}

/// A named fact for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What is so.
    pub value: String,
}
