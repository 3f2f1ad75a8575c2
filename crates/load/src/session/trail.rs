//! The last octets that the sessions of a worker exchanged, so that the first session to fail in some way has a
//! transcript too.
//!
//! Nobody knows beforehand which session will fail, and recording each one in full would cost all of them. So all
//! leave what they say in two buffers of the worker's: one is filled, the other holds what was said before it, and they
//! change places when the first is full. Of a reply's content only the beginning is kept. Sessions own nothing of
//! this, and a command costs two short copies.

use super::recording::Recording;

/// Most octets of each buffer: thousands of commands.
const ROOM: usize = 512 * 1024;

/// Most octets kept of the content of one reply: the header of a message, or some lines of a listing.
const CONTENT: u64 = 512;

/// Most octets kept of anything else; as long as a line may be, with reserve.
const LINE: usize = 1024;

/// Octets before what was said: session, kind, how much of it is kept, how much there was.
const HEAD: usize = 8 + 1 + 2 + 4;

/// What all sessions of this worker said last.
pub(crate) struct Trail {
    filled: Vec<u8>,
    before: Vec<u8>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Said {
    /// A connection, with the word for its mode.
    Connect,
    /// A handshake, with the version.
    Secure,
    Sent,
    /// A line with a secret in it.
    SentSecret,
    Received,
    Content,
    /// Content that is mail, and somebody's if it is not poplab's.
    Mail,
}

/// An entry, read back.
struct Entry<'a> {
    session: u64,
    said: Said,
    kept: &'a [u8],
    octets: usize,
}

impl Trail {
    pub(crate) fn new() -> Trail {
        Trail { filled: Vec::with_capacity(ROOM), before: Vec::with_capacity(ROOM) }
    }

    /// Keeps what is no content of a reply.
    pub(super) fn keep(&mut self, session: u64, said: Said, octets: &[u8]) {
        self.push(session, said, octets, LINE);
    }

    /// Keeps content or mail, after so many octets of the same reply.
    pub(super) fn keep_content(&mut self, session: u64, said: Said, octets: &[u8], after: u64) {
        let most = CONTENT.saturating_sub(after) as usize;
        self.push(session, said, octets, most);
    }

    /// Writes down what is known of a session: its secrets first, so that they appear nowhere.
    pub(crate) fn tell(&self, session: u64, recording: &mut Recording) {
        let known = || self.entries().filter(|entry| entry.session == session);
        for entry in known().filter(|entry| entry.said == Said::SentSecret) {
            recording.secret(secret_of(entry.kept));
        }
        if known().next().is_none_or(|entry| entry.said != Said::Connect) {
            recording.note("what was said before this is no longer known");
        }
        let (mut missing, mut own) = (0, false);
        for entry in known() {
            own = entry.said == Said::Mail && (own || is_own(entry.kept));
            if entry.said == Said::Mail && !own {
                missing += entry.octets;
                continue;
            }
            if missing > 0 && !entry.kept.is_empty() {
                recording.note(&not_kept(missing));
                missing = 0;
            }
            match entry.said {
                Said::Connect | Said::Secure => {
                    recording.note(&entry.said.note(&String::from_utf8_lossy(entry.kept)));
                }
                Said::Sent | Said::SentSecret => recording.sent(entry.kept),
                Said::Received => recording.received(entry.kept, false),
                Said::Content | Said::Mail => recording.received(entry.kept, true),
            }
            missing += entry.octets - entry.kept.len();
        }
        if missing > 0 {
            recording.note(&not_kept(missing));
        }
    }

    fn push(&mut self, session: u64, said: Said, octets: &[u8], most: usize) {
        let kept = &octets[..octets.len().min(most).min(LINE)];
        if self.filled.len() + HEAD + kept.len() > ROOM {
            std::mem::swap(&mut self.filled, &mut self.before);
            self.filled.clear();
        }
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&session.to_le_bytes());
        head[8] = said as u8;
        head[9..11].copy_from_slice(&(kept.len() as u16).to_le_bytes());
        head[11..].copy_from_slice(&(u32::try_from(octets.len()).unwrap_or(u32::MAX)).to_le_bytes());
        self.filled.extend_from_slice(&head);
        self.filled.extend_from_slice(kept);
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        [&self.before, &self.filled].into_iter().flat_map(|buffer| {
            let mut rest = buffer.as_slice();
            std::iter::from_fn(move || {
                let (entry, after) = Entry::read(rest)?;
                rest = after;
                Some(entry)
            })
        })
    }
}

impl<'a> Entry<'a> {
    /// The first entry, and what comes after it.
    fn read(octets: &'a [u8]) -> Option<(Entry<'a>, &'a [u8])> {
        let (session, rest) = octets.split_first_chunk()?;
        let (said, rest) = rest.split_first()?;
        let (kept, rest) = rest.split_first_chunk()?;
        let (octets, rest) = rest.split_first_chunk()?;
        let (kept, rest) = rest.split_at_checked(u16::from_le_bytes(*kept).into())?;
        let said = *Said::ALL.get(usize::from(*said))?;
        let entry = Entry {
            session: u64::from_le_bytes(*session),
            said,
            kept,
            octets: u32::from_le_bytes(*octets) as usize,
        };
        Some((entry, rest))
    }
}

