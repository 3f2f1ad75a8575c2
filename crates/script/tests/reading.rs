//! Scripts that are right and scripts that are not.

use proptest::prelude::*;
use script::{Action, Certificate, Deleted, Ending, Moment, Place, Script, State};

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "\
about: all wrong
faults:
  - when: {command: RERT, nth: 0}
    do: close
  - when: {at: greeting, command: RETR}
    do: shut
  - when: {at: handshake, octet: 3}
    do: {say: hello}
  - when: {command: STAT, octet: 1, before: terminator}
    do: {delay: 5}
  - when: {command: RETR}
    do: {certificate: expired}
  - when: {command: RETR}
    do: {inject: 'a \\q'}
  - when: {command: RETR}
    do: {refuse: {code: IN-USE}}
  - whne: {command: RETR}
    do: {trickle: {octets: 0}}
";
    insta::assert_snapshot!(Script::read(text, "faults.yaml").unwrap_err().to_string());
}

#[test]
fn every_action_and_moment_is_read() {
    let text = "\
faults:
  - {name: late, when: {session: 3, at: connect}, do: stall, times: 2}
  - {when: {at: handshake, every_session: 2}, do: {certificate: wrong-host}}
  - {when: {at: greeting}, do: {say: '220 smtp.example ESMTP'}}
  - {when: {command: ANY, state: authorization}, do: {refuse: {code: SYS/TEMP, text: Later}}}
  - {when: {command: RETR, message: 4, message_octet: 100}, do: {split: [1, 2, 3]}}
  - {when: {command: UIDL, before: terminator}, do: {inject: 'x\\x00\\r'}}
  - {when: {command: QUIT, before: end}, do: {trickle: {every: 10ms}}}
  - {when: {command: PASS, reply: err, before: end}, do: close}
policy: {close_after_refusals: 3, keeps_deleted: true}
";
    let Script { policy, faults, .. } = Script::read(text, "faults.yaml").unwrap();
    assert_eq!((policy.refusals, policy.deleted, policy.busy_without_code), (Some(3), Deleted::Kept, false));
    assert_eq!(faults[7].when.accepted, Some(false));
    assert_eq!(
        (faults[0].name.as_str(), faults[0].when.session, faults[0].times),
        ("late", Some(3), Some(2))
    );
    assert_eq!((faults[0].when.moment, &faults[0].action), (Moment::Connect, &Action::End(Ending::Stall)));
    assert_eq!(faults[1].action, Action::Certificate(Certificate::WrongHost));
    assert_eq!(Certificate::WrongHost.identity().0, 3);
    assert_eq!(faults[2].action, Action::Say(b"220 smtp.example ESMTP\r\n".to_vec()));
    assert_eq!(faults[3].when.state, Some(State::Authorization));
    assert_eq!((faults[4].when.message, faults[4].when.place), (Some(4), Place::MessageOctet(100)));
    assert_eq!(faults[4].action, Action::Split(vec![1, 2, 3]));
    assert_eq!(faults[5].action, Action::Inject(b"x\0\r\r\n".to_vec()));
    assert_eq!(faults[6].when.place, Place::After);
    assert_eq!(faults[6].name, "trickle of 1 every 0.01 s at QUIT");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fall(text in "(faults|expect|lies|policy|list|sizes|when|do|command|times|[{}:, \n-]|RETR|DELE|close|[0-9]|\\PC){0,60}") {
        script::fuzzing::read(text.as_bytes());
    }
}

/// For editors: the shipped scripts name it in their first line.
#[test]
fn the_committed_schema_is_the_one_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/faults/schema.json");
    let now = script::KIND.schema_text();
    if std::env::var_os("POPLAB_ACCEPT_SCHEMA").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == now,
        "scenarios/faults/schema.json is not what the tables say; run this test with POPLAB_ACCEPT_SCHEMA=1"
    );
}
