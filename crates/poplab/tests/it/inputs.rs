//! Files that the user names and that are not what they should be: each is refused by a sentence, in time and in bounds,
//! and what editors and spreadsheets add to text does not become part of a name or a password.

use crate::environment::TestEnv;

/// Every command that reads a file, with the file's name to be put at the end.
const READERS: [&[&str]; 8] = [
    &["conformance", "--target", "127.0.0.1:1", "--accounts"],
    &["conformance", "--baseline"],
    &["conformance", "--target", "127.0.0.1:1", "--user", "ann", "--password-file"],
    &["conformance", "--target", "127.0.0.1:1", "--ca"],
    &["load"],
    &["load", "smoke", "--target", "127.0.0.1:1", "--accounts"],
    &["seed", "--accounts"],
    &["fake", "--accounts"],
];

#[test]
fn what_is_no_text_is_refused_by_every_reader() {
    let env = TestEnv::new();
    env.write("utf16", b"\xff\xfea\0c\0c\0o\0u\0n\0t\0s\0:\0");
    env.write("latin1", b"first line\nann,p\xdf\n");
    std::fs::create_dir(env.path("folder")).unwrap();
    for (file, told) in [
        ("utf16", "it is UTF-16"),
        ("latin1", "it is not UTF-8 at line 2, column 6"),
        ("folder", "Is a directory"),
        ("/dev/zero", "more than 64 MiB"),
    ] {
        for reader in READERS {
            let ended = env.run(&[reader, &[file]].concat());
            assert_eq!(ended.code, Some(2), "{reader:?} {file}: {}", ended.stderr);
            assert!(ended.stderr.contains(told), "{reader:?} {file}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_what_is_read() {
    let env = TestEnv::new();
    env.write("known.yaml", "\u{feff}format: 1\r\ndeviations: []\r\n");
    let select = ["conformance", "--select", "rfc1939.stat.format", "--quiet", "--baseline", "known.yaml"];
    let ended = env.run(&select);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    env.write("users.csv", "\u{feff}user,password\r\nann,pw1\r\n");
    let scenario = "\u{feff}name: marked\naccounts: {csv: users.csv}\narrivals: {rate: 5/s, for: 1s}\nbehaviours: [{behaviour: poll}]\n";
    env.write("marked.yaml", scenario);
    let ended = env.run(&["load", "marked.yaml", "--quiet"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn names_and_passwords_that_are_doubtful_are_refused_with_their_place() {
    let env = TestEnv::new();
    let scenario =
        "accounts: {csv: users.csv}\narrivals: {rate: 5/s, for: 1s}\nbehaviours: [{behaviour: poll}]\n";
    env.write("doubtful.yaml", scenario);
    env.write("users.csv", "\"ann\",\"pw1\"\nbob;hush-hush\neve,hush-\"hush\"\ndan,hush-hush \n");
    let ended = env.run(&["load", "doubtful.yaml"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for told in ["users.csv:2:4: ", "users.csv:3:10: ", "users.csv:4:14: ", "3 problems"] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
}
