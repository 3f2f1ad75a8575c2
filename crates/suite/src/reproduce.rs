//! One line with standard tools that repeats a conversation, for people who do not trust ours.
//!
//! It repeats the commands of the session in which the fault was seen, not timing, resets or other sessions; the
//! transcript next to it shows those. Passwords stand in it as a variable of the shell, and so do the credentials
//! made from them. What follows from a challenge cannot be typed again, and the line says so.

use std::collections::BTreeMap;

use crate::reply::COMMAND_SHOWN;
use crate::site::{Security, Site};

/// A longer conversation is no line for a terminal.
const COMMANDS_AT_MOST: usize = 40;

/// What the client said, in a form that can be typed again.
#[derive(Default)]
pub(crate) struct Typed {
    forms: Vec<Form>,
    sessions: BTreeMap<u32, Said>,
    /// The session in which the server spoke last.
    last: u32,
}

/// Octets that are secret, and what a shell makes them from.
struct Form {
    secret: String,
    expression: String,
    /// The password itself is looked for only where it is given: a short one may stand anywhere.
    in_pass_alone: bool,
}

#[derive(Default)]
struct Said {
    unfinished: Vec<u8>,
    lines: Vec<Line>,
}

struct Line {
    /// As verdicts quote it.
    shown: String,
    /// As a word of the shell; nothing if it cannot be typed.
    word: Option<String>,
}

impl Typed {
    /// The password of the account that the conversation is about.
    pub(crate) fn password(&mut self, password: &str) {
        self.learn(Form {
            secret: password.to_owned(),
            expression: "${PASSWORD}".to_owned(),
            in_pass_alone: true,
        });
    }

    /// The base64 of a PLAIN message with this user and the password.
    pub(crate) fn credentials(&mut self, base64: &str, user: &str) {
        let user = user.replace('\'', "'\\''");
        self.learn(Form {
            secret: base64.to_owned(),
            expression: format!("$(printf '\\000%s\\000%s' '{user}' \"$PASSWORD\" | base64 | tr -d '\\n')"),
            in_pass_alone: false,
        });
    }

    fn learn(&mut self, form: Form) {
        if !form.secret.is_empty() && !self.forms.iter().any(|known| known.secret == form.secret) {
            self.forms.push(form);
        }
    }

    /// The client sent these octets; `redact` knows all secrets.
    pub(crate) fn sent(&mut self, session: u32, octets: &[u8], redact: &dyn Fn(&str) -> String) {
        let mut pending = std::mem::take(&mut self.sessions.entry(session).or_default().unfinished);
        pending.extend_from_slice(octets);
        let mut rest = &pending[..];
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let line = self.line(&rest[..at], redact);
            rest = &rest[at + 2..];
            self.sessions.entry(session).or_default().lines.push(line);
        }
        self.sessions.entry(session).or_default().unfinished = rest.to_vec();
    }

    /// The server said something.
    pub(crate) fn heard(&mut self, session: u32) {
        self.last = session;
    }

    fn line(&self, octets: &[u8], redact: &dyn Fn(&str) -> String) -> Line {
        let text = String::from_utf8_lossy(octets);
        let shown = redact(&text).chars().take(COMMAND_SHOWN).collect();
        let typable = std::str::from_utf8(octets).ok().filter(|text| !text.contains(char::is_control));
        Line { shown, word: typable.and_then(|text| self.word(text, redact)) }
    }

    fn word(&self, text: &str, redact: &dyn Fn(&str) -> String) -> Option<String> {
        let gives = text.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case("PASS "));
        let known = self
            .forms
            .iter()
            .filter(|form| gives || !form.in_pass_alone)
            .filter_map(|form| {
                let from = if form.in_pass_alone { 5 } else { 0 };
                let at = from + text.get(from..)?.find(&form.secret)?;
                Some((at, form))
            })
            .max_by_key(|(_, form)| form.secret.len());
        let (before, expression, after) = match known {
            Some((at, form)) => (&text[..at], form.expression.as_str(), &text[at + form.secret.len()..]),
            None => (text, "", ""),
        };
        if [before, after].iter().any(|piece| redact(piece) != **piece) {
            return None;
        }
        if expression.is_empty() {
            return Some(format!("'{}'", text.replace('\'', "'\\''")));
        }
        Some(format!("\"{}{expression}{}\"", escaped(before), escaped(after)))
    }

    /// The session that holds what the verdict quotes, or the one in which the server spoke last.
    fn chosen(&self, observed: &str) -> Option<(u32, &Said)> {
        let quoted =
            |said: &Said| said.lines.iter().any(|line| observed.contains(&format!("`{}`", line.shown)));
        let found = self.sessions.iter().rev().find(|(_, said)| quoted(said));
        found
            .or_else(|| self.sessions.get_key_value(&self.last))
            .or_else(|| self.sessions.last_key_value())
            .map(|(number, said)| (*number, said))
    }
}

