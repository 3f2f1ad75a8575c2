//! RFC 6856 sections 2.1 and 4, RFC 6858 section 4: messages that need UTF-8, with the mode and without.

use std::rc::Rc;

use mail::{Marker, Role};
use proto::Deviation;

use crate::accounts::Account;
use crate::check::checks;
use crate::difference::Differences;
use crate::lab::Lab;
use crate::login;
use crate::outcome::{Judged, Outcome, Stop, fail, inconclusive, info, require, skipped};
use crate::refusal::asks_for_utf8;
use crate::reply::{Reply, lines, quote};
use crate::session::Session;

checks! {
    "rfc6856.utf8.required" => required,
    "rfc6856.utf8.as-is" => as_is,
    "rfc6856.utf8.ascii-unchanged" => ascii_unchanged,
    "rfc6856.utf8.no-binary" => no_binary,
    "rfc6856.utf8.list-size" => list_size,
    "rfc6858.top-surrogate" => top_of_surrogate,
}

const UTF8_HEADER: &str = "fx.utf8hdr";

/// ASCII messages to compare.
const COMPARED: usize = 4;

/// RFC 6856 §2.1, §4: Without UTF8 mode a message that needs it is either replaced by a conforming ASCII
/// surrogate or refused; raw non-ASCII header text is not sent.
async fn required(lab: &Lab) -> Outcome {
    let (account, number) = place(lab, UTF8_HEADER).await?;
    let mut session = lab.login_to(&account).await?;
    let mut commands = vec![format!("RETR {number}")];
    if lab.survey().has_top {
        commands.push(format!("TOP {number} 0"));
    }
    for command in commands {
        let reply = session.command(&command).await.judged()?;
        let Some(line) = raw_line(reply.octets()) else { continue };
        let seen = format!("without UTF8, `{command}` gave the header line {}", reply.quote(line));
        return if lab.survey().announces("UTF8") {
            fail(format!("{seen}; a surrogate in ASCII or `-ERR` was required"))
        } else {
            // The rule is for servers with the extension (A18); RFC 5322 is about who sends mail.
            Err(Stop::Info(format!("{seen}; the server does not announce UTF8")))
        };
    }
    Ok(())
}

/// RFC 6856 §2.1: In UTF8 mode UTF-8 and ASCII messages are sent as stored.
async fn as_is(lab: &Lab) -> Outcome {
    let (account, number) = found(lab, UTF8_HEADER).await?;
    let mut session = utf8_mode(lab, &account).await?;
    let fixture = lab.made(UTF8_HEADER)?;
    let (number, reply) = lab.retrieved(&mut session, number, &fixture).await?;
    wants_no_utf8(&reply)?;
    let reply = reply.require_ok()?;
    drop(session);
    let expected = mail::wire(&fixture.octets);
    let lost = lines(header(&expected))
        .into_iter()
        .find(|line| !line.is_ascii() && !lines(header(reply.octets())).contains(line));
    let Some(lost) = lost else {
        let differences = Differences::between(mail::body(&expected), mail::body(reply.octets()));
        return require(!differences.matter(), || {
            "in UTF8 mode the header came as stored, the body did not".to_owned()
        });
    };
    // Delivery may have replaced the octets. A server that refuses the message without UTF8 says that it has them.
    let mut session = lab.login_to(&account).await?;
    let plain = session.command(format!("RETR {number}")).await?;
    let seen = format!("in UTF8 mode the header line {} does not come as it was sent", quote(lost));
    if asks_for_utf8(&plain) {
        fail(format!("{seen}, although the message is refused with [UTF8] without the mode"))
    } else {
        inconclusive(format!("{seen}; delivery may have altered it"))
    }
}

/// RFC 6856 §2.1: The mode has no effect on ASCII messages.
async fn ascii_unchanged(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let mut session = lab.login_to(&account).await?;
    let sizes = session.assume_ok("LIST").await?.scan_listing()?;
    let mut plain = Vec::new();
    for (number, _) in sizes.into_iter().filter(|(_, size)| (1..50_000).contains(size)) {
        let reply = session.command(format!("RETR {number}")).await?;
        if reply.is_ok() && reply.octets().is_ascii() {
            plain.push((number, reply.octets().to_vec()));
        }
        if plain.len() == COMPARED {
            break;
        }
    }
    session.make_room().await?;
    if plain.is_empty() {
        return skipped("there is no message in ASCII to compare");
    }
    let mut session = utf8_mode(lab, &account).await?;
    let mut differing = None;
    for (number, octets) in plain {
        let reply = session.command(format!("RETR {number}")).await.judged()?.require_ok()?;
        if reply.octets() != octets {
            differing = Some((number, octets, reply));
            break;
        }
    }
    let Some((number, octets, utf8)) = differing else { return Ok(()) };
    session.make_room().await?;
    let mut session = lab.login_to(&account).await?;
    let again = session.assume_ok(format!("RETR {number}")).await?;
    if again.octets() != octets {
        return inconclusive(format!("RETR {number} differs between two sessions even without UTF8"));
    }
    fail(format!(
        "message {number}, all ASCII, has {} octets without UTF8 and {} with it",
        octets.len(),
        utf8.octets().len()
    ))
}

