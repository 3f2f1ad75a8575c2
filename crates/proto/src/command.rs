//! Command lines as a server reads them (RFC 1939 section 3, RFC 2449 section 4).

use crate::{Deviation, Deviations, Verb};

/// A command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// The keyword as sent.
    pub keyword: &'a [u8],
    /// The keyword, if it is one.
    pub verb: Option<Verb>,
    /// Everything after the first space, as sent: a password may hold spaces.
    pub arguments: &'a [u8],
    /// Whether a space followed the keyword, which tells `PASS` from `PASS ` with an empty argument.
    pub has_arguments: bool,
    /// The whole line without its line end.
    pub line: &'a [u8],
    /// What was odd about it.
    pub deviations: Deviations,
}

impl<'a> Command<'a> {
    /// Parses a line without its line end.
    pub fn parse(line: &'a [u8]) -> Command<'a> {
        let space = line.iter().position(|octet| *octet == b' ');
        let (keyword, arguments) = match space.and_then(|at| line.split_at_checked(at)) {
            Some((keyword, [_, arguments @ ..])) => (keyword, arguments),
            _ => (line, &[][..]),
        };
        let mut deviations = Deviations::new();
        deviations.insert_if(line.is_empty(), Deviation::CommandEmpty);
        deviations.insert_if(line.len() + 2 > 255, Deviation::CommandTooLong);
        deviations
            .insert_if(line.iter().any(|octet| *octet < 0x20 || *octet == 0x7f), Deviation::CommandControl);
        let blank = !line.is_empty() && line.split(|octet| *octet == b' ').any(<[u8]>::is_empty);
        deviations.insert_if(blank, Deviation::CommandBlank);
        Command {
            keyword,
            verb: Verb::parse(keyword),
            arguments,
            has_arguments: space.is_some(),
            line,
            deviations,
        }
    }

    /// The arguments as words; doubled blanks count once.
    pub fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.arguments.split(|octet| *octet == b' ').filter(|word| !word.is_empty())
    }
}

/// A number of plain decimal digits that fits; no sign, no blank, no wrapping around.
pub fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    word.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_kept_as_sent() {
        let command = Command::parse(b"pass looking  glass");
        assert_eq!((command.verb, command.arguments), (Some(Verb::Pass), &b"looking  glass"[..]));
        assert_eq!(command.words().count(), 2);
        assert!(command.deviations.contains(Deviation::CommandBlank));
        assert!(Command::parse(b"").deviations.contains(Deviation::CommandEmpty));
        assert!(Command::parse(b"NOOP\x07").deviations.contains(Deviation::CommandControl));
    }

    #[test]
    fn a_command_has_255_octets_at_most_with_its_line_end() {
        // RFC 2449 section 4.
        assert!(Command::parse(&[b'a'; 253]).deviations.is_empty());
        assert!(Command::parse(&[b'a'; 254]).deviations.contains(Deviation::CommandTooLong));
        assert!(Command::parse(&[b'a'; 2000]).deviations.contains(Deviation::CommandTooLong));
    }

    #[test]
    fn numbers_are_plain_digits_and_never_wrap() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for word in [&b"18446744073709551616"[..], b"", b"+1", b"-1", b"1x", b"0x1", b" 1"] {
            assert_eq!(number(word), None, "{word:?}");
        }
    }
}
