//! CRAM-MD5 (RFC 2195): the client answers a challenge with its name and a keyed MD5 of the challenge.
//! The client does not check the form of the challenge; [`crate::apop::is_timestamp`] does.

use std::mem;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use crate::{ClientExchange, ExchangeError, Passwords, ServerExchange, ServerStep, hexadecimal};

/// The digest of a challenge: HMAC-MD5 (RFC 2104) keyed with the password, as 32 lower-case hexadecimal
/// digits.
pub fn digest(challenge: &[u8], password: impl AsRef<[u8]>) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 2)")]
    let mac = Hmac::<Md5>::new_from_slice(password.as_ref()).expect("HMAC takes keys of any length");
    hexadecimal::lower(&mac.chain_update(challenge).finalize().into_bytes())
}

/// The whole response: name, one space, digest.
pub fn response(user: impl AsRef<[u8]>, challenge: &[u8], password: impl AsRef<[u8]>) -> Vec<u8> {
    [user.as_ref(), digest(challenge, password).as_bytes()].join(&b' ')
}

/// Parts a response into name and digest at the *last* space, since names may have spaces and digests may
/// not. `None` if it is not UTF-8, has no space, or the name is empty. The digest may still be anything.
pub fn parse(response: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(response).ok()?.rsplit_once(' ').filter(|(user, _)| !user.is_empty())
}

/// The client: one response to one challenge.
pub struct Client {
    credentials: Option<(String, String)>,
    finished: bool,
}

impl Client {
    /// A client that authenticates as this user.
    pub fn new(user: &str, password: &str) -> Client {
        Client { credentials: Some((user.to_owned(), password.to_owned())), finished: false }
    }
}

impl ClientExchange for Client {
    fn initial(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        self.finished = false;
        let (user, password) = self.credentials.take().ok_or(ExchangeError::UnexpectedChallenge)?;
        self.finished = true;
        Ok(response(user, challenge, password))
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

/// The server: sends its challenge, then accepts exactly the right response, digits in lower case.
pub struct Server {
    challenge: Vec<u8>,
    state: State,
}

enum State {
    Start,
    AwaitResponse,
    Over,
}

impl Server {
    /// A server with this challenge, which is sent as it is and should be a timestamp like `<1.2@host>`,
    /// different for every exchange.
    pub fn new(challenge: &str) -> Server {
        Server { challenge: challenge.into(), state: State::Start }
    }
}

impl ServerExchange for Server {
    fn step(&mut self, response: Option<&[u8]>, passwords: &dyn Passwords) -> ServerStep {
        match (mem::replace(&mut self.state, State::Over), response) {
            (State::Start, None) => {
                self.state = State::AwaitResponse;
                ServerStep::Challenge(self.challenge.clone())
            }
            (State::AwaitResponse, Some(response)) => self.judge(response, passwords),
            _ => ServerStep::Failure,
        }
    }
}

impl Server {
    fn judge(&self, response: &[u8], passwords: &dyn Passwords) -> ServerStep {
        match parse(response) {
            Some((user, sent))
                if passwords
                    .password(user)
                    .is_some_and(|password| digest(&self.challenge, password) == sent) =>
            {
                ServerStep::Success { user: user.to_owned() }
            }
            _ => ServerStep::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Server, parse, response};
    use crate::{ClientExchange, ExchangeError, ServerExchange, ServerStep, base64};

    const CHALLENGE: &str = "<1896.697170952@postoffice.reston.mci.net>";

    fn passwords(user: &str) -> Option<String> {
        matches!(user, "tim" | "tim the second").then(|| "tanstaaftanstaaf".to_owned())
    }

    fn answer(octets: &[u8]) -> ServerStep {
        let mut server = Server::new(CHALLENGE);
        assert_eq!(server.step(None, &passwords), ServerStep::Challenge(CHALLENGE.into()));
        server.step(Some(octets), &passwords)
    }

    /// The example of RFC 2195 section 2, from the wire.
    #[test]
    fn the_example_of_the_rfc() {
        let challenge = base64::decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+").unwrap();
        assert_eq!(challenge, CHALLENGE.as_bytes());
        let mut client = Client::new("tim", "tanstaaftanstaaf");
        let response = client.respond(&challenge).unwrap();
        assert_eq!(base64::encode(&response), "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw");
        assert_eq!(answer(&response), ServerStep::Success { user: "tim".to_owned() });
        assert!(client.finished());
        assert_eq!(client.respond(&challenge), Err(ExchangeError::UnexpectedChallenge));
        assert!(!client.finished());
    }

    /// A key of more than one block is hashed first: test case 6 of RFC 2202 section 2.
    #[test]
    fn a_long_password_is_hashed_first() {
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(super::digest(text, [0xaa; 80]), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }

    #[test]
    fn names_may_have_spaces() {
        let octets = response("tim the second", CHALLENGE.as_bytes(), "tanstaaftanstaaf");
        assert_eq!(answer(&octets), ServerStep::Success { user: "tim the second".to_owned() });
    }

    #[test]
    fn refuses_everything_but_the_exact_response() {
        for wrong in [
            "",
            "tim",
            "tim ",
            " b913a602c7eda7a495b4e6e7334d3890",
            "tim B913A602C7EDA7A495B4E6E7334D3890",
            "tim b913a602c7eda7a495b4e6e7334d389",
            "tim b913a602c7eda7a495b4e6e7334d38900",
            "tim b913a602c7eda7a495b4e6e7334d3890 ",
            "tom b913a602c7eda7a495b4e6e7334d3890",
        ] {
            assert_eq!(answer(wrong.as_bytes()), ServerStep::Failure, "{wrong:?}");
        }
        assert_eq!(parse(b"\xff b913a602c7eda7a495b4e6e7334d3890"), None);
        assert_eq!(parse(b" b913a602c7eda7a495b4e6e7334d3890"), None);
    }

    #[test]
    fn an_initial_response_is_refused() {
        let octets = response("tim", CHALLENGE.as_bytes(), "tanstaaftanstaaf");
        assert_eq!(Server::new(CHALLENGE).step(Some(&octets), &passwords), ServerStep::Failure);
        assert_eq!(Server::new(CHALLENGE).step(Some(b""), &passwords), ServerStep::Failure);
    }
}
