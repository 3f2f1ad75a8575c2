//! RFC 8314 section 4: versions of TLS, client certificates, and cleartext logins that are denied.

use mail::Role;
use net::{DialError, TlsOptions, Versions};
use tokio::time::timeout;

use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive, skipped, warn};
use crate::refusal::assume_not_put_off;
use crate::site::Security;

checks! {
    "rfc8314.tls12" => modern_version,
    "rfc8314.client-cert-request" => client_certificate_request,
    "rfc8314.cleartext-uniform" => cleartext_uniform [wrong_password],
}

/// RFC 8314 §4: TLS 1.2 or later is supported.
async fn modern_version(lab: &Lab) -> Outcome {
    let mut refusals = Vec::new();
    for (name, versions) in [("TLS 1.2", Versions::Only12), ("TLS 1.3", Versions::Only13)] {
        let options = TlsOptions { versions, ..lab.tls_options() };
        let handshake = lab.site().dialer.start_tls(lab.dial().await?, &options);
        match timeout(lab.site().patience.answer, handshake).await {
            Ok(Ok(stream)) => {
                drop(lab.adopt(stream));
                return Ok(());
            }
            // Two sides that find no common version part in one of these ways.
            Ok(Err(error @ (DialError::Handshake { .. } | DialError::ClosedInHandshake))) => {
                refusals.push(format!("{name}: {error}"));
            }
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return inconclusive(format!("the handshake with {name} did not end in time")),
        }
    }
    fail(refusals.join("; "))
}

/// RFC 8314 §4.2: No client certificate is requested unless the server is configured to accept some.
async fn client_certificate_request(lab: &Lab) -> Outcome {
    let mut session = lab.connect().await?;
    let requested = session.tls().is_some_and(|facts| facts.client_certificate_requested);
    session.command("CAPA").await?;
    if !requested || lab.survey().mechanisms().iter().any(|name| name == "EXTERNAL") {
        return Ok(());
    }
    // EXTERNAL may be announced only to clients that have shown a certificate, and poplab has none to show.
    warn(
        "a client certificate is requested, and without one EXTERNAL is not announced: \
         unless some certificates are good for a login, the request must not be made",
    )
}

/// RFC 8314 §4.1: Where cleartext login is denied, right and wrong credentials get the same indication.
async fn cleartext_uniform(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a cleartext port");
    }
    let account = lab.account(Role::Disposable).await?;
    let wrong = Account::new(account.user.clone(), format!("not-{}", account.password()), Role::Disposable);
    let nobody = Account::new(format!("nobody-{}", lab.nonce()), "nothing-at-all", Role::Disposable);
    let Some(right) = indication(lab, &account).await? else {
        return skipped("cleartext login is allowed here, so there is no refusal to judge");
    };
    for (what, other) in [("a wrong password", wrong), ("an unknown name", nobody)] {
        let Some(seen) = indication(lab, &other).await? else {
            return inconclusive(format!("{what} was accepted, the right credentials were not"));
        };
        if seen == right {
            continue;
        }
        // Once more: what differs between two equal attempts tells nothing about the credentials.
        let again = (indication(lab, &account).await?, indication(lab, &other).await?);
        if again != (Some(right.clone()), Some(seen.clone())) {
            return inconclusive("the answers to two equal attempts differ");
        }
        return fail(format!(
            "cleartext login is denied: the right credentials got `{}`, {what} got `{}`",
            right.join("`, `"),
            seen.join("`, `")
        ));
    }
    Ok(())
}

/// What USER and PASS in cleartext are answered, without what differs from time to time; `None` if they log in.
async fn indication(lab: &Lab, account: &Account) -> Result<Option<Vec<String>>, Stop> {
    lab.journal().secret(account.password().as_bytes());
    let (mut session, _) = lab.greeted_for_login().await?;
    let user = session.command(format!("USER {}", account.user)).await?;
    if !user.is_ok() {
        return Ok(Some(vec![constant(&user.line)]));
    }
    let pass = session.command(format!("PASS {}", account.password())).await?;
    // This is no denial of cleartext: only who may log in is told to come later.
    assume_not_put_off(&pass)?;
    Ok((!pass.is_ok()).then(|| vec![constant(&user.line), constant(&pass.line)]))
}

/// A status line without numbers and identifiers: words with a digit in them, and what stands in `<>`.
fn constant(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let words = text.split(' ').filter(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '<'));
    words.collect::<Vec<_>>().join(" ")
}
