//! RFC 2449 section 8: response codes. Mostly passive: every status line of the run is looked at.

use mail::Role;
use proto::{Deviation, ResponseCode, Status, Verb};

use crate::check::checks;
use crate::enduring::Enduring;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::login;
use crate::outcome::{Outcome, assume, fail, info, require};
use crate::rfc1939::s4_lock::login_once;
use crate::runner::told;

checks! {
    "rfc2449.resp.bracket" => provoke [watch bracket],
    "rfc2449.resp.syntax" => provoke [watch syntax],
    "rfc2449.resp.announced" => provoke [watch announced],
    "rfc2449.resp.in-use-meaning" => in_use_meaning [wrong_password],
    "rfc2449.resp.in-use-commands" => provoke [watch in_use_commands],
    "rfc2449.resp.login-delay-use" => provoke [watch login_delay_use],
    "rfc2449.resp.known" => provoke [watch known],
    "practice.resp.in-use-used" => in_use_used,
    "rfc2449.resp.login-delay-not-user" => login_delay_not_user,
}

/// Codes an RFC registers (RFC 2449, 3206, 6856).
const REGISTERED: &[&str] = &["IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM", "AUTH", "UTF8"];

/// A conversation with refusals in it, some of which a careless server answers with the client's own brackets.
async fn provoke(lab: &Lab) -> Outcome {
    let mut session = Enduring::begin(async || lab.connect().await).await?;
    for command in ["USER [x]", "XYZZY [AUTH]"] {
        session.command(command).await?;
    }
    drop(session);
    if lab.survey().method.is_some() {
        let mut session = Enduring::begin(async || lab.login(Role::Fixtures).await).await?;
        for command in ["RETR [x]", "LIST [IN-USE", "NOOP", "RETR 99999"] {
            session.command(command).await?;
        }
    }
    Ok(())
}

fn has_codes(lab: &Lab) -> bool {
    lab.survey().announces("RESP-CODES")
}

fn text(seen: &Seen) -> &[u8] {
    if seen.continuation { b"" } else { Status::parse(&seen.line).0.text }
}

fn code(seen: &Seen) -> Option<ResponseCode<'_>> {
    ResponseCode::parse(text(seen)).0
}

/// RFC 2449 §6.4, §8: With RESP-CODES announced, response text that starts with "\[" is a response code and
/// nothing else.
fn bracket(seen: &Seen, lab: &Lab) -> Option<String> {
    let odd = text(seen).starts_with(b"[") && code(seen).is_none();
    // `[x]` is what the provocation sends: a code of that name is an echo.
    let echoed = code(seen).is_some_and(|code| code.is("x"));
    (has_codes(lab) && (odd || echoed)).then(|| told(seen))
}

/// RFC 2449 §3, §8: A code is "\[" level \*("/" level) "\]" directly at the start of the text.
fn syntax(seen: &Seen, lab: &Lab) -> Option<String> {
    let deviations = ResponseCode::parse(text(seen)).1;
    let deviation = deviations.iter().find(|deviation| {
        matches!(deviation, Deviation::CodeUnclosed | Deviation::CodeEmptyLevel | Deviation::CodeBlank)
    })?;
    has_codes(lab).then(|| format!("{}: {deviation}", told(seen)))
}

/// RFC 2449 §8: A server that sends response codes announces RESP-CODES.
fn announced(seen: &Seen, lab: &Lab) -> Option<String> {
    let code = code(seen)?;
    let registered = REGISTERED.iter().any(|known| code.is(known));
    (registered && !has_codes(lab)).then(|| format!("{} although RESP-CODES is not announced", told(seen)))
}

/// RFC 2449 §8.1.2: IN-USE occurs only on -ERR to PASS, APOP or AUTH.
fn in_use_commands(seen: &Seen, _lab: &Lab) -> Option<String> {
    misplaced(seen, "IN-USE", &[Verb::Pass, Verb::Apop, Verb::Auth])
}

/// RFC 2449 §8.1.1: LOGIN-DELAY occurs only on -ERR to USER, PASS, APOP or AUTH.
fn login_delay_use(seen: &Seen, _lab: &Lab) -> Option<String> {
    misplaced(seen, "LOGIN-DELAY", &[Verb::User, Verb::Pass, Verb::Apop, Verb::Auth])
}

