//! Dovecot as Debian packages it: cleartext with STLS on one port, TLS from the first byte on another, Maildir.
//!
//! Its settings are the package's wherever a test does not need something else; in particular the delay for
//! addresses whose logins failed stays on, as users have it, unless it is asked away.

use std::fmt::Write as _;

use super::instance::{Account, write_public, write_secret};
use super::mail::MAIL_USER;
use super::ports::Ports;
use super::release::Release;
use super::table::{Server, Site, Store};
use crate::failure::Failure;

pub(super) const DOVECOT_2_3: Server = Server {
    name: "dovecot-2.3",
    release: Release::Bookworm,
    packages: &["dovecot-core", "dovecot-pop3d", "dovecot-lmtpd"],
    files: &[
        "/usr/sbin/dovecot",
        "/usr/lib/dovecot/pop3",
        "/usr/lib/dovecot/pop3-login",
        "/usr/lib/dovecot/lmtp",
    ],
    store: Store::Maildirs,
    lmtp: true,
    host: true,
    users,
    configure: |site, ports| configure(site, &old_syntax(site, ports)),
};

pub(super) const DOVECOT_2_4: Server = Server {
    name: "dovecot-2.4",
    release: Release::Trixie,
    configure: |site, ports| configure(site, &new_syntax(site, ports)),
    ..DOVECOT_2_3
};

fn users(site: &Site<'_>, accounts: &[Account], load: &str) -> Result<(), Failure> {
    let text = password_file(accounts) + &load_accounts(site.setup.load, load);
    write_secret(&site.instance.passwords(), &text)
}

fn password_file(accounts: &[Account]) -> String {
    let mut text = String::new();
    for Account { user, password, .. } in accounts {
        // Stored as they are: APOP, CRAM-MD5 and SCRAM each need something else of them.
        let _ = writeln!(text, "{user}:{{PLAIN}}{password}::::::");
    }
    text
}

fn load_accounts(count: u32, password: &str) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "load{number:05}:{{PLAIN}}{password}::::::");
        text
    })
}

fn configure(site: &Site<'_>, text: &str) -> Result<Vec<String>, Failure> {
    let path = site.instance.directory().join("dovecot.conf");
    write_public(&path, text)?;
    Ok(["dovecot", "-F", "-c"].map(str::to_owned).into_iter().chain([path.display().to_string()]).collect())
}

/// For Dovecot 2.3.
fn old_syntax(site: &Site<'_>, ports: Ports) -> String {
    let directory = site.instance.text();
    let (certificate, key) = (site.certificates.certificate.display(), site.certificates.key.display());
    let own = format!(
        "ssl_cert = <{certificate}
ssl_key = <{key}
# The cleartext entrance is to take every login that the suite tries.
disable_plaintext_auth = no
mail_location = maildir:{directory}/mail/%u
passdb {{
  driver = passwd-file
  args = username_format=%u {directory}/passwd
}}
userdb {{
  driver = static
  args = uid={MAIL_USER} gid={MAIL_USER} home={directory}/mail/%u
}}
"
    );
    common(site, ports) + &own
}

/// For Dovecot 2.4, which names many settings anew.
fn new_syntax(site: &Site<'_>, ports: Ports) -> String {
    let directory = site.instance.text();
    let (certificate, key) = (site.certificates.certificate.display(), site.certificates.key.display());
    let own = format!(
        "ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
# The cleartext entrance is to take every login that the suite tries.
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {directory}/mail/%{{user}}
passdb passwd-file {{
  passwd_file_path = {directory}/passwd
}}
userdb static {{
  fields {{
    uid = {MAIL_USER}
    gid = {MAIL_USER}
    home = {directory}/mail/%{{user}}
  }}
}}
"
    );
    let versions = "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n";
    versions.to_owned() + &common(site, ports) + &own
}

/// What both understand.
fn common(site: &Site<'_>, Ports { clear, tls, lmtp }: Ports) -> String {
    let (directory, log) = (site.instance.text(), site.instance.server_log());
    let (sockets, log) = (site.instance.sockets().display().to_string(), log.display());
    let mut text = format!(
        "# Written by `cargo xtask servers up`.
protocols = pop3 lmtp
listen = 127.0.0.1
base_dir = {sockets}
state_dir = {directory}
log_path = {log}
ssl = yes
auth_mechanisms = plain login cram-md5 apop scram-sha-256
first_valid_uid = {MAIL_USER}
service auth {{
  # Only root may read the passwords.
  user = root
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {clear}
  }}
  inet_listener pop3s {{
    port = {tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
postmaster_address = postmaster@localhost
"
    );
    if !site.setup.penalty {
        text.push_str("service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::certificate::Certificates;
    use super::super::instance::Instance;
    use super::super::room::Room;
    use super::super::table::Setup;
    use super::*;

    #[test]
    fn the_penalty_is_off_only_when_asked() {
        let instance = Instance::at(Path::new("/d")).expect("a plain path");
        let file = |name: &str| Path::new("/d/tls").join(name);
        let certificates =
            Certificates { authority: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
        let room = Room::Overlay(PathBuf::from("/"));
        let text = |penalty| {
            let setup = Setup { penalty, load: 0 };
            let site = Site { instance: &instance, room: &room, certificates: &certificates, setup };
            [old_syntax, new_syntax].map(|syntax| syntax(&site, Ports { clear: 1, tls: 2, lmtp: 3 }))
        };
        assert!(text(true).iter().all(|text| !text.contains("penalty")));
        assert!(text(false).iter().all(|text| text.contains("anvil-auth-penalty")));
    }

    #[test]
    fn load_accounts_share_a_password() {
        let text = load_accounts(2, "secret");
        assert_eq!(text, "load00001:{PLAIN}secret::::::\nload00002:{PLAIN}secret::::::\n");
    }
}
