//! Everything a machine can say is done, over TCP and in memory, in the clear and under TLS, by a machine that follows
//! a list.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use machine::{Channel, IdentityId, Machine, Next, Service};

use super::*;
use crate::{Dialer, Ending, Listening, MemoryNetwork, Ports, SERVER_NAMES, Server};

/// What a machine of these tests does, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    Say(&'static [u8]),
    Do(Next),
    /// Reads until a line has ended.
    Hear,
    /// Goes on when the handshake has failed.
    GoOn,
}

/// A service whose connections all follow one list; it counts those that are gone.
struct Lists {
    acts: Vec<Act>,
    ended: Arc<AtomicU32>,
}

struct Follower {
    acts: VecDeque<Act>,
    ended: Arc<AtomicU32>,
}

impl Service for Lists {
    type Machine = Follower;

    fn connect(&self, channel: Channel) -> Follower {
        let mut acts: VecDeque<Act> = self.acts.iter().copied().collect();
        if channel == Channel::Tls && !matches!(acts.front(), Some(Act::Do(Next::StartTls(_)))) {
            acts.push_front(Act::Do(Next::StartTls(IdentityId::OWN)));
        }
        Follower { acts, ended: self.ended.clone() }
    }
}

impl Machine for Follower {
    fn next(&mut self) -> Next {
        match self.acts.front().copied() {
            None | Some(Act::GoOn) => Next::Close,
            Some(Act::Say(_)) => Next::Write,
            Some(Act::Hear) => Next::Read,
            Some(Act::Do(next)) => {
                self.acts.pop_front();
                next
            }
        }
    }

    fn receive(&mut self, input: &[u8]) -> usize {
        let end = input.iter().position(|&octet| octet == b'\n');
        if end.is_some() {
            self.acts.pop_front();
        }
        end.map_or(input.len(), |end| end + 1)
    }

    fn transmit(&mut self, out: &mut Vec<u8>, _: usize) {
        if let Some(Act::Say(octets)) = self.acts.pop_front() {
            out.extend_from_slice(octets);
        }
    }

    fn secured(&mut self) {}

    fn unsecured(&mut self) -> bool {
        self.acts.pop_front_if(|act| matches!(act, Act::GoOn)).is_some()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a client sees of a server that follows this list: octets, how it ended, and the error if there was one.
async fn seen(carrier: Carrier, tls: bool, acts: &[Act]) -> (Vec<u8>, Option<Ending>, String) {
    bounded();
    let ended = Arc::new(AtomicU32::new(0));
    let service = Lists { acts: acts.to_vec(), ended: ended.clone() };
    let own = Identity::throwaway().unwrap();
    let other = Identity::self_signed(&["elsewhere.example"]).unwrap();
    let identities = [&own, &other];
    let trust = Trust::Only { ca_pem: own.ca_pem().into() };
    let (server, dialer, endpoint);
    match carrier {
        Carrier::Tcp => {
            let started = Server::start_with(service, Listening::default(), &identities).await.unwrap();
            endpoint = if tls { started.tls() } else { started.clear() }.unwrap().into();
            dialer = Dialer::tcp(trust).unwrap();
            server = Some(started);
        }
        Carrier::Memory => {
            let network = MemoryNetwork::start_with(service, Listening::default(), &identities).unwrap();
            endpoint = if tls { network.tls() } else { network.clear() };
            dialer = Dialer::memory(&network, trust).unwrap();
            server = None;
        }
    }
    let stream = dialer.connect(&endpoint, None).await.unwrap();
    let secured =
        if tls { dialer.start_tls(stream, &TlsOptions::named(SERVER_NAMES[0])).await } else { Ok(stream) };
    let mut stream = match secured {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), None, error.to_string()),
    };
    let (octets, result) = read_to_end(&mut stream).await;
    let ending = stream.ending();
    drop(stream);
    if let Some(server) = server {
        server.stop().await;
    }
    (octets, ending, result.err().map(|error| error.to_string()).unwrap_or_default())
}

#[tokio::test]
async fn after_a_failed_handshake_a_machine_goes_on_only_if_it_says_so() {
    bounded();
    for goes_on in [false, true] {
        let mut acts = vec![Act::Do(Next::StartTls(IdentityId::OWN)), Act::GoOn, Act::Say(b"+OK clear\r\n")];
        acts.retain(|act| goes_on || !matches!(act, Act::GoOn));
        let ended = Arc::new(AtomicU32::new(0));
        let own = Identity::throwaway().unwrap();
        let service = Lists { acts, ended };
        let network = MemoryNetwork::start_with(service, Listening::default(), &[&own]).unwrap();
        let dialer = Dialer::memory(&network, Trust::Only { ca_pem: own.ca_pem().into() }).unwrap();
        let mut stream = dialer.connect(&network.clear(), None).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let (octets, _) = read_to_end(&mut stream).await;
        assert_eq!(octets.ends_with(b"+OK clear\r\n"), goes_on, "{octets:?}");
    }
}

