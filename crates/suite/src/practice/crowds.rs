//! Connections that do nothing, or much: what they hold, for how long, and whether others are served meanwhile.
//!
//! All of it waits for minutes or puts a load on the server, and is asked for with `--slow` and `--stress`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mail::Role;
use net::{DialError, Stream};
use tokio::time::{Instant, sleep, timeout};

use super::{times, warn_beyond_loopback};
use crate::check::checks;
use crate::lab::Lab;
use crate::outcome::{Judged, Mishap, Outcome, Stop, fail, inconclusive, warn};
use crate::session::Session;
use crate::site::Security;

checks! {
    "practice.sec.preauth-timeout" => idle_before_login [slow],
    "practice.sec.preauth-slowloris" => drip_before_login [slow],
    "practice.sec.preauth-connections" => many_idle [stress],
    "practice.sec.handshake-flood" => half_handshakes [stress],
    "practice.robust.churn" => churn [stress],
}

/// Somewhat more than the ten minutes that RFC 1939 section 3 grants whoever is logged in.
const IDLE: Duration = Duration::from_mins(11);
/// An endless line, octet by octet, is listened to for so long at most.
const DRIP: Duration = Duration::from_mins(15);
/// Between two of its octets.
const BETWEEN_OCTETS: Duration = Duration::from_secs(20);
/// Between two looks at whether the connection is still there.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// Connections that say nothing.
const IDLE_CONNECTIONS: usize = 500;
/// Handshakes that begin.
const HANDSHAKES: usize = 200;
/// How long such a handshake may hold its place.
const HANDSHAKE: Duration = Duration::from_mins(1);
/// Somebody else is to be served within this time.
const SERVED_WITHIN: Duration = Duration::from_secs(10);
/// Sessions one after the other.
const SESSIONS: usize = 5000;
/// The first and the last so many are compared.
const COMPARED: usize = 100;
/// Time that sessions one after the other may take in all.
const CHURN: Duration = Duration::from_mins(1);
/// By how much the last may be slower than the first.
const SLOWER: u32 = 3;

/// Good practice: Idle connections before login are closed in bounded time.
async fn idle_before_login(lab: &Lab) -> Outcome {
    let session = lab.connect().await?;
    held(lab, session, IDLE, None).await
}

/// Good practice: Sending one octet every 20 s does not keep an unauthenticated connection for ever.
async fn drip_before_login(lab: &Lab) -> Outcome {
    let session = lab.connect().await?;
    held(lab, session, DRIP, Some(BETWEEN_OCTETS)).await
}

/// Requires that the server ends a connection on which nothing is said, or an octet now and then.
async fn held(lab: &Lab, mut session: Session, at_most: Duration, drip: Option<Duration>) -> Outcome {
    let began = Instant::now();
    while began.elapsed() < at_most {
        let end = (Instant::now() + drip.unwrap_or(BETWEEN_LOOKS)).min(began + at_most);
        while Instant::now() < end && !session.has_ended() {
            // A line may announce the end.
            session.surplus(end.saturating_duration_since(Instant::now())).await;
        }
        if session.has_ended() {
            return Ok(());
        }
        if drip.is_some() {
            match session.fragment(b"X").await {
                Err(Mishap::Closed { .. }) => return Ok(()),
                other => other?,
            }
        }
    }
    let how = if drip.is_some() { "on which an octet came every 20 s" } else { "on which nothing was said" };
    warn_beyond_loopback(
        lab,
        format!("a connection before login, {how}, was still open after {} minutes", at_most.as_secs() / 60),
    )
}

/// Good practice: Many unauthenticated connections do not block other users.
///
/// On loopback they come from another address than the user, who would else fall under a limit that is meant for them.
async fn many_idle(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let (idle, from_elsewhere) = connections(lab, IDLE_CONNECTIONS).await?;
    let count = idle.len();
    let served =
        timeout(SERVED_WITHIN, async { lab.login_to(&account).await?.command("STAT").await.judged() }).await;
    drop(idle);
    let why = match served {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(stop)) => stop.told(),
        Err(_) => format!("no login within {} s", SERVED_WITHIN.as_secs()),
    };
    let seen = format!("while {count} connections were open that said nothing, {why}");
    sleep(lab.site().patience.quiet).await;
    lab.login_to(&account)
        .await
        .map_err(|stop| Stop::Inconclusive(format!("{seen}; and later {}", stop.told())))?;
    if from_elsewhere {
        return fail(format!("{seen}; when they had gone the login succeeded"));
    }
    inconclusive(format!("{seen}; all came from one address, of which a server may have had enough"))
}

