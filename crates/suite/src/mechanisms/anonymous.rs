//! RFC 4505: ANONYMOUS, which needs no account and must not open anybody's.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, assume, fail, info};
use crate::refusal::is_busy;
use crate::session::Session;

checks! {
    "practice.anonymous" => anonymous,
}

/// RFC 4505 §2: ANONYMOUS, if offered, never opens a personal maildrop.
async fn anonymous(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let trace = sasl::base64::encode("poplab");
    let mut reply = session.command("AUTH ANONYMOUS").await.judged()?;
    if reply.continuation {
        reply = session.respond(trace).await.judged()?;
    }
    // What is in use is a maildrop of somebody, perhaps of ours.
    assume(!is_busy(&reply), || format!("AUTH ANONYMOUS was answered {}", reply.quoted()))?;
    if !reply.is_ok() {
        return Ok(());
    }
    let open = seen(&mut session).await?;
    drop(session);
    if open.is_empty() {
        return info("AUTH ANONYMOUS opens an empty maildrop");
    }
    for role in [Role::Fixtures, Role::Disposable, Role::Second] {
        let mut own = match lab.login(role).await {
            Ok(own) => own,
            Err(Stop::Skipped(_)) => continue,
            Err(other) => return Err(other),
        };
        let user = own.account()?.user.clone();
        // Single unique-ids and sizes may be those of another maildrop too (RFC 1939 section 7).
        if seen(&mut own).await? == open {
            return fail(format!(
                "AUTH ANONYMOUS opened a maildrop whose {} messages are those of `{user}`",
                open.len()
            ));
        }
    }
    info(format!(
        "AUTH ANONYMOUS opens a maildrop with {} messages, which is none of those known here",
        open.len()
    ))
}

/// Unique-id and size of each message: looked at only, and nobody's mail.
async fn seen(session: &mut Session) -> Result<Vec<(Vec<u8>, u64)>, Stop> {
    let ids = session.assume_ok("UIDL").await?.unique_ids()?;
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    Ok(ids.into_iter().zip(sizes).map(|((_, id), (_, size))| (id, size)).collect())
}
