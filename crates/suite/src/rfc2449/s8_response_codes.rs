//! RFC 2449 section 8: response codes. Mostly passive: every status line of the run is looked at.

use mail::Role;
use proto::{Deviation, ResponseCode, Status, Verb};

use crate::check::checks;
use crate::enduring::Enduring;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::login;
use crate::outcome::{Outcome, require};
use crate::runner::told;

checks! {
    "rfc2449.resp.bracket" => provoke [watch bracket],
    "rfc2449.resp.syntax" => provoke [watch syntax],
    "rfc2449.resp.announced" => provoke [watch announced],
    "rfc2449.resp.in-use-meaning" => in_use_meaning [wrong_password],
    "rfc2449.resp.in-use-commands" => provoke [watch in_use_commands],
    "rfc2449.resp.login-delay-use" => provoke [watch login_delay_use],
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
