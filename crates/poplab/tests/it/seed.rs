//! `poplab seed`: the mail of roles into Maildirs and through a command; that of scenarios stands in `population`.

mod mail_server;
mod population;

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::environment::TestEnv;

fn accounts(env: &TestEnv, roles: &[&str], seeding: &str) {
    let mut text = "accounts:\n".to_owned();
    for role in roles {
        let _ = writeln!(text, "  - {{user: {role}1, password: wonderland, role: {role}}}");
    }
    text.push_str(seeding);
    env.write("accounts.yaml", text);
}

fn maildir(env: &TestEnv) -> String {
    std::fs::create_dir_all(env.path("mail")).unwrap();
    format!("seed:\n  maildir: \"{}/{{user}}\"\n", env.path("mail").display())
}

/// The messages of a Maildir in their order, as POP3 gives them.
fn messages(env: &TestEnv, user: &str) -> Vec<Vec<u8>> {
    let folder = env.path("mail").join(user).join("new");
    let entries = std::fs::read_dir(&folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let read = |name: &String| mail::eml::message(&std::fs::read(folder.join(name)).unwrap());
    mail::maildir::sorted(names).iter().map(read).collect()
}

#[test]
fn every_role_gets_its_mail_in_order_and_again_the_same() {
    let env = TestEnv::new();
    accounts(&env, &["disposable", "second", "empty"], &maildir(&env));
    let wanted: Vec<Vec<u8>> =
        mail::maildrop(mail::Role::Disposable, 7, 1).into_iter().map(|(_, octets)| octets).collect();
    let first = env.run(&["seed", "--accounts", "accounts.yaml", "--seed", "7"]);
    assert_eq!(messages(&env, "disposable1"), wanted);
    let second = env.run(&["seed", "--accounts", "accounts.yaml", "--seed", "7"]);
    assert_eq!(messages(&env, "disposable1"), wanted);
    assert_eq!((messages(&env, "second1").len(), messages(&env, "empty1").len()), (3, 0));
    assert_snapshot!(format!("{}\n{}", env.told(&first), env.told(&second)));
}

#[test]
fn fixtures_arrive_as_they_are() {
    let env = TestEnv::new();
    accounts(&env, &["fixtures"], &maildir(&env));
    let ended = env.run(&["seed", "--accounts", "accounts.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (stored, made) = (messages(&env, "fixtures1"), mail::maildrop(mail::Role::Fixtures, 42, 1));
    assert_eq!(stored.len(), made.len());
    // A store with LF alone cannot tell a bare LF from a line end; everything else arrives octet for octet.
    let differing: Vec<&str> = stored
        .iter()
        .zip(&made)
        .filter(|(stored, (_, made))| *stored != made)
        .map(|(_, (name, _))| name.as_str())
        .collect();
    assert_snapshot!(differing.join("\n"));
}

#[test]
fn other_mail_is_never_touched() {
    let env = TestEnv::new();
    accounts(&env, &["second", "disposable"], &maildir(&env));
    let foreign = "Subject: from grandmother\n\nDear child\n";
    env.write("mail/disposable1/cur/1700000000.M1P1.host:2,S", foreign);
    let ended = env.run(&["seed", "--accounts", "accounts.yaml"]);
    assert_eq!(env.read("mail/disposable1/cur/1700000000.M1P1.host:2,S"), foreign);
    assert!(!env.path("mail/disposable1/new").exists(), "nothing was put beside it");
    assert!(!env.path("mail/second1").exists(), "the refusal comes before the first change");
    assert_snapshot!(env.told(&ended));
}

#[test]
fn neither_a_name_nor_a_marker_makes_mail_poplab_s() {
    let env = TestEnv::new();
    accounts(&env, &["disposable"], &maildir(&env));
    let own = String::from_utf8(mail::lines_to_lf(&mail::ordinary(42, 1, 600))).unwrap();
    let edited = format!("{}\n\nDear grandmother\n", own.split_once("\n\n").unwrap().0);
    let name = "mail/disposable1/cur/1700000000.Q7.poplab:2,S";
    for foreign in ["Subject: from grandmother\n\nDear child\n", &edited] {
        env.write(name, foreign);
        let ended = env.run(&["seed", "--accounts", "accounts.yaml"]);
        assert_eq!((ended.code, env.read(name).as_str()), (Some(2), foreign), "{}", ended.stdout);
        assert!(ended.stderr.contains("holds a message that poplab did not make"), "{}", ended.stderr);
    }
    env.write(name, own);
    assert_eq!(env.run(&["seed", "--accounts", "accounts.yaml"]).code, Some(0));
    assert!(!env.path(name).exists(), "one as poplab made it is replaced");
}

#[test]
fn a_command_gets_each_message() {
    let env = TestEnv::new();
    let command = format!("cat >> {}/got-{{user}}", env.path("").display());
    accounts(&env, &["second"], &format!("seed:\n  command: \"{command}\"\n"));
    let ended = env.run(&["seed", "--accounts", "accounts.yaml"]);
    let made: Vec<u8> = mail::maildrop(mail::Role::Second, 42, 1)
        .iter()
        .flat_map(|(_, octets)| mail::lines_to_lf(octets))
        .collect();
    assert_eq!(env.read("got-second1").into_bytes(), made);
    assert_snapshot!(env.told(&ended));
}

#[test]
fn what_cannot_be_done_is_told() {
    let env = TestEnv::new();
    accounts(&env, &["second"], "");
    assert_snapshot!("seed_not_said_how", env.told(&env.run(&["seed", "--accounts", "accounts.yaml"])));
    accounts(&env, &["second"], "seed:\n  command: \"exit 7\"\n");
    assert_snapshot!("seed_command_fails", env.told(&env.run(&["seed", "--accounts", "accounts.yaml"])));
    accounts(&env, &["second"], "seed:\n  maildir: \"/nonexistent/poplab/{user}\"\n");
    assert_snapshot!("seed_no_folder", env.told(&env.run(&["seed", "--accounts", "accounts.yaml"])));
}
