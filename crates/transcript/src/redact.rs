//! Finding secrets in a stream of octets, in any split of it.
//!
//! It deliberately does not know lines, nor encodings other than base64: whoever sends a secret in another form
//! (a digest, a percent-encoding) registers that form too.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::digest::placeholder;

/// Secrets of up to so many octets are only looked for as whole words: anything else would black out every text.
const SHORT: usize = 2;

/// Secrets of more octets are looked for in base64 as well.
const PLAIN_ONLY: usize = 3;

/// Characters of a base64 form that are enough to tell it from chance when it stands within a longer base64 text.
const TELLING: usize = 8;

/// Octets at the end of a stream that are taken for the beginning of a secret that was cut off.
const BEGINNING: usize = 3;

/// A piece of the stream, redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Octets that belong to no secret.
    Octets(&'a [u8]),
    /// So many octets of a secret.
    Secret(u64),
}

/// What is never to be shown. No `Debug`, on purpose.
pub(crate) struct Secrets {
    patterns: Vec<Pattern>,
    /// For each octet, whether a pattern begins with it.
    first: [bool; 256],
}

#[derive(PartialEq, Eq)]
struct Pattern {
    octets: Vec<u8>,
    whole_word: bool,
}

/// What comes after the octets at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// Perhaps more.
    Open,
    /// Nothing, and a secret may have been cut off by that.
    Cut,
    /// Nothing.
    Nothing,
}

enum Look {
    No,
    Secret(usize),
    /// More octets are needed to tell.
    Unsure,
}

impl Default for Secrets {
    fn default() -> Secrets {
        Secrets { patterns: Vec::new(), first: [false; 256] }
    }
}

impl Secrets {
    /// Adds a secret and its base64 forms. The empty secret is none.
    pub(crate) fn add(&mut self, secret: &[u8]) {
        self.add_pattern(secret.to_vec(), secret.len() <= SHORT);
        if secret.len() <= PLAIN_ONLY {
            return;
        }
        self.add_pattern(STANDARD.encode(secret).into_bytes(), false);
        self.add_pattern(STANDARD_NO_PAD.encode(secret).into_bytes(), false);
        // Within the base64 of a longer message (AUTH PLAIN) the groups of three octets may begin at the secret's
        // first, second or third octet. At its edges up to two characters' worth may stay visible.
        for skip in 0..3 {
            let groups = (secret.len() - skip) / 3;
            let form = STANDARD.encode(&secret[skip..skip + groups * 3]);
            if form.len() >= TELLING {
                self.add_pattern(form.into_bytes(), false);
            }
        }
    }

    /// A text with the secrets replaced by their placeholders.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut out = Vec::new();
        let mut redactor = Redactor { pending: text.as_bytes().to_vec(), ..Redactor::default() };
        redactor.advance(self, Ahead::Nothing, &mut |token| match token {
            Token::Octets(octets) => out.extend_from_slice(octets),
            Token::Secret(length) => out.extend_from_slice(placeholder(length).as_bytes()),
        });
        String::from_utf8_lossy(&out).into_owned()
    }

    fn add_pattern(&mut self, octets: Vec<u8>, whole_word: bool) {
        let pattern = Pattern { octets, whole_word };
        let Some(first) = pattern.octets.first() else { return };
        if !self.patterns.contains(&pattern) {
            self.first[usize::from(*first)] = true;
            self.patterns.push(pattern);
        }
    }

    fn begins_with(&self, octet: u8) -> bool {
        self.first[usize::from(octet)]
    }

    /// The longest secret at the beginning of `octets`, after the octet `before`.
    fn look(&self, before: Option<u8>, octets: &[u8], ahead: Ahead) -> Look {
        let mut longest = 0;
        let mut unsure = false;
        for pattern in &self.patterns {
            let length = pattern.octets.len();
            let there = length.min(octets.len());
            if pattern.octets[..there] != octets[..there] {
                continue;
            }
            if there < length {
                unsure |= ahead == Ahead::Open;
                if ahead == Ahead::Cut && !pattern.whole_word && there >= BEGINNING {
                    longest = longest.max(there);
                }
                continue;
            }
            if pattern.whole_word {
                let after = octets.get(length).copied();
                if before.is_some_and(is_of_a_word) || after.is_some_and(is_of_a_word) {
                    continue;
                }
                if after.is_none() && ahead == Ahead::Open {
                    unsure = true;
                    continue;
                }
            }
            longest = longest.max(length);
        }
        match longest {
            _ if unsure => Look::Unsure,
            0 => Look::No,
            longest => Look::Secret(longest),
        }
    }
}

