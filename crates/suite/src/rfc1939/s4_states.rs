//! RFC 1939 sections 3, 4 and 7: what may be said in which state, and message numbers for the length of a session.
//!
//! The UPDATE state is not judged here. Wrong passwords go to `disposable` accounts only.

use std::rc::Rc;
use std::time::Duration;

use mail::Role;
use proto::Deviation;
use tokio::time::Instant;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{
    Judged, Mishap, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn,
};
use crate::refusal::{assume_not_put_off, is_momentary};
use crate::refuses::refuses;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc1939.state.some-auth" => some_authentication,
    "rfc1939.state.trans-cmd-in-auth" => transaction_commands_before_login,
    "rfc1939.state.noop-in-auth" => noop_before_login,
    "rfc1939.state.auth-cmd-in-trans" => login_commands_after_login,
    "rfc1939.state.failed-auth-stays" => failed_login_stays [wrong_password],
    "rfc1939.state.retry-after-fail" => retry_after_failure [wrong_password],
    "rfc1939.state.pass-needs-user" => pass_needs_user [wrong_password],
    "rfc1939.state.pass-after-failed-pass" => pass_after_failed_pass [wrong_password],
    "rfc1939.state.user-again" => user_again [wrong_password],
    "rfc1939.state.starts-clean" => starts_clean,
    "rfc1939.state.numbering" => numbering,
    "rfc1939.state.decimal" => decimal,
    "rfc1939.state.numbers-fixed" => numbers_fixed,
    "rfc1939.state.pass-immediately" => pass_immediately [wrong_password],
    "rfc1939.auth.may-close" => may_close [wrong_password],
}

refuses! {
    /// RFC 1939 §3: TRANSACTION commands before login are refused with -ERR.
    transaction_commands_before_login in Authorization:
        "STAT", "LIST", "LIST 1", "RETR 1", "RSET", "TOP 1 0", "UIDL", "UIDL 1", "DELE 1";

    /// RFC 1939 §3, §5: NOOP is a TRANSACTION command; before login it is refused.
    noop_before_login in Authorization: "NOOP";
}

/// RFC 1939 §4: At least one way to authenticate exists (USER/PASS, APOP or AUTH).
async fn some_authentication(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut refusals = Vec::new();
    for method in announced(lab) {
        let (mut session, reply) = lab.login_by(&account, method).await?;
        if reply.is_ok() {
            session.assume_ok("STAT").await?;
            return Ok(());
        }
        assume_not_put_off(&reply)?;
        refusals.push(format!("{method}: {}", reply.quoted()));
    }
    assume(!refusals.is_empty(), || {
        "poplab cannot use any of the ways to log in that are announced".to_owned()
    })?;
    fail(format!("no way to log in as `{}` worked: {}", account.user, refusals.join("; ")))
}

/// The way that worked before comes first, so that normally no login fails here.
pub(crate) fn announced(lab: &Lab) -> Vec<Method> {
    let survey = lab.survey();
    let offered = survey.mechanisms();
    let mechanisms = sasl::Mechanism::ALL.iter().copied();
    let mut methods: Vec<Method> = survey.method.into_iter().collect();
    methods.extend(survey.announces("USER").then_some(Method::UserPass));
    methods.extend(survey.timestamp().map(|_| Method::Apop));
    methods
        .extend(mechanisms.filter(|known| offered.iter().any(|name| name == known.name())).map(Method::Sasl));
    let mut seen = Vec::new();
    methods.retain(|method| {
        let new = !seen.contains(method);
        seen.push(*method);
        new
    });
    methods
}

/// RFC 1939 §3, §7: USER, PASS and APOP after login are refused with -ERR.
///
/// In two sessions, since a third refusal may end one.
async fn login_commands_after_login(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let commands = [format!("USER {}", account.user), format!("PASS {}", account.password())];
    refused_after_login(lab, &account, &commands, "USER and PASS").await?;
    // Nobody's name: a server that errs must not count this as a wrong password of the account.
    refused_after_login(lab, &account, &[format!("APOP poplab-nobody {}", "0".repeat(32))], "APOP").await
}

