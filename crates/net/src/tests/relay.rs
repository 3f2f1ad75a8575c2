//! What stands between a client and a server: octets and ends pass as they came, TLS begins where the tap says, nothing
//! grows and nothing waits for ever.

use std::sync::{Arc, Mutex};

use machine::Channel;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::*;
use crate::relay::Between;
use crate::{Act, Dialer, Ending, Endpoint, Event, Listening, Patience, Relay, Side, Tap, Upstream};

/// Knows of the protocol that `STLS` is a line, and so is the answer to it.
struct Lines {
    events: UnboundedSender<Event>,
    state: State,
    /// The relay itself asks the server for TLS, before anything passes.
    upgrades: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing was asked.
    Open,
    /// The client asked for TLS.
    Asked,
    /// The server agreed.
    Agreed,
    /// The relay asked for TLS when the greeting came.
    Upgrading,
}

impl Tap for Lines {
    fn next(&mut self, from: Side, octets: &[u8]) -> Act {
        let line = octets.iter().position(|&octet| octet == b'\n').map(|end| end + 1);
        match (self.state, from) {
            (State::Agreed, _) => {
                self.state = State::Open;
                let client = !std::mem::take(&mut self.upgrades);
                Act::Secure { client, upstream: true }
            }
            (State::Open, Side::Upstream) if self.upgrades && !octets.is_empty() => {
                self.state = State::Upgrading;
                Act::Say(Side::Upstream, b"STLS\r\n".to_vec())
            }
            // The greeting and the answer are kept from the client here, and it is greeted by the relay.
            (State::Upgrading, Side::Upstream) => match octets {
                [b'+', b'O', b'K', b'\r', b'\n', ..] => {
                    self.state = State::Agreed;
                    Act::Say(Side::Client, b"+OK greeting\r\n".to_vec())
                }
                _ => line.map_or(Act::Hold, Act::Take),
            },
            (State::Asked | State::Upgrading, Side::Client) => Act::Hold,
            (State::Asked, Side::Upstream) => match line {
                Some(count) => {
                    self.state = if octets.starts_with(b"+OK") { State::Agreed } else { State::Open };
                    Act::Pass(count)
                }
                None => Act::Hold,
            },
            (State::Open, Side::Client) if octets.starts_with(b"STLS\r\n") => {
                self.state = State::Asked;
                Act::Pass(6)
            }
            (State::Open, _) if octets.starts_with(b"END\r\n") => Act::End,
            (State::Open, _) if octets.is_empty() => Act::Hold,
            (State::Open, _) => Act::Pass(octets.len()),
        }
    }

    fn note(&mut self, event: Event) {
        // The test may have ended.
        let _ = self.events.send(event);
    }

    fn unreachable(&mut self, reason: &str) -> Vec<u8> {
        format!("-ERR {reason}\r\n").into_bytes()
    }
}

/// A relayed session between two ends that the test plays.
struct Session {
    client: Stream,
    upstream: Stream,
    identity: Identity,
    events: UnboundedReceiver<Event>,
    relay: JoinHandle<()>,
}

const PATIENCE: Patience = Patience {
    opening: Duration::from_secs(30),
    idle: Duration::from_mins(11),
    session: Duration::from_hours(12),
};

/// The relay trusts, and shows, the same identity.
async fn session(carrier: Carrier, upgrades: bool) -> Session {
    let identity = Identity::throwaway().unwrap();
    let (client, far) = pair(carrier).await;
    let (to_play, played) = tokio::sync::oneshot::channel();
    let to_play = Mutex::new(Some(to_play));
    let accept = move |stream| drop(to_play.lock().unwrap().take().unwrap().send(stream));
    let trust = Trust::Only { ca_pem: identity.ca_pem().into() };
    let dialer = Dialer::played(accept, trust).unwrap();
    let between = Between {
        acceptor: Acceptor::new(&identity).unwrap(),
        upstream: Upstream { dialer, endpoint: Endpoint::new("localhost", 110), implicit_tls: false },
        patience: PATIENCE,
    };
    let (tell, events) = unbounded_channel();
    let tap = Lines { events: tell, state: State::Open, upgrades };
    let relay = tokio::spawn(async move { between.session(Channel::Clear, far, tap).await });
    let upstream = played.await.unwrap();
    Session { client, upstream, identity, events, relay }
}

impl Session {
    /// The client's handshake and the server's.
    async fn secure(self) -> Session {
        let connector = Connector::new(&Trust::Only { ca_pem: self.identity.ca_pem().into() }).unwrap();
        let acceptor = Acceptor::new(&self.identity).unwrap();
        let (transport, host) = self.client.into_clear().unwrap();
        let options = TlsOptions::named("localhost");
        let (client, upstream) = tokio::join!(
            connector.connect(transport, &host, &options),
            self.upstream.accept_tls(&acceptor, Duration::from_secs(5)),
        );
        let (session, facts) = client.unwrap();
        Session { client: Stream::secured_to(session, host, facts), upstream: upstream.unwrap(), ..self }
    }

