//! The mail of a server: emptied, seeded by our own binary, and single messages put there while the server runs.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::instance::{Instance, users};
use super::table::{Server, Store};
use crate::failure::Failure;
use crate::forward;

/// The owner of all Maildirs. Has no name and no rights. The owners of mboxes have the ids behind it.
pub(super) const MAIL_USER: u32 = 4242;

/// How long somebody else may keep an mbox locked. A POP3 server keeps it for a whole session.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first line of each message in an mbox; mail of tests has no time of arrival worth telling.
const SEPARATOR: &[u8] = b"From poplab@localhost Thu Jan  1 00:00:00 1970\n";

/// The `seed:` of the accounts file, from which `poplab seed` knows how to fill the maildrops.
pub(super) fn seeding(instance: &Instance, server: &Server) -> Result<String, Failure> {
    Ok(match server.store {
        Store::Maildirs => format!("maildir: \"{}/mail/{{user}}\"", instance.text()),
        Store::Mboxes => format!("command: \"{} {{user}}\"", delivering(instance, server)?),
    })
}

/// A shell command that delivers a message, but for the user behind it.
pub(super) fn delivering(instance: &Instance, server: &Server) -> Result<String, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::environment(format!("cannot find this program: {error}")))?;
    Ok(format!("'{}' servers deliver {} --dir {}", own.display(), server.name, instance.text()))
}

/// Empties the maildrops of all users and has our own binary fill them; all is then the server's.
pub(super) fn seed(instance: &Instance, server: &Server) -> Result<(), Failure> {
    let accounts = instance.accounts();
    let yaml =
        std::fs::read_to_string(&accounts).map_err(|error| Failure::file("read", &accounts, &error))?;
    let binary = forward::build()?;
    for user in users(&yaml) {
        empty(&instance.mail().join(user), server.store)?;
    }
    give_away(instance, &yaml, server.store)?;
    let output = Command::new(&binary)
        .args(["seed", "--accounts"])
        .arg(&accounts)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::file("run", &binary, &error))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(Failure::environment(format!(
            "`poplab seed` did not put the mail there: {}\n{}",
            output.status,
            String::from_utf8_lossy(&text).trim_end()
        )));
    }
    give_away(instance, &yaml, server.store)
}

/// Makes an empty maildrop of whatever is there.
fn empty(maildrop: &Path, store: Store) -> Result<(), Failure> {
    match store {
        Store::Maildirs => {
            if maildrop.exists() {
                std::fs::remove_dir_all(maildrop)
                    .map_err(|error| Failure::file("empty", maildrop, &error))?;
            }
            make_maildir(maildrop)
        }
        Store::Mboxes => {
            let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(maildrop);
            made.map(drop).map_err(|error| Failure::file("empty", maildrop, &error))
        }
    }
}

/// An empty Maildir, or the one that is there.
pub(super) fn make_maildir(maildir: &Path) -> Result<(), Failure> {
    for folder in ["cur", "new", "tmp"].map(|name| maildir.join(name)) {
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    }
    Ok(())
}

/// Gives all mail to whom the server reads and deletes it as.
fn give_away(instance: &Instance, yaml: &str, store: Store) -> Result<(), Failure> {
    match store {
        Store::Maildirs => give_all(&instance.mail()),
        Store::Mboxes => (MAIL_USER + 1..).zip(users(yaml)).try_for_each(|(owner, user)| {
            let mbox = instance.mail().join(user);
            chown(&mbox, Some(owner), None).map_err(|error| Failure::file("give away", &mbox, &error))
        }),
    }
}

fn give_all(folder: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder).map_err(|error| Failure::file("list", folder, &error))? {
        let entry = entry.map_err(|error| Failure::file("list", folder, &error))?;
        let path = entry.path();
        chown(&path, Some(MAIL_USER), Some(MAIL_USER))
            .map_err(|error| Failure::file("give away", &path, &error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            give_all(&path)?;
        }
    }
    Ok(())
}

