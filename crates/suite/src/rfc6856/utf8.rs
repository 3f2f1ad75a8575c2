//! RFC 6856 section 2: the UTF8 capability and command, and names and passwords in UTF-8.

use std::rc::Rc;

use mail::Role;

use crate::accounts::Account;
use crate::check::checks;
use crate::deletion::NO_SUCH;
use crate::enduring::Enduring;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::login::{self, Method};
use crate::outcome::{Judged, Outcome, Stop, assume, fail, inconclusive, info, require, skipped, warn};
use crate::refusal::{is_busy, says_busy};
use crate::reply::{Reply, quote};
use crate::rfc2449::s8_response_codes::misplaced;
use crate::session::Session;
use crate::survey::listed;

checks! {
    "rfc6856.utf8.capa" => capability,
    "rfc6856.utf8.command" => command,
    "rfc6856.utf8.not-in-trans" => not_in_transaction,
    "rfc6856.utf8.code" => provoke [watch code],
    "rfc6856.user.reject" => reject [wrong_passwords],
    "rfc6856.user.before-utf8" => before_utf8,
    "rfc6856.utf8.no-arg" => no_argument,
    "rfc6856.utf8.stls-after" => stls_after,
    "rfc6856.user.prep" => prepared [wrong_password],
    "rfc6856.apop-prep" => prepared_for_apop [wrong_password],
}

/// RFC 6856 §2: The tag is UTF8, optionally with the parameter USER, in both states.
async fn capability(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let before = session.assume_ok("CAPA").await?;
    drop(session);
    let mut session = lab.login(Role::Fixtures).await?;
    let after = session.require_ok("CAPA").await?;
    let parameters = |reply| {
        let list = listed(reply).unwrap_or_default();
        list.into_iter().find(|capability| capability.tag == "UTF8").map(|utf8| utf8.parameters.join(" "))
    };
    let (before, after) = (parameters(&before), parameters(&after));
    for (state, parameters) in [("before", &before), ("after", &after)] {
        let Some(parameters) = parameters else { continue };
        require(parameters.is_empty() || parameters == "USER", || {
            format!("{state} login the line is `UTF8 {parameters}`; only USER may follow the tag")
        })?;
    }
    let shown = |found: &Option<String>| match found.as_deref() {
        None => "is missing".to_owned(),
        Some(parameters) => format!("is `{}`", format!("UTF8 {parameters}").trim_end()),
    };
    require(before == after, || {
        format!("the line {} before login and {} after it", shown(&before), shown(&after))
    })
}

/// RFC 6856 §2.1: UTF8 before login switches the mode on (+OK) or is refused (-ERR).
async fn command(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    session.assume_ok("STAT").await?;
    session.make_room().await?;

    let Some(method) = lab.survey().method.filter(|method| *method != Method::Apop) else {
        return skipped("APOP is the only way to log in, and it needs the greeting");
    };
    let (mode, mut session) = match in_utf8_mode(lab, &account, method).await? {
        (mode, Ok(session)) => (mode, session),
        // A lock of our own that lingers would be refused too, without a reason; with the maildrop free it would not.
        (_, Err(_)) => {
            without_it(lab, &account, method).await?;
            match in_utf8_mode(lab, &account, method).await? {
                (mode, Ok(session)) => (mode, session),
                (mode, Err(login)) => {
                    without_it(lab, &account, method).await?;
                    return fail(format!(
                        "UTF8 was answered {mode}; then {method} with the right password was answered {} twice, and \
                         without UTF8 it logs in",
                        login.quoted()
                    ));
                }
            }
        }
    };
    let stat = session.command("STAT").await.judged()?;
    require(stat.is_ok(), || {
        format!("UTF8 was answered {mode}; after login, {}, which works without UTF8", stat.seen())
    })
}

/// What UTF8 was answered, and the session or the refusal of the login behind it.
async fn in_utf8_mode(
    lab: &Lab,
    account: &Rc<Account>,
    method: Method,
) -> Result<(String, Result<Session, Reply>), Stop> {
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    let reply = session.command("UTF8").await.judged()?;
    require(reply.is_ok() || reply.is_err(), || format!("{}; `+OK` or `-ERR` was required", reply.seen()))?;
    let mode = reply.quoted();
    let login = login::attempt(&mut session, method, account, None, &lab.nonce()).await?;
    if login.is_ok() {
        session.belongs_to(Rc::clone(account));
        return Ok((mode, Ok(session)));
    }
    assume(!says_busy(&login), || format!("after UTF8 the login was put off: {}", login.quoted()))?;
    Ok((mode, Err(login)))
}

