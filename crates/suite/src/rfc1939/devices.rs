//! Several devices at one maildrop, as users live them: over many sessions, with new mail between them.
//!
//! A device keeps what it has read by unique-id (RFC 1939 section 7) and fetches what it does not know.

use std::collections::BTreeMap;
use std::rc::Rc;

use mail::Marker;

use super::deliveries::{addressee, lacking, once_arrived};
use super::maildrop::{Held, Maildrop};
use crate::accounts::Account;
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Outcome, assume, fail, require};
use crate::refusal::is_momentary;
use crate::reply::quote;
use crate::session::Session;

checks! {
    "practice.multi.three-devices" => three_devices,
}

/// Rounds in which mail comes and each device looks.
const ROUNDS: usize = 4;
/// The third device removes what has been there for so many rounds.
const KEPT_FOR: usize = 2;

/// A device that leaves mail on the server.
#[derive(Default)]
struct Device {
    name: &'static str,
    /// What it has fetched, by unique-id.
    known: BTreeMap<Vec<u8>, Marker>,
}

impl Device {
    /// Looks for new mail and fetches it.
    async fn poll(&mut self, session: &mut Session) -> Outcome {
        let listing = session.assume_ok("UIDL").await?;
        let ids: Vec<(u64, Vec<u8>)> = listing
            .lines()
            .into_iter()
            .filter_map(|line| proto::listing::unique_id(line).0.map(|(number, id)| (number, id.to_vec())))
            .collect();
        for (number, id) in &ids {
            if self.known.contains_key(id) {
                continue;
            }
            let reply = session.command(format!("RETR {number}")).await?;
            // However often others have fetched it.
            require(!reply.is_err() || is_momentary(&reply), || {
                format!("message {number} is listed, and device {} got {}", self.name, reply.seen())
            })?;
            let reply = reply.assume_ok()?;
            let Some(marker) = Marker::parse(reply.octets()) else { continue };
            // Where both are listed they are two copies of one message.
            let listed = |other: &Vec<u8>| ids.iter().any(|(_, id)| id == other);
            let before = self.known.iter().find(|(other, known)| **known == marker && !listed(other));
            if let Some((other, _)) = before {
                return fail(format!(
                    "device {} got `{}` twice: its unique-id was {} and is {} now",
                    self.name,
                    marker.fixture,
                    quote(other),
                    quote(id)
                ));
            }
            self.known.insert(id.clone(), marker);
        }
        Ok(())
    }

    /// Whether it has fetched all of this, which was there when it looked.
    fn require_has(&self, there: &Maildrop, round: usize) -> Outcome {
        let missed: Vec<String> = there
            .messages
            .iter()
            .filter(|held| !self.known.values().any(|known| known == held.marker()))
            .map(Held::told)
            .collect();
        require(missed.is_empty(), || {
            format!(
                "in round {round} device {} was shown nothing new under these ids, and has not had these messages: {}",
                self.name,
                missed.join("; ")
            )
        })
    }
}

/// Good practice: Three clients polling in turn, one of which deletes after a week's worth of cycles, all see
/// each message exactly once by unique-id.
async fn three_devices(lab: &Lab) -> Outcome {
    let (account, _) = addressee(lab, 2).await?;
    let device = |name| Device { name, ..Device::default() };
    let mut devices = [device("A"), device("B"), device("C")];
    let mut rounds: Vec<Vec<Marker>> = Vec::new();
    for round in 1..=ROUNDS {
        let sent = vec![lab.deliver_new(&account, 700).await?, lab.deliver_new(&account, 1_100).await?];
        let there = once_arrived(lab, &account, &sent).await?;
        let lost = lacking(&there, &sent);
        assume(lost.is_empty(), || format!("what was delivered did not arrive: {}", lost.join(", ")))?;
        rounds.push(sent);
        for device in &mut devices {
            let mut session = lab.login_to(&account).await?;
            device.poll(&mut session).await?;
            session.quit().await?;
            device.require_has(&there, round)?;
        }
        if let Some(old) = round.checked_sub(KEPT_FOR + 1) {
            // One that has forgotten what it had fetches it all.
            let mut fresh = device("D");
            let mut session = lab.login_to(&account).await?;
            fresh.poll(&mut session).await?;
            session.quit().await?;
            fresh.require_has(&there, round)?;
            remove(lab, &account, &rounds[old]).await?;
        }
    }
    // What is left after the last removal is known to all, under the same ids.
    let there = Maildrop::look_again(lab, &account).await?;
    for device in &mut devices {
        let mut session = lab.login_to(&account).await?;
        device.poll(&mut session).await?;
        session.quit().await?;
        device.require_has(&there, ROUNDS + 1)?;
    }
    let kept: Vec<Marker> = rounds.into_iter().skip(ROUNDS - KEPT_FOR).flatten().collect();
    let gone = lacking(&there, &kept);
    require(gone.is_empty(), || {
        format!("device C removed other messages, and these are gone: {}", gone.join(", "))
    })
}

/// The third device removes these messages, in a session of its own.
async fn remove(lab: &Lab, account: &Rc<Account>, old: &[Marker]) -> Outcome {
    let mut session = lab.deletable(1).await?;
    assume(session.account()?.user == account.user, || "another account was lent".to_owned())?;
    let there = Maildrop::before_marks(&mut session, lab).await?;
    for held in old.iter().filter_map(|marker| there.find(marker)) {
        session.assume_ok(format!("DELE {}", held.number)).await?;
    }
    session.quit().await?;
    Ok(())
}
