//! Files that the user names to us, read whole: within a bounded time and to a bounded size, whatever they are. Text is
//! UTF-8, with or without a byte order mark; that a file is something else is said, with the place.
//!
//! What is in them is the affair of whoever asks. A pipe is read, too, as in `--password-file <(pass show mail)`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

/// A text file may have so many octets: accounts for a million users fit.
const LONGEST_TEXT: u64 = 64 * 1024 * 1024;

/// How long whoever writes into a pipe may take in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// The text of a file, without a byte order mark.
///
/// # Errors
/// It cannot be read, is too large, or is no UTF-8; the message says where.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    decoded(octets(path, LONGEST_TEXT)?)
}

/// The octets of a file, which may not have more than so many.
///
/// # Errors
/// It cannot be read, is too large, or is a pipe into which nobody writes.
pub(crate) fn octets(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    within(path, most, PATIENCE)
}

fn within(path: &Path, most: u64, patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    // Without it, the opening of a pipe waits for a writer, and perhaps for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    let facts = fstat(&file)?;
    let too_large = || {
        let words = format!("it has more than {} MiB, the most that is read of such a file", most >> 20);
        io::Error::new(io::ErrorKind::FileTooLarge, words)
    };
    if FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile
        && u64::try_from(facts.st_size).is_ok_and(|size| size > most)
    {
        return Err(too_large());
    }
    let (mut content, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        if !is_ready(&file, deadline)? {
            let words = format!("nobody wrote it to its end within {} seconds", patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, words));
        }
        match (&file).read(&mut piece) {
            Ok(0) => return Ok(content),
            Ok(count) => content.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if content.len() as u64 > most {
            return Err(too_large());
        }
    }
}

/// Waits until there is something to read, or the end. False when the time is over.
fn is_ready(file: &File, deadline: Instant) -> io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left =
        Timespec { tv_sec: left.as_secs().try_into().unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&left)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Octets as UTF-8 text, without a byte order mark.
fn decoded(octets: Vec<u8>) -> io::Result<String> {
    let wrong = |words: String| Err(io::Error::new(io::ErrorKind::InvalidData, words));
    if octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff") {
        return wrong("it is UTF-16, as some editors write; save it as UTF-8".to_owned());
    }
    let mut text = match String::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let octets = error.into_bytes();
            let before = String::from_utf8_lossy(&octets[..at]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            return wrong(format!("it is not UTF-8 at line {line}, column {column}; save it as UTF-8"));
        }
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn told(octets: &[u8]) -> String {
        decoded(octets.to_vec()).map_or_else(|error| error.to_string(), |text| format!("read: {text}"))
    }

    #[test]
    fn what_is_not_utf8_is_told_with_its_place() {
        assert_eq!(told(b"\xef\xbb\xbfann,pw1\r\n"), "read: ann,pw1\r\n");
        assert_eq!(told(b"a\xef\xbb\xbf"), "read: a\u{feff}", "only at the start is it a mark");
        assert_eq!(
            told(b"ann,pw1\neve,p\xdfs\n"),
            "it is not UTF-8 at line 2, column 6; save it as UTF-8",
            "Latin-1"
        );
        for utf16 in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a"] {
            assert!(told(utf16).starts_with("it is UTF-16"));
        }
        assert_eq!(told(b""), "read: ");
    }

    #[test]
    fn nothing_is_read_without_an_end() {
        let place = tempfile::tempdir().unwrap();
        let least = Duration::from_millis(1);
        let told = |path: &Path| within(path, 2 << 20, least).unwrap_err();
        assert_eq!(told(Path::new("/dev/zero")).kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(told(place.path()).kind(), io::ErrorKind::IsADirectory);
        let sparse = place.path().join("sparse");
        File::create(&sparse).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(told(&sparse).to_string(), "it has more than 2 MiB, the most that is read of such a file");
        let pipe = place.path().join("pipe");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::from_raw_mode(0o600)).unwrap();
        assert_eq!(told(&pipe).kind(), io::ErrorKind::TimedOut, "nobody writes");
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret\n").unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        assert_eq!(text(Path::new(&path)).unwrap(), "secret\n");
    }
}
