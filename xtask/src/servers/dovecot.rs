//! Dovecot as Debian packages it: cleartext with STLS on one port, TLS from the first byte on another, Maildir.
//!
//! Its settings are the package's wherever a test does not need something else; in particular the delay for
//! addresses whose logins failed stays on, as users have it, unless it is asked away.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::certificate::{self, Certificates};
use super::instance::{Account, Instance, accounts_yaml, new_accounts, users, write_public, write_secret};
use super::passwords;
use super::process;
use super::room::{Room, last_lines};
use crate::failure::Failure;
use crate::forward;

const PACKAGES: &[&str] = &["dovecot-core", "dovecot-pop3d", "dovecot-lmtpd"];

/// What the packages bring; if it is there, they need not be installed.
const FILES: &[&str] =
    &["/usr/sbin/dovecot", "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/pop3-login", "/usr/lib/dovecot/lmtp"];

/// The owner of the mail. Has no name and no rights.
const MAIL_USER: u32 = 4242;

/// How long the server may take to greet.
const START: Duration = Duration::from_secs(30);

/// Times that other ports are tried when somebody took ours between finding and using them.
const TRIES: usize = 3;

/// The two entrances, and the way in for mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports {
    clear: u16,
    tls: u16,
    lmtp: u16,
}

/// How a server is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// Whether logins from an address are delayed after failures, as users have it.
    pub(crate) penalty: bool,
    /// So many more accounts `load00001`… with one password, empty, for load runs.
    pub(crate) load: u32,
}

impl Setup {
    /// As the package has it, with the accounts of the suite alone.
    pub(crate) const PLAIN: Setup = Setup { penalty: true, load: 0 };
}

/// Installs, configures, seeds and starts the server, and prints how to judge it.
pub(super) fn up(instance: &Instance, setup: Setup) -> Result<(), Failure> {
    if !process::running(instance)?.is_empty() {
        return Err(Failure::environment(format!(
            "a server is already up in {}; `cargo xtask servers down dovecot --dir …` ends it, or give another \
             directory with --dir",
            instance.directory().display()
        )));
    }
    instance.prepare()?;
    let _ = std::fs::remove_file(instance.pids());
    let room = Room::open(instance)?;
    room.install(instance, PACKAGES, FILES)?;
    if room == Room::Host {
        reachable(instance)?;
    }
    let version = room.run(instance, &["dovecot", "--version"])?;
    let certificates = certificate::make(&instance.certificates())?;
    let accounts = new_accounts(passwords::generate)?;
    let load = passwords::generate()?;
    let passwd = password_file(&accounts) + &load_accounts(setup.load, &load);
    write_secret(&instance.directory().join("passwd"), &passwd)?;
    write_secret(&instance.load_password(), &format!("{load}\n"))?;
    write_secret(
        &instance.accounts(),
        &accounts_yaml(&accounts, &format!("{}/mail/{{user}}", instance.text())),
    )?;
    load_maildirs(instance, setup.load)?;
    seed(instance)?;
    let (ports, pid) = start(instance, room, &certificates, setup.penalty)?;
    let description = description(instance, version.trim(), ports, &certificates, pid);
    write_public(&instance.description(), &description)?;
    println!(
        "dovecot {} is up in {}; judge its entrances with",
        version.trim(),
        instance.directory().display()
    );
    for port in [ports.clear, ports.tls] {
        println!(
            "  cargo xtask conformance --target 127.0.0.1:{port} --accounts {} --ca {} --allow-delete",
            instance.accounts().display(),
            certificates.authority.display()
        );
    }
    if setup.load > 0 {
        let (lmtp, password) = (ports.lmtp, instance.load_password().display().to_string());
        println!("give its {} load accounts their mail, then put load on it, with", setup.load);
        let scenario = instance.directory().join("isp-morning.yaml");
        write_public(&scenario, &morning(setup.load))?;
        let scenario = scenario.display();
        println!("  cargo xtask seed --scenario {scenario} --lmtp 127.0.0.1:{lmtp}");
        for port in [ports.clear, ports.tls] {
            println!(
                "  cargo xtask load {scenario} --target 127.0.0.1:{port} --password-file {password} --ca {} \
                 --allow-delete",
                certificates.authority.display()
            );
        }
    }
    Ok(())
}

/// The shipped scenario with as many accounts as there are here.
fn morning(accounts: u32) -> String {
    const SHIPPED: &str = include_str!("../../../scenarios/isp-morning.yaml");
    SHIPPED.replace("count: 500}", &format!("count: {accounts}}}"))
}

