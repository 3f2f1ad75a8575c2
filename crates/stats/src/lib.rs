//! Latency histograms and the interval log.
