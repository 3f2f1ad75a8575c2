//! Single histograms as text: HdrHistogram's V2 form in base64, for files and for the pipe between processes.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer, V2Serializer};

use crate::Counts;

/// The largest text that is decoded, in octets: a histogram of our bounds in which every bucket is taken needs a
/// tenth of it.
const LONGEST: usize = 4 << 20;

/// What a histogram begins with when it is compressed, and what when it is not.
const DEFLATED: u32 = 0x1c84_9314;
const PLAIN: u32 = 0x1c84_9313;

/// Octets before the counts: cookie, how many octets of counts follow, offset, digits, bounds, ratio.
const HEAD: usize = 40;

/// Why a text is no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an HdrHistogram in base64: {reason}")]
pub struct EncodingError {
    /// What the decoder said.
    pub reason: String,
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

/// The same, a tenth longer and made in a fifth of the time: for what is told every second while latencies are measured.
/// [`decode_histogram`] reads it.
pub fn encode_histogram_quickly(histogram: &Histogram<u64>) -> String {
    let (mut plain, mut octets) = (Vec::new(), DEFLATED.to_be_bytes().to_vec());
    let deflated = V2Serializer::new().serialize(histogram, &mut plain).ok().and_then(|_| {
        let mut deflating = ZlibEncoder::new(Vec::new(), Compression::fast());
        deflating.write_all(&plain).and_then(|()| deflating.finish()).ok()
    });
    let deflated =
        deflated.expect("a histogram of our own bounds fits the format, and a vector takes all octets");
    octets.extend((deflated.len() as u32).to_be_bytes());
    octets.extend(deflated);
    STANDARD.encode(octets)
}

/// Reads V2 with DEFLATE or without. The histogram has the bounds that the text gives it;
/// [`Latencies::add_histogram`](crate::Latencies::add_histogram) takes it whatever they are.
///
/// # Errors
/// When the text is not base64, or what it holds is no histogram.
pub fn decode_histogram(text: &str) -> Result<Histogram<u64>, EncodingError> {
    decode(text).map_err(|reason| EncodingError { reason })
}

impl Counts {
    /// Reads either form without keeping a whole histogram; no text at all is no latency. Of other bounds than ours, what
    /// does not fit is counted at the end.
    ///
    /// # Errors
    /// When the text is not base64, or what it holds is no histogram.
    pub fn decode(text: &str) -> Result<Self, EncodingError> {
        if text.is_empty() { Ok(Self::default()) } else { decode_histogram(text).map(|read| Self::of(&read)) }
    }
}

fn decode(text: &str) -> Result<Histogram<u64>, String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} octets"));
    }
    let octets = plain(STANDARD.decode(text).map_err(|error| error.to_string())?)?;
    // Room is made for as many octets as it says there are, so it is asked first whether there are.
    if let Some(said) = number(&octets, 4)
        && said as usize > octets.len().saturating_sub(HEAD)
    {
        return Err("it is cut off".to_owned());
    }
    Deserializer::new().deserialize(&mut octets.as_slice()).map_err(|error| error.to_string())
}

/// The form without DEFLATE.
fn plain(octets: Vec<u8>) -> Result<Vec<u8>, String> {
    match number(&octets, 0) {
        Some(DEFLATED) => {
            let mut plain = Vec::new();
            let deflated = octets.get(8..).unwrap_or_default();
            let inflated = ZlibDecoder::new(deflated).take(LONGEST as u64).read_to_end(&mut plain);
            inflated.map_err(|error| error.to_string())?;
            if number(&plain, 0) == Some(PLAIN) {
                Ok(plain)
            } else {
                Err("it is not of version 2".to_owned())
            }
        }
        _ => Ok(octets),
    }
}

fn number(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|number| u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Latencies;

    #[test]
    fn what_is_no_histogram_is_refused() {
        for text in ["?", "", "AAAA", "HISTFAAAA"] {
            let error = decode_histogram(text).unwrap_err();
            assert!(error.to_string().starts_with("this is not an HdrHistogram in base64: "), "{error}");
        }
        let long = "A".repeat(LONGEST + 4);
        assert_eq!(decode_histogram(&long).unwrap_err().reason, "it is longer than 4194304 octets");
        assert_eq!(Counts::decode("").unwrap(), Counts::default());
        assert!(Counts::decode("?").is_err());
    }

    #[test]
    fn a_histogram_that_says_it_is_huge_takes_no_memory() {
        let mut octets = Vec::new();
        V2Serializer::new().serialize(&crate::latencies::empty(), &mut octets).unwrap();
        octets[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&octets).unwrap();
        let deflated = [&DEFLATED.to_be_bytes()[..], &[0; 4], &zlib.finish().unwrap()].concat();
        for octets in [octets, deflated] {
            let error = decode_histogram(&STANDARD.encode(octets)).unwrap_err();
            assert_eq!(error.reason, "it is cut off");
        }
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
            for (_, histogram) in &latencies {
                for text in [encode_histogram_deflated(histogram), encode_histogram_quickly(histogram)] {
                    prop_assert_eq!(&decode_histogram(&text).unwrap(), histogram);
                    prop_assert_eq!(Counts::decode(&text).unwrap(), Counts::of(histogram));
                    // Other readers find it too: it is of the one form that they take.
                    let octets = STANDARD.decode(text).unwrap();
                    let read: Histogram<u64> = Deserializer::new().deserialize(&mut octets.as_slice()).unwrap();
                    prop_assert_eq!(&read, histogram);
                }
            }
        }
    }
}
