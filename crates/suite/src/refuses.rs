//! Checks that say no more than that commands are refused in a state: rows of data.

use mail::Role;

use crate::enduring::Enduring;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop};

/// Where commands are said (RFC 1939 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is logged in. Each command has a connection of its own: several bad ones in a row may end it, which would
    /// say nothing.
    Authorization,
    /// Somebody is. Behind each command a good one is answered.
    Transaction,
}

/// Requires `-ERR` to each of these commands. DELE is left out where it is not permitted, before a login too: who is
/// careless about one state may be about the maildrop.
///
/// # Errors
/// [`Stop::Fail`] if one is obeyed or not answered, those of getting there.
pub(crate) async fn refused(lab: &Lab, state: State, commands: &[&str]) -> Outcome {
    match state {
        State::Authorization => {
            for command in commands {
                before_login(lab, command).await?;
            }
            Ok(())
        }
        State::Transaction => {
            let mut session = Enduring::begin(async || lab.login(Role::Fixtures).await).await?;
            session.require_refusals(commands).await
        }
    }
}

async fn before_login(lab: &Lab, command: &str) -> Outcome {
    let session = if command.starts_with("DELE") { lab.nobody().await } else { lab.connect().await };
    match session {
        Ok(mut session) => match session.command(command).await {
            // Asked before whether there is any mail, the server refused that and closed.
            Err(mishap) if mishap.is_end_behind_refusal() => Ok(()),
            reply => reply.judged()?.require_err().map(drop),
        },
        Err(Stop::Skipped(_)) if command.starts_with("DELE") => Ok(()),
        Err(stop) => Err(stop),
    }
}

/// Builds checks of rows: `/// The sentence.`, then `name in State: "COMMAND", …;`.
macro_rules! refuses {
    ($($(#[$sentence:meta])+ $name:ident in $state:ident: $($command:literal),+;)+) => {
        $(
            $(#[$sentence])+
            async fn $name(lab: &$crate::lab::Lab) -> $crate::outcome::Outcome {
                $crate::refuses::refused(lab, $crate::refuses::State::$state, &[$($command),+]).await
            }
        )+
    };
}
pub(crate) use refuses;
