//! What an accounts file may say, what is told when it is wrong, and that a password never is.

use proptest::prelude::*;

use super::*;
use crate::accounts::hooks::Hook;

fn parse(text: &str) -> Result<Accounts, String> {
    let environment = |name: &str| match name {
        "SECRET" => Some("from the environment".to_owned()),
        "LINE" => Some("swordfish\n".to_owned()),
        _ => None,
    };
    Accounts::parse(Path::new("accounts.yaml"), text, &environment).map_err(|error| error.to_string())
}

#[test]
fn a_file_names_accounts_roles_and_seeding() {
    let text = "accounts:\n  - {user: alice, password: wonderland, role: fixtures}\n  - {user: dan, password_env: SECRET, role: empty}\nseed:\n  maildir: /mail/{user}\n";
    let accounts = parse(text).unwrap();
    assert_eq!(accounts.accounts[1].password(), "from the environment");
    assert_eq!(accounts.seeding, Some(Seeding::Maildir("/mail/{user}".to_owned())));
    assert_eq!(format!("{:?}", accounts.accounts[0]), "Account(alice, fixtures)");
}

#[test]
fn a_token_is_given_itself_or_by_the_environment_and_shown_nowhere() {
    let text = "accounts:\n  - {user: a, password: b, token: opaque, role: empty}\n  - {user: c, password: d, token_env: SECRET, role: empty}\n  - {user: e, password: f, role: empty}\n";
    let accounts = parse(text).unwrap().accounts;
    let tokens: Vec<Option<&str>> = accounts.iter().map(Account::token).collect();
    assert_eq!(tokens, [Some("opaque"), Some("from the environment"), None]);
    assert_eq!(format!("{:?}", accounts[0]), "Account(a, empty)");
    let both = "accounts: [{user: a, password: b, token: opaque, token_env: SECRET, role: empty}]\n";
    for wrong in [both, &both.replace("token: opaque, token_env: SECRET", "token_env: LINE")] {
        let told = parse(wrong).unwrap_err();
        assert!(told.contains("token") && !told.contains("opaque") && !told.contains("swordfish"), "{told}");
    }
}

