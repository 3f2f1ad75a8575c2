//! Tests over real loopback sockets and over pipes in memory.

mod endings;
mod machines;
mod many;
mod patience;
mod relay;
mod server;
mod trust;

use std::io::Write as _;
use std::sync::{Arc, Once};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::stream::Stream;
use crate::tls::{Acceptor, Connector};
use crate::transport::Transport;
use crate::{DialError, Identity, ReadError, TlsOptions, Trust};

/// What carries the octets of a test.
#[derive(Clone, Copy, Debug)]
enum Carrier {
    Tcp,
    Memory,
}

const CARRIERS: [Carrier; 2] = [Carrier::Tcp, Carrier::Memory];

/// How long all of these tests may take together; they take seconds.
const LONGEST: Duration = Duration::from_mins(5);

/// Ends the tests when one of them stands still: on real sockets, whoever waits in vain waits for ever.
fn bounded() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        std::thread::spawn(|| {
            std::thread::park_timeout(LONGEST);
            let _ = writeln!(std::io::stderr(), "a test of net stands still; see which one has not ended");
            std::process::exit(101);
        });
    });
}

/// The two ends of a connection without TLS: client, server.
async fn pair(carrier: Carrier) -> (Stream, Stream) {
    bounded();
    let (near, far) = match carrier {
        Carrier::Memory => Transport::pipe(),
        Carrier::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (far, _) = listener.accept().await.unwrap();
            (Transport::tcp(near), Transport::tcp(far))
        }
    };
    (Stream::dialled(near, "localhost".to_owned()), Stream::new(far))
}

/// A handshake between the two; the server's end is `None` if it failed there.
async fn handshake(
    carrier: Carrier,
    identity: &Identity,
    trust: &Trust,
    options: &TlsOptions,
) -> (Result<Stream, DialError>, Option<Stream>) {
    let acceptor = Acceptor::new(identity).unwrap();
    let connector = Connector::new(trust).unwrap();
    let (client, server) = pair(carrier).await;
    let (transport, host) = client.into_clear().unwrap();
    tokio::join!(
        async {
            let (session, facts) = connector.connect(transport, &host, options).await?;
            Ok(Stream::secured_to(session, host.clone(), facts))
        },
        server.accept_tls(&acceptor, Duration::from_secs(5)),
    )
}

/// The two ends of a connection with TLS: client, server.
async fn secure_pair(carrier: Carrier) -> (Stream, Stream) {
    let identity = Identity::throwaway().unwrap();
    let trust = Trust::Only { ca_pem: identity.ca_pem().into() };
    let (client, server) = handshake(carrier, &identity, &trust, &TlsOptions::named("localhost")).await;
    (client.unwrap(), server.unwrap())
}

/// Everything up to the end, and how reading ended.
async fn read_to_end(stream: &mut Stream) -> (Vec<u8>, Result<(), ReadError>) {
    let mut all = Vec::new();
    let mut scratch = [0; 4096];
    loop {
        match stream.read(&mut scratch).await {
            Ok(0) => return (all, Ok(())),
            Ok(count) => all.extend_from_slice(&scratch[..count]),
            Err(error) => return (all, Err(error)),
        }
    }
}
