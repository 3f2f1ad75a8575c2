//! HdrHistogram V2 interval logs: the text form in which histograms are kept and merged. Reads and writes
//! octets, never files; knows nothing of what the tags stand for.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry, LogIteratorError};

use crate::{Latencies, decode_histogram, encode_histogram_deflated};

/// The maximum of a line is for people only; viewers expect it in milliseconds.
const NANOSECONDS_PER_MILLISECOND: f64 = 1_000_000.0;

/// The largest time stamp written, about the year 33658: larger ones are not times.
const LATEST_SECONDS: f64 = 1e12;

/// One line of an interval log: the latencies of one tag over one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// The tag; empty when the line has none.
    pub tag: String,
    /// When the interval began, in seconds since the epoch.
    pub start_unix_seconds: f64,
    /// How long it lasted.
    pub duration: Duration,
    /// The latencies, all under the one tag.
    pub latencies: Latencies,
}

/// Why an interval log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A line is neither a comment, nor a legend, nor an interval.
    #[error("line {line} is not a line of an interval log")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// The histogram of an interval cannot be decoded.
    #[error("the histogram of interval {interval} cannot be decoded: {reason}")]
    Histogram {
        /// Counted from 1, comments left out.
        interval: usize,
        /// What the decoder said.
        reason: String,
    },
}

impl Latencies {
    /// The text of an interval log with one line for each tag, all over the same interval.
    ///
    /// `start_unix_seconds` is kept to the millisecond; `header` lines become comments. Commas, spaces and line
    /// ends in a tag, which the format cannot hold, become `_`.
    pub fn interval_log(&self, start_unix_seconds: f64, interval: Duration, header: &[&str]) -> Vec<u8> {
        let mut log = String::new();
        let start = push_head(&mut log, start_unix_seconds, header);
        for (tag, histogram) in self {
            push_interval(&mut log, tag, start, interval, histogram);
        }
        log.into_bytes()
    }
}

/// Reads an interval log, its own or another program's: every interval in the order of the lines.
///
/// # Errors
/// When a line or a histogram cannot be read.
pub fn parse_interval_log(log: &[u8]) -> Result<Vec<Interval>, LogError> {
    read_log(log).map(|(_, intervals)| intervals)
}

/// The start time, if the log gives one, and every interval in the order of the lines.
pub(crate) fn read_log(log: &[u8]) -> Result<(Option<f64>, Vec<Interval>), LogError> {
    let mut base_seconds = 0.0;
    let mut start_seconds = None;
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(log) {
        match entry {
            Ok(LogEntry::BaseTime(base)) => base_seconds = base.as_secs_f64(),
            Ok(LogEntry::StartTime(start)) => start_seconds = Some(start.as_secs_f64()),
            Ok(LogEntry::Interval(line)) => {
                let histogram = decode_histogram(line.encoded_histogram()).map_err(|error| {
                    LogError::Histogram { interval: intervals.len() + 1, reason: error.reason }
                })?;
                let tag = line.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
                let mut latencies = Latencies::new();
                latencies.add_histogram(&tag, &histogram);
                intervals.push(Interval {
                    tag,
                    start_unix_seconds: base_seconds + line.start_timestamp().as_secs_f64(),
                    duration: line.duration(),
                    latencies,
                });
            }
            Err(LogIteratorError::ParseError { offset }) => {
                let before = log.get(..offset).unwrap_or(log);
                let line = before.split(|octet| *octet == b'\n').count();
                return Err(LogError::Line { line });
            }
        }
    }
    Ok((start_seconds, intervals))
}

/// Everything before the first interval. Gives the start time as it is written, which is what intervals count from.
pub(crate) fn push_head(log: &mut String, start_unix_seconds: f64, header: &[&str]) -> f64 {
    let start = if start_unix_seconds.is_nan() { 0.0 } else { start_unix_seconds.clamp(0.0, LATEST_SECONDS) };
    log.push_str("#[Histogram log format version 1.3]\n");
    for line in header.iter().flat_map(|text| text.lines()) {
        line_of(log, format_args!("# {line}"));
    }
    line_of(log, format_args!("#[StartTime: {start:.3} (seconds since epoch)]"));
    log.push_str(
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
    );
    start
}

/// The line of one tag over one interval.
pub(crate) fn push_interval(
    log: &mut String,
    tag: &str,
    start: f64,
    interval: Duration,
    histogram: &Histogram<u64>,
) {
    let (seconds, longest) = (interval.as_secs_f64(), histogram.max() as f64 / NANOSECONDS_PER_MILLISECOND);
    // Compressed, since the Java reader takes nothing else.
    let (prefix, histogram) = (tag_prefix(tag), encode_histogram_deflated(histogram));
    line_of(log, format_args!("{prefix}{start:.3},{seconds:.3},{longest:.3},{histogram}"));
}

fn line_of(log: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(log, "{line}");
}

