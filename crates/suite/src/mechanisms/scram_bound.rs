//! RFC 5802 section 6, RFC 9266 and RFC 5929: the variants of SCRAM that are bound to the TLS channel. They have no rows of
//! their own: what is judged are the requirements of SCRAM.
//!
//! `tls-unique` is left out, since TLS 1.3 does not have it.

use std::rc::Rc;

use mail::Role;
use net::TlsFacts;
use sasl::Mechanism;
use sasl::scram::{
    Alterations, Binding, Client, Hash, Sha1, Sha256, TLS_EXPORTER, TLS_SERVER_END_POINT, server_end_point,
};

use super::scram::{conclude_well, refused, run_client, with_hash_of};
use crate::accounts::Account;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive};
use crate::reply::Reply;
use crate::session::Session;

/// The bound variants that the server has, as what they are variants of.
fn announced(lab: &Lab) -> Vec<Mechanism> {
    let names = lab.survey().mechanisms();
    Mechanism::SCRAM.into_iter().filter(|known| names.contains(&name(*known))).collect()
}

fn name(mechanism: Mechanism) -> String {
    format!("{mechanism}-PLUS")
}

/// What a connection can be bound to.
fn bindings(facts: Option<&TlsFacts>) -> Vec<Binding> {
    let Some(facts) = facts else { return Vec::new() };
    let exported = facts.exported.map(|octets| (TLS_EXPORTER, octets.to_vec()));
    let end_point = facts.certificate().zip(facts.certificates.first());
    let end_point = end_point.and_then(|(certificate, der)| server_end_point(der, &certificate.signature));
    exported.into_iter().chain(end_point.map(|octets| (TLS_SERVER_END_POINT, octets))).collect()
}

/// Each bound variant logs in, bound in one of the ways at least: which ways there are is not announced.
pub(crate) async fn exchange(lab: &Lab) -> Outcome {
    for mechanism in announced(lab) {
        let account = lab.account(Role::Disposable).await?;
        let mut refusals = Vec::new();
        for kind in [TLS_EXPORTER, TLS_SERVER_END_POINT] {
            let (session, reply) = with_hash_of!(mechanism, bound(lab, &account, kind))?;
            if reply.is_ok() {
                session.make_room().await?;
            } else {
                refusals.push(format!("{kind}: {}", reply.quoted()));
            }
        }
        if refusals.len() < 2 {
            continue;
        }
        let seen =
            format!("{} bound to this connection was refused, {}", name(mechanism), refusals.join(", "));
        let modern = lab.survey().tls.as_ref().is_some_and(|facts| facts.version == "TLS 1.3");
        // TLS 1.2 has `tls-unique`, which poplab does not.
        return if modern { fail(seen) } else { inconclusive(seen) };
    }
    Ok(())
}

async fn bound<H: Hash>(lab: &Lab, account: &Rc<Account>, kind: &str) -> Result<(Session, Reply), Stop> {
    let name = format!("{}-PLUS", H::MECHANISM);
    lab.unhurried(account, async |session, _greeting| {
        let Some((kind, octets)) = bindings(session.tls()).into_iter().find(|(known, _)| *known == kind)
        else {
            return inconclusive(format!("this connection has no {kind}"));
        };
        let altered = Alterations {
            gs2_header: Some(format!("p={kind},,")),
            binding: Some(octets),
            ..Alterations::default()
        };
        let client = Client::<H>::altered(&account.user, account.password(), &lab.nonce(), altered);
        conclude_well(lab, session, &name, client).await
    })
    .await
}

/// What is bound to another connection, or to nothing, is refused.
pub(crate) async fn misbound(lab: &Lab, account: &Account) -> Outcome {
    for mechanism in announced(lab) {
        for (spoil, what) in [
            (Spoil::Changed, "octets of which one bit is changed"),
            (Spoil::Cut, "the first half of the octets"),
            (Spoil::Missing, "no octets"),
            (Spoil::Foreign, "the octets of another connection"),
        ] {
            for kind in [TLS_EXPORTER, TLS_SERVER_END_POINT] {
                // The certificate is the same in all connections.
                if spoil == Spoil::Foreign && kind == TLS_SERVER_END_POINT {
                    continue;
                }
                let answer = with_hash_of!(mechanism, spoilt(lab, account, kind, spoil))?;
                refused(&answer, &format!("{} with {what} of {kind}", name(mechanism)))?;
            }
        }
    }
    Ok(())
}

/// What becomes of the right octets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoil {
    Changed,
    Cut,
    Missing,
    Foreign,
}

async fn spoilt<H: Hash>(
    lab: &Lab,
    account: &Account,
    kind: &str,
    spoil: Spoil,
) -> Result<super::scram::Answer, Stop> {
    let mut session = lab.connect_for_login().await?;
    let other = if spoil == Spoil::Foreign { Some(lab.connect().await?) } else { None };
    let facts = other.as_ref().map_or(session.tls(), |other| other.tls());
    let Some((kind, mut octets)) = bindings(facts).into_iter().find(|(known, _)| *known == kind) else {
        return inconclusive(format!("this connection has no {kind}"));
    };
    match spoil {
        Spoil::Changed => {
            if let Some(octet) = octets.last_mut() {
                *octet ^= 1;
            }
        }
        Spoil::Cut => octets.truncate(octets.len() / 2),
        Spoil::Missing => octets.clear(),
        Spoil::Foreign => {}
    }
    let altered = Alterations {
        gs2_header: Some(format!("p={kind},,")),
        binding: Some(octets),
        ..Alterations::default()
    };
    let client = Client::<H>::altered(&account.user, account.password(), &lab.nonce(), altered);
    run_client(lab, &mut session, &format!("{}-PLUS", H::MECHANISM), client).await
}
