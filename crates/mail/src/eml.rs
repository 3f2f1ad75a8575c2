//! Reading files that hold one message each: `.eml`, and the files of a Maildir.
//!
//! It deliberately does not repair a message: what is wrong with it stays wrong.

use crate::content::{lines, lines_to_crlf};

/// The message of a file, with CRLF line ends.
///
/// If the first line ends with CRLF the file is taken as the message itself and nothing is changed, so that a
/// bare LF can be put into a message on purpose; otherwise each LF is a line end of the file system and becomes
/// CRLF. A missing last line end is not added.
pub fn message(file: &[u8]) -> Vec<u8> {
    let keeps_crlf = lines(file).next().is_some_and(|line| line.ends_with(b"\r\n"));
    if keeps_crlf { file.to_vec() } else { lines_to_crlf(file) }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_first_line_tells_the_form() {
        assert_eq!(message(b"A: 1\n\nx\ny"), b"A: 1\r\n\r\nx\r\ny");
        assert_eq!(message(b"A: 1\r\n\r\nx\n.\ny\r\n"), b"A: 1\r\n\r\nx\n.\ny\r\n");
        assert_eq!(message(b""), b"");
        assert_eq!(message(b"A: 1"), b"A: 1");
    }

    #[test]
    fn a_fixture_written_as_it_is_reads_back() {
        for fixture in crate::corpus(42) {
            assert_eq!(message(&fixture.octets), fixture.octets, "{}", fixture.name);
        }
    }
}