/// The control of a refusal: the same password is good without the mode, so it is no wrong one.
async fn without_it(lab: &Lab, account: &Rc<Account>, method: Method) -> Outcome {
    account.forgive(method);
    tokio::time::sleep(account.linger()).await;
    lab.login_to(account).await?.make_room().await
}

/// RFC 6856 §2; RFC 1939: UTF8 is valid only in AUTHORIZATION.
async fn not_in_transaction(lab: &Lab) -> Outcome {
    let mut session = lab.login(Role::Fixtures).await?;
    session.require_err("UTF8").await?;
    Ok(())
}

/// A conversation in which messages are asked for that do not exist.
async fn provoke(lab: &Lab) -> Outcome {
    let commands = ["UIDL 99999", "RETR 99999", "LIST 99999", "TOP 99999 0", "NOOP"];
    let mut session = Enduring::begin(async || lab.login(Role::Fixtures).await).await?;
    for command in commands {
        session.command(command).await?;
    }
    drop(session);
    match lab.deletable(0).await {
        Ok(mut session) => {
            session.command(format!("DELE {NO_SUCH}")).await?;
            // It may have ended behind the refusal.
            let _ = session.command("RSET").await;
            Ok(())
        }
        Err(Stop::Skipped(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// RFC 6856 §5: The code UTF8 occurs only on -ERR to LIST, TOP or RETR for such messages.
fn code(seen: &Seen, _lab: &Lab) -> Option<String> {
    use proto::Verb;
    misplaced(seen, "UTF8", &[Verb::List, Verb::Top, Verb::Retr])
}

/// RFC 6856 §2.2: Prohibited characters and ill-formed UTF-8 in names or passwords are refused.
async fn reject(lab: &Lab) -> Outcome {
    let ill_formed: [&[u8]; 3] = [b"a\xc3\x28", b"a\xe2\x80\x8e", b"a\xed\xa0\x80"];
    for name in ill_formed {
        let mut session = lab.connect_for_login().await?;
        let reply = session.command([b"USER ", name].concat()).await.judged()?;
        if reply.is_ok() {
            let pass = session.command("PASS nothing-at-all").await.judged()?;
            require(pass.is_err(), || {
                format!("USER {} and PASS were answered {}; `-ERR` was required", quote(name), pass.quoted())
            })?;
        }
    }
    let account = lab.account(Role::Disposable).await?;
    for tail in ill_formed {
        let mut session = lab.connect_for_login().await?;
        session.assume_ok(format!("USER {}", account.user)).await?;
        let password = [account.password().as_bytes(), tail].concat();
        lab.journal().secret(&password);
        let reply = session.command([b"PASS ", &password[..]].concat()).await.judged()?;
        require(reply.is_err(), || {
            format!(
                "the password with {} behind it was answered {}; `-ERR` was required",
                quote(tail),
                reply.quoted()
            )
        })?;
    }
    not_left_out(lab, &account).await
}

/// Octets that are in no UTF-8 within the right name, and behind the right password: who leaves them out lets one in.
async fn not_left_out(lab: &Lab, account: &Account) -> Outcome {
    for octets in [&b"\xff"[..], b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80"] {
        let mut session = lab.connect_for_login().await?;
        let user = session.command([b"USER ", account.user.as_bytes(), octets].concat()).await.judged()?;
        if user.is_ok() {
            let reply = session.command(format!("PASS {}", account.password())).await.judged()?;
            require(reply.is_err(), || {
                format!(
                    "the name with {} behind it and the right password were answered {}; `-ERR` was required",
                    quote(octets),
                    reply.quoted()
                )
            })?;
        }
        let mut session = lab.connect_for_login().await?;
        session.assume_ok(format!("USER {}", account.user)).await?;
        let password = [account.password().as_bytes(), octets].concat();
        lab.journal().secret(&password);
        let reply = session.command([b"PASS ", &password[..]].concat()).await.judged()?;
        require(reply.is_err(), || {
            format!(
                "the password with {} behind it was answered {}; `-ERR` was required",
                quote(octets),
                reply.quoted()
            )
        })?;
    }
    Ok(())
}

/// RFC 6856 §2.1: UTF8 has no parameters.
async fn no_argument(lab: &Lab) -> Outcome {
    for command in ["UTF8 USER", "UTF8 1"] {
        let mut session = lab.connect().await?;
        let reply = session.command(command).await.judged()?;
        require(reply.is_err(), || format!("{}; UTF8 has no parameters", reply.seen()))?;
    }
    Ok(())
}

/// RFC 6856 §2.1: After UTF8 the server may refuse STLS.
async fn stls_after(lab: &Lab) -> Outcome {
    let mut session = lab.connect_clear().await?;
    session.assume_ok("UTF8").await?;
    let reply = session.command("STLS").await.judged()?;
    if !reply.is_ok() {
        return require(reply.is_err(), || format!("after UTF8 {}", reply.seen()));
    }
    session.start_tls(&lab.site().dialer, &lab.tls_options()).await?;
    // Everything said before the handshake is forgotten (RFC 2595 section 4), the mode too.
    let account = lab.account(Role::Fixtures).await?;
    let (Some(method), Some(number)) = (lab.survey().method, lab.number_of(&account, "fx.utf8hdr")) else {
        return Ok(());
    };
    if method == Method::Apop {
        return Ok(());
    }
    let login = login::attempt(&mut session, method, &account, None, &lab.nonce()).await?;
    assume(login.is_ok(), || format!("after UTF8 and STLS the login was refused: {}", login.quoted()))?;
    let reply = session.command(format!("RETR {number}")).await?;
    let raw = reply.lines().into_iter().take_while(|line| !line.is_empty()).find(|line| !line.is_ascii());
    match raw {
        Some(line) => info(format!("the UTF8 of before STLS is in force after it: {}", reply.quote(line))),
        None => Ok(()),
    }
}

/// ASCII as its full-width forms, which the preparation of names maps to ASCII again (RFC 4013 section 2.2, by NFKC).
fn full_width(text: &str) -> Option<String> {
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0),
        _ => None,
    };
    text.chars().map(wide).collect()
}

/// A name in full-width letters and a disposable account that it stands for.
async fn with_wide_name(lab: &Lab) -> Result<(Rc<Account>, String), Stop> {
    let account = lab.account(Role::Disposable).await?;
    match full_width(&account.user) {
        Some(name) => Ok((account, name)),
        None => skipped(format!("`{}` has no full-width form to try", account.user)),
    }
}

/// RFC 6856 §2.2: With UTF8 USER, names and passwords of USER and PASS are prepared by RFC 4013 (as query strings).
async fn prepared(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let (account, name) = with_wide_name(lab).await?;
    let (_, control) = lab.login_by(&account, Method::UserPass).await?;
    control.assume_ok()?;
    tokio::time::sleep(account.linger()).await;
    let mut session = lab.connect_for_login().await?;
    let mut reply = session.command(format!("USER {name}")).await.judged()?;
    if reply.is_ok() {
        reply = session.command(format!("PASS {}", account.password())).await.judged()?;
    }
    assume(!is_busy(&reply), || reply.seen())?;
    require(reply.is_ok(), || {
        format!(
            "UTF8 USER is announced; `{}` in full-width letters, which SASLprep makes the same name, was answered {}",
            account.user,
            reply.quoted()
        )
    })
}

/// RFC 6856 §2.2: With UTF-8 credentials APOP digests are computed over strings prepared by RFC 4013 (password as
/// stored string).
///
/// The name alone is given in another form: a successor of RFC 4013 may leave passwords as they are.
async fn prepared_for_apop(lab: &Lab) -> Outcome {
    let (account, name) = with_wide_name(lab).await?;
    let (_, control) = lab.login_by(&account, Method::Apop).await?;
    control.assume_ok()?;
    tokio::time::sleep(account.linger()).await;
    let (mut session, greeting) = lab.opened_for_login().await?;
    let Some(timestamp) = sasl::apop::timestamp(&greeting.line) else {
        return inconclusive(format!("the greeting {} has no timestamp", greeting.quoted()));
    };
    let digest = sasl::apop::digest(timestamp, account.password());
    session.journal().answer(digest.as_bytes());
    let reply = session.command(format!("APOP {name} {digest}")).await.judged()?;
    assume(!is_busy(&reply), || reply.seen())?;
    if reply.is_ok() {
        return Ok(());
    }
    // Which successor of RFC 4013 a server has cannot be seen, nor what that makes of such letters.
    warn(format!(
        "UTF8 USER is announced; APOP for `{}` in full-width letters was answered {}",
        account.user,
        reply.quoted()
    ))
}

/// RFC 6856 §2.2: UTF-8 credentials are accepted also before the UTF8 command.
async fn before_utf8(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    if account.user.is_ascii() && account.password().is_ascii() {
        return skipped("needs an account with role `fixtures` whose name or password is not ASCII");
    }
    account.may_try(Method::UserPass).or_else(inconclusive)?;
    let mut session = lab.connect_for_login().await?;
    let user = session.command(format!("USER {}", account.user)).await.judged()?.require_ok()?;
    let mut pass = session.command(format!("PASS {}", account.password())).await;
    login::remember(&account, Method::UserPass, pass.as_mut());
    let pass = pass.judged()?;
    if is_busy(&pass) {
        return inconclusive(pass.seen());
    }
    require(pass.is_ok(), || {
        format!("{} and PASS was answered {}; `+OK` was required", user.seen(), pass.quoted())
    })
}