/// RFC 2449 §9: Codes are registered ones (LOGIN-DELAY, IN-USE, SYS/TEMP, SYS/PERM, AUTH, UTF8) or clearly
/// private.
///
/// That the code is registered cannot be asked here; a private one is told, so that somebody looks what it means.
fn known(seen: &Seen, lab: &Lab) -> Option<String> {
    let code = code(seen)?;
    let is_known = REGISTERED.iter().any(|known| code.is(known));
    // SYS without its second level is judged by rfc3206.sys.syntax, the echo of our own word by rfc2449.resp.bracket.
    let judged = code.is("x") || code.levels().next().is_some_and(|level| level.eq_ignore_ascii_case(b"SYS"));
    (has_codes(lab) && !is_known && !judged).then(|| format!("{}; no RFC has that code", told(seen)))
}

/// RFC 2449 §8.1.2: When a login fails only for the lock, the code IN-USE is given.
async fn in_use_used(lab: &Lab) -> Outcome {
    let mut holder = lab.login(Role::Fixtures).await?;
    let account = holder.account()?;
    holder.assume_ok("STAT").await?;
    let (_second, reply) = login_once(lab, &account).await?;
    let reply = reply?;
    if reply.is_ok() || reply.has_code("IN-USE") {
        return Ok(());
    }
    require(reply.is_err(), || format!("a second login was answered {}", reply.quoted()))?;
    // Another code says that it is something else: the wrong thing, or a limit of another kind.
    if reply.has_code("AUTH") {
        return fail(format!("the right credentials for a maildrop in use were answered {}", reply.quoted()));
    }
    holder.assume_ok("NOOP").await?;
    // RFC 1939 section 4 asks for no more than -ERR.
    info(format!("a login to a maildrop in use was answered {}, without the code IN-USE", reply.quoted()))
}

/// RFC 2449 §8.1.1: LOGIN-DELAY should not be given in reply to USER, since it proves that the user exists.
async fn login_delay_not_user(lab: &Lab) -> Outcome {
    let session = lab.login(Role::Fixtures).await?;
    let account = session.account()?;
    session.quit().await?;
    let mut session = lab.connect_for_login().await?;
    let reply = session.command(format!("USER {}", account.user)).await?;
    assume(!reply.continuation, || reply.seen())?;
    require(!reply.has_code("LOGIN-DELAY"), || format!("right after a session, {}", reply.seen()))
}

/// A code on another command than these, or on a positive reply.
pub(crate) fn misplaced(seen: &Seen, name: &str, verbs: &[Verb]) -> Option<String> {
    let here = code(seen).is_some_and(|code| code.is(name));
    let right = seen.verb.is_some_and(|verb| verbs.contains(&verb)) && !Status::parse(&seen.line).0.is_ok();
    (here && !right).then(|| told(seen))
}

/// RFC 2449 §8.1.2: IN-USE says that the credentials were right and the maildrop is busy; it never answers a
/// wrong password.
async fn in_use_meaning(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let _holder = lab.login_to(&account).await?;
    let mut other = lab.connect_for_login().await?;
    other.assume_ok(format!("USER {}", account.user)).await?;
    let wrong = format!("not-{}", account.password());
    lab.journal().secret(wrong.as_bytes());
    let refused = other.command(format!("PASS {wrong}")).await?;
    require(!refused.has_code("IN-USE"), || {
        format!("a wrong password for a busy maildrop: {}", refused.seen())
    })?;
    drop(other);
    let mut third = lab.connect_for_login().await?;
    let method = lab.survey().method.unwrap_or(login::Method::UserPass);
    let reply = login::attempt(&mut third, method, &account, None, &lab.nonce()).await?;
    // RFC 1939 section 4 asks for no more than `-ERR`: a server need not say that the maildrop is busy, nor know that
    // alone. It must not say that the credentials are wrong.
    require(!reply.has_code("AUTH"), || {
        format!("the right password for a busy maildrop: {}; it was not wrong", reply.seen())
    })
}
