//! What a test says to a running fake server, and what it is answered: one JSON object on a line, each way.
//!
//! The same messages come by standard input and by HTTP. A message that is none gets an answer that says so, and the server
//! lives on. No answer has a password in it. What can be said stands in docs/fake.md.

use std::io::{BufRead, Read as _};

use ::fake::{Happening, Received, Removed, Script, What, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{Answer, Endpoint, Request};
use crate::terminal;

/// Octets of a message, line end included; a longer one is thrown away and answered as an error.
const LONGEST: usize = 64 << 20;

/// What can be said.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Message {
    /// A message is delivered: its text, or its octets in base64.
    AddMail { user: String, text: Option<String>, base64: Option<String> },
    /// From the next connection on this goes wrong: a fault script in YAML; nothing without one.
    Faults { script: Option<String> },
    /// Everything as at the start.
    Reset {},
    /// The mail of a user as it is now.
    Messages { user: String },
    /// The messages that were served, previewed and marked.
    Happenings {},
    /// The messages that were removed.
    Removed {},
    /// The commands that were received.
    Received {},
    /// The conversations so far.
    Transcript {},
    /// How often each fault has acted.
    Acted {},
    /// Whether clients said what the script expects.
    Verify {},
}

/// Answers every line of this input, on standard output, until it ends.
pub(super) fn by_lines(world: &World, input: impl BufRead) {
    let mut input = input;
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let told = if line.len() == LONGEST && !line.ends_with(b"\n") {
            if !skip_line(&mut input) {
                return;
            }
            wrong(&format!("a message has at most {LONGEST} octets, and this one has more"))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            answer(world, &line)
        };
        if terminal::print(&format!("{told}\n")).is_err() {
            return;
        }
    }
}

/// Answers messages by HTTP: `POST /` with a message as its body, and `GET /NAME` for those that need no more than a name.
///
/// # Errors
/// The port is taken, or the system gives no thread.
pub(super) fn by_http(world: &World, port: u16) -> std::io::Result<Endpoint> {
    let world = world.clone();
    Endpoint::start(port, LONGEST, move |request| by_request(&world, request))
}

fn by_request(world: &World, request: &Request) -> Answer {
    let (status, body) = match request.method.as_str() {
        // A page whose name was made to lead here would be believed by a browser.
        _ if !is_this_machine(&request.host) => {
            ("403 Forbidden", wrong("it is spoken to as 127.0.0.1 or localhost, and not by another name"))
        }
        "GET" => {
            let name = request.path.trim_start_matches('/');
            ("200 OK", answer(world, json!({ "do": name }).to_string().as_bytes()))
        }
        // Only this kind makes a browser ask first: no page that somebody visits can change anything here.
        "POST" if request.content_type.starts_with("application/json") => {
            ("200 OK", answer(world, &request.body))
        }
        "POST" => {
            ("415 Unsupported Media Type", wrong("a message is sent with `Content-Type: application/json`"))
        }
        _ => ("405 Method Not Allowed", wrong("only GET and POST are answered")),
    };
    let status = if status == "200 OK" && body.get("error").is_some() { "400 Bad Request" } else { status };
    Answer { status, content_type: "application/json", body: format!("{body}\n") }
}

/// Whether a `Host` of HTTP means this machine; who says none is no browser.
fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "" | "127.0.0.1" | "localhost")
}

/// The answer to a message.
fn answer(world: &World, message: &[u8]) -> Value {
    match serde_json::from_slice(message) {
        Ok(message) => obey(world, message).unwrap_or_else(|error| wrong(&error)),
        Err(error) => wrong(&format!("this is not a message: {error}")),
    }
}

fn wrong(error: &str) -> Value {
    json!({ "error": error })
}

fn obey(world: &World, message: Message) -> Result<Value, String> {
    Ok(match message {
        Message::AddMail { user, text, base64 } => {
            let octets = match (text, base64) {
                (Some(text), None) => text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes(),
                (None, Some(base64)) => {
                    STANDARD.decode(&base64).map_err(|error| format!("`base64` is not base64: {error}"))?
                }
                _ => return Err("mail is said by `text` or by `base64`, one of them".to_owned()),
            };
            if !world.deliver(&user, octets) {
                return Err(format!("there is no user `{user}`"));
            }
            json!({ "done": "add-mail", "messages": world.messages(&user).len() })
        }
        Message::Faults { script } => {
            let script = script.map(|text| Script::read(&text, "script")).transpose();
            world.set_script(script.map_err(|problems| problems.to_string())?);
            json!({ "done": "faults" })
        }
        Message::Reset {} => {
            world.reset();
            json!({ "done": "reset" })
        }
        Message::Messages { user } => {
            let messages = world.messages(&user);
            json!({ "messages": messages.iter().map(|octets| mail(octets)).collect::<Vec<_>>() })
        }
        Message::Happenings {} => {
            json!({ "happenings": world.happenings().iter().map(happening).collect::<Vec<_>>() })
        }
        Message::Removed {} => json!({ "removed": world.removed().iter().map(removed).collect::<Vec<_>>() }),
        Message::Received {} => {
            json!({ "received": world.received().iter().map(received).collect::<Vec<_>>() })
        }
        Message::Transcript {} => {
            json!({ "transcript": world.transcript().unwrap_or_default().render() })
        }
        Message::Acted {} => {
            let acted =
                world.faults().into_iter().map(|(fault, times)| json!({ "fault": fault, "times": times }));
            json!({ "acted": acted.collect::<Vec<_>>() })
        }
        Message::Verify {} => {
            let unmet = world.verify().err().unwrap_or_default();
            json!({ "met": unmet.is_empty(), "unmet": unmet.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
    })
}

/// A message: its text, or its octets where it is no text.
fn mail(octets: &[u8]) -> Value {
    match std::str::from_utf8(octets) {
        Ok(text) => json!({ "octets": octets.len(), "text": text }),
        Err(_) => json!({ "octets": octets.len(), "base64": STANDARD.encode(octets) }),
    }
}

fn removed(removed: &Removed) -> Value {
    let mut shown = mail(&removed.octets);
    shown["user"] = json!(removed.user);
    shown["unique_id"] = json!(removed.unique_id);
    shown
}

fn happening(happening: &Happening) -> Value {
    let Happening { session, user, message, unique_id, what } = happening;
    let what = match what {
        What::Served => "served",
        What::Previewed => "previewed",
        What::Marked => "marked",
    };
    json!({ "session": session, "user": user, "message": message, "unique_id": unique_id, "what": what })
}

fn received(received: &Received) -> Value {
    let Received { session, line, accepted, .. } = received;
    json!({ "session": session, "command": line, "accepted": accepted })
}

/// Passes over the rest of a line; false if the input ends.
fn skip_line(input: &mut impl BufRead) -> bool {
    loop {
        let Ok(octets) = input.fill_buf() else { return false };
        if octets.is_empty() {
            return false;
        }
        let end = octets.iter().position(|octet| *octet == b'\n');
        let used = end.map_or(octets.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return true;
        }
    }
}
