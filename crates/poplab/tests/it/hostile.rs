//! Clients that mean no good, by the thousand: the server serves no more of them at once than it was told to, and the next
//! honest one as soon as there is room. On a paused clock, which runs on only when nobody can do anything any more.

use std::time::Duration;

use fake::{Account, Configuration, World};
use net::{Dialer, Listening, MemoryNetwork, Stream, Trust};
use tokio::time::timeout;

/// So many are served at once.
const ROOM: usize = 64;

/// So many come.
const COME: usize = 3000;

fn network() -> MemoryNetwork {
    let mail = vec![b"Subject: tea\r\n\r\nAt five.\r\n".to_vec()];
    let accounts = vec![Account::new("alice", "wonderland", mail)];
    let world = World::new(Configuration { accounts, ..Configuration::default() });
    let identities = poplab::identities().unwrap();
    let shown: Vec<_> = identities.iter().collect();
    let listening = Listening { most_connections: ROOM, ..Listening::default() };
    MemoryNetwork::start_with(world, listening, &shown).unwrap()
}

/// What comes until nothing does; `None` if nothing came at all.
async fn heard(stream: &mut Stream) -> Option<String> {
    let (mut all, mut buffer) = (Vec::new(), [0; 512]);
    while let Ok(Ok(count)) = timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    (!all.is_empty()).then(|| String::from_utf8_lossy(&all).into_owned())
}

#[tokio::test(start_paused = true)]
async fn half_open_connections_take_no_more_room_than_there_is() {
    let network = network();
    let dialer = Dialer::memory(&network, Trust::Only { ca_pem: network.ca_pem().into() }).unwrap();
    // They say nothing, half a command, or begin no handshake.
    let mut open = Vec::new();
    for number in 0..COME {
        let endpoint = if number % 3 == 2 { network.tls() } else { network.clear() };
        let mut stream = dialer.connect(&endpoint, None).await.unwrap();
        if number % 3 == 1 {
            stream.write_all(b"USER al").await.unwrap();
        }
        open.push(stream);
    }
    let mut greeted = 0;
    for stream in &mut open {
        greeted += usize::from(heard(stream).await.is_some());
    }
    // Of those that have room a third waits for a handshake.
    assert_eq!(greeted, ROOM - ROOM / 3);
    // Nothing is timed out: who has room keeps it.
    let mut honest = dialer.connect(&network.clear(), None).await.unwrap();
    assert_eq!(heard(&mut honest).await, None);
    drop(open);
    assert!(heard(&mut honest).await.unwrap().starts_with("+OK "));
    honest.write_all(b"USER alice\r\nPASS wonderland\r\nSTAT\r\nQUIT\r\n").await.unwrap();
    assert!(heard(&mut honest).await.unwrap().ends_with("+OK 1 26\r\n+OK Bye\r\n"));
    network.stop().await;
}
