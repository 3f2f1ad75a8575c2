//! The wish of the user, or of the system, that a run end: Ctrl-C, SIGTERM, and the hang-up of a terminal that is closed.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Why a run did not go to its end, when the user ended it.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// Set by a hang-up; there is no way back.
static HUNG_UP: AtomicBool = AtomicBool::new(false);

/// Waits for Ctrl-C, SIGTERM or SIGHUP, of which none is lost once this has returned. Must be called within a runtime.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    wish()
}

/// Somebody who listens from the beginning, so that no signal is lost between two waits for one.
#[derive(Clone, Debug)]
pub(crate) struct Listener(watch::Receiver<bool>);

impl Listener {
    /// Listens from now on. Must be called within a runtime, which does the listening.
    pub(crate) fn start() -> Self {
        let (tell, told) = watch::channel(false);
        let wish = wish();
        tokio::spawn(async move {
            wish.await;
            tell.send_replace(true);
            // Until nobody asks any more.
            tell.closed().await;
        });
        Self(told)
    }

    /// Waits until an end is wished for. At once, if that was before.
    pub(crate) async fn interrupted(&self) {
        if self.0.clone().wait_for(|wished| *wished).await.is_err() {
            // The runtime is going down, and everything in it.
            std::future::pending::<()>().await;
        }
    }

    /// Whether an end was wished for.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.0.borrow()
    }
}

/// The wish; the handlers are in place when this returns.
fn wish() -> impl Future<Output = ()> {
    let handlers = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let hang_up = hang_up();
    async move {
        match handlers {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, () = hang_up => {} }
            }
            // Without handlers the system ends the process itself.
            _ => std::future::pending().await,
        }
    }
}

/// Whether the terminal, if there was one, is gone.
pub(crate) fn hung_up() -> bool {
    HUNG_UP.load(Ordering::Relaxed)
}

fn hang_up() -> impl Future<Output = ()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // `nohup` asks that the run outlive its terminal; a handler would undo that.
    let handled = if ignores_hang_up(&status) { None } else { signal(SignalKind::hangup()).ok() };
    async move {
        match handled {
            Some(mut hangup) => {
                hangup.recv().await;
                HUNG_UP.store(true, Ordering::Relaxed);
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether the system says of this process that it ignores SIGHUP, the first bit of the mask.
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_is_that_of_the_hang_up() {
        assert!(ignores_hang_up("Name:\tpoplab\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"));
        assert!(!ignores_hang_up("SigIgn:\t0000000000001000\n"));
        assert!(!ignores_hang_up("SigBlk:\t0000000000000001\n"));
    }
}
