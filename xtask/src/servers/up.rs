//! Starting a server, again and again: installs, configures, seeds, starts, and says how to judge it.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use super::certificate::{self, Certificates};
use super::check::number;
use super::instance::{Instance, accounts_yaml, new_accounts, write_public, write_secret};
use super::ports::{Ports, free_ports, greets};
use super::process::{self, End};
use super::room::{Room, last_lines};
use super::table::{Server, Setup, Site, Store};
use super::{hooks, mail, passwords};
use crate::failure::Failure;

/// Times that other ports are tried when somebody took ours between finding and using them.
const TRIES: usize = 3;

/// Installs, configures, seeds and starts the server, and prints how to judge it.
pub(super) fn up(instance: &Instance, server: &Server, setup: Setup) -> Result<(), Failure> {
    if !process::running(instance)?.is_empty() {
        return Err(Failure::environment(format!(
            "a server is already up in {}; `cargo xtask servers down {} --dir …` ends it, or give another directory \
             with --dir",
            instance.directory().display(),
            server.name
        )));
    }
    if setup.load > 0 && !server.lmtp {
        return Err(Failure::usage(format!("{} takes no LMTP, so it has no load accounts", server.name)));
    }
    instance.prepare()?;
    let _ = std::fs::remove_file(instance.pids());
    let room = Room::open(instance, server.release, server.host)?;
    room.install(instance, server.packages, server.files)?;
    if room == Room::Host {
        reachable(instance)?;
    }
    let version =
        room.run(instance, &["dpkg-query", "--show", "--showformat=${Version}", server.packages[0]])?;
    let certificates = certificate::make(&instance.certificates())?;
    let accounts = new_accounts(passwords::generate)?;
    let load = passwords::generate()?;
    write_secret(&instance.load_password(), &format!("{load}\n"))?;
    let yaml = accounts_yaml(&accounts, &mail::seeding(instance, server)?) + &hooks::hooks(instance, server)?;
    write_secret(&instance.accounts(), &yaml)?;
    let site = Site { instance, room: &room, certificates: &certificates, setup };
    (server.users)(&site, &accounts, &load)?;
    if server.store == Store::Maildirs {
        load_maildirs(instance, setup.load)?;
    }
    mail::seed(instance, server)?;
    let (ports, pid) = start(server, &site)?;
    let description = description(instance, server, &version, ports, &certificates, pid);
    write_public(&instance.description(), &description)?;
    tell(instance, server, &version, ports, &certificates);
    if setup.load > 0 { tell_load(instance, setup.load, ports, &certificates) } else { Ok(()) }
}

/// Says how to judge both entrances.
fn tell(instance: &Instance, server: &Server, version: &str, ports: Ports, certificates: &Certificates) {
    let (name, directory) = (server.name, instance.directory().display());
    println!("{name} ({version}) is up in {directory}; judge its entrances with");
    for port in [ports.clear, ports.tls] {
        println!(
            "  cargo xtask conformance --target 127.0.0.1:{port} --accounts {} --ca {} --allow-delete",
            instance.accounts().display(),
            certificates.authority.display()
        );
    }
}

/// Says how to seed the load accounts and put load on them.
fn tell_load(
    instance: &Instance,
    count: u32,
    ports: Ports,
    certificates: &Certificates,
) -> Result<(), Failure> {
    let (lmtp, password) = (ports.lmtp, instance.load_password().display().to_string());
    println!("give its {count} load accounts their mail, then put load on it, with");
    let scenario = instance.directory().join("isp-morning.yaml");
    write_public(&scenario, &morning(count))?;
    let scenario = scenario.display();
    println!("  cargo xtask seed --scenario {scenario} --lmtp 127.0.0.1:{lmtp}");
    for port in [ports.clear, ports.tls] {
        println!(
            "  cargo xtask load {scenario} --target 127.0.0.1:{port} --password-file {password} --ca {} \
             --allow-delete",
            certificates.authority.display()
        );
    }
    Ok(())
}

/// The shipped scenario with as many accounts as there are here.
fn morning(accounts: u32) -> String {
    const SHIPPED: &str = include_str!("../../../scenarios/isp-morning.yaml");
    SHIPPED.replace("count: 500}", &format!("count: {accounts}}}"))
}

/// Puts the mail back; the server may run meanwhile.
pub(super) fn reset(instance: &Instance, server: &Server) -> Result<(), Failure> {
    if !instance.accounts().exists() {
        return Err(Failure::environment(format!(
            "there is no server in {}; `cargo xtask servers up {}` makes one",
            instance.directory().display(),
            server.name
        )));
    }
    mail::seed(instance, server)
}

