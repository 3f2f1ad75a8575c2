//! A server that is gone: a check brought it down, and nobody is served any more.
//!
//! What the checks beside that one saw says nothing, and what comes after it could not be carried out. Where the user has
//! said how to restart the server (the hook `restart`) it is restarted, and the run goes on; each check that brings it down is
//! then found by itself. Otherwise what the check found that noticed it stays, though it cannot be seen twice.

use std::rc::Rc;

use record::Verdict;

use super::{Finished, Listener, Runner};
use crate::accounts::hooks::Hook;
use crate::lab::Lab;
use crate::outcome::Stop;
use crate::practice::odd_lines::require_alive;

/// Once may be the doing of the check before.
const TRIES: u32 = 2;

impl Runner {
    /// Keeps what was found while connections were turned away, if it is that nobody was served any more: the check is
    /// repeated, and may find nobody to talk to.
    pub(super) fn keep_until_repeated(&self, finished: Finished) {
        if finished.left_nobody {
            self.down.borrow_mut().push(finished);
        }
    }

    /// A check that ran alone: its verdict stands, unless the server was gone before it began.
    pub(super) async fn settled(&self, mut finished: Finished, listener: &Listener) -> Finished {
        for _ in 0..TRIES {
            let verdict = finished.evidence.result.verdict;
            if matches!(verdict, Verdict::Pass | Verdict::Skipped | Verdict::Info) || !self.is_gone().await {
                break;
            }
            let restarted = self.restarted(finished.turn.check.id).await;
            if verdict != Verdict::Inconclusive {
                break;
            }
            if !restarted {
                return self.found_before(finished.turn.check.id).unwrap_or(finished);
            }
            finished = self.carried_out(finished.turn, listener).await;
        }
        finished
    }

    fn found_before(&self, id: &str) -> Option<Finished> {
        let mut down = self.down.borrow_mut();
        let place = down.iter().position(|finished| finished.turn.check.id == id)?;
        Some(down.swap_remove(place))
    }

    /// Whether nobody is served any more, from wherever he comes.
    async fn is_gone(&self) -> bool {
        let lab = Lab::new(Rc::clone(&self.site), "whether anybody is served", None);
        matches!(require_alive(&lab, "all this").await, Err(Stop::Fail(_)))
    }

    /// Restarts the server, if the user said how; whether it serves again.
    async fn restarted(&self, after: &str) -> bool {
        let lab = Lab::new(Rc::clone(&self.site), "a restart", None);
        let (serves, what) = if lab.can(Hook::Restart) {
            match lab.restart().await {
                Ok(()) => (true, "it was restarted by the hook `restart`".to_owned()),
                Err(stop) => (false, stop.told()),
            }
        } else {
            (false, "a hook `restart` would let the run go on".to_owned())
        };
        // Without a restart the same holds for all that follow, and is told once.
        if serves || !self.down_told.replace(true) {
            let endpoint = &self.site.entrance.endpoint;
            let told = format!("{endpoint} served nobody any more after {after}; {what}");
            self.notices.borrow_mut().push(told);
        }
        serves
    }
}
