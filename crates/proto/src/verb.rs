//! The commands of POP3 and the form of their replies. Arguments are [`crate::Command`]'s matter.

/// A command keyword (RFC 1939, 2449, 2595, 5034, 6856).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are the keywords themselves")]
pub enum Verb {
    User,
    Pass,
    Apop,
    Auth,
    Stat,
    List,
    Retr,
    Dele,
    Noop,
    Rset,
    Quit,
    Top,
    Uidl,
    Capa,
    Stls,
    Utf8,
    Lang,
}

impl Verb {
    /// All keywords.
    pub const ALL: [Verb; 17] = [
        Self::User,
        Self::Pass,
        Self::Apop,
        Self::Auth,
        Self::Stat,
        Self::List,
        Self::Retr,
        Self::Dele,
        Self::Noop,
        Self::Rset,
        Self::Quit,
        Self::Top,
        Self::Uidl,
        Self::Capa,
        Self::Stls,
        Self::Utf8,
        Self::Lang,
    ];

    /// The keyword in any case, whole (RFC 1939 section 3).
    pub fn parse(keyword: &[u8]) -> Option<Verb> {
        Self::ALL.into_iter().find(|verb| verb.as_str().as_bytes().eq_ignore_ascii_case(keyword))
    }

    /// The keyword in upper case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Pass => "PASS",
            Self::Apop => "APOP",
            Self::Auth => "AUTH",
            Self::Stat => "STAT",
            Self::List => "LIST",
            Self::Retr => "RETR",
            Self::Dele => "DELE",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
            Self::Top => "TOP",
            Self::Uidl => "UIDL",
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::Utf8 => "UTF8",
            Self::Lang => "LANG",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The form of the reply that a client awaits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A status line and nothing else.
    Single,
    /// A status line, and content up to a dot line if it is positive.
    Multi,
    /// A SASL exchange: a continuation line or a status line (RFC 5034 section 4).
    Exchange,
}

impl Shape {
    /// The form of the reply to this command line (without its line end).
    pub fn of(line: &[u8]) -> Shape {
        // Some servers take tabs for spaces; one that does not refuses, and a refusal has no content.
        let blank = |octet: &u8| matches!(octet, b' ' | b'\t');
        let mut words = line.split(blank).filter(|word| !word.is_empty());
        let verb = words.next().and_then(Verb::parse);
        let argument = words.next().is_some();
        match verb {
            Some(Verb::Retr | Verb::Top | Verb::Capa) => Self::Multi,
            Some(Verb::Auth) if argument => Self::Exchange,
            // An old draft made a bare AUTH list the mechanisms; several servers still do.
            Some(Verb::List | Verb::Uidl | Verb::Lang | Verb::Auth) if !argument => Self::Multi,
            _ => Self::Single,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_match_whole_and_in_any_case() {
        assert_eq!(Verb::parse(b"rEtR"), Some(Verb::Retr));
        assert_eq!(Verb::parse(b"STA"), None);
        assert_eq!(Verb::parse(b"QUITX"), None);
        assert_eq!(Verb::Retr.to_string(), "RETR");
    }

    #[test]
    fn an_argument_makes_a_listing_a_single_line() {
        assert_eq!(Shape::of(b"LIST"), Shape::Multi);
        assert_eq!(Shape::of(b"list 1"), Shape::Single);
        assert_eq!(Shape::of(b"RETR 1"), Shape::Multi);
        assert_eq!(Shape::of(b"AUTH PLAIN"), Shape::Exchange);
        assert_eq!(Shape::of(b"AUTH"), Shape::Multi);
        assert_eq!(Shape::of(b"AUTH  "), Shape::Multi);
        assert_eq!(Shape::of(b"XYZZY"), Shape::Single);
    }
}
