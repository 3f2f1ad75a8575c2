//! LOGIN: name and password, each in the clear when asked. It was never standardised (an expired draft,
//! `draft-murchison-sasl-login`, describes it), yet many clients know nothing else.
//!
//! The client answers by position and does not read the prompts, which differ between servers. The server
//! takes no initial response: it speaks first, and RFC 5034 section 4 has such mechanisms refuse one.

use std::mem;

use crate::{ClientExchange, ExchangeError, Passwords, ServerExchange, ServerStep};

/// The prompt for the name, as most servers write it.
pub const USER_PROMPT: &[u8] = b"Username:";
/// The prompt for the password, as most servers write it.
pub const PASSWORD_PROMPT: &[u8] = b"Password:";

/// The client: the name to the first challenge, the password to the second.
pub struct Client {
    remaining: Vec<Vec<u8>>,
    finished: bool,
}

impl Client {
    /// A client that authenticates as this user.
    pub fn new(user: &str, password: &str) -> Client {
        Client { remaining: vec![password.into(), user.into()], finished: false }
    }
}

impl ClientExchange for Client {
    fn initial(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        self.finished = false;
        let response = self.remaining.pop().ok_or(ExchangeError::UnexpectedChallenge)?;
        self.finished = self.remaining.is_empty();
        Ok(response)
    }

    fn finished(&self) -> bool {
        self.finished
    }
}

/// The server: asks for the name, then for the password, also for users it does not know. Names and
/// passwords must be UTF-8, not empty, without NUL.
#[derive(Default)]
pub struct Server {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Start,
    AwaitUser,
    AwaitPassword {
        user: String,
    },
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
                self.state = State::AwaitUser;
                ServerStep::Challenge(USER_PROMPT.to_vec())
            }
            (State::AwaitUser, Some(user)) => match text(user) {
                Some(user) => {
                    self.state = State::AwaitPassword { user: user.to_owned() };
                    ServerStep::Challenge(PASSWORD_PROMPT.to_vec())
                }
                None => ServerStep::Failure,
            },
            (State::AwaitPassword { user }, Some(password)) => match text(password) {
                Some(password) if passwords.password(&user).is_some_and(|right| right == password) => {
                    ServerStep::Success { user }
                }
                _ => ServerStep::Failure,
            },
            _ => ServerStep::Failure,
        }
    }
}

fn text(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok().filter(|text| !text.is_empty() && !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::{Client, PASSWORD_PROMPT, Server, USER_PROMPT};
    use crate::{ClientExchange, ExchangeError, ServerExchange, ServerStep};

    fn passwords(user: &str) -> Option<String> {
        match user {
            "tim" => Some("secret".to_owned()),
            // Who had none would be let in by an empty response.
            "" | "tim\0" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn names_and_passwords_are_text_without_nul_and_never_empty() {
        assert_eq!(dialogue(b"", b""), ServerStep::Failure);
        assert_eq!(dialogue(b"tim\0", b"x"), ServerStep::Failure);
        assert_eq!(dialogue(b"tim", b""), ServerStep::Failure);
    }

    fn dialogue(user: &[u8], password: &[u8]) -> ServerStep {
        let mut server = Server::new();
        assert_eq!(server.step(None, &passwords), ServerStep::Challenge(USER_PROMPT.to_vec()));
        match server.step(Some(user), &passwords) {
            ServerStep::Challenge(prompt) => {
                assert_eq!(prompt, PASSWORD_PROMPT);
                server.step(Some(password), &passwords)
            }
            other => other,
        }
    }

    #[test]
    fn asks_for_name_and_password() {
        assert_eq!(dialogue(b"tim", b"secret"), ServerStep::Success { user: "tim".to_owned() });
        assert_eq!(dialogue(b"tim", b"wrong"), ServerStep::Failure);
        assert_eq!(dialogue(b"tom", b"secret"), ServerStep::Failure);
        assert_eq!(dialogue(b"", b"secret"), ServerStep::Failure);
        assert_eq!(dialogue(b"tim", b""), ServerStep::Failure);
        assert_eq!(dialogue(b"tim\xff", b"secret"), ServerStep::Failure);
    }

    #[test]
    fn an_initial_response_is_refused() {
        assert_eq!(Server::new().step(Some(b"tim"), &passwords), ServerStep::Failure);
        assert_eq!(Server::new().step(Some(b""), &passwords), ServerStep::Failure);
    }

    #[test]
    fn the_client_answers_by_position() {
        let mut client = Client::new("tim", "secret");
        assert_eq!(client.initial(), None);
        assert_eq!(client.respond(b"User Name\0").unwrap(), b"tim");
        assert!(!client.finished());
        assert_eq!(client.respond(b"whatever").unwrap(), b"secret");
        assert!(client.finished());
        assert_eq!(client.respond(b""), Err(ExchangeError::UnexpectedChallenge));
        assert!(!client.finished());
    }
}
