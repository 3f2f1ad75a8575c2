//! A conversation as a file that Python runs with its standard library alone: all sessions, every octet, what is
//! waited for, and waits that end. The conversation is data in it; what plays it is the same in every file.
//!
//! No password is in it: it comes from the environment or a prompt.

use std::fmt::Write as _;

use super::conversation::{End, Step};
use super::secrets::Piece;
use super::words::{python_octets, python_text};
use super::{Reproduction, Server, Verification};

const PLAYER: &str = include_str!("player.py");

/// The text of the file.
pub(super) fn script(again: &Reproduction, server: &Server<'_>) -> String {
    let mut out = head(again, server);
    out.push_str(&settings(again, server));
    out.push_str("\nCONVERSATION = [\n");
    for (session, step) in &again.steps {
        let _ = writeln!(out, "    ({session}, {}),", told(step));
    }
    out.push_str("]\n\n");
    out.push_str(PLAYER);
    out
}

/// What the file is, for people.
fn head(again: &Reproduction, server: &Server<'_>) -> String {
    let mut out = String::from("#!/usr/bin/env python3\n");
    let mut say = |text: &str| {
        // One line each, whatever the text: it is a comment.
        let text: String =
            text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let _ = writeln!(out, "{}", format!("# {text}").trim_end());
    };
    say(&format!("Repeats the conversation in which poplab judged {}:", again.id));
    say(&again.requirement);
    say("");
    say(
        "Shows what is sent (C) and what comes (S). Passwords come from the environment variable PASSWORD, or",
    );
    say("PASSWORD_name for the user `name`, or a prompt; they are not in this file.");
    say("");
    match server {
        Server::Running(_) => say(&format!(
            "python3 FILE [HOST PORT]    the server is {}, unless another one is given",
            again.endpoint
        )),
        Server::Started(_) => {
            say(
                "python3 FILE [HOST PORT]    starts the fake server that was judged, unless a server is given",
            );
        }
    }
    if again.deletes() {
        say("");
        say(
            "It sends DELE, so it changes mail: only with --allow-delete, and only in maildrops in which every message",
        );
        say("bears poplab's marker. Afterwards `poplab seed` puts the mail there again.");
    }
    out
}

fn settings(again: &Reproduction, server: &Server<'_>) -> String {
    let (started, authority) = match server {
        Server::Running(Verification::System) => (None, "True".to_owned()),
        Server::Running(Verification::None) => (None, "False".to_owned()),
        Server::Running(Verification::File(path)) => (None, python_text(path)),
        Server::Started(command) => (Some(command), "True".to_owned()),
    };
    let command: Vec<String> =
        started.into_iter().flat_map(|words| words.iter()).map(|word| python_text(word)).collect();
    let mut out = String::new();
    let _ = writeln!(out, "\nHOST, PORT = {}, {}", python_text(&again.endpoint.host), again.endpoint.port);
    let _ = writeln!(out, "IMPLICIT_TLS = {}", if again.implicit { "True" } else { "False" });
    let _ = writeln!(
        out,
        "VERIFY = {authority}  # True: the system's authorities; a path: a PEM file; False: nobody"
    );
    let _ = writeln!(out, "FAKE = [{}]", command.join(", "));
    let _ = writeln!(out, "DELETES = {}", if again.deletes() { "True" } else { "False" });
    let shown = again.content_line.map_or_else(|| "None".to_owned(), |line| line.to_string());
    let _ = writeln!(out, "CONTENT_LINE = {shown}  # line of a reply's content that is shown in any case");
    out
}

fn told(step: &Step<Vec<Piece>>) -> String {
    match step {
        Step::Connect { tls: true } => "\"connect\", True".to_owned(),
        Step::Connect { tls: false } => "\"connect\", False".to_owned(),
        Step::Secure => "\"secure\"".to_owned(),
        Step::Send(pieces) => format!("\"send\", {}", sent(pieces)),
        Step::Line | Step::Challenge => "\"line\"".to_owned(),
        Step::Content { ended: true, .. } => "\"content\", None".to_owned(),
        Step::Content { octets, ended: false } => format!("\"content\", {octets}"),
        Step::Silence => "\"silence\"".to_owned(),
        Step::Ended => "\"ended\"".to_owned(),
        Step::End(End::Close) => "\"close\"".to_owned(),
        Step::End(End::Abandon) => "\"abandon\"".to_owned(),
        Step::End(End::Reset) => "\"reset\"".to_owned(),
        Step::End(End::Shutdown) => "\"shutdown\"".to_owned(),
    }
}

/// What is made from passwords is made when it is sent: then the challenge is known.
fn sent(pieces: &[Piece]) -> String {
    let made = pieces.iter().any(|piece| matches!(piece, Piece::Made { .. }));
    let terms: Vec<String> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Octets(octets) => python_octets(octets),
            Piece::Made { python, .. } => python.clone(),
        })
        .collect();
    let value = if terms.is_empty() { "b\"\"".to_owned() } else { terms.join(" + ") };
    if made { format!("lambda: {value}") } else { value }
}
