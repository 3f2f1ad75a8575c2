//! Logging in, by each method a server may offer.
//!
//! Secrets are made known to the journal before they are sent, and so are the digests made from them: with the
//! challenge in the transcript a digest lets a password be guessed. This module deliberately does not choose a
//! method for a server; [`crate::survey()`] does.

use sasl::{Mechanism, base64, oauth};
use transcript::Secrets;

use crate::accounts::{Account, unsendable};
use crate::journal::Journal;
use crate::outcome::Mishap;
use crate::refusal::{blames_credentials, is_busy};
use crate::reply::Reply;
use crate::session::Session;

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// USER and PASS (RFC 1939 section 7).
    UserPass,
    /// APOP (RFC 1939 section 7).
    Apop,
    /// AUTH with a SASL mechanism (RFC 5034).
    Sasl(Mechanism),
}

impl std::fmt::Display for Method {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UserPass => out.write_str("USER/PASS"),
            Self::Apop => out.write_str("APOP"),
            Self::Sasl(mechanism) => write!(out, "AUTH {}", mechanism.name()),
        }
    }
}

/// Challenges that are answered in one exchange. The longest mechanism has two, and a server may begin with an empty
/// one; after so many it does not know what it wants.
const CHALLENGES_AT_MOST: usize = 6;

/// Makes known what must not be shown of these accounts: passwords and tokens, PLAIN messages with them, and the wrong
/// passwords that checks make from right ones by taking a letter away or changing its case. Those with something
/// behind or before the right one are found by it.
pub(crate) fn learn(accounts: &[Account], secrets: &Secrets) {
    secrets.add_names(accounts.iter().map(|account| &account.user));
    secrets.add_all(accounts.iter().map(Account::password));
    let messages = accounts.iter().flat_map(|account| {
        let (user, password) = (&account.user, account.password());
        [["", user, password].join("\0"), [user, user, password].join("\0"), [user, password].join("\0")]
    });
    secrets.add_all(messages.map(base64::encode));
    for account in accounts {
        if let Some(token) = account.token() {
            secrets.add_all([token]);
            secrets.add_all(
                oauth::Kind::ALL.map(|kind| base64::encode(oauth::message(kind, &account.user, token))),
            );
        }
        let mut shorter = account.password().to_owned();
        shorter.pop();
        secrets.add_like(shorter);
        secrets.add_like(swapped(account.password()));
    }
}

/// The base64 of a response, after it was made known as a secret. What follows from a challenge is made known to all
/// journals of the run, as a whole and as what a server may take out of it to show: the digest of CRAM-MD5, the proof of
/// SCRAM.
pub(crate) fn known(journal: &Journal, response: &[u8]) -> String {
    let text = base64::encode(response);
    let digest = response.iter().rposition(|octet| *octet == b' ').map(|space| &response[space + 1..]);
    let proof = response.split(|octet| *octet == b',').find_map(|part| part.strip_prefix(b"p="));
    match digest.or(proof) {
        Some(answer) => {
            journal.answer(text.as_bytes());
            journal.answer(answer);
        }
        None => journal.secret(text.as_bytes()),
    }
    text
}

