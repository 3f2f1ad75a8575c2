//! Lines of a CAPA reply (RFC 2449 sections 3 and 5). What a capability means is not known here.

use crate::{Deviation, Deviations};

/// One capability line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability<'a> {
    /// The tag as sent.
    pub tag: &'a [u8],
    /// The parameters as sent.
    pub parameters: Vec<&'a [u8]>,
}

impl<'a> Capability<'a> {
    /// Parses a line without its line end.
    pub fn parse(line: &'a [u8]) -> (Capability<'a>, Deviations) {
        let mut deviations = Deviations::new();
        let mut words = line.split(|octet| *octet == b' ');
        deviations.insert_if(line.is_empty(), Deviation::CapabilityEmpty);
        deviations.insert_if(line.len() + 2 > 512, Deviation::CapabilityTooLong);
        let blank = !line.is_empty() && line.split(|octet| *octet == b' ').any(<[u8]>::is_empty);
        deviations.insert_if(blank, Deviation::CapabilityBlank);
        let tag = words.find(|word| !word.is_empty()).unwrap_or_default();
        let allowed = |octet: &u8| (0x21..=0x7e).contains(octet) && *octet != b'.';
        deviations.insert_if(!tag.iter().all(allowed), Deviation::CapabilityTag);
        let parameters = words.filter(|word| !word.is_empty()).collect();
        (Capability { tag, parameters }, deviations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_lines() {
        let (capability, deviations) = Capability::parse(b"SASL PLAIN LOGIN");
        assert_eq!((capability.tag, capability.parameters.len()), (&b"SASL"[..], 2));
        assert!(deviations.is_empty());
        let named = |line: &[u8]| Capability::parse(line).1.iter().collect::<Vec<_>>();
        assert_eq!(named(b"IMPLEMENTATION Foo-1.2"), []);
        assert_eq!(named(b".X"), [Deviation::CapabilityTag]);
        assert_eq!(named(b"SASL  PLAIN"), [Deviation::CapabilityBlank]);
        assert_eq!(named(b""), [Deviation::CapabilityEmpty]);
        // RFC 2449 section 3: 512 octets with the line end.
        assert_eq!(named(&[b'X'; 510]), []);
        assert_eq!(named(&[b'X'; 511]), [Deviation::CapabilityTooLong]);
        assert_eq!(named(&[b'X'; 2000]), [Deviation::CapabilityTooLong]);
    }
}
