//! OAUTHBEARER (RFC 7628) and XOAUTH2, which came before it and is in wide use: one message with a name and a token.
//!
//! A token that is refused is answered by a challenge that says why, in JSON; the client has to answer that too before
//! the exchange fails (RFC 7628 section 3.2.3). Neither is one of [`crate::Mechanism`]: tokens come from elsewhere, and
//! here they are no more than another name for the password. Deliberately absent: where tokens come from, and for what
//! they are good.

use std::mem;

use crate::{Passwords, ServerExchange, ServerStep, scram};

/// Parts a message from the next one, and ends it.
const SEPARATOR: char = '\u{1}';

/// Which of the two it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `user=…^Aauth=Bearer …^A^A`
    XOAuth2,
    /// `n,a=…,^Aauth=Bearer …^A^A` (RFC 7628 section 3.1).
    OAuthBearer,
}

impl Kind {
    /// Both, the older one first.
    pub const ALL: [Kind; 2] = [Kind::XOAuth2, Kind::OAuthBearer];

    /// The name of the mechanism.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::XOAuth2 => "XOAUTH2",
            Kind::OAuthBearer => "OAUTHBEARER",
        }
    }

    /// The mechanism of that name in any case.
    pub fn parse(name: impl AsRef<[u8]>) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name().as_bytes().eq_ignore_ascii_case(name.as_ref()))
    }

    /// Why a token is refused, in the JSON of the challenge (RFC 7628 section 3.2.2).
    const fn refusal(self) -> &'static str {
        match self {
            Kind::XOAuth2 => r#"{"status":"401","schemes":"bearer","scope":"mail"}"#,
            Kind::OAuthBearer => r#"{"status":"invalid_token","scope":"mail"}"#,
        }
    }

    /// Why a message is refused that breaks the grammar.
    const fn misread(self) -> &'static str {
        match self {
            Kind::XOAuth2 => r#"{"status":"400","schemes":"bearer","scope":"mail"}"#,
            Kind::OAuthBearer => r#"{"status":"invalid_request","scope":"mail"}"#,
        }
    }
}

/// The client's message, whatever is put into it; only commas and `=` in the name of OAUTHBEARER are escaped.
pub fn message(kind: Kind, user: &str, token: &str) -> Vec<u8> {
    message_with(kind, user, token, &[])
}

/// The same with these keys and values before the token (RFC 7628 section 3.1: `host`, `port`, and what nobody knows).
pub fn message_with(kind: Kind, user: &str, token: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    let head = match kind {
        Kind::XOAuth2 => format!("user={user}"),
        Kind::OAuthBearer => scram::gs2_header("n", Some(user)),
    };
    let mut message = format!("{head}{SEPARATOR}");
    for part in pairs.iter().flat_map(|(key, value)| [key, "=", value, "\u{1}"]) {
        message.push_str(part);
    }
    for part in ["auth=Bearer ", token, "\u{1}\u{1}"] {
        message.push_str(part);
    }
    message.into_bytes()
}

/// A message that keeps the grammar.
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who wants to log in.
    pub user: String,
    /// The token; for that reason this type cannot be printed.
    pub token: &'a str,
}

/// Reads a client's message. Keys that are not known are passed over (RFC 7628 section 3.1). `None` if it breaks the
/// grammar, or does not say whose mail is wanted, which only the issuer of a token could tell from it.
pub fn parse(kind: Kind, message: &[u8]) -> Option<Message<'_>> {
    let text = std::str::from_utf8(message).ok()?;
    let text = text.strip_suffix(SEPARATOR)?.strip_suffix(SEPARATOR)?;
    let (head, pairs) = text.split_once(SEPARATOR)?;
    let user = match kind {
        Kind::XOAuth2 => head.strip_prefix("user=").filter(|user| !user.is_empty())?.to_owned(),
        Kind::OAuthBearer => {
            let head = head.strip_prefix("n,").or_else(|| head.strip_prefix("y,"))?;
            scram::unescape(head.strip_prefix("a=")?.strip_suffix(',')?)?
        }
    };
    let mut token = None;
    for pair in pairs.split(SEPARATOR) {
        let (key, value) = pair.split_once('=')?;
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if key == "auth" && scheme.eq_ignore_ascii_case("Bearer") && !rest.is_empty() {
            token = Some(rest);
        }
    }
    token.map(|token| Message { user, token })
}

/// The server: the token of a user is the password, unless all have expired.
pub struct Server {
    kind: Kind,
    expired: bool,
    state: State,
}

enum State {
    Start,
    AwaitMessage,
    /// Why was said; what the client answers to it does not matter.
    AwaitEnd,
}

impl Server {
    /// A server that has not yet been spoken to. Where tokens have `expired`, it refuses the right one too.
    pub fn new(kind: Kind, expired: bool) -> Server {
        Server { kind, expired, state: State::Start }
    }

