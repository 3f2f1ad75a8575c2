//! Servers in the process of a test: what they tell, and that nothing of them stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use poplab_server::{Defect, FakeServer, Script, What};

/// Says this, and gives the lines that come back until the server closes.
fn talk(address: SocketAddr, commands: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(commands.as_bytes()).unwrap();
    BufReader::new(stream).lines().map_while(Result::ok).collect()
}

const LOGIN: &str = "USER alice\r\nPASS wonderland\r\n";

#[test]
fn a_blocking_server_tells_what_was_done() {
    let server = FakeServer::builder()
        .account("alice", "wonderland", [&b"Subject: tea\r\n\r\nAt five.\r\n"[..], b"Subject: two\r\n\r\n"])
        .seed(7)
        .start_blocking()
        .unwrap();
    let said = talk(server.clear().unwrap(), &format!("{LOGIN}RETR 1\r\nDELE 1\r\nQUIT\r\n"));
    assert_eq!(said.last().unwrap(), "+OK Bye");
    assert_eq!(server.messages("alice").len(), 1);
    let removed = server.removed();
    assert!(removed.len() == 1 && removed[0].octets.starts_with(b"Subject: tea"), "{removed:?}");
    let done: Vec<What> = server.happenings().iter().map(|happening| happening.what).collect();
    assert_eq!(done, [What::Served, What::Marked]);
    assert!(server.deliver("alice", b"Subject: three\r\n\r\n".to_vec()));
    server.reset();
    assert_eq!((server.messages("alice").len(), server.received().len()), (2, 0));
    let again = talk(server.clear().unwrap(), &format!("{LOGIN}RETR 1\r\nDELE 1\r\nQUIT\r\n"));
    assert_eq!(again, said);
}

#[tokio::test]
async fn an_asynchronous_server_verifies_what_was_expected() {
    let script = Script::read("expect: [{command: DELE 2, times: 1}]", "script.yaml").unwrap();
    let server = FakeServer::builder()
        .account("alice", "wonderland", [b"Subject: tea\r\n\r\n".to_vec()])
        .defect(Defect::parse("rfc1939.retr.no-stuffing").unwrap())
        .script(script)
        .start()
        .await
        .unwrap();
    let address = server.clear().unwrap();
    let client = tokio::task::spawn_blocking(move || talk(address, &format!("{LOGIN}DELE 1\r\nQUIT\r\n")));
    client.await.unwrap();
    let unmet = server.verify().unwrap_err();
    assert_eq!(
        unmet[0].to_string(),
        "`DELE 2` was expected once and never came; nearest: session 1, `DELE 1` (another argument)"
    );
    let transcript = server.transcript().render();
    assert!(transcript.contains("[1] C: PASS ‹secret 10›\n"), "{transcript}");
    server.stop().await;
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

/// A thousand servers, a hundred at a time, each with a session: afterwards there is no descriptor and no thread more, and
/// nobody has their mail.
#[test]
fn a_thousand_servers_leave_nothing_behind() {
    let mail: Arc<[u8]> = Arc::from(&b"Subject: tea\r\n\r\nAt five.\r\n"[..]);
    let start = || {
        FakeServer::builder().account("alice", "wonderland", [Arc::clone(&mail)]).start_blocking().unwrap()
    };
    drop(start());
    let counted = || ["fd", "task"].map(|kind| fs::read_dir(format!("/proc/self/{kind}")).unwrap().count());
    let before = counted();
    for _ in 0..10 {
        let servers: Vec<FakeServer> = (0..100).map(|_| start()).collect();
        for server in &servers {
            let said = talk(server.clear().unwrap(), &format!("{LOGIN}STAT\r\nQUIT\r\n"));
            assert_eq!(said[3], "+OK 1 26");
        }
    }
    // Other tests of this binary may run at the same time and hold a few of their own.
    let after = counted();
    for (before, after) in before.iter().zip(after) {
        assert!(after <= before + 20, "{before} before, {after} after");
    }
    assert_eq!(Arc::strong_count(&mail), 1, "somebody still has the mail");
}

/// Tests depend on this crate: what it drags in, everybody builds.
#[test]
fn it_drags_in_no_more_than_a_server_needs() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "poplab-server"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(cargo.stdout).unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let crates: std::collections::BTreeSet<&str> =
        tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!((40..=100).contains(&crates.len()), "{} crates:\n{tree}", crates.len());
    let named = |name: &str| crates.iter().any(|one| one.split(' ').next() == Some(name));
    for heavy in ["clap", "poplab", "poplab-suite", "poplab-load", "poplab-report", "x509-parser"] {
        assert!(!named(heavy), "{heavy} is among them");
    }
    assert!(named("tokio") && named("poplab-fake"));
}