async fn refused_after_login(lab: &Lab, account: &Rc<Account>, commands: &[String], names: &str) -> Outcome {
    let mut session = lab.login_to(account).await?;
    let before = session.assume_ok("STAT").await?.totals()?;
    for command in commands {
        match session.command(command).await {
            // Behind the refusal before, the server closed.
            Err(mishap) if mishap.is_end_behind_refusal() => {
                session = lab.login_to(account).await?;
                session.require_err(command).await?;
            }
            reply => _ = reply.judged()?.require_err()?,
        }
    }
    let reply = match session.command("STAT").await {
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        reply => reply.judged()?.require_ok()?,
    };
    let after = reply.totals()?;
    require(before == after, || {
        format!("STAT said {} {} before {names} was refused; then {}", before.0, before.1, reply.seen())
    })
}

/// RFC 1939 §4, §7: After a failed login the session is not in TRANSACTION.
///
/// Nor is it after a few of them.
async fn failed_login_stays(lab: &Lab) -> Outcome {
    let (mut session, account) = after_wrong_password(lab).await?;
    let times = if lab.site().permissions.loopback { WRONG_PASSWORDS } else { WRONG_PASSWORDS_ELSEWHERE };
    for time in 1..=times {
        for command in ["STAT", "RETR 1"] {
            let reply = match session.command(command).await {
                // It has refused what was said so far, and closed.
                Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
                reply => reply?,
            };
            require(reply.is_err(), || {
                let passwords =
                    if time == 1 { "a wrong password".to_owned() } else { format!("{time} wrong passwords") };
                format!("after {passwords} {}; `-ERR` was required", reply.seen())
            })?;
        }
        let began = Instant::now();
        let again = [format!("USER {}", account.user), format!("PASS wrong-{}", lab.nonce())];
        for line in again.iter().take(if time < times { 2 } else { 0 }) {
            match session.command(line).await {
                Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
                // Who hears no more names has had enough, and lets nobody in.
                Ok(reply) if reply.is_err() && line.starts_with("USER") => return Ok(()),
                reply => drop(reply?),
            }
        }
        // Who takes its time over wrong passwords would take more and more.
        if began.elapsed() > AT_ONCE {
            return Ok(());
        }
    }
    Ok(())
}

/// Wrong passwords on one connection; fewer on servers that other people use too.
const WRONG_PASSWORDS: u32 = 5;
const WRONG_PASSWORDS_ELSEWHERE: u32 = 3;
/// What is answered within this time was not held back.
const AT_ONCE: Duration = Duration::from_secs(1);

/// RFC 1939 §4: If the server keeps the connection after a failed login, a fresh authentication on it works.
async fn retry_after_failure(lab: &Lab) -> Outcome {
    let (mut session, account) = after_wrong_password(lab).await?;
    // A lock that lingers would be refused as a password is that counts no more.
    tokio::time::sleep(account.linger()).await;
    let named = match session.command(format!("USER {}", account.user)).await {
        Err(mishap) if mishap.is_end_behind_refusal() => return not_kept(),
        named => named?,
    };
    let (asked, reply) = if named.is_ok() {
        ("PASS", session.command(format!("PASS {}", account.password())).await?)
    } else {
        ("USER", named)
    };
    if reply.is_ok() {
        session.assume_ok("STAT").await?;
        return Ok(());
    }
    assume_not_put_off(&reply)?;
    assume(asked == "PASS" || !is_momentary(&reply), || reply.seen())?;
    drop(session);
    // If the password works elsewhere it is the connection that was spoilt; if not, a policy may be at work.
    let (_, elsewhere) = lab.login_by(&account, Method::UserPass).await?;
    assume(elsewhere.is_ok(), || {
        format!("the password was refused on a new connection too: {}", elsewhere.quoted())
    })?;
    fail(format!(
        "after a wrong password {asked} of a fresh login was answered {}, and the login accepted on a new connection",
        reply.quoted()
    ))
}