#[tokio::test]
async fn every_ending_arrives_as_what_it_is() {
    let say = Act::Say(b"+OK\r\n");
    let endings = [
        (Next::Close, Ending::Fin, Ending::TlsClose),
        (Next::CloseWithoutNotify, Ending::Fin, Ending::Truncated),
        (Next::Reset, Ending::Reset, Ending::Reset),
    ];
    for carrier in CARRIERS {
        for (next, clear, tls) in endings {
            for (under_tls, expected) in [(false, clear), (true, tls)] {
                let (octets, ending, _) = seen(carrier, under_tls, &[say, Act::Do(next)]).await;
                assert_eq!(ending, Some(expected), "{carrier:?} {next:?} {under_tls}");
                // A reset may overtake what was written before it.
                assert!(octets == b"+OK\r\n" || next == Next::Reset, "{carrier:?} {next:?} {octets:?}");
            }
        }
    }
}

#[tokio::test]
async fn after_a_half_close_the_machine_still_reads() {
    for carrier in CARRIERS {
        for tls in [false, true] {
            let acts = [Act::Say(b"+OK\r\n"), Act::Do(Next::HalfClose), Act::Hear];
            let (octets, ending, error) = seen(carrier, tls, &acts).await;
            let expected = if tls { Ending::TlsClose } else { Ending::Fin };
            assert_eq!(
                (&octets[..], ending, &error[..]),
                (&b"+OK\r\n"[..], Some(expected), ""),
                "{carrier:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_alert_is_an_alert() {
    for carrier in CARRIERS {
        let (_, _, error) = seen(carrier, true, &[Act::Say(b"+OK\r\n"), Act::Do(Next::Alert)]).await;
        assert!(error.contains("BadRecordMac"), "{carrier:?}: {error}");
        // Where a handshake was asked for, it is the answer to that.
        let acts = [Act::Say(b"\x15\x03\x03\x00\x02\x02\x28"), Act::Do(Next::Close)];
        let handshake = [Act::Do(Next::Alert)];
        let expected = seen(carrier, false, &acts).await.0;
        assert_eq!(seen(carrier, false, &handshake).await.0, expected, "{carrier:?}");
    }
}

#[tokio::test]
async fn another_identity_is_shown_when_the_machine_wants_it() {
    for carrier in CARRIERS {
        let acts = [Act::Do(Next::StartTls(IdentityId(1))), Act::Say(b"+OK\r\n")];
        let (octets, _, error) = seen(carrier, true, &acts).await;
        assert!(octets.is_empty() && !error.is_empty(), "{carrier:?}: {octets:?}");
        // One that there is not is the first.
        let acts = [Act::Do(Next::StartTls(IdentityId(7))), Act::Say(b"+OK\r\n")];
        assert_eq!(seen(carrier, true, &acts).await.0, b"+OK\r\n", "{carrier:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_flushed_arrives_alone_and_waits_pass() {
    let acts = [
        Act::Hear,
        Act::Say(b"a"),
        Act::Do(Next::Flush),
        Act::Say(b"b"),
        Act::Do(Next::Wait(Duration::from_hours(1))),
        Act::Say(b"c"),
        Act::Say(b"d"),
    ];
    let ended = Arc::new(AtomicU32::new(0));
    let service = Lists { acts: acts.to_vec(), ended: ended.clone() };
    let network = MemoryNetwork::new(service).unwrap();
    let dialer = Dialer::memory(&network, Trust::Insecure).unwrap();
    let mut stream = dialer.connect(&network.clear(), None).await.unwrap();
    stream.write_all(b"go\r\n").await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut buffer = [0; 64];
    let mut pieces = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        pieces.push((buffer[..count].to_vec(), begun.elapsed().as_secs()));
    }
    // The octets in front of the wait may arrive in one piece or in two, but not with what comes behind it.
    let before: Vec<u8> =
        pieces.iter().filter(|piece| piece.1 == 0).flat_map(|piece| piece.0.clone()).collect();
    let behind: Vec<u8> =
        pieces.iter().filter(|piece| piece.1 >= 3600).flat_map(|piece| piece.0.clone()).collect();
    assert_eq!((&before[..], &behind[..]), (&b"ab"[..], &b"cd"[..]));
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stalled_connection_ends_with_its_client() {
    for carrier in CARRIERS {
        let ended = Arc::new(AtomicU32::new(0));
        let service = Lists { acts: vec![Act::Say(b"+OK"), Act::Do(Next::Stall)], ended: ended.clone() };
        let (mut stream, network, server);
        match carrier {
            Carrier::Tcp => {
                let started = Server::start(service, Ports::ANY).await.unwrap();
                let dialer = Dialer::tcp(Trust::Insecure).unwrap();
                stream = dialer.connect(&started.clear().unwrap().into(), None).await.unwrap();
                (server, network) = (Some(started), None);
            }
            Carrier::Memory => {
                let started = MemoryNetwork::new(service).unwrap();
                let dialer = Dialer::memory(&started, Trust::Insecure).unwrap();
                stream = dialer.connect(&started.clear(), None).await.unwrap();
                (server, network) = (None, Some(started));
            }
        }
        let mut buffer = [0; 64];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 3);
        stream.write_all(b"STAT\r\nSTAT\r\n").await.unwrap();
        assert_eq!(ended.load(Ordering::Relaxed), 0, "it holds what it has as long as the client is there");
        stream.close().await;
        while ended.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        drop((server, network));
    }
}
