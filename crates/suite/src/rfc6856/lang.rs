//! RFC 6856 section 3: LANG.

use mail::Role;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, assume, fail, require, skipped};
use crate::refusal::says_unknown;
use crate::reply::{Reply, quote};
use crate::session::Session;

checks! {
    "rfc6856.lang.list" => list,
    "rfc6856.lang.select" => select,
    "rfc6856.lang.unknown" => unknown,
    "rfc6856.lang.star" => star,
    "rfc6856.lang.states" => states,
    "rfc6856.lang.no-leak" => no_leak,
    "practice.lang.protocol-tokens" => protocol_tokens,
}

/// A range that matches no language there is: `xx` is not assigned (RFC 5646).
const NO_LANGUAGE: &str = "xx-none";

/// RFC 6856 §3.2: LANG without argument lists languages: tag, optional space and description, or is refused.
async fn list(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let reply = session.command("LANG").await.judged()?;
    require(reply.is_ok() || reply.is_err(), || format!("{}; a list or `-ERR` was required", reply.seen()))?;
    for line in reply.lines() {
        let (tag, description) = match line.iter().position(|octet| *octet == b' ') {
            Some(space) => (&line[..space], Some(&line[space + 1..])),
            None => (line, None),
        };
        let described = |text: &[u8]| !text.is_empty() && !text.starts_with(b" ");
        require(is_tag(tag) && description.is_none_or(described), || {
            format!(
                "LANG line {}; a language tag, and perhaps a single space and a description, were required",
                quote(line)
            )
        })?;
    }
    Ok(())
}

/// RFC 6856 §3.2: LANG with a known range answers +OK, space, the chosen tag, space, text; later texts follow
/// it.
async fn select(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let tags = tags(&mut session).await?;
    let tag = first(&tags)?;
    let reply = session.require_ok(format!("LANG {tag}")).await?;
    let chosen = chosen(&reply);
    require(tags.iter().any(|listed| listed.eq_ignore_ascii_case(&chosen)), || {
        format!("{}; `+OK` and one of the tags {} were required", reply.seen(), tags.join(", "))
    })?;
    let reply = session.command("NOOPX").await?;
    require(std::str::from_utf8(&reply.line).is_ok(), || {
        format!("after LANG {tag}, {}, which is not UTF-8", reply.seen())
    })
}

/// RFC 6856 §3.2: An unmatched range is refused and the old language stays.
async fn unknown(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let tags = tags(&mut session).await?;
    session.assume_ok(format!("LANG {}", first(&tags)?)).await?;
    let before = session.command("NOOPX").await?;
    let refused = match session.command(format!("LANG {NO_LANGUAGE}")).await {
        // Behind one refusal a server may close; then there is no text to compare.
        Err(mishap) if mishap.is_end_behind_refusal() => {
            return lab.connect().await?.require_err(format!("LANG {NO_LANGUAGE}")).await.map(drop);
        }
        refused => refused.judged()?,
    };
    refused.require_err()?;
    let after = match session.command("NOOPX").await {
        Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
        after => after?,
    };
    require(before.line == after.line, || {
        format!(
            "an unknown command was answered {} before the refused LANG and {} after it",
            before.quoted(),
            after.quoted()
        )
    })
}

/// RFC 6856 §3.2: LANG \* selects the administrator's preferred language.
async fn star(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let listed = tags(&mut session).await.unwrap_or_default();
    let reply = session.require_ok("LANG *").await?;
    let chosen = chosen(&reply);
    let known = listed.is_empty() || listed.iter().any(|tag| tag.eq_ignore_ascii_case(&chosen));
    require(is_tag(chosen.as_bytes()) && known, || {
        format!("{}; `+OK` and a language tag were required", reply.seen())
    })
}

/// RFC 6856 §3.1: LANG works in AUTHORIZATION and TRANSACTION.
async fn states(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let before = session.command("LANG").await.judged()?;
    drop(session);
    let mut session = lab.login(Role::Fixtures).await?;
    let after = session.command("LANG").await.judged()?;
    for (state, reply, other) in [("before", &before, &after), ("after", &after, &before)] {
        // To refuse the list is allowed, to refuse it in one state only is not.
        if reply.is_err() && (says_unknown(reply) || other.is_ok()) {
            return fail(format!("{state} login, {}; LANG belongs to both states", reply.seen()));
        }
    }
    Ok(())
}

/// RFC 6856 §7: The language does not change on USER before the password was checked.
async fn no_leak(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let nobody = format!("nobody-{}", &lab.nonce()[..8]);
    let mut texts = Vec::new();
    for name in [&account.user, &nobody] {
        let mut session = lab.connect_for_login().await?;
        let plain = user_text(&mut session, name).await?;
        drop(session);
        let mut session = lab.connect_for_login().await?;
        session.assume_ok("LANG *").await?;
        texts.push((plain, user_text(&mut session, name).await?));
    }
    let ((known_before, known), (unknown_before, unknown)) = (&texts[0], &texts[1]);
    // Where the texts differ without LANG too, that is another leak (practice.sec.user-enum).
    assume(known_before == unknown_before, || {
        "USER is answered otherwise for a name that nobody has, without LANG too".to_owned()
    })?;
    require(known == unknown, || {
        format!(
            "after LANG *, USER with the name of an account is answered {}, with that of nobody {}",
            quote(known),
            quote(unknown)
        )
    })
}

