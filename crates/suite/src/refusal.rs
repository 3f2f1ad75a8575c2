//! What a refusal means: is the maildrop busy, is it a matter of the moment, was the password wrong, does the server not
//! know the command, or is it the form of what was sent that it complains about?
//!
//! `-ERR` alone says no more than no. A check that takes a lock for a wrong password, or an unknown command for a
//! refused one, accuses a server that is right; so all that is read from a refusal is read here, and the words that tell
//! it stand in this file alone. Response codes are believed (RFC 2449 section 8, RFC 3206). Text is for people, and no
//! two servers say the same, so one list of words serves all checks. What poplab itself did to be refused is
//! [`crate::login`]'s to know, which marks such a reply; checks of the codes themselves read those as they stand.

use crate::outcome::{Outcome, assume};
use crate::reply::Reply;

/// Codes that speak of the maildrop or of the moment.
const BUSY: &[&str] = &["IN-USE", "SYS/TEMP", "LOGIN-DELAY"];
/// Words of refusals that are about the moment.
const MOMENTARY: &[&str] = &["too many", "later", "temporar", "throttl", "limit"];
/// Words of a maildrop that is locked, where there is no code.
const LOCKED: &[&str] = &["lock", "in use", "busy"];
/// Words of a maildrop from which nothing can be deleted.
const READ_ONLY: &[&str] = &["read-only", "readonly", "read only", "permission"];
/// Words of servers to which something is too long.
const TOO_LONG: &[&str] = &["too long", "line length", "overflow"];
/// What may be too long where a line is not.
const ARGUMENTS: &[&str] = &["name", "user", "mailbox", "maildrop", "password", "argument", "login"];
/// Words of servers that do not have what they were asked for.
const UNKNOWN: &[&str] = &[
    "unknown",
    "unrecogni",
    "not recogni",
    "invalid command",
    "bad command",
    "no such command",
    "not implemented",
    "unimplemented",
    "not supported",
    "unsupported",
];
/// Words of what stands behind a server and is nobody's business: a database, a directory, a language it is written in.
const MACHINERY: &[&str] = &[
    "sql",
    "ldap",
    "database",
    "query",
    "unterminated",
    "quoted string",
    "near '",
    "near \"",
    "bad search filter",
    "traceback",
    "exception",
    "panic",
    "segmentation",
    "stack trace",
    "no such file",
    "not a directory",
    "/var/",
    "/home/",
];
/// What a client sends: of these to be unknown is what is asked for.
const SENT: &[&str] = &["command", "verb", "keyword", "mechanism"];
/// Other things that a server may not know, as in `unknown user` and `language not supported`.
const OTHER_THINGS: &[&str] =
    &["user", "account", "login", "mailbox", "maildrop", "name", "password", "language", "message"];

/// Whether a login refusal is about the maildrop or the moment, so that trying again is right and harmless.
pub fn is_busy(reply: &Reply) -> bool {
    reply.put_off || says_busy(reply)
}

/// Goes on unless a login was put off: what is said of it then says nothing about the credentials.
///
/// # Errors
/// [`Stop::Inconclusive`] if it was.
pub(crate) fn assume_not_put_off(reply: &Reply) -> Outcome {
    assume(!is_busy(reply), || format!("the login was put off: {}", reply.quoted()))
}

/// Whether a refusal says itself that it is about the maildrop or the moment.
pub(crate) fn says_busy(reply: &Reply) -> bool {
    BUSY.iter().any(|code| reply.has_code(code))
}

/// Whether a refusal is about the moment and not about what was sent: too many failures, a lock, a fault.
pub(crate) fn is_momentary(reply: &Reply) -> bool {
    is_busy(reply) || reply.has_code("SYS/PERM") || any_of(MOMENTARY, &lower(reply))
}

/// Whether a refusal says that the maildrop is in use, by code or, without codes, in words.
pub(crate) fn speaks_of_lock(reply: &Reply) -> bool {
    reply.has_code("IN-USE") || (reply.code().is_none() && any_of(LOCKED, &lower(reply)))
}

/// Whether a refusal says by its code that the credentials were wrong (RFC 3206 section 5). Without a code it cannot be
/// told.
pub(crate) fn blames_credentials(reply: &Reply) -> bool {
    reply.has_code("AUTH")
}

/// Whether a login is refused because the one before was too recent (RFC 2449 section 8.1.1).
pub(crate) fn is_delayed(reply: &Reply) -> bool {
    reply.has_code("LOGIN-DELAY")
}

/// Whether the refusal of a message has a good reason: one that will not last, or that UTF8 was not asked for.
pub(crate) fn excuses_message(reply: &Reply) -> bool {
    reply.has_code("SYS/TEMP") || asks_for_utf8(reply)
}

/// Whether a message is refused because UTF8 was not asked for (RFC 6856 section 4).
pub(crate) fn asks_for_utf8(reply: &Reply) -> bool {
    reply.has_code("UTF8")
}

/// Whether a refusal says that nothing can be deleted from the maildrop.
pub(crate) fn says_read_only(reply: &Reply) -> bool {
    reply.is_err() && any_of(READ_ONLY, &lower(reply))
}

/// Whether a refusal is about the length of what was sent.
pub(crate) fn says_too_long(reply: &Reply) -> bool {
    reply.is_err() && any_of(TOO_LONG, &lower(reply))
}

/// Whether an answer tells of a database, a file or a fault in the program behind it.
pub(crate) fn speaks_of_machinery(reply: &Reply) -> bool {
    any_of(MACHINERY, &lower(reply))
}

/// Whether a refusal is about the length of a line, and not of a name or a password in it: those have limits of their own.
pub(crate) fn says_line_too_long(reply: &Reply) -> bool {
    says_too_long(reply) && !any_of(ARGUMENTS, &lower(reply))
}

/// Whether a refusal is about base64 and not about what it stands for.
pub(crate) fn complains_of_base64(reply: &Reply) -> bool {
    reply.is_err() && lower(reply).contains("base64")
}

/// Whether a refusal reads like that of a command or mechanism the server does not have.
pub(crate) fn says_unknown(reply: &Reply) -> bool {
    reply.is_err() && !blames_credentials(reply) && of_unknown_command(&lower(reply))
}

fn of_unknown_command(text: &str) -> bool {
    any_of(UNKNOWN, text) && (any_of(SENT, text) || !any_of(OTHER_THINGS, text))
}

fn lower(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.text()).to_ascii_lowercase()
}

fn any_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_told_from_an_unknown_user() {
        for text in [
            "unknown command.",
            "command user not recognized",
            "bad command or sequence",
            "xtnd not implemented",
            "apop is not supported",
            "unsupported authentication mechanism.",
            "unimplemented",
        ] {
            assert!(of_unknown_command(text), "{text}");
        }
        for text in [
            "unknown user",
            "user unknown",
            "unrecognized user name or password",
            "no such message",
            "language not supported",
            "authentication failed",
            "[in-use] do you have another pop session running?",
        ] {
            assert!(!of_unknown_command(text), "{text}");
        }
    }
}