fn tag_prefix(tag: &str) -> String {
    if tag.is_empty() {
        return String::new();
    }
    format!("Tag={},", tag.replace([',', ' ', '\r', '\n'], "_"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn example() -> Latencies {
        let mut latencies = Latencies::new();
        latencies.record("connect", 2_000_000);
        latencies.record("connect", 4_000_000);
        latencies.record("RETR", 1_500_000);
        latencies
    }

    #[test]
    fn the_library_s_own_iterator_reads_it_with_tags_and_times() {
        let log = example().interval_log(1_767_323_045.25, MINUTE, &["poplab conformance\nseed 42"]);
        let entries: Vec<_> = IntervalLogIterator::new(&log).map(|entry| entry.unwrap()).collect();
        let [LogEntry::StartTime(start), LogEntry::Interval(retr), LogEntry::Interval(connect)] =
            &entries[..]
        else {
            panic!("not a start time and two intervals: {entries:?}")
        };
        assert_eq!(*start, Duration::from_millis(1_767_323_045_250));
        assert_eq!(retr.tag().unwrap().as_str(), "RETR");
        assert_eq!(connect.tag().unwrap().as_str(), "connect");
        assert_eq!(connect.start_timestamp(), *start);
        assert_eq!(connect.duration(), MINUTE);
        assert!((connect.max() - 4.0).abs() < 0.01, "maximum in milliseconds, not {}", connect.max());

        let octets = STANDARD.decode(connect.encoded_histogram()).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut octets.as_slice()).unwrap();
        assert_eq!(histogram.len(), 2);
        assert!(histogram.equivalent(histogram.max(), 4_000_000));
    }

    #[test]
    fn the_frame_is_the_one_viewers_look_for() {
        let log = String::from_utf8(example().interval_log(0.0, MINUTE, &["two\nlines"])).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "#[Histogram log format version 1.3]",
                "# two",
                "# lines",
                "#[StartTime: 0.000 (seconds since epoch)]",
                "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
            ]
        );
        assert!(lines[5].starts_with("Tag=RETR,0.000,60.000,1.5"), "{}", lines[5]);
        // The compressed V2 cookie, 0x1c849304 in base64: what every HdrHistogram reader demands.
        assert!(lines[5].contains(",HISTFAAAA"), "{}", lines[5]);
    }

    #[test]
    fn tags_the_format_cannot_hold_are_mended() {
        let mut latencies = Latencies::new();
        latencies.record("first octet,\r\nRETR", 5);
        latencies.record("", 7);
        let intervals = parse_interval_log(&latencies.interval_log(0.0, MINUTE, &[])).unwrap();
        let tags: Vec<_> = intervals.iter().map(|interval| interval.tag.as_str()).collect();
        assert_eq!(tags, ["", "first_octet___RETR"]);
    }

    #[test]
    fn a_time_that_is_none_does_not_spoil_the_log() {
        for start in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let log = example().interval_log(start, MINUTE, &[]);
            assert_eq!(parse_interval_log(&log).unwrap().len(), 2, "{start}");
        }
    }

    #[test]
    fn a_base_time_is_added() {
        let log = String::from_utf8(example().interval_log(5.0, MINUTE, &[])).unwrap();
        let log = format!("#[BaseTime: 1000.000 (seconds since epoch)]\n{log}");
        let intervals = parse_interval_log(log.as_bytes()).unwrap();
        assert_eq!(intervals[0].start_unix_seconds.to_bits(), 1005.0_f64.to_bits());
    }

    #[test]
    fn errors_name_the_place() {
        let error = parse_interval_log(b"# fine\nnot a line\n").unwrap_err();
        assert_eq!(error, LogError::Line { line: 2 });
        let error = parse_interval_log(b"Tag=a,0.000,1.000,2.000,?\n").unwrap_err();
        assert!(matches!(error, LogError::Histogram { interval: 1, .. }), "{error}");
        let error = parse_interval_log(b"Tag=a,0.000,1.000,2.000,AAAA\n").unwrap_err();
        assert!(matches!(error, LogError::Histogram { interval: 1, .. }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_reads_back(
            records in prop::collection::vec(("[A-C]", 1..crate::HIGHEST_NS), 0..40)
        ) {
            let mut latencies = Latencies::new();
            for (tag, nanoseconds) in &records {
                latencies.record(tag, *nanoseconds);
            }
            let intervals = parse_interval_log(&latencies.interval_log(1.5, MINUTE, &["h"])).unwrap();
            let mut read = Latencies::new();
            for interval in &intervals {
                prop_assert_eq!(interval.duration, MINUTE);
                prop_assert_eq!(interval.latencies.iter().next().map(|(tag, _)| tag), Some(&interval.tag));
                read.merge(&interval.latencies);
            }
            prop_assert_eq!(&read, &latencies);
            prop_assert_eq!(read.summary(), latencies.summary());
        }
    }
}
