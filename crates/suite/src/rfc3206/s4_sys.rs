//! RFC 3206 section 4: SYS. Passive: every status line of the run is looked at.

use mail::Role;
use proto::{ResponseCode, Status};

use crate::accounts::hooks::Hook;
use crate::check::checks;
use crate::enduring::Enduring;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::outcome::{Outcome, assume, fail, inconclusive, require};
use crate::refusal::blames_credentials;
use crate::runner::told;

checks! {
    "rfc3206.sys.syntax" => provoke [watch syntax],
    "rfc3206.sys.used" => used [alone],
}

/// A conversation with refusals in it. A fault of the system cannot be brought about from outside.
pub(crate) async fn provoke(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    session.command("XYZZY").await?;
    drop(session);
    if lab.survey().method.is_some() {
        let mut session = Enduring::begin(async || lab.login(Role::Fixtures).await).await?;
        for command in ["RETR 99999", "LIST 99999", "NOOP", "XYZZY"] {
            session.command(command).await?;
        }
    }
    Ok(())
}

/// RFC 3206 §4: Internal failures during login are reported with SYS, not with AUTH.
async fn used(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    // That it takes the password is seen before.
    let mut session = lab.login_to(&account).await?;
    let (before, _) = session.assume_ok("STAT").await?.totals()?;
    session.quit().await?;
    lab.take_store(&account, Hook::Unreadable).await?;
    let (mut session, reply) = lab.login_once(&account).await?;
    // Some look at the mail only when they are asked for it.
    let later = match &reply {
        Ok(login) if login.is_ok() => Some(session.command("STAT").await),
        _ => None,
    };
    lab.mend_store(&account).await?;
    drop(session);
    let reply = reply?;
    if let Some(later) = later {
        let later = later?;
        if later.has_code("SYS/TEMP") || later.has_code("SYS/PERM") {
            return Ok(());
        }
        if later.is_ok() && before > 0 && later.totals().is_ok_and(|(count, _)| count == 0) {
            return fail(format!(
                "the store was made unreadable, and with {before} messages in it {}: a client takes its mail for deleted",
                later.seen()
            ));
        }
        return inconclusive(format!(
            "the store was made unreadable, a login was answered {} all the same, and {}",
            reply.quoted(),
            later.seen()
        ));
    }
    require(!blames_credentials(&reply), || {
        format!("the store was made unreadable, and the right password was answered {}", reply.quoted())
    })?;
    assume(reply.has_code("SYS/TEMP") || reply.has_code("SYS/PERM"), || {
        format!("the store was made unreadable, and a login was answered {}, without SYS", reply.quoted())
    })
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
