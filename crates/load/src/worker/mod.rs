//! One worker: the ticker, the sessions, the report of each second, and the end.
//!
//! One thread, one task for each session, nothing shared with other threads. The ticker releases all arrivals that are
//! due whenever it wakes; how late each was is part of the report, and their response times count from when they were
//! intended. Whoever waits for a moment of the plan is woken by the agenda, since tokio's timers have a grain of a
//! millisecond, and many servers answer faster than that.

mod accounts;
mod agenda;
mod context;
mod sessions;
mod ticker;

use std::io;
use std::rc::Rc;

use net::{Alarm, Dialer, TlsError, TlsTarget, Trust};
use scenario::Verify;
use tokio::runtime::LocalRuntime;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Assignment, Behaviours, Measured};

pub(crate) use agenda::Agenda;
pub(crate) use context::{Context, ROOM, nanoseconds};
pub use sessions::PANIC;
pub(crate) use sessions::cut_off;

/// How a worker's part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether it was stopped before the plan's end.
    pub early: bool,
    /// Sessions that were still open.
    pub unfinished: u64,
    /// Planned sessions that never began.
    pub not_begun: u64,
}

/// The runtime a worker process runs [`work`] on: one thread, timers and sockets.
///
/// # Errors
/// The operating system refused what an event loop needs, usually descriptors.
pub fn runtime() -> io::Result<LocalRuntime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
}

/// The dialer that an assignment asks for: over TCP, with what it trusts and how often it verifies.
///
/// # Errors
/// The given certificates are of no use, or the server's name can stand in no certificate.
pub fn dialer(assignment: &Assignment) -> Result<Dialer, TlsError> {
    TlsTarget::new(&assignment.server_name, net::Versions::Any)?;
    Dialer::tcp(trust(assignment))
}

/// Whom an assignment trusts; a dialer in memory needs it too.
pub fn trust(assignment: &Assignment) -> Trust {
    let trust = match &assignment.ca_pem {
        Some(pem) => Trust::Only { ca_pem: pem.clone().into_bytes() },
        None => Trust::System { extra_ca_pem: None },
    };
    match assignment.scenario.tls.verify {
        _ if assignment.insecure => Trust::Insecure,
        Verify::Never => Trust::Insecure,
        Verify::Once => trust.once(),
        Verify::Always => trust,
    }
}

/// Carries out an assignment and tells each second as it ends. Returns when all is done: at the plan's end plus
/// the time that open sessions are given (the scenario's session time-out, or else that of a reply), or soon after
/// `stop` says true or its sender is gone. The last second tells what was left unfinished.
///
/// With an `alarm` arrivals, pauses and the link's delays end within some tens of microseconds of their moments; without
/// one at the next whole millisecond or two, as tokio's timers do. An alarm is set on the machine's clock, so that there
/// must be none where the runtime's is paused.
///
/// Must be called within a [`LocalRuntime`] ([`runtime`]) or a `tokio::task::LocalSet`.
pub async fn work(
    assignment: Assignment,
    dialer: Dialer,
    alarm: Option<Alarm>,
    custom: Behaviours,
    stop: watch::Receiver<bool>,
    report: impl FnMut(Measured),
) -> Ended {
    let start = Instant::now() + assignment.start_in;
    let context = Rc::new(Context::new(assignment, dialer, alarm, custom, start));
    ticker::run(&context, stop, report).await
}
