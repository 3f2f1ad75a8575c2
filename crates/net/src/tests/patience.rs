//! Machines whose patience ends, on a clock that stands still until everybody waits.

use fake::{Account, Configuration, Defect, World};

use super::*;
use crate::{Dialer, MemoryNetwork};

/// A client of a server with this defect, logged in to a maildrop with one large message.
async fn logged_in(defect: &str) -> (MemoryNetwork, Stream) {
    let large = [&b"Subject: large\r\n\r\n"[..], &b"0123456789\r\n".repeat(100_000)].concat();
    let accounts = vec![Account::new("user", "secret", [large])];
    let defects = Defect::parse(defect).unwrap().into();
    let network =
        MemoryNetwork::new(World::new(Configuration { accounts, defects, ..Configuration::default() }));
    let network = network.unwrap();
    let dialer = Dialer::memory(&network, Trust::Insecure).unwrap();
    let mut stream = dialer.connect(&network.clear(), None).await.unwrap();
    stream.write_all(b"USER user\r\nPASS secret\r\n").await.unwrap();
    (network, stream)
}

/// What comes until the connection ends, and after how many seconds it does; every so many of them something is said.
async fn until_the_end(stream: &mut Stream, every: u64, says: &[u8]) -> (Vec<u8>, u64) {
    let begun = tokio::time::Instant::now();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match tokio::time::timeout(Duration::from_secs(every), stream.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => said.extend_from_slice(&buffer[..count]),
            Ok(_) => return (said, begun.elapsed().as_secs()),
            Err(_) => stream.write_all(says).await.unwrap(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_session_and_octets_begin_it_anew() {
    let (_network, mut stream) = logged_in("rfc1939.autologout.says-so").await;
    let (said, seconds) = until_the_end(&mut stream, 1_000, b"").await;
    assert!(said.ends_with(b"+OK Maildrop open\r\n-ERR Autologout\r\n"), "{}", said.escape_ascii());
    assert_eq!(seconds, 600);
    let (_network, mut stream) = logged_in("rfc1939.autologout.ten-seconds").await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        stream.write_all(b"NOOP\r\n").await.unwrap();
    }
    let (said, seconds) = until_the_end(&mut stream, 1_000, b"").await;
    assert!(said.ends_with(b"+OK Nothing done\r\n"), "{}", said.escape_ascii());
    assert_eq!(seconds, 10);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_at_its_time_whatever_is_said() {
    let (_network, mut stream) = logged_in("rfc1939.autologout.sixty-seconds-in-all").await;
    let (said, seconds) = until_the_end(&mut stream, 7, b"NOOP\r\n").await;
    assert_eq!((said.windows(4).filter(|four| four == b"Noth").count(), seconds), (8, 60));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_still_on_its_way_is_given_up() {
    let (_network, mut stream) = logged_in("practice.autologout.in-transfer").await;
    stream.write_all(b"RETR 1\r\n").await.unwrap();
    let (mut sent, mut buffer) = (0, [0; 4096]);
    // Slowly, but steadily.
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        sent += count;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert!((1..1_000_000).contains(&sent), "{sent}");
}
