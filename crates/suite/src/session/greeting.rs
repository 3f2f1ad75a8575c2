//! The greeting of a session, as it should be and as servers give it. Nothing is judged here.

use std::time::Duration;

use proto::{Client, Indicator, Limits};

use super::Session;
use crate::outcome::Mishap;
use crate::reply::Reply;
use crate::site::Survey;

impl Session {
    /// Reads the greeting.
    ///
    /// # Errors
    /// A [`Mishap`] if it does not come.
    pub async fn greeting(&mut self) -> Result<Reply, Mishap> {
        self.reply().await
    }

    /// The same, waiting no longer than this.
    pub(crate) async fn greeting_within(&mut self, wait: Duration) -> Result<Reply, Mishap> {
        let answer = self.patience.answer;
        self.patience.answer = answer.min(wait);
        let greeting = self.greeting().await;
        self.patience.answer = answer;
        greeting
    }

    /// Reads the greeting as this server gives it: with more lines than one, or not at all. That is judged elsewhere.
    pub(crate) async fn welcome(&mut self, survey: &Survey) -> Result<Reply, Mishap> {
        if survey.greets_when_spoken_to {
            // What it is said matters little; no server does anything at a NOOP.
            self.send("NOOP").await?;
            let greeting = self.greeting().await?;
            self.reply().await?;
            return Ok(greeting);
        }
        if !survey.is_unprompted {
            self.wire.machine = Client::resume(Limits::default());
            self.awaited.clear();
            return Ok(Reply::in_place_of_greeting(self.origin()));
        }
        let mut greeting = self.greeting().await?;
        if survey.greets_oddly && !greeting.is_err() {
            greeting.indicator = Indicator::Ok;
        }
        for _ in 0..survey.surplus_lines {
            if self.surplus(self.patience.quiet).await.is_none() {
                break;
            }
        }
        Ok(greeting)
    }

    /// Whether the server has said anything at all.
    pub(crate) fn has_heard(&self) -> bool {
        self.wire.taken > 0
    }

    /// A line that nothing asked for, quoted, if one comes in this time.
    pub(crate) async fn surplus(&mut self, wait: Duration) -> Option<String> {
        let item = self.wire.item(wait).await.ok()?;
        Some(self.shown(&item.into_octets()))
    }

    /// The server has begun to serve this connection, and may count it for a while after its end.
    pub(crate) fn is_served(&self) {
        self.place.is_served();
    }
}
