//! Latencies over time. Only counting; what a second stands for and when it began is the caller's matter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::interval_log::{push_head, push_interval, read_log};
use crate::{Counts, Latencies, LogError};

const SECONDS_PER_YEAR: f64 = 31_536_000.0;

/// The tags and histograms of every second of a run, kept sparsely: a minute of twenty tags takes a megabyte or
/// two, where whole histograms would take three hundred.
///
/// ```
/// use stats::{Latencies, Series};
///
/// let mut latencies = Latencies::new();
/// latencies.record("STAT", 1_500_000);
/// let mut series = Series::new();
/// series.add(0, &latencies);
/// series.add(7, &latencies);
/// assert_eq!(series.total().histogram("STAT").unwrap().len(), 2);
/// assert_eq!(series.at(7, "STAT").unwrap().len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    by_tag: BTreeMap<String, BTreeMap<u32, Counts>>,
}

impl Series {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the latencies of a second, counted from 0, to what it already has.
    pub fn add(&mut self, second: u32, latencies: &Latencies) {
        for (tag, histogram) in latencies {
            self.add_histogram(second, tag, histogram);
        }
    }

    /// Adds one histogram to a tag of a second. If it has other bounds than ours, what does not fit is counted at
    /// the end.
    pub fn add_histogram(&mut self, second: u32, tag: &str, histogram: &Histogram<u64>) {
        self.add_counts(second, tag, &Counts::of(histogram));
    }

    /// Adds all of `other`, second by second, without loss.
    pub fn merge(&mut self, other: &Self) {
        for (tag, seconds) in &other.by_tag {
            for (second, counts) in seconds {
                self.add_counts(*second, tag, counts);
            }
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.by_tag.is_empty()
    }

    /// All tags, in their order.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.by_tag.keys().map(String::as_str)
    }

    /// The latencies of one tag in one second; `None` if there are none.
    pub fn at(&self, second: u32, tag: &str) -> Option<&Counts> {
        self.by_tag.get(tag)?.get(&second)
    }

    /// The seconds in which a tag has latencies, with these, in order.
    pub fn seconds_of(&self, tag: &str) -> impl Iterator<Item = (u32, &Counts)> {
        self.by_tag.get(tag).into_iter().flatten().map(|(second, counts)| (*second, counts))
    }

    /// The seconds in which anything was counted, in order, each with whole histograms that are made when it is
    /// reached: convenient rather than cheap. [`Series::at`] and [`Series::seconds_of`] copy nothing.
    pub fn seconds(&self) -> impl Iterator<Item = (u32, Latencies)> {
        self.all_seconds().into_iter().map(|second| {
            let mut latencies = Latencies::new();
            for (tag, seconds) in &self.by_tag {
                if let Some(counts) = seconds.get(&second) {
                    latencies.add_counts(tag, counts);
                }
            }
            (second, latencies)
        })
    }

    /// The latest second in which anything was counted.
    pub fn last_second(&self) -> Option<u32> {
        self.by_tag.values().filter_map(|seconds| seconds.keys().next_back().copied()).max()
    }

    /// All seconds in one: exactly what counting without seconds would have given.
    pub fn total(&self) -> Latencies {
        let mut latencies = Latencies::new();
        for (tag, seconds) in &self.by_tag {
            for counts in seconds.values() {
                latencies.add_counts(tag, counts);
            }
        }
        latencies
    }

    /// The text of an interval log with a line for each second and tag, in the order of time.
    ///
    /// `start_unix_seconds` is kept to the millisecond; `header` lines become comments. Commas, spaces and line
    /// ends in a tag, which the format cannot hold, become `_`.
    pub fn interval_log(&self, start_unix_seconds: f64, header: &[&str]) -> Vec<u8> {
        let mut log = String::new();
        let start = push_head(&mut log, start_unix_seconds, header);
        for second in self.all_seconds() {
            for (tag, seconds) in &self.by_tag {
                if let Some(counts) = seconds.get(&second) {
                    let begun = start + f64::from(second);
                    push_interval(&mut log, tag, begun, Duration::from_secs(1), &counts.histogram());
                }
            }
        }
        log.into_bytes()
    }