#[test]
fn passwords_are_as_they_are_written() {
    for (written, meant) in [
        ("007", "007"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("true", "true"),
        ("No", "No"),
        ("2001-01-01", "2001-01-01"),
        ("12:30", "12:30"),
        ("\"null\"", "null"),
        ("' a b '", " a b "),
        ("pass word", "pass word"),
        ("\"p\\u00e9\\\"x\"", "pé\"x"),
        ("!!str 12", "12"),
    ] {
        // What stands before it must not matter either.
        let text = format!("# é€😀\naccounts: [{{user: ä, password: {written}, role: empty}}]\n");
        let accounts = parse(&text).unwrap_or_else(|told| panic!("{written}: {told}"));
        assert_eq!(accounts.accounts[0].password(), meant, "{written}");
    }
}

/// Files of earlier versions: what was left out could also be left empty.
#[test]
fn what_is_left_empty_is_not_given() {
    let text = "accounts:\n  - {user: a, password: , password_env: SECRET, role: empty}\n  - {user: b, password: x, password_env: ~, role: empty}\nseed:\n  maildir:\n  command: deliver {user}\n";
    let accounts = parse(text).unwrap();
    assert_eq!(accounts.accounts[1].password(), "x");
    assert_eq!(accounts.seeding, Some(Seeding::Command("deliver {user}".to_owned())));
    assert_eq!(parse("accounts: [{user: a, password: b, role: empty}]\nseed:\n").unwrap().seeding, None);
}

#[test]
fn all_mistakes_are_told_at_once_with_line_and_column() {
    let text = r#"
accounts:
  - {user: alice, pasword: tr0ub4dor, role: fixtures}
  - {user: bob, password: tr0ub4dor, role: boss}
  - {user: bob, password_env: NOT_THERE, role: secnod}
  - {user: eve, password: "tr0ub4dor\r\nSTAT", role: empty}
  - {user: "mal\0lory", password: tr0ub4dor, password_env: LINE, role: empty}
  - {user: carol, password:tr0ub4dor, role: second}
  - {user: dan, password: [tr0ub4dor], role: second}
  - tr0ub4dor
seed: {maildir: /var/mail, comand: deliver}
"#;
    let told = parse(text).unwrap_err();
    assert!(!told.contains("tr0ub4dor"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn what_no_line_can_carry_is_refused_where_it_stands() {
    for (password, said) in [
        (r#""swordfish\r\nSTAT""#, "holds a line end, which no POP3 command can"),
        (r#""sword\0fish""#, "holds a NUL, which no POP3 command can"),
        (
            r#""swordfish\n""#,
            "ends with a line end, which poplab does not take off silently; give it without one",
        ),
        (r#""""#, "is empty"),
    ] {
        let told = parse(&format!("accounts:\n  - {{user: alice, password: {password}, role: empty}}\n"))
            .unwrap_err();
        assert_eq!(told, format!("accounts.yaml:2:29: this password {said}\n1 problem"));
    }
    let told = parse("accounts:\n  - {user: alice, password_env: LINE, role: empty}\n").unwrap_err();
    assert!(
        told.starts_with("accounts.yaml:2:33: the password in this variable ends with a line end"),
        "{told}"
    );
}

#[test]
fn the_committed_schema_is_the_one_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/accounts.schema.json");
    if std::env::var_os("POPLAB_ACCEPT_SCHEMA").is_some() {
        std::fs::write(&path, Accounts::schema()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == Accounts::schema(),
        "scenarios/accounts.schema.json is not what the tables say; run this test with POPLAB_ACCEPT_SCHEMA=1"
    );
}

#[test]
fn hooks_are_lists_of_arguments_and_say_whom_they_are_about() {
    let told = |hooks: &str| {
        let text = format!("accounts: [{{user: a, password: b, role: empty}}]\nhooks:\n{hooks}");
        parse(&text).map(|accounts| accounts.hooks)
    };
    let hooks = told("  restart: [sh, -c, \"exit 0\"]\n  within: 2s\n").unwrap();
    assert_eq!(hooks.command(Hook::Restart), Some(&["sh", "-c", "exit 0"].map(str::to_owned)[..]));
    assert_eq!((hooks.command(Hook::Kill), hooks.within.as_secs()), (None, 2));
    for (hooks, said) in [
        ("  kill: [kill-it]\n", "has to be started again; give `restart`"),
        ("  deliver: [deliver]\n", "has no `{user}` in it"),
        ("  other_access: {list: [a, \"{user}\"], remove: [b, \"{user}\"]}\n", "has no `{marker}` in it"),
        ("  deliver: \"deliver {user}\"\n", "accounts.yaml:3:12: "),
        ("  fault: {unreadable: [a, \"{user}\"]}\n", "mend"),
        ("  restart: []\n", "accounts.yaml:3:12: "),
    ] {
        let problem = told(hooks).unwrap_err();
        assert!(problem.contains(said), "{hooks}: {problem}");
    }
}

#[test]
fn the_shipped_hooks_are_read_whole() {
    for name in ["dovecot", "courier"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/hooks");
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let accounts = parse(&format!("accounts: [{{user: a, password: b, role: empty}}]\n{text}"));
        let hooks = accounts.unwrap_or_else(|told| panic!("{name}: {told}")).hooks;
        assert!(Hook::ALL.iter().all(|hook| hooks.command(*hook).is_some()), "{name}");
    }
}

/// Lines of accounts files in which `%` is a password, as people write and miswrite them.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("  - {user: a, password: %, role: empty}\n"),
        Just("  - {user: a, password: '%', role: boss}\n"),
        Just("  - {user: b, password: \"%\\n\", role: empty}\n"),
        Just("  - {user: b, pasword: %, role: empty}\n"),
        Just("  - {user: c, password:%, role: empty}\n"),
        Just("  - {user: c, %, role: empty}\n"),
        Just("  - {user: d, password_env: %, role: empty}\n"),
        Just("  - {user: %, password: x, role: %}\n"),
        Just("  - {user: e, password: &p %, role: *p}\n"),
        Just("  - user: f\n    password: %\n    role: empty\n"),
        Just("  - user: f\n    password: |\n      %\n    role: %\n"),
        Just("  - user: f\n    password:\n      - %\n"),
        Just("  - user: f\n   password: %\n"),
        Just("  - user: f\n    password:%\n"),
        Just("  - %\n"),
        Just("  - a:%\n"),
        Just("  %: %\n"),
        Just("%\n"),
        Just("# %\n"),
        Just("seed: {maildir: %}\n"),
        Just("seed: {%: x, command: %}\n"),
        Just("  - {user: g, password: \"%, role: empty}\n"),
        Just("  - {user: g, password: *%, role: empty}\n"),
        Just("  - {user: g, password: !%, role: empty}\n"),
        Just("  - {user: g, password: !% x, role: empty}\n"),
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| format!("accounts:\n{}", lines.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// The passwords begin with letters that no message has, so that one which is shown is seen.
    #[test]
    fn no_password_of_a_file_is_in_any_problem(text in lines(), password in "Zqx[!-~]{1,12}") {
        if let Err(told) = parse(&text.replace('%', &password)) {
            prop_assert!(!told.contains("Zqx"), "{told}");
        }
    }
}
