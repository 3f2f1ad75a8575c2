//! Every way a peer can err on the wire, by name.
//!
//! A deviation is what was seen, not a verdict: the suite decides what it means for a requirement.

macro_rules! deviations {
    ($($(#[$doc:meta])* $name:ident = $text:literal $(, $requirement:literal)?;)*) => {
        /// One way to break the wire format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Deviation { $($(#[$doc])* $name),* }

        impl Deviation {
            /// All deviations.
            pub const ALL: &[Deviation] = &[$(Self::$name),*];

            /// The catalogue's requirement it breaks, where one fits.
            pub const fn requirement(self) -> Option<&'static str> {
                match self { $(Self::$name => deviations!(@requirement $($requirement)?)),* }
            }
        }

        impl std::fmt::Display for Deviation {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(match self { $(Self::$name => $text),* })
            }
        }
    };
    (@requirement) => { None };
    (@requirement $requirement:literal) => { Some($requirement) };
}

deviations! {
    /// A protocol line ended with LF alone.
    BareLf = "a line ended with LF alone instead of CRLF", "rfc1939.frame.crlf";
    /// A CR stood inside a protocol line.
    BareCr = "a CR without LF stood inside a line", "rfc1939.frame.crlf";
    /// `+ok`, `-Err`.
    StatusCase = "the status indicator was not in upper case", "rfc1939.frame.status-upper";
    /// `+OK:`, `-ERR[AUTH]`, a tab.
    StatusGlued = "something other than a space followed the status indicator", "rfc1939.frame.status-delimiter";
    /// `+ERR`, `-NO`, `+FINE`: a sign and another word than the two of the protocol.
    StatusWord = "the status indicator was another word than +OK or -ERR", "rfc1939.frame.status-upper";
    /// Neither `+OK` nor `-ERR`, nor anything like them.
    StatusUnknown = "the line began with neither +OK nor -ERR", "rfc1939.frame.status-upper";
    /// More than 512 octets.
    StatusTooLong = "the status line had more than 512 octets", "rfc1939.frame.status-512";
    /// An octet of 0x80 or above.
    StatusEightBit = "the status line held octets above 0x7E", "rfc1939.frame.ascii-text";
    /// A control character.
    StatusControl = "the status line held a control character", "rfc1939.frame.ascii-text";
    /// An empty line where a status line was due.
    StatusEmpty = "an empty line stood where a status line was due", "rfc1939.frame.one-reply";
    /// `[` without `]`.
    CodeUnclosed = "a response code had no closing bracket", "rfc2449.resp.syntax";
    /// `[]`, `[SYS/]`.
    CodeEmptyLevel = "a response code had an empty level", "rfc2449.resp.syntax";
    /// A blank inside the brackets.
    CodeBlank = "a response code held a blank or control character", "rfc2449.resp.syntax";
    /// `+` and not a space.
    ContinuationNoSpace = "a continuation was not \"+\", one space and base64", "rfc5034.auth.challenge-form";
    /// Not base64 after `+ `.
    ContinuationNotBase64 = "a continuation held something other than base64", "rfc5034.auth.challenge-form";
    /// LF without CR inside multi-line content.
    ContentBareLf = "multi-line content held an LF without CR", "rfc1939.retr.line-ends";
    /// CR without LF inside multi-line content.
    ContentBareCr = "multi-line content held a CR without LF", "practice.retr.bare-cr";
    /// NUL inside multi-line content.
    ContentNul = "multi-line content held a NUL";
    /// A line that began with one dot and something else.
    ContentUnstuffed = "a line began with a single dot that was not stuffed", "rfc1939.retr.dot-stuffing";
    /// `.` LF where the end may have been meant, or was.
    DotLineBareLf = "a line held a single dot and ended with LF alone", "rfc1939.multi.terminator";
    /// The connection ended within a line.
    ClosedMidLine = "the connection ended within a line", "rfc1939.multi.terminator";
    /// The connection ended within multi-line content.
    ClosedMidContent = "the connection ended before the dot line", "rfc1939.multi.terminator";
    /// The connection ended while a reply was due.
    ClosedUnanswered = "the connection ended before a reply that was due", "rfc1939.frame.one-reply";
    /// A number that is not plain decimal digits.
    NumberNotDecimal = "a number was not plain decimal digits", "rfc1939.state.decimal";
    /// A number was missing.
    NumberMissing = "a number was missing", "rfc1939.list.format";
    /// More or fewer than one space between fields.
    FieldSeparator = "fields were not separated by exactly one space", "rfc1939.list.format";
    /// Text behind a unique-id.
    UniqueIdTrailing = "something followed the unique-id", "rfc1939.uidl.format";
    /// No unique-id.
    UniqueIdEmpty = "the unique-id was empty", "rfc1939.uidl.alphabet";
    /// More than 70 characters.
    UniqueIdTooLong = "the unique-id had more than 70 characters", "rfc1939.uidl.alphabet";
    /// A character outside 0x21 to 0x7E.
    UniqueIdAlphabet = "the unique-id held a character outside 0x21-0x7E", "rfc1939.uidl.alphabet";
    /// An empty line in a capability list.
    CapabilityEmpty = "a capability line was empty", "rfc2449.capa.format";
    /// A tag with a dot or an unprintable octet.
    CapabilityTag = "a capability tag held a character that is not allowed", "rfc2449.capa.tag-syntax";
    /// Blanks doubled, leading or trailing.
    CapabilityBlank = "a capability line had a doubled, leading or trailing blank", "rfc2449.capa.format";
    /// More than 512 octets.
    CapabilityTooLong = "a capability line had more than 512 octets", "rfc2449.capa.format";
    /// Client: a command with a blank before the keyword, doubled or trailing.
    CommandBlank = "a command had a doubled, leading or trailing blank";
    /// Client: an empty command line.
    CommandEmpty = "a command line was empty", "rfc1939.frame.empty-line";
    /// Client: an unprintable octet outside an argument's right.
    CommandControl = "a command held a control character";
    /// Client: more than 255 octets.
    CommandTooLong = "a command line had more than 255 octets", "rfc2449.cmd.len-255";
}

