//! `poplab seed --scenario`: the mail of a load scenario, by each way, cut short, begun anew, and refused.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use insta::assert_snapshot;
use mail::load::Population;

use super::mail_server::{Answer, Gate, MailServer};
use crate::environment::{Ended, LONGEST, TestEnv, start};
use crate::fake::Server;

const SCENARIO: &str = "\
name: tiny
description: A scenario of the tests.
seed: 7
accounts: {pattern: 'load{n:02}', count: 3}
mail: {messages: 4, sizes: 9kB}
arrivals: {rate: 1/s, for: 1s}
behaviours:
  - {behaviour: poll}
";
const USERS: [&str; 3] = ["load01", "load02", "load03"];
const REFUSED: &str = "451-4.2.0 mailbox \x07 busy\r\n451 4.2.0 try later";

/// An environment with the scenario in it.
fn env() -> TestEnv {
    let env = TestEnv::new();
    env.write("tiny.yaml", SCENARIO);
    env
}

fn population() -> Population {
    let (user, sizes) = ("load{n:02}".to_owned(), chance::Distribution::Fixed(9000.0));
    Population { seed: 7, user, first: 1, count: 3, messages: 4, sizes }
}

/// What a user is to have in the end, in this order.
fn wanted(user: &str) -> Vec<Vec<u8>> {
    let population = population();
    let index = population.index_of(user).unwrap();
    let message = |number| {
        let mut octets = Vec::new();
        population.message(index, number).write(&mut octets);
        octets
    };
    (1..=population.messages).map(message).collect()
}