/// Connections that stay open and say nothing, as many as the server takes; and whether they come from an address of
/// their own.
async fn connections(lab: &Lab, at_most: usize) -> Result<(Vec<Stream>, bool), Stop> {
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 99, 0, 1));
    let site = lab.site();
    let mut source = site.permissions.loopback.then_some(ELSEWHERE);
    let mut open = Vec::new();
    while open.len() < at_most {
        let dialled =
            timeout(site.patience.quiet, site.dialer.connect(&site.entrance.endpoint, source)).await;
        match dialled {
            Ok(Ok(stream)) => open.push(stream),
            // The server listens on another kind of address.
            Ok(Err(DialError::LocalAddress { .. })) if source.is_some() => source = None,
            Ok(Err(error @ DialError::NoDescriptor { .. })) if open.is_empty() => return Err(error.into()),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok((open, source.is_some()))
}

/// Good practice: Half-finished TLS handshakes time out.
async fn half_handshakes(lab: &Lab) -> Outcome {
    /// The beginning of a `ClientHello`.
    const BEGINNING: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00];
    if lab.site().entrance.security != Security::Implicit {
        return inconclusive("needs an implicit-TLS port");
    }
    let (open, from_elsewhere) = connections(lab, HANDSHAKES).await?;
    let mut open: Vec<Session> = open.into_iter().map(|stream| lab.adopt(stream)).collect();
    let began = Instant::now();
    for session in &mut open {
        // Who does not take them in time has its reasons.
        let _ = session.fragment(BEGINNING).await;
    }
    let count = open.len();
    let served = timeout(SERVED_WITHIN, async { lab.connect().await?.command("XYZZY").await.judged() }).await;
    match served {
        Ok(Ok(_)) => {}
        Ok(Err(_)) | Err(_) if !from_elsewhere => {
            return inconclusive(
                "all connections came from one address, of which a server may have had enough",
            );
        }
        Ok(Err(stop)) => return fail(format!("while {count} handshakes had begun, {}", stop.told())),
        Err(_) => {
            return fail(format!(
                "while {count} handshakes had begun nobody else was served for {} s",
                SERVED_WITHIN.as_secs()
            ));
        }
    }
    let Some(first) = open.first_mut() else { return inconclusive("no connection was accepted") };
    // The others began when it did.
    while !first.has_ended() && began.elapsed() < HANDSHAKE {
        first.surplus(HANDSHAKE.saturating_sub(began.elapsed())).await;
    }
    if first.has_ended() {
        return Ok(());
    }
    warn_beyond_loopback(
        lab,
        format!(
            "a TLS handshake of which {} octets came was waited for longer than {} s",
            BEGINNING.len(),
            HANDSHAKE.as_secs()
        ),
    )
}

/// Good practice: Thousands of short sessions leave no growing resources.
async fn churn(lab: &Lab) -> Outcome {
    let account = lab.account(Role::Fixtures).await?;
    let (mut took, began) = (Vec::new(), Instant::now());
    while took.len() < times(lab, SESSIONS) && began.elapsed() < CHURN {
        let start = Instant::now();
        let mut session = lab.login_to(&account).await?;
        session.assume_ok("STAT").await?;
        session.quit().await?;
        took.push(start.elapsed());
    }
    let in_memory = lab.survey().round_trip.is_zero();
    if took.len() < COMPARED * 3 && !in_memory {
        return inconclusive(format!("only {} sessions in {} s", took.len(), CHURN.as_secs()));
    }
    let compared = COMPARED.min(took.len() / 5);
    let middle = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (first, last) = (middle(&took[..compared]), middle(&took[took.len() - compared..]));
    if last > first * SLOWER && last > first + Duration::from_millis(5) {
        return warn(format!(
            "{} sessions one after the other: the first {compared} took {} ms each in the middle, the last {compared} {} ms",
            took.len(),
            first.as_millis(),
            last.as_millis()
        ));
    }
    Ok(())
}