    /// Reads an interval log, its own or another program's. A second is counted from the start time that the log
    /// gives, or else from its first interval; an interval that lasted longer counts in the second in which it
    /// began.
    ///
    /// # Errors
    /// When a line or a histogram cannot be read.
    pub fn parse(log: &[u8]) -> Result<Self, LogError> {
        let (start, intervals) = read_log(log)?;
        let first =
            intervals.iter().map(|interval| interval.start_unix_seconds).fold(f64::INFINITY, f64::min);
        let origin = match start {
            // Interval times that are no dates count from the start time: the rule of the Java reader.
            Some(start) if first + SECONDS_PER_YEAR < start => 0.0,
            Some(start) => start,
            None => first,
        };
        let mut series = Self::new();
        for interval in &intervals {
            #[expect(
                clippy::cast_sign_loss,
                reason = "a conversion with `as` saturates: before the start is 0"
            )]
            let second = (interval.start_unix_seconds - origin).round() as u32;
            series.add(second, &interval.latencies);
        }
        Ok(series)
    }

    /// Adds counts to a tag of a second, without loss.
    pub fn add_counts(&mut self, second: u32, tag: &str, counts: &Counts) {
        if !self.by_tag.contains_key(tag) {
            self.by_tag.insert(tag.to_owned(), BTreeMap::new());
        }
        if let Some(seconds) = self.by_tag.get_mut(tag) {
            seconds.entry(second).or_default().add(counts);
        }
    }

    fn all_seconds(&self) -> BTreeSet<u32> {
        self.by_tag.values().flat_map(|seconds| seconds.keys().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: f64 = 1_767_323_045.25;

    fn latencies(records: &[(&str, u64)]) -> Latencies {
        let mut latencies = Latencies::new();
        for (tag, nanoseconds) in records {
            latencies.record(tag, *nanoseconds);
        }
        latencies
    }

    fn example() -> Series {
        let mut series = Series::new();
        series.add(2, &latencies(&[("STAT", 1_500_000), ("connect", 90_000)]));
        series.add(3, &latencies(&[("STAT", 1_700_000)]));
        series.add(2, &latencies(&[("STAT", 1_500_000)]));
        series
    }

    #[test]
    fn seconds_add_up() {
        let series = example();
        assert_eq!(series.tags().collect::<Vec<_>>(), ["STAT", "connect"]);
        assert_eq!(series.last_second(), Some(3));
        assert_eq!(series.at(2, "STAT").unwrap().len(), 2);
        assert!(series.at(3, "connect").is_none() && series.at(2, "QUIT").is_none());
        let seconds: Vec<_> =
            series.seconds_of("STAT").map(|(second, counts)| (second, counts.len())).collect();
        assert_eq!(seconds, [(2, 2), (3, 1)]);
        let whole: Vec<_> = series.seconds().collect();
        assert_eq!(whole[1], (3, latencies(&[("STAT", 1_700_000)])));
        assert_eq!(whole.len(), 2);
    }

    #[test]
    fn the_log_has_a_line_for_each_second_and_tag() {
        let log = String::from_utf8(example().interval_log(START, &["poplab load"])).unwrap();
        let lines: Vec<_> = log.lines().skip_while(|line| !line.starts_with("Tag=")).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("Tag=STAT,1767323047.250,1.000,1.5"), "{}", lines[0]);
        assert!(lines[1].starts_with("Tag=connect,1767323047.250,1.000,0.09"), "{}", lines[1]);
        assert!(lines[2].starts_with("Tag=STAT,1767323048.250,1.000,1.7"), "{}", lines[2]);
    }

    #[test]
    fn the_first_seconds_are_not_lost_when_nothing_happened_in_them() {
        assert_eq!(Series::parse(&example().interval_log(START, &[])).unwrap(), example());
    }

    #[test]
    fn logs_of_other_programs_count_from_their_own_start() {
        let log = String::from_utf8(example().interval_log(START, &[])).unwrap();
        let without: String = log
            .lines()
            .filter(|line| !line.starts_with("#[StartTime"))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(Series::parse(without.as_bytes()).unwrap().seconds_of("STAT").next().unwrap().0, 0);
        let from_start = log.replace(",1767323047.250,", ",2.000,").replace(",1767323048.250,", ",3.000,");
        assert_eq!(Series::parse(from_start.as_bytes()).unwrap(), example());
        assert_eq!(Series::parse(b"").unwrap(), Series::new());
        assert!(Series::parse(b"?\n").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn seconds_and_parts_change_nothing_of_the_total(
            records in prop::collection::vec(("[A-C]", 1..crate::HIGHEST_NS, 0..5_u32, any::<bool>()), 0..40)
        ) {
            let mut whole = Latencies::new();
            let mut parts = [Series::new(), Series::new()];
            for (tag, nanoseconds, second, part) in &records {
                whole.record(tag, *nanoseconds);
                parts[usize::from(*part)].add(*second, &latencies(&[(tag, *nanoseconds)]));
            }
            let [mut series, other] = parts;
            series.merge(&other);
            prop_assert_eq!(&series.total(), &whole);
            let mut log = Series::parse(&series.interval_log(1.5, &["h"])).unwrap();
            prop_assert_eq!(&log, &series);
            log.merge(&Series::new());
            prop_assert_eq!(log.total().summary(), whole.summary());
        }
    }
}
