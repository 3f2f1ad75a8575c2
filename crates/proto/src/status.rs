//! Status lines: `+OK` or `-ERR`, and what follows (RFC 1939 section 3, RFC 2449 section 3).

use crate::{Deviation, Deviations, ResponseCode};

/// What a status line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indicator {
    /// `+OK`, in any case.
    Ok,
    /// `-ERR`, in any case; or another word that cannot but mean it, as `+ERR` and `-NO`.
    Err,
    /// Neither.
    Unknown,
}

/// A status line.
///
/// ```
/// use proto::{Deviation, Status};
///
/// let (status, deviations) = Status::parse(b"-err [IN-USE] maildrop is locked");
/// assert!(!status.is_ok());
/// assert!(status.code().is_some_and(|code| code.is("in-use")));
/// assert!(deviations.iter().eq([Deviation::StatusCase]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status<'a> {
    /// What it begins with.
    pub indicator: Indicator,
    /// The text after the indicator and one space; the whole line if the indicator is unknown.
    pub text: &'a [u8],
    /// The whole line without its line end.
    pub line: &'a [u8],
}

impl<'a> Status<'a> {
    /// Parses a line without its line end. Odd case, a glued separator and a word of the server's own for a refusal are
    /// understood and noted.
    pub fn parse(line: &'a [u8]) -> (Status<'a>, Deviations) {
        let mut deviations = Deviations::new();
        let (indicator, rest) = if let Some(rest) = after(line, b"+OK", &mut deviations) {
            (Indicator::Ok, rest)
        } else if let Some(rest) = after(line, b"-ERR", &mut deviations) {
            (Indicator::Err, rest)
        } else if let Some((indicator, rest)) = other_word(line) {
            deviations.insert(Deviation::StatusWord);
            (indicator, rest)
        } else {
            deviations.insert(if line.is_empty() {
                Deviation::StatusEmpty
            } else {
                Deviation::StatusUnknown
            });
            (Indicator::Unknown, line)
        };
        deviations.insert_if(line.iter().any(|octet| *octet >= 0x80), Deviation::StatusEightBit);
        deviations.insert_if(line.contains(&b'\r'), Deviation::BareCr);
        let control = |octet: &u8| (*octet < 0x20 && *octet != b'\r') || *octet == 0x7f;
        deviations.insert_if(line.iter().any(control), Deviation::StatusControl);
        let text = match rest {
            [b' ', text @ ..] => text,
            _ if indicator == Indicator::Unknown => line,
            [] => rest,
            _ => {
                deviations.insert(Deviation::StatusGlued);
                rest
            }
        };
        (Status { indicator, text, line }, deviations)
    }

    /// Whether it is positive.
    pub fn is_ok(&self) -> bool {
        self.indicator == Indicator::Ok
    }

    /// The response code at the start of the text, if it is well-formed (RFC 2449 section 8).
    pub fn code(&self) -> Option<ResponseCode<'a>> {
        ResponseCode::parse(self.text).0
    }
}

fn after<'a>(line: &'a [u8], indicator: &[u8], deviations: &mut Deviations) -> Option<&'a [u8]> {
    let (start, behind) = line.split_at_checked(indicator.len())?;
    if !start.eq_ignore_ascii_case(indicator) {
        return None;
    }
    deviations.insert_if(start != indicator, Deviation::StatusCase);
    Some(behind)
}

/// A sign and a word that is none of the protocol's, and what stands behind it. Text that has got where a status line
/// was due is seldom of this form: a word of several capital letters, and then a blank, a code or the end.
fn other_word(line: &[u8]) -> Option<(Indicator, &[u8])> {
    let (sign, behind) = line.split_first()?;
    let letters = behind.iter().take_while(|octet| octet.is_ascii_uppercase()).count();
    let (word, rest) = behind.split_at(letters);
    let ends = matches!(rest.first(), None | Some(b' ' | b'[' | b':'));
    if !(2..=8).contains(&letters) || !ends {
        return None;
    }
    match (sign, word) {
        (b'-', b"OK") => Some((Indicator::Unknown, line)),
        (b'-', _) | (b'+', b"ERR" | b"ERROR") => Some((Indicator::Err, rest)),
        (b'+', _) => Some((Indicator::Unknown, line)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, indicator: Indicator, text: &str, expected: &[Deviation]) {
        let (status, deviations) = Status::parse(line.as_bytes());
        assert_eq!((status.indicator, status.text), (indicator, text.as_bytes()), "{line}");
        assert_eq!(deviations, expected.iter().copied().collect(), "{line}");
    }

    #[test]
    fn status_lines_are_understood_and_their_oddities_named() {
        check("+OK", Indicator::Ok, "", &[]);
        check("+OK ", Indicator::Ok, "", &[]);
        check("+OK 2 320", Indicator::Ok, "2 320", &[]);
        check("-ERR no", Indicator::Err, "no", &[]);
        check("+ok hi", Indicator::Ok, "hi", &[Deviation::StatusCase]);
        check("-ERR[AUTH] no", Indicator::Err, "[AUTH] no", &[Deviation::StatusGlued]);
        check("+OK\thi", Indicator::Ok, "\thi", &[Deviation::StatusGlued, Deviation::StatusControl]);
        check("* OK IMAP", Indicator::Unknown, "* OK IMAP", &[Deviation::StatusUnknown]);
        check("", Indicator::Unknown, "", &[Deviation::StatusEmpty]);
        check("+ERR [IN-USE] no", Indicator::Err, "[IN-USE] no", &[Deviation::StatusWord]);
        check("+ERR", Indicator::Err, "", &[Deviation::StatusWord]);
        check("-NO such message", Indicator::Err, "such message", &[Deviation::StatusWord]);
        check("+FINE 2 320", Indicator::Unknown, "+FINE 2 320", &[Deviation::StatusWord]);
        check("-OK", Indicator::Unknown, "-OK", &[Deviation::StatusWord]);
        check("-- Alice", Indicator::Unknown, "-- Alice", &[Deviation::StatusUnknown]);
        check("+1 for that", Indicator::Unknown, "+1 for that", &[Deviation::StatusUnknown]);
        check("-N such message", Indicator::Unknown, "-N such message", &[Deviation::StatusUnknown]);
        check("-SOMETHING else", Indicator::Unknown, "-SOMETHING else", &[Deviation::StatusUnknown]);
        check("-NOsuch message", Indicator::Unknown, "-NOsuch message", &[Deviation::StatusUnknown]);
        check("+OK \u{e9}", Indicator::Ok, "\u{e9}", &[Deviation::StatusEightBit]);
        check("+OK a\rb", Indicator::Ok, "a\rb", &[Deviation::BareCr]);
    }
}
