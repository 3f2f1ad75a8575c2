//! What is never to be shown: the secrets of a run, in every form in which they may turn up.
//!
//! A server may repeat a secret long before or after it was given to it, in another case, in base64, or broken by a line
//! end; so all secrets are known before the first octet, and each of their forms is looked for. Secrets of up to
//! [`WORD_AT_MOST`] octets are only looked for as whole words, since anything else would black out every text; whoever
//! reads accounts says so. It deliberately finds no digest of a secret: whoever makes one registers it.
//!
//! A cut may leave a part of a secret. What looks like one may as well be a word or a user's name: which of them it is
//! taken for is told in [`crate::names`] and [`Secrets::redact_recorded`].

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::digest::placeholder;
use crate::forms::{Ahead, Beginnings, Found, Kind, Table, edges};
use crate::names::{Names, is_word};
use crate::parts::Parts;
use crate::redact::{Redactor, Token};

/// Secrets of up to so many octets are replaced only where they stand as a word of their own, and not in base64.
pub const WORD_AT_MOST: usize = 3;

/// Secrets of so many octets are found in any case: some servers turn what they repeat into capitals.
const ANY_CASE_FROM: usize = 8;

/// Characters of a base64 form that are enough to tell it from chance.
const TELLING: usize = 5;

/// The secrets of a run. Clones share what they know: what one learns is known to all, whatever they recorded before.
///
/// No `Debug` of what it holds, on purpose.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    patterns: RwLock<Patterns>,
    /// What recorders saw of secrets at the beginning of lines.
    parts: Mutex<Parts>,
}

impl Secrets {
    /// No secrets yet.
    pub fn new() -> Secrets {
        Secrets::default()
    }

    /// Adds a secret: as it is, in any case if it is long, in base64 wherever it stands in a longer message, and as
    /// source text and markup would escape it. The empty secret is none.
    pub fn add(&self, secret: impl AsRef<[u8]>) {
        self.add_all([secret]);
    }

    /// Adds many at once, which costs less than one after the other.
    pub fn add_all(&self, secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        self.change(|patterns| patterns.extend(secrets));
    }

    /// Adds what is like a secret and no secret itself, such as a password with its last character missing. If it is
    /// short, it is found as a whole word only: it may be an ordinary word by chance.
    pub fn add_like(&self, secret: impl AsRef<[u8]>) {
        self.change(|patterns| {
            let secret = secret.as_ref();
            if secret.len() < ANY_CASE_FROM {
                patterns.whole.insert(secret, Kind::Word);
                patterns.settle();
            } else {
                patterns.extend([secret]);
            }
        });
    }

    /// Adds names of users, which are no secrets: where one stands as a word of its own it is shown, although a part
    /// of it is like a part of a secret. A whole secret within a name is replaced all the same.
    pub fn add_names(&self, names: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        self.change(|patterns| names.into_iter().for_each(|name| patterns.names.add(name.as_ref())));
    }

    /// A text without the secrets, for people. Also replaced is what is left of one that a cut or a line end broke in
    /// two, if it is more than half: at the beginning and the end of the text, and of what it quotes in backticks.
    pub fn redact(&self, text: &str) -> String {
        redact(&self.view(&Patterns::default()), text, false)
    }

    /// The same for a text on what was recorded, with these secrets known: recorders have seen what broke a secret in
    /// two. What begins like the end of one and goes on as a word is shown, unless a line began with that part.
    pub fn redact_recorded(&self, text: &str) -> String {
        redact(&self.view(&Patterns::default()), text, true)
    }

    pub(crate) fn view<'a>(&'a self, own: &'a Patterns) -> View<'a> {
        let run = self.0.patterns.read().unwrap_or_else(PoisonError::into_inner);
        View { run, own, parts: &self.0.parts }
    }

    fn change(&self, change: impl FnOnce(&mut Patterns)) {
        change(&mut self.0.patterns.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secrets(…)")
    }
}

/// The secrets of the run, and those of one recorder alone.
#[derive(Clone)]
pub(crate) struct Known {
    run: Secrets,
    own: Patterns,
}

impl Known {
    pub(crate) fn new(run: &Secrets) -> Known {
        Known { run: run.clone(), own: Patterns::default() }
    }

