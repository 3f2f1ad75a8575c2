//! The client of SCRAM: right by default, wrong in one chosen way for the conformance suite.
//! Does not draw its nonce.

use std::{marker::PhantomData, mem};

use super::{
    GS2_HEADER, Hash, MAXIMUM_ITERATIONS, ServerFinal, auth_message, client_final,
    client_final_without_proof, client_first_bare, parse_server_final, parse_server_first, proof,
    salted_password, server_signature,
};
use crate::{ClientExchange, ExchangeError};

/// Ways to misbehave. Everything left `None` is as it should be, and the proof is right for the messages
/// that were really sent, so that a server which does not refuse for *this* reason has no other to refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alterations {
    /// The GS2 header of the first message instead of `n,,`, with its last comma; sent as it is.
    pub gs2_header: Option<String>,
    /// The value of `m=` at the start of the bare first message.
    pub mandatory_extension: Option<String>,
    /// The name in the first message, sent as it is, without escapes.
    pub raw_user: Option<String>,
    /// Optional extensions at the end of the first message, as `x=1,y=2`.
    pub first_extensions: Option<String>,
    /// The GS2 header `c=` claims to have been sent, instead of the one that was.
    pub claimed_gs2_header: Option<String>,
    /// The octets of a channel binding, behind the header in `c=`. A good client names their kind in its header.
    pub binding: Option<Vec<u8>>,
    /// The nonce of the final message instead of the server's.
    pub final_nonce: Option<String>,
    /// Optional extensions before the proof, as `x=1,y=2`.
    pub final_extensions: Option<String>,
    /// The proof instead of the right one, of any length.
    pub proof: Option<Vec<u8>>,
}

/// The client's side. Drive it by [`ClientExchange`], or step by step with [`first`](Client::first),
/// [`last`](Client::last) and [`verify`](Client::verify); do not mix the two.
pub struct Client<H> {
    user: String,
    password: String,
    nonce: String,
    alterations: Alterations,
    state: State,
    hash: PhantomData<H>,
}

enum State {
    Start,
    AwaitServerFirst,
    AwaitServerFinal { signature: Vec<u8> },
    Finished,
    Broken,
}

impl<H: Hash> Client<H> {
    /// A well-behaved client. The nonce is sent as it is: [`is_nonce`](super::is_nonce) should hold for it.
    pub fn new(user: &str, password: &str, nonce: &str) -> Client<H> {
        Client::altered(user, password, nonce, Alterations::default())
    }

    /// A client that misbehaves.
    pub fn altered(user: &str, password: &str, nonce: &str, alterations: Alterations) -> Client<H> {
        Client {
            user: user.to_owned(),
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            alterations,
            state: State::Start,
            hash: PhantomData,
        }
    }

    /// The client's first message, GS2 header included.
    pub fn first(&mut self) -> String {
        self.state = State::AwaitServerFirst;
        format!("{}{}", self.gs2_header(), self.first_bare())
    }

    /// The client's final message in answer to the server's first. Takes time in proportion to the server's
    /// iteration count.
    ///
    /// # Errors
    /// The server's message is malformed, demands an extension, asks for too much work, or does not begin its
    /// nonce with the client's.
    pub fn last(&mut self, server_first: &[u8]) -> Result<String, ExchangeError> {
        self.state = State::Broken;
        let first = parse_server_first(server_first)?;
        match first.nonce.strip_prefix(self.nonce.as_str()) {
            None => return Err(ExchangeError::NonceForeign),
            Some("") => return Err(ExchangeError::NonceNotExtended),
            Some(_) => {}
        }
        if first.iterations > MAXIMUM_ITERATIONS {
            return Err(ExchangeError::TooManyIterations(first.iterations));
        }

        let altered = &self.alterations;
        let claimed = altered.claimed_gs2_header.as_deref().unwrap_or(self.gs2_header());
        let nonce = altered.final_nonce.as_deref().unwrap_or(first.nonce);
        let bound = [claimed.as_bytes(), altered.binding.as_deref().unwrap_or_default()].concat();
        let mut without_proof = client_final_without_proof(bound, nonce);
        append(&mut without_proof, altered.final_extensions.as_deref());

        let message = auth_message(&self.first_bare(), first.text, &without_proof);
        let salted = salted_password::<H>(&self.password, &first.salt, first.iterations);
        let proof = altered.proof.clone().unwrap_or_else(|| proof::<H>(&salted, &message));
        self.state = State::AwaitServerFinal { signature: server_signature::<H>(&salted, &message) };
        Ok(client_final(&without_proof, &proof))
    }

