//! What a worker has measured since the last second was told.
//!
//! One per thread, behind a `RefCell`: no lock, no atomic, and in the steady state no allocation per command; a
//! sample is an index into an array and a count. Histograms are exchanged once a second for empty ones that have
//! been used before ([`Pool`]); encoding them is the receiver's, in another thread where there is one.

mod errors;
mod pool;
mod step;

use std::sync::Arc;

use hdrhistogram::Histogram;
use net::Handshake;
use record::{Second, TlsRow, TranscriptSeen, Verified};
use stats::HIGHEST_NS;

use crate::second::{Measured, MeasuredStep, Samples};

use errors::Errors;
pub(crate) use errors::Keep;
pub(crate) use pool::Pool;
pub(crate) use step::Step;
pub use step::TAGS;

/// Counters that begin anew each second.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) asked: u64,
    pub(crate) begun: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) waited_for_account: u64,
    pub(crate) commands: u64,
    pub(crate) octets_sent: u64,
    pub(crate) octets_received: u64,
    /// When the last session ended, nanoseconds since the start of the plan.
    pub(crate) last_end_ns: u64,
    pub(crate) verified: Verified,
}

/// What is measured on this thread.
pub(crate) struct Recorder {
    pool: Arc<Pool>,
    steps: Vec<Option<Pair>>,
    named: Vec<Box<str>>,
    lateness: Option<Histogram<u64>>,
    behaviours: Vec<u64>,
    handshakes: Vec<(Handshake, u64)>,
    transcripts: Vec<TranscriptSeen>,
    pub(crate) errors: Errors,
    pub(crate) counters: Counters,
    pub(crate) open: u64,
    peak_open: u64,
}

struct Pair {
    response: Histogram<u64>,
    service: Histogram<u64>,
}

impl Recorder {
    /// An empty recorder for so many behaviours, which keeps so many transcripts of each kind of error.
    pub(crate) fn new(behaviours: usize, bad_per_kind: u32) -> Recorder {
        Recorder {
            pool: Arc::default(),
            steps: std::iter::repeat_with(|| None).take(TAGS.len()).collect(),
            named: Vec::new(),
            lateness: None,
            behaviours: vec![0; behaviours],
            handshakes: Vec::new(),
            transcripts: Vec::new(),
            errors: Errors::new(behaviours, bad_per_kind),
            counters: Counters::default(),
            open: 0,
            peak_open: 0,
        }
    }

    /// One correct step, in nanoseconds.
    pub(crate) fn sample(&mut self, step: Step, response: u64, service: u64) {
        let pool = &self.pool;
        let pair = self.steps[usize::from(step.0)]
            .get_or_insert_with(|| Pair { response: pool.take(), service: pool.take() });
        pair.response.saturating_record(response.clamp(1, HIGHEST_NS));
        pair.service.saturating_record(service.clamp(1, HIGHEST_NS));
    }

    /// How late an arrival was released, or a pause ended.
    pub(crate) fn late(&mut self, nanoseconds: u64) {
        let pool = &self.pool;
        let histogram = self.lateness.get_or_insert_with(|| pool.take());
        histogram.saturating_record(nanoseconds.clamp(1, HIGHEST_NS));
    }

    /// A session has begun.
    pub(crate) fn begun(&mut self, behaviour: usize) {
        self.counters.begun += 1;
        self.open += 1;
        self.peak_open = self.peak_open.max(self.open);
        if let Some(count) = self.behaviours.get_mut(behaviour) {
            *count += 1;
        }
    }

    /// A handshake has succeeded.
    pub(crate) fn handshake(&mut self, handshake: Handshake) {
        match self.handshakes.iter_mut().find(|(sort, _)| *sort == handshake) {
            Some((_, count)) => *count += 1,
            None => self.handshakes.push((handshake, 1)),
        }
    }

    /// Keeps a transcript until the second is told.
    pub(crate) fn transcript(&mut self, transcript: TranscriptSeen) {
        self.transcripts.push(transcript);
    }

    /// The step of a custom behaviour by its name; the first call makes it.
    pub(crate) fn named(&mut self, name: &str) -> Step {
        let tags = TAGS.iter().copied().chain(self.named.iter().map(|name| &**name));
        let place = tags.enumerate().find(|(_, tag)| *tag == name).map(|(place, _)| place);
        let place = place.unwrap_or_else(|| {
            self.named.push(name.into());
            self.steps.push(None);
            self.steps.len() - 1
        });
        Step(u16::try_from(place).unwrap_or(u16::MAX))
    }

    /// The tag of a step.
    pub(crate) fn tag(&self, step: Step) -> &str {
        let place = usize::from(step.0);
        TAGS.get(place).copied().unwrap_or_else(|| self.named.get(place - TAGS.len()).map_or("", |name| name))
    }

