//! Lower-case hexadecimal digests, as APOP (RFC 1939 section 7) and CRAM-MD5 (RFC 2195 section 2) want them.
//! Only writing: digests are compared in their written form, so that upper case is refused by itself.

/// The octets as lower-case hexadecimal digits, two for each.
pub(crate) fn lower(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 0x0f])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lower;

    #[test]
    fn writes_two_lower_case_digits_for_each_octet() {
        assert_eq!(lower(&[0x00, 0x0a, 0xf9, 0xff]), "000af9ff");
        assert_eq!(lower(&[]), "");
    }
}
