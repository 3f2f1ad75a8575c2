//! The example of docs/fake.md, as a test like any other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use poplab_server::{FakeServer, Script};

#[test]
fn a_message_that_broke_off_is_not_deleted() -> Result<(), Box<dyn std::error::Error>> {
    let script = "faults: [{when: {command: RETR, message_octet: 100}, do: reset}]";
    let server = FakeServer::builder()
        .account("alice", "wonderland", [b"Subject: tea\r\n\r\nAt five.\r\n".repeat(20)])
        .script(Script::read(script, "script")?)
        .start_blocking()?;
    // In the place of these lines: the client under test.
    let mut client = TcpStream::connect(server.clear().unwrap())?;
    client.write_all(b"USER alice\r\nPASS wonderland\r\nRETR 1\r\n")?;
    assert!(client.read_to_end(&mut Vec::new()).is_err());

    assert_eq!(server.received().last().unwrap().line, "RETR 1");
    assert_eq!((server.messages("alice").len(), server.removed().len()), (1, 0));
    assert!(server.transcript().render().contains("closed by server, RST"));
    Ok(())
}
