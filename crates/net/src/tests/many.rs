//! What a load generator needs: many small connections, a server for them, and handshakes of which little is kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chance::Distribution;
use fake::{Account, Configuration, Pace, World};
use proptest::prelude::*;
use tokio::time::Instant;

use super::server::world;
use super::*;
use crate::{
    Authority, Dialer, Ending, Freeze, Handshake, Listening, MemoryNetwork, Ports, SERVER_NAMES, Server,
    TlsTarget, Validity, Versions,
};

/// Reads until a line has come, and gives it.
async fn line(stream: &mut Stream) -> String {
    bounded();
    let (mut tail, mut found) = (Vec::new(), None);
    while found.is_none() {
        let consume = |input: &[u8]| {
            let end = input.iter().position(|&octet| octet == b'\n').map_or(0, |end| end + 1);
            found = (end > 0).then(|| String::from_utf8(input[..end].to_vec()).unwrap());
            end
        };
        let count = stream.receive(&mut tail, 4096, consume).await.unwrap();
        assert!(count > 0, "the server closed instead of replying");
    }
    assert_eq!(tail, b"");
    found.unwrap()
}

async fn command(stream: &mut Stream, command: &str) -> String {
    stream.write_all(command.as_bytes()).await.unwrap();
    line(stream).await
}

fn dialer(network: &MemoryNetwork) -> Dialer {
    Dialer::memory(network, Trust::Only { ca_pem: network.ca_pem().into() }).unwrap()
}

