//! The memory for sessions of one user.
//!
//! rustls's own keeps tables for many servers and eight tickets for each. Deliberately less: a user of a load generator
//! talks to one server, in one session at a time, and there are tens of thousands of users.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// The last session with the last server.
#[derive(Default)]
pub(super) struct OneSession {
    kept: Mutex<Kept>,
}

/// Boxed, since most users have nothing or one of them.
#[derive(Default)]
struct Kept {
    server: Option<ServerName<'static>>,
    group: Option<NamedGroup>,
    tls12: Option<Box<Tls12ClientSessionValue>>,
    /// Used once and then gone (RFC 8446 appendix C.4).
    tls13: Option<Box<Tls13ClientSessionValue>>,
}

impl OneSession {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept for this server; whatever was kept for another one is forgotten.
    fn kept_for(&self, server: ServerName<'static>) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        if kept.server.as_ref() != Some(&server) {
            *kept = Kept { server: Some(server), ..Kept::default() };
        }
        kept
    }

    fn ask<Answer>(
        &self,
        server: &ServerName<'_>,
        answer: impl FnOnce(&mut Kept) -> Option<Answer>,
    ) -> Option<Answer> {
        let mut kept = self.kept();
        if kept.server.as_ref() == Some(server) { answer(&mut kept) } else { None }
    }
}

impl ClientSessionStore for OneSession {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.kept_for(server).group = Some(group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.ask(server, |kept| kept.group)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.kept_for(server).tls12 = Some(Box::new(value));
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.ask(server, |kept| kept.tls12.as_deref().cloned())
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.ask(server, |kept| kept.tls12.take());
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.kept_for(server).tls13 = Some(Box::new(value));
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.ask(server, |kept| kept.tls13.take().map(|value| *value))
    }
}

/// Without the secrets of the sessions.
impl fmt::Debug for OneSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OneSession").finish_non_exhaustive()
    }
}
