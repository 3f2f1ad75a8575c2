//! The fake server as a client meets it: over sockets and in memory, through each entrance.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fake::{Account, Configuration, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{Dialer, Ending, Endpoint, MemoryNetwork, Ports, Server};

/// A world of users `user0`, `user1`, ... with the password `secret` and two messages each.
pub(super) fn world(users: usize) -> World {
    let message = |text: &str| Arc::from(format!("Subject: {text}\r\n\r\nHello\r\n").into_bytes());
    let account = |number| Account {
        user: format!("user{number}"),
        password: "secret".to_owned(),
        messages: vec![message("one"), message("two")],
    };
    World::new(Configuration { accounts: (0..users).map(account).collect(), ..Configuration::default() })
}

/// The fake behind either carrier.
enum Lab {
    Tcp(Server),
    Memory(MemoryNetwork),
}

impl Lab {
    async fn start(carrier: Carrier, users: usize) -> Lab {
        bounded();
        match carrier {
            Carrier::Tcp => Lab::Tcp(Server::start(world(users), Ports::ANY).await.unwrap()),
            Carrier::Memory => Lab::Memory(MemoryNetwork::new(world(users)).unwrap()),
        }
    }

    fn dialer(&self) -> Dialer {
        let ca_pem = match self {
            Lab::Tcp(server) => server.ca_pem(),
            Lab::Memory(network) => network.ca_pem(),
        };
        self.dialer_trusting(Trust::Only { ca_pem: ca_pem.into() })
    }

    fn dialer_trusting(&self, trust: Trust) -> Dialer {
        match self {
            Lab::Tcp(_) => Dialer::tcp(trust).unwrap(),
            Lab::Memory(network) => Dialer::memory(network, trust).unwrap(),
        }
    }

    fn clear(&self) -> Endpoint {
        match self {
            Lab::Tcp(server) => server.clear().unwrap().into(),
            Lab::Memory(network) => network.clear(),
        }
    }

    fn tls(&self) -> Endpoint {
        match self {
            Lab::Tcp(server) => server.tls().unwrap().into(),
            Lab::Memory(network) => network.tls(),
        }
    }

    async fn stop(self) {
        match self {
            Lab::Tcp(server) => server.stop().await,
            Lab::Memory(network) => network.stop().await,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Entrance {
    Clear,
    StartTls,
    Tls,
}

/// A client with just enough of POP3 for single-line replies.
struct Client {
    stream: Stream,
    unread: Vec<u8>,
}

impl Client {
    /// Connected and greeted.
    async fn enter(lab: &Lab, dialer: &Dialer, entrance: Entrance) -> Client {
        let endpoint = if matches!(entrance, Entrance::Tls) { lab.tls() } else { lab.clear() };
        let stream = dialer.connect(&endpoint, None).await.unwrap();
        let mut client = Client { stream, unread: Vec::new() };
        if matches!(entrance, Entrance::Tls) {
            client = client.start_tls(dialer).await;
        }
        assert!(client.line().await.starts_with("+OK"));
        if matches!(entrance, Entrance::StartTls) {
            assert!(client.command("STLS").await.starts_with("+OK"));
            client = client.start_tls(dialer).await;
        }
        client
    }

    async fn start_tls(self, dialer: &Dialer) -> Client {
        assert_eq!(self.unread, b"", "octets came before the handshake");
        let stream = dialer.start_tls(self.stream, &TlsOptions::named("fake.poplab.test")).await.unwrap();
        Client { stream, unread: Vec::new() }
    }

    async fn line(&mut self) -> String {
        let mut scratch = [0; 1024];
        loop {
            if let Some(end) = self.unread.iter().position(|&octet| octet == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return String::from_utf8(line).unwrap();
            }
            let count = self.stream.read(&mut scratch).await.unwrap();
            assert!(count > 0, "the server closed instead of replying");
            self.unread.extend_from_slice(&scratch[..count]);
        }
    }

    async fn command(&mut self, command: &str) -> String {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        self.line().await
    }

    async fn login(&mut self, user: usize) -> bool {
        assert!(self.command(&format!("USER user{user}")).await.starts_with("+OK"));
        self.command("PASS secret").await.starts_with("+OK")
    }
}

#[tokio::test]
async fn each_entrance_leads_to_the_maildrop() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let dialer = lab.dialer();
        for (entrance, orderly) in [
            (Entrance::Clear, Ending::Fin),
            (Entrance::StartTls, Ending::TlsClose),
            (Entrance::Tls, Ending::TlsClose),
        ] {
            let mut client = Client::enter(&lab, &dialer, entrance).await;
            assert_eq!(client.stream.tls().is_some(), !matches!(entrance, Entrance::Clear));
            assert!(client.login(0).await, "{carrier:?} {entrance:?}");
            let stat = client.command("STAT").await;
            assert!(stat.starts_with("+OK 2 "), "{carrier:?} {entrance:?}: {stat}");
            assert!(client.command("QUIT").await.starts_with("+OK"));
            assert_eq!(read_to_end(&mut client.stream).await.0, b"");
            assert_eq!(client.stream.ending(), Some(orderly), "{carrier:?} {entrance:?}");
        }
        lab.stop().await;
    }
}

#[tokio::test]
async fn plaintext_injected_behind_stls_is_discarded() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let dialer = lab.dialer();
        let mut client = Client::enter(&lab, &dialer, Entrance::Clear).await;
        client.stream.write_all(b"STLS\r\nUSER user0\r\n").await.unwrap();
        assert!(client.line().await.starts_with("+OK"));
        let mut client = client.start_tls(&dialer).await;
        // Had the injected command been carried out, its +OK would come first, and PASS would log in.
        let reply = client.command("PASS secret").await;
        assert!(reply.starts_with("-ERR"), "{carrier:?}: {reply}");
        assert!(client.login(0).await, "{carrier:?}");
        lab.stop().await;
    }
}

