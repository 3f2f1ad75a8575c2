//! The directory of one server: what lies where, and the accounts.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::table::Server;
use crate::failure::Failure;

/// Account pools by role. Parallel checks lock an account each, so the busy roles have several.
const POOLS: &[(&str, usize)] = &[("fixtures", 4), ("empty", 2), ("disposable", 12), ("second", 1)];

/// A server's directory.
pub(super) struct Instance {
    directory: PathBuf,
}

/// One mail account.
pub(super) struct Account {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) role: &'static str,
}

impl Instance {
    /// The directory need not exist yet.
    pub(super) fn at(directory: &Path) -> Result<Instance, Failure> {
        let directory =
            std::path::absolute(directory).map_err(|error| Failure::file("find", directory, &error))?;
        let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+@,".contains(character);
        if !directory.to_str().is_some_and(|path| path.chars().all(plain)) {
            // The path goes into configuration files of others, whose quoting rules all differ.
            return Err(Failure::usage(format!(
                "the directory {} has characters that do not fit into a server's configuration; choose one of \
                 letters, digits and - . _ with --dir",
                directory.display()
            )));
        }
        Ok(Instance { directory })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory as text; [`Instance::at`] saw to it that it is some.
    pub(super) fn text(&self) -> String {
        self.directory.display().to_string()
    }

    /// `servers.json`: one line that describes the running server to programs.
    pub(super) fn description(&self) -> PathBuf {
        self.directory.join("servers.json")
    }

    /// What `poplab --accounts` reads.
    pub(super) fn accounts(&self) -> PathBuf {
        self.directory.join("accounts.yaml")
    }

    /// The password that all load accounts have, for `poplab load --password-file`.
    pub(super) fn load_password(&self) -> PathBuf {
        self.directory.join("load-password")
    }

    /// The command that runs the server, a word in each line.
    pub(super) fn command(&self) -> PathBuf {
        self.directory.join("command")
    }

    /// The users with their passwords, as the server reads them.
    pub(super) fn passwords(&self) -> PathBuf {
        self.directory.join("passwd")
    }

    /// The mail, one maildrop for each user.
    pub(super) fn mail(&self) -> PathBuf {
        self.directory.join("mail")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// What the server itself writes, if it writes into a file.
    pub(super) fn server_log(&self) -> PathBuf {
        self.logs().join("server.log")
    }

    pub(super) fn certificates(&self) -> PathBuf {
        self.directory.join("tls")
    }

    /// Where the server's sockets are: outside the directory, since the path of a socket may have but 107 octets.
    pub(super) fn sockets(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.directory.hash(&mut hasher);
        PathBuf::from(format!("/run/poplab-server-{:016x}", hasher.finish()))
    }

    /// The process ids of what was started, one a line.
    pub(super) fn pids(&self) -> PathBuf {
        self.directory.join("pids")
    }

    /// The description of the server that is up.
    pub(super) fn read_description(&self, server: &Server) -> Result<String, Failure> {
        std::fs::read_to_string(self.description()).map_err(|_| {
            Failure::environment(format!(
                "no server is up in {}; `cargo xtask servers up {}` starts one",
                self.directory.display(),
                server.name
            ))
        })
    }

    /// Makes the folders.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        for folder in [self.directory.clone(), self.mail(), self.logs(), self.certificates()] {
            std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
            // The mail user goes through the directory, whatever the umask; it lists nothing but its mail.
            std::fs::set_permissions(&folder, Permissions::from_mode(0o711))
                .map_err(|error| Failure::file("open", &folder, &error))?;
        }
        Ok(())
    }
}

/// The accounts of a new server, each with a password of its own.
pub(super) fn new_accounts(
    mut password: impl FnMut() -> Result<String, Failure>,
) -> Result<Vec<Account>, Failure> {
    let mut accounts = Vec::new();
    for &(role, count) in POOLS {
        for number in 1..=count {
            accounts.push(Account { user: format!("{role}{number}"), password: password()?, role });
        }
    }
    Ok(accounts)
}

/// The accounts as poplab reads them, and how they are seeded.
pub(super) fn accounts_yaml(accounts: &[Account], seeding: &str) -> String {
    let mut yaml = String::from(
        "# Written by `cargo xtask servers up`; the passwords are of this server alone.\naccounts:\n",
    );
    for Account { user, password, role } in accounts {
        let _ = writeln!(yaml, "  - {{user: {user}, password: \"{password}\", role: {role}}}");
    }
    let _ = write!(yaml, "seed:\n  {seeding}\n");
    yaml
}

/// The users named in an `accounts.yaml` that we wrote ourselves.
pub(super) fn users(yaml: &str) -> Vec<&str> {
    yaml.lines()
        .filter_map(|line| line.strip_prefix("  - {user: ")?.split_once(','))
        .map(|(user, _)| user)
        .collect()
}

/// Writes a file that only root may read.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    // A file of an earlier run would keep its old mode.
    let _ = std::fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::file("write", path, &error))
}

/// Writes a file that everybody may read.
pub(super) fn write_public(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_pool_and_the_yaml_lists_it() {
        let mut number = 0;
        let accounts = new_accounts(|| {
            number += 1;
            Ok(format!("secret{number}"))
        })
        .expect("no failure here");
        let yaml = accounts_yaml(&accounts, "maildir: \"/d/mail/{user}\"");
        assert!(yaml.contains("  - {user: fixtures1, password: \"secret1\", role: fixtures}\n"), "{yaml}");
        assert!(yaml.ends_with("seed:\n  maildir: \"/d/mail/{user}\"\n"), "{yaml}");
        let users = users(&yaml);
        assert_eq!((users.len(), users[0], users[18]), (19, "fixtures1", "second1"));
    }

    #[test]
    fn a_directory_that_needs_quoting_is_refused() {
        assert!(Instance::at(Path::new("/tmp/a b")).is_err());
        assert!(Instance::at(Path::new("/tmp/a%u")).is_err());
        assert!(Instance::at(Path::new("target/servers/dovecot")).is_ok());
    }
}
