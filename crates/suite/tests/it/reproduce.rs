//! A finding's reproduction is carried out as it is printed, by a shell, against the fake over TCP with the very
//! defect, and shows what the finding is about. It needs openssl and python3, and says so where they are missing.
//!
//! A reproduction is made of a check's conversation; so one defect stands for all that break the same requirement first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use fake::{Defect, World};
use mail::Role;
use net::{Dialer, Ports, Trust};
use record::Verdict;
use suite::reproduce::{Reproduction, Server, Verification, shell_word};
use suite::{Account, Cost, Evidence, Plan, Pool, Runner, Security};
use tokio::sync::oneshot;
use transcript::{Entry, Side};

use crate::defects::uncaught;
use crate::laboratory::{SEED, USUAL, accounts, named, password, refill, world};

/// Most of the time is waiting, so many at a time are no burden.
const SIDE_BY_SIDE: usize = 12;
/// Seconds after which a reproduction that has not ended by itself is ended; its own bound is shorter.
const TOO_LONG: &str = "200";
/// The exit code of what was ended so.
const ENDED: i32 = 137;
/// What a check waits for an answer. The fake answers at once, or not at all.
const WAIT: Duration = Duration::from_secs(5);

/// Needs of checks that a hook carries out.
const HOOKS: [&str; 6] = ["restart", "kill", "backup", "inject", "other-access", "fault"];
/// What a shell cannot show again, and why; the requirement is then left out.
const NOT_AGAIN: &[(&str, &str)] = &[
    ("practice.line.unlimited", "no reproduction is printed, and the report says so"),
    ("rfc5034.auth.failure-sticks", "no reproduction is printed, and the report says so"),
    ("practice.multi.only-unread", "the mail was read by the run itself"),
    ("rfc2449.pipe.window-of-1024", "what is lost depends on how the octets arrive"),
    ("practice.sec.password-echoed", "no reproduction is printed, and the report says so"),
    ("rfc2195.cram.short-digest", "no reproduction is printed, and the report says so"),
    ("rfc2595.stls.goes-on-in-clear", "the script ends before the server's words have come"),
    ("rfc1939.pass.trimmed", "needs an account whose password ends with a space"),
    ("rfc1939.pass.two-words-hang-up", "needs an account whose password has a space in it"),
    ("rfc2595.cleartext.only-hidden", "shows where passwords are not taken in cleartext, and here they are"),
    ("rfc2595.cleartext.refused-late", "shows where passwords are not taken in cleartext, and here they are"),
    (
        "rfc1939.apop.counter",
        "the counter has gone on since, and its number is what the greeting is compared by",
    ),
    ("rfc8314.implicit.goes-on-in-clear", "the script ends before the server's words have come"),
    ("practice.line.client-hello-crashes", "the server is gone then, and no script brings it back"),
    ("rfc2595.stls.failed-handshake-crashes", "the server is gone then, and no script brings it back"),
    ("rfc7628.oauth.knows-every-key", "shows where accounts have tokens, and here they have none"),
    ("rfc8314.cleartext.tells", "shows where passwords are not taken in cleartext, and here they are"),
    ("rfc1939.state.name-of-all", "shows where several connections log in at once"),
    ("rfc1939.autologout.sixty-seconds", "shows after a minute of silence"),
    ("rfc1939.dele.sixty-four", "no reproduction is printed, and the report says so"),
    ("rfc1939.quit.fifty-at-most", "no reproduction is printed, and the report says so"),
    ("practice.robust.thousand-lines", "shows in a large maildrop, for which hooks and --stress are needed"),
    ("practice.robust.three-digits", "shows in a large maildrop, for which hooks and --stress are needed"),
];

#[test]
fn what_is_not_shown_again_is_known() {
    for (id, _) in NOT_AGAIN {
        assert!(fake::defects().any(|info| info.id == *id), "{id}");
    }
}

#[test]
fn a_finding_of_each_requirement_is_seen_again_as_printed_first_half() {
    every_other(0);
}

#[test]
fn a_finding_of_each_requirement_is_seen_again_as_printed_second_half() {
    every_other(1);
}

