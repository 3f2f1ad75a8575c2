//! What a recorded world tells of its sessions.

use fake::{Account, Channel, Configuration, Connection, Machine as _, Next, RECEIVED, Script, What, World};

fn world(script: &str) -> World {
    let script = Script::read(script, "faults.yaml").unwrap();
    let mail = |number: u32| format!("Subject: {number}\r\n\r\n.text of {number}\r\n").into_bytes();
    World::new(Configuration {
        accounts: vec![Account::new("alice", "wonderland", (1..=3).map(mail))],
        script: Some(script),
        recorded: true,
        ..Configuration::default()
    })
}

/// Says this in one piece, and gives what comes back until the server wants more or ends.
fn say(connection: &mut Connection, mut input: &[u8]) -> (String, Next) {
    let mut out = Vec::new();
    loop {
        match connection.next() {
            Next::Write => connection.transmit(&mut out, 4096),
            Next::Read if !input.is_empty() => input = &input[connection.receive(input)..],
            Next::Wait(_) | Next::Flush | Next::HalfClose => {}
            Next::StartTls(_) => connection.secured(),
            next => return (String::from_utf8(out).unwrap(), next),
        }
    }
}

const SCRIPT: &str = "
expect:
  - {command: DELE, times: 2}
faults:
  - name: the second message breaks off
    when: {command: RETR, nth: 2, message_octet: 9}
    do: reset
  - when: {command: NOOP}
    do: {refuse: {text: Not today}}
  - when: {command: STAT}
    do: {say: '+OK 7 7'}
";

#[test]
fn what_was_said_and_done_is_kept_without_secrets() {
    let world = world(SCRIPT);
    let mut first = world.connect(Channel::Tls);
    let mut second = world.connect(Channel::Clear);
    say(&mut second, b"STLS\r\nUSER alice\r\nPASS lookingglass\r\n");
    say(
        &mut first,
        b"USER alice\r\nPASS wonderland\r\nNOOP\r\nSTAT\r\nTOP 1 0\r\nRETR 1\r\nDELE 3\r\nDELE 3\r\nQUIT\r\n",
    );
    say(&mut second, b"USER alice\r\nPASS wonderland\r\nRETR 1\r\nRETR 2\r\n");
    drop((first, second));
    let removed = world.removed();
    assert_eq!(removed.len(), 1);
    assert!(removed[0].octets.starts_with(b"Subject: 3\r\n") && removed[0].user == "alice");
    assert_eq!(world.messages("alice").len(), 2);
    let done: Vec<(u64, u64, What)> =
        world.happenings().iter().map(|one| (one.session, one.message, one.what)).collect();
    assert_eq!(
        done,
        [
            (1, 1, What::Previewed),
            (1, 1, What::Served),
            (1, 3, What::Marked),
            (2, 1, What::Served),
            (2, 2, What::Served)
        ]
    );
    assert_eq!(world.verify(), Ok(()), "refused or not, it was said twice");
    let received: Vec<String> = world
        .received()
        .iter()
        .map(|one| format!("{} {} {:?}", one.session, one.line, one.accepted))
        .collect();
    let transcript = world.transcript().unwrap().render();
    assert!(!transcript.contains("wonderland") && !transcript.contains("lookingglass"), "{transcript}");
    insta::assert_snapshot!(format!("{transcript}\n{}\n", received.join("\n")));
}

#[test]
fn everything_is_as_at_the_start_after_a_reset() {
    let world = world(SCRIPT);
    let session = |world: &World| {
        let mut connection = world.connect(Channel::Clear);
        let (said, _) =
            say(&mut connection, b"USER alice\r\nPASS wonderland\r\nUIDL\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n");
        drop(connection);
        (said, world.transcript().unwrap().render())
    };
    let first = session(&world);
    assert_eq!((world.removed().len(), world.messages("alice").len()), (2, 1));
    assert_eq!(world.verify(), Ok(()));
    let mut open = world.connect(Channel::Clear);
    say(&mut open, b"USER alice\r\nPASS wonderland\r\nDELE 1\r\n");
    world.reset();
    assert_eq!((world.removed().len(), world.messages("alice").len()), (0, 3));
    assert_eq!(say(&mut open, b"QUIT\r\n"), (String::new(), Next::Close));
    drop(open);
    assert_eq!(world.messages("alice").len(), 3);
    assert!(world.verify().is_err(), "nothing was said since");
    assert_eq!(session(&world), first);
}

#[test]
fn another_script_counts_from_the_next_connection_on() {
    let world = world(SCRIPT);
    let mut old = world.connect(Channel::Clear);
    world.set_script(None);
    let login = b"USER alice\r\nPASS wonderland\r\nNOOP\r\n";
    assert!(say(&mut old, login).0.contains("-ERR Not today"));
    drop(old);
    let mut new = world.connect(Channel::Clear);
    assert!(!say(&mut new, login).0.contains("-ERR"));
    assert_eq!((world.verify(), world.faults()), (Ok(()), Vec::new()));
}

#[test]
fn a_client_cannot_make_the_record_grow() {
    let world = world("expect: [{command: NOOP, times: 2}]");
    let mut connection = world.connect(Channel::Clear);
    let nonsense = b"XYZZY\r\n".repeat(1000);
    for _ in 0..=RECEIVED / 1000 {
        say(&mut connection, &nonsense);
    }
    assert_eq!(world.received().len(), RECEIVED);
    assert!(world.transcript().unwrap().render().len() < 1 << 20);
    insta::assert_snapshot!(world.verify().unwrap_err()[0]);
}