    async fn exchange(&mut self, command: &[u8], reply: &[u8]) {
        self.client.write_all(command).await.unwrap();
        assert_eq!(heard(&mut self.upstream, command.len()).await, command);
        self.upstream.write_all(reply).await.unwrap();
        assert_eq!(heard(&mut self.client, reply.len()).await, reply);
    }

    async fn events(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = self.events.recv().await {
            all.push(event);
        }
        all
    }
}

async fn heard(stream: &mut Stream, count: usize) -> Vec<u8> {
    let mut all = vec![0; count];
    let mut at = 0;
    while at < count {
        let read = stream.read(&mut all[at..]).await.unwrap();
        assert!(read > 0, "ended after {at} of {count} octets");
        at += read;
    }
    all
}

#[tokio::test]
async fn octets_pass_both_ways_and_a_half_close_is_passed_on() {
    for carrier in CARRIERS {
        let mut session = session(carrier, false).await;
        session.exchange(b"USER alice\r\n", b"+OK\r\n").await;
        session.client.write_all(b"QUIT\r\n").await.unwrap();
        session.client.shutdown_write().await.unwrap();
        let (said, end) = read_to_end(&mut session.upstream).await;
        assert_eq!((said.as_slice(), end.is_ok()), (&b"QUIT\r\n"[..], true), "{carrier:?}");
        session.upstream.write_all(b"+OK bye\r\n").await.unwrap();
        let Session { mut client, upstream, mut events, relay, .. } = session;
        upstream.close().await;
        let (said, end) = read_to_end(&mut client).await;
        assert_eq!((said.as_slice(), end.is_ok()), (&b"+OK bye\r\n"[..], true), "{carrier:?}");
        relay.await.unwrap();
        assert_eq!(events.recv().await, Some(Event::Ended(Side::Client, Ending::Fin)));
        assert_eq!(events.recv().await, Some(Event::Ended(Side::Upstream, Ending::Fin)));
        assert_eq!(events.recv().await, None);
    }
}

#[tokio::test]
async fn behind_stls_nothing_of_the_clear_is_carried_into_tls() {
    for carrier in CARRIERS {
        let mut session = session(carrier, false).await;
        session.client.write_all(b"STLS\r\nUSER mallory\r\n").await.unwrap();
        assert_eq!(heard(&mut session.upstream, 6).await, b"STLS\r\n");
        session.upstream.write_all(b"+OK\r\n+OK injected\r\n").await.unwrap();
        assert_eq!(heard(&mut session.client, 5).await, b"+OK\r\n");
        let mut session = session.secure().await;
        session.exchange(b"CAPA\r\n", b"+OK\r\n.\r\n").await;
        let Session { client, mut upstream, mut events, relay, .. } = session;
        client.close().await;
        assert!(read_to_end(&mut upstream).await.1.is_ok());
        upstream.close().await;
        relay.await.unwrap();
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            told.push(event);
        }
        let expected = [
            Event::ThrownAway(Side::Client, 14),
            Event::ThrownAway(Side::Upstream, 14),
            Event::Secured(Side::Client),
            Event::Secured(Side::Upstream),
            Event::Ended(Side::Client, Ending::TlsClose),
            Event::Ended(Side::Upstream, Ending::TlsClose),
        ];
        assert_eq!(told, expected, "{carrier:?}");
    }
}

