//! A conversation as one line with openssl and a shell, where one line can show it: one session under TLS, one command
//! after the other, each answered, and an answer that a terminal shows as it is.
//!
//! The line ends by itself: it says QUIT, and what does not end then is ended. It deliberately never deletes.

use super::conversation::Step;
use super::secrets::Piece;
use super::words::{quoted, shell_word, within_double_quotes};
use super::{Reproduction, Verification};

/// A longer conversation is no line for a terminal.
const COMMANDS_AT_MOST: usize = 12;
/// Seconds that a line may take beyond one for each command.
const SECONDS_MORE: usize = 20;

/// The line, if one can show what was seen.
pub(super) fn line(again: &Reproduction, verification: &Verification) -> Option<String> {
    if again.handshake_alone {
        return Some(format!("timeout {SECONDS_MORE} {} < /dev/null", client(again, verification, "")));
    }
    if !again.shown_by_a_terminal || again.deletes() {
        return None;
    }
    let mut words = commands(again)?;
    if words.len() > COMMANDS_AT_MOST {
        return None;
    }
    if !words.last().is_some_and(|word| word.eq_ignore_ascii_case("'QUIT'")) {
        words.push("'QUIT'".to_owned());
    }
    let seconds = words.len() + SECONDS_MORE;
    let words = words.join(" ");
    Some(format!(
        "(for line in {words}; do sleep 1; printf '%s\\r\\n' \"$line\"; done; sleep 1) | timeout {seconds} {}",
        client(again, verification, " -quiet")
    ))
}

/// The command that connects.
fn client(again: &Reproduction, verification: &Verification, options: &str) -> String {
    let host = &again.endpoint.host;
    let starttls = if again.implicit { "" } else { " -starttls pop3" };
    let address = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let place = shell_word(&format!("{address}:{}", again.endpoint.port));
    format!("openssl s_client{options}{starttls}{} -connect {place}", verification.openssl(host))
}

/// The commands under TLS as words of a shell.
fn commands(again: &Reproduction) -> Option<Vec<String>> {
    let mut steps = again.steps.iter();
    let (session, Step::Connect { tls }) = steps.next()? else { return None };
    let (session, tls) = (*session, *tls);
    let own: Vec<&Step<Vec<Piece>>> =
        steps.map(|(number, step)| (*number == session).then_some(step)).collect::<Option<_>>()?;
    let mut words = Vec::new();
    // Under STLS openssl reads the greeting and says STLS by itself.
    let (mut secure, mut answered, mut waits) = (tls, true, false);
    let mut position = own.iter().peekable();
    if !matches!(position.next(), Some(Step::Line)) {
        return None;
    }
    if !tls {
        let said = (position.next(), position.next(), position.next());
        let (Some(Step::Send(stls)), Some(Step::Line), Some(Step::Secure)) = said else { return None };
        if stls[..] != [Piece::Octets(b"STLS\r\n".to_vec())] {
            return None;
        }
        secure = true;
    }
    for step in position {
        match step {
            Step::Send(pieces) if answered && secure => {
                words.push(word(pieces)?);
                answered = false;
            }
            Step::Line | Step::Challenge if !answered => {
                answered = true;
                // QUIT would be an answer to it, and nothing would end.
                waits = matches!(step, Step::Challenge);
            }
            Step::Content { ended: true, .. } if answered => {}
            Step::Ended | Step::End(_) => {}
            _ => return None,
        }
    }
    (answered && !waits && !words.is_empty()).then_some(words)
}

/// One line of the client as a word of a shell.
fn word(pieces: &[Piece]) -> Option<String> {
    let (last, before) = pieces.split_last()?;
    let Piece::Octets(last) = last else { return None };
    let last = Piece::Octets(last.strip_suffix(b"\r\n")?.to_vec());
    let made = before.iter().any(|piece| matches!(piece, Piece::Made { .. }));
    let mut word = String::new();
    for piece in before.iter().chain([&last]) {
        match piece {
            Piece::Octets(octets) => {
                let text = std::str::from_utf8(octets).ok()?;
                if !text.chars().all(|letter| matches!(letter, ' '..='~')) {
                    return None;
                }
                word.push_str(&if made { within_double_quotes(text) } else { text.to_owned() });
            }
            Piece::Made { shell, .. } => word.push_str(shell.as_deref()?),
        }
    }
    Some(if made { format!("\"{word}\"") } else { quoted(&word) })
}

impl Verification {
    /// The options of `openssl s_client`, each with a space before it.
    fn openssl(&self, host: &str) -> String {
        let kind = if host.parse::<std::net::IpAddr>().is_ok() { "ip" } else { "hostname" };
        let same = format!(" -verify_return_error -verify_{kind} {}", shell_word(host));
        match self {
            Self::None => String::new(),
            Self::System => same,
            Self::File(path) => format!(" -CAfile {}{same}", shell_word(path)),
        }
    }
}
