//! The wish of the user, or of the system, that a run end: Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

/// Why a run did not go to its end, when the user ended it.
pub(crate) const INTERRUPTED: &str = "interrupted";

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        }
        // Without handlers the system ends the process itself.
        _ => std::future::pending().await,
    }
}