#[tokio::test]
async fn a_failed_handshake_ends_that_connection_only() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let stranger = Identity::throwaway().unwrap();
        let distrustful = lab.dialer_trusting(Trust::Only { ca_pem: stranger.ca_pem().into() });
        let options = TlsOptions::named("fake.poplab.test");

        let stream = distrustful.connect(&lab.tls(), None).await.unwrap();
        let error = distrustful.start_tls(stream, &options).await.unwrap_err();
        assert!(error.to_string().contains("unknown issuer"), "{carrier:?}: {error}");

        let mut stream = distrustful.connect(&lab.tls(), None).await.unwrap();
        stream.write_all(b"USER user0\r\nPASS secret\r\n").await.unwrap();
        let (answer, _) = read_to_end(&mut stream).await;
        assert_eq!(answer.first(), Some(&21), "{carrier:?}: a TLS alert was expected, not {answer:?}");

        let mut client = Client::enter(&lab, &lab.dialer(), Entrance::Tls).await;
        assert!(client.login(0).await, "{carrier:?}");
        lab.stop().await;
    }
}

#[tokio::test]
async fn tls_on_the_clear_port_is_recognised() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let dialer = lab.dialer();
        let stream = dialer.connect(&lab.clear(), None).await.unwrap();
        let error = dialer.start_tls(stream, &TlsOptions::named("fake.poplab.test")).await.unwrap_err();
        assert!(
            matches!(&error, DialError::NotTls { first } if first.starts_with(b"+OK")),
            "{carrier:?}: {error}"
        );
        lab.stop().await;
    }
}

#[tokio::test]
async fn a_message_larger_than_every_buffer_arrives_whole() {
    let line = b"The quick brown fox jumps over the lazy dog.\r\n";
    let message = [b"Subject: large\r\n\r\n".as_slice(), &line.repeat(100_000)].concat();
    let account = Account::new("user0", "secret", [message.clone()]);
    let world = World::new(Configuration { accounts: vec![account], ..Configuration::default() });
    for carrier in CARRIERS {
        let lab = match carrier {
            Carrier::Tcp => Lab::Tcp(Server::start(world.clone(), Ports::ANY).await.unwrap()),
            Carrier::Memory => Lab::Memory(MemoryNetwork::new(world.clone()).unwrap()),
        };
        for entrance in [Entrance::Clear, Entrance::Tls] {
            let mut client = Client::enter(&lab, &lab.dialer(), entrance).await;
            assert!(client.login(0).await);
            assert!(client.command("RETR 1").await.starts_with("+OK"));
            client.stream.write_all(b"QUIT\r\n").await.unwrap();
            let (rest, end) = read_to_end(&mut client.stream).await;
            assert!(end.is_ok(), "{carrier:?} {entrance:?}: {end:?}");
            let all = [client.unread, rest].concat();
            assert!(all.starts_with(&message), "{carrier:?} {entrance:?}");
            assert!(all[message.len()..].starts_with(b".\r\n+OK"), "{carrier:?} {entrance:?}");
        }
        lab.stop().await;
    }
}

