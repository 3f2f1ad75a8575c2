//! Replacing secrets in a stream of octets, in any split of it.
//!
//! It deliberately does not know which secrets there are, nor in which forms they turn up: that is [`crate::secrets`].

use crate::forms::{Ahead, is_line_end};
use crate::names::NAME_AT_MOST;
use crate::secrets::View;

/// A piece of the stream, redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Octets that belong to no secret.
    Octets(&'a [u8]),
    /// So many octets of a secret.
    Secret(u64),
}

/// Replaces secrets in one stream of octets. Holds back no more than the longest secret, and only octets with which
/// a secret may begin.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Octets not yet decided about.
    pending: Vec<u8>,
    /// So many of them were already given out by a flush; they only serve to recognise a secret that goes on.
    shown: usize,
    /// So many of them belong to a secret that was recognised before.
    covered: usize,
    /// And so many to one that has line ends of its own, which are not shown.
    hidden: usize,
    /// Octets of the secret that is being gone through; it is given out when its length is known, since secrets
    /// that overlap become one.
    secret: u64,
    /// These octets themselves, if a line begins with them.
    part: Option<Vec<u8>>,
    /// The octet before the pending ones.
    before: Option<u8>,
    /// As many before the pending ones as a name may have, and one.
    context: Vec<u8>,
}

impl Redactor {
    /// A text that is there as a whole.
    pub(crate) fn whole(secrets: &View<'_>, octets: &[u8], sink: &mut impl FnMut(Token<'_>)) {
        let mut redactor = Redactor { pending: octets.to_vec(), ..Redactor::default() };
        redactor.advance(secrets, Ahead::Nothing, sink);
    }

    /// The stream goes on.
    pub(crate) fn feed(&mut self, secrets: &View<'_>, octets: &[u8], sink: &mut impl FnMut(Token<'_>)) {
        // In pieces, so that the pending octets stay few whatever is fed at once.
        for piece in octets.chunks(1 << 16) {
            self.pending.extend_from_slice(piece);
            self.advance(secrets, Ahead::Open, sink);
        }
    }

    /// Whether a line end is held back, and the line that it ends is not complete for that reason alone.
    pub(crate) fn holds_line(&self) -> bool {
        self.pending.get(self.shown..).is_some_and(|held| held.contains(&b'\n'))
    }

    /// Gives out what was held back, as if the stream ended here. If it goes on all the same, a secret that goes on
    /// with it is still recognised: what is missing of it is replaced.
    pub(crate) fn flush(&mut self, secrets: &View<'_>, sink: &mut impl FnMut(Token<'_>)) {
        let held = self.pending.clone();
        let (covered, hidden, before) = (self.covered, self.hidden, self.before);
        let context = self.context.clone();
        self.advance(secrets, Ahead::Cut, sink);
        self.shown = held.len();
        self.pending = held;
        (self.covered, self.hidden, self.before) = (covered, hidden, before);
        self.context = context;
    }

    /// Decides about as many pending octets as can be decided about.
    fn advance(&mut self, secrets: &View<'_>, ahead: Ahead, sink: &mut impl FnMut(Token<'_>)) {
        let mut at = 0;
        // From here to `at` are octets to give out.
        let mut open = self.shown;
        while at < self.pending.len() {
            if self.covered == 0 && at >= self.shown {
                // The many octets with which no secret begins.
                let begins = |place: &usize| secrets.may_begin(&self.pending[*place..]);
                let next = (at..self.pending.len()).find(begins).unwrap_or(self.pending.len());
                if next > at {
                    self.before = Some(self.pending[next - 1]);
                    at = next;
                    continue;
                }
            }
            let octets = &self.pending[at..];
            let found = secrets.look(self.before, octets, ahead);
            if found.unsure {
                break;
            }
            let cut =
                if found.cut > found.longest && self.is_name(secrets, at, found.cut) { 0 } else { found.cut };
            self.covered = self.covered.max(found.longest).max(cut);
            self.hidden = self.hidden.max(found.hiding_line_ends);
            let before = self.before.replace(octets[0]);
            if self.covered > 0 {
                // A line end between two parts of a secret is none of it, and tells where lines end.
                let octet = octets[0];
                let shows = self.hidden == 0 && is_line_end(octet);
                if at >= self.shown {
                    give(&self.pending[open..at], sink);
                    open = if shows { at } else { at + 1 };
                    if self.secret == 0 && (before.is_none_or(is_line_end) || at == self.shown) {
                        self.part = Some(Vec::new());
                    }
                    self.secret += u64::from(!shows);
                    if let Some(part) = self.part.as_mut().filter(|_| !shows) {
                        part.push(octet);
                    }
                }
                self.covered -= 1;
                self.hidden = self.hidden.saturating_sub(1);
                if (self.covered == 0 || shows) && self.secret > 0 {
                    sink(Token::Secret(std::mem::take(&mut self.secret)));
                    if let Some(part) = self.part.take() {
                        secrets.line_began(&part);
                    }
                }
            }
            at += 1;
        }
        if open < at {
            give(&self.pending[open..at], sink);
        }
        self.context.extend_from_slice(&self.pending[at.saturating_sub(NAME_AT_MOST + 1)..at]);
        self.context.drain(..self.context.len().saturating_sub(NAME_AT_MOST + 1));
        self.pending.drain(..at);
        self.shown = self.shown.saturating_sub(at);
    }

    /// Whether the pending octets up to a line end, of which the last `length` are like the beginning of a secret, end
    /// with a user's name.
    fn is_name(&self, secrets: &View<'_>, at: usize, length: usize) -> bool {
        let octets = &self.pending[at..];
        let context = [&self.context, &self.pending[at.saturating_sub(NAME_AT_MOST + 1)..at]].concat();
        octets.get(length).is_some_and(|after| is_line_end(*after))
            && secrets.is_end_of_name(&context, &octets[..length])
    }
}