    pub(crate) fn add(&mut self, secret: &[u8]) {
        self.own.extend([secret]);
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.run.view(&self.own)
    }

    /// See [`Secrets::redact`], and [`Secrets::redact_recorded`] where what the text tells of was recorded.
    pub(crate) fn redact(&self, text: &str, recorded: bool) -> String {
        redact(&self.view(), text, recorded)
    }
}

/// The forms of secrets, by how they are looked for.
#[derive(Clone, Default)]
pub(crate) struct Patterns {
    /// Octet by octet.
    whole: Table<false, false>,
    /// Octet by octet, with line ends between them or not.
    broken: Table<true, false>,
    /// The same in any case.
    any_case: Table<true, true>,
    /// Of all three.
    beginnings: Beginnings,
    names: Names,
}

impl Patterns {
    fn extend(&mut self, secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for secret in secrets {
            self.insert(secret.as_ref());
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.whole.settle();
        self.broken.settle();
        self.any_case.settle();
        self.beginnings.add(&self.whole);
        self.beginnings.add(&self.broken);
        self.beginnings.add(&self.any_case);
    }

    fn insert(&mut self, secret: &[u8]) {
        if secret.len() <= WORD_AT_MOST {
            self.whole.insert(secret, Kind::Word);
            return;
        }
        if secret.contains(&b'\r') || secret.contains(&b'\n') {
            self.whole.insert(secret, Kind::Plain);
        } else if secret.len() < ANY_CASE_FROM {
            self.broken.insert(secret, Kind::Plain);
        } else {
            self.any_case.insert(secret, Kind::Plain);
        }
        for escaped in escaped(secret) {
            self.broken.insert(escaped.as_bytes(), Kind::Derived);
        }
        self.broken.insert(STANDARD.encode(secret).as_bytes(), Kind::Derived);
        self.broken.insert(STANDARD_NO_PAD.encode(secret).as_bytes(), Kind::Derived);
        // Within the base64 of a longer message (AUTH PLAIN) a secret begins at the first, second or third octet of a
        // group. What is looked for are the characters that are made of its bits alone; of the first and the last
        // octet up to four bits stay visible.
        for place in 0..3 {
            let mut message = vec![0; place];
            message.extend_from_slice(secret);
            let (first, last) = ((place * 8).div_ceil(6), message.len() * 8 / 6);
            let text = STANDARD_NO_PAD.encode(&message);
            if last - first >= TELLING {
                self.broken.insert(&text.as_bytes()[first..last], Kind::Derived);
            }
        }
    }
}

/// How source text and markup write it, where that differs.
fn escaped(secret: &[u8]) -> Vec<String> {
    let mut forms = vec![secret.escape_ascii().to_string()];
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.push(text.escape_debug().to_string());
        forms.push(text.escape_default().to_string());
        forms.push(text.replace('\\', "\\\\").replace('"', "\\\""));
        let markup = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        forms.push(markup.replace('"', "&quot;").replace('\'', "&apos;"));
        forms.push(markup.replace('"', "&quot;").replace('\'', "&#39;"));
        forms.push(markup);
    } else {
        forms.push(String::from_utf8_lossy(secret).into_owned());
    }
    forms.retain(|form| form.as_bytes() != secret);
    forms
}

/// Everything that is looked for at one moment.
pub(crate) struct View<'a> {
    run: RwLockReadGuard<'a, Patterns>,
    own: &'a Patterns,
    parts: &'a Mutex<Parts>,
}

