//! PLAIN (RFC 4616): one message with authorization identity, name and password, parted by NUL.
//! Does not judge whether the channel is safe enough for it.

use std::mem;

use crate::{ClientExchange, ExchangeError, Passwords, ServerExchange, ServerStep};

/// Octets each part may have; RFC 4616 section 2 has servers accept up to this, and this one no more.
pub const MAXIMUM_PART: usize = 255;

/// The message of these parts, whatever is in them: octets that are not UTF-8, NUL, nothing at all. An empty
/// `authzid` leaves it to the server to derive one.
pub fn message(authzid: impl AsRef<[u8]>, user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Vec<u8> {
    [authzid.as_ref(), user.as_ref(), password.as_ref()].join(&0)
}

/// A message that keeps the grammar.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The identity to act as; empty if it is to be derived.
    pub authzid: &'a str,
    /// The identity whose password follows.
    pub user: &'a str,
    /// The password in the clear; for that reason this type cannot be printed.
    pub password: &'a str,
}

/// How a message breaks the grammar of RFC 4616 section 2.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlainError {
    /// Not UTF-8 (over-long forms and surrogates are not either).
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// Not exactly two NULs.
    #[error("the message has {0} NULs instead of two")]
    Separators(usize),
    /// No name.
    #[error("the name is empty")]
    NoUser,
    /// No password.
    #[error("the password is empty")]
    NoPassword,
    /// A part of more than [`MAXIMUM_PART`] octets.
    #[error("a part of the message has more than {MAXIMUM_PART} octets")]
    TooLong,
}

/// Reads a client's message, strictly.
///
/// # Errors
/// The first way in which the message breaks the grammar.
pub fn parse(message: &[u8]) -> Result<Message<'_>, PlainError> {
    let text = std::str::from_utf8(message).map_err(|_| PlainError::NotUtf8)?;
    let mut parts = text.split('\0');
    let (Some(authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(PlainError::Separators(text.matches('\0').count()));
    };
    if user.is_empty() {
        return Err(PlainError::NoUser);
    }
    if password.is_empty() {
        return Err(PlainError::NoPassword);
    }
    if [authzid, user, password].iter().any(|part| part.len() > MAXIMUM_PART) {
        return Err(PlainError::TooLong);
    }
    Ok(Message { authzid, user, password })
}

/// The client: says its message once, without an authorization identity.
pub struct Client {
    message: Option<Vec<u8>>,
    finished: bool,
}

impl Client {
    /// A client that authenticates as this user.
    pub fn new(user: &str, password: &str) -> Client {
        Client { message: Some(message("", user, password)), finished: false }
    }
}