/// RFC 1939 §7 PASS: PASS without a preceding successful USER is refused.
///
/// With the password of an account where there is one, since a lax server may look for a maildrop it opens.
async fn pass_needs_user(lab: &Lab) -> Outcome {
    let mut session = lab.connect_for_login().await?;
    let password = match lab.account(Role::Disposable).await {
        Ok(account) => account.password().to_owned(),
        Err(_) => lab.nonce(),
    };
    session.require_err(format!("PASS {password}")).await?;
    Ok(())
}

/// RFC 1939 §7 PASS: After a failed PASS, PASS alone is not accepted; USER has to come first again.
async fn pass_after_failed_pass(lab: &Lab) -> Outcome {
    let (mut session, account) = after_wrong_password(lab).await?;
    let reply = match session.command(format!("PASS {}", account.password())).await {
        Err(mishap) if mishap.is_end_behind_refusal() => return not_kept(),
        reply => reply?,
    };
    require(reply.is_err(), || {
        format!("after a wrong password and without another USER, {}; `-ERR` was required", reply.seen())
    })
}

/// A server may end the connection behind a refusal, and many do behind a wrong password.
fn not_kept() -> Outcome {
    skipped("the server ends the connection behind a wrong password")
}

/// A connection on which USER was accepted and one wrong password refused.
async fn after_wrong_password(lab: &Lab) -> Result<(Session, Rc<Account>), Stop> {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let mut session = lab.connect_for_login().await?;
    session.assume_ok(format!("USER {}", account.user)).await?;
    let wrong = format!("wrong-{}", lab.nonce());
    match session.command(format!("PASS {wrong}")).await {
        Err(Mishap::Closed { how, .. }) => {
            inconclusive(format!("the connection ended ({how}) at the wrong password"))
        }
        reply => {
            reply.judged()?.require_err()?;
            Ok((session, account))
        }
    }
}

/// RFC 1939 §7 USER: USER after a successful USER is outside the stated restriction; if accepted, the last
/// name counts.
///
/// The first name is a `disposable` account's: where that one counts, the password is a wrong one for it.
async fn user_again(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let other = lab.account(Role::Disposable).await?;
    let account = lab.account(Role::Second).await?;
    account.may_try(Method::UserPass).or_else(inconclusive)?;
    let (mut alone, reply) = lab.login_by(&account, Method::UserPass).await?;
    assume(reply.is_ok(), || format!("the login of `{}` was answered {}", account.user, reply.quoted()))?;
    let usual = alone.assume_ok("STAT").await?.totals()?;
    alone.close().await;
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    session.assume_ok(format!("USER {}", other.user)).await?;
    if session.command(format!("USER {}", account.user)).await?.is_err() {
        return Ok(());
    }
    let mut reply = session.command(format!("PASS {}", account.password())).await;
    login::remember(&account, Method::UserPass, reply.as_mut());
    let reply = reply?;
    assume_not_put_off(&reply)?;
    // Either way is right with the second USER; to accept it and then to hold it against who has said it is not.
    if !reply.is_ok() {
        return warn(format!(
            "USER {} and then USER {} were accepted, the password of the latter was answered {}; alone it is accepted",
            other.user,
            account.user,
            reply.quoted()
        ));
    }
    let totals = session.assume_ok("STAT").await?.totals()?;
    if totals == usual {
        return Ok(());
    }
    warn(format!(
        "the maildrop of `{}` holds {} messages; after USER {} and USER {} the session saw {}",
        account.user, usual.0, other.user, account.user, totals.0
    ))
}

