//! Histograms by tag. Only counting: what the tags mean is the caller's matter.

use std::collections::BTreeMap;
use std::collections::btree_map;

use hdrhistogram::Histogram;
use record::LatencyRow;

use crate::Counts;

/// The longest latency told apart, one hour, in nanoseconds; anything longer is counted as this.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Significant decimal digits kept: a figure is right to 0.1 %.
const DIGITS: u8 = 3;

/// Latencies in nanoseconds, a histogram for each tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    by_tag: BTreeMap<String, Histogram<u64>>,
}

impl Latencies {
    /// No latencies yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one latency. Zero counts as 1 ns, more than [`HIGHEST_NS`] as that.
    pub fn record(&mut self, tag: &str, nanoseconds: u64) {
        self.change(tag, |histogram| histogram.saturating_record(nanoseconds.clamp(1, HIGHEST_NS)));
    }

    /// Adds all of `other`, tag by tag, without loss.
    pub fn merge(&mut self, other: &Self) {
        for (tag, histogram) in &other.by_tag {
            self.add_histogram(tag, histogram);
        }
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.by_tag.is_empty()
    }

    /// The histogram of a tag.
    pub fn histogram(&self, tag: &str) -> Option<&Histogram<u64>> {
        self.by_tag.get(tag)
    }

    /// All tags with their histograms, in the order of the tags.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Histogram<u64>> {
        self.by_tag.iter()
    }

    /// One row for each tag: count, quantiles and maximum, in the order of the tags. A quantile is the highest
    /// value the histogram does not tell apart from it, but never more than the maximum.
    pub fn summary(&self) -> Vec<LatencyRow> {
        self.by_tag
            .iter()
            .map(|(tag, histogram)| {
                let quantile = |part: f64| histogram.value_at_quantile(part).min(histogram.max());
                LatencyRow {
                    tag: tag.clone(),
                    count: histogram.len(),
                    p50_ns: quantile(0.5),
                    p90_ns: quantile(0.9),
                    p99_ns: quantile(0.99),
                    max_ns: histogram.max(),
                }
            })
            .collect()
    }

    /// Adds a histogram to a tag. If it has other bounds than ours, what does not fit is counted at the end.
    pub fn add_histogram(&mut self, tag: &str, other: &Histogram<u64>) {
        self.change(tag, |own| {
            if own.add(other).is_err() {
                for step in other.iter_recorded() {
                    let value = step.value_iterated_to().clamp(1, HIGHEST_NS);
                    own.saturating_record_n(value, step.count_at_value());
                }
            }
        });
    }

    /// Adds counts to a tag, without loss.
    pub fn add_counts(&mut self, tag: &str, counts: &Counts) {
        self.change(tag, |own| counts.add_to(own));
    }

    /// Looks the tag up before copying it, since all but the first record of a tag find it.
    fn change(&mut self, tag: &str, change: impl FnOnce(&mut Histogram<u64>)) {
        if let Some(histogram) = self.by_tag.get_mut(tag) {
            change(histogram);
        } else {
            change(self.by_tag.entry(tag.to_owned()).or_insert_with(empty));
        }
    }
}

impl<'a> IntoIterator for &'a Latencies {
    type Item = (&'a String, &'a Histogram<u64>);
    type IntoIter = btree_map::Iter<'a, String, Histogram<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Tags that come twice are added up. A first histogram of our own bounds is taken as it is, without a copy.
impl<Tag: Into<String>> FromIterator<(Tag, Histogram<u64>)> for Latencies {
    fn from_iter<Pairs: IntoIterator<Item = (Tag, Histogram<u64>)>>(pairs: Pairs) -> Self {
        let mut latencies = Self::new();
        for (tag, histogram) in pairs {
            let tag = tag.into();
            if has_our_bounds(&histogram) && !latencies.by_tag.contains_key(&tag) {
                latencies.by_tag.insert(tag, histogram);
            } else {
                latencies.add_histogram(&tag, &histogram);
            }
        }
        latencies
    }
}

impl IntoIterator for Latencies {
    type Item = (String, Histogram<u64>);
    type IntoIter = btree_map::IntoIter<String, Histogram<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_tag.into_iter()
    }
}

fn has_our_bounds(histogram: &Histogram<u64>) -> bool {
    (histogram.low(), histogram.high(), histogram.sigfig()) == (1, HIGHEST_NS, DIGITS)
}

/// An empty histogram with our bounds.
pub(crate) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("the bounds are constants hdrhistogram accepts")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_of_a_known_distribution() {
        let mut latencies = Latencies::new();
        for milliseconds in 1..=1000 {
            latencies.record("RETR", milliseconds * 1_000_000);
        }
        let [row] = &latencies.summary()[..] else { panic!("one tag, one row") };
        assert_eq!((row.tag.as_str(), row.count), ("RETR", 1000));
        for (found, milliseconds) in
            [(row.p50_ns, 500), (row.p90_ns, 900), (row.p99_ns, 990), (row.max_ns, 1000)]
        {
            let expected = milliseconds * 1_000_000;
            assert!(found.abs_diff(expected) <= expected / 1000, "{found} is not {expected}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_counted_at_the_ends() {
        let mut latencies = Latencies::new();
        latencies.record("connect", 0);
        latencies.record("connect", u64::MAX);
        let histogram = latencies.histogram("connect").unwrap();
        assert_eq!(histogram.len(), 2);
        assert_eq!(histogram.min(), 1);
        assert!(histogram.equivalent(histogram.max(), HIGHEST_NS));
    }

    #[test]
    fn a_histogram_with_wider_bounds_is_merged_too() {
        let mut wide = Histogram::new_with_bounds(1, HIGHEST_NS * 8, DIGITS).unwrap();
        wide.record(HIGHEST_NS * 4).unwrap();
        wide.record(1_000).unwrap();
        let mut latencies = Latencies::new();
        latencies.add_histogram("QUIT", &wide);
        let histogram = latencies.histogram("QUIT").unwrap();
        assert_eq!(histogram.len(), 2);
        assert!(histogram.equivalent(histogram.max(), HIGHEST_NS));
    }

    #[test]
    fn pairs_of_tag_and_histogram_become_latencies() {
        let of = |value: u64| {
            let mut histogram = empty();
            histogram.record(value).unwrap();
            histogram
        };
        let latencies: Latencies = [("STAT", of(5)), ("LIST", of(6)), ("STAT", of(7))].into_iter().collect();
        let mut expected = Latencies::new();
        for (tag, value) in [("STAT", 5), ("LIST", 6), ("STAT", 7)] {
            expected.record(tag, value);
        }
        assert_eq!(latencies, expected);
        assert_eq!(latencies.into_iter().collect::<Latencies>(), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn merging_is_the_same_as_recording_together(
            records in prop::collection::vec(("[a-c]", 0..HIGHEST_NS * 2, any::<bool>()), 0..50)
        ) {
            let mut together = Latencies::new();
            let mut parts = [Latencies::new(), Latencies::new()];
            for (tag, nanoseconds, part) in &records {
                together.record(tag, *nanoseconds);
                parts[usize::from(*part)].record(tag, *nanoseconds);
            }
            let [mut first, second] = parts;
            first.merge(&second);
            prop_assert_eq!(&first, &together);
            prop_assert_eq!(first.summary(), together.summary());
        }
    }
}