/// The reply to USER without the name, which some servers repeat.
async fn user_text(session: &mut Session, name: &str) -> Result<Vec<u8>, Stop> {
    let reply = session.command(format!("USER {name}")).await?;
    Ok(String::from_utf8_lossy(&reply.line).replace(name, "").into_bytes())
}

/// Languages that are tried.
const LANGUAGES_AT_MOST: usize = 20;

/// RFC 6856 §3.2: Only human text is localised: +OK, -ERR, response codes, numbers and CAPA tags stay.
///
/// All in one session: in another one there may be other mail.
async fn protocol_tokens(lab: &Lab) -> Outcome {
    let listed_tags = tags(&mut lab.connect().await?).await?;
    first(&listed_tags)?;
    // Who has a status word of its own has it in every language. Where nothing was said about languages yet.
    let refused = lab.connect().await?.command("XYZZY").await?;
    assume(refused.is_err(), || refused.seen())?;
    let mut session = lab.login(Role::Fixtures).await?;
    let plain = tokens(&mut session).await?;
    for tag in listed_tags.iter().take(LANGUAGES_AT_MOST) {
        let chosen = match session.command(format!("LANG {tag}")).await {
            // Who closes behind a refusal has said the right word in one language, and the same may be tried in no other.
            Err(mishap) if mishap.is_end_behind_refusal() => return Ok(()),
            chosen => chosen?,
        };
        if !chosen.is_ok() {
            continue;
        }
        let localised = tokens(&mut session).await?;
        if let Some(now) = localised.iter().find(|token| !plain.contains(token)) {
            return fail(format!(
                "in the language {tag} {}, which is not among what was said without LANG",
                quote(now)
            ));
        }
        if let Some(before) = plain.iter().find(|token| !localised.contains(token)) {
            return fail(format!(
                "in the language {tag} there is no {}, which was said without LANG",
                quote(before)
            ));
        }
        let wrong = match session.command("XYZZY").await {
            Err(Mishap::OddStatus { line, .. }) => {
                return fail(format!(
                    "in the language {tag} `XYZZY` was answered {line}; `-ERR` was required"
                ));
            }
            wrong => wrong.judged()?,
        };
        require(wrong.is_err() && status_word(&wrong) == status_word(&refused), || {
            format!("in the language {tag} {}; `-ERR` was required", wrong.seen())
        })?;
    }
    Ok(())
}

/// What stands before the first blank of a status line.
fn status_word(reply: &Reply) -> &[u8] {
    reply.line.split(|octet| *octet == b' ').next().unwrap_or_default()
}

/// What no language changes: numbers, and the tags of CAPA.
async fn tokens(session: &mut Session) -> Result<Vec<Vec<u8>>, Stop> {
    let mut all = Vec::new();
    let stat = session.command("STAT").await.judged()?.require_ok()?;
    let numbers = |text: &[u8]| text.split(|octet| *octet == b' ').take(2).collect::<Vec<_>>().join(&b' ');
    all.push([b"STAT ", &numbers(stat.text())[..]].concat());
    let list = session.command("LIST").await.judged()?.require_ok()?;
    all.extend(list.lines().into_iter().map(|line| [b"LIST ", &numbers(line)[..]].concat()));
    let capa = session.command("CAPA").await.judged()?;
    let tag = |line: &[u8]| line.split(|octet| *octet == b' ').next().unwrap_or_default().to_vec();
    all.extend(capa.lines().into_iter().map(|line| [b"CAPA ", &tag(line)[..]].concat()));
    Ok(all)
}

/// The tags of the list.
async fn tags(session: &mut Session) -> Result<Vec<String>, Stop> {
    let reply = session.command("LANG").await?;
    if !reply.is_ok() {
        return skipped(format!("{}, so no language is known to choose", reply.seen()));
    }
    let tag = |line: &[u8]| {
        String::from_utf8_lossy(line.split(|octet| *octet == b' ').next().unwrap_or_default()).into_owned()
    };
    Ok(reply.lines().into_iter().map(tag).collect())
}

fn first(tags: &[String]) -> Result<&str, Stop> {
    match tags.first() {
        Some(tag) => Ok(tag),
        None => skipped("the list of languages is empty"),
    }
}

/// The first word of a reply's text.
fn chosen(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.text().split(|octet| *octet == b' ').next().unwrap_or_default())
        .into_owned()
}

fn is_tag(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}
