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
    // Whose it is, if anybody's that is known here: it need not be the first of his role.
    let known: Vec<(String, Role)> = lab
        .site()
        .pool
        .accounts()
        .filter(|account| account.role != Role::Empty && !account.is_retired())
        .map(|account| (account.user.clone(), account.role))
        .collect();
    let mut unseen = Ok(());
    for (user, role) in known {
        match holds(lab, &user, role).await {
            // Single unique-ids and sizes may be those of another maildrop too (RFC 1939 section 7).
            Ok(own) if own == open => {
                return fail(format!(
                    "AUTH ANONYMOUS opened a maildrop whose {} messages are those of `{user}`",
                    open.len()
                ));
            }
            Ok(_) => {}
            Err(stop) => unseen = unseen.and(Err(stop)),
        }
    }
    unseen?;
    info(format!(
        "AUTH ANONYMOUS opens a maildrop with {} messages, which is none of those known here",
        open.len()
    ))
}

/// What is in the maildrop of an account.
async fn holds(lab: &Lab, user: &str, role: Role) -> Result<Vec<(Vec<u8>, u64)>, Stop> {
    let account = lab.account_of(user, role).await?;
    seen(&mut lab.login_to(&account).await?).await
}

/// Unique-id and size of each message: looked at only, and nobody's mail.
async fn seen(session: &mut Session) -> Result<Vec<(Vec<u8>, u64)>, Stop> {
    let ids = session.assume_ok("UIDL").await?.unique_ids()?;
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    Ok(ids.into_iter().zip(sizes).map(|((_, id), (_, size))| (id, size)).collect())
}
