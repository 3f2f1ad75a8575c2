//! What in a greeting is meant as the timestamp of APOP (RFC 1939 section 7), well-formed or not. A greeting has an address
//! or a product's name in angle brackets too, and then the server has no APOP.

/// Texts in angle brackets that are meant as a timestamp, brackets included. One that is never closed ends at a space.
pub(crate) fn meant_timestamps(greeting: &[u8]) -> Vec<&[u8]> {
    bracketed(greeting).into_iter().filter(|text| looks_meant(text)).collect()
}

/// Texts in angle brackets, whatever they are meant as.
pub(crate) fn bracketed(greeting: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = greeting;
    while let Some(open) = rest.iter().position(|octet| *octet == b'<') {
        rest = &rest[open..];
        let end = match rest.iter().position(|octet| *octet == b'>') {
            Some(close) => close + 1,
            None => rest.iter().position(|octet| *octet == b' ').unwrap_or(rest.len()),
        };
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found
}

/// An at sign, or digits and dots alone: an address or a product name has neither.
fn looks_meant(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"<").unwrap_or(text);
    let inner = inner.strip_suffix(b">").unwrap_or(inner);
    inner.contains(&b'@')
        || (!inner.is_empty() && inner.iter().all(|octet| octet.is_ascii_digit() || *octet == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_told_from_other_brackets() {
        let greeting = b"+OK <Foo Server> <1.2@a@b> [x] <fe80::1> <1896.697170952> <open";
        assert_eq!(meant_timestamps(greeting), [&b"<1.2@a@b>"[..], b"<1896.697170952>"]);
        assert_eq!(meant_timestamps(b"+OK ready <1896.697@host, open"), [b"<1896.697@host,"]);
        assert!(meant_timestamps(b"+OK 1 < 2").is_empty());
        assert!(meant_timestamps(b"+OK <>").is_empty());
    }
}
