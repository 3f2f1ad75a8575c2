//! What a run knows stays with whoever ran it: who may read its files, and that nothing in them or on the screen is a
//! secret, whatever a server repeats. And nothing that a server says does anything to whoever reads it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::environment::{Ended, TestEnv};
use crate::peers::{Connection, Peer};

const CONFORMANCE: [&str; 5] = ["conformance", "--select", "rfc1939.stat.*", "--format", "human,html,junit"];
const LOAD: [&str; 6] = ["load", "smoke", "--sessions", "1", "--duration", "1s"];

/// Every file and folder at this place and below, with its mode.
fn modes(place: &Path) -> Vec<(String, u32)> {
    let mut found =
        vec![(place.display().to_string(), place.metadata().unwrap().permissions().mode() & 0o777)];
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            found.extend(modes(&entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn a_run_is_its_owner_s_alone_unless_asked() {
    for arguments in [&CONFORMANCE[..], &LOAD] {
        let env = TestEnv::new();
        let ended = env.run_with_umask(&[arguments, &["--out", "deep/run"]].concat(), "022");
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let found = modes(&env.path("deep"));
        assert!(found.len() > 6, "{found:?}");
        for (name, mode) in found {
            assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
        }
        let ended = env.run_with_umask(&[arguments, &["--readable"]].concat(), "027");
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        for (name, mode) in modes(&env.path("poplab-run")) {
            assert_eq!(mode & 0o047, 0o040, "{name} {mode:o}");
        }
    }
}

#[test]
fn a_folder_that_is_there_stays_as_its_owner_made_it() {
    let env = TestEnv::new();
    let folder = env.path("poplab-run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(env.run_with_umask(&CONFORMANCE, "022").code, Some(0));
    for (name, mode) in modes(&folder) {
        let own = Path::new(&name) == folder;
        assert_eq!(mode & 0o077, if own { 0o055 } else { 0 }, "{name} {mode:o}");
    }
}

#[test]
fn a_baseline_is_a_file_of_the_users() {
    let env = TestEnv::new();
    env.write("known.yaml", "format: 1\ndeviations: []\n");
    let update = ["--baseline", "known.yaml", "--update-baseline"];
    assert_eq!(env.run_with_umask(&[&CONFORMANCE[..], &update].concat(), "022").code, Some(0));
    assert_eq!(modes(&env.path("known.yaml"))[0].1, 0o644);
}

/// It has what markup, JSON and source text would escape.
const PASSWORD: &str = "Wonder<&\"land'-\u{e9}7";
const ALL_FORMS: [&str; 6] = ["human", "json", "junit", "html", "tap", "github"];

/// The password in base64, as it is made of its bits alone, at the three places where it may begin in a group.
fn encoded() -> Vec<String> {
    let at = |place: usize| {
        let message = [&b"xyz"[..place], PASSWORD.as_bytes()].concat();
        let text = STANDARD_NO_PAD.encode(&message);
        text[(place * 8).div_ceil(6)..message.len() * 8 / 6].to_owned()
    };
    (0..3).map(at).collect()
}

/// All that a server that has lost its buffers may say, in one line.
fn leaked() -> String {
    format!("{PASSWORD} {} {}", PASSWORD.to_ascii_uppercase(), encoded().join(" "))
}

/// Knows enough to be surveyed and to hold mail, and repeats the password of its user wherever it can, from the first
/// greeting on.
fn leaks(connection: &mut Connection) {
    let leaked = leaked();
    let (front, back) = PASSWORD.split_at(6);
    connection.say(format!("+OK {leaked} <{PASSWORD}@example.org>\r\n").as_bytes());
    while let Some(line) = connection.listen() {
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let mail = format!("Subject: {leaked}\r\n\r\n{leaked}\r\n{front}\r\n{back}\r\n.\r\n");
        let reply = match (word.as_str(), line.contains(' ')) {
            ("CAPA", _) => {
                format!("+OK {leaked}\r\nUSER\r\nTOP\r\nUIDL\r\nSASL PLAIN {PASSWORD}\r\nX-{leaked}\r\n.\r\n")
            }
            ("USER" | "PASS" | "NOOP" | "RSET" | "QUIT", _) => format!("+OK {leaked}\r\n"),
            ("STAT", _) => format!("+OK 1 300 {leaked}\r\n"),
            ("LIST", false) => format!("+OK\r\n1 300 {leaked}\r\n.\r\n"),
            ("UIDL", false) => format!("+OK\r\n1 {PASSWORD}\r\n{front}\r\n{back}\r\n.\r\n"),
            ("RETR" | "TOP", _) => format!("+OK {leaked}\r\n{mail}"),
            ("AUTH", _) => format!("+ {}\r\n", encoded()[1]),
            _ => format!("-ERR [{PASSWORD}] {leaked} {front}\r\n{back} {leaked}\r\n"),
        };
        if !connection.say(reply.as_bytes()) || word == "QUIT" {
            return;
        }
    }
}

/// What is printed and what is in the files, each with a name.
fn outputs(env: &TestEnv, ended: &Ended) -> Vec<(String, String)> {
    let mut all =
        vec![("stdout".to_owned(), ended.stdout.clone()), ("stderr".to_owned(), ended.stderr.clone())];
    for (name, _) in modes(&env.path("poplab-run")) {
        let octets = std::fs::read(&name).unwrap_or_default();
        // The name of the file is told to everybody, too.
        all.push((name.clone(), format!("{name}\n{}", String::from_utf8_lossy(&octets))));
    }
    all
}

/// A text without line ends, as it is and as reports show them, and without what transcripts and layouts put in front
/// of a line: what a line end broke is whole again.
fn joined(text: &str) -> String {
    let text = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("␍␊", "\n").replace('␊', "\n");
    let bare = |line: &str| {
        let line = line.trim_start_matches([' ', '│', '#']);
        let line =
            line.find("] S").filter(|at| *at < 5).map_or(line, |at| line.get(at + 5..).unwrap_or_default());
        line.to_owned()
    };
    text.lines().map(bare).collect()
}

#[track_caller]
fn assert_secret(outputs: &[(String, String)]) {
    let markup = PASSWORD.replace('&', "&amp;").replace('<', "&lt;");
    let plain = [
        PASSWORD.to_owned(),
        PASSWORD.replace('"', "\\\""),
        markup.replace('"', "&quot;"),
        markup.clone(),
        PASSWORD.escape_default().to_string(),
    ];
    for (name, text) in outputs {
        for text in [text.clone(), joined(text)] {
            let small = text.to_lowercase();
            for form in &plain {
                if let Some(at) = small.find(&form.to_lowercase()) {
                    panic!("{name}: {form}: …{}", small[at..].chars().take(200).collect::<String>());
                }
            }
            for form in encoded() {
                assert!(!text.contains(&form), "{name}: {form}");
            }
        }
    }
}

#[test]
fn a_server_that_repeats_the_password_everywhere_makes_nothing_show_it() {
    let (env, first, second) = (TestEnv::new(), Peer::new(leaks), Peer::new(leaks));
    let (target, also, forms) = (first.target(), second.target(), ALL_FORMS.join(","));
    let mut arguments =
        vec!["conformance", "--target", &target, "--also", &also, "--tls", "none", "--verbose"];
    arguments.extend(["--user", "alice", "--password-env", "SECRET", "--timeout", "1", "--format", &forms]);
    for area in
        ["greeting", "stat", "list", "retr", "top", "uidl", "capa", "keywords", "pass", "resp", "apop"]
    {
        arguments.push("--select");
        arguments.push(match area {
            "greeting" => "*.greeting.*",
            "stat" => "*.stat.*",
            "list" => "*.list.*",
            "retr" => "*.retr.*",
            "top" => "*.top.*",
            "uidl" => "*.uidl.*",
            "capa" => "*.capa.*",
            "keywords" => "*.keyword*",
            "pass" => "*.pass.*",
            "resp" => "*.resp.*",
            _ => "*.apop.*",
        });
    }
    let ended = env.run_with_secret(&arguments, PASSWORD);
    let mut all = outputs(&env, &ended);
    assert!(all.len() > 20, "{}{}", ended.stdout, ended.stderr);
    let transcripts =
        all.iter().filter(|(name, text)| name.contains("/transcripts/") && text.contains("‹secret")).count();
    assert!(transcripts > 10, "the conversations are there, without it");
    for form in ALL_FORMS {
        let again = env.run(&["report", "poplab-run", "--verbose", "--format", form]);
        all.push((format!("report {form}"), again.stdout));
    }
    assert_secret(&all);
}

#[test]
fn errors_of_the_first_look_do_not_show_it_either() {
    let scripts: [fn(&mut Connection); 3] = [
        |connection| {
            connection.say(format!("-ERR busy with {}\r\n", leaked()).as_bytes());
            connection.stay();
        },
        |connection| {
            connection.say(format!("220 {}\r\n", leaked()).as_bytes());
            connection.stay();
        },
        |connection| {
            connection.say(format!("+OK\r\n{}\r\n", leaked()).as_bytes());
            while connection.listen().is_some() && connection.say(format!("-ERR {}\r\n", leaked()).as_bytes())
            {
            }
        },
    ];
    for script in scripts {
        let (env, peer) = (TestEnv::new(), Peer::new(script));
        let target = peer.target();
        let arguments =
            ["conformance", "--target", &target, "--tls", "none", "--user", "alice", "--timeout", "1"];
        let select =
            ["--password-env", "SECRET", "--select", "*.stat.*", "--format", "human,json,html,junit"];
        let ended = env.run_with_secret(&[&arguments[..], &select].concat(), PASSWORD);
        assert_secret(&outputs(&env, &ended));
    }
}

#[test]
fn under_load_nobody_s_password_is_shown_whoever_it_is_repeated_to() {
    let (env, peer) = (TestEnv::new(), Peer::new(leaks));
    let target = peer.target();
    env.write(
        "own.yaml",
        "name: test\ndescription: A scenario of the tests.\naccounts: {pattern: 'load{n}', count: 5}\n\
         arrivals: {rate: 10/s, for: 1s}\ntimeouts: {reply: 1s}\nbehaviours:\n  \
         - {behaviour: poll, weight: 2}\n  - {behaviour: retrieve, weight: 2, most: 3}\n  \
         - {behaviour: header-preview, weight: 1, login: plain}\n  - {behaviour: leave-on-server, weight: 1, remember: 80%}\n",
    );
    let mut arguments =
        vec!["load", "own.yaml", "--target", &target, "--tls", "none", "--password-env", "SECRET"];
    arguments.extend(["--format", "human,json,html,csv,junit,github"]);
    let ended = env.run_with_secret(&arguments, PASSWORD);
    let mut all = outputs(&env, &ended);
    assert!(all.iter().any(|(name, _)| name.contains("transcripts/")), "{}{}", ended.stdout, ended.stderr);
    for form in ["human", "json", "html", "csv", "junit", "github"] {
        all.push((format!("report {form}"), env.run(&["report", "poplab-run", "--format", form]).stdout));
    }
    assert_secret(&all);
}

/// What runners of CI systems take for commands, and characters that hide text or turn it round.
const TRICKS: &str = "##[error]x ##vso[task.complete result=Failed;]y ##teamcity[x] ::error::z \u{202e}evil\u{e0041} \u{9b}2J \x1b[2J";

/// Says it wherever it can.
fn plays_tricks(connection: &mut Connection) {
    connection.say(format!("+OK {TRICKS}\r\n").as_bytes());
    while let Some(line) = connection.listen() {
        let reply = match line.split(' ').next().unwrap_or_default() {
            "CAPA" => format!("+OK\r\nUSER\r\nIMPLEMENTATION {TRICKS}\r\n.\r\n"),
            "USER" | "PASS" | "QUIT" => format!("+OK {TRICKS}\r\n"),
            "STAT" => format!("+OK 1 2 {TRICKS}\r\n"),
            "LIST" => format!("+OK\r\n{TRICKS}\r\n.\r\n"),
            _ => format!("-ERR [{TRICKS}] {TRICKS}\r\n"),
        };
        if !connection.say(reply.as_bytes()) {
            return;
        }
    }
}

#[track_caller]
fn assert_harmless(what: &str, text: &str, annotations: bool) {
    for line in text.lines() {
        for command in ["##[", "##vso[", "##teamcity["] {
            assert!(!line.contains(command), "{what}: {line}");
        }
        assert!(annotations || !line.trim_start().starts_with("::"), "{what}: {line}");
        let hidden = |letter: char| "\u{202e}\u{e0041}\u{9b}\x1b".contains(letter);
        assert!(!line.contains(hidden), "{what}: {line:?}");
    }
}

#[test]
fn nothing_that_a_server_says_is_a_command_of_a_ci_system_or_hides_text() {
    let (env, peer) = (TestEnv::new(), Peer::new(plays_tricks));
    let target = peer.target();
    env.write(
        "own.yaml",
        "name: test\ndescription: A scenario of the tests.\naccounts: {pattern: 'load{n}', count: 3}\n\
         arrivals: {rate: 5/s, for: 1s}\nbehaviours:\n  - {behaviour: retrieve, weight: 1, most: 3}\n",
    );
    let conformance =
        ["conformance", "--target", &target, "--tls", "none", "--user", "alice", "--timeout", "1"];
    let conformance = [&conformance[..], &["--password-env", "SECRET", "--verbose"]].concat();
    let select =
        ["--select", "*.stat.*", "--select", "*.list.*", "--select", "*.greeting.*", "--select", "*.capa.*"];
    let load = ["load", "own.yaml", "--target", &target, "--tls", "none", "--password-env", "SECRET"];
    for (arguments, forms) in [
        ([&conformance[..], &select].concat(), &ALL_FORMS[..]),
        (load.to_vec(), &["human", "json", "html", "csv", "junit", "github"][..]),
    ] {
        let all = forms.join(",");
        let ended = env.run_with_secret(&[&arguments[..], &["--format", &all]].concat(), "swordfish-123");
        assert_harmless("stdout", &ended.stdout, false);
        assert_harmless("stderr", &ended.stderr, false);
        for (name, text) in outputs(&env, &ended).iter().filter(|(name, _)| !name.contains("/transcripts/")) {
            if !name.contains("latency") {
                assert_harmless(name, text, name.ends_with("github.txt"));
            }
        }
        for form in forms {
            let again = env.run(&["report", "poplab-run", "--format", form]).stdout;
            assert!(!again.is_empty());
            assert_harmless(form, &again, *form == "github");
        }
    }
    let refuses = Peer::new(|connection| {
        connection.say(format!("-ERR {TRICKS}\r\n").as_bytes());
        connection.stay();
    });
    let target = refuses.target();
    let ended = env.run(&["conformance", "--target", &target, "--tls", "none", "--timeout", "1"]);
    assert!(ended.stderr.contains("# #[error]"), "{}", ended.stderr);
    assert_harmless("stderr", &ended.stderr, false);
    let mistyped = env.run(&["conformance", "--seed", "##[error]no"]);
    assert_eq!(mistyped.code, Some(2));
    assert_harmless("mistyped", &mistyped.stderr, false);
}

/// A line of somebody's letter has this word in it.
const PRECIOUS: &str = "precious";

/// Holds two letters, and is wrong in ways whose findings could quote them: bodies are not the same each time, TOP gives
/// other lines, and what follows a line of one dot comes as if nobody had asked for it.
fn holds_letters(connection: &mut Connection) {
    let mut times = 0;
    connection.say(b"+OK ready\r\n");
    while let Some(line) = connection.listen() {
        times += 1;
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let header = format!("From: {PRECIOUS}@example.org\r\nSubject: {PRECIOUS} {times}\r\n\r\n");
        let body = format!("the {PRECIOUS} line {times}\r\n..{PRECIOUS}\r\n");
        let reply = match (word.as_str(), line.contains(' ')) {
            ("CAPA", _) => "+OK\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n".to_owned(),
            ("USER" | "PASS" | "NOOP" | "RSET" | "QUIT", _) => "+OK\r\n".to_owned(),
            ("STAT", _) => "+OK 2 300\r\n".to_owned(),
            ("LIST", false) => "+OK\r\n1 150\r\n2 150\r\n.\r\n".to_owned(),
            ("UIDL", false) => "+OK\r\n1 first\r\n2 second\r\n.\r\n".to_owned(),
            ("RETR", _) if times % 3 == 0 => {
                format!("+OK\r\n{header}{body}.\r\nafter the dot, {PRECIOUS}\r\n.\r\n")
            }
            ("RETR" | "TOP", _) => format!("+OK\r\n{header}{body}{body}.\r\n"),
            _ => "-ERR no\r\n".to_owned(),
        };
        if !connection.say(reply.as_bytes()) || word == "QUIT" {
            return;
        }
    }
}

#[test]
fn the_mail_of_a_user_is_in_no_output_unless_they_say_so() {
    let (env, peer) = (TestEnv::new(), Peer::new(holds_letters));
    let target = peer.target();
    let server = ["conformance", "--target", &target, "--tls", "none", "--user", "alice", "--timeout", "1"];
    let forms = ALL_FORMS.join(",");
    let rest = ["--password-env", "SECRET", "--verbose", "--format", &forms];
    let select = ["--select", "*.retr.*", "--select", "*.top.*", "--select", "*.frame.*"];
    let arguments = [&server[..], &rest, &select].concat();
    let ended = env.run_with_secret(&arguments, "swordfish-123");
    let mut all = outputs(&env, &ended);
    for form in ALL_FORMS {
        all.push((format!("report {form}"), env.run(&["report", "poplab-run", "--format", form]).stdout));
    }
    assert!(all.iter().any(|(_, text)| text.contains("octets of mail, not shown")), "{all:?}");
    assert!(all.iter().any(|(name, _)| name.ends_with("report.html")), "{all:?}");
    for (name, text) in all {
        assert!(!text.contains(PRECIOUS), "{name}: {text}");
    }
    let ended = env.run_with_secret(&[&arguments[..], &["--show-mail"]].concat(), "swordfish-123");
    let shown = outputs(&env, &ended);
    let has_mail = |(name, text): &(String, String)| name.contains("transcripts/") && text.contains(PRECIOUS);
    assert!(shown.iter().any(has_mail), "{}{}", ended.stdout, ended.stderr);
}
