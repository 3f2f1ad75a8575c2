//! File names of a Maildir: their order, and new ones.
//!
//! Names only: it deliberately opens nothing, and does not interpret flags. The files are read by
//! [`eml::message`](crate::eml::message).

use std::cmp::Ordering;

/// The files of a Maildir in the order of delivery, oldest first.
///
/// A name begins with the second of delivery, then what makes it unique (`1700000000.M5P42Q2.host:2,S`). Digits
/// are compared as numbers, the rest as octets; what follows the colon (flags) decides last. Names that begin
/// with a dot are no messages and are left out.
pub fn sorted(names: Vec<String>) -> Vec<String> {
    let mut names = names;
    names.retain(|name| !name.starts_with('.'));
    names.sort_by(|one, other| natural(base(one), base(other)).then_with(|| one.cmp(other)));
    names
}

/// A file name for the `ordinal`-th message (for `new/`), delivered at `time` (Unix seconds).
///
/// Names of one time sort in the order of their ordinals.
pub fn file_name(ordinal: u64, time: u64) -> String {
    format!("{time}.Q{ordinal}.poplab")
}

/// The name without its flags.
fn base(name: &str) -> &str {
    name.split_once(':').map_or(name, |(base, _)| base)
}

/// Compares runs of digits as numbers of any length, everything else octet by octet.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (Some(first), Some(second)) = (one.first(), other.first()) else {
            return one.len().cmp(&other.len());
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let ((left, left_rest), (right, right_rest)) = (number(one), number(other));
            match left.len().cmp(&right.len()).then_with(|| left.cmp(right)) {
                Ordering::Equal => (one, other) = (left_rest, right_rest),
                unequal => return unequal,
            }
        } else {
            match first.cmp(second) {
                Ordering::Equal => (one, other) = (&one[1..], &other[1..]),
                unequal => return unequal,
            }
        }
    }
}

/// The digits at the start without leading zeros, and what follows them.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().take_while(|octet| **octet == b'0').count();
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::{file_name, sorted};

    #[test]
    fn order_of_delivery() {
        let expected = [
            "999999999.1.host",
            "1700000000.M7P1.host:2,S",
            "1700000000.M50P1.host,S=300:2,",
            "1700000000.M123456P1.host:2,FS",
            "1700000001.M1P1.host",
        ];
        let mut names: Vec<String> = expected.iter().rev().map(ToString::to_string).collect();
        names.push(".hidden".to_owned());
        assert_eq!(sorted(names), expected);
    }

    #[test]
    fn own_names_sort_by_ordinal() {
        let names: Vec<String> = (1..=120).map(|ordinal| file_name(ordinal, 1_700_000_000)).collect();
        assert_eq!(sorted(names.iter().rev().cloned().collect()), names);
    }
}