    /// Checks the server's final message; from then on [`finished`](ClientExchange::finished) is true.
    ///
    /// # Errors
    /// The message is malformed or an error, or its signature is wrong; or it came too early or too late.
    pub fn verify(&mut self, server_final: &[u8]) -> Result<(), ExchangeError> {
        let State::AwaitServerFinal { signature } = mem::replace(&mut self.state, State::Broken) else {
            return Err(ExchangeError::UnexpectedChallenge);
        };
        match parse_server_final(server_final)? {
            ServerFinal::Error(error) => Err(ExchangeError::ServerError(error.to_owned())),
            ServerFinal::Signature(sent) if sent == signature => {
                self.state = State::Finished;
                Ok(())
            }
            ServerFinal::Signature(_) => Err(ExchangeError::ServerSignature),
        }
    }

    fn gs2_header(&self) -> &str {
        self.alterations.gs2_header.as_deref().unwrap_or(GS2_HEADER)
    }

    fn first_bare(&self) -> String {
        let altered = &self.alterations;
        let mut bare = match &altered.raw_user {
            Some(raw) => format!("n={raw},r={}", self.nonce),
            None => client_first_bare(&self.user, &self.nonce),
        };
        if let Some(extension) = &altered.mandatory_extension {
            bare.insert_str(0, &format!("m={extension},"));
        }
        append(&mut bare, altered.first_extensions.as_deref());
        bare
    }
}

impl<H: Hash> ClientExchange for Client<H> {
    fn initial(&mut self) -> Option<Vec<u8>> {
        Some(self.first().into())
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        match self.state {
            State::Start if challenge.is_empty() => Ok(self.first().into()),
            State::Start => {
                self.state = State::Broken;
                Err(ExchangeError::ChallengeNotEmpty)
            }
            State::AwaitServerFirst => self.last(challenge).map(Into::into),
            State::AwaitServerFinal { .. } => self.verify(challenge).map(|()| Vec::new()),
            State::Finished | State::Broken => {
                self.state = State::Broken;
                Err(ExchangeError::UnexpectedChallenge)
            }
        }
    }

    fn finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }
}

fn append(message: &mut String, extensions: Option<&str>) {
    if let Some(extensions) = extensions {
        message.push(',');
        message.push_str(extensions);
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, MAXIMUM_ITERATIONS};
    use crate::{ClientExchange, ExchangeError, scram::Sha256};

    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn client() -> Client<Sha256> {
        let mut client = Client::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(client.initial().unwrap(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        client
    }

    /// The example of RFC 7677 section 3, through the machine.
    #[test]
    fn the_example_of_the_rfc() {
        let mut client = client();
        assert_eq!(
            client.respond(SERVER_FIRST).unwrap(),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(!client.finished());
        assert_eq!(client.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap(), b"");
        assert!(client.finished());
        assert_eq!(client.respond(b""), Err(ExchangeError::UnexpectedChallenge));
        assert!(!client.finished());
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let answer = |server_final: &[u8]| {
            let mut client = client();
            client.respond(SERVER_FIRST).unwrap();
            let answer = client.respond(server_final);
            assert!(!client.finished());
            answer
        };
        let wrong = Err(ExchangeError::ServerSignature);
        assert_eq!(answer(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), wrong);
        assert_eq!(answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95A=="), wrong);
        assert_eq!(answer(b"v="), wrong);
        assert_eq!(answer(b"e=other-error"), Err(ExchangeError::ServerError("other-error".to_owned())));
        assert!(matches!(answer(b""), Err(ExchangeError::Malformed(_))));
    }

    #[test]
    fn a_foreign_nonce_and_endless_work_are_refused() {
        let answer = |server_first: &str| client().respond(server_first.as_bytes());
        assert_eq!(answer("r=someone-else,s=QQ==,i=1"), Err(ExchangeError::NonceForeign));
        assert_eq!(answer("r=rOprNGfwEbeRWgbNEkqO,s=QQ==,i=1"), Err(ExchangeError::NonceNotExtended));
        // So much is done still.
        let asked = |count: u32| answer(&format!("r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i={count}"));
        assert!(asked(MAXIMUM_ITERATIONS).is_ok());
        let count = MAXIMUM_ITERATIONS + 1;
        assert_eq!(asked(count), Err(ExchangeError::TooManyIterations(count)));
    }

    #[test]
    fn without_initial_response_the_first_message_answers_the_empty_challenge() {
        let mut client = Client::<Sha256>::new("user", "pencil", "abc");
        assert_eq!(client.respond(b"").unwrap(), b"n,,n=user,r=abc");
        let mut client = Client::<Sha256>::new("user", "pencil", "abc");
        assert_eq!(client.respond(b"r=x"), Err(ExchangeError::ChallengeNotEmpty));
        assert_eq!(client.respond(b""), Err(ExchangeError::UnexpectedChallenge));
    }
}