impl Said {
    const ALL: [Said; 7] = [
        Said::Connect,
        Said::Secure,
        Said::Sent,
        Said::SentSecret,
        Said::Received,
        Said::Content,
        Said::Mail,
    ];

    /// A connection or a handshake as a note.
    pub(super) fn note(self, word: &str) -> String {
        let what = if self == Said::Connect { "connect" } else { "tls" };
        format!("{what} {word}")
    }
}

fn not_kept(octets: usize) -> String {
    format!("{octets} octets more, not kept")
}

/// Where in a message poplab's fields are looked for.
const HEADER: usize = 8192;

/// Whether this is the beginning of a message that poplab made: one of its fields is in it. Other people's mail is
/// nobody's business, and transcripts are passed on.
pub(super) fn is_own(beginning: &[u8]) -> bool {
    memchr::memmem::find(&beginning[..beginning.len().min(HEADER)], b"\nX-Poplab-").is_some()
        || beginning.starts_with(b"X-Poplab-")
}

/// What must not be shown of a line of a login: the password, the digest, or the response.
fn secret_of(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let words = |skip: usize| {
        let mut rest = line;
        for _ in 0..skip {
            let space = rest.iter().position(|octet| *octet == b' ').map_or(rest.len(), |at| at + 1);
            rest = &rest[space..];
        }
        rest
    };
    match line.split(|octet| *octet == b' ').next() {
        Some(b"USER") => b"",
        // A password may have spaces in it.
        Some(b"PASS") => words(1),
        Some(b"APOP" | b"AUTH") => words(2),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(trail: &Trail, session: u64) -> String {
        let mut recording = Recording::new("test", 1, false, &transcript::Secrets::new());
        trail.tell(session, &mut recording);
        recording.finish("test", None).text
    }

    #[test]
    fn sessions_are_told_apart_and_secrets_hidden() {
        let mut trail = Trail::new();
        trail.keep(7, Said::Connect, b"implicit");
        trail.keep(8, Said::Connect, b"none");
        trail.keep(7, Said::Secure, b"TLS 1.3");
        trail.keep(7, Said::Received, b"+OK ready\r\n");
        trail.keep(8, Said::Received, b"+OK of another session\r\n");
        for line in [
            &b"USER ann\r\n"[..],
            b"PASS open sesame\r\n",
            b"APOP ann 0123456789abcdef0123456789abcdef\r\n",
            b"AUTH PLAIN AGFubgBvcGVuIHNlc2FtZQ==\r\n",
            b"AUTH CRAM-MD5\r\n",
            b"YW5uIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n",
        ] {
            trail.keep(7, Said::SentSecret, line);
        }
        trail.keep(7, Said::Received, b"-ERR not open sesame\r\n");
        insta::assert_snapshot!(told(&trail, 7));
    }

    #[test]
    fn of_content_the_beginning_is_kept_and_the_rest_counted() {
        let mut trail = Trail::new();
        trail.keep(1, Said::Connect, b"none");
        trail.keep(1, Said::Sent, b"RETR 1\r\n");
        trail.keep(1, Said::Received, b"+OK\r\n");
        trail.keep_content(1, Said::Content, &b"0123456789abcde\r\n".repeat(10), 0);
        trail.keep_content(1, Said::Content, &b"0123456789abcde\r\n".repeat(1000), 170);
        trail.keep_content(1, Said::Content, b"the last line\r\n", 17_170);
        trail.keep(1, Said::Content, b".\r\n");
        trail.keep(1, Said::Sent, b"QUIT\r\n");
        let text = told(&trail, 1);
        assert!(text.contains("16673 octets more, not kept"), "{text}");
        assert!(!text.contains("the last line"), "{text}");
    }

    #[test]
    fn of_mail_only_poplab_s_own_is_shown() {
        let mut trail = Trail::new();
        trail.keep(1, Said::Connect, b"none");
        for message in
            ["Subject: mine\r\n\r\nprecious\r\n", "Subject: ours\r\nX-Poplab-Load: owner=a\r\n\r\ntext\r\n"]
        {
            trail.keep(1, Said::Received, b"+OK\r\n");
            let (first, second) = message.as_bytes().split_at(message.len() - 4);
            trail.keep_content(1, Said::Mail, first, 0);
            trail.keep_content(1, Said::Mail, second, first.len() as u64);
            trail.keep(1, Said::Content, b".\r\n");
        }
        let text = told(&trail, 1);
        assert!(text.contains("27 octets more, not kept") && text.contains("Subject: ours"), "{text}");
        assert!(!text.contains("mine") && !text.contains("precious"), "{text}");
    }

    #[test]
    fn it_is_bounded_and_says_what_it_no_longer_knows() {
        let mut trail = Trail::new();
        for session in 0..100_000 {
            trail.keep(session, Said::Connect, b"none");
            trail.keep(session, Said::Received, b"+OK\r\n");
        }
        trail.keep(0, Said::Sent, b"NOOP\r\n");
        assert!(trail.filled.capacity() == ROOM && trail.before.capacity() == ROOM);
        assert!(told(&trail, 0).contains("what was said before this is no longer known"));
        assert!(!told(&trail, 99_999).contains("no longer known"));
        trail.keep(5, Said::Received, &b"x".repeat(100_000));
        assert!(told(&trail, 5).contains("98976 octets more, not kept"));
    }
}
