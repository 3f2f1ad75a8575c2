//! RFC 8314 section 3: implicit TLS.

use mail::Role;
use net::Ending;
use tokio::time::timeout;

use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, fail, inconclusive, require};
use crate::refuses::refuses;
use crate::reply::quote;

checks! {
    "rfc8314.implicit.first-octet" => first_octet,
    "rfc8314.implicit.state" => state,
    "rfc8314.close-notify" => close_notify,
}

refuses! {
    /// RFC 8314 §3.1: After the +OK greeting the session is in AUTHORIZATION, even if a client certificate was
    /// given.
    ///
    /// Without a client certificate; one that is accepted can be had from the server's operator alone.
    state in Authorization: "STAT";
}

/// RFC 8314 §3.1: On the implicit-TLS port nothing is sent in plaintext; the handshake comes first and the
/// greeting inside.
async fn first_octet(lab: &Lab) -> Outcome {
    let mut stream = lab.dial().await?;
    let mut octets = [0; 512];
    match timeout(lab.site().patience.quiet, stream.read(&mut octets)).await {
        Err(_) => {}
        Ok(Ok(count)) if count > 0 => {
            let journal = lab.journal();
            let session = journal.connection();
            journal.connected(session, false);
            journal.received_line(session, &octets[..count]);
            return fail(format!("{} came in plaintext, before any handshake", quote(&octets[..count])));
        }
        Ok(_) => return inconclusive("the server closed before any handshake"),
    }
    let patience = lab.site().patience.answer;
    let handshake = timeout(patience, lab.site().dialer.start_tls(stream, &lab.tls_options())).await;
    let Ok(stream) = handshake else { return inconclusive("the TLS handshake did not end in time") };
    let mut session = lab.adopt(stream?);
    let greeting = session.greeting().await.judged()?;
    require(!greeting.is_err() && greeting.line.starts_with(b"+"), || {
        format!("inside TLS the first line was {}; a greeting was required", greeting.quoted())
    })
}

/// RFC 8314 §3.4: The server sends a TLS close alert before closing the TCP connection.
async fn close_notify(lab: &Lab) -> Outcome {
    let before = lab.connect().await?.quit().await?;
    notified(before.how, "before login")?;
    // The end of a session in a maildrop is another piece of code in many servers.
    match lab.login(Role::Fixtures).await {
        Ok(session) => notified(session.quit().await?.how, "after login"),
        Err(_) => Ok(()),
    }
}

fn notified(how: Option<Ending>, place: &str) -> Outcome {
    match how {
        Some(Ending::TlsClose) => Ok(()),
        Some(how) => fail(format!(
            "after QUIT {place} the server ended the TCP connection ({how}) without a close_notify of TLS: no client \
             can tell that from an attacker's cut"
        )),
        None => inconclusive(format!("after QUIT {place} the server did not close in time")),
    }
}
