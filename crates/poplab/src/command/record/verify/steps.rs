//! What of a recorded session is said again to a real server: a pure choice, so that it can be tested to the letter.
//!
//! Only commands that are known to change nothing are said: an unknown one might. A login that was refused is not tried
//! again. Where mail was marked as deleted, what follows depends on that and is not said either.

use recording::{Exchange, Session};

/// How a secret is written in what a client said.
const SECRET: &str = "\u{2039}secret ";

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Say this line; its reply is compared.
    Say(&'a Exchange),
    /// Say PASS with the password that was given; the reply is compared.
    Password(&'a Exchange),
    /// Log in with USER and PASS, of this user or of the one on the command line; nothing is compared.
    LogIn { user: Option<&'a str>, instead_of: &'a str },
    /// Say nothing, for this reason.
    Omit { what: &'a str, why: &'static str },
}

const CHANGES: &str = "it may change mail";
const BEHIND_DELE: &str = "it comes behind a DELE that was not sent";
const REFUSED: &str = "a refused login is not repeated";
const HIDDEN: &str = "a part of it was a secret or is no text";
const NO_REPLY: &str = "no whole reply was recorded";
const TLS: &str = "--tls says how the connection is protected";
const END: &str = "RSET and the end of the connection come in its place";

/// The steps of a session, without its greeting.
pub(super) fn steps(session: &Session) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut is_marked = false;
    let mut exchanges = session.exchanges.iter().skip(1).peekable();
    while let Some(exchange) = exchanges.next() {
        let line = exchange.command.as_str();
        let keyword = keyword(line);
        let accepted = exchange.reply.starts_with(b"+OK");
        let omit = |why| Step::Omit { what: line, why };
        let step = match keyword.as_str() {
            "QUIT" => omit(END),
            "STLS" => omit(TLS),
            "PASS" | "APOP" if !accepted => omit(REFUSED),
            "PASS" => Step::Password(exchange),
            "APOP" => Step::LogIn { user: line.split(' ').nth(1), instead_of: line },
            "AUTH" => {
                // With the lines of its exchange, of which the last has the answer.
                let mut last = exchange;
                while last.reply.starts_with(b"+ ") || last.reply.starts_with(b"+\r\n") {
                    let Some(next) = exchanges.next() else { break };
                    last = next;
                }
                let is_login = line.contains(' ') && last.reply.starts_with(b"+OK");
                if is_login { Step::LogIn { user: None, instead_of: line } } else { omit(REFUSED) }
            }
            "RSET" => {
                is_marked = false;
                said(exchange)
            }
            "CAPA" | "USER" | "STAT" | "LIST" | "UIDL" | "RETR" | "TOP" | "NOOP" | "LANG" | "UTF8" => {
                if is_marked {
                    omit(BEHIND_DELE)
                } else {
                    said(exchange)
                }
            }
            "DELE" => {
                is_marked |= accepted;
                omit(CHANGES)
            }
            _ => omit(CHANGES),
        };
        steps.push(step);
    }
    steps
}

/// The keyword of a line, in capitals.
pub(super) fn keyword(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_ascii_uppercase()
}

fn said(exchange: &Exchange) -> Step<'_> {
    let what = exchange.command.as_str();
    if what.contains(SECRET) || what.contains('\\') {
        Step::Omit { what, why: HIDDEN }
    } else if !exchange.reply.ends_with(b"\n") {
        Step::Omit { what, why: NO_REPLY }
    } else {
        Step::Say(exchange)
    }
}

#[cfg(test)]
mod tests {
    use recording::{Channel, Session};

    use super::*;

    fn session(conversation: &[(&str, &str)]) -> Session {
        let exchange = |(command, reply): &(&str, &str)| Exchange {
            command: (*command).to_owned(),
            reply: format!("{reply}\r\n").into_bytes(),
            is_secured: false,
        };
        let greeting = std::iter::once(Exchange::default());
        Session {
            number: 1,
            channel: Channel::Clear,
            exchanges: greeting.chain(conversation.iter().map(exchange)).collect(),
            ended: None,
        }
    }

    fn told(conversation: &[(&str, &str)]) -> Vec<String> {
        let session = session(conversation);
        let tell = |step: &Step<'_>| match step {
            Step::Say(exchange) => exchange.command.clone(),
            Step::Password(_) => "password".to_owned(),
            Step::LogIn { user, .. } => format!("login {user:?}"),
            Step::Omit { what, .. } => format!("({what})"),
        };
        steps(&session).iter().map(tell).collect()
    }

    #[test]
    fn nothing_that_may_change_mail_is_said_and_no_refused_login_is_repeated() {
        let conversation = [
            ("USER a", "+OK"),
            ("PASS ‹secret 3›", "-ERR"),
            ("USER a", "+OK"),
            ("pass ‹secret 4›", "+OK"),
            ("STAT", "+OK 2 20"),
            ("dele 1", "+OK"),
            ("STAT", "+OK 1 10"),
            ("XDELE 1", "+OK"),
            ("RSET", "+OK"),
            ("STAT", "+OK 2 20"),
            ("DELE 9", "-ERR"),
            ("RETR 1", "+OK"),
            ("X \\x00", "-ERR"),
            ("QUIT", "+OK"),
        ];
        let expected = [
            "USER a",
            "(PASS ‹secret 3›)",
            "USER a",
            "password",
            "STAT",
            "(dele 1)",
            "(STAT)",
            "(XDELE 1)",
            "RSET",
            "STAT",
            "(DELE 9)",
            "RETR 1",
            "(X \\x00)",
            "(QUIT)",
        ];
        assert_eq!(told(&conversation), expected);
    }

    #[test]
    fn other_logins_are_made_with_user_and_pass() {
        let conversation = [
            ("APOP alice ‹secret 32›", "+OK"),
            ("AUTH PLAIN ‹secret 8›", "+OK"),
            ("AUTH LOGIN", "+ VXNlcg=="),
            ("‹secret 4›", "+ UGFzcw=="),
            ("‹secret 8›", "+OK"),
            ("AUTH CRAM-MD5", "+ abcd"),
            ("‹secret 4›", "-ERR"),
            ("AUTH", "+OK\r\nPLAIN\r\n."),
        ];
        let expected = ["login Some(\"alice\")", "login None", "login None", "(AUTH CRAM-MD5)", "(AUTH)"];
        assert_eq!(told(&conversation), expected);
    }
}
