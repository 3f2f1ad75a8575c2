//! RFC 1939 section 3: keywords in any case, each of them and in both states. A server that has a table of commands has it
//! for all; one that compares words by hand may forget it in one place.

use mail::Role;
use tokio::time::sleep;

use super::maildrop::Maildrop;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, require};
use crate::refusal::is_momentary;
use crate::session::Session;

checks! {
    "rfc1939.frame.keyword-case" => keyword_case,
}

/// Commands of a session. Those that may be missing are asked in upper case first.
const COMMANDS: &[&str] =
    &["STAT", "NOOP", "LIST", "LIST 1", "RETR 1", "RSET", "TOP 1 0", "UIDL", "UIDL 1", "CAPA"];

/// RFC 1939 §3, Appendix A: Command keywords are matched without regard to case.
async fn keyword_case(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    for command in COMMANDS {
        // What is retrieved may be deleted.
        if command.starts_with("RETR") && lab.survey().expire_zero() {
            continue;
        }
        in_any_case(&mut session, command).await?;
    }
    let quit = session.command("quit").await.judged()?;
    require(quit.is_ok(), || format!("{}; in upper case it is `+OK` before login too", quit.seen()))?;
    match effects(lab).await {
        // Without mail that may be deleted there is nothing to see.
        Ok(()) | Err(Stop::Skipped(_)) => before_login(lab).await,
        stopped => stopped,
    }
}

/// A reply is easily given in any case; what was asked for must be done, too.
async fn effects(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(2).await?;
    let account = session.account()?;
    let before = Maildrop::before_marks(&mut session, lab).await?;
    let (all, _) = session.assume_ok("STAT").await?.totals()?;
    let (mut counts, told) = (Vec::new(), ["dele 1", "rset", "Dele 1", "Rset", "dele 1"]);
    for command in told {
        let reply = session.command(command).await.judged()?;
        require(reply.is_ok(), || format!("{}, although it works in upper case", reply.seen()))?;
        counts.push(session.assume_ok("STAT").await?.totals()?.0);
    }
    let fewer = all.saturating_sub(1);
    require(counts == [fewer, all, fewer, all, fewer], || {
        format!("of {all} messages, {} were answered `+OK`, and STAT counted {counts:?}", told.join(", "))
    })?;
    session.settle().await?;
    let quit = session.command("quit").await?;
    session.until_closed().await;
    drop(session);
    let later = Maildrop::look_again(lab, &account).await?;
    let what = "`dele 1` and `quit`, in lower case, were answered +OK";
    before.require_unmarked_kept(&later, &[1], lab, what)?;
    if quit.is_ok() { before.require_marked_gone(&later, &[1], what) } else { Ok(()) }
}

/// Requires the same of a command in each case.
async fn in_any_case(session: &mut Session, command: &str) -> Outcome {
    let usual = session.command(command).await?;
    if !usual.is_ok() {
        return assume(!matches!(command, "STAT" | "NOOP" | "LIST"), || usual.seen());
    }
    for odd in odd_cases(command) {
        let reply = session.command(&odd).await.judged()?;
        require(reply.is_ok(), || format!("{}, although it works in upper case", reply.seen()))?;
        let listing = command.starts_with("LIST") || command.starts_with("UIDL");
        let same = !listing || reply.has_content_of(&usual);
        require(reply.content.is_some() == usual.content.is_some() && same, || {
            format!(
                "{} with {} octets of content; in upper case there are {}",
                reply.seen(),
                reply.octets().len(),
                usual.octets().len()
            )
        })?;
    }
    Ok(())
}

/// `stat`, `Stat`, `sTAT`: all, the first, all but the first letter of the keyword changed.
fn odd_cases(command: &str) -> [String; 3] {
    let lower = command.to_ascii_lowercase();
    let (first, rest) = command.split_at(1);
    [lower.clone(), format!("{first}{}", &lower[1..]), format!("{}{rest}", &lower[..1])]
}

async fn before_login(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    if lab.survey().capabilities.is_some() {
        in_any_case(&mut session, "CAPA").await?;
    }
    let refused = session.command("xyzzy").await.judged()?;
    require(refused.is_err(), || refused.seen())?;
    drop(session);
    if lab.user_works().is_err() || lab.survey().method != Some(Method::UserPass) {
        return Ok(());
    }
    let account = lab.account(Role::Fixtures).await?;
    account.may_try(Method::UserPass).map_err(Stop::Inconclusive)?;
    let mut seen = String::new();
    for (user, pass) in [("user", "pass"), ("User", "Pass")] {
        // A lock that lingers would be refused as an unknown word is.
        sleep(account.linger()).await;
        let mut session = lab.connect_for_login().await?;
        let named = session.command(format!("{user} {}", account.user)).await.judged()?;
        let answer = if named.is_ok() {
            session.command(format!("{pass} {}", account.password())).await.judged()?
        } else {
            named
        };
        if answer.is_ok() {
            session.belongs_to(std::rc::Rc::clone(&account));
            session.assume_ok("STAT").await?;
            continue;
        }
        if is_momentary(&answer) {
            return inconclusive(format!("the login was put off: {}", answer.quoted()));
        }
        seen = format!("`{user}` and `{pass}` with the right name and password: {}", answer.seen());
        break;
    }
    if seen.is_empty() {
        return Ok(());
    }
    sleep(account.linger()).await;
    let (mut session, greeting) = lab.opened_for_login().await?;
    let timestamp = sasl::apop::timestamp(&greeting.line);
    let usual = login::attempt(&mut session, Method::UserPass, &account, timestamp, &lab.nonce()).await?;
    if usual.is_ok() {
        session.belongs_to(std::rc::Rc::clone(&account));
        return fail(format!("{seen}; in upper case they are good"));
    }
    Err(Stop::Inconclusive(seen))
}
