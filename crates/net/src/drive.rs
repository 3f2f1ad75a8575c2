//! Drives one connection of the fake server over one stream, until either side ends it.
//!
//! The same for TCP and for pipes in memory. Deliberately no idea of POP3: what to do next is asked of
//! [`fake::Connection`], and the only thing kept here is a bounded tail of octets it has not consumed yet.

use std::time::Duration;

use fake::{Channel, Connection, Next, World};

use crate::stream::Stream;
use crate::tls::Acceptor;

/// How much is read at once, and how much output is gathered before it is written.
const PIECE: usize = 16 * 1024;

/// More than the longest line the fake accepts. A connection that consumes nothing of so much is stuck.
const TAIL_LIMIT: usize = 256 * 1024;

/// How long an ended connection waits for its client to close as well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves one client. A failed handshake, a broken connection and a vanished client end this connection only.
pub(crate) async fn serve(world: World, channel: Channel, stream: Stream, acceptor: &Acceptor) {
    // Numbered in the order of arrival, not in that of finished handshakes.
    let implicit = matches!(channel, Channel::Tls);
    let connection = world.connect(channel);
    let stream = if implicit {
        match stream.accept_tls(acceptor, PATIENCE).await {
            Some(stream) => stream,
            None => return,
        }
    } else {
        stream
    };
    drive(connection, stream, acceptor).await;
}

async fn drive(mut connection: Connection, mut stream: Stream, acceptor: &Acceptor) {
    // What has been read, and how much of it the connection has consumed.
    let mut input: Vec<u8> = Vec::new();
    let mut consumed = 0;
    let mut output: Vec<u8> = Vec::new();
    let mut scratch = vec![0; PIECE];
    loop {
        match connection.next() {
            Next::Write => {
                let before = output.len();
                connection.transmit(&mut output, PIECE);
                if output.len() == before && matches!(connection.next(), Next::Write) {
                    debug_assert!(false, "a connection wants to write and has nothing");
                    return;
                }
                // Replies to pipelined commands leave together; the client gets them before anything is awaited.
                if output.len() >= PIECE && !flush(&mut stream, &mut output).await {
                    return;
                }
            }
            Next::Read => {
                if consumed < input.len() {
                    let taken = connection.receive(&input[consumed..]);
                    consumed += taken;
                    if taken > 0 || !matches!(connection.next(), Next::Read) {
                        continue;
                    }
                }
                input.drain(..consumed);
                consumed = 0;
                if input.len() > TAIL_LIMIT || !flush(&mut stream, &mut output).await {
                    return;
                }
                match stream.read(&mut scratch).await {
                    Ok(count) if count > 0 => input.extend_from_slice(&scratch[..count]),
                    Ok(_) => {
                        // The client has left, or will not say more: no QUIT, no UPDATE (RFC 1939 section 6).
                        drop(connection);
                        return stream.farewell(PATIENCE).await;
                    }
                    Err(_) => return,
                }
            }
            Next::StartTls => {
                // What came in the clear after STLS is not part of the TLS session, whoever sent it.
                input.clear();
                consumed = 0;
                if !flush(&mut stream, &mut output).await {
                    return;
                }
                stream = match stream.accept_tls(acceptor, PATIENCE).await {
                    Some(stream) => stream,
                    None => return,
                };
                connection.tls_established();
            }
            Next::Close => {
                // Released before the client reads the last reply: it may log in again at once.
                drop(connection);
                if flush(&mut stream, &mut output).await {
                    stream.farewell(PATIENCE).await;
                }
                return;
            }
            Next::Reset => {
                flush(&mut stream, &mut output).await;
                return stream.reset();
            }
        }
    }
}

/// Writes what has been gathered; false if the client is gone.
async fn flush(stream: &mut Stream, output: &mut Vec<u8>) -> bool {
    if output.is_empty() {
        return true;
    }
    let written = stream.write_all(output).await.is_ok();
    output.clear();
    written
}
