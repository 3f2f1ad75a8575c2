//! Texts that are no transcripts: the error names the line and says what was expected there.

use transcript::{ParseError, Transcript};

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn refusal(text: &str) -> ParseError {
    let text = text.replace("HASH", HASH);
    Transcript::parse(&text).expect_err(&text)
}

#[test]
fn refusals() {
    let sums = "# wire: C 0 octets sha256 HASH  S 0 octets sha256 HASH";
    for (text, line, expected, found) in [
        ("", 1, "the title", "the end of the text"),
        ("check", 1, "the title", "“check”"),
        ("#check", 1, "the title", "“#check”"),
        ("# check   seed x", 1, "a number as seed", "“x”"),
        ("# check\n", 2, "an entry", "the end of the text"),
        ("# check\n\n", 2, "an entry", "the end of the line"),
        ("# check\n[x] == note\n", 2, "an entry", "“[x] == note”"),
        ("# check\n[+1] == note\n", 2, "an entry", "“[+1] == note”"),
        ("# check\n[4294967296] == note\n", 2, "an entry", "“[4294967296] == note”"),
        ("# check\n[1] X: note\n", 2, "==, ^^, C:, C|, S: or S|", "“X: note”"),
        ("# check\n[1] ×\n", 2, "==, ^^, C:, C|, S: or S|", "“×”"),
        ("# check\n[1] C:QUIT\n", 2, "a space", "“C:QUIT”"),
        ("# check\n[1] C: QUIT\\q\n", 2, "after a backslash", "“\\q”"),
        ("# check\n[1] == a\n[1] S: a×b\n", 3, "\\× for the character ×", "“×b”"),
        (
            "# check\n[1] S: ‹3 lines, 9 octets, sha256 HASH›\n",
            2,
            "‹secret N›",
            "“‹3 lines, 9 octets, sha256 ",
        ),
        ("# check\n# wire: C 0 octets\n", 2, "C N octets sha256 HASH", "“C 0 octets”"),
        (&format!("# check\n{sums}\n[1] == more\n"), 3, "nothing after the sums", "“[1] == more”"),
    ] {
        let error = refusal(text);
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.expected.starts_with(expected), "{text:?}: {error}");
        assert!(error.found.starts_with(found), "{text:?}: {error}");
    }
}

#[test]
fn an_error_is_one_sentence_for_people() {
    assert_eq!(
        refusal("# check\n[1] C: NOOP\n[1] C; QUIT\n").to_string(),
        "line 3: expected ==, ^^, C:, C|, S: or S| after the session, found “C; QUIT”"
    );
}

#[test]
fn line_ends_of_another_system_and_empty_lines_at_the_end_do_no_harm() {
    let text = format!(
        "# check\r\n[1] S: +OK\r\n# wire: C 0 octets sha256 {HASH}  S 5 octets sha256 {HASH}\r\n\r\n"
    );
    let transcript = Transcript::parse(&text).unwrap();
    assert_eq!(transcript.entries[0].octets().unwrap(), b"+OK\r\n");
}