/// RFC 6856 §2.1: Binary content-transfer-encoding is still not transferred.
async fn no_binary(lab: &Lab) -> Outcome {
    let (account, number) = place(lab, "fx.binary").await?;
    let mut session = utf8_mode(lab, &account).await?;
    let reply = session.command(format!("RETR {number}")).await.judged()?;
    if !reply.is_ok() {
        return Ok(());
    }
    let binary = [Deviation::ContentNul, Deviation::ContentBareCr, Deviation::ContentBareLf];
    match binary.into_iter().find(|deviation| reply.deviations.contains(*deviation)) {
        // The content is as it was stored, and nothing says how a server should know it for binary.
        Some(deviation) => Err(Stop::Info(format!("in UTF8 mode, {}: {deviation}", reply.seen()))),
        None => Ok(()),
    }
}

/// RFC 6856 §2.1: LIST matches the octets RETR sends in the current mode.
async fn list_size(lab: &Lab) -> Outcome {
    let (account, number) = place(lab, UTF8_HEADER).await?;
    let mut session = utf8_mode(lab, &account).await?;
    let (listed, came) = sizes(&mut session, number).await?;
    drop(session);
    let Some(came) = came else { return inconclusive(format!("in UTF8 mode RETR {number} is refused")) };
    require(listed == came, || {
        format!("in UTF8 mode LIST gives message {number} {listed} octets, RETR brings {came}")
    })?;
    let mut session = lab.login_to(&account).await?;
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    // A server may refuse to list what it would not send.
    if !listing.iter().any(|(of, _)| *of == number) {
        return Ok(());
    }
    match sizes(&mut session, number).await? {
        (listed, Some(came)) if listed != came => info(format!(
            "without UTF8 LIST gives message {number} {listed} octets, and its surrogate has {came}"
        )),
        _ => Ok(()),
    }
}

/// What LIST gives a message, and what RETR brings of it.
async fn sizes(session: &mut Session, number: u64) -> Result<(u64, Option<u64>), Stop> {
    let listing = session.assume_ok("LIST").await?.scan_listing()?;
    let Some((_, listed)) = listing.into_iter().find(|(of, _)| *of == number) else {
        return inconclusive(format!("LIST has no message {number}"));
    };
    let reply = session.command(format!("RETR {number}")).await?;
    Ok((listed, reply.is_ok().then(|| reply.octets().len() as u64)))
}

/// RFC 6858 §4: For a surrogate, TOP counts lines of the surrogate.
async fn top_of_surrogate(lab: &Lab) -> Outcome {
    let (account, number) = place(lab, UTF8_HEADER).await?;
    let mut session = lab.login_to(&account).await?;
    let whole = session.command(format!("RETR {number}")).await?;
    if !whole.is_ok() || raw_line(whole.octets()).is_some() {
        return skipped(format!("{}: there is no surrogate", whole.seen()));
    }
    let top = session.command(format!("TOP {number} 2")).await?.assume_ok()?;
    require(whole.octets().starts_with(top.octets()), || {
        format!(
            "TOP {number} 2 gave {} octets that are not the beginning of the {} octets of RETR {number}",
            top.octets().len(),
            whole.octets().len()
        )
    })
}

/// An account and the number of a fixture in it.
async fn place(lab: &Lab, name: &str) -> Result<(Rc<Account>, u64), Stop> {
    found(lab, name).await.map_err(Stop::only_assumed)
}

/// What the survey could not see without UTF8 is looked for with it; a message that is refused all the same is a finding.
async fn found(lab: &Lab, name: &str) -> Result<(Rc<Account>, u64), Stop> {
    let account = lab.account(Role::Fixtures).await?;
    if let Some(number) = lab.number_of(&account, name) {
        return Ok((account, number));
    }
    let missing = format!("the fixture `{name}` is not in the maildrop of `{}`", account.user);
    if !lab.survey().announces("UTF8") || !lab.survey().has_top {
        return skipped(missing);
    }
    let known: Vec<u64> = match lab.survey().fixtures.get(&account.user) {
        Some(fixtures) => fixtures.values().copied().collect(),
        None => Vec::new(),
    };
    let mut session = utf8_mode(lab, &account).await?;
    let numbers = session.assume_ok("LIST").await?.scan_listing()?;
    for (number, _) in numbers.into_iter().filter(|(number, _)| !known.contains(number)) {
        let head = session.command(format!("TOP {number} 0")).await?;
        wants_no_utf8(&head)?;
        let marker = Marker::parse(head.octets());
        if marker.is_some_and(|marker| marker.seed == lab.site().seed && marker.fixture == name) {
            session.make_room().await?;
            return Ok((account, number));
        }
    }
    skipped(missing)
}

/// A session in TRANSACTION and in UTF8 mode.
async fn utf8_mode(lab: &Lab, account: &Rc<Account>) -> Result<Session, Stop> {
    let Some(method) = lab.survey().method.filter(|method| *method != login::Method::Apop) else {
        return skipped("APOP is the only way to log in, and it needs the greeting");
    };
    let mut session = lab.connect_for_login().await?;
    session.assume_ok("UTF8").await?;
    let reply = login::attempt(&mut session, method, account, None, &lab.nonce()).await?;
    if !reply.is_ok() {
        return inconclusive(format!("after UTF8 the login was refused: {}", reply.quoted()));
    }
    session.belongs_to(Rc::clone(account));
    Ok(session)
}

/// What is refused because the mode is off must not be refused when it is on, whichever message it is.
fn wants_no_utf8(reply: &Reply) -> Outcome {
    require(!asks_for_utf8(reply), || {
        format!("in UTF8 mode, {}; the message was to come as it is stored", reply.seen())
    })
}

/// The header, separator included.
fn header(message: &[u8]) -> &[u8] {
    &message[..message.len() - mail::body(message).len()]
}

/// The first header line that is not ASCII.
fn raw_line(message: &[u8]) -> Option<&[u8]> {
    lines(header(message)).into_iter().find(|line| !line.is_ascii())
}
