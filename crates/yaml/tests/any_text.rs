//! Texts of all kinds, good, broken and odd: each is read or refused with places in it, and a password is never shown.

use proptest::prelude::*;

/// Pieces of files, good ones and broken ones, in any order. `%` is a password.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("text: a\n"),
        Just("password: %\n"),
        Just("password: &p %\nword: *p\n"),
        Just("password:%\n"),
        Just("list: [{name: n, password:%}, {%}, {password: [%]}]\n"),
        Just("list:\n  - {name: *p, word: %}\n"),
        Just("any:\n  - name: %\n    password: |\n      %\n      %: x\n"),
        Just("word: %\nwhole: %\nline: %\n"),
        Just("%: %\n"),
        Just("pairs: {%: 1, 2s: %}\n"),
        Just("? {a: %}\n: %\n"),
        Just("password: \"%\n"),
        Just("password: !% \n"),
        Just("password: *%\n"),
        Just("- % \t{\n"),
        Just("<<: {word: %}\n"),
        Just("# %\n"),
        Just("---\n"),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused_and_no_password_is_shown(
        text in prop_oneof![pieces(), "\\PC{0,200}", "[ -~\n]{0,200}", "[%a:{}\\[\\],&*!\"'|> \n-]{0,60}"],
    ) {
        yaml::fuzzing::read(text.as_bytes());
    }
}