fn every_other(remainder: usize) {
    for need in ["openssl", "python3"] {
        let found =
            Command::new("sh").args(["-c", &format!("command -v {need}")]).stdout(Stdio::null()).status();
        assert!(found.is_ok_and(|status| status.success()), "this test needs {need}: install it");
    }
    let wanted = one_for_each_requirement().skip(remainder).step_by(2);
    let queue: Mutex<VecDeque<&'static Defect>> = Mutex::new(wanted.collect());
    let unseen: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let Some(info) = queue.lock().expect("no other test has fallen over").pop_front() else {
                        break;
                    };
                    // Who was locked out for a moment by the run's own sessions is not so again alone: once more.
                    let in_the_crowd = |wrong: &String| wrong.contains("[IN-USE]");
                    let wrong = unseen_of(info);
                    let wrong =
                        if wrong.as_ref().is_some_and(in_the_crowd) { unseen_of(info) } else { wrong };
                    unseen.lock().expect("no other test has fallen over").extend(wrong);
                }
            });
        }
    });
    let unseen = unseen.into_inner().expect("no test has fallen over");
    assert!(unseen.is_empty(), "{} findings are not seen again:\n{}", unseen.len(), unseen.join("\n\n"));
}

/// Those that are found in a plain run, without hooks, load and minutes of waiting.
fn one_for_each_requirement() -> impl Iterator<Item = &'static Defect> {
    let only = std::env::var("POPLAB_REPRODUCE_ONLY").unwrap_or_default();
    let (checks, missed) = (suite::all(), uncaught());
    let plain = move |check: &suite::Check| {
        let hooked = |need: &String| HOOKS.contains(&need.as_str());
        !matches!(check.cost, Cost::Slow | Cost::Stress) && !check.requirement().needs.iter().any(hooked)
    };
    let mut seen = BTreeSet::new();
    fake::defects()
        .filter(move |info| {
            info.proves.first().is_some_and(|id| {
                !missed.contains(&(info.id, *id))
                    && checks.iter().any(|check| check.id == *id && plain(check))
                    && seen.insert(*id)
                    && !NOT_AGAIN.iter().any(|(known, _)| known == &info.id)
            })
        })
        .filter(move |info| info.id.contains(&only))
}

/// Where a fake listens, and whom to trust.
struct Served {
    clear: SocketAddr,
    tls: SocketAddr,
    ca_pem: String,
}

/// What goes wrong with the reproduction of one defect's finding.
fn unseen_of(info: &'static Defect) -> Option<String> {
    let world = world([info]);
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let own = world.clone();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = net::Server::start(own, Ports::ANY).await.expect("free ports");
            let (clear, tls) = server.clear().zip(server.tls()).expect("both ports");
            tell.send(Served { clear, tls, ca_pem: server.ca_pem().to_owned() }).expect("somebody waits");
            // Also when the test has fallen over.
            let _ = stopped.await;
            server.stop().await;
        });
    });
    let wrong = unseen_at(info, &world, &told.recv().expect("the fake listens"));
    stop.send(()).expect("the fake runs");
    serving.join().expect("the fake ends");
    wrong
}

fn unseen_at(info: &'static Defect, world: &World, served: &Served) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &served.ca_pem).expect("a file");
    let verification = Verification::File(ca.display().to_string());
    // What the defect breaks is seen in the same way; the first of it that is found stands for all.
    let found = [Security::Implicit, Security::Starttls]
        .into_iter()
        .find_map(|security| judged(info, served, security, false).into_iter().next())
        // Some are noticed in the conversations of other checks alone.
        .or_else(|| judged(info, served, Security::Implicit, true).into_iter().next())
        .or_else(|| judged(info, served, Security::Starttls, true).into_iter().next());
    let Some(evidence) = found else { return Some(format!("{}: nothing was found over TCP", info.id)) };
    if evidence.reproduction.as_ref().is_some_and(Reproduction::deletes) {
        refill(world);
    }
    let seen = seen_again(&evidence, &verification, folder.path());
    seen.err().map(|why| format!("{}: {}: {why}", info.id, evidence.result.id))
}

/// The findings of the checks that the defect breaks, at one entrance; `all` carries out the others beside them.
fn judged(info: &'static Defect, served: &Served, security: Security, all: bool) -> Vec<Evidence> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let address = if security == Security::Implicit { served.tls } else { served.clear };
    runtime.block_on(async {
        let plan = Plan {
            endpoint: address.into(),
            security: Some(security),
            dialer: Dialer::tcp(Trust::Only { ca_pem: served.ca_pem.clone().into() }).expect("a dialer"),
            pool: Pool::new(few()),
            permissions: USUAL,
            seed: SEED,
            wait: Some(WAIT),
            until: None,
            operations: None,
        };
        let Ok(site) = suite::survey(plan).await.0 else { return Vec::new() };
        let breaks = |id: &str| info.proves.contains(&id);
        let checks = suite::all().into_iter().filter(|check| all || breaks(check.id)).collect();
        let runner = Runner::new(Rc::clone(&site), checks, 4);
        let listener: suite::runner::Listener = Rc::new(|_| ());
        runner.run(&listener).await;
        let broken = |evidence: &Evidence| {
            breaks(&evidence.result.id) && matches!(evidence.result.verdict, Verdict::Fail | Verdict::Warn)
        };
        runner.evidence().into_iter().filter(broken).collect()
    })
}