/// A password with its case changed.
pub(crate) fn swapped(password: &str) -> String {
    let swap = |letter: char| {
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    password.chars().map(swap).collect()
}

/// Runs one login to its last reply, whatever that is, and remembers a refusal.
///
/// # Errors
/// A [`Mishap`] if a reply did not come, or if the password was refused before and is not given again.
pub async fn attempt(
    session: &mut Session,
    method: Method,
    account: &Account,
    timestamp: Option<&str>,
    nonce: &str,
) -> Result<Reply, Mishap> {
    let password = account.password();
    if let Some(reason) = unsendable(&account.user).or_else(|| unsendable(password)) {
        return Err(Mishap::Guarded(format!("no login is tried: the user name or the password {reason}")));
    }
    session.may_log_in()?;
    account.may_try(method).map_err(Mishap::Withheld)?;
    session.journal().password(&account.user, password);
    if method == Method::UserPass {
        let mut reply = session.command(format!("USER {}", account.user)).await?;
        if !reply.is_ok() {
            reply.put_off = is_ours(account, method, &reply);
            return Ok(reply);
        }
    }
    let mut cancelled = false;
    let mut answer = match method {
        Method::UserPass => session.command(format!("PASS {password}")).await,
        Method::Apop => {
            let digest = sasl::apop::digest(timestamp.unwrap_or_default(), password);
            session.journal().answer(digest.as_bytes());
            session.command(format!("APOP {} {digest}", account.user)).await
        }
        Method::Sasl(mechanism) => {
            let ended = exchange(session, mechanism, &account.user, password, nonce).await;
            cancelled = ended.as_ref().is_ok_and(|(_, cancelled)| *cancelled);
            ended.map(|(reply, _)| reply)
        }
    };
    // A refusal of what was broken off says nothing about the password.
    if !cancelled {
        remember(account, method, answer.as_mut());
    }
    answer
}

/// Remembers how the right password fared, and marks a refusal that is likely our own doing as put off. One that was
/// not answered may have been refused, one that we kept back was not.
pub(crate) fn remember(account: &Account, method: Method, answer: Result<&mut Reply, &mut Mishap>) {
    match answer {
        Ok(reply) => {
            reply.put_off = is_ours(account, method, reply);
            if reply.is_ok() {
                account.accepted(method);
            } else if reply.is_err() && !is_busy(reply) {
                account.refused(method);
            }
        }
        Err(mishap) if mishap.is_ours() => {}
        Err(_) => account.unanswered(method),
    }
}

/// The last reply of a SASL exchange, and whether it was we who broke it off.
async fn exchange(
    session: &mut Session,
    mechanism: Mechanism,
    user: &str,
    password: &str,
    nonce: &str,
) -> Result<(Reply, bool), Mishap> {
    let mut cancelled = false;
    let mut client = sasl::client(mechanism, user, password, nonce);
    let mut reply = match client.initial() {
        Some(first) => {
            let encoded = base64::encode(&first);
            session.journal().secret(encoded.as_bytes());
            let line = format!("AUTH {} {encoded}", mechanism.name());
            // RFC 5034 section 4: a command line has 255 octets at most, a longer response goes on its own line.
            if line.len() + 2 <= 255 {
                session.command(line).await?
            } else {
                let reply = session.command(format!("AUTH {}", mechanism.name())).await?;
                if !reply.continuation {
                    return Ok((reply, false));
                }
                session.respond(encoded).await?
            }
        }
        None => session.command(format!("AUTH {}", mechanism.name())).await?,
    };
    let mut challenges = 0;
    while reply.continuation {
        challenges += 1;
        if cancelled {
            let how =
                format!("challenge {challenges} came although the exchange had been cancelled with `*`");
            return Err(Mishap::Endless { command: format!("AUTH {mechanism}"), how });
        }
        let answer = base64::decode(reply.text())
            .ok()
            .filter(|_| challenges <= CHALLENGES_AT_MOST)
            .and_then(|challenge| client.respond(&challenge).ok());
        // A challenge that cannot be answered, or is one too many, is cancelled (RFC 5034 section 4).
        cancelled = answer.is_none();
        let line = answer.map_or_else(|| "*".to_owned(), |octets| known(session.journal(), &octets));
        reply = session.respond(line).await?;
    }
    Ok((reply, cancelled))
}

/// Whether a refusal of the right password is likely our own doing. A server that has a code for wrong credentials and
/// gives it (RFC 3206) means what it says.
fn is_ours(account: &Account, method: Method, reply: &Reply) -> bool {
    reply.is_err() && !blames_credentials(reply) && account.explains_refusal(method)
}