fn seed(env: &TestEnv, arguments: &[&str]) -> Ended {
    env.run(&[&["seed", "--scenario", "tiny.yaml"], arguments].concat())
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn by_lmtp_each_account_gets_its_mail_in_order_and_nothing_twice() {
    let (env, server) = (env(), MailServer::new());
    let first = seed(&env, &["--lmtp", &server.address()]);
    for user in USERS {
        assert!(server.of(user) == wanted(user), "{user}");
    }
    let taken = server.taken();
    assert_eq!((taken.len(), server.connections()), (12, 3), "a connection for each account, four at most");
    assert!(taken.iter().all(|given| given.hello == "LHLO localhost" && given.sender == "<>"));
    assert!(taken.iter().any(|given| given.stuffed > 0), "no line began with a dot, so nothing was shown");
    let second = seed(&env, &["--lmtp", &server.address()]);
    assert_eq!((server.taken().len(), server.connections()), (12, 3));
    let third = seed(&env, &["--lmtp", &server.address(), "--again", "--jobs", "1"]);
    assert_eq!((server.taken().len(), server.connections()), (24, 4));
    for user in USERS {
        assert!(server.of(user) == [wanted(user), wanted(user)].concat(), "{user}");
    }
    assert_snapshot!([first, second, third].map(|ended| env.told(&ended)).join("\n"));
    assert_eq!(files(&env.path("")), ["poplab-seed-tiny.txt", "tiny.yaml"]);
}

#[test]
fn by_smtp_there_is_a_domain() {
    let recipients = |scenario: &str, arguments: &[&str]| {
        let (env, server) = (env(), MailServer::new());
        env.write("tiny.yaml", scenario);
        let ended =
            seed(&env, &[&[arguments[0], &server.address(), "--jobs", "1"], &arguments[1..]].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let hello = if arguments[0] == "--smtp" { "EHLO localhost" } else { "LHLO localhost" };
        assert!(server.taken().iter().all(|given| given.hello == hello));
        let mut recipients: Vec<String> = server.taken().into_iter().map(|given| given.recipient).collect();
        assert_eq!(recipients.len(), 12);
        recipients.dedup();
        recipients
    };
    assert_eq!(
        recipients(SCENARIO, &["--smtp"]),
        ["load01@localhost", "load02@localhost", "load03@localhost"]
    );
    let domain = ["load01@example.org", "load02@example.org", "load03@example.org"];
    assert_eq!(recipients(SCENARIO, &["--smtp", "--domain", "example.org"]), domain);
    assert_eq!(recipients(SCENARIO, &["--lmtp", "--domain", "@example.org"]), domain);
    let whole = SCENARIO.replace("load{n:02}", "load{n:02}@example.org");
    assert_eq!(recipients(&whole, &["--smtp"]), domain);
}

/// A server that takes five messages, and then seven more after the gate has been opened.
fn takes_five(then: fn() -> Answer) -> (MailServer, Gate) {
    let repaired = Gate::default();
    let gate = repaired.clone();
    let server =
        MailServer::with(
            Gate::default(),
            move |taken, _| {
                if taken == 5 && !gate.is_open() { then() } else { Answer::Take }
            },
        );
    (server, repaired)
}

/// Cut short after five messages, gone on with, and once more.
fn cut_short(then: fn() -> Answer) -> String {
    let (env, (server, repaired)) = (env(), takes_five(then));
    let arguments = ["--lmtp", &server.address(), "--jobs", "1"];
    let stopped = seed(&env, &arguments);
    assert_eq!((stopped.code, server.taken().len()), (Some(3), 5));
    let memory = env.read("poplab-seed-tiny.txt");
    repaired.open();
    let rest = seed(&env, &arguments);
    assert_eq!((rest.code, server.taken().len()), (Some(0), 12));
    for user in USERS {
        assert!(server.of(user) == wanted(user), "{user}");
    }
    let nothing = seed(&env, &arguments);
    assert_eq!((nothing.code, server.taken().len()), (Some(0), 12));
    let lines: Vec<&str> = memory.lines().skip(1).collect();
    assert_eq!(lines, ["load01 1", "load01 2", "load01 3", "load01 4", "load02 1"]);
    [stopped, rest, nothing].map(|ended| env.told(&ended)).join("\n")
}

#[test]
fn a_server_that_hangs_up_gets_the_rest_later() {
    assert_snapshot!(cut_short(|| Answer::HangUp));
}

#[test]
fn a_server_that_refuses_a_message_gets_the_rest_later() {
    assert_snapshot!(cut_short(|| Answer::Refuse(REFUSED)));
}

#[test]
fn begun_anew_and_cut_short_it_goes_on_without_beginning_anew() {
    let (env, (server, repaired)) = (env(), takes_five(|| Answer::HangUp));
    let arguments = ["--lmtp", &server.address(), "--jobs", "1"];
    let stopped = seed(&env, &[&arguments[..], &["--again"]].concat());
    repaired.open();
    assert_eq!(seed(&env, &arguments).code, Some(0));
    for user in USERS {
        assert!(server.of(user) == wanted(user), "{user}");
    }
    assert_snapshot!(env.told(&stopped));
}

#[test]
fn when_one_connection_fails_the_others_finish_their_message() {
    let (env, ended, arrived) = (env(), Gate::default(), Gate::default());
    env.write("tiny.yaml", SCENARIO.replace("count: 3", "count: 2"));
    let (failed, repaired) = (ended.clone(), Gate::default());
    let works = repaired.clone();
    let server = MailServer::with(ended, move |_, given| {
        if works.is_open() {
            return Answer::Take;
        }
        if given.recipient == "load01" {
            arrived.wait();
            return Answer::Refuse(REFUSED);
        }
        // It has the message, and says so only after the other connection is gone.
        arrived.open();
        failed.wait();
        Answer::Take
    });
    let stopped = seed(&env, &["--lmtp", &server.address()]);
    assert_eq!((stopped.code, server.taken().len()), (Some(3), 1));
    repaired.open();
    let rest = seed(&env, &["--lmtp", &server.address()]);
    for user in &USERS[..2] {
        assert!(server.of(user) == wanted(user), "{user}");
    }
    assert_snapshot!([stopped, rest].map(|ended| env.told(&ended)).join("\n"));
}

#[test]
fn ctrl_c_lets_the_message_on_its_way_arrive() {
    let (env, arrived, told) = (env(), Gate::default(), Gate::default());
    let (here, go_on) = (arrived.clone(), told.clone());
    let server = MailServer::with(Gate::default(), move |taken, _| {
        if taken == 1 {
            here.open();
            go_on.wait();
        }
        Answer::Take
    });
    let arguments = ["seed", "--scenario", "tiny.yaml", "--lmtp", &server.address(), "--jobs", "1"];
    let mut child = start(&mut env.command(&arguments));
    arrived.wait();
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    told.open();
    stderr.read_to_string(&mut said).unwrap();
    let ended = Ended { stderr: said, ..Ended::of(child) };
    assert_eq!(server.taken().len(), 2);
    assert_eq!(seed(&env, &arguments[3..]).code, Some(0));
    for user in USERS {
        assert!(server.of(user) == wanted(user), "{user}");
    }
    assert_snapshot!(env.told(&ended));
}

#[test]
fn the_memory_of_another_seeding_is_refused() {
    let (env, server) = (env(), MailServer::new());
    assert_eq!(seed(&env, &["--lmtp", &server.address()]).code, Some(0));
    let memory = env.read("poplab-seed-tiny.txt");
    let refused = |arguments: &[&str]| {
        let ended = seed(&env, arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?} {}", ended.stderr);
        ended
    };
    let told = env.told(&refused(&["--lmtp", &server.address(), "--seed", "8"]));
    refused(&["--smtp", &server.address()]);
    refused(&["--lmtp", &server.address(), "--domain", "example.org"]);
    refused(&["--command", "cat > {user}"]);
    env.write("tiny.yaml", SCENARIO.replace("9kB", "8kB"));
    refused(&["--lmtp", &server.address()]);
    assert_eq!((server.taken().len(), env.read("poplab-seed-tiny.txt")), (12, memory));
    let other = seed(&env, &["--lmtp", &server.address(), "--state", "other.txt"]);
    assert_eq!((other.code, server.taken().len()), (Some(0), 24));
    assert_snapshot!(told);
}

#[test]
fn a_memory_lies_beside_us_and_is_no_other_file() {
    let (env, server) = (env(), MailServer::new());
    env.write("tiny.yaml", SCENARIO.replace("name: tiny", "name: '../über the/wall'"));
    assert_eq!(seed(&env, &["--lmtp", &server.address()]).code, Some(0));
    assert_eq!(files(&env.path("")), ["poplab-seed----über-the-wall.txt", "tiny.yaml"]);
    let before = env.read("tiny.yaml");
    let refused = seed(&env, &["--lmtp", &server.address(), "--state", "tiny.yaml", "--again"]);
    assert_eq!((env.read("tiny.yaml"), server.taken().len()), (before, 12));
    assert_snapshot!(env.told(&refused));
}

#[test]
fn a_server_that_is_not_there_leaves_no_plan_behind() {
    let (env, server) = (env(), MailServer::new());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let refused = seed(&env, &["--lmtp", &nobody]);
    let corrected = seed(&env, &["--lmtp", &server.address()]);
    assert_eq!((corrected.code, server.taken().len()), (Some(0), 12));
    assert_snapshot!(env.told(&refused));
}

/// The messages in `new` of a Maildir in their order, with their names.
fn maildir(env: &TestEnv, user: &str) -> Vec<(String, Vec<u8>)> {
    let folder = env.path("mail").join(user).join("new");
    let read = |name: String| {
        let stored = std::fs::read(folder.join(&name)).unwrap();
        (name, mail::eml::message(&stored))
    };
    mail::maildir::sorted(files(&folder)).into_iter().map(read).collect()
}

fn octets(messages: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    messages.into_iter().map(|(_, octets)| octets).collect()
}

#[test]
fn maildirs_are_filled_and_own_mail_in_them_is_replaced() {
    let env = env();
    let old = mail::lines_to_lf(&mail::ordinary(1, 1, 600));
    env.write("mail/load02/cur/1700000000.M1P1.host:2,S", old);
    let first = seed(&env, &["--maildir", "mail/{user}"]);
    assert_eq!(files(&env.path("mail")), USERS);
    for user in USERS {
        assert!(octets(maildir(&env, user)) == wanted(user), "{user}");
    }
    assert_eq!(files(&env.path("mail/load02/cur")), [""; 0], "the old message was poplab's");
    let (names, second) = (maildir(&env, "load01"), seed(&env, &["--maildir", "mail/{user}"]));
    assert_eq!(maildir(&env, "load01"), names, "given before");
    let third = seed(&env, &["--maildir", "mail/{user}", "--again"]);
    let renewed = maildir(&env, "load01");
    assert!(
        renewed.iter().all(|(name, _)| names.iter().all(|(old, _)| name != old)),
        "new names for new mail"
    );
    assert!(octets(renewed) == wanted("load01"), "replaced, not doubled");
    assert_snapshot!([first, second, third].map(|ended| env.told(&ended)).join("\n"));
}

#[test]
fn one_foreign_message_and_no_maildir_is_changed() {
    let env = env();
    let foreign = "Subject: from grandmother\n\nDear child\n";
    env.write("mail/load03/new/1700000000.M1P1.host", foreign);
    let refused = seed(&env, &["--maildir", "mail/{user}"]);
    assert_eq!(files(&env.path("mail")), ["load03"]);
    assert_eq!(files(&env.path("mail/load03")), ["new"]);
    assert_eq!(files(&env.path("mail/load03/new")), ["1700000000.M1P1.host"]);
    std::fs::remove_file(env.path("mail/load03/new/1700000000.M1P1.host")).unwrap();
    assert_eq!(seed(&env, &["--maildir", "mail/{user}"]).code, Some(0), "the refusal is not remembered");
    assert_snapshot!(env.told(&refused));
}

/// All messages of a maildrop, through POP3.
fn retrieved(port: u64, user: &str) -> Vec<Vec<u8>> {
    let stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    let mut stream = BufReader::new(stream);
    let retrieve = "RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\nRETR 5\r\n";
    write!(stream.get_mut(), "USER {user}\r\nPASS swordfish-123\r\n{retrieve}QUIT\r\n").unwrap();
    let mut replies = Vec::new();
    stream.read_to_end(&mut replies).unwrap();
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut inside = false;
    for line in replies.split_inclusive(|octet| *octet == b'\n') {
        match line {
            b".\r\n" => inside = false,
            _ if inside => messages.last_mut().unwrap().extend(line.strip_prefix(b".").unwrap_or(line)),
            _ if line.starts_with(b"+OK") && line.ends_with(b"octets\r\n") => {
                inside = true;
                messages.push(Vec::new());
            }
            _ => {}
        }
    }
    messages
}

#[test]
fn a_server_serves_what_was_put_into_a_maildir() {
    let env = env();
    std::fs::create_dir(env.path("mail")).unwrap();
    assert_eq!(seed(&env, &["--maildir", "mail/{user}"]).code, Some(0));
    let server = Server::start(&env, &["--mail", "mail/load02", "--password-env", "SECRET"]);
    let got = retrieved(server.port(), "alice");
    assert!(got == wanted("load02"), "{} messages", got.len());
    let verdicts = got.iter().map(|octets| {
        let mut verifier = mail::load::Verifier::new();
        verifier.push(octets);
        verifier.finish(b"load02")
    });
    assert!(verdicts.eq([mail::load::ContentVerdict::Verified; 4]));
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_command_gets_each_message_once() {
    let env = env();
    // It fails at the second message of the second account, as long as nobody has made a certain file.
    let command = "test {user} != load02 -o ! -e got-{user} -o -e repaired && cat >> got-{user}";
    let stopped = seed(&env, &["--command", command]);
    env.write("repaired", "");
    let rest = seed(&env, &["--command", command]);
    for user in USERS {
        let made: Vec<u8> = wanted(user).iter().flat_map(|octets| mail::lines_to_lf(octets)).collect();
        assert!(env.read(&format!("got-{user}")).into_bytes() == made, "{user}");
    }
    assert_snapshot!([stopped, rest].map(|ended| env.told(&ended)).join("\n"));
}

#[test]
fn what_cannot_be_seeded_is_told() {
    let env = env();
    let list = "{list: [{user: alice, password: swordfish}]}";
    env.write("list.yaml", SCENARIO.replace("{pattern: 'load{n:02}', count: 3}", list));
    env.write("mailless.yaml", SCENARIO.replace("mail: {messages: 4, sizes: 9kB}\n", ""));
    env.write("shell.yaml", SCENARIO.replace("load{n:02}", "$(reboot){n}"));
    env.write("domain.yaml", SCENARIO.replace("load{n:02}", "load{n}@example.org"));
    let told = |arguments: &[&str]| {
        let ended = env.run(&[&["seed"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?} {}{}", ended.stdout, ended.stderr);
        env.told(&ended)
    };
    let by_lmtp = |scenario| told(&["--scenario", scenario, "--lmtp", "127.0.0.1:1"]);
    assert_snapshot!("seed_nothing_said", told(&[]));
    assert_snapshot!("seed_two_files", told(&["--scenario", "tiny.yaml", "--accounts", "accounts.yaml"]));
    assert_snapshot!("seed_list_of_accounts", by_lmtp("list.yaml"));
    assert_snapshot!("seed_no_mail", by_lmtp("mailless.yaml"));
    assert_snapshot!("seed_name_for_a_shell", by_lmtp("shell.yaml"));
    assert_snapshot!("seed_unknown_scenario", by_lmtp("isp-mornin"));
    assert_snapshot!("seed_no_way", told(&["--scenario", "tiny.yaml"]));
    assert_snapshot!(
        "seed_two_ways",
        told(&["--scenario", "tiny.yaml", "--lmtp", "127.0.0.1:1", "--maildir", "mail/{user}"])
    );
    assert_snapshot!("seed_way_of_no_scenario", told(&["--lmtp", "127.0.0.1:1"]));
    assert_snapshot!(
        "seed_way_of_roles",
        told(&["--accounts", "accounts.yaml", "--lmtp", "127.0.0.1:1", "--again"])
    );
    assert_snapshot!("seed_one_maildir", told(&["--scenario", "tiny.yaml", "--maildir", "mail"]));
    assert_snapshot!("seed_one_command", told(&["--scenario", "tiny.yaml", "--command", "deliver"]));
    assert_snapshot!(
        "seed_domain_of_a_maildir",
        told(&["--scenario", "tiny.yaml", "--maildir", "{user}", "--domain", "a"])
    );
    assert_snapshot!(
        "seed_domain_twice",
        told(&["--scenario", "domain.yaml", "--lmtp", "127.0.0.1:1", "--domain", "example.org"])
    );
    assert_snapshot!(
        "seed_no_domain",
        told(&["--scenario", "tiny.yaml", "--lmtp", "127.0.0.1:1", "--domain", "a b"])
    );
    assert_snapshot!(
        "seed_no_connection",
        told(&["--scenario", "tiny.yaml", "--lmtp", "127.0.0.1:1", "--jobs", "0"])
    );
    // A documentation address (RFC 5737): were it dialled, the test would end with 3, after a while.
    assert_snapshot!("seed_unauthorized", told(&["--scenario", "tiny.yaml", "--lmtp", "203.0.113.5:24"]));
    assert_snapshot!(
        "seed_no_folder_for_load",
        told(&["--scenario", "tiny.yaml", "--maildir", "/nonexistent/poplab/{user}"])
    );
}