    fn judge(&mut self, message: &[u8], passwords: &dyn Passwords) -> ServerStep {
        let Some(Message { user, token }) = parse(self.kind, message) else {
            return ServerStep::Challenge(self.kind.misread().into());
        };
        if !self.expired && passwords.password(&user).is_some_and(|right| right == token) {
            return ServerStep::Success { user };
        }
        ServerStep::Challenge(self.kind.refusal().into())
    }
}

impl ServerExchange for Server {
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep {
        match (mem::replace(&mut self.state, State::AwaitEnd), response) {
            (State::Start, None) => {
                self.state = State::AwaitMessage;
                ServerStep::Challenge(Vec::new())
            }
            (State::Start | State::AwaitMessage, Some(message)) => self.judge(message, passwords),
            (State::AwaitMessage, None) | (State::AwaitEnd, _) => ServerStep::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Server, message, message_with, parse};
    use crate::{ServerExchange, ServerStep, base64};

    fn passwords(user: &str) -> Option<String> {
        (user == "user@example.com").then(|| "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==".to_owned())
    }

    /// The example of RFC 7628 section 4.1, with host and port in it.
    const EXAMPLE: &str = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";

    #[test]
    fn the_example_of_the_rfc() {
        let octets = base64::decode(EXAMPLE).unwrap();
        let success = ServerStep::Success { user: "user@example.com".to_owned() };
        assert_eq!(Server::new(Kind::OAuthBearer, false).step(Some(&octets), &passwords), success);
    }

    #[test]
    fn a_refused_token_is_told_before_the_exchange_fails() {
        for kind in Kind::ALL {
            let (right, wrong) =
                (passwords("user@example.com").unwrap(), message(kind, "user@example.com", "old"));
            let right = message(kind, "user@example.com", &right);
            for (expired, octets) in [(false, &wrong), (true, &right)] {
                let mut server = Server::new(kind, expired);
                assert_eq!(server.step(None, &passwords), ServerStep::Challenge(Vec::new()));
                let ServerStep::Challenge(why) = server.step(Some(octets), &passwords) else {
                    panic!("no challenge");
                };
                assert!(why.starts_with(b"{\"status\":\"") && why.ends_with(b"}"));
                assert_eq!(server.step(Some(b"\x01"), &passwords), ServerStep::Failure);
                assert_eq!(server.step(Some(&right), &passwords), ServerStep::Failure);
            }
            let mut server = Server::new(kind, false);
            assert!(matches!(server.step(Some(&right), &passwords), ServerStep::Success { .. }));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_refused_as_a_token_is() {
        for (kind, why) in [
            (Kind::XOAuth2, &br#"{"status":"400","schemes":"bearer","scope":"mail"}"#[..]),
            (Kind::OAuthBearer, br#"{"status":"invalid_request","scope":"mail"}"#),
        ] {
            let step = Server::new(kind, false).step(Some(b"xyzzy"), &passwords);
            assert_eq!(step, ServerStep::Challenge(why.to_vec()));
        }
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        for kind in Kind::ALL {
            let octets = message(kind, "a,b=c", "t");
            let read = parse(kind, &octets).unwrap();
            assert_eq!((read.user.as_str(), read.token), ("a,b=c", "t"));
        }
        let other = message(Kind::XOAuth2, "tim", "t");
        assert!(parse(Kind::OAuthBearer, &other).is_none());
        for text in [
            "",
            "\u{1}",
            "user=tim",
            "user=\u{1}auth=Bearer t\u{1}\u{1}",
            "user=tim\u{1}auth=Basic t\u{1}\u{1}",
        ] {
            assert!(parse(Kind::XOAuth2, text.as_bytes()).is_none(), "{text:?}");
        }
        for text in [
            "n,,\u{1}auth=Bearer t\u{1}\u{1}",
            "n,a=tim,\u{1}\u{1}",
            "p=x,a=tim,\u{1}auth=Bearer t\u{1}\u{1}",
        ] {
            assert!(parse(Kind::OAuthBearer, text.as_bytes()).is_none(), "{text:?}");
        }
        let lower = b"y,a=tim,\x01port=110\x01auth=bearer t\x01\x01";
        assert!(parse(Kind::OAuthBearer, lower).is_some_and(|read| read.token == "t"));
    }

    /// RFC 7628 section 3.1: unknown pairs are ignored.
    #[test]
    fn pairs_stand_before_the_token_and_do_not_matter() {
        let octets =
            message_with(Kind::OAuthBearer, "tim", "t", &[("host", "h.example"), ("port", "995"), ("x", "")]);
        assert_eq!(octets, b"n,a=tim,\x01host=h.example\x01port=995\x01x=\x01auth=Bearer t\x01\x01");
        assert!(parse(Kind::OAuthBearer, &octets).is_some_and(|read| read.token == "t"));
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Kind::parse("xoauth2"), Some(Kind::XOAuth2));
        assert_eq!(Kind::parse("OAuthBearer"), Some(Kind::OAuthBearer));
        assert_eq!(Kind::parse("OAUTH10A"), None);
    }
}
