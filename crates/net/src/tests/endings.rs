//! Every way a peer can end a connection is told from every other.

use super::*;
use crate::{Ending, Progress};

#[tokio::test]
async fn fin_comes_after_the_octets() {
    for carrier in CARRIERS {
        let (mut client, mut server) = pair(carrier).await;
        server.write_all(b"+OK bye\r\n").await.unwrap();
        assert_eq!(client.ending(), None);
        server.close().await;
        let (octets, end) = read_to_end(&mut client).await;
        assert_eq!(
            (octets.as_slice(), client.ending()),
            (&b"+OK bye\r\n"[..], Some(Ending::Fin)),
            "{carrier:?}"
        );
        assert!(end.is_ok(), "{carrier:?}");
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    for carrier in CARRIERS {
        let (mut client, server) = pair(carrier).await;
        server.reset();
        let (_, end) = read_to_end(&mut client).await;
        assert!(matches!(end, Err(ReadError::Reset)), "{carrier:?}: {end:?}");
        assert_eq!(client.ending(), Some(Ending::Reset), "{carrier:?}");
    }
}

#[tokio::test]
async fn close_notify_is_told_from_a_bare_fin() {
    for carrier in CARRIERS {
        let (mut client, mut server) = secure_pair(carrier).await;
        server.write_all(b"+OK\r\n").await.unwrap();
        server.close().await;
        let (octets, end) = read_to_end(&mut client).await;
        assert_eq!(octets, b"+OK\r\n", "{carrier:?}");
        assert!(end.is_ok(), "{carrier:?}: {end:?}");
        assert_eq!(client.ending(), Some(Ending::TlsClose), "{carrier:?}");

        let (mut client, mut server) = secure_pair(carrier).await;
        server.write_all(b"+OK\r\n").await.unwrap();
        server.abandon();
        let (octets, end) = read_to_end(&mut client).await;
        assert_eq!(octets, b"+OK\r\n", "{carrier:?}");
        assert!(matches!(end, Err(ReadError::Truncated)), "{carrier:?}: {end:?}");
        assert_eq!(client.ending(), Some(Ending::Truncated), "{carrier:?}");
    }
}

#[tokio::test]
async fn a_reset_under_tls_is_a_reset() {
    for carrier in CARRIERS {
        let (mut client, server) = secure_pair(carrier).await;
        server.reset();
        let (_, end) = read_to_end(&mut client).await;
        assert!(matches!(end, Err(ReadError::Reset)), "{carrier:?}: {end:?}");
        assert_eq!(client.ending(), Some(Ending::Reset), "{carrier:?}");
    }
}

#[tokio::test]
async fn the_client_can_end_in_the_same_ways() {
    for carrier in CARRIERS {
        let (client, mut server) = secure_pair(carrier).await;
        client.close().await;
        assert!(read_to_end(&mut server).await.1.is_ok(), "{carrier:?}");
        assert_eq!(server.ending(), Some(Ending::TlsClose), "{carrier:?}");

        // The session tickets of TLS 1.3 are still unread at the client: closing must not make RST of them.
        let (client, mut server) = secure_pair(carrier).await;
        client.abandon();
        assert!(matches!(read_to_end(&mut server).await.1, Err(ReadError::Truncated)), "{carrier:?}");

        let (client, mut server) = secure_pair(carrier).await;
        client.reset();
        assert!(matches!(read_to_end(&mut server).await.1, Err(ReadError::Reset)), "{carrier:?}");
    }
}

#[tokio::test]
async fn after_a_half_close_the_other_direction_goes_on() {
    for carrier in CARRIERS {
        for (mut client, mut server) in [pair(carrier).await, secure_pair(carrier).await] {
            client.write_all(b"QUIT\r\n").await.unwrap();
            client.shutdown_write().await.unwrap();
            assert_eq!(read_to_end(&mut server).await.0, b"QUIT\r\n");
            server.write_all(b"+OK\r\n").await.unwrap();
            server.close().await;
            let (octets, end) = read_to_end(&mut client).await;
            assert_eq!(octets, b"+OK\r\n", "{carrier:?}");
            assert!(end.is_ok(), "{carrier:?}: {end:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_that_a_write_learned_of_is_not_forgotten() {
    let (mut client, server) = pair(Carrier::Tcp).await;
    server.reset();
    // The kernel tells the RST to whoever comes first, once.
    while client.write_all(b"NOOP\r\n").await.is_ok() {}
    assert!(matches!(read_to_end(&mut client).await.1, Err(ReadError::Reset)));
    assert_eq!(client.ending(), Some(Ending::Reset));
}

#[tokio::test]
async fn much_can_be_written_while_much_is_read() {
    for carrier in CARRIERS {
        for (mut client, mut server) in [pair(carrier).await, secure_pair(carrier).await] {
            // An echo that writes before it reads on: with more under way than all buffers hold, a client that only
            // wrote would wait for ever.
            let echo = tokio::spawn(async move {
                let mut scratch = vec![0; 4096];
                while let Ok(count) = server.read(&mut scratch).await {
                    if count == 0 {
                        break;
                    }
                    server.write_all(&scratch[..count]).await.unwrap();
                }
            });
            let sent: Vec<u8> = (0..16 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
            let (mut written, mut received) = (0, Vec::new());
            let mut scratch = vec![0; 64 * 1024];
            while received.len() < sent.len() {
                match client.write_or_read(&sent[written..], &mut scratch).await.unwrap() {
                    Progress::Written(count) => {
                        written += count;
                        if written == sent.len() {
                            client.write_all(b"").await.unwrap();
                        }
                    }
                    Progress::Read(count) => received.extend_from_slice(&scratch[..count]),
                }
            }
            assert!(received == sent, "{carrier:?}");
            client.close().await;
            echo.await.unwrap();
        }
    }
}