/// RFC 1939 §7 PASS: PASS is meant to follow the successful USER directly; a command in between may void
/// it.
async fn pass_immediately(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let usual = lab.login_to(&account).await?.assume_ok("STAT").await?.totals()?;
    let mut voided = Vec::new();
    for between in ["CAPA", "XYZZY"] {
        tokio::time::sleep(account.linger()).await;
        let mut session = lab.connect_for_login().await?;
        session.assume_ok(format!("USER {}", account.user)).await?;
        session.command(between).await?;
        let reply = match session.command(format!("PASS {}", account.password())).await {
            Err(Mishap::Closed { how, .. }) => {
                voided.push(format!("{between} (the connection ended, {how})"));
                continue;
            }
            // Accepted or refused, it has an answer.
            Err(mishap @ Mishap::NoReply { .. }) => {
                return warn(format!("USER was accepted, {between} followed, and then {mishap}"));
            }
            reply => reply.judged()?,
        };
        if !reply.is_ok() {
            voided.push(format!("{between} (PASS was answered {})", reply.quoted()));
            continue;
        }
        let totals = session.assume_ok("STAT").await?.totals()?;
        require(totals == usual, || {
            format!(
                "after USER, {between} and PASS the maildrop holds {} messages, and usually {}",
                totals.0, usual.0
            )
        })?;
    }
    if voided.is_empty() {
        Ok(())
    } else {
        info(format!("a command between USER and PASS voids USER: {}", voided.join("; ")))
    }
}

/// RFC 1939 §4: After any negative reply to an authentication the server may close the connection.
async fn may_close(lab: &Lab) -> Outcome {
    let (mut session, _) = after_wrong_password(lab).await?;
    match session.command("CAPA").await {
        Err(Mishap::Closed { how, .. }) => {
            info(format!("the connection ends ({how}) behind the refusal of a wrong password"))
        }
        Err(mishap) => Err(mishap.into()),
        Ok(_) => Ok(()),
    }
}

/// RFC 1939 §4: A new session starts with no message marked deleted, whatever earlier sessions did without
/// QUIT.
async fn starts_clean(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(1).await?;
    let account = session.account()?;
    let (before, _) = session.assume_ok("STAT").await?.totals()?;
    let sizes = sizes(&session.assume_ok("LIST").await?)?;
    session.assume_ok("DELE 1").await?;
    session.close().await;

    let mut session = lab.login_to(&account).await?;
    let (after, _) = session.assume_ok("STAT").await?.totals()?;
    require(after >= before, || {
        format!(
            "{before} messages in one session; after DELE 1 and a close without QUIT STAT counts {after} in the next one"
        )
    })?;
    let reply = session.command("LIST 1").await?;
    require(reply.is_ok(), || format!("{} after a session that was closed without QUIT", reply.seen()))?;
    // The message may have another number now.
    let mut listed = self::sizes(&session.assume_ok("LIST").await?)?;
    for size in sizes {
        let Some(place) = listed.iter().position(|other| *other == size) else {
            return fail(format!(
                "a message of {size} octets was listed, and after DELE 1 and a close without QUIT it is not any more"
            ));
        };
        listed.swap_remove(place);
    }
    Ok(())
}

fn sizes(listing: &Reply) -> Result<Vec<u64>, Stop> {
    Ok(listing.scan_listing()?.into_iter().map(|(_, size)| size).collect())
}

/// RFC 1939 §4: Messages are numbered 1..n without gaps when the maildrop is opened.
async fn numbering(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let (count, _) = session.assume_ok("STAT").await?.totals()?;
    let reply = session.assume_ok("LIST").await?;
    let listing = reply.scan_listing()?;
    let mut numbers: Vec<u64> = listing.iter().map(|(number, _)| *number).collect();
    // Any order will do.
    numbers.sort_unstable();
    if let Some((expected, found)) = (1..).zip(&numbers).find(|(expected, found)| expected != *found) {
        if let Some(place) = listing.iter().rposition(|(number, _)| number == found) {
            reply.deviates(place);
        }
        return fail(format!(
            "LIST numbers the messages {found} where {expected} was expected; STAT counts {count}"
        ));
    }
    let listed = numbers.len() as u64;
    assume(listed == count, || {
        format!(
            "LIST has the numbers 1 to {listed}, STAT counts {count}; which of them is wrong cannot be told here"
        )
    })
}