/// A password is nobody's business, also not a log's.
impl std::fmt::Debug for Typed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Typed({} sessions)", self.sessions.len())
    }
}

/// The line; empty if the client said nothing.
pub(crate) fn reproduce(typed: &Typed, observed: &str, site: &Site) -> String {
    let Some((number, said)) = typed.chosen(observed) else { return String::new() };
    if said.lines.is_empty() && said.unfinished.is_empty() {
        return String::new();
    }
    let words: Option<Vec<&str>> = said.lines.iter().map(|line| line.word.as_deref()).collect();
    let Some(words) = words.filter(|_| said.unfinished.is_empty()) else {
        return format!("see session {number} of the transcript: it has lines that cannot be typed again");
    };
    if words.len() > COMMANDS_AT_MOST {
        return format!("see session {number} of the transcript: it has {} commands", words.len());
    }
    let endpoint = &site.entrance.endpoint;
    let client = match site.entrance.security {
        Security::Implicit => format!("openssl s_client -quiet -connect {endpoint}"),
        Security::Starttls if words.contains(&"'STLS'") => {
            format!("openssl s_client -quiet -starttls pop3 -connect {endpoint}")
        }
        _ => format!("nc {} {}", endpoint.host, endpoint.port),
    };
    let lines: Vec<&str> =
        words.into_iter().filter(|word| *word != "'STLS'" || client.starts_with("nc")).collect();
    format!("for line in {}; do sleep 1; printf '%s\\r\\n' \"$line\"; done | {client}", lines.join(" "))
}

/// For a place between double quotes.
fn escaped(text: &str) -> String {
    let special = |character| matches!(character, '\\' | '"' | '$' | '`');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &str) -> String {
        ["c2VjcmV0", "swordfish", "digest"]
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "‹›"))
    }

    fn typed(sessions: &[(u32, &str)]) -> Typed {
        let mut typed = Typed::default();
        typed.password("swordfish");
        typed.credentials("c2VjcmV0", "o'neil");
        for (session, lines) in sessions {
            typed.sent(*session, lines.as_bytes(), &redact);
            typed.heard(*session);
        }
        typed
    }

    fn words(typed: &Typed, observed: &str) -> (u32, Vec<Option<String>>) {
        let (number, said) = typed.chosen(observed).unwrap();
        (number, said.lines.iter().map(|line| line.word.clone()).collect())
    }

    #[test]
    fn the_session_that_has_what_the_verdict_quotes_is_the_one() {
        let typed = typed(&[(1, "USER a\r\nPASS swordfish\r\n"), (2, "AUTH NO-SUCH\r\n"), (3, "CAPA\r\n")]);
        let expected = (2, vec![Some("'AUTH NO-SUCH'".to_owned())]);
        assert_eq!(words(&typed, "`AUTH NO-SUCH` was answered `-ERR [AUTH]`"), expected);
        assert_eq!(words(&typed, "the list is shorter than it was").0, 3);
    }

    #[test]
    fn secrets_are_made_by_the_shell_or_the_line_is_not_given() {
        let typed =
            typed(&[(1, "PASS swordfishes\r\nAUTH PLAIN c2VjcmV0 \r\nAPOP a digest\r\nSTAT `it's`\r\n")]);
        assert_eq!(
            words(&typed, "").1,
            [
                Some("\"PASS ${PASSWORD}es\"".to_owned()),
                Some(
                    r#""AUTH PLAIN $(printf '\000%s\000%s' 'o'\''neil' "$PASSWORD" | base64 | tr -d '\n') ""#
                        .to_owned()
                ),
                None,
                Some(r"'STAT `it'\''s`'".to_owned()),
            ]
        );
    }

    #[test]
    fn lines_in_pieces_are_lines() {
        let typed = typed(&[(1, "NO"), (1, "OP\r"), (1, "\nUIDL\t1\r\n")]);
        assert_eq!(words(&typed, "").1, [Some("'NOOP'".to_owned()), None]);
    }
}