/// Puts the message on standard input, with the line ends of Unix, into a user's maildrop; the server may run.
pub(super) fn deliver(instance: &Instance, server: &Server, user: &str) -> Result<(), Failure> {
    let maildrop = instance.mail().join(user);
    if user.contains('/') || user.starts_with('.') || !maildrop.exists() {
        return Err(Failure::usage(format!("the server in {} has no user `{user}`", instance.text())));
    }
    let mut message = Vec::new();
    std::io::stdin()
        .read_to_end(&mut message)
        .map_err(|error| Failure::environment(format!("cannot read the message: {error}")))?;
    match server.store {
        Store::Maildirs => into_maildir(&maildrop, &message),
        Store::Mboxes => into_mbox(&maildrop, &message),
    }
}

/// Written into `tmp` and moved to `new`, so that it is there at once and whole.
fn into_maildir(maildir: &Path, message: &[u8]) -> Result<(), Failure> {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default();
    let name = format!("{}.M{:06}P{}.poplab", now.as_secs(), now.subsec_micros(), std::process::id());
    let (written, moved) = (maildir.join("tmp").join(&name), maildir.join("new").join(&name));
    std::fs::write(&written, message)
        .and_then(|()| chown(&written, Some(MAIL_USER), Some(MAIL_USER)))
        .and_then(|()| std::fs::rename(&written, &moved))
        .map_err(|error| Failure::file("write", &moved, &error))
}

/// Appended under the lock that mail programs keep beside an mbox.
fn into_mbox(mbox: &Path, message: &[u8]) -> Result<(), Failure> {
    let lock = PathBuf::from(format!("{}.lock", mbox.display()));
    let start = Instant::now();
    while let Err(error) = OpenOptions::new().write(true).create_new(true).open(&lock) {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return Err(Failure::file("lock", mbox, &error));
        }
        if start.elapsed() > PATIENCE {
            let by_whom = "somebody else, perhaps a POP3 session";
            return Err(Failure::later(format!("{} is kept locked by {by_whom}", mbox.display())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let written = OpenOptions::new()
        .append(true)
        .open(mbox)
        .and_then(|mut file: File| file.write_all(&as_in_an_mbox(message)))
        .map_err(|error| Failure::file("write", mbox, &error));
    let unlocked = std::fs::remove_file(&lock).map_err(|error| Failure::file("unlock", mbox, &error));
    written.and(unlocked)
}

/// The message as *mboxrd* has it: a separator before it, an empty line behind it, and `From ` at the beginning of a
/// line, with or without `>` before it, gets one more `>`. Where no empty line ends the header, there is one more, for
/// else the one behind the message would be taken for it, and the next message for the body.
fn as_in_an_mbox(message: &[u8]) -> Vec<u8> {
    let mut text = SEPARATOR.to_vec();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let marks = line.iter().take_while(|octet| **octet == b'>').count();
        if line[marks..].starts_with(b"From ") {
            text.push(b'>');
        }
        text.extend_from_slice(line);
    }
    if !message.is_empty() && !message.ends_with(b"\n") {
        text.push(b'\n');
    }
    let header_ends = message.starts_with(b"\n") || message.windows(2).any(|pair| pair == b"\n\n");
    if !header_ends {
        text.push(b'\n');
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_an_mbox_ends_with_an_empty_line_and_has_no_separator_of_its_own() {
        let text = |message: &str| {
            let octets = as_in_an_mbox(message.as_bytes());
            let rest = octets.strip_prefix(SEPARATOR).expect("the separator comes first");
            String::from_utf8_lossy(rest).into_owned()
        };
        assert_eq!(
            text("A: 1\n\nFrom here\n>From there\nnot From\n"),
            "A: 1\n\n>From here\n>>From there\nnot From\n\n"
        );
        assert_eq!(text("A: 1\n\nno end"), "A: 1\n\nno end\n\n");
        assert_eq!(text("A: 1\n"), "A: 1\n\n\n");
        assert_eq!(text(""), "\n\n");
    }
}