/// RFC 1939 §4: Numbers and sizes in responses are plain decimal digits.
async fn decimal(lab: &Lab) -> Outcome {
    let mut session = lab.mail(1).await?;
    let stat = session.assume_ok("STAT").await?;
    require_decimal(stat.text(), 2, "STAT")?;
    let (count, _) = stat.totals()?;
    for line in session.assume_ok("LIST").await?.lines() {
        require_decimal(line, 2, "LIST")?;
    }
    // Larger numbers too: in another base small ones look alike, and of others some do by chance.
    for number in [1, 10, 11, 46, 47, count].into_iter().filter(|number| *number <= count) {
        let command = format!("LIST {number}");
        require_decimal(session.assume_ok(&command).await?.text(), 2, &command)?;
        if lab.survey().has_uidl {
            let command = format!("UIDL {number}");
            require_decimal(session.assume_ok(&command).await?.text(), 1, &command)?;
        }
    }
    Ok(())
}

/// Words that are meant for numbers, having a digit, must have nothing else. Words and blanks in the place of
/// numbers are for the checks of the formats.
fn require_decimal(text: &[u8], fields: usize, command: &str) -> Outcome {
    let words: Vec<&[u8]> = text.split(|octet| *octet == b' ').collect();
    if words.len() < 2 {
        return Ok(());
    }
    let debris = |word: &&&[u8]| word.iter().any(u8::is_ascii_digit) && !word.iter().all(u8::is_ascii_digit);
    match words.iter().take(fields).find(debris) {
        Some(word) => {
            fail(format!("{command} gave {}: {}; {}", quote(text), quote(word), Deviation::NumberNotDecimal))
        }
        None => Ok(()),
    }
}

/// RFC 1939 §4, §5 DELE: Numbers stay attached to their messages for the whole session: deletions leave gaps,
/// nothing moves up.
async fn numbers_fixed(lab: &Lab) -> Outcome {
    let mut session = lab.deletable(3).await?;
    let has_uidl = lab.survey().has_uidl;
    let before = if has_uidl { unique_id_of_second(&mut session).await? } else { None };
    let listed = session.assume_ok("LIST").await?.scan_listing()?;
    let second = session.assume_ok("RETR 2").await?;
    let third = session.assume_ok("RETR 3").await?;
    session.assume_ok("DELE 1").await?;
    let after = if has_uidl { unique_id_of_second(&mut session).await? } else { None };
    let now = session.assume_ok("LIST").await?.scan_listing()?;
    let reply = session.command("RETR 2").await;
    let _ = session.command("RSET").await;
    let reply = reply?;
    require(before == after, || {
        let shown = |id: &Option<Vec<u8>>| id.as_deref().map_or_else(|| "none".to_owned(), quote);
        format!("message 2 had the unique-id {}, after DELE 1 {}", shown(&before), shown(&after))
    })?;
    require(reply.is_ok(), || format!("RETR 2 worked before DELE 1, and then {}", reply.seen()))?;
    require(mail::body(reply.octets()) == mail::body(second.octets()), || {
        let moved = mail::body(reply.octets()) == mail::body(third.octets());
        let which = if moved { "message 3 before" } else { "another message" };
        format!("after DELE 1, RETR 2 gave what was {which}: messages were renumbered")
    })?;
    // What is not listed any more is `rfc1939.list.complete`'s.
    let moved = now.iter().find(|line| !listed.contains(line));
    match moved {
        Some((number, size)) => fail(format!(
            "after DELE 1, LIST gave the line `{number} {size}`, which it had not before: messages were renumbered"
        )),
        None => Ok(()),
    }
}

async fn unique_id_of_second(session: &mut Session) -> Result<Option<Vec<u8>>, Stop> {
    let ids = session.assume_ok("UIDL").await?.unique_ids()?;
    Ok(ids.into_iter().find(|(number, _)| *number == 2).map(|(_, id)| id))
}