/// Puts the mail back; the server may run meanwhile.
pub(super) fn reset(instance: &Instance) -> Result<(), Failure> {
    if !instance.accounts().exists() {
        return Err(Failure::environment(format!(
            "there is no server in {}; `cargo xtask servers up dovecot` makes one",
            instance.directory().display()
        )));
    }
    seed(instance)
}

/// Empty Maildirs for all users, then the fixture mail by our own binary, then everything to the mail user.
fn seed(instance: &Instance) -> Result<(), Failure> {
    let accounts = instance.accounts();
    let yaml =
        std::fs::read_to_string(&accounts).map_err(|error| Failure::file("read", &accounts, &error))?;
    let binary = forward::build()?;
    for user in users(&yaml) {
        let maildir = instance.mail().join(user);
        if maildir.exists() {
            std::fs::remove_dir_all(&maildir).map_err(|error| Failure::file("empty", &maildir, &error))?;
        }
        for folder in ["cur", "new", "tmp"] {
            let folder = maildir.join(folder);
            std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        }
    }
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
    give_away(&instance.mail())
}

/// Empty Maildirs for the load accounts, since the mail user may make none beside the others. Mail that an earlier
/// seeding put there stays.
fn load_maildirs(instance: &Instance, count: u32) -> Result<(), Failure> {
    for number in 1..=count {
        let folder = instance.mail().join(format!("load{number:05}"));
        for folder in ["cur", "new", "tmp"].map(|name| folder.join(name)) {
            std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        }
    }
    Ok(())
}

/// Gives all files below `folder` to the mail user, so that the server can read and delete them.
fn give_away(folder: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder).map_err(|error| Failure::file("list", folder, &error))? {
        let entry = entry.map_err(|error| Failure::file("list", folder, &error))?;
        let path = entry.path();
        chown(&path, Some(MAIL_USER), Some(MAIL_USER))
            .map_err(|error| Failure::file("give away", &path, &error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            give_away(&path)?;
        }
    }
    Ok(())
}

/// Starts the server on free ports, until it greets; gives the process id of its leader.
fn start(
    instance: &Instance,
    room: Room,
    certificates: &Certificates,
    penalty: bool,
) -> Result<(Ports, u32), Failure> {
    let path = instance.directory().join("dovecot.conf");
    let log = instance.logs().join("dovecot.log");
    let mut last = String::new();
    for _ in 0..TRIES {
        let ports = free_ports()?;
        write_public(&path, &configuration(instance, ports, certificates, penalty))?;
        let _ = std::fs::remove_file(&log);
        let mut child =
            process::start(instance, room, &["dovecot", "-F", "-c", &path.display().to_string()])?;
        match greets(ports, certificates, &mut child) {
            Ok(()) => return Ok((ports, child.id())),
            Err(why) => last = why,
        }
        process::down(instance)?;
        let _ = child.wait();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let started = std::fs::read_to_string(instance.logs().join("start.log")).unwrap_or_default();
        let _ = write!(last, "\n{}\n{}", last_lines(&started, 10), last_lines(&said, 20));
        if !said.contains("Address already in use") {
            break;
        }
    }
    Err(Failure::environment(format!("dovecot did not start: {}", last.trim_end())))
}

/// Free loopback ports.
fn free_ports() -> Result<Ports, Failure> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    // All are held until all are known, so that they differ.
    let ports = bind().and_then(|clear| {
        let (tls, lmtp) = (bind()?, bind()?);
        Ok(Ports { clear: port(&clear)?, tls: port(&tls)?, lmtp: port(&lmtp)? })
    });
    ports.map_err(|error| Failure::environment(format!("there is no free port on 127.0.0.1: {error}")))
}

