//! Base64 has one text for each sequence of octets, and only that text is read.

use proptest::{collection::vec, prelude::*};
use sasl::{
    Base64Error,
    base64::{decode, encode},
};

/// RFC 4648 section 10.
#[test]
fn the_vectors_of_the_rfc() {
    for (octets, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(encode(octets), text);
        assert_eq!(decode(text).as_deref(), Ok(octets.as_bytes()));
    }
    assert_eq!(encode([0xfb, 0xff, 0xfe]), "+//+");
}

/// The examples of RFC 5034 section 4, and every other way of being nearly right.
#[test]
fn what_is_nearly_right_is_refused() {
    for text in [
        "=AAA",
        "AAA=BBB",
        "=",
        "==",
        "====",
        "A",
        "A=",
        "A==",
        "A===",
        "AA",
        "AA=",
        "AAA",
        "AAA==",
        "AAAA=",
        "AAAA====",
        "AA==AA==",
        "AA==\r\n",
        "AA ==",
        " AAAA",
        "AAAA ",
        "AA AA",
        "AAAA\n",
        "AA\r\nAA",
        "AA-A",
        "AA_A",
        "!!!!",
        "AAAA*",
        "AAA\0",
        "AAA\u{e9}",
        "AB==",
        "AAB=",
        "AAAAA",
    ] {
        assert!(decode(text).is_err(), "{text:?}");
    }
    assert_eq!(decode("AA*A"), Err(Base64Error::ForeignOctet { offset: 2, octet: b'*' }));
    assert_eq!(decode("AB=="), Err(Base64Error::TrailingBits));
    assert_eq!(decode("AAA"), Err(Base64Error::Length));
}

/// Every text of four of these characters: accepted exactly if it is what the octets are written as.
#[test]
fn all_short_texts_are_canonical_or_refused() {
    let alphabet = b"ABQgw/+=-_ \n9";
    let mut accepted = 0;
    for number in 0..alphabet.len().pow(4) {
        let text: Vec<u8> =
            (0..4).map(|place| alphabet[number / alphabet.len().pow(place) % alphabet.len()]).collect();
        if let Ok(octets) = decode(&text) {
            assert_eq!(encode(octets).as_bytes(), text, "{}", text.escape_ascii());
            accepted += 1;
        }
    }
    // Characters of the alphabet here: 8. Of these, A Q g w have four zero bits at the end and so may stand
    // before "=="; the same four have two, and no other does, and so may stand before "=".
    assert_eq!(accepted, 8 * 8 * 8 * 8 + 8 * 4 + 8 * 8 * 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_encoded_decodes_to_the_same(octets in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(decode(encode(&octets)), Ok(octets));
    }

    #[test]
    fn only_canonical_texts_decode(text in "[A-Za-z0-9+/= \r\n_-]{0,12}={0,3}") {
        if let Ok(octets) = decode(&text) {
            prop_assert_eq!(encode(octets), text);
        }
    }

    #[test]
    fn a_foreign_octet_anywhere_is_refused(octets in vec(any::<u8>(), 0..60), at: prop::sample::Index, foreign in foreign()) {
        let mut text = encode(octets).into_bytes();
        text.insert(at.index(text.len() + 1), foreign);
        prop_assert!(decode(text).is_err());
    }
}

/// Octets outside the alphabet, the pad character among them.
fn foreign() -> impl Strategy<Value = u8> {
    let of_alphabet = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/".contains(octet);
    proptest::sample::select((0..=u8::MAX).filter(|octet| !of_alphabet(octet)).collect::<Vec<_>>())
}
