//! What is said of expectations that were not met.

use script::{Expectation, Received, Script, State, Unmet};

/// The commands of two sessions, as a server records them.
fn received() -> Vec<Received> {
    let command =
        |session, state, line: &str, accepted| Received { session, state, line: line.to_owned(), accepted };
    let (before, after) = (State::Authorization, State::Transaction);
    vec![
        command(1, before, "USER alice", Some(true)),
        command(1, before, "PASS •••", Some(true)),
        command(1, after, "STAT", Some(true)),
        command(1, after, "retr 1", Some(true)),
        command(1, after, "DELE 3", Some(true)),
        command(1, after, "DELE  2", Some(false)),
        command(1, after, "QUIT", Some(true)),
        command(2, before, "STAT", Some(false)),
        command(2, before, "QUIT\u{1b}[2J now", None),
    ]
}

fn verified(expect: &str, left_out: u64) -> Vec<Unmet> {
    let script = Script::read(expect, "faults.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    script.verify(&received(), left_out)
}

#[test]
fn what_was_expected_and_came_is_met() {
    let met = "\
expect:
  - {command: RETR 1}
  - {command: RETR, message: 1, times: 1}
  - {command: DELE, at_least: 2, at_most: 2}
  - {command: DELE, reply: ok, times: 1}
  - {command: STAT, state: authorization, session: 2, reply: err}
  - {command: UIDL, times: 0}
  - {command: ANY, session: 3, times: 0}
  - {command: XTND, at_most: 1}
  - {command: ANY, at_least: 9}
";
    assert_eq!(verified(met, 0), []);
}

#[test]
fn what_was_expected_and_did_not_come_is_told_with_the_nearest_miss() {
    let unmet = "\
expect:
  - {command: dele 2, times: 1}
  - {command: DELE, message: 7}
  - {command: DELE, times: 3}
  - {command: DELE, times: 1}
  - {command: STAT, session: 2, reply: ok}
  - {command: STAT, session: 4, times: 2}
  - {command: RETR, state: authorization}
  - {command: RSET, at_least: 2}
  - {command: TOP, message: 1}
  - {command: QUIT, times: 0}
  - {command: QUIT now}
  - {command: QUIT, session: 2, reply: err}
  - {command: ANY, session: 2, at_most: 1}
  - {command: DELE 3, at_least: 2, at_most: 4}
";
    let told = verified(unmet, 0).iter().map(Unmet::to_string).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told);
}

/// Where the record is not whole, nothing passes of which it cannot be told.
#[test]
fn a_record_with_a_gap_meets_no_exact_count() {
    let expect = "\
expect:
  - {command: RETR 1}
  - {command: DELE, times: 2}
  - {command: RSET, times: 0}
  - {command: STAT, at_least: 3}
  - {command: DELE, at_most: 1}
";
    let told = verified(expect, 1).iter().map(Unmet::to_string).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told);
}

#[test]
fn an_expectation_is_built_as_a_value_too() {
    let dele = Expectation { command: Some("DELE".to_owned()), at_most: Some(1), ..Expectation::default() };
    let script = Script { expect: vec![Expectation::default(), dele], ..Script::default() };
    let unmet = script.verify(&received(), 0);
    assert_eq!(unmet.len(), 1);
    assert_eq!(
        unmet[0].to_string(),
        "`DELE` was expected once and came twice; one too many: session 1, `DELE  2`"
    );
    assert_eq!(script.verify(&[], 0)[0].to_string(), "any command was expected and never came");
}

#[test]
fn everything_that_is_wrong_with_expectations_is_told_at_once() {
    let text = "\
expect:
  - {times: 2}
  - {command: DLEE, times: 2, at_most: 3}
  - {command: RETR 1, message: 1, at_least: 0}
  - {command: STAT, at_least: 3, at_most: 2}
  - {command: PASS wonderland}
  - {command: ANY 3, session: 0}
  - {command: QUIT, nth: 2}
faults:
  - when: {command: RETR}
    do: {say: [one, 'a \\q', '\\xZZ']}
";
    let told = Script::read(text, "faults.yaml").unwrap_err().to_string();
    assert!(!told.contains("wonderland"), "{told}");
    insta::assert_snapshot!(told);
}

/// A scripted reply may be a whole listing.
#[test]
fn a_text_of_several_lines_is_lines_of_the_wire() {
    let text = "\
faults:
  - {when: {command: LIST, nth: 3}, do: {say: ['+OK', '1 20', '', .]}}
  - when: {command: UIDL}
    do:
      say: |
        +OK
        1 a\\x00b

        .
  - {when: {command: TOP}, do: {inject: \"one\\ntwo\"}}
";
    let script = Script::read(text, "faults.yaml").unwrap();
    let octets = |place: usize| match &script.faults[place].action {
        script::Action::Say(octets) | script::Action::Inject(octets) => octets.escape_ascii().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(octets(0), r"+OK\r\n1 20\r\n\r\n.\r\n");
    assert_eq!(octets(1), r"+OK\r\n1 a\x00b\r\n\r\n.\r\n");
    assert_eq!(octets(2), r"one\r\ntwo\r\n");
}