/// A set of deviations; small, `Copy`, in the order of the enumeration.
#[derive(Copy, Clone, Default, PartialEq, Eq, Hash)]
pub struct Deviations(u64);

impl Deviations {
    /// The empty set.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds one.
    pub fn insert(&mut self, deviation: Deviation) {
        self.0 |= 1 << deviation as u8;
    }

    /// Adds one if the condition holds.
    pub fn insert_if(&mut self, condition: bool, deviation: Deviation) {
        if condition {
            self.insert(deviation);
        }
    }

    /// Whether it is in the set.
    pub const fn contains(self, deviation: Deviation) -> bool {
        self.0 & (1 << deviation as u8) != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing was odd.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The deviations in the order of the enumeration.
    pub fn iter(self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL.iter().copied().filter(move |deviation| self.contains(*deviation))
    }
}

impl FromIterator<Deviation> for Deviations {
    fn from_iter<T: IntoIterator<Item = Deviation>>(all: T) -> Self {
        let mut set = Self::new();
        for deviation in all {
            set.insert(deviation);
        }
        set
    }
}

impl std::fmt::Debug for Deviations {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

const _: () = assert!(Deviation::ALL.len() <= 64, "Deviations is a set of 64 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_both_sets_is_in_their_union() {
        let set = |all: &[Deviation]| all.iter().copied().collect::<Deviations>();
        let (one, other) =
            (set(&[Deviation::BareLf, Deviation::BareCr]), set(&[Deviation::BareCr, Deviation::StatusCase]));
        assert_eq!(one.union(other), set(&[Deviation::BareLf, Deviation::BareCr, Deviation::StatusCase]));
        assert_eq!(one.union(one), one);
    }
}
