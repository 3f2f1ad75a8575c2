//! Names and passwords that are data and nothing else: whether they mean something to a file system or a database, whether
//! a NUL cuts them, and what refusals tell of them.
//!
//! Wrong passwords are made up, and given to `disposable` accounts alone.

use std::time::Duration;

use mail::Role;
use sasl::Mechanism;
use tokio::time::Instant;

use super::odd_lines::require_alive;
use super::{nobody_like, says, times};
use crate::accounts::Account;
use crate::check::checks;
use crate::journal::Seen;
use crate::lab::Lab;
use crate::mechanisms::encoded;
use crate::outcome::{Mishap, Outcome, Stop, assume, fail, inconclusive, require, warn};
use crate::refusal::{is_momentary, speaks_of_machinery};
use crate::reply::Reply;
use crate::runner::told;
use crate::session::Session;
use crate::together::together;

checks! {
    "practice.sec.name-injection" => injection [wrong_passwords],
    "practice.sec.nul-in-name" => nul [wrong_password],
    "practice.sec.user-enum" => enumeration [wrong_passwords],
    "practice.sec.user-enum-timing" => enumeration_by_time [wrong_password] [slow],
    "practice.sec.pass-not-echoed" => echo [wrong_password] [watch echoed],
}

/// Names that are tried at once.
const NAMES_AT_ONCE: usize = 5;
/// Failures of each kind from whose times something can be told.
const FAILURES: usize = 30;
/// A difference below this is noise on any network.
const NOTICEABLE: Duration = Duration::from_millis(2);
/// A password that is shorter, or a part of a name, stands in many a text by chance.
const TELLING: usize = 8;

/// Good practice: User names are data: no path, format, SQL, LDAP or shell meaning.
async fn injection(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let user = &account.user;
    let control = refused_name(lab, &account, &nobody_like(lab, user)).await?;
    let names = [
        format!("../../{user}"),
        format!("./{user}"),
        format!("{user}/"),
        format!("{user}/..//{user}"),
        "%s%s%s%n%n%n".to_owned(),
        "%x.%x.%x.%x".to_owned(),
        "' OR '1'='1".to_owned(),
        "'OR'1'='1".to_owned(),
        format!("{user}'"),
        format!("{user}\""),
        format!("{user}'--"),
        format!("{user}'/*"),
        "nobody'UNION/**/SELECT/**/1--".to_owned(),
        "*)(uid=*))(|(uid=*".to_owned(),
        format!("{user})(&"),
        "*".to_owned(),
        "$(id)".to_owned(),
        "`id`".to_owned(),
        format!("{user};id"),
        format!("{user}|id"),
    ];
    // Servers pause behind a wrong password; from addresses of their own, none waits for another.
    let alone = !lab.site().permissions.loopback || lab.site().crowd.is_one_check();
    for names in names.chunks(if alone { 1 } else { NAMES_AT_ONCE }) {
        let tried = names.iter().enumerate().map(|(place, name)| {
            let tried = served(lab, &account, name);
            async move { (place, tried.await) }
        });
        let mut tried = together(tried).await;
        tried.sort_by_key(|(place, _)| *place);
        for (name, (_, seen)) in names.iter().zip(tried) {
            judge_name(lab, &account, control.as_ref(), name, seen?).await?;
        }
    }
    Ok(())
}

/// What was answered to one name and the password of an account must be what is answered to any unknown name.
async fn judge_name(
    lab: &Lab,
    account: &Account,
    control: Option<&(String, Reply)>,
    name: &str,
    seen: Option<(String, Reply)>,
) -> Outcome {
    let user = &account.user;
    let seen = match seen {
        Some(seen) => seen,
        // Once may be chance.
        None if control.is_some() => match served(lab, account, name).await? {
            Some(seen) => seen,
            None => {
                return fail(format!(
                    "USER {name} with a password ended the connection twice without a reply, which another unknown name does not"
                ));
            }
        },
        None => return Ok(()),
    };
    let unusual =
        speaks_of_machinery(&seen.1) && !control.is_some_and(|(_, reply)| speaks_of_machinery(reply));
    require(!unusual, || format!("USER {name} and a password: {}", seen.0))?;
    if seen.1.is_ok() {
        return fail(format!("USER {name} and the password of `{user}`: {}", seen.0));
    }
    assume(!is_momentary(&seen.1), || format!("the login was put off: {}", seen.1.quoted()))
}

