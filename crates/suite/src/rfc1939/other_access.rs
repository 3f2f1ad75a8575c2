//! RFC 1939 sections 4 to 6 seen from another way into the mailbox: the user's hooks list it and remove from it.

use mail::Marker;

use super::deliveries::filled;
use super::maildrop::{Held, Maildrop};
use crate::check::checks;
use crate::deletion::Message;
use crate::lab::Lab;
use crate::outcome::{Mishap, Outcome, Stop, assume, fail, inconclusive, require};

checks! {
    "practice.retr.vanished" => vanished,
    "rfc1939.dele.deferred" => deferred,
    "practice.update.seen-elsewhere" => seen_elsewhere,
}

/// Good practice: If another access path (IMAP, administrator) removes a message during the session, RETR gives
/// -ERR and no other message moves into its number.
async fn vanished(lab: &Lab) -> Outcome {
    filled(lab, 4).await?;
    let mut session = lab.deletable(4).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    // Neither the first nor the last, where a slip may hit right by chance.
    let [_, second, ..] = &before.messages[..] else { return inconclusive("there is no second message") };
    lab.remove_elsewhere(&session, second.number).await?;
    let left = lab.seen_elsewhere(&account).await?;
    assume(!left.contains(&second.marker().body_sha256), || {
        format!("the hook did not remove {}: its list has it still", second.told())
    })?;
    for held in &before.messages {
        let number = held.number;
        let reply = match session.command(format!("RETR {number}")).await {
            Ok(reply) => reply,
            // The client sees no end of a message, and no wrong one.
            Err(mishap @ Mishap::Closed { .. }) => {
                return Err(Stop::Info(format!(
                    "{} was removed another way during the session, and then {mishap}",
                    second.told()
                )));
            }
            Err(mishap) => return Err(mishap.into()),
        };
        if !reply.is_ok() {
            continue;
        }
        let whole = Message::own(reply.octets(), 0, None).is_ok_and(|came| came.marker == *held.marker());
        let came = Marker::parse(reply.octets())
            .and_then(|marker| before.find(&marker))
            .map_or_else(|| format!("{} octets that are no whole message", reply.octets().len()), Held::told);
        require(whole, || {
            format!(
                "{} was removed another way during the session, and then RETR {number} was answered `+OK` with {came}",
                second.told()
            )
        })?;
    }
    let _ = session.quit().await;
    let later = Maildrop::look_again(lab, &account).await?;
    let what = "one message was removed another way during the session, and QUIT followed without DELE";
    before.require_unmarked_kept(&later, &[second.number], lab, what)
}

/// RFC 1939 §5 DELE: The message is not removed before the session enters UPDATE.
async fn deferred(lab: &Lab) -> Outcome {
    filled(lab, 3).await?;
    let mut session = lab.deletable(3).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let there = lab.seen_elsewhere(&account).await?;
    let marked: Vec<_> = [1, before.last()]
        .into_iter()
        .filter_map(|number| before.messages.iter().find(|held| held.number == number))
        .filter(|held| there.contains(&held.marker().body_sha256))
        .collect();
    assume(marked.len() == 2, || "the other way into the mailbox does not show its messages".to_owned())?;
    for held in &marked {
        session.assume_ok(format!("DELE {}", held.number)).await?;
    }
    session.assume_ok("STAT").await?;
    let now = lab.seen_elsewhere(&account).await?;
    session.command("RSET").await?;
    let gone: Vec<String> = marked
        .iter()
        .filter(|held| !now.contains(&held.marker().body_sha256))
        .map(|held| held.told())
        .collect();
    require(gone.is_empty(), || {
        format!(
            "DELE was answered +OK and QUIT not sent, and another way into the mailbox shows no more: {}",
            gone.join("; ")
        )
    })
}

/// RFC 1939 §6 QUIT: When QUIT has been answered `+OK`, another way into the mailbox shows that what was marked
/// is gone, and nothing else.
async fn seen_elsewhere(lab: &Lab) -> Outcome {
    filled(lab, 4).await?;
    let mut session = lab.deletable(4).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let there = lab.seen_elsewhere(&account).await?;
    let shown = before.messages.iter().all(|held| there.contains(&held.marker().body_sha256));
    assume(shown, || "the other way into the mailbox does not show its messages".to_owned())?;
    let marked = [2, before.last()];
    for number in marked {
        session.assume_ok(format!("DELE {number}")).await?;
    }
    session.assume_ok("QUIT").await?;
    // Without waiting for the end of the connection: the reply tells the result.
    let now = lab.seen_elsewhere(&account).await?;
    session.until_closed().await;
    let mut wrong = Vec::new();
    for held in &before.messages {
        match (marked.contains(&held.number), now.contains(&held.marker().body_sha256)) {
            (true, true) => wrong.push(format!("{}, which was marked, is still there", held.told())),
            (false, false) => wrong.push(format!("{}, which was not marked, is gone", held.told())),
            _ => {}
        }
    }
    if wrong.is_empty() {
        return behind_a_removal(lab).await;
    }
    fail(format!("QUIT was answered +OK, and in another way into the mailbox {}", wrong.join("; ")))
}

/// A message before the marked one is removed another way during the session: numbers are the session's, and it is the marked
/// message that goes, not the one that has its place by then.
async fn behind_a_removal(lab: &Lab) -> Outcome {
    filled(lab, 4).await?;
    let mut session = lab.deletable(4).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let [_, second, third, ..] = &before.messages[..] else {
        return inconclusive("there is no third message");
    };
    session.assume_ok(format!("DELE {}", third.number)).await?;
    lab.remove_elsewhere(&session, second.number).await?;
    let is_done = session.quit().await.is_ok();
    let later = Maildrop::look_again(lab, &account).await?;
    let what = format!(
        "DELE {} was answered +OK, message {} was removed another way, and QUIT followed",
        third.number, second.number
    );
    before.require_unmarked_kept(&later, &[second.number, third.number], lab, &what)?;
    // Whether a maildrop that has changed can be updated is the server's to say.
    if is_done {
        before.require_marked_gone(&later, &[third.number], &format!("{what}, which was answered +OK"))?;
    }
    Ok(())
}
