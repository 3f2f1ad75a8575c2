//! The lines that carry numbers: STAT, scan listings, unique-id listings (RFC 1939 sections 5 and 7).

use crate::{Deviation, Deviations, number};

/// Most characters of a unique-id (RFC 1939 section 7).
const UNIQUE_ID_AT_MOST: usize = 70;

/// Count and octets of a STAT reply's text: two numbers, one space, perhaps more text after another space.
pub fn stat(text: &[u8]) -> (Option<(u64, u64)>, Deviations) {
    scan(text)
}

/// Message number and size of a scan listing: two numbers, one space, perhaps more text after another space. Where
/// there are more spaces the numbers are given nevertheless.
pub fn scan(line: &[u8]) -> (Option<(u64, u64)>, Deviations) {
    let mut deviations = Deviations::new();
    let (first, rest) = field(line);
    let (second, _) = field(rest.strip_prefix(b" ").unwrap_or(rest));
    let blank = |field: &[u8]| field.starts_with(b" ");
    deviations.insert_if(blank(first) || blank(second), Deviation::FieldSeparator);
    let first = decimal(Some(first.trim_ascii_start()), &mut deviations);
    let second = decimal((!rest.is_empty()).then(|| second.trim_ascii_start()), &mut deviations);
    (first.zip(second), deviations)
}

/// Up to the first space behind something else, and the rest.
fn field(text: &[u8]) -> (&[u8], &[u8]) {
    let blanks = text.iter().take_while(|octet| **octet == b' ').count();
    let end =
        text.iter().skip(blanks).position(|octet| *octet == b' ').map_or(text.len(), |end| blanks + end);
    text.split_at(end)
}

/// Message number and unique-id of a unique-id listing. The id is given even if it breaks the rules.
pub fn unique_id(line: &[u8]) -> (Option<(u64, &[u8])>, Deviations) {
    let mut deviations = Deviations::new();
    let mut fields = line.splitn(2, |octet| *octet == b' ');
    let first = decimal(fields.next(), &mut deviations);
    let Some(rest) = fields.next() else {
        deviations.insert(Deviation::UniqueIdEmpty);
        return (None, deviations);
    };
    let blanks = rest.iter().take_while(|octet| **octet == b' ').count();
    deviations.insert_if(blanks > 0, Deviation::FieldSeparator);
    let rest = rest.get(blanks..).unwrap_or_default();
    let id = rest.split(|octet| *octet == b' ').next().unwrap_or_default();
    deviations.insert_if(id.len() < rest.len(), Deviation::UniqueIdTrailing);
    deviations.insert_if(id.is_empty(), Deviation::UniqueIdEmpty);
    deviations.insert_if(id.len() > UNIQUE_ID_AT_MOST, Deviation::UniqueIdTooLong);
    deviations.insert_if(id.iter().any(|octet| !(0x21..=0x7e).contains(octet)), Deviation::UniqueIdAlphabet);
    (first.zip((!id.is_empty()).then_some(id)), deviations)
}

fn decimal(field: Option<&[u8]>, deviations: &mut Deviations) -> Option<u64> {
    match field {
        None => deviations.insert(Deviation::NumberMissing),
        Some([]) => deviations.insert(Deviation::FieldSeparator),
        Some(word) => {
            let value = number(word);
            deviations.insert_if(value.is_none(), Deviation::NumberNotDecimal);
            return value;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(deviations: Deviations) -> Vec<Deviation> {
        deviations.iter().collect()
    }

    #[test]
    fn scan_listings() {
        assert_eq!(scan(b"1 120"), (Some((1, 120)), Deviations::new()));
        assert_eq!(scan(b"1 120 more text"), (Some((1, 120)), Deviations::new()));
        assert_eq!(named(scan(b"2 messages").1), [Deviation::NumberNotDecimal]);
        assert_eq!(named(scan(b"2").1), [Deviation::NumberMissing]);
        for line in [&b"2  320"[..], b" 2 320", b"  2   320 more"] {
            let (numbers, deviations) = scan(line);
            assert_eq!((numbers, named(deviations)), (Some((2, 320)), vec![Deviation::FieldSeparator]));
        }
        assert_eq!((scan(b"2 ").0, named(scan(b"2 ").1)), (None, vec![Deviation::FieldSeparator]));
        assert_eq!(named(scan(b"1 %!d(float64=5461)").1), [Deviation::NumberNotDecimal]);
        assert_eq!(scan(b"99999999999999999999 1").0, None);
    }

    #[test]
    fn unique_ids() {
        assert_eq!(unique_id(b"1 abc"), (Some((1, &b"abc"[..])), Deviations::new()));
        assert_eq!(named(unique_id(b"1  abc").1), [Deviation::FieldSeparator]);
        assert_eq!(named(unique_id(b"1 abc def").1), [Deviation::UniqueIdTrailing]);
        assert_eq!(named(unique_id(b"1 ").1), [Deviation::UniqueIdEmpty]);
        assert_eq!(named(unique_id(b"abc").1), [Deviation::NumberNotDecimal, Deviation::UniqueIdEmpty]);
        assert_eq!(
            named(unique_id(format!("1 {}", "x".repeat(71)).as_bytes()).1),
            [Deviation::UniqueIdTooLong]
        );
        assert_eq!(named(unique_id(b"1 a\x80").1), [Deviation::UniqueIdAlphabet]);
    }
}
