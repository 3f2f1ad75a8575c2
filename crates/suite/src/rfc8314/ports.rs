//! Clients at the wrong port, and handshakes that do not go on: nobody else may suffer from them.

use crate::check::checks;
use crate::client_hello::{ClientHello, TLS_1_0, TLS_1_2};
use crate::lab::Lab;
use crate::mechanisms::begins_like_status;
use crate::outcome::{Mishap, Outcome, fail, info, require, skipped};
use crate::reply::quote;
use crate::session::{Heard, NextAnswer};
use crate::site::Security;

checks! {
    "practice.tls.plaintext-on-995" => cleartext_at_tls_port,
    "practice.tls.clienthello-on-110" => client_hello_in_cleartext,
    "practice.tls.half-open" => half_open,
}

/// Good practice: Plaintext sent to the TLS port gives an alert or a close, and the server lives on.
async fn cleartext_at_tls_port(lab: &Lab) -> Outcome {
    lab.connect().await?;
    let mut waits = None;
    for (octets, what) in [
        (&b"USER poplab-nobody\r\n"[..], "a command in cleartext"),
        (b"GET / HTTP/1.0\r\n\r\n", "a request of HTTP"),
        (b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", "a record that promises more than records have"),
        (&[0; 512], "512 octets of zero"),
        (&[0xff; 512], "512 octets of 0xff"),
    ] {
        let mut session = lab.before_handshake().await?;
        session.fragment(octets).await?;
        let heard = session.hear(session.patience().answer).await;
        not_served(&heard, what)?;
        // Who has said why he would not go on may go on all the same.
        if heard.ended.is_none() && !heard.octets.is_empty() && session.batch(b"CAPA\r\n").await.is_ok() {
            let more = session.hear(session.patience().quiet).await;
            not_served(&more, &format!("{what}, and then CAPA in cleartext"))?;
        }
        if heard.octets.is_empty() && heard.ended.is_none() {
            waits = Some(what);
        }
        drop(session);
        lab.require_alive(&format!("at the TLS port {what} came")).await?;
    }
    match waits {
        Some(what) => info(format!("at the TLS port {what} is answered neither by an alert nor by an end")),
        None => Ok(()),
    }
}

/// Nobody is served in cleartext where TLS is due; to say `-ERR` and close does no harm.
fn not_served(heard: &Heard, what: &str) -> Outcome {
    let farewell = heard.octets.starts_with(b"-ERR") && heard.ended.is_some();
    require(!heard.has_status() || farewell, || {
        format!("at the TLS port {what} was answered in cleartext: {}", quote(&heard.octets))
    })
}

/// Good practice: A TLS hello on the plaintext port is answered as garbage, at most one -ERR per line,
/// then closed; the server lives on.
async fn client_hello_in_cleartext(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Implicit {
        return skipped("needs a cleartext port");
    }
    lab.connect().await?;
    let seed = lab.nonce();
    let suites = [0xc014, 0x002f, 0x0035];
    for (version, what) in [(TLS_1_0, "of TLS 1.0"), (TLS_1_2, "of TLS 1.2")] {
        let hello =
            ClientHello { version, suites: &suites, server_name: Some("poplab.invalid"), seed: &seed };
        let octets = [hello.record(), b"\r\n".to_vec()].concat();
        let lines = octets.split(|octet| *octet == b'\n').count() - 1;
        let mut session = lab.connect_clear().await?;
        session.batch(&octets).await?;
        let mut ended = false;
        for _ in 0..lines {
            match session.reply().await {
                Ok(reply) => require(reply.is_err(), || {
                    format!("a ClientHello {what} at the cleartext port was answered {}", reply.quoted())
                })?,
                Err(Mishap::Closed { .. }) => {
                    ended = true;
                    break;
                }
                // Some lines may be empty to it, or one line for it what is two for others.
                Err(_) => break,
            }
        }
        if !ended {
            // CAPA may end a line of garbage that was still open; two answers to it may not be.
            match session.next_answer().await {
                Ok(NextAnswer::List(octets)) if begins_like_status(&octets) => {
                    return fail(format!(
                        "behind a ClientHello {what} at the cleartext port CAPA got two answers"
                    ));
                }
                Ok(NextAnswer::Other) => {
                    return fail(format!(
                        "behind a ClientHello {what} at the cleartext port CAPA got no list"
                    ));
                }
                _ => {}
            }
        }
        drop(session);
        lab.require_alive(&format!("a ClientHello {what} came at the cleartext port")).await?;
    }
    Ok(())
}

/// Good practice: A TLS handshake that does not go on keeps nobody else from being served.
async fn half_open(lab: &Lab) -> Outcome {
    if lab.site().entrance.security == Security::Clear {
        return skipped("needs TLS, from the first octet or by STLS");
    }
    // Two at once are served where neither is odd.
    let both = (lab.connect().await?, lab.connect().await?);
    drop(both);
    let seed = lab.nonce();
    let suites = [0xc02f, 0xc02b, 0x009c];
    let hello = ClientHello { version: TLS_1_2, suites: &suites, server_name: None, seed: &seed }.record();
    // Before its first octet, within its first record, and after the server's answer.
    for (sent, what) in [(0, "has not begun"), (20, "has begun"), (hello.len(), "has been answered")] {
        let mut session = lab.before_handshake().await?;
        if sent > 0 {
            session.fragment(&hello[..sent]).await?;
            session.hear(session.patience().quiet).await;
        }
        let alive = lab.require_alive(&format!("one client is waited for whose handshake {what}")).await;
        if alive.is_err() {
            drop(session);
            // Where nobody is served any more, it was not that client.
            if lab.connect().await.is_err() {
                return fail(format!("after a client whose handshake {what}, nobody was served any more"));
            }
            return alive;
        }
    }
    Ok(())
}
