//! The transcript of a session that was chosen to be recorded.

use record::TranscriptSeen;
use transcript::{Recorder, Secrets};

/// The number of the session within its transcript: there is only one.
const ONLY: u32 = 1;

/// Most octets of content that a recording holds. A server may give more than that without end, to many sessions.
const CONTENT: usize = 1024 * 1024;

/// A transcript under way. Most sessions have none.
pub(crate) struct Recording {
    recorder: Recorder,
    /// Octets of content so far.
    content: usize,
    /// Whether it is kept if all goes well.
    pub(crate) sample: bool,
}

impl Recording {
    /// The secrets are those of all accounts: a server may show one user what another gave.
    pub(crate) fn new(title: &str, seed: u64, sample: bool, secrets: &Secrets) -> Recording {
        let mut recorder = Recorder::knowing(title, Some(seed), secrets);
        recorder.connection();
        Recording { recorder, content: 0, sample }
    }

    pub(crate) fn secret(&mut self, secret: &[u8]) {
        self.recorder.secret(secret);
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.recorder.note(ONLY, text);
    }

    pub(crate) fn sent(&mut self, octets: &[u8]) {
        self.recorder.sent(ONLY, octets);
    }

    pub(crate) fn received(&mut self, octets: &[u8], content: bool) {
        if content {
            if self.content > CONTENT {
                return;
            }
            self.content += octets.len();
            if self.content > CONTENT {
                return self.note("more content came than a recording holds: the rest of it is left out");
            }
            self.recorder.received_content(ONLY, octets);
        } else {
            self.recorder.received(ONLY, octets);
        }
    }

    /// The text without the session's secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.recorder.redact(text)
    }

    /// The rendering, under this name; `error` is the kind and step it shows.
    pub(crate) fn finish(self, name: &str, error: Option<(&str, &str)>) -> TranscriptSeen {
        TranscriptSeen {
            name: file_name(name),
            kind: error.map(|(kind, _)| kind.to_owned()),
            step: error.map(|(_, step)| step.to_owned()),
            text: self.recorder.finish().render(),
        }
    }
}

/// A name that every file system takes: whatever is odd in it becomes a hyphen.
fn file_name(name: &str) -> String {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' };
    let mut name: String = name.chars().map(plain).take(100).collect();
    name.push_str(".txt");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_of_content_without_end_has_an_end() {
        let mut recording = Recording::new("endless", 1, false, &Secrets::new());
        recording.sent(b"LIST\r\n");
        recording.received(b"+OK\r\n", false);
        for _ in 0..100_000 {
            recording.received(b"17 120 and so forth, without end\r\n", true);
        }
        recording.note("failed");
        let text = recording.finish("endless", None).text;
        assert!(text.len() < 3 * CONTENT, "{}", text.len());
        assert!(text.contains("more content came") && text.contains("== failed"));
    }
}
