//! Single histograms as text: HdrHistogram's V2 form in base64, for files and for the pipe between processes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer, V2Serializer};

use crate::Latencies;

/// The largest text that is decoded, in octets: a histogram of our bounds in which every bucket is taken needs a
/// tenth of it.
const LONGEST: usize = 4 << 20;

/// Why a text is no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an HdrHistogram in base64: {reason}")]
pub struct EncodingError {
    /// What the decoder said.
    pub reason: String,
}

/// V2 in base64: quick to write and to read, for what is read once and at once. [`decode_histogram`] reads it.
pub fn encode_histogram(histogram: &Histogram<u64>) -> String {
    let mut octets = Vec::new();
    V2Serializer::new()
        .serialize(histogram, &mut octets)
        .expect("a histogram of our own bounds fits the format, and a vector takes all octets");
    STANDARD.encode(octets)
}

/// V2 with DEFLATE in base64: the form of the interval log, which every HdrHistogram reader takes; for files.
/// [`decode_histogram`] reads it.
pub fn encode_histogram_deflated(histogram: &Histogram<u64>) -> String {
    let mut octets = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut octets)
        .expect("a histogram of our own bounds fits the format, and a vector takes all octets");
    STANDARD.encode(octets)
}

/// Reads either form. The histogram has the bounds that the text gives it; [`Latencies::add_histogram`] takes it
/// whatever they are.
///
/// # Errors
/// When the text is not base64, or what it holds is no histogram.
pub fn decode_histogram(text: &str) -> Result<Histogram<u64>, EncodingError> {
    decode(text).map_err(|reason| EncodingError { reason })
}

impl Latencies {
    /// Every tag with its histogram, V2 in base64, in the order of the tags.
    pub fn encode(&self) -> Vec<(String, String)> {
        self.iter().map(|(tag, histogram)| (tag.clone(), encode_histogram(histogram))).collect()
    }

    /// What [`Latencies::encode`] wrote; a tag that comes twice is added up.
    ///
    /// # Errors
    /// When a text is no histogram.
    pub fn decode<Tag: AsRef<str>, Text: AsRef<str>>(
        encoded: impl IntoIterator<Item = (Tag, Text)>,
    ) -> Result<Self, EncodingError> {
        let mut latencies = Self::new();
        for (tag, text) in encoded {
            latencies.add_histogram(tag.as_ref(), &decode_histogram(text.as_ref())?);
        }
        Ok(latencies)
    }
}

fn decode(text: &str) -> Result<Histogram<u64>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} octets"));
    }
    let octets = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut octets.as_slice()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_histogram_is_refused() {
        for text in ["?", "", "AAAA", "HISTFAAAA"] {
            let error = decode_histogram(text).unwrap_err();
            assert!(error.to_string().starts_with("this is not an HdrHistogram in base64: "), "{error}");
        }
        let long = "A".repeat(LONGEST + 4);
        assert_eq!(decode_histogram(&long).unwrap_err().reason, "it is longer than 4194304 octets");
        assert!(Latencies::decode([("RETR", "?")]).is_err());
    }

    #[test]
    fn the_form_for_files_is_the_one_of_the_interval_log() {
        let mut latencies = Latencies::new();
        latencies.record("RETR", 1_500_000);
        let text = encode_histogram_deflated(latencies.histogram("RETR").unwrap());
        assert!(text.starts_with("HISTFAAAA"), "{text}");
        let log = latencies.interval_log(0.0, std::time::Duration::from_secs(1), &[]);
        assert!(String::from_utf8(log).unwrap().contains(&text));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_reads_back(
            records in prop::collection::vec(("[a-c]", 1..crate::HIGHEST_NS), 0..40)
        ) {
            let mut latencies = Latencies::new();
            for (tag, nanoseconds) in &records {
                latencies.record(tag, *nanoseconds);
            }
            prop_assert_eq!(&Latencies::decode(latencies.encode()).unwrap(), &latencies);
            for (_, histogram) in &latencies {
                prop_assert_eq!(&decode_histogram(&encode_histogram_deflated(histogram)).unwrap(), histogram);
            }
        }
    }
}
