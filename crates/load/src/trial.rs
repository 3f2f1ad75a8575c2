//! One login before thousands: a password that the server refuses is told at once, and not by every session of the run.
//!
//! It goes the way the sessions will go: the same entrance, TLS and mechanism. Deliberately of one account and once, since
//! servers count refusals, and without a figure: what a login takes is what the run is to find out.

use std::rc::Rc;
use std::time::Duration;

use net::Dialer;
use tokio::time::{Instant, timeout};

use crate::plan::Arrival;
use crate::session::{Expiry, Failure, Recording, Session};
use crate::worker::Context;
use crate::{Assignment, Behaviours, Retrieval};

/// Replies that a login waits for at most: the greeting, STLS, some lines of the login, the capabilities, QUIT.
const REPLIES: u32 = 8;

/// Refusals that say nothing of the password (RFC 2449 section 8, RFC 3206).
const PASSING: [&str; 3] = ["err:IN-USE", "err:LOGIN-DELAY", "err:SYS/TEMP"];

/// Why the trial did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The server does not let the account in. The run would show nothing else.
    #[error("the server refuses the account {user}: {seen}")]
    Refused {
        /// Whose account it is.
        user: String,
        /// What it said, without secrets.
        seen: String,
    },
    /// Something else went wrong, which may pass: the run will show whether it does.
    #[error("the trial login of {user} did not succeed ({kind}: {seen})")]
    Failed {
        /// Whose account it is.
        user: String,
        /// The kind of error.
        kind: String,
        /// What was seen, without secrets.
        seen: String,
    },
}

/// Logs in once, as the user whose turn comes last, and looks what becomes of mail that is retrieved. Must be called
/// within a runtime; it takes at most as long as eight replies may.
///
/// # Errors
/// The server refused the account, or the session did not come so far.
pub async fn try_login(assignment: Assignment, dialer: Dialer) -> Result<Retrieval, TrialError> {
    let timeouts = assignment.scenario.timeouts;
    let at_most = timeouts.connect * 2 + timeouts.reply * REPLIES;
    let (worker, workers) = (assignment.worker, assignment.workers);
    let context = Rc::new(Context::new(assignment, dialer, None, Behaviours::none(), Instant::now()));
    let user = context.plan.last_user(worker, workers);
    let behaviour = context.plan.behaviour(context.scenario(), user) as u16;
    let arrival = Arrival { number: 0, intended_ns: 0, user, visit: u32::MAX };
    let mut session = Session::new(context.clone(), arrival, behaviour);
    // It registers what must not be shown.
    session.record(Recording::new("trial login", 0, false, session.context().secrets()));
    let result = within(at_most, log_in(&mut session)).await;
    let recording = session.take_recording();
    result.map_err(|failure| {
        let user = context.scenario().accounts.user(user).unwrap_or_default();
        let seen = failure.fault().seen.as_str();
        let seen = recording.map_or_else(String::new, |recording| recording.redact(seen));
        if failure.is_refusal() && !PASSING.contains(&failure.kind()) {
            TrialError::Refused { user, seen }
        } else {
            TrialError::Failed { user, kind: failure.kind().to_owned(), seen }
        }
    })
}

async fn log_in(session: &mut Session) -> Result<Retrieval, Failure> {
    session.connect().await?;
    session.login().await?;
    let retrieval = match session.expiry().await? {
        Expiry::Never => Retrieval::Keeps,
        Expiry::Later => Retrieval::Ask,
        Expiry::AtOnce => Retrieval::Deletes,
    };
    session.leave().await?;
    Ok(retrieval)
}

async fn within<T>(at_most: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(at_most, work).await.unwrap_or_else(|_| {
        Err(Failure::custom("timeout", format!("it was not done within {} s", at_most.as_secs())))
    })
}