/// The same, and if there is no connection to be had, whether that is this name's doing or the last one's.
async fn served(lab: &Lab, account: &Account, name: &str) -> Result<Option<(String, Reply)>, Stop> {
    match refused_name(lab, account, name).await {
        Err(stop @ Stop::Inconclusive(_)) => {
            require_alive(lab, &format!("names such as {name}")).await?;
            Err(stop)
        }
        other => other,
    }
}

/// The last answer to a name that is nobody's and the password of an account, and the words for it. `None` if the
/// connection ended without.
async fn refused_name(lab: &Lab, account: &Account, name: &str) -> Result<Option<(String, Reply)>, Stop> {
    let mut session = lab.connect_for_login().await?;
    for command in [format!("USER {name}"), format!("PASS {}", account.password())] {
        match session.command(&command).await {
            Ok(reply) if reply.is_ok() && command.starts_with("USER") => {}
            Ok(reply) => return Ok(Some((reply.seen(), reply))),
            Err(Mishap::Closed { .. }) => return Ok(None),
            Err(mishap) => return Err(mishap.judged()),
        }
    }
    Ok(None)
}

/// Good practice: NUL in a name or password does not cut it.
async fn nul(lab: &Lab) -> Outcome {
    lab.user_works()?;
    let account = lab.account(Role::Disposable).await?;
    let (user, password) = (&account.user, account.password());
    let junk = &lab.nonce()[..6];
    for (what, name, word) in [
        ("the name, a NUL and more, and the right password", format!("{user}\0{junk}"), password.to_owned()),
        ("the right name, and the password, a NUL and more", user.clone(), format!("{password}\0{junk}")),
        (
            "the name, a NUL and more, and the password, a NUL and more",
            format!("{user}\0{junk}"),
            format!("{password}\0{junk}"),
        ),
    ] {
        lab.journal().secret(word.as_bytes());
        let mut session = lab.connect_for_login().await?;
        match session.command(format!("USER {name}")).await {
            Ok(reply) if reply.is_ok() => {}
            Ok(_) | Err(Mishap::Closed { .. }) => continue,
            Err(mishap) => return Err(mishap.judged()),
        }
        match session.command(format!("PASS {word}")).await {
            Ok(reply) => require(!reply.is_ok(), || format!("{what} were answered {}", reply.quoted()))?,
            Err(Mishap::Closed { .. }) => {}
            Err(mishap) => return Err(mishap.judged()),
        }
    }
    Ok(())
}

/// RFC 1939 §13; RFC 4422 §3.6: Unknown user and wrong password look alike: same text, same code, at the same
/// step.
async fn enumeration(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let nobody = nobody_like(lab, &account.user);
    let mut tried = false;
    for way in ways(lab) {
        let (known, unknown) = both(lab, way, &account.user, &nobody).await?;
        tried = true;
        if known == unknown {
            continue;
        }
        // What differs from one time to the next says nothing.
        let (again, unknown_again) = both(lab, way, &account.user, &nobody).await?;
        assume(again == known && unknown_again == unknown, || {
            format!("failures of {way:?} differ from one time to the next: {}", told_apart(&known, &again))
        })?;
        let words = told_apart(&known, &unknown);
        if known.len() != unknown.len() {
            return warn(format!(
                "{} fails at another step where there is no such user: {words}",
                way.told()
            ));
        }
        return fail(format!("{} tells whether there is such a user: {words}", way.told()));
    }
    assume(tried, || "no login with a password can be tried here".to_owned())
}

/// A failure with the one name and with the other, at the same time where each has an address of its own: servers pause.
async fn both(lab: &Lab, way: Way, one: &str, other: &str) -> Result<(Vec<String>, Vec<String>), Stop> {
    let (one, other) = (failure(lab, way, one), failure(lab, way, other));
    if lab.site().permissions.loopback && !lab.site().crowd.is_one_check() {
        let (one, other) = tokio::join!(one, other);
        return Ok((one?, other?));
    }
    Ok((one.await?, other.await?))
}