fn give(octets: &[u8], sink: &mut impl FnMut(Token<'_>)) {
    if !octets.is_empty() {
        sink(Token::Octets(octets));
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::secrets::{Patterns, Secrets};

    /// Feeds the parts, with a flush between them if wanted, and joins the tokens to text.
    fn redacted(secrets: &[&str], parts: &[&str], flush: bool) -> String {
        let known = Secrets::new();
        known.add_all(secrets);
        redacted_of(&known, parts, flush)
    }

    fn redacted_of(known: &Secrets, parts: &[&str], flush: bool) -> String {
        let own = Patterns::default();
        let known = known.view(&own);
        let mut out = String::new();
        let mut redactor = Redactor::default();
        let mut sink = |token: Token<'_>| match token {
            Token::Octets(octets) => out.push_str(std::str::from_utf8(octets).unwrap()),
            Token::Secret(length) => out.extend(["<", &length.to_string(), ">"]),
        };
        for part in parts {
            redactor.feed(&known, part.as_bytes(), &mut sink);
            if flush {
                redactor.flush(&known, &mut sink);
            }
        }
        redactor.flush(&known, &mut sink);
        out
    }

    #[test]
    fn a_secret_is_found_in_every_split() {
        let text = "PASS wonderland;";
        for at in 0..text.len() {
            assert_eq!(redacted(&["wonderland"], &[&text[..at], &text[at..]], false), "PASS <10>;");
        }
        let single: Vec<&str> = text.split("").collect();
        assert_eq!(redacted(&["wonderland"], &single, false), "PASS <10>;");
    }

    #[test]
    fn base64_of_a_secret_is_found_alone_and_within_a_longer_text() {
        let alone = STANDARD.encode("wonderland");
        assert_eq!(redacted(&["wonderland"], &[&alone], false), "<16>");
        assert_eq!(redacted(&["wonderland"], &[alone.trim_end_matches('=')], false), "<14>");
        for user in ["tim", "alice", "walter"] {
            let message = STANDARD.encode(format!("\0{user}\0wonderland"));
            let shown = redacted(&["wonderland"], &[&message], false);
            assert!(shown.contains('<'), "{shown}");
            let left = shown.rsplit_once('>').unwrap().1;
            assert!(left.len() <= 2, "{shown}");
        }
        assert_eq!(redacted(&["abc"], &["YWJj"], false), "YWJj");
    }

    #[test]
    fn a_short_secret_is_replaced_as_a_whole_word_only() {
        assert_eq!(redacted(&["a"], &["PASS a\r\n"], false), "PASS <1>\r\n");
        assert_eq!(redacted(&["a"], &["PASS", " ", "a", "\r"], false), "PASS <1>\r");
        assert_eq!(redacted(&["a"], &["alabama a, ab (a)", "a b"], false), "alabama <1>, ab (<1>)<1> b");
        assert_eq!(redacted(&["ok"], &["+ok ok2 2ok ok"], false), "+<2> ok2 2ok <2>");
    }

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        assert_eq!(redacted(&["abcd", "cdefgh"], &["xabcdefghx"], false), "x<8>x");
        assert_eq!(redacted(&["aaaa"], &["baaaaab"], false), "b<5>b");
        assert_eq!(redacted(&["abcd", "abcdefg"], &["abcdefabcdefg"], false), "<4>ef<7>");
        assert_eq!(redacted(&["abcd"], &["abcdabcd"], false), "<4><4>");
        assert_eq!(redacted(&["abcd", "abcdefg"], &["abcd", "efg"], false), "<7>");
        assert_eq!(redacted(&["abcdef", "bcde"], &["abcdef"], false), "<6>");
    }

    #[test]
    fn a_secret_that_is_cut_off_or_goes_on_after_a_flush_does_not_appear() {
        assert_eq!(redacted(&["wonderland"], &["PASS wonder"], false), "PASS <6>");
        assert_eq!(redacted(&["wonderland"], &["PASS wo"], false), "PASS wo");
        assert_eq!(redacted(&["wonderland"], &["PASS wonder", "land;"], true), "PASS <6><4>;");
        assert_eq!(redacted(&["wonderland"], &["PASS wo", "nde", "rland;"], true), "PASS wo<3><5>;");
        assert_eq!(redacted(&["wonderland"], &["PASS wo", "rd"], true), "PASS word");
    }

    #[test]
    fn a_name_before_a_line_end_is_none_and_what_follows_it_is_hidden() {
        let known = Secrets::new();
        known.add("alice123");
        known.add_names(["alice", "joalice"]);
        let shown = |parts: &[&str]| redacted_of(&known, parts, true);
        assert_eq!(shown(&["USER alice\r\n", "PASS x\r\n"]), "USER alice\r\nPASS x\r\n");
        assert_eq!(shown(&["USER jo", "alice\r\n"]), "USER joalice\r\n");
        assert_eq!(shown(&["+OK alice\r\n", "123 of it\r\n"]), "+OK alice\r\n<3> of it\r\n");
        assert_eq!(shown(&["+OK malice\r\n"]), "+OK m<5>\r\n");
        assert_eq!(shown(&["+OK alice1\r\n"]), "+OK <6>\r\n");
        assert_eq!(shown(&["PASS alice"]), "PASS <5>");
    }

    #[test]
    fn line_ends_within_a_secret_stay_and_hide_nothing() {
        assert_eq!(redacted(&["wonderland"], &["PASS won\r\nderland;"], false), "PASS <3>\r\n<7>;");
        assert_eq!(
            redacted(&["wonderland"], &["PASS won\r", "\nder\n", "land;"], false),
            "PASS <3>\r\n<3>\n<4>;"
        );
        assert_eq!(redacted(&["wonderland"], &["a won\r\nder\r\n"], false), "a <3>\r\n<3>\r\n");
        assert_eq!(redacted(&["wonderland"], &["a won\r\n", "other"], true), "a won\r\nother");
        assert_eq!(redacted(&["wonderland"], &["a wonder\r\n", "land"], true), "a <6>\r\n<4>");
        assert_eq!(redacted(&["one\rtwo"], &["a one\rtwo\r\n"], false), "a <7>\r\n");
    }
}