/// As many accounts as the checks of one defect need at a time: the survey looks at each.
fn few() -> Vec<Account> {
    let mut left = BTreeMap::from([(Role::Fixtures, 1), (Role::Disposable, 6)]);
    let mut wanted = accounts();
    wanted.retain(|account| {
        let left = left.entry(account.role).or_insert(1);
        *left -= 1;
        *left >= 0
    });
    wanted
}

/// Carries out a reproduction on a maildrop as it was at first.
fn seen_again(
    evidence: &Evidence,
    verification: &Verification,
    folder: &std::path::Path,
) -> Result<(), String> {
    let result = &evidence.result;
    let Some(reproduction) = &evidence.reproduction else {
        return Err(format!("no reproduction: {}", result.reproduce));
    };
    let printed = reproduction.line(verification).unwrap_or_else(|| {
        let path = folder.join(format!("{}.py", result.id));
        std::fs::write(&path, reproduction.script(&Server::Running(verification))).expect("a file");
        let delete = if reproduction.deletes() { " --allow-delete" } else { "" };
        format!("python3 {}{delete}", shell_word(&path.display().to_string()))
    });
    for (user, ..) in named() {
        if printed.contains(&password(&user)) {
            return Err(format!("a password is printed: {printed}"));
        }
    }
    let shown = carried_out(&printed).ok_or_else(|| format!("did not end by itself:\n{printed}"))?;
    let wanted = offending(evidence);
    let shown = masked(&shown);
    if wanted.iter().any(|wanted| shown.contains(&masked(wanted))) {
        return Ok(());
    }
    Err(format!("{}; {wanted:?} is not seen\n{printed}\n{shown}", result.observed))
}

/// A text in which timestamps, challenges and unique-ids, which a server makes anew, look all alike.
fn masked(text: &str) -> String {
    const LONG: usize = 16;
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && !"./+=".contains(letter))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(rest.chars().next().map_or(1, char::len_utf8)));
        out.push_str(if length >= LONG { "#" } else { word });
        rest = after;
    }
    out
}

/// What a shell shows; `None` if it had to be ended.
fn carried_out(printed: &str) -> Option<String> {
    let mut shell = Command::new("timeout");
    shell.args(["-s", "KILL", TOO_LONG, "sh", "-c", printed]).stdin(Stdio::null());
    shell.env("PASSWORD", password("disposable1"));
    for (user, ..) in named() {
        shell.env(format!("PASSWORD_{user}"), password(&user));
        if printed.contains(&format!("USER {user}'")) || printed.contains(&format!("'{user}'")) {
            shell.env("PASSWORD", password(&user));
        }
    }
    let output = shell.output().expect("a shell");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code() != Some(ENDED)).then(|| text.concat())
}

/// What the marked line looks like where it is seen again; one of these is enough.
fn offending(evidence: &Evidence) -> Vec<String> {
    let entries =
        evidence.transcript.as_ref().map(|transcript| transcript.entries.as_slice()).unwrap_or_default();
    let mark = entries.iter().position(|entry| matches!(entry, Entry::Mark { .. }));
    match mark.and_then(|at| entries[..at].last()) {
        Some(Entry::Line { side: Side::Server, text, .. }) => vec![text.to_string()],
        Some(Entry::Line { side: Side::Client, .. }) => {
            ["no line came", "nothing came", "ended by server"].map(str::to_owned).to_vec()
        }
        Some(Entry::Note { text, .. }) if text.contains("by server") => vec!["ended by server".to_owned()],
        Some(Entry::Note { text, .. }) if text.contains("by client") => vec!["by client".to_owned()],
        Some(Entry::Folded { .. }) => vec!["S| ".to_owned()],
        // Nothing was said: the handshake is it.
        _ => ["Verif", "ended early", "SSL", "TLS"].map(str::to_owned).to_vec(),
    }
}