fn is_of_a_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80
}

/// Replaces secrets in one stream of octets. Holds back no more than the longest secret, and only octets with which
/// a secret may begin.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Octets not yet decided about.
    pending: Vec<u8>,
    /// So many of them were already given out by a flush; they only serve to recognise a secret that goes on.
    shown: usize,
    /// So many of them belong to a secret that was recognised before.
    covered: usize,
    /// Octets of the secret that is being gone through; it is given out when its length is known, since secrets
    /// that overlap become one.
    secret: u64,
    /// The octet before the pending ones.
    before: Option<u8>,
}

impl Redactor {
    /// The stream goes on.
    pub(crate) fn feed(&mut self, secrets: &Secrets, octets: &[u8], sink: &mut impl FnMut(Token<'_>)) {
        // In pieces, so that the pending octets stay few whatever is fed at once.
        for piece in octets.chunks(1 << 16) {
            self.pending.extend_from_slice(piece);
            self.advance(secrets, Ahead::Open, sink);
        }
    }

    /// Gives out what was held back, as if the stream ended here. If it goes on all the same, a secret that goes on
    /// with it is still recognised: what is missing of it is replaced.
    pub(crate) fn flush(&mut self, secrets: &Secrets, sink: &mut impl FnMut(Token<'_>)) {
        let held = self.pending.clone();
        let (covered, before) = (self.covered, self.before);
        self.advance(secrets, Ahead::Cut, sink);
        self.shown = held.len();
        self.pending = held;
        (self.covered, self.before) = (covered, before);
    }

    /// Decides about as many pending octets as can be decided about.
    fn advance(&mut self, secrets: &Secrets, ahead: Ahead, sink: &mut impl FnMut(Token<'_>)) {
        let mut at = 0;
        // From here to `at` are octets to give out.
        let mut open = self.shown;
        while at < self.pending.len() {
            if self.covered == 0 && at >= self.shown {
                // The many octets with which no secret begins.
                let skip = self.pending[at..].iter().position(|octet| secrets.begins_with(*octet));
                let next = skip.map_or(self.pending.len(), |skip| at + skip);
                if next > at {
                    self.before = Some(self.pending[next - 1]);
                    at = next;
                    continue;
                }
            }
            let octets = &self.pending[at..];
            match secrets.look(self.before, octets, ahead) {
                Look::No => {}
                Look::Secret(length) => self.covered = self.covered.max(length),
                Look::Unsure => break,
            }
            self.before = Some(octets[0]);
            if self.covered > 0 {
                if at >= self.shown {
                    give(&self.pending[open..at], sink);
                    open = at + 1;
                    self.secret += 1;
                }
                self.covered -= 1;
                if self.covered == 0 && self.secret > 0 {
                    sink(Token::Secret(std::mem::take(&mut self.secret)));
                }
            }
            at += 1;
        }
        if open < at {
            give(&self.pending[open..at], sink);
        }
        self.pending.drain(..at);
        self.shown = self.shown.saturating_sub(at);
    }
}

fn give(octets: &[u8], sink: &mut impl FnMut(Token<'_>)) {
    if !octets.is_empty() {
        sink(Token::Octets(octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the parts, with a flush between them if wanted, and joins the tokens to text.
    fn redacted(secrets: &[&str], parts: &[&str], flush: bool) -> String {
        let mut known = Secrets::default();
        for secret in secrets {
            known.add(secret.as_bytes());
        }
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
            assert!(left.len() <= 4, "{shown}");
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
        assert_eq!(redacted(&["aaa"], &["baaaaab"], false), "b<5>b");
        assert_eq!(redacted(&["abc", "abcdef"], &["abcdeabcdef"], false), "<3>de<6>");
        assert_eq!(redacted(&["abc"], &["abcabc"], false), "<3><3>");
        assert_eq!(redacted(&["abc", "abcdef"], &["abc", "def"], false), "<6>");
        assert_eq!(redacted(&["abcdef", "bcd"], &["abcdef"], false), "<6>");
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
    fn text_for_people_is_redacted_too() {
        let mut secrets = Secrets::default();
        secrets.add(b"wonderland");
        assert_eq!(secrets.redact("login with wonderland, won"), "login with ‹secret 10›, won");
    }
}
