//! RFC 3206 section 4: SYS. Passive: every status line of the run is looked at.

use mail::Role;
use proto::{ResponseCode, Status};

use crate::check::checks;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::outcome::Outcome;
use crate::runner::told;

checks! {
    "rfc3206.sys.syntax" => provoke [watch syntax],
}

/// A conversation with refusals in it. A fault of the system cannot be brought about from outside.
pub(crate) async fn provoke(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.command("XYZZY").await?;
    drop(session);
    if lab.survey().method.is_some() {
        let mut session = lab.login(Role::Fixtures).await?;
        for command in ["RETR 99999", "LIST 99999", "NOOP", "XYZZY"] {
            session.command(command).await?;
        }
    }
    Ok(())
}

/// RFC 3206 §4: SYS has exactly the second levels TEMP and PERM, on -ERR only.
fn syntax(seen: &Seen, _lab: &Lab) -> Option<String> {
    if seen.continuation {
        return None;
    }
    let status = Status::parse(&seen.line).0;
    let code = ResponseCode::parse(status.text).0?;
    let about_system = code.levels().next().is_some_and(|level| level.eq_ignore_ascii_case(b"SYS"));
    let right = !status.is_ok() && (code.is("SYS/TEMP") || code.is("SYS/PERM"));
    (about_system && !right).then(|| format!("{}; `-ERR` with SYS/TEMP or SYS/PERM was required", told(seen)))
}
