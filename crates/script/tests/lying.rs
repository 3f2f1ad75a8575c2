//! Lies and policies as they are written, and what is said of wrong ones.

use std::collections::BTreeMap;

use script::{Deleted, Facts, Lock, Retrieved, Script, State, Tokens, Values};

fn read(text: &str) -> Script {
    Script::read(text, "lies.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_lie_is_read() {
    let lies = read(
        "\
lies:
  stat: {count: -1, octets: '{value}0'}
  list: {sizes: 99999999999999999999, leave_out: [2, 3], order: reversed}
  uidl: {numbers: {1: 7}, unique_ids: {2: 'a\\xff{X}{number}.{session}.{times}'}, add: [9 more, '']}
  capabilities: {hide: [STLS], add: [X-FOO bar], tls: false, state: transaction, nth: 2}
",
    )
    .lies;
    let facts = Facts { value: b"123", number: 2, session: 5, times: 3 };
    let told = |told: &script::Told| told.at(facts).escape_ascii().to_string();
    assert_eq!(lies.count.as_ref().map(told), Some("-1".to_owned()));
    assert_eq!(lies.octets.as_ref().map(told), Some("1230".to_owned()));
    assert_eq!(lies.list.values.of(9).map(told), Some("99999999999999999999".to_owned()));
    assert_eq!((lies.list.leave_out, lies.list.reversed), (vec![2, 3], true));
    assert_eq!(
        (lies.uidl.values.of(2).map(told), lies.uidl.values.of(1)),
        (Some("a\\xff{X}2.5.3".to_owned()), None)
    );
    assert!(matches!(lies.uidl.numbers, Values::Some(ref some) if some.len() == 1));
    assert_eq!(lies.uidl.add, [b"9 more".to_vec(), Vec::new()]);
    let [capabilities] = &lies.capabilities[..] else { panic!("{:?}", lies.capabilities) };
    assert_eq!(
        (&capabilities.hide[..], &capabilities.add[..]),
        (&["STLS".to_owned()][..], &[b"X-FOO bar".to_vec()][..])
    );
    let when = (capabilities.state, capabilities.tls, capabilities.session, capabilities.nth);
    assert_eq!(when, (Some(State::Transaction), Some(false), None, Some(2)));
}

#[test]
fn every_policy_is_read() {
    let policy = read(
        "policy: {unknown: [CAPA, STLS], read_only: true, messages_per_session: 2, commands_per_session: 9,
          lock: stale, retrieved: removed-at-once, expires: {1: 2}, tokens: expired}",
    )
    .policy;
    assert_eq!((&policy.unknown[..], policy.deleted), (&["CAPA", "STLS"][..], Deleted::Refused));
    assert_eq!((policy.messages_per_session, policy.commands_per_session), (Some(2), Some(9)));
    assert_eq!(
        (policy.lock, policy.retrieved, policy.tokens),
        (Lock::Stale, Retrieved::RemovedAtOnce, Tokens::Expired)
    );
    assert_eq!(policy.expires, BTreeMap::from([(1, 2)]));
}

/// Of two scripts for one server.
#[test]
fn the_later_script_s_policy_and_lies_hold_and_faults_add_up() {
    let mut script = read("policy: {read_only: true}\nfaults: [{when: {command: RETR}, do: close}]");
    script.join(read("lies: {stat: {count: 7}}\nfaults: [{when: {command: QUIT}, do: close}]"));
    assert_eq!((script.policy.deleted, script.faults.len()), (Deleted::Refused, 2));
    script.join(read("policy: {lock: none}\nexpect: [{command: DELE}]"));
    assert_eq!((script.policy.deleted, script.policy.lock), (Deleted::Removed, Lock::None));
    assert!(script.lies.count.is_some() && script.expect.len() == 1);
}

#[test]
fn everything_that_is_wrong_with_lies_and_policies_is_told_at_once() {
    let text = "\
policy:
  unknown: [CAPAS, ANY]
  lock: broken
  expires: {0: 2, 3: never, 3: 1}
  tokens: true
lies:
  stat: {count: '{vlaue}', octets: 'a\\q'}
  list: {sizes: {two: 5, 2: [1]}, leave_out: [0], order: shuffled}
  uidl: {unique_ids: {}, sizes: 3}
  capabilities:
    - {tls: maybe}
    - {hide: STLS}
";
    insta::assert_snapshot!(Script::read(text, "lies.yaml").unwrap_err().to_string());
}