#[tokio::test]
async fn two_hundred_sessions_at_once() {
    const SESSIONS: usize = 200;
    for carrier in CARRIERS {
        let lab = Arc::new(Lab::start(carrier, SESSIONS).await);
        let dialer = lab.dialer();
        // Everybody waits until all are logged in: they are there at the same time.
        let everybody = Arc::new(tokio::sync::Barrier::new(SESSIONS));
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|number| {
                let (lab, dialer, everybody) = (lab.clone(), dialer.clone(), everybody.clone());
                tokio::spawn(async move {
                    let entrance = [Entrance::Clear, Entrance::StartTls, Entrance::Tls][number % 3];
                    let mut client = Client::enter(&lab, &dialer, entrance).await;
                    assert!(client.login(number).await);
                    everybody.wait().await;
                    assert!(client.command("STAT").await.starts_with("+OK 2 "));
                    assert!(client.command("QUIT").await.starts_with("+OK"));
                    client.stream.close().await;
                })
            })
            .collect();
        for session in sessions {
            session.await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_last_reply_survives_what_nobody_reads() {
    for entrance in [Entrance::Clear, Entrance::Tls] {
        let lab = Lab::start(Carrier::Tcp, 1).await;
        let mut client = Client::enter(&lab, &lab.dialer(), entrance).await;
        let babble = [b"QUIT\r\n".as_slice(), &vec![b'x'; 100_000]].concat();
        client.stream.write_all(&babble).await.unwrap();
        let (octets, end) = read_to_end(&mut client.stream).await;
        assert!(octets.starts_with(b"+OK"), "{entrance:?}: {octets:?}");
        assert!(end.is_ok(), "{entrance:?}: {end:?}");
        lab.stop().await;
    }
}

#[tokio::test]
async fn the_maildrop_is_free_as_soon_as_quit_is_answered() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let dialer = lab.dialer();
        for _ in 0..20 {
            let mut client = Client::enter(&lab, &dialer, Entrance::Clear).await;
            assert!(client.login(0).await, "{carrier:?}");
            assert!(client.command("QUIT").await.starts_with("+OK"));
        }
        lab.stop().await;
    }
}

#[tokio::test]
async fn a_vanished_client_frees_the_maildrop() {
    for carrier in CARRIERS {
        let lab = Lab::start(carrier, 1).await;
        let dialer = lab.dialer();
        let mut vanishing = Client::enter(&lab, &dialer, Entrance::Clear).await;
        assert!(vanishing.login(0).await);
        let mut waiting = Client::enter(&lab, &dialer, Entrance::Clear).await;
        assert!(!waiting.login(0).await, "{carrier:?}: two sessions on one maildrop");
        vanishing.stream.reset();
        // Each round trip lets the server's other task run; far fewer than a thousand are needed.
        let mut free = false;
        for _ in 0..1000 {
            let mut client = Client::enter(&lab, &dialer, Entrance::Clear).await;
            free = client.login(0).await;
            if free {
                break;
            }
        }
        assert!(free, "{carrier:?}: the lock outlives its session");
        lab.stop().await;
    }
}

