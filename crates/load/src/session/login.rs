//! Logging in, by each mechanism; one step, however many lines it takes.

use proto::Shape;
use scenario::Mechanism;

use crate::recorder::Step;

use super::Session;
use super::desk::{Asked, Desk};
use super::exchange::Line;
use super::failure::Failure;

/// Longest command line that servers must take (RFC 2449 section 4), without its line end.
const COMMAND: usize = 253;

/// More lines than any mechanism needs; a server that asks for more is not going to let anybody in.
const ROUNDS: usize = 8;

impl Session {
    /// Logs in as the scenario says for this user.
    ///
    /// # Errors
    /// As of every step; `err:AUTH` and its like if the server refuses.
    pub async fn login(&mut self) -> Result<(), Failure> {
        let mechanism = self.desk.context.weighted(self.desk.behaviour).login;
        if mechanism == Mechanism::User {
            self.user_and_password().await?;
        } else {
            // On the heap, since it would make every session larger for its whole life.
            let (user, password) = credentials(&self.desk);
            Box::pin(self.authenticate(mechanism, user, password)).await?;
        }
        let desk = &mut self.desk;
        desk.logged_in = true;
        desk.sample(tag(mechanism));
        desk.sample_whole(Step::READY);
        Ok(())
    }

    /// Tries to log in with a password that is certainly wrong. The refusal is what is wanted, and no latency sample:
    /// servers delay it on purpose.
    ///
    /// # Errors
    /// As of every step; `verification:password` if the server lets anybody in.
    pub async fn login_with_wrong_password(&mut self) -> Result<(), Failure> {
        let mechanism = self.desk.context.weighted(self.desk.behaviour).login;
        let (user, right) = credentials(&self.desk);
        let wrong = format!("wrong-{:016x}{}", self.desk.chance.next(), right.len());
        match Box::pin(self.authenticate(mechanism, user, wrong)).await {
            Ok(()) => {
                let seen = "the server accepted a password that is wrong";
                Err(Failure::new("verification:password", tag(mechanism), seen))
            }
            Err(refusal) if refusal.kind() == "err" || refusal.kind() == "err:AUTH" => {
                // The step is done, as planned; the next one is wanted now.
                self.desk.wanted_ns = self.desk.now_ns;
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// The way of nearly everybody: nothing is kept between the two lines.
    async fn user_and_password(&mut self) -> Result<(), Failure> {
        if self.desk.recording.is_some() {
            let (_, password) = credentials(&self.desk);
            self.secret(password.as_bytes());
        }
        self.desk.ask(Step::LOGIN_USER, Asked::Word, Shape::Single, Line::User);
        self.exchange().await?;
        let begun_ns = self.desk.step_begun_ns;
        self.desk.ask(Step::LOGIN_USER, Asked::Word, Shape::Single, Line::Password);
        self.exchange().await?;
        self.desk.step_begun_ns = begun_ns;
        Ok(())
    }

    /// Any mechanism with any password.
    async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        user: String,
        password: String,
    ) -> Result<(), Failure> {
        let step = tag(mechanism);
        self.secret(password.as_bytes());
        let mechanism = match mechanism {
            Mechanism::User => {
                self.say(step, Asked::Word, Shape::Single, format!("USER {user}")).await?;
                let begun_ns = self.desk.step_begun_ns;
                self.say(step, Asked::Word, Shape::Single, format!("PASS {password}")).await?;
                self.desk.step_begun_ns = begun_ns;
                return Ok(());
            }
            Mechanism::Apop => {
                let timestamp = std::mem::take(&mut self.desk.challenge);
                let Ok(timestamp) = String::from_utf8(timestamp) else { return Err(no_timestamp()) };
                if timestamp.is_empty() {
                    return Err(no_timestamp());
                }
                let digest = sasl::apop::digest(&timestamp, &password);
                self.secret(digest.as_bytes());
                return self.say(step, Asked::Word, Shape::Single, format!("APOP {user} {digest}")).await;
            }
            Mechanism::Plain => sasl::Mechanism::Plain,
            Mechanism::CramMd5 => sasl::Mechanism::CramMd5,
            Mechanism::ScramSha256 => sasl::Mechanism::ScramSha256,
        };
        self.sasl(step, mechanism, &user, &password).await
    }

    /// AUTH (RFC 5034 section 4).
    async fn sasl(
        &mut self,
        step: Step,
        mechanism: sasl::Mechanism,
        user: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let nonce = format!("{:016x}", self.desk.chance.next());
        let mut client = sasl::client(mechanism, user, password, &nonce);
        let initial = client.initial().map(sasl::base64::encode);
        let line = format!("AUTH {}", mechanism.name());
        // An initial response that does not fit the line goes after the empty challenge.
        let (initial, mut pending) = match initial {
            Some(initial) if line.len() + 1 + initial.len() <= COMMAND => (Some(initial), None),
            other => (None, other),
        };
        if let Some(initial) = initial.as_ref().or(pending.as_ref()) {
            self.secret(initial.as_bytes());
        }
        let line = initial.map_or_else(|| line.clone(), |initial| format!("{line} {initial}"));
        self.say(step, Asked::Exchange, Shape::Exchange, line).await?;
        let begun_ns = self.desk.step_begun_ns;
        for _ in 0..ROUNDS {
            if !self.desk.reply.continues {
                let proved = client.finished() || mechanism != sasl::Mechanism::ScramSha256;
                let unproved =
                    || Failure::new("verification:server", step, "+OK before the server had proved itself");
                self.desk.step_begun_ns = begun_ns;
                return if proved { Ok(()) } else { Err(unproved()) };
            }
            let challenge = std::mem::take(&mut self.desk.challenge);
            let response = if let Some(pending) = pending.take().filter(|_| challenge.is_empty()) {
                pending
            } else {
                let octets = sasl::base64::decode(&challenge).map_err(|error| {
                    Failure::new("deviation:continuation-not-base64", step, error.to_string())
                })?;
                let response = client
                    .respond(&octets)
                    .map_err(|error| Failure::new("verification:server", step, error.to_string()))?;
                sasl::base64::encode(response)
            };
            self.secret(response.as_bytes());
            self.say(step, Asked::Exchange, Shape::Exchange, response).await?;
        }
        Err(Failure::new("verification:server", step, "the server asks without end"))
    }

    async fn say(&mut self, step: Step, asked: Asked, shape: Shape, line: String) -> Result<(), Failure> {
        self.desk.ask(step, asked, shape, Line::Text(line.into()));
        self.exchange().await
    }

    /// Registers what must not be shown. Only a recorded session shows anything.
    fn secret(&mut self, secret: &[u8]) {
        if let Some(recording) = &mut self.desk.recording {
            recording.secret(secret);
        }
    }
}

fn credentials(desk: &Desk) -> (String, String) {
    let accounts = &desk.context.scenario().accounts;
    let user = desk.arrival.user;
    let password = accounts.password(user).map_or_else(String::new, |secret| secret.reveal().to_owned());
    (accounts.user(user).unwrap_or_default(), password)
}

fn tag(mechanism: Mechanism) -> Step {
    match mechanism {
        Mechanism::User => Step::LOGIN_USER,
        Mechanism::Apop => Step::LOGIN_APOP,
        Mechanism::Plain => Step::LOGIN_PLAIN,
        Mechanism::CramMd5 => Step::LOGIN_CRAM_MD5,
        Mechanism::ScramSha256 => Step::LOGIN_SCRAM_SHA_256,
    }
}

fn no_timestamp() -> Failure {
    Failure::new("err", Step::LOGIN_APOP, "the greeting has no timestamp, so the server does not offer APOP")
}
