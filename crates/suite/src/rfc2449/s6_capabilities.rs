//! RFC 2449 sections 6.5 and 6.7: LOGIN-DELAY and EXPIRE.

use mail::Role;
use proto::number;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, require, skipped};
use crate::site::Capability;
use crate::survey::listed;

checks! {
    "rfc2449.login-delay.syntax" => login_delay_syntax,
    "rfc2449.login-delay.max-first" => login_delay_max_first,
    "rfc2449.expire.syntax" => expire_syntax,
    "rfc2449.expire.min-first" => expire_min_first,
    "rfc2449.expire.never" => expire_never,
    "rfc2449.login-delay.user-token" => login_delay_user,
    "rfc2449.expire.user-token" => expire_user,
}

/// A tag's line before and after login.
async fn both(lab: &Lab, tag: &str) -> Result<[Option<Capability>; 2], Stop> {
    Ok(lists(lab).await?.map(|list| list.into_iter().find(|capability| capability.tag == tag)))
}

/// The lists before and after login.
async fn lists(lab: &Lab) -> Result<[Vec<Capability>; 2], Stop> {
    let mut session = lab.connect().await?;
    let before = listed(&session.assume_ok("CAPA").await?).unwrap_or_default();
    drop(session);
    let mut session = lab.login(Role::Fixtures).await?;
    let after = listed(&session.assume_ok("CAPA").await?).unwrap_or_default();
    Ok([before, after])
}

fn days(capability: &Capability) -> Option<u64> {
    match capability.parameters.first().map(String::as_str) {
        Some("NEVER") => Some(u64::MAX),
        Some(word) => number(word.as_bytes()),
        None => None,
    }
}

/// `TAG value`, and ` USER` only before login.
fn form(found: &[Option<Capability>; 2], tag: &str, valid: impl Fn(&str) -> bool) -> Outcome {
    for (state, capability) in ["before", "after"].iter().zip(found) {
        let Some(capability) = capability else { continue };
        let right = match capability.parameters.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [value] => valid(value),
            [value, "USER"] => valid(value) && *state == "before",
            _ => false,
        };
        require(right, || format!("{state} login the line is `{tag} {}`", capability.parameters.join(" ")))?;
    }
    Ok(())
}

/// RFC 2449 §6.5: One integer (seconds), optionally followed by USER, which appears only before login.
async fn login_delay_syntax(lab: &Lab) -> Outcome {
    form(&both(lab, "LOGIN-DELAY").await?, "LOGIN-DELAY", |value| number(value.as_bytes()).is_some())
}

/// RFC 2449 §6.5: The value before login is the largest any user can have, so never smaller than the value
/// after login.
async fn login_delay_max_first(lab: &Lab) -> Outcome {
    let [Some(before), Some(after)] = both(lab, "LOGIN-DELAY").await? else {
        return skipped("LOGIN-DELAY is not announced in both states");
    };
    require(days(&before) >= days(&after), || {
        format!(
            "LOGIN-DELAY is {} before login and {} after it",
            before.parameters.join(" "),
            after.parameters.join(" ")
        )
    })
}

/// RFC 2449 §6.7: EXPIRE takes a number of days or NEVER, optionally followed by USER before login.
async fn expire_syntax(lab: &Lab) -> Outcome {
    let valid = |value: &str| value == "NEVER" || number(value.as_bytes()).is_some();
    let lists = lists(lab).await?;
    // A word that is tag and value at once announces nothing to anybody.
    let glued = |capability: &&Capability| capability.tag.strip_prefix("EXPIRE").is_some_and(valid);
    if let Some(line) = lists.iter().flatten().find(glued) {
        return fail(format!("CAPA has the line `{}`; a space was required behind EXPIRE", line.tag));
    }
    let found = lists.map(|list| list.into_iter().find(|capability| capability.tag == "EXPIRE"));
    if found.iter().all(Option::is_none) {
        return skipped("the server does not announce EXPIRE");
    }
    form(&found, "EXPIRE", valid)
}

/// RFC 2449 §6.7: The value before login is the smallest any user can have (NEVER counts as largest).
async fn expire_min_first(lab: &Lab) -> Outcome {
    let [Some(before), Some(after)] = both(lab, "EXPIRE").await? else {
        return skipped("EXPIRE is not announced in both states");
    };
    require(days(&before) <= days(&after), || {
        format!(
            "EXPIRE is {} before login and {} after it",
            before.parameters.join(" "),
            after.parameters.join(" ")
        )
    })
}

/// Where the value after login is another one, the line before it ends with USER.
async fn user_token(lab: &Lab, tag: &str) -> Outcome {
    let [Some(before), after] = both(lab, tag).await? else {
        return skipped(format!("{tag} is not announced before login"));
    };
    let marked = before.parameters.get(1).is_some_and(|word| word == "USER");
    let shown = |capability: &Capability| format!("`{tag} {}`", capability.parameters.join(" "));
    let Some(after) = after else {
        return require(!marked, || {
            format!(
                "before login the line is {}, which promises a better one after login, where there is none",
                shown(&before)
            )
        });
    };
    let same = before.parameters.first() == after.parameters.first();
    require(same || marked, || {
        format!(
            "before login the line is {}, after it {}, without USER in the first",
            shown(&before),
            shown(&after)
        )
    })
}

/// RFC 2449 §6.5: If the values differ, the first carries USER and the second is the accurate one.
async fn login_delay_user(lab: &Lab) -> Outcome {
    user_token(lab, "LOGIN-DELAY").await
}

/// RFC 2449 §6.7: If the values differ, the first carries USER.
async fn expire_user(lab: &Lab) -> Outcome {
    user_token(lab, "EXPIRE").await
}

/// RFC 2449 §6.7: EXPIRE NEVER promises that the server deletes nothing by itself.
async fn expire_never(lab: &Lab) -> Outcome {
    let never = |capability: &Capability| capability.parameters.first().is_some_and(|value| value == "NEVER");
    if !both(lab, "EXPIRE").await?.iter().flatten().any(never) {
        return skipped("EXPIRE NEVER is not announced");
    }
    // A message of poplab's own: should the promise be false, nobody's mail is lost.
    let mut placed = lab.fixture("fx.lines").await?;
    let account = placed.session.account()?;
    let before = placed.session.assume_ok("STAT").await?.totals()?;
    placed.session.assume_ok(format!("RETR {}", placed.number)).await?;
    placed.session.quit().await?;
    let after = lab.login_to(&account).await?.assume_ok("STAT").await?.totals()?;
    require(after.0 >= before.0, || {
        format!(
            "the maildrop held {} messages; after RETR and QUIT STAT counts {}, in spite of EXPIRE NEVER",
            before.0, after.0
        )
    })
}