/// A way to give a wrong password.
#[derive(Debug, Clone, Copy)]
enum Way {
    User,
    Sasl(Mechanism),
}

impl Way {
    fn told(self) -> String {
        match self {
            Self::User => "USER and PASS".to_owned(),
            Self::Sasl(mechanism) => format!("AUTH {mechanism}"),
        }
    }
}

fn ways(lab: &Lab) -> Vec<Way> {
    let (survey, mut ways) = (lab.survey(), Vec::new());
    if lab.user_works().is_ok() && (survey.announces("USER") || survey.capabilities.is_none()) {
        ways.push(Way::User);
    }
    let announced = survey.mechanisms();
    ways.extend(
        Mechanism::ALL
            .into_iter()
            .filter(|known| announced.iter().any(|name| name == known.name()))
            .map(Way::Sasl),
    );
    ways
}

/// What a wrong password for a name is answered, step by step, without what is different each time.
async fn failure(lab: &Lab, way: Way, user: &str) -> Result<Vec<String>, Stop> {
    let mut session = lab.connect_for_login().await?;
    let mut steps = Vec::new();
    let last = match last_answer(lab, way, user, &mut session, &mut steps).await {
        Ok(last) => last,
        Err(Mishap::Closed { .. }) => {
            steps.push("an end of the connection".to_owned());
            return Ok(steps);
        }
        Err(mishap) => return Err(mishap.into()),
    };
    assume(!is_momentary(&last), || format!("the login was put off: {}", last.quoted()))?;
    assume(last.is_err(), || format!("a wrong password: {}", last.seen()))?;
    steps.push(masked(&last, user));
    Ok(steps)
}

/// The last answer to a wrong password; what came before is put into the steps.
async fn last_answer(
    lab: &Lab,
    way: Way,
    user: &str,
    session: &mut Session,
    steps: &mut Vec<String>,
) -> Result<Reply, Mishap> {
    let wrong = lab.nonce();
    lab.journal().secret(wrong.as_bytes());
    match way {
        Way::User => {
            let reply = session.command(format!("USER {user}")).await?;
            if !reply.is_ok() {
                return Ok(reply);
            }
            steps.push(masked(&reply, user));
            session.command(format!("PASS {wrong}")).await
        }
        Way::Sasl(mechanism) => {
            let mut client = sasl::client(mechanism, user, &wrong, &lab.nonce());
            let mut reply = session.command(format!("AUTH {mechanism}")).await?;
            if reply.continuation && !mechanism.server_first() {
                let first = client.initial().unwrap_or_default();
                reply = session.respond(encoded(lab, first)).await?;
            }
            while reply.continuation && steps.len() < 4 {
                steps.push("a challenge".to_owned());
                let challenge = sasl::base64::decode(reply.text()).unwrap_or_default();
                let answer =
                    client.respond(&challenge).map_or_else(|_| "*".to_owned(), |octets| encoded(lab, octets));
                reply = session.respond(answer).await?;
            }
            Ok(reply)
        }
    }
}