impl View<'_> {
    /// Whether a form may begin here. Seldom says so where none does.
    pub(crate) fn may_begin(&self, octets: &[u8]) -> bool {
        self.each().any(|patterns| patterns.beginnings.may_be(octets))
    }

    /// The longest forms at the beginning of `octets`, after the octet `before`.
    pub(crate) fn look(&self, before: Option<u8>, octets: &[u8], ahead: Ahead) -> Found {
        let mut found = Found::default();
        for patterns in self.each() {
            patterns.whole.look(before, octets, ahead, &mut found);
            patterns.broken.look(before, octets, ahead, &mut found);
            patterns.any_case.look(before, octets, ahead, &mut found);
        }
        found
    }

    fn each(&self) -> impl Iterator<Item = &Patterns> {
        [&*self.run, self.own].into_iter()
    }

    /// A line began with these octets, which are a secret or a part of one.
    pub(crate) fn line_began(&self, octets: &[u8]) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).add(octets);
    }

    /// Whether the octets are the end of a user's name, and a word ends there. `before` is what came before them.
    pub(crate) fn is_end_of_name(&self, before: &[u8], octets: &[u8]) -> bool {
        self.run.names.end_with(before, octets)
    }

    /// How many octets at the beginning are the greater end of a secret.
    fn end_of_one(&self, text: &str, recorded: bool) -> usize {
        let is_none = |length: usize, kind: Kind| {
            self.run.names.begins(text, length)
                || recorded && kind == Kind::Plain && self.is_begun_word(text, length)
        };
        let ends = self.each().map(|patterns| {
            let broken = edges::end(&patterns.broken, text.as_bytes(), &is_none);
            broken.max(edges::end(&patterns.any_case, text.as_bytes(), &is_none))
        });
        ends.max().unwrap_or(0)
    }

    /// Whether so many octets are but the beginning of a word: it goes on, and no line began with them as a part of a
    /// secret.
    fn is_begun_word(&self, text: &str, length: usize) -> bool {
        let goes_on = text.get(length..).is_some_and(|rest| {
            // Names of things have more than letters: `disposable-1-2`.
            let rest = rest.strip_prefix(['-', '_', '.', '@', '+']).unwrap_or(rest);
            rest.starts_with(is_word)
        });
        goes_on
            && !self.parts.lock().unwrap_or_else(PoisonError::into_inner).begins(&text.as_bytes()[..length])
    }

    /// How many octets at the end are the greater beginning of a secret.
    fn beginning_of_one(&self, text: &str) -> usize {
        let is_none = |length: usize, _: Kind| self.run.names.ends(text, length);
        let beginnings = self.each().map(|patterns| {
            let broken = edges::beginning(&patterns.broken, text.as_bytes(), &is_none);
            broken.max(edges::beginning(&patterns.any_case, text.as_bytes(), &is_none))
        });
        beginnings.max().unwrap_or(0)
    }
}

fn redact(view: &View<'_>, text: &str, recorded: bool) -> String {
    let mut out = Vec::new();
    Redactor::whole(view, text.as_bytes(), &mut |token| match token {
        Token::Octets(octets) => out.extend_from_slice(octets),
        Token::Secret(length) => out.extend_from_slice(placeholder(length).as_bytes()),
    });
    let text = String::from_utf8_lossy(&out);
    let segments: Vec<&str> = text.split('`').collect();
    let last = segments.len() - 1;
    let shown = segments.iter().enumerate().map(|(number, segment)| {
        let quoted = number % 2 == 1;
        without_edges(view, segment, (quoted || number == 0, quoted || number == last), recorded)
    });
    shown.collect::<Vec<_>>().join("`")
}