    /// Everything since the last call, as the second of this number; the recorder is empty again.
    pub(crate) fn take(&mut self, second: u32) -> Measured {
        let counters = std::mem::take(&mut self.counters);
        let mut steps = Vec::new();
        for place in 0..self.steps.len() {
            if let Some(pair) = self.steps[place].take() {
                let tag = self.tag(Step(place as u16)).to_owned();
                let pooled = |histogram| Samples::pooled(histogram, self.pool.clone());
                steps.push(MeasuredStep {
                    tag,
                    response: pooled(pair.response),
                    service: pooled(pair.service),
                });
            }
        }
        let mut handshakes = std::mem::take(&mut self.handshakes);
        handshakes.sort_unstable();
        let errors = std::mem::take(&mut self.errors.seen);
        let lateness = self.lateness.take();
        let counted = Second {
            second,
            asked: counters.asked,
            begun: counters.begun,
            completed: counters.completed,
            failed: counters.failed,
            waited_for_account: counters.waited_for_account,
            open: self.open,
            peak_open: self.peak_open,
            commands: counters.commands,
            octets_sent: counters.octets_sent,
            octets_received: counters.octets_received,
            last_end_ns: counters.last_end_ns,
            behaviours: self.behaviours.iter_mut().map(std::mem::take).collect(),
            errors: errors.into_iter().map(|((kind, step), seen)| seen.told(kind, self.tag(step))).collect(),
            tls: handshakes.into_iter().map(|(sort, count)| told(sort, count)).collect(),
            verified: counters.verified,
            transcripts: std::mem::take(&mut self.transcripts),
            ..Second::default()
        };
        Measured {
            counted,
            steps,
            lateness: lateness.map_or_else(Samples::default, |late| Samples::pooled(late, self.pool.clone())),
        }
    }
}

fn told(sort: Handshake, count: u64) -> TlsRow {
    TlsRow {
        version: sort.version.to_owned(),
        group: sort.group.to_owned(),
        certificate: sort.certificate.to_owned(),
        resumed: sort.resumed,
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_was_measured_and_leaves_nothing() {
        let mut recorder = Recorder::new(2, 1);
        recorder.begun(1);
        recorder.sample(Step::STAT, 2_000, 1_000);
        recorder.sample(Step::STAT, 0, u64::MAX);
        let step = recorder.named("search");
        assert_eq!((recorder.named("search"), recorder.named("STAT")), (step, Step::STAT));
        recorder.sample(step, 5, 5);
        recorder.late(7);
        let second = recorder.take(3);
        assert_eq!((second.counted.second, second.counted.begun, second.counted.open), (3, 1, 1));
        assert_eq!(second.counted.behaviours, [0, 1]);
        let tags: Vec<_> = second.steps.iter().map(|step| (&*step.tag, step.response.count())).collect();
        assert_eq!(tags, [("STAT", 2), ("search", 1)]);
        assert_eq!(second.steps[0].response.histogram().unwrap().min(), 1);
        assert_eq!(second.lateness.count(), 1);
        let counted =
            Second { second: 4, open: 1, peak_open: 1, behaviours: vec![0, 0], ..Second::default() };
        assert_eq!(recorder.take(4), Measured { counted, ..Measured::default() });
    }

    #[test]
    fn histograms_are_used_again_and_come_back_empty() {
        let mut recorder = Recorder::new(1, 1);
        recorder.sample(Step::QUIT, 10, 20);
        assert_eq!(recorder.pool.waiting(), 0);
        drop(recorder.take(0).into_record());
        assert_eq!(recorder.pool.waiting(), 2);
        recorder.sample(Step::QUIT, 30, 40);
        assert_eq!(recorder.pool.waiting(), 0);
        let second = recorder.take(1);
        let step = &second.steps[0];
        assert_eq!((step.response.count(), step.service.count()), (1, 1));
    }

    #[test]
    fn a_second_is_recorded_without_loss() {
        let mut recorder = Recorder::new(1, 1);
        for value in [1, 999, 123_456_789] {
            recorder.sample(Step::LIST, value, value * 2);
        }
        recorder.begun(0);
        let measured = recorder.take(9);
        let second = measured.clone().into_record();
        assert_eq!((second.second, second.begun, second.lateness.as_str()), (9, 1, ""));
        let step = &second.steps[0];
        for (text, samples) in
            [(&step.response, &measured.steps[0].response), (&step.service, &measured.steps[0].service)]
        {
            assert!(stats::decode_histogram(text).ok().as_ref() == samples.histogram());
        }
    }
}