#[tokio::test]
async fn stop_leaves_nothing_running() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for carrier in CARRIERS {
        let before = alive();
        let lab = Lab::start(carrier, 3).await;
        let dialer = lab.dialer();
        let mut clients = Vec::new();
        for (number, entrance) in [Entrance::Clear, Entrance::StartTls, Entrance::Tls].into_iter().enumerate()
        {
            let mut client = Client::enter(&lab, &dialer, entrance).await;
            assert!(client.login(number).await);
            clients.push(client);
        }
        // Neither greeted nor shaken hands: stopping must not wait for this one either.
        let idle = dialer.connect(&lab.tls(), None).await.unwrap();
        assert!(alive() > before);
        let clear = lab.clear();
        lab.stop().await;
        assert_eq!(alive(), before, "{carrier:?}");
        if matches!(carrier, Carrier::Tcp) {
            let error = dialer.connect(&clear, None).await.unwrap_err();
            assert!(matches!(error, DialError::Refused { .. }), "{error}");
        }
        for mut client in clients {
            let (octets, _) = read_to_end(&mut client.stream).await;
            assert_eq!(octets, b"", "{carrier:?}");
            assert!(client.stream.ending().is_some(), "{carrier:?}");
        }
        drop(idle);
    }
}

#[tokio::test(start_paused = true)]
async fn in_memory_the_clock_stands_still() {
    let lab = Lab::start(Carrier::Memory, 1).await;
    let dialer = lab.dialer();
    let start = Instant::now();
    let mut client = Client::enter(&lab, &dialer, Entrance::StartTls).await;
    assert!(client.login(0).await);
    assert!(client.command("STAT").await.starts_with("+OK 2 "));
    assert_eq!(start.elapsed(), Duration::ZERO);

    // A wait of a day takes a day of the virtual clock and no time at all.
    let day = Duration::from_hours(24);
    assert!(timeout(day, client.line()).await.is_err());
    assert!(start.elapsed() >= day);
    assert!(client.command("QUIT").await.starts_with("+OK"));
}

#[tokio::test]
async fn hosts_and_ports_without_a_server_are_told_apart() {
    let lab = Lab::start(Carrier::Memory, 1).await;
    let memory = lab.dialer();
    let tcp = Dialer::tcp(Trust::Insecure).unwrap();
    // An empty label: no resolver needs to be asked.
    let error = tcp.connect(&Endpoint::new("no..such.host", 110), None).await.unwrap_err();
    assert!(matches!(error, DialError::UnknownHost { .. }), "{error:?}");
    let error = memory.connect(&Endpoint::new("elsewhere.test", 110), None).await.unwrap_err();
    assert!(matches!(error, DialError::UnknownHost { .. }), "{error:?}");

    // The port is taken, but nobody listens on it.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let endpoint = Endpoint::from(taken.local_addr().unwrap());
    let error = tcp.connect(&endpoint, None).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&endpoint.to_string()), "{error}");
    let error = memory.connect(&Endpoint::new(MemoryNetwork::HOST, 111), None).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn the_source_address_can_be_chosen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from(listener.local_addr().unwrap());
    let dialer = Dialer::tcp(Trust::Insecure).unwrap();
    let source: IpAddr = "127.0.0.77".parse().unwrap();
    let (stream, accepted) = tokio::join!(dialer.connect(&endpoint, Some(source)), listener.accept());
    stream.unwrap();
    assert_eq!(accepted.unwrap().1.ip(), source);

    // An address of TEST-NET-1 (RFC 5737) belongs to no machine; one of the other family leads nowhere.
    for source in ["192.0.2.1", "::1"] {
        let error = dialer.connect(&endpoint, Some(source.parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, DialError::LocalAddress { .. }), "{source}: {error:?}");
    }
}

#[tokio::test]
async fn a_peer_without_manners_is_served_as_well() {
    // Commands one octet at a time, replies never read until the end.
    let server = Server::start(world(1), Ports { clear: Some(0), tls: None }).await.unwrap();
    assert_eq!(server.tls(), None);
    let mut socket = TcpStream::connect(server.clear().unwrap()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    for octet in b"USER user0\r\nPASS secret\r\nSTAT\r\nQUIT\r\n" {
        socket.write_all(std::slice::from_ref(octet)).await.unwrap();
        socket.flush().await.unwrap();
    }
    let mut all = Vec::new();
    socket.read_to_end(&mut all).await.unwrap();
    let text = String::from_utf8(all).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.lines().all(|line| line.starts_with("+OK")), "{text}");
    server.stop().await;
}