#[tokio::test]
async fn where_stls_is_refused_what_waited_behind_it_passes() {
    let mut session = session(Carrier::Memory, false).await;
    session.client.write_all(b"STLS\r\nUSER alice\r\n").await.unwrap();
    session.client.shutdown_write().await.unwrap();
    assert_eq!(heard(&mut session.upstream, 6).await, b"STLS\r\n");
    session.upstream.write_all(b"-ERR no\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut session.upstream).await.0, b"USER alice\r\n");
    assert_eq!(heard(&mut session.client, 9).await, b"-ERR no\r\n");
}

#[tokio::test]
async fn the_tap_can_ask_one_side_alone_for_tls() {
    let mut session = session(Carrier::Memory, true).await;
    session.upstream.write_all(b"+OK hello\r\n").await.unwrap();
    assert_eq!(heard(&mut session.upstream, 6).await, b"STLS\r\n");
    session.upstream.write_all(b"+OK\r\n").await.unwrap();
    let acceptor = Acceptor::new(&session.identity).unwrap();
    session.upstream = session.upstream.accept_tls(&acceptor, Duration::from_secs(5)).await.unwrap();
    assert_eq!(heard(&mut session.client, 14).await, b"+OK greeting\r\n");
    session.exchange(b"USER alice\r\n", b"+OK\r\n").await;
    session.client.write_all(b"END\r\n").await.unwrap();
    assert!(read_to_end(&mut session.client).await.1.is_ok());
    assert!(read_to_end(&mut session.upstream).await.1.is_ok());
    assert_eq!(session.upstream.ending(), Some(Ending::TlsClose));
}

#[tokio::test]
async fn a_reset_and_a_cut_are_passed_on_behind_the_octets() {
    for carrier in CARRIERS {
        let Session { mut client, upstream, .. } = {
            let mut session = session(carrier, false).await;
            session.exchange(b"RETR 1\r\n", b"+OK\r\n").await;
            session
        };
        upstream.reset();
        let (_, end) = read_to_end(&mut client).await;
        assert!(matches!(end, Err(ReadError::Reset)), "{carrier:?}: {end:?}");

        let Session { client, mut upstream, .. } = session(carrier, false).await;
        client.reset();
        let (_, end) = read_to_end(&mut upstream).await;
        assert!(matches!(end, Err(ReadError::Reset)), "{carrier:?}: {end:?}");

        let mut session = session(carrier, false).await;
        session.exchange(b"STLS\r\n", b"+OK\r\n").await;
        let Session { mut client, mut upstream, .. } = session.secure().await;
        upstream.write_all(b"+OK half of").await.unwrap();
        upstream.abandon();
        let (octets, end) = read_to_end(&mut client).await;
        assert_eq!(octets, b"+OK half of", "{carrier:?}");
        assert!(matches!(end, Err(ReadError::Truncated)), "{carrier:?}: {end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_makes_the_other_side_wait_and_nothing_grows() {
    for from in [Side::Client, Side::Upstream] {
        let mut session = session(Carrier::Memory, false).await;
        let (writer, reader) = match from {
            Side::Client => (&mut session.client, &mut session.upstream),
            Side::Upstream => (&mut session.upstream, &mut session.client),
        };
        let endless = [b'x'; 4096];
        let mut taken = 0;
        // The clock runs on only when nobody can do anything any more.
        while let Ok(written) = tokio::time::timeout(Duration::from_secs(1), writer.write_all(&endless)).await
        {
            written.unwrap();
            taken += endless.len();
        }
        // Two pipes, and of the relay two pieces.
        assert!(taken <= (2 * 64 + 2 * 16) * 1024, "{from:?}: {taken}");
        assert_eq!(heard(reader, taken).await.len(), taken);
    }
}

#[tokio::test(start_paused = true)]
async fn every_wait_ends() {
    // Nobody says anything.
    let mut idle = session(Carrier::Memory, false).await;
    let begun = tokio::time::Instant::now();
    let events = idle.events().await;
    assert!(matches!(events[..], [Event::TimedOut(_)]), "{events:?}");
    assert_eq!(begun.elapsed().as_secs(), PATIENCE.idle.as_secs());

    // Somebody always says something.
    let busy = session(Carrier::Memory, false).await;
    let begun = tokio::time::Instant::now();
    let Session { mut client, mut upstream, mut events, .. } = busy;
    let chatter = tokio::spawn(async move {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
    });
    while upstream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
    chatter.await.unwrap();
    assert!(matches!(events.recv().await, Some(Event::TimedOut(_))));
    let hours = begun.elapsed().as_secs() / 3600;
    assert_eq!(hours, PATIENCE.session.as_secs() / 3600);

    // Neither does its handshake.
    let mut silent = session(Carrier::Memory, false).await;
    silent.exchange(b"STLS\r\n", b"+OK\r\n").await;
    let begun = tokio::time::Instant::now();
    let events = silent.events().await;
    assert!(matches!(events[..], [Event::Failed(..)]), "{events:?}");
    assert_eq!(begun.elapsed().as_secs(), PATIENCE.opening.as_secs());
}

#[tokio::test]
async fn it_listens_in_the_clear_and_with_tls_and_tells_a_client_that_there_is_no_server() {
    bounded();
    // Nothing listens there once it is dropped.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let identity = Identity::throwaway().unwrap();
    let trust = Trust::Only { ca_pem: identity.ca_pem().into() };
    let dialer = Dialer::tcp(trust).unwrap();
    let (tell, mut events) = unbounded_channel();
    let upstream = Upstream { dialer: dialer.clone(), endpoint: gone.into(), implicit_tls: false };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let taps = {
        let seen = seen.clone();
        move |channel| {
            seen.lock().unwrap().push(channel);
            Lines { events: tell.clone(), state: State::Open, upgrades: false }
        }
    };
    let relay = Relay::start(taps, upstream, PATIENCE, Listening::default(), &identity).await.unwrap();
    let mut clear = dialer.connect(&relay.clear().unwrap().into(), None).await.unwrap();
    let (said, _) = read_to_end(&mut clear).await;
    assert!(said.starts_with(b"-ERR ") && said.ends_with(b"\r\n"), "{}", said.escape_ascii());
    let secure = dialer.connect(&relay.tls().unwrap().into(), None).await.unwrap();
    let mut secure = dialer.start_tls(secure, &TlsOptions::named("localhost")).await.unwrap();
    assert!(read_to_end(&mut secure).await.0.starts_with(b"-ERR "));
    assert_eq!(events.recv().await, Some(Event::Secured(Side::Client)));
    assert_eq!(*seen.lock().unwrap(), [Channel::Clear, Channel::Tls]);
    relay.stop().await;
    assert_eq!(events.recv().await, None);
}
