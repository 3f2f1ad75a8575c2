//! The POP3 server of GNU mailutils as Debian packages it: cleartext with STLS on one port, TLS from the first byte on
//! another, an mbox for each user, who is a user of the system.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::instance::{Account, write_public, write_secret};
use super::mail::MAIL_USER;
use super::ports::Ports;
use super::release::Release;
use super::table::{Server, Site, Store};
use crate::failure::Failure;

pub(super) const MAILUTILS_3_15: Server = Server {
    name: "mailutils-3.15",
    release: Release::Bookworm,
    packages: &["mailutils-pop3d"],
    files: &["/usr/sbin/pop3d"],
    store: Store::Mboxes,
    lmtp: false,
    host: false,
    users,
    configure,
};

pub(super) const MAILUTILS_3_19: Server =
    Server { name: "mailutils-3.19", release: Release::Trixie, ..MAILUTILS_3_15 };

/// Users of the room, whose ids are those of the owners of the mboxes.
fn users(site: &Site<'_>, accounts: &[Account], _load: &str) -> Result<(), Failure> {
    let instance = site.instance;
    let mut list = String::new();
    for Account { user, password, .. } in accounts {
        let _ = writeln!(list, "{user}:{password}");
    }
    write_secret(&instance.passwords(), &list)?;
    // Users make locks beside their mboxes.
    let mail = instance.mail();
    std::fs::set_permissions(&mail, Permissions::from_mode(0o1777))
        .map_err(|error| Failure::file("open", &mail, &error))?;
    let (directory, first) = (instance.text(), MAIL_USER + 1);
    let script = format!(
        "# Written by `cargo xtask servers up`.
set -e
id={first}
while IFS=: read -r user password; do
  getent passwd \"$user\" > /dev/null || useradd --no-create-home --home-dir / --gid mail --uid $id \"$user\"
  id=$((id + 1))
done < {directory}/passwd
chpasswd < {directory}/passwd
"
    );
    let path = instance.directory().join("users.sh");
    write_public(&path, &script)?;
    site.room.run(instance, &["sh", &path.display().to_string()]).map(drop)
}

fn configure(site: &Site<'_>, ports: Ports) -> Result<Vec<String>, Failure> {
    let directory = site.instance.text();
    let (certificate, key) = (site.certificates.certificate.display(), site.certificates.key.display());
    let Ports { clear, tls, .. } = ports;
    let text = format!(
        "# Written by `cargo xtask servers up`.
mode daemon;
foreground yes;
# The suite tries more connections at once than the package's setting admits.
max-children 100;
auth {{
  authentication generic:system:pam;
  authorization system;
}};
mailbox {{
  mail-spool {directory}/mail;
}};
tcp-wrappers {{
  enable no;
}};
logging {{
  syslog no;
}};
tls {{
  ssl-certificate-file {certificate};
  ssl-key-file {key};
}};
server 127.0.0.1:{clear} {{
  backlog 128;
  tls-mode ondemand;
}};
server 127.0.0.1:{tls} {{
  backlog 128;
  tls-mode connection;
}};
"
    );
    let path = site.instance.directory().join("pop3d.conf");
    write_public(&path, &text)?;
    Ok(vec!["pop3d".to_owned(), format!("--config-file={}", path.display())])
}
