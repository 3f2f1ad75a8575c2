//! One line with standard tools that repeats a conversation, for people who do not trust ours.
//!
//! It repeats the commands of the first session in the transcript. It does not repeat timing, resets or a second
//! session; the transcript next to it shows those.

use transcript::{Entry, Side, Transcript};

use crate::site::{Security, Site};

/// Longer conversations are shortened: the point comes early, and the line should fit a terminal's history.
const COMMANDS_AT_MOST: usize = 24;

/// The line; empty if the client said nothing that can be typed.
pub(crate) fn reproduce(transcript: &Transcript, site: &Site) -> String {
    let commands: Vec<String> = transcript.entries.iter().filter_map(typed).take(COMMANDS_AT_MOST).collect();
    if commands.is_empty() {
        return String::new();
    }
    let endpoint = &site.entrance.endpoint;
    let quoted: Vec<String> = commands.iter().map(|command| shell(command)).collect();
    let client = match site.entrance.security {
        Security::Implicit => format!("openssl s_client -quiet -connect {endpoint}"),
        Security::Starttls if commands.iter().any(|command| command == "STLS") => {
            format!("openssl s_client -quiet -starttls pop3 -connect {endpoint}")
        }
        _ => format!("nc {} {}", endpoint.host, endpoint.port),
    };
    let lines: Vec<&String> =
        quoted.iter().filter(|line| *line != "'STLS'" || client.starts_with("nc")).collect();
    let lines = lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join(" ");
    format!("for line in {lines}; do sleep 1; printf '%s\\r\\n' \"$line\"; done | {client}")
}

fn typed(entry: &Entry) -> Option<String> {
    if entry.session() != 1 {
        return None;
    }
    let Entry::Line { side: Side::Client, content: false, text, .. } = entry else { return None };
    let command = text.to_string();
    // A password stands as a placeholder; the person running the line puts it into the environment.
    Some(match command.find("‹secret ") {
        Some(start) => {
            let end = command[start..].find('›').map_or(command.len(), |at| start + at + '›'.len_utf8());
            format!("{}$PASSWORD{}", &command[..start], &command[end..])
        }
        None => command,
    })
}

fn shell(command: &str) -> String {
    if command.contains("$PASSWORD") {
        format!("\"{}\"", command.replace('"', "\\\""))
    } else {
        format!("'{}'", command.replace('\'', "'\\''"))
    }
}
