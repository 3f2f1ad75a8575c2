//! Byte-stuffing of multi-line content (RFC 1939 section 3).

/// Stuffs content as it streams by; any split of the content gives the same octets.
///
/// ```
/// let (mut stuffer, mut out) = (proto::Stuffer::new(), Vec::new());
/// stuffer.push(b"first\r\n.", &mut out);
/// stuffer.push(b"hidden", &mut out);
/// stuffer.finish(&mut out);
/// assert_eq!(out, b"first\r\n..hidden\r\n.\r\n");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Stuffer {
    started: bool,
    line_started: bool,
    after_cr: bool,
}

impl Stuffer {
    /// A stuffer at the start of content.
    pub const fn new() -> Self {
        Self { started: false, line_started: false, after_cr: false }
    }

    /// Appends the content with a dot before every line that starts with one. Only CRLF ends a line.
    pub fn push(&mut self, content: &[u8], out: &mut Vec<u8>) {
        let mut rest = content;
        while let Some(first) = rest.first() {
            self.started = true;
            if !self.line_started && *first == b'.' {
                out.push(b'.');
            }
            self.line_started = true;
            let Some((line, behind)) = self.line_end(rest).and_then(|end| rest.split_at_checked(end)) else {
                self.after_cr = rest.last() == Some(&b'\r');
                out.extend_from_slice(rest);
                return;
            };
            out.extend_from_slice(line);
            rest = behind;
            self.line_started = false;
            self.after_cr = false;
        }
    }

    /// Ends the content: a CRLF if its last line had none, and the dot line.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.started && self.line_started {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    fn line_end(self, octets: &[u8]) -> Option<usize> {
        memchr::memchr_iter(b'\n', octets).map(|at| at + 1).find(|end| match end.checked_sub(2) {
            None => self.after_cr,
            Some(before) => octets.get(before) == Some(&b'\r'),
        })
    }
}

/// Takes the stuffing out of whole content; stops before the dot line. A helper for tests and tools.
pub fn unstuff(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while !rest.is_empty() && !rest.starts_with(b".\r\n") {
        let line = rest.strip_prefix(b".").unwrap_or(rest);
        let end = memchr::memmem::find(line, b"\r\n").map(|found| found + 2);
        let (line, behind) = end.and_then(|end| line.split_at_checked(end)).unwrap_or((line, &[]));
        out.extend_from_slice(line);
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stuffer, mut out) = (Stuffer::new(), Vec::new());
        for piece in pieces {
            stuffer.push(piece, &mut out);
        }
        stuffer.finish(&mut out);
        out
    }

    #[test]
    fn dots_at_line_starts_are_doubled() {
        assert_eq!(stuffed(&[b".\r\n..\r\nx.\r\n"]), b"..\r\n...\r\nx.\r\n.\r\n");
        assert_eq!(stuffed(&[b""]), b".\r\n");
        assert_eq!(stuffed(&[b"no end"]), b"no end\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\n.b\r\n"]), b"a\n.b\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r", b"\n", b".b"]), b"a\r\n..b\r\n.\r\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_split_gives_the_same_octets_and_unstuffing_gives_the_content_back(
            content in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'x')], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(content.len());
            let whole = stuffed(&[&content]);
            prop_assert_eq!(&whole, &stuffed(&[&content[..cut], &content[cut..]]));
            let mut expected = content.clone();
            if !content.is_empty() && !content.ends_with(b"\r\n") {
                expected.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(unstuff(&whole), expected);
        }
    }
}
