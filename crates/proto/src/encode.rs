//! Writing lines: status lines, continuations, listing lines, commands. Content is [`crate::Stuffer`]'s.
//!
//! Nothing is checked: a fake server must be able to write what is wrong.

/// `+OK text`.
pub fn ok(out: &mut Vec<u8>, text: &[u8]) {
    status(out, b"+OK", text);
}

/// `-ERR text`.
pub fn err(out: &mut Vec<u8>, text: &[u8]) {
    status(out, b"-ERR", text);
}

/// `+ data` (RFC 5034 section 4); the space stands also before empty data.
pub fn continuation(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(b"+ ");
    line(out, data);
}

/// A line with its CRLF.
pub fn line(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend_from_slice(octets);
    out.extend_from_slice(b"\r\n");
}

/// A command line: keyword, and arguments after a space if there are any.
pub fn command(out: &mut Vec<u8>, keyword: &[u8], arguments: &[u8]) {
    status(out, keyword, arguments);
}

fn status(out: &mut Vec<u8>, first: &[u8], text: &[u8]) {
    out.extend_from_slice(first);
    if !text.is_empty() {
        out.push(b' ');
    }
    line(out, text);
}