fn memory(world: World, listening: Listening) -> MemoryNetwork {
    MemoryNetwork::start_with(world, listening, &[&Identity::throwaway().unwrap()]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_split_and_no_appetite_changes_the_octets(
        length in 0_usize..150_000,
        writes in proptest::collection::vec(1_usize..70_000, 1..8),
        most in prop_oneof![1_usize..100, 1000_usize..70_000, Just(usize::MAX)],
        appetites in proptest::collection::vec(prop_oneof![Just(0_usize), 1_usize..100, 1000_usize..200_000], 1..6),
    ) {
        let sent: Vec<u8> = (0..length as u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let received = runtime.block_on(async {
            let (mut client, mut server) = pair(Carrier::Memory).await;
            let write = async {
                let (mut rest, mut turn) = (&sent[..], 0);
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(writes[turn % writes.len()].min(rest.len()));
                    server.write_all(now).await.unwrap();
                    (rest, turn) = (later, turn + 1);
                }
                server.close().await;
            };
            let read = async {
                let (mut tail, mut received, mut turn) = (Vec::new(), Vec::new(), 0);
                loop {
                    let consume = |input: &[u8]| {
                        let used = appetites[turn % appetites.len()].min(input.len());
                        received.extend_from_slice(&input[..used]);
                        turn += 1;
                        used
                    };
                    let count = client.receive(&mut tail, most, consume).await.unwrap();
                    assert!(count <= most);
                    if count == 0 {
                        break;
                    }
                }
                assert_eq!(client.ending(), Some(Ending::Fin));
                received.append(&mut tail);
                received
            };
            tokio::join!(read, write).0
        });
        prop_assert!(received == sent);
    }
}

#[tokio::test]
async fn an_idle_tail_keeps_no_memory() {
    for carrier in CARRIERS {
        let (mut client, mut server) = pair(carrier).await;
        let mut tail = Vec::new();
        server.write_all(&[b'x'; 5000]).await.unwrap();
        let mut come = 0;
        while come < 5000 {
            come += client.receive(&mut tail, usize::MAX, |_| 0).await.unwrap();
        }
        assert_eq!(tail.len(), 5000, "{carrier:?}");
        server.write_all(b"y").await.unwrap();
        assert_eq!(client.receive(&mut tail, usize::MAX, <[u8]>::len).await.unwrap(), 1);
        assert_eq!(tail.capacity(), 0, "{carrier:?}");
    }
}

#[tokio::test]
async fn streams_and_served_connections_are_small() {
    // A million of them should fit; whoever makes them larger should know it.
    assert!(size_of::<Stream>() <= 64, "{}", size_of::<Stream>());
    let identity = Identity::throwaway().unwrap();
    let host = Arc::new(crate::drive::Host::new(world(1), &[&identity], None).unwrap());
    let connections = crate::connections::Connections::new(1);
    let room = connections.room().await;
    let (_client, server) = pair(Carrier::Memory).await;
    let mut size = 0;
    connections.spawn(|entry| {
        let task = crate::drive::Host::serve(host, (room, entry), fake::Channel::Clear, server);
        size = size_of_val(&task);
        task
    });
    let connection = size_of::<fake::Connection>();
    // Of which 24 octets came when a machine could have patience with a silent peer.
    assert!(size <= connection + 408, "{size} for {connection}");
}

#[tokio::test]
async fn an_address_is_enough_to_connect() {
    let identity = Identity::throwaway().unwrap();
    let address = Ipv4Addr::new(127, 9, 8, 7);
    let listening = Listening { address, ..Listening::default() };
    let server = Server::start_with(world(1), listening, &[&identity]).await.unwrap();
    let dialer = Dialer::tcp(Trust::Only { ca_pem: identity.ca_pem().into() }).unwrap();
    let clear = server.clear().unwrap();
    assert_eq!(clear.ip(), address);
    let source = |port| Some(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 77), port)));
    for source in [None, source(0)] {
        let mut stream = dialer.connect_to(clear, source).await.unwrap();
        assert!(line(&mut stream).await.starts_with("+OK"));
        assert!(command(&mut stream, "QUIT\r\n").await.starts_with("+OK"));
        let ended = stream.receive(&mut Vec::new(), 1, |_| 0).await.unwrap();
        assert_eq!((ended, stream.ending()), (0, Some(Ending::Fin)));
    }
    server.stop().await;
    let error = dialer.connect_to(clear, None).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_source_address_and_port_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dialer = Dialer::tcp(Trust::Insecure).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 78], 0));
    let (first, second) = tokio::join!(dialer.connect_to(address, Some(any)), listener.accept());
    let _first = first.unwrap();
    let (accepted, peer) = second.unwrap();
    assert_eq!(peer.ip(), any.ip());
    // The same port again, to the same server: that connection exists.
    let error = dialer.connect_to(address, Some(peer)).await.unwrap_err();
    assert!(matches!(&error, DialError::NoPort { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.78"), "{error}");
    // To another server it serves as well.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (second, again) =
        tokio::join!(dialer.connect_to(other.local_addr().unwrap(), Some(peer)), other.accept());
    second.unwrap();
    assert_eq!(again.unwrap().1, peer);
    drop(accepted);
    // An address of TEST-NET-1 (RFC 5737) belongs to no machine.
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    let error = dialer.connect_to(address, Some(foreign)).await.unwrap_err();
    assert!(matches!(error, DialError::LocalAddress { .. }), "{error:?}");
}

#[tokio::test]
async fn in_memory_an_address_is_enough_as_well() {
    let network =
        memory(world(1), Listening { ports: Ports { clear: Some(0), tls: None }, ..Listening::default() });
    let dialer = dialer(&network);
    let mut stream = dialer.connect_to(network.clear_address(), None).await.unwrap();
    assert!(line(&mut stream).await.starts_with("+OK"));
    let error = dialer.connect_to(network.tls_address(), None).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }), "{error:?}");
    let error = dialer.connect_to("192.0.2.1:110".parse().unwrap(), None).await.unwrap_err();
    assert!(matches!(error, DialError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn the_server_is_for_this_machine_alone() {
    let identity = Identity::throwaway().unwrap();
    for address in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(192, 0, 2, 1)] {
        let listening = Listening { address, ..Listening::default() };
        let error = Server::start_with(world(1), listening, &[&identity]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("127.0.0.0/8"), "{error}");
    }
}

#[tokio::test]
async fn connections_beyond_the_most_wait_for_their_turn() {
    let identity = Identity::throwaway().unwrap();
    let listening = Listening { most_connections: 1, ..Listening::default() };
    let server = Server::start_with(world(1), listening, &[&identity]).await.unwrap();
    let network = memory(world(1), listening);
    let tcp = Dialer::tcp(Trust::Insecure).unwrap();
    for (dialer, address) in [(tcp, server.clear().unwrap()), (dialer(&network), network.clear_address())] {
        let mut first = dialer.connect_to(address, None).await.unwrap();
        assert!(line(&mut first).await.starts_with("+OK"));
        let mut second = dialer.connect_to(address, None).await.unwrap();
        // A round trip of the first one, and the second is still not greeted.
        assert!(command(&mut first, "USER user0\r\n").await.starts_with("+OK"));
        let mut greeting = Box::pin(line(&mut second));
        let waker = std::task::Waker::noop();
        assert!(greeting.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        drop(first);
        assert!(greeting.await.starts_with("+OK"));
    }
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_a_frozen_server() {
    let freeze = Freeze { after: Duration::from_secs(4), lasting: Duration::from_secs(2) };
    let network = memory(world(2), Listening { freeze: Some(freeze), ..Listening::default() });
    let start = Instant::now();
    let dialer = dialer(&network);
    let target = TlsTarget::new("fake.poplab.test", Versions::Any).unwrap();
    let mut early = dialer.connect_to(network.clear_address(), None).await.unwrap();
    assert!(line(&mut early).await.starts_with("+OK"));
    tokio::time::sleep_until(start + Duration::from_millis(3999)).await;
    assert!(command(&mut early, "USER user0\r\n").await.starts_with("+OK"));
    assert_eq!(start.elapsed(), Duration::from_millis(3999));

    tokio::time::sleep_until(start + Duration::from_secs(4)).await;
    let reply = command(&mut early, "PASS secret\r\n");
    let greeting = async {
        let mut stream = dialer.connect_to(network.clear_address(), None).await.unwrap();
        line(&mut stream).await
    };
    let secured = async {
        let stream = dialer.connect_to(network.tls_address(), None).await.unwrap();
        let (mut stream, _) = dialer.secure(stream, &target).await.unwrap();
        line(&mut stream).await
    };
    let timed = |reply: String| {
        assert!(reply.starts_with("+OK"), "{reply}");
        assert_eq!(start.elapsed(), Duration::from_secs(6));
    };
    tokio::join!(async { timed(reply.await) }, async { timed(greeting.await) }, async {
        timed(secured.await);
    },);
    assert!(command(&mut early, "QUIT\r\n").await.starts_with("+OK"));
    assert_eq!(start.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_reply_takes_as_long_as_the_world_says() {
    let pace = Pace { latency: Some(Distribution::Fixed(0.25)), greeting: true };
    let accounts = vec![Account::new("user0", "secret", [b"Subject: x\r\n\r\n".to_vec()])];
    let world = World::new(Configuration { accounts, pace, ..Configuration::default() });
    let network = memory(world, Listening::default());
    let start = Instant::now();
    let at = |milliseconds| assert_eq!(start.elapsed(), Duration::from_millis(milliseconds));
    let mut stream = dialer(&network).connect_to(network.clear_address(), None).await.unwrap();
    at(0);
    line(&mut stream).await;
    at(250);
    // Two commands at once: the first reply does not wait for the second one.
    assert!(command(&mut stream, "USER user0\r\nPASS secret\r\n").await.starts_with("+OK"));
    at(500);
    assert!(line(&mut stream).await.starts_with("+OK"));
    at(750);
    assert!(command(&mut stream, "STAT\r\n").await.starts_with("+OK 1 "));
    at(1000);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_sessions_in_memory_take_no_time() {
    const SESSIONS: usize = 1000;
    let network = memory(world(SESSIONS), Listening { most_connections: 100, ..Listening::default() });
    let dialer = dialer(&network);
    let start = Instant::now();
    let sessions = (0..SESSIONS).map(|number| {
        let (dialer, address) = (dialer.clone(), network.clear_address());
        tokio::spawn(async move {
            let mut stream = dialer.connect_to(address, None).await.unwrap();
            assert!(line(&mut stream).await.starts_with("+OK"));
            command(&mut stream, &format!("USER user{number}\r\n")).await;
            assert!(command(&mut stream, "PASS secret\r\n").await.starts_with("+OK"));
            assert!(command(&mut stream, "STAT\r\n").await.starts_with("+OK 2 "));
            assert!(command(&mut stream, "QUIT\r\n").await.starts_with("+OK"));
            stream.close().await;
        })
    });
    for session in sessions.collect::<Vec<_>>() {
        session.await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    network.stop().await;
}

#[tokio::test]
async fn accepted_connections_do_not_hold_replies_back() {
    // Nagle's algorithm is turned off at the listener, and Linux hands that on.
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM.nonblocking(), None).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    assert!(listener.accept().await.unwrap().0.nodelay().unwrap());
}

/// One handshake of which little is kept, and everything that the server sends after it: the session tickets.
async fn light(dialer: &Dialer, acceptor: &Acceptor, target: &TlsTarget) -> Result<Handshake, DialError> {
    let (client, server) = pair(Carrier::Memory).await;
    let (client, server) =
        tokio::join!(dialer.secure(client, target), server.accept_tls(acceptor, Duration::ZERO));
    let (mut client, handshake) = client?;
    server.unwrap().close().await;
    read_to_end(&mut client).await.1.unwrap();
    Ok(handshake)
}

#[tokio::test]
async fn a_light_handshake_is_told_in_few_words() {
    let identity = Identity::throwaway().unwrap();
    let acceptor = Acceptor::new(&identity).unwrap();
    let dialer = Dialer::tcp(Trust::Only { ca_pem: identity.ca_pem().into() }).unwrap();
    for (versions, version) in [(Versions::Any, "TLS 1.3"), (Versions::Only12, "TLS 1.2")] {
        let target = TlsTarget::new("localhost", versions).unwrap();
        let handshake = light(&dialer, &acceptor, &target).await.unwrap();
        assert_eq!((handshake.version, handshake.certificate), (version, "ECDSA P-256"));
        assert!(handshake.group.contains("25519") || handshake.group.contains("secp"), "{handshake:?}");
        assert!(!handshake.resumed);
    }
    let error = TlsTarget::new("no host", Versions::Any).unwrap_err();
    assert!(error.to_string().contains("`no host`"), "{error}");
}

#[tokio::test]
async fn each_user_resumes_its_own_session() {
    let identity = Identity::throwaway().unwrap();
    let acceptor = Acceptor::new(&identity).unwrap();
    let dialer = Dialer::tcp(Trust::Only { ca_pem: identity.ca_pem().into() }).unwrap();
    for versions in [Versions::Only12, Versions::Only13] {
        let target = TlsTarget::new("localhost", versions).unwrap();
        let (alice, bob) = (dialer.resuming_one(), dialer.resuming_one());
        let mut resumed = Vec::new();
        for user in [&dialer, &alice, &bob, &dialer, &alice, &alice, &bob] {
            let handshake = light(user, &acceptor, &target).await.unwrap();
            assert_eq!(handshake.certificate, "ECDSA P-256", "{versions:?}");
            resumed.push(handshake.resumed);
        }
        assert_eq!(resumed, [false, false, false, false, true, true, true], "{versions:?}");
        // Another name is another server.
        let other = TlsTarget::new("fake.poplab.test", versions).unwrap();
        assert!(!light(&alice, &acceptor, &other).await.unwrap().resumed, "{versions:?}");
        assert!(light(&alice, &acceptor, &other).await.unwrap().resumed, "{versions:?}");
        assert!(!light(&alice, &acceptor, &target).await.unwrap().resumed, "{versions:?}");
    }
}

#[tokio::test]
async fn a_certificate_checked_once_is_pinned_and_another_one_is_not() {
    let authority = Authority::new().unwrap();
    let first = authority.issue(SERVER_NAMES, Validity::Current).unwrap();
    let renewed = authority.issue(SERVER_NAMES, Validity::Current).unwrap();
    let expired = authority.issue(SERVER_NAMES, Validity::Expired).unwrap();
    let stranger = Identity::throwaway().unwrap();
    let target = TlsTarget::new("localhost", Versions::Any).unwrap();
    let elsewhere = TlsTarget::new("elsewhere.test", Versions::Any).unwrap();
    for versions in [Versions::Only12, Versions::Only13] {
        let target_of = TlsTarget::new("localhost", versions).unwrap();
        let dialer = Dialer::tcp(Trust::Only { ca_pem: authority.pem().into() }.once()).unwrap();
        assert!(dialer.verifies());
        let shake = async |identity: &Identity, target: &TlsTarget| {
            light(&dialer, &Acceptor::new(identity).unwrap(), target).await.map(|_| ())
        };
        for _ in 0..2 {
            shake(&first, &target_of).await.unwrap();
            for (identity, target, word) in [
                (&stranger, &target, "unknown issuer"),
                (&expired, &target, "expired"),
                (&first, &elsewhere, "not for this host"),
            ] {
                let error = shake(identity, target).await.unwrap_err();
                assert!(error.to_string().contains(word), "{versions:?}: {error}");
            }
            shake(&renewed, &target_of).await.unwrap();
        }
    }
    assert!(!Dialer::tcp(Trust::Insecure.once()).unwrap().verifies());
}

#[tokio::test]
async fn a_certificate_without_its_key_is_not_pinned() {
    // A server that shows a good certificate and signs with another key fails, the first time and every time.
    let good = Identity::throwaway().unwrap();
    let thief = Acceptor::with_stolen_certificate(&good, &Identity::throwaway().unwrap());
    let dialer = Dialer::tcp(Trust::Only { ca_pem: good.ca_pem().into() }.once()).unwrap();
    for versions in [Versions::Only12, Versions::Only13] {
        let target = TlsTarget::new("localhost", versions).unwrap();
        for _ in 0..3 {
            let error = light(&dialer, &thief, &target).await.unwrap_err();
            assert!(
                matches!(error, DialError::Certificate { .. } | DialError::Handshake { .. }),
                "{error:?}"
            );
        }
    }
    // After a true handshake the octets of the certificate are believed: that is what is given up.
    let target = TlsTarget::new("localhost", Versions::Any).unwrap();
    light(&dialer, &Acceptor::new(&good).unwrap(), &target).await.unwrap();
    light(&dialer, &thief, &target).await.unwrap();
}