/// Ends the server and starts it again with the same mail, ports and users.
pub(super) fn restart(instance: &Instance, server: &Server, how: End) -> Result<(), Failure> {
    let description = instance.read_description(server)?;
    let port = |key| number(&description, key);
    let (Some(clear), Some(tls)) = (port("port"), port("tls_port")) else {
        return Err(Failure::environment(format!("{} names no ports", instance.description().display())));
    };
    let ports = Ports { clear, tls, lmtp: port("lmtp_port").unwrap_or_default() };
    let room = Room::open(instance, server.release, server.host)?;
    process::end_all(instance, how)?;
    let words = std::fs::read_to_string(instance.command())
        .map_err(|error| Failure::file("read", &instance.command(), &error))?;
    let words: Vec<&str> = words.lines().collect();
    let mut child = process::start(instance, &room, &words)?;
    greets(ports, &instance.certificates().join("ca.pem"), &mut child)
        .map_err(|why| Failure::environment(format!("{} did not start again: {why}", server.name)))?;
    let (before, _) = description.split_once("\"pids\":").unwrap_or((&description, ""));
    write_public(&instance.description(), &format!("{before}\"pids\":[{}]}}\n", child.id()))
}

/// Empty Maildirs for the load accounts, since the mail user may make none beside the others. Mail that an earlier
/// seeding put there stays.
fn load_maildirs(instance: &Instance, count: u32) -> Result<(), Failure> {
    (1..=count).try_for_each(|number| mail::make_maildir(&instance.mail().join(format!("load{number:05}"))))
}

/// Starts the server on free ports, until it greets; gives the process id of its leader.
fn start(server: &Server, site: &Site<'_>) -> Result<(Ports, u32), Failure> {
    let instance = site.instance;
    let log = instance.server_log();
    let mut last = String::new();
    for _ in 0..TRIES {
        let ports = free_ports()?;
        let command = (server.configure)(site, ports)?;
        write_public(&instance.command(), &command.join("\n"))?;
        let _ = std::fs::remove_file(&log);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let mut child = process::start(instance, site.room, &words)?;
        match greets(ports, &site.certificates.authority, &mut child) {
            Ok(()) => return Ok((ports, child.id())),
            Err(why) => last = why,
        }
        process::end_all(instance, End::Asked)?;
        let _ = child.wait();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let started = std::fs::read_to_string(instance.logs().join("start.log")).unwrap_or_default();
        let _ = write!(last, "\n{}\n{}", last_lines(&started, 10), last_lines(&said, 20));
        if !last.contains("Address already in use") {
            break;
        }
    }
    Err(Failure::environment(format!("{} did not start: {}", server.name, last.trim_end())))
}

/// Without an overlay the mail user must be able to go where the mail is.
fn reachable(instance: &Instance) -> Result<(), Failure> {
    for folder in instance.directory().ancestors() {
        let open = std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0);
        if !open {
            return Err(Failure::environment(format!(
                "the server's mail user cannot go through {}; give a directory that all users can reach, such as \
                 --dir /var/tmp/poplab-server",
                folder.display()
            )));
        }
    }
    Ok(())
}

/// One line of JSON for programs; [`Instance::at`] saw to it that no path needs escaping.
fn description(
    instance: &Instance,
    server: &Server,
    version: &str,
    ports: Ports,
    certificates: &Certificates,
    pid: u32,
) -> String {
    let version = version.replace(['"', '\\'], "");
    let lmtp = if server.lmtp { format!("\"lmtp_port\":{},", ports.lmtp) } else { String::new() };
    format!(
        "{{\"name\":\"{}\",\"version\":\"{version}\",\"port\":{},\"tls_port\":{},{lmtp}\"accounts\":\"{}\",\
         \"ca\":\"{}\",\"load_password\":\"{}\",\"pids\":[{pid}]}}\n",
        server.name,
        ports.clear,
        ports.tls,
        instance.accounts().display(),
        certificates.authority.display(),
        instance.load_password().display()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_scenario_has_as_many_accounts_as_there_are() {
        let text = morning(50);
        assert!(
            text.contains("accounts: {pattern: \"load{n:05}\", count: 50}") && !text.contains("count: 500")
        );
    }

    #[test]
    fn the_description_is_one_line() {
        let instance = Instance::at(Path::new("/d")).expect("a plain path");
        let file = |name: &str| Path::new("/d/tls").join(name);
        let certificates =
            Certificates { authority: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") };
        let describe = |name| {
            let server = Server::named(name).expect("a server");
            description(
                &instance,
                server,
                "1:2.3.19.1",
                Ports { clear: 1, tls: 2, lmtp: 3 },
                &certificates,
                77,
            )
        };
        assert_eq!(
            describe("dovecot"),
            "{\"name\":\"dovecot-2.3\",\"version\":\"1:2.3.19.1\",\"port\":1,\"tls_port\":2,\"lmtp_port\":3,\
             \"accounts\":\"/d/accounts.yaml\",\"ca\":\"/d/tls/ca.pem\",\"load_password\":\"/d/load-password\",\
             \"pids\":[77]}\n"
        );
        assert!(!describe("mailutils").contains("lmtp"), "it has none");
    }
}