impl ClientExchange for Client {
    fn initial(&mut self) -> Option<Vec<u8>> {
        self.finished = true;
        self.message.take()
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        self.finished = false;
        let message = self.message.take().ok_or(ExchangeError::UnexpectedChallenge)?;
        if !challenge.is_empty() {
            return Err(ExchangeError::ChallengeNotEmpty);
        }
        self.finished = true;
        Ok(message)
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

/// The server: grammar as in [`parse`]; the authorization identity must be empty or the user's own name.
#[derive(Default)]
pub struct Server {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Start,
    AwaitMessage,
    Over,
}

impl Server {
    /// A server that has not yet been spoken to.
    pub fn new() -> Server {
        Server::default()
    }
}

impl ServerExchange for Server {
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep {
        match (mem::replace(&mut self.state, State::Over), response) {
            (State::Start, None) => {
                self.state = State::AwaitMessage;
                ServerStep::Challenge(Vec::new())
            }
            (State::Start | State::AwaitMessage, Some(message)) => judge(message, passwords),
            (State::AwaitMessage, None) | (State::Over, _) => ServerStep::Failure,
        }
    }
}

fn judge(message: &[u8], passwords: &dyn Passwords) -> ServerStep {
    match parse(message) {
        Ok(Message { authzid, user, password })
            if (authzid.is_empty() || authzid == user)
                && passwords.password(user).is_some_and(|right| right == password) =>
        {
            ServerStep::Success { user: user.to_owned() }
        }
        _ => ServerStep::Failure,
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, PlainError, Server, message, parse};
    use crate::{ClientExchange, ExchangeError, ServerExchange, ServerStep};

    fn passwords(user: &str) -> Option<String> {
        match user {
            "tim" => Some("tanstaaftanstaaf".to_owned()),
            "Kurt" => Some("xipj3plmq".to_owned()),
            _ => None,
        }
    }

    fn answer(octets: &[u8]) -> ServerStep {
        Server::new().step(Some(octets), &passwords)
    }

    /// Both examples of RFC 4616 section 4: the second client asks to act as somebody else.
    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(message("", "tim", "tanstaaftanstaaf"), b"\0tim\0tanstaaftanstaaf");
        assert_eq!(answer(b"\0tim\0tanstaaftanstaaf"), ServerStep::Success { user: "tim".to_owned() });
        assert_eq!(message("Ursel", "Kurt", "xipj3plmq"), b"Ursel\0Kurt\0xipj3plmq");
        assert_eq!(answer(b"Ursel\0Kurt\0xipj3plmq"), ServerStep::Failure);
        assert_eq!(answer(b"Kurt\0Kurt\0xipj3plmq"), ServerStep::Success { user: "Kurt".to_owned() });
    }

    #[test]
    fn refuses_what_breaks_the_grammar() {
        let refused = |octets: &[u8]| parse(octets).err();
        assert_eq!(refused(b""), Some(PlainError::Separators(0)));
        assert_eq!(refused(b"tim\0secret"), Some(PlainError::Separators(1)));
        assert_eq!(refused(b"\0tim\0secret\0"), Some(PlainError::Separators(3)));
        assert_eq!(refused(b"\0\0secret"), Some(PlainError::NoUser));
        assert_eq!(refused(b"\0tim\0"), Some(PlainError::NoPassword));
        assert_eq!(refused(b"\0tim\0\xff"), Some(PlainError::NotUtf8));
        assert_eq!(refused(b"\0tim\0\xc1\x81"), Some(PlainError::NotUtf8));
        assert_eq!(refused(b"\0tim\0\xed\xa0\x80"), Some(PlainError::NotUtf8));
    }

    #[test]
    fn parts_have_255_octets_and_no_more() {
        let (fits, over) = ("x".repeat(255), "x".repeat(256));
        assert!(parse(&message(&fits, &fits, &fits)).is_ok());
        for long in [message(&over, "u", "p"), message("", &over, "p"), message("", "u", &over)] {
            assert_eq!(parse(&long).err(), Some(PlainError::TooLong));
        }
    }

    #[test]
    fn without_initial_response_the_server_sends_an_empty_challenge_once() {
        let mut server = Server::new();
        assert_eq!(server.step(None, &passwords), ServerStep::Challenge(Vec::new()));
        assert_eq!(
            server.step(Some(b"\0tim\0tanstaaftanstaaf"), &passwords),
            ServerStep::Success { user: "tim".to_owned() }
        );
        assert_eq!(server.step(Some(b"\0tim\0tanstaaftanstaaf"), &passwords), ServerStep::Failure);
    }

    #[test]
    fn an_empty_initial_response_is_a_response() {
        assert_eq!(answer(b""), ServerStep::Failure);
    }

    #[test]
    fn the_client_says_its_message_once_and_only_to_an_empty_challenge() {
        let mut client = Client::new("tim", "secret");
        assert!(!client.finished());
        assert_eq!(client.respond(b"").unwrap(), b"\0tim\0secret");
        assert!(client.finished());
        assert_eq!(client.respond(b""), Err(ExchangeError::UnexpectedChallenge));
        assert!(!client.finished());
        let mut client = Client::new("tim", "secret");
        assert_eq!(client.respond(b"?"), Err(ExchangeError::ChallengeNotEmpty));
        assert!(!client.finished());
    }
}
