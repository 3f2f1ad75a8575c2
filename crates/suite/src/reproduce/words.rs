//! Texts as words of a shell and of Python, from which nothing that a user or a server is called can break out.

/// A run of the same octet from this length on is written as a product.
const RUN: usize = 40;

/// A word of a POSIX shell: as it is where that is harmless, else between single quotes.
pub fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// Between single quotes of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// For a place between double quotes of a shell.
pub(super) fn within_double_quotes(text: &str) -> String {
    let special = |character| matches!(character, '\\' | '"' | '$' | '`');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Octets as an expression of Python, in printable ASCII alone.
pub(super) fn python_octets(octets: &[u8]) -> String {
    let mut terms = Vec::new();
    let mut plain = Vec::new();
    let mut rest = octets;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|octet| *octet == first).count();
        if run >= RUN {
            if !plain.is_empty() {
                terms.push(literal(&std::mem::take(&mut plain)));
            }
            terms.push(format!("{} * {run}", literal(&rest[..1])));
        } else {
            plain.extend_from_slice(&rest[..run]);
        }
        rest = &rest[run..];
    }
    if !plain.is_empty() || terms.is_empty() {
        terms.push(literal(&plain));
    }
    terms.join(" + ")
}

/// A text as a literal of Python, in printable ASCII alone.
pub(super) fn python_text(text: &str) -> String {
    if text.is_ascii() {
        return literal(text.as_bytes()).trim_start_matches('b').to_owned();
    }
    format!("{}.decode()", literal(text.as_bytes()))
}

fn literal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("b\"");
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = match octet {
            b'\r' => write!(out, "\\r"),
            b'\n' => write!(out, "\\n"),
            b'"' | b'\\' => write!(out, "\\{}", char::from(*octet)),
            b' '..=b'~' => write!(out, "{}", char::from(*octet)),
            other => write!(out, "\\x{other:02x}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_word() {
        assert_eq!(shell_word("mail.example.org:995"), "mail.example.org:995");
        assert_eq!(shell_word("a b;$(rm)"), "'a b;$(rm)'");
        assert_eq!(shell_word("o'neil"), r"'o'\''neil'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(within_double_quotes(r#"a"$(x)`y`\"#), r#"a\"\$(x)\`y\`\\"#);
    }

    #[test]
    fn octets_are_told_in_printable_ascii() {
        assert_eq!(python_octets(b"USER \"a\\\r\n"), r#"b"USER \"a\\\r\n""#);
        assert_eq!(python_octets(&[0, 0xff, b'\'']), r#"b"\x00\xff'""#);
        assert_eq!(python_octets(b""), "b\"\"");
        let long = [b"NOOP ".as_slice(), &[b'x'; 600], b"\r\n"].concat();
        assert_eq!(python_octets(&long), r#"b"NOOP " + b"x" * 600 + b"\r\n""#);
        assert_eq!(python_text("a\"b"), r#""a\"b""#);
        assert_eq!(python_text("ä"), r#"b"\xc3\xa4".decode()"#);
    }
}
