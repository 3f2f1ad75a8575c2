//! RFC 1939 section 6: QUIT from a client that says no more, and shuts its sending side down behind it.

use std::time::Duration;

use tokio::time::sleep;

use super::maildrop::Maildrop;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, fail};

/// So often is looked again for what a server that gave no reply has still to remove.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

checks! {
    "practice.robust.half-close-quit" => quit_and_half_close,
}

/// RFC 1939 §6: QUIT followed by half-close is a complete QUIT.
async fn quit_and_half_close(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("DELE 1").await?;
    // So that QUIT may be sent without waiting for more.
    session.settle().await?;
    let under_tls = session.tls().is_some();
    session.send("QUIT").await?;
    session.shutdown_write().await;
    let reply = session.reply().await;
    session.until_closed().await;
    drop(session);
    let mut later = Maildrop::look_again(lab, &account).await?;
    let what = "DELE 1 was answered +OK, then QUIT was sent and the sending side shut down";
    before.require_unmarked_kept(&later, &[1], lab, what)?;
    match reply {
        // What could not be carried out may stay.
        Ok(reply) if reply.is_err() => Ok(()),
        Ok(_) => before.require_marked_gone(&later, &[1], what),
        Err(mishap @ Mishap::Closed { .. }) => {
            // No reply said that it was done: where TLS is a program of its own, the one with the mail may still be at it.
            for _ in 0..LOOKS {
                if before.require_marked_gone(&later, &[1], what).is_ok() {
                    break;
                }
                sleep(BETWEEN_LOOKS).await;
                later = Maildrop::look_again(lab, &account).await?;
            }
            before.require_marked_gone(&later, &[1], what)?;
            // Inside TLS an end of sending ends both directions (RFC 5246 section 7.2.1).
            if under_tls { Ok(()) } else { fail(format!("{what}; {mishap}")) }
        }
        Err(mishap) => Err(mishap.into()),
    }
}
