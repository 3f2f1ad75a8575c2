//! What a worker tells once a second, in the form that crosses the pipe to the controller.
//!
//! Everything in it adds up: seconds of several workers merge without loss. Deliberately without percentiles and
//! verdicts, which need the whole.

use std::sync::Arc;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as Reader, Serializer as _, V2Serializer};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stats::HIGHEST_NS;

use crate::recorder::Pool;

/// One second of one worker. Counters count what happened within it; the last second of a run may be longer or
/// shorter than one.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Second {
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
    /// Sessions begun by behaviour, by its index in the scenario.
    pub behaviours: Vec<u64>,
    /// Latencies of correct steps, in the order of the tables.
    pub steps: Vec<StepSamples>,
    /// Errors, each kind at each step once.
    pub errors: Vec<ErrorSeen>,
    /// Handshakes.
    pub tls: Vec<TlsSeen>,
    /// What was verified.
    pub verified: VerifiedSeen,
    /// How late the ticker released arrivals, nanoseconds.
    pub lateness: Samples,
    /// CPU time of the worker's thread, nanoseconds.
    pub cpu_ns: u64,
    /// Time in which the thread could have run and had no core, nanoseconds.
    pub run_queue_ns: u64,
    /// Resident memory of the worker's process at its end, octets.
    pub resident_bytes: u64,
    /// Transcripts that were finished in it.
    pub transcripts: Vec<TranscriptSeen>,
}

/// The latencies of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSamples {
    /// The step's tag.
    pub tag: String,
    /// From when the plan wanted the step, nanoseconds.
    pub response: Samples,
    /// From when it was really begun, nanoseconds.
    pub service: Samples,
}

/// One kind of error at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorSeen {
    /// The kind, such as `timeout` or `err:IN-USE`.
    pub kind: String,
    /// The tag of the step where it happened.
    pub step: String,
    /// How often.
    pub count: u64,
    /// What was seen the first time in this second, redacted.
    pub example: String,
    /// When that was, seconds since the start of the plan.
    pub first_s: f64,
}

/// Handshakes of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSeen {
    /// Version of TLS.
    pub version: String,
    /// Key exchange group.
    pub group: String,
    /// Type of the server's certificate.
    pub certificate: String,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// How many.
    pub count: u64,
}

/// What was verified of retrieved messages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedSeen {
    /// Messages retrieved whole.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Of them, those whose content and owner were right.
    pub content: u64,
    /// Of them, those not made by poplab: framing and size only.
    pub unverifiable: u64,
    /// Messages in which something was wrong.
    pub failures: u64,
}

/// A transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptSeen {
    /// A file name without folder: `good-00017-user4-visit2.txt`, `timeout-RETR-last-w0.txt`.
    pub name: String,
    /// The error kind it shows; `None` for a good session.
    pub kind: Option<String>,
    /// The step of that error.
    pub step: Option<String>,
    /// The rendering.
    pub text: String,
}

/// A histogram of nanoseconds. Serialised as base64 of HdrHistogram's V2 form; empty as an empty text.
#[derive(Default)]
pub struct Samples {
    histogram: Option<Histogram<u64>>,
    /// Where the memory goes back to.
    home: Option<Arc<Pool>>,
}

impl Samples {
    /// One histogram, with the place its memory is returned to.
    pub(crate) fn pooled(histogram: Histogram<u64>, home: Arc<Pool>) -> Samples {
        Samples { histogram: Some(histogram), home: Some(home) }
    }

    /// The histogram; `None` if nothing was ever counted.
    pub fn histogram(&self) -> Option<&Histogram<u64>> {
        self.histogram.as_ref()
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.histogram().map_or(0, Histogram::len)
    }

    /// Adds all of `other`, without loss.
    pub fn add(&mut self, other: &Samples) {
        if let Some(other) = other.histogram() {
            // Bounds are the same everywhere, so that adding cannot fail; a stranger's histogram is counted at the ends.
            let own = self.histogram.get_or_insert_with(empty);
            if own.add(other).is_err() {
                for step in other.iter_recorded() {
                    own.saturating_record_n(
                        step.value_iterated_to().clamp(1, HIGHEST_NS),
                        step.count_at_value(),
                    );
                }
            }
        }
    }
}

/// An empty histogram with the bounds that all of poplab uses.
pub(crate) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("the bounds are constants hdrhistogram accepts")
}

impl Drop for Samples {
    fn drop(&mut self) {
        if let (Some(histogram), Some(home)) = (self.histogram.take(), self.home.take()) {
            home.give_back(histogram);
        }
    }
}

impl Clone for Samples {
    fn clone(&self) -> Samples {
        Samples { histogram: self.histogram.clone(), home: None }
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Samples) -> bool {
        match (self.histogram(), other.histogram()) {
            (Some(own), Some(other)) => own == other,
            _ => self.count() == other.count(),
        }
    }
}

impl std::fmt::Debug for Samples {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Samples({})", self.count())
    }
}

impl Serialize for Samples {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut octets = Vec::new();
        if let Some(histogram) = self.histogram().filter(|histogram| !histogram.is_empty()) {
            V2Serializer::new().serialize(histogram, &mut octets).map_err(S::Error::custom)?;
        }
        serializer.serialize_str(&sasl::base64::encode(&octets))
    }
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Samples, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Samples::default());
        }
        let octets = sasl::base64::decode(text.as_bytes()).map_err(D::Error::custom)?;
        let histogram = Reader::new().deserialize(&mut &octets[..]).map_err(D::Error::custom)?;
        Ok(Samples { histogram: Some(histogram), home: None })
    }
}
