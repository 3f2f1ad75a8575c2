//! The way in: connection, TLS, greeting.

use proto::{Client, Limits, Shape};
use scenario::Mode;

use crate::recorder::Step;

use super::Session;
use super::desk::Asked;
use super::failure::Failure;
use super::trail::Said;

impl Session {
    /// Connects as this user does: the connection, TLS if it is implicit, the greeting, and STLS with its TLS if that
    /// is the user's way. Each is a step of its own.
    ///
    /// # Errors
    /// As of every step.
    pub async fn connect(&mut self) -> Result<(), Failure> {
        let user = self.user();
        let mode = self.desk.context.mode(user);
        self.tail.clear();
        self.desk.begin_anew();
        self.dial(user, mode).await?;
        if mode == Mode::Implicit {
            self.secure(user, Step::TLS).await?;
        }
        self.greeting().await?;
        if mode == Mode::Starttls {
            self.stls().await?;
            self.secure(user, Step::STLS_TLS).await?;
            // What was said in the clear counts no more, and there is no new greeting (RFC 2595 section 4).
            self.tail.clear();
            self.desk.client = Client::resume(Limits::default());
        }
        Ok(())
    }

    async fn dial(&mut self, user: u64, mode: Mode) -> Result<(), Failure> {
        let context = self.desk.context.clone();
        self.desk.note(Said::Connect, mode.name());
        let Some(address) = context.target(user, mode) else {
            let seen = format!("the run has no entrance for `{}`", mode.name());
            return Err(Failure::new("unreachable", Step::CONNECT, seen));
        };
        self.desk.step_begun_ns = self.desk.now_ns;
        let source = context.source();
        let dialer = context.dialer(user);
        let at_most = context.scenario().timeouts.connect;
        // On the heap for as long as it takes: it must not grow each session for its whole life.
        let connecting = Box::pin(async move { dialer.connect_to(address, source).await });
        let stream = self.within(Step::CONNECT, at_most, connecting).await?;
        self.stream = Some(stream.map_err(|error| Failure::dialling(Step::CONNECT, &error))?);
        self.desk.sample(Step::CONNECT);
        Ok(())
    }

    async fn secure(&mut self, user: u64, step: Step) -> Result<(), Failure> {
        let Some(stream) = self.stream.take() else {
            return Err(Failure::new("closed", step, "the session was over before"));
        };
        let context = self.desk.context.clone();
        self.desk.step_begun_ns = self.desk.now_ns;
        let dialer = context.dialer(user);
        let name = context.tls_target().map_err(|seen| Failure::new("tls", step, seen))?;
        let at_most = context.scenario().timeouts.connect;
        let securing = Box::pin(async move { dialer.secure(stream, &name).await });
        let secured = self.within(step, at_most, securing).await?;
        let (stream, handshake) = secured.map_err(|error| Failure::dialling(step, &error))?;
        self.stream = Some(stream);
        context.recorder.borrow_mut().handshake(handshake);
        self.desk.note(Said::Secure, handshake.version);
        self.desk.sample(step);
        Ok(())
    }

    async fn greeting(&mut self) -> Result<(), Failure> {
        self.desk.step_begun_ns = self.desk.now_ns;
        self.desk.expect(Asked::Greeting, Step::GREETING);
        self.reply().await?;
        self.desk.sample(Step::GREETING);
        Ok(())
    }

    async fn stls(&mut self) -> Result<(), Failure> {
        self.simple(Step::STLS, Asked::Word, Shape::Single, b"STLS\r\n").await
    }
}