/// Without the halves of secrets at its beginning and its end, where these may be such.
fn without_edges(view: &View<'_>, text: &str, (beginning, end): (bool, bool), recorded: bool) -> String {
    let (text, cut) = text.strip_suffix('…').map_or((text, ""), |text| (text, "…"));
    let first = if beginning { view.end_of_one(text, recorded) } else { 0 };
    // A part of a secret may end within a character.
    let rest = String::from_utf8_lossy(&text.as_bytes()[first..]);
    let last = if end { view.beginning_of_one(&rest) } else { 0 };
    let told = |length: usize| if length > 0 { placeholder(length as u64) } else { String::new() };
    let kept = String::from_utf8_lossy(&rest.as_bytes()[..rest.len() - last]);
    format!("{}{kept}{}{cut}", told(first), told(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secret: &str, text: &str) -> String {
        let secrets = Secrets::new();
        secrets.add(secret);
        secrets.redact(text)
    }

    #[test]
    fn text_for_people_is_redacted() {
        assert_eq!(redacted("wonderland", "login with wonderland, won"), "login with ‹secret 10›, won");
        assert_eq!(redacted("", "nothing"), "nothing");
    }

    #[test]
    fn clones_know_what_one_of_them_learns() {
        let first = Secrets::new();
        let second = first.clone();
        first.add("wonderland");
        assert_eq!(second.redact("wonderland"), "‹secret 10›");
    }

    #[test]
    fn a_long_secret_is_found_in_any_case_and_a_short_one_as_a_word() {
        assert_eq!(redacted("wonderland", "-ERR WonderLAND?"), "-ERR ‹secret 10›?");
        assert_eq!(redacted("pass", "PASS pass, +OK bypass"), "PASS ‹secret 4›, +OK by‹secret 4›");
        assert_eq!(
            redacted("a", "`PASS a` was answered `a bad one`"),
            "`PASS ‹secret 1›` was answered `‹secret 1› bad one`"
        );
        let secrets = Secrets::new();
        secrets.add_like("test");
        assert_eq!(secrets.redact("the latest test"), "the latest ‹secret 4›");
    }

    #[test]
    fn a_line_end_hides_nothing_and_stays() {
        assert_eq!(redacted("wonderland", "won\r\nderland!"), "‹secret 3›\r\n‹secret 7›!");
        assert_eq!(redacted("wonderland", "a\nwonderlan\nd!"), "a\n‹secret 9›\n‹secret 1›!");
    }

    #[test]
    fn base64_is_found_wherever_it_stands_in_a_message() {
        for user in ["tim", "alice", "walter"] {
            for secret in ["wonderland", "hunter", "sword-fish"] {
                let text = STANDARD.encode(format!("\0{user}\0{secret} and more"));
                let shown = redacted(secret, &text);
                // All but the bits of the first and last octet.
                let hidden: usize = shown.split(['‹', '›']).nth(1).unwrap()[7..].parse().unwrap();
                assert!(hidden * 6 >= secret.len() * 8 - 8, "{shown}");
            }
        }
    }

    #[test]
    fn as_source_text_and_markup_would_write_it() {
        for text in [r#"a\"b<c>&\\d"#, "a&quot;b&lt;c&gt;&amp;\\d", "a\"b&lt;c&gt;&amp;\\d"] {
            assert!(redacted("a\"b<c>&\\d", text).starts_with("‹secret"), "{text}");
        }
        assert_eq!(redacted("sw\tord-fish", "sw\\tord-fish"), "‹secret 12›");
        assert_eq!(redacted("schlüssel", "schl\\xc3\\xbcssel"), "‹secret 16›");
    }

    #[test]
    fn of_what_a_cut_or_a_line_end_broke_less_than_half_is_left() {
        assert_eq!(redacted("wonderland", "-ERR wonder…"), "-ERR ‹secret 6›…");
        assert_eq!(redacted("wonderland", "derland is wrong"), "‹secret 7› is wrong");
        assert_eq!(
            redacted("wonderland", "`derland` came, `-ERR wonde`"),
            "`‹secret 7›` came, `-ERR ‹secret 5›`"
        );
        assert_eq!(redacted("wonderland", "won and land"), "won and land");
        // Of what nobody recorded, nobody knows whether a line end came before it.
        assert_eq!(redacted("pw disp", "`disposable3` has mail"), "`‹secret 4›osable3` has mail");
    }

    #[test]
    fn what_is_like_a_part_of_a_secret_may_be_a_name_or_a_word() {
        let secrets = Secrets::new();
        secrets.add("pw disp");
        assert_eq!(secrets.redact_recorded("`disposable3` has mail"), "`disposable3` has mail");
        assert_eq!(secrets.redact_recorded("`disp-3` has mail"), "`disp-3` has mail");
        assert_eq!(secrets.redact_recorded("`disp` has mail"), "`‹secret 4›` has mail");
        assert_eq!(secrets.redact_recorded("`disp.` has mail"), "`‹secret 4›.` has mail");
        assert_eq!(secrets.redact_recorded("my pw disposable3"), "my ‹secret 7›osable3");
        secrets.add_names(["disposable3", "a pw d"]);
        assert_eq!(secrets.redact("`disposable3` has mail"), "`disposable3` has mail");
        assert_eq!(secrets.redact("`disposable34` has mail"), "`‹secret 4›osable34` has mail");
        assert_eq!(secrets.redact("mail of a pw d"), "mail of a pw d");
        assert_eq!(secrets.redact("mail of b pw d"), "mail of b ‹secret 4›");
    }
}