/// Waits until both entrances greet.
fn greets(ports: Ports, certificates: &Certificates, child: &mut Child) -> Result<(), String> {
    let start = Instant::now();
    while !greets_in_clear(ports.clear) {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended at once ({status})"));
        }
        if start.elapsed() > START {
            return Err(format!("no greeting on port {} within {} s", ports.clear, START.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    greets_with_tls(ports.tls, &certificates.authority)
}

fn greets_in_clear(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, START) else { return false };
    let _ = stream.set_read_timeout(Some(START));
    let mut greeting = String::new();
    let read = BufReader::new(&stream).read_line(&mut greeting);
    let _ = stream.write_all(b"QUIT\r\n");
    read.is_ok() && greeting.starts_with("+OK")
}

fn greets_with_tls(port: u16, authority: &Path) -> Result<(), String> {
    // `-ign_eof` waits for the server's end after our QUIT.
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-ign_eof", "-verify_return_error", "-verify_hostname", "localhost"])
        .args(["-connect", &format!("127.0.0.1:{port}"), "-CAfile"])
        .arg(authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run openssl: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(b"QUIT\r\n");
    }
    let output = child.wait_with_output().map_err(|error| format!("openssl: {error}"))?;
    if output.stdout.starts_with(b"+OK") {
        return Ok(());
    }
    Err(format!("no greeting on the TLS port {port}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
}

/// Without an overlay the mail user must be able to go where the mail is.
fn reachable(instance: &Instance) -> Result<(), Failure> {
    for folder in instance.directory().ancestors() {
        let open = std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0);
        if !open {
            return Err(Failure::environment(format!(
                "the server's mail user cannot go through {}; give a directory that all users can reach, such as \
                 --dir /var/tmp/poplab-dovecot",
                folder.display()
            )));
        }
    }
    Ok(())
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

fn configuration(instance: &Instance, ports: Ports, certificates: &Certificates, penalty: bool) -> String {
    let directory = instance.text();
    let sockets = instance.sockets().display().to_string();
    let Ports { clear, tls, lmtp } = ports;
    let (certificate, key) = (certificates.certificate.display(), certificates.key.display());
    let mut text = format!(
        "# Written by `cargo xtask servers up`.
protocols = pop3 lmtp
listen = 127.0.0.1
base_dir = {sockets}
state_dir = {directory}
log_path = {directory}/log/dovecot.log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
# The cleartext entrance is to take every login that the suite tries.
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 apop scram-sha-256
first_valid_uid = {MAIL_USER}
mail_location = maildir:{directory}/mail/%u
passdb {{
  driver = passwd-file
  args = username_format=%u {directory}/passwd
}}
userdb {{
  driver = static
  args = uid={MAIL_USER} gid={MAIL_USER} home={directory}/mail/%u
}}
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
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
postmaster_address = postmaster@localhost
"
    );
    if !penalty {
        text.push_str("service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n");
    }
    text
}

/// One line of JSON for programs; [`Instance::at`] saw to it that no path needs escaping.
fn description(
    instance: &Instance,
    version: &str,
    ports: Ports,
    certificates: &Certificates,
    pid: u32,
) -> String {
    let version = version.replace(['"', '\\'], "");
    format!(
        "{{\"name\":\"dovecot\",\"version\":\"{version}\",\"port\":{},\"tls_port\":{},\"lmtp_port\":{},\
         \"accounts\":\"{}\",\"ca\":\"{}\",\"load_password\":\"{}\",\"pids\":[{pid}]}}\n",
        ports.clear,
        ports.tls,
        ports.lmtp,
        instance.accounts().display(),
        certificates.authority.display(),
        instance.load_password().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Instance, Certificates) {
        let instance = Instance::at(Path::new("/d")).expect("a plain path");
        let file = |name: &str| Path::new("/d/tls").join(name);
        (
            instance,
            Certificates { authority: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") },
        )
    }

    #[test]
    fn the_scenario_has_as_many_accounts_as_there_are() {
        let text = morning(50);
        assert!(
            text.contains("accounts: {pattern: \"load{n:05}\", count: 50}") && !text.contains("count: 500")
        );
    }

    #[test]
    fn the_penalty_is_off_only_when_asked() {
        let (instance, certificates) = example();
        let ports = Ports { clear: 1, tls: 2, lmtp: 3 };
        assert!(!configuration(&instance, ports, &certificates, true).contains("penalty"));
        assert!(configuration(&instance, ports, &certificates, false).contains("anvil-auth-penalty"));
    }

    #[test]
    fn load_accounts_share_a_password() {
        let text = load_accounts(2, "secret");
        assert_eq!(text, "load00001:{PLAIN}secret::::::\nload00002:{PLAIN}secret::::::\n");
    }

    #[test]
    fn the_description_is_one_line() {
        let (instance, certificates) = example();
        assert_eq!(
            description(
                &instance,
                "2.3.19.1 (9b53102964)",
                Ports { clear: 1, tls: 2, lmtp: 3 },
                &certificates,
                77
            ),
            "{\"name\":\"dovecot\",\"version\":\"2.3.19.1 (9b53102964)\",\"port\":1,\"tls_port\":2,\
             \"lmtp_port\":3,\"accounts\":\"/d/accounts.yaml\",\"ca\":\"/d/tls/ca.pem\",\
             \"load_password\":\"/d/load-password\",\"pids\":[77]}\n"
        );
    }

    #[test]
    fn free_ports_differ() {
        let ports = free_ports().expect("free ports");
        assert!(ports.clear != ports.tls && ports.tls != ports.lmtp && ports.clear != ports.lmtp);
    }
}
