//! What a worker measured in one second, before it becomes a [`record::Second`]: the histograms are those that the
//! recorder filled, and whoever makes text of them does it in another thread where there is one.
//!
//! The form that crosses the pipe and that is written into files is `record`'s; this one never leaves the process.

use std::sync::Arc;

use hdrhistogram::Histogram;
use record::{Second, StepSamples};
use stats::{HIGHEST_NS, encode_histogram_quickly};

use crate::recorder::Pool;

/// One second of one worker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Everything but the latencies, which are here.
    pub counted: Second,
    /// Latencies of correct steps, in the order of the tables.
    pub steps: Vec<MeasuredStep>,
    /// How late the ticker released arrivals and pauses ended, nanoseconds.
    pub lateness: Samples,
}

/// The latencies of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredStep {
    /// The step's tag.
    pub tag: String,
    /// From when the plan wanted the step, nanoseconds.
    pub response: Samples,
    /// From when it was really begun, nanoseconds.
    pub service: Samples,
}

impl Measured {
    /// In the form in which it is told and written. For three thousand samples each of twenty
    /// steps that is two or three milliseconds of work, and not for the thread that measures.
    pub fn into_record(self) -> Second {
        let steps = self.steps.iter().map(|step| StepSamples {
            tag: step.tag.clone(),
            response: step.response.encode(),
            service: step.service.encode(),
        });
        Second { steps: steps.collect(), lateness: self.lateness.encode(), ..self.counted }
    }
}

/// A histogram of nanoseconds, or none.
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

    /// As text; empty if nothing was counted.
    fn encode(&self) -> String {
        let counted = self.histogram().filter(|histogram| !histogram.is_empty());
        counted.map(encode_histogram_quickly).unwrap_or_default()
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
