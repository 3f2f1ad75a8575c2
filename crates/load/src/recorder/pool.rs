//! Histograms that are used again: a quarter of a megabyte each, a pair for each step, every second.

use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

use crate::second::empty;

/// Most histograms that wait to be used again.
const KEPT: usize = 64;

/// Where histograms go when the second that held them has been told. They come back from whatever thread encoded
/// them, emptied there, so that the event loop does not pay for it.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    waiting: Mutex<Vec<Histogram<u64>>>,
}

impl Pool {
    /// An empty histogram.
    pub(crate) fn take(&self) -> Histogram<u64> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        waiting.unwrap_or_else(empty)
    }

    /// How many wait to be used again.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Empties a histogram and keeps it.
    pub(crate) fn give_back(&self, mut histogram: Histogram<u64>) {
        histogram.reset();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < KEPT {
            waiting.push(histogram);
        }
    }
}
