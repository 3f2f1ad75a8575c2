//! Courier's POP3 server as Debian packages it: cleartext with STLS on one port, TLS from the first byte on another,
//! Maildir, users in its own database.
//!
//! Its settings are the package's wherever a test does not need something else; in particular a failed login is
//! answered after some seconds.

use std::fmt::Write as _;

use super::instance::{Account, write_public, write_secret};
use super::mail::MAIL_USER;
use super::ports::Ports;
use super::release::Release;
use super::table::{Server, Site, Store};
use crate::failure::Failure;

pub(super) const COURIER_1_0: Server = Server {
    name: "courier-1.0",
    release: Release::Bookworm,
    packages: &["courier-pop", "courier-authlib-userdb", "openssl"],
    files: &["/usr/lib/courier/courier/courierpop3d", "/usr/sbin/makeuserdb", "/usr/bin/openssl"],
    store: Store::Maildirs,
    lmtp: false,
    host: false,
    users,
    configure,
};

pub(super) const COURIER_1_4: Server =
    Server { name: "courier-1.4", release: Release::Trixie, ..COURIER_1_0 };

/// The database is made in the room; the passwords come from a file that only root may read.
fn users(site: &Site<'_>, accounts: &[Account], _load: &str) -> Result<(), Failure> {
    let instance = site.instance;
    let mut list = String::new();
    for Account { user, password, .. } in accounts {
        let _ = writeln!(list, "{user} {password}");
    }
    write_secret(&instance.passwords(), &list)?;
    let directory = instance.text();
    let script = format!(
        "# Written by `cargo xtask servers up`.
set -e
umask 077
rm -f /etc/courier/userdb
: > /etc/courier/userdb
while read -r user password; do
  plain=$(printf '%s\\n' \"$password\" | openssl passwd -6 -stdin)
  digest=$(printf '%s\\n' \"$password\" | userdbpw -hmac-md5)
  home={directory}/mail/$user
  userdb \"$user\" set uid={MAIL_USER} gid={MAIL_USER} \"home=$home\" \"mail=$home\" \"systempw=$plain\" \\
    \"hmac-md5pw=$digest\"
done < {directory}/passwd
makeuserdb
sed -i 's/^authmodulelist=.*/authmodulelist=\"authuserdb\"/' /etc/courier/authdaemonrc
cat {directory}/tls/key.pem {directory}/tls/cert.pem > {directory}/tls/both.pem
chown courier {directory}/tls/both.pem
"
    );
    let path = instance.directory().join("users.sh");
    write_public(&path, &script)?;
    site.room.run(instance, &["sh", &path.display().to_string()]).map(drop)
}

/// What the package's own start scripts do, with other ports: their settings are read from the package's files.
fn configure(site: &Site<'_>, ports: Ports) -> Result<Vec<String>, Failure> {
    let directory = site.instance.text();
    let Ports { clear, tls, .. } = ports;
    let script = format!(
        "# Written by `cargo xtask servers up`.
set -a
mkdir -p /run/courier/authdaemon
chown courier:courier /run/courier /run/courier/authdaemon
authdaemond start
. /etc/courier/pop3d
. /etc/courier/pop3d-ssl
POP3AUTH='PLAIN LOGIN CRAM-MD5'
POP3AUTH_TLS='PLAIN LOGIN CRAM-MD5'
TLS_CERTFILE={directory}/tls/both.pem
TLS_CACHEFILE=
TLS_DHPARAMS=
MAILDIRPATH=Maildir
# The suite tries more connections at once than one address may have otherwise.
listen() {{
  /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 $TCPDOPTS \"$@\" \\
    /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir &
}}
POP3_TLS=1 POP3_STARTTLS=NO POP3_TLS_REQUIRED=0
listen {tls} /usr/bin/couriertls -server -tcpd -user=courier
POP3_TLS=0 POP3_STARTTLS=YES
listen {clear}
# The first process of the room ends when asked, and takes the others with it.
trap 'exit 0' TERM
wait
"
    );
    let path = site.instance.directory().join("courier.sh");
    write_public(&path, &script)?;
    Ok(vec!["sh".to_owned(), path.display().to_string()])
}
