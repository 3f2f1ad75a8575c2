//! Servers that keep a maildrop locked when they should not, or refuse a way to log in that they announce: what is wrong
//! is told, nobody else is accused, and most of the rest is judged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::between::{Asked, Between};
use crate::laboratory::password;
use crate::reading::found;

/// When a maildrop is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GivenBack {
    AtQuit,
    AtLoss,
}

/// A maildrop that one connection has, for USER and PASS.
struct Holder {
    locked: Arc<Mutex<BTreeSet<String>>>,
    given_back: GivenBack,
    user: String,
    holds: bool,
    left: bool,
}

impl Holder {
    fn answer(&mut self, line: &str) -> Asked {
        if let Some(user) = line.strip_prefix("USER ") {
            user.clone_into(&mut self.user);
        }
        let right = line.strip_prefix("PASS ").is_some_and(|given| given == password(&self.user));
        if right && !self.holds {
            if !self.locked.lock().expect("no test panics with it").insert(self.user.clone()) {
                return Asked::Say(b"-ERR [IN-USE] somebody reads that mail\r\n".to_vec());
            }
            self.holds = true;
        }
        self.left |= line.eq_ignore_ascii_case("QUIT");
        Asked::Pass
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.holds && self.left == (self.given_back == GivenBack::AtQuit) {
            self.locked.lock().expect("no test panics with it").remove(&self.user);
        }
    }
}

fn gives_back(given_back: GivenBack) -> Between {
    let locked = Arc::<Mutex<BTreeSet<String>>>::default();
    Between::answering_each(move || {
        let locked = Arc::clone(&locked);
        let mut holder = Holder { locked, given_back, user: String::new(), holds: false, left: false };
        Box::new(move |line| holder.answer(line))
    })
}

#[test]
fn of_a_lock_that_outlives_a_lost_connection_that_is_told_and_the_rest_is_judged() {
    let (accused, unclear) = found(&gives_back(GivenBack::AtQuit));
    assert_eq!(accused, ["practice.lock.released-on-loss"], "{unclear:#?}");
    assert!(unclear.len() <= 20, "{}: {unclear:#?}", unclear.len());
}

#[test]
fn of_a_lock_that_outlives_quit_that_is_told_and_the_rest_is_judged() {
    let (accused, unclear) = found(&gives_back(GivenBack::AtLoss));
    assert_eq!(accused, ["rfc1939.quit.lock-released"], "{unclear:#?}");
    // Those that are about QUIT, and look at the maildrop behind it.
    assert!(unclear.len() <= 26, "{}: {unclear:#?}", unclear.len());
}

#[test]
fn of_a_server_that_knows_no_auth_though_it_announces_it_that_is_told_and_the_rest_is_judged() {
    let between = Between::answering(|line| {
        if line.starts_with("AUTH ") { Asked::Say(b"-ERR Unknown command\r\n".to_vec()) } else { Asked::Pass }
    });
    let (accused, unclear) = found(&between);
    assert_eq!(accused, ["rfc2449.capa.truthful"], "{unclear:#?}");
    assert!(unclear.len() <= 3, "{}: {unclear:#?}", unclear.len());
}

#[test]
fn of_a_server_that_never_answers_noop_that_is_told_and_nothing_that_only_says_it_in_between() {
    let between = Between::answering(|line| {
        if line.eq_ignore_ascii_case("NOOP") { Asked::Say(Vec::new()) } else { Asked::Pass }
    });
    let (accused, unclear) = found(&between);
    assert_eq!(accused, ["rfc1939.cmd.minimal-set", "rfc1939.noop.ok"], "{unclear:#?}");
    assert!(unclear.len() <= 27, "{}: {unclear:#?}", unclear.len());
}

#[test]
fn of_a_server_that_refuses_the_user_it_announces_that_is_told_and_the_rest_is_judged() {
    let between = Between::answering(|line| {
        if line.starts_with("USER ") { Asked::Say(b"-ERR not so\r\n".to_vec()) } else { Asked::Pass }
    });
    let (accused, unclear) = found(&between);
    // Who answers between client and server does so within an exchange of AUTH too, where the line is a response.
    assert_eq!(accused, ["rfc2449.capa.truthful", "rfc5034.auth.not-a-command"], "{unclear:#?}");
    assert!(unclear.len() <= 3, "{}: {unclear:#?}", unclear.len());
}
