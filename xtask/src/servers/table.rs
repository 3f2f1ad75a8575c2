//! The table of servers: what is installed from where, and the functions that make it a server for tests.

use super::certificate::Certificates;
use super::instance::{Account, Instance};
use super::ports::Ports;
use super::release::Release;
use super::room::Room;
use super::{courier, dovecot, mailutils};
use crate::failure::Failure;

/// All servers. The first of a family is meant where the family alone is named.
const SERVERS: &[Server] = &[
    dovecot::DOVECOT_2_3,
    dovecot::DOVECOT_2_4,
    courier::COURIER_1_0,
    courier::COURIER_1_4,
    mailutils::MAILUTILS_3_15,
    mailutils::MAILUTILS_3_19,
];

/// One server as one release of Debian packages it.
#[derive(Debug)]
pub(crate) struct Server {
    /// Family and version, as in `dovecot-2.3`: the name of its directory and of its approved results.
    pub(crate) name: &'static str,
    pub(super) release: Release,
    /// The first tells the version.
    pub(super) packages: &'static [&'static str],
    /// What the packages bring; if it is there, they need not be installed.
    pub(super) files: &'static [&'static str],
    pub(super) store: Store,
    /// Whether it takes mail by LMTP, which is how load accounts get theirs.
    pub(super) lmtp: bool,
    /// Whether it can live on the host itself, with files and users of its own and nothing of the host's.
    pub(super) host: bool,
    /// Makes its users known to it, after it was installed.
    pub(super) users: fn(&Site<'_>, &[Account], &str) -> Result<(), Failure>,
    /// Writes its configuration for these ports, and gives the command that runs it in the foreground.
    pub(super) configure: fn(&Site<'_>, Ports) -> Result<Vec<String>, Failure>,
}

/// What a server keeps its mail in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// A Maildir for each user; all belong to one mail user.
    Maildirs,
    /// An mbox for each user, who is a user of the system.
    Mboxes,
}

/// Where a server is set up, and how.
pub(super) struct Site<'a> {
    pub(super) instance: &'a Instance,
    pub(super) room: &'a Room,
    pub(super) certificates: &'a Certificates,
    pub(super) setup: Setup,
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// Whether logins from an address are delayed after failures, as users have it. Dovecot alone can do without.
    pub(crate) penalty: bool,
    /// So many more accounts `load00001`… with one password, empty, for load runs.
    pub(crate) load: u32,
}

impl Setup {
    /// As the package has it, with the accounts of the suite alone.
    pub(crate) const PLAIN: Setup = Setup { penalty: true, load: 0 };
}

impl Server {
    /// The server of that name, or the first of the family of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Server> {
        let family =
            |server: &&Server| server.name.rsplit_once('-').is_some_and(|(family, _)| family == name);
        SERVERS.iter().find(|server| server.name == name).or_else(|| SERVERS.iter().find(family))
    }

    /// All names.
    pub(crate) fn names() -> Vec<&'static str> {
        SERVERS.iter().map(|server| server.name).collect()
    }

    /// Whether load accounts can be given mail, without which no load can be put on it.
    pub(crate) fn takes_load(&self) -> bool {
        self.lmtp
    }

    /// The approved results, in the repository.
    pub(super) fn baseline(&self) -> String {
        format!("fixtures/servers/{}.yaml", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn a_family_alone_means_its_first_server() {
        let named = |name| Server::named(name).map(|server| server.name);
        assert_eq!(named("dovecot"), Some("dovecot-2.3"));
        assert_eq!(named("courier-1.4"), Some("courier-1.4"));
        assert_eq!((named("courier-2"), named("")), (None, None));
    }

    #[test]
    fn every_server_has_approved_results() {
        for server in SERVERS {
            let path = workspace::root().join(server.baseline());
            assert!(path.exists(), "{} is missing; `servers check` says what belongs there", path.display());
        }
    }
}