/// A status line without the name that was given, numbers and identifiers.
fn masked(reply: &Reply, user: &str) -> String {
    let text = String::from_utf8_lossy(&reply.line).replace(user, "NAME");
    let local = user.split('@').next().unwrap_or(user);
    let text = if local.len() > 2 { text.replace(local, "NAME") } else { text };
    let varies = |word: &str| word.contains(|letter: char| letter.is_ascii_digit() || letter == '<');
    text.split(' ').map(|word| if varies(word) { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

fn told_apart(known: &[String], unknown: &[String]) -> String {
    format!("`{}`, and for a name that nobody has `{}`", known.join("`, `"), unknown.join("`, `"))
}

/// Good practice: The time of a failed login does not tell whether the user exists.
async fn enumeration_by_time(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let Some(way) = ways(lab).into_iter().next() else {
        return inconclusive("no login with a password can be tried here");
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..times(lab, FAILURES) {
        for (user, times) in
            [(account.user.clone(), &mut known), (nobody_like(lab, &account.user), &mut unknown)]
        {
            let began = Instant::now();
            failure(lab, way, &user).await?;
            times.push(began.elapsed());
        }
    }
    known.sort_unstable();
    unknown.sort_unstable();
    let (mine, other) = (known[known.len() / 2], unknown[unknown.len() / 2]);
    let apart = mine.abs_diff(other) > NOTICEABLE.max(mine.min(other) / 5);
    if apart && dominates(&known, &unknown) {
        return warn(format!(
            "{} failed logins each: with a name that exists they took {} ms in the middle, with one that does not {} ms",
            known.len(),
            mine.as_millis(),
            other.as_millis()
        ));
    }
    Ok(())
}

/// Whether a time of one is nearly always on the same side of a time of the other.
fn dominates(one: &[Duration], other: &[Duration]) -> bool {
    let longer = |these: &[Duration], those: &[Duration]| {
        these.iter().map(|time| those.iter().filter(|than| time > *than).count()).sum::<usize>()
    };
    let nearly_all = one.len() * other.len() * 9;
    longer(one, other) * 10 > nearly_all || longer(other, one) * 10 > nearly_all
}

/// What may be repeated: passwords on the ways in which they are given, and where they are not expected.
async fn echo(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Disposable).await?;
    let wrong = format!("Hidden-{}", lab.nonce());
    let word = encoded(lab, sasl::plain::message("", &account.user, &wrong));
    lab.journal().secret(wrong.as_bytes());
    let digest = sasl::apop::digest("<1@poplab>", &wrong);
    lab.journal().secret(digest.as_bytes());
    let conversations = [
        vec![format!("USER {}", account.user), format!("PASS {wrong}")],
        vec![format!("PASS {wrong}")],
        vec![format!("USER {}", account.user), format!("pass {wrong} {wrong}")],
        vec![format!("AUTH PLAIN {word}")],
        vec![format!("AUTH PLAIN {word} {word}")],
        vec![format!("APOP {} {digest}", account.user)],
    ];
    for commands in conversations {
        let mut session = lab.connect_for_login().await?;
        for command in commands {
            match session.command(&command).await {
                Ok(reply) => require_unsaid(&reply, &[&wrong, &word, &digest])?,
                Err(Mishap::Closed { .. }) => break,
                Err(mishap) => return Err(mishap.into()),
            }
        }
    }
    let mut session = lab.login(Role::Fixtures).await?;
    for command in [format!("PASS {wrong}"), format!("AUTH PLAIN {word}")] {
        if let Ok(reply) = session.command(&command).await {
            require_unsaid(&reply, &[&wrong, &word])?;
        }
    }
    Ok(())
}

fn require_unsaid(reply: &Reply, secrets: &[&str]) -> Outcome {
    let said = secrets.iter().any(|secret| says(reply, secret.as_bytes()));
    require(!said, || format!("{}: what was given as a secret is repeated", reply.seen()))
}

/// Good practice: No reply contains the password or the base64 credentials sent.
fn echoed(seen: &Seen, lab: &Lab) -> Option<String> {
    let telling = lab
        .site()
        .pool
        .accounts()
        .all(|account| account.password().len() >= TELLING && !account.user.contains(account.password()));
    let given = matches!(seen.verb, Some(proto::Verb::Pass | proto::Verb::Apop | proto::Verb::Auth));
    let repeated = telling && given && !seen.continuation && lab.journal().holds_secret(&seen.line);
    repeated.then(|| format!("{}: what was given as a secret is repeated", told(seen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_overlap_say_nothing() {
        let ms =
            |values: &[u64]| values.iter().map(|value| Duration::from_millis(*value)).collect::<Vec<_>>();
        assert!(dominates(&ms(&[10, 11, 12]), &ms(&[1, 2, 3])));
        assert!(dominates(&ms(&[1, 2, 3]), &ms(&[10, 11, 12])));
        assert!(!dominates(&ms(&[1, 5, 9]), &ms(&[2, 5, 8])));
        assert!(!dominates(&ms(&[3, 3]), &ms(&[3, 3])));
    }
}
