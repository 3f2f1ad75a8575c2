//! The files of `scenarios/` are what the program takes.

use std::path::{Path, PathBuf};

use mail::Role;
use suite::{Accounts, Seeding};

use crate::environment::{Ended, TestEnv, start};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/accounts.example.yaml")
}

fn conformance(env: &TestEnv, accounts: &Path) -> Ended {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut command = env.command(&["conformance", "--target", &target, "--accounts"]);
    Ended::of(start(command.arg(accounts).env("POPLAB_PASSWORD", "swordfish-123")))
}

#[test]
fn the_accounts_example_is_taken_and_only_the_port_is_at_fault() {
    let env = TestEnv::new();
    let ended = conformance(&env, &example());
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("refused the connection"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("accounts.example.yaml"), "{}", ended.stderr);
}

#[test]
fn the_same_example_with_a_slip_is_at_fault_itself() {
    let env = TestEnv::new();
    let text = std::fs::read_to_string(example()).unwrap();
    let broken = env.write("broken.yaml", text.replace("role: second", "role: secnod"));
    let ended = conformance(&env, &broken);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("did you mean `second`?"), "{}", ended.stderr);
}

#[test]
fn the_accounts_example_has_every_role_and_both_ways_of_seeding() {
    let path = example();
    let text = std::fs::read_to_string(&path).unwrap();
    let parse = |text: &str| Accounts::parse(&path, text, &|_| Some("swordfish".to_owned())).unwrap();
    let accounts = parse(&text);
    for role in [Role::Fixtures, Role::Empty, Role::Disposable, Role::Second] {
        assert!(accounts.accounts.iter().any(|account| account.role == role), "{role}");
    }
    assert!(matches!(accounts.seeding, Some(Seeding::Maildir(_))));
    let other = text.replace("  maildir: ", "  # maildir: ").replace("  # command: ", "  command: ");
    assert!(matches!(parse(&other).seeding, Some(Seeding::Command(_))));
}
