//! The room a server lives in: an overlay of a Debian release (this host's `/`, or a root folder made for it) whose
//! changes go into the instance's directory, with mounts and processes of its own. Packages are installed there and
//! nowhere else.
//!
//! Where the kernel or a container does not allow that, the room is the host itself, for servers that can live there,
//! and says so. The network is the host's in both cases: the server is to be reached on 127.0.0.1.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::instance::Instance;
use super::process::PROGRAMS;
use super::release::Release;
use crate::failure::Failure;

/// The hidden action by which a room is entered, from inside its new namespaces.
pub(super) const ENTER: &str = "enter-room";

/// What dpkg asks before it starts a service: no.
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";

/// A mirror that fails once is asked again.
const RETRIES: &str = "-oAcquire::Retries=3";

/// Where a server's software is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// An overlay of this root folder.
    Overlay(PathBuf),
    Host,
}

impl Room {
    /// Prepares an overlay of the release. If none can be mounted it is the host, where `host` allows that and the
    /// host is of that release; stderr tells why.
    pub(super) fn open(instance: &Instance, release: Release, host: bool) -> Result<Room, Failure> {
        let workshop = Room::workshop(instance)?;
        let Err(why) = workshop.probe(instance) else { return Ok(Room::Overlay(release.root()?)) };
        let name = release.name();
        if !host || !release.is_hosts() {
            return Err(Failure::environment(format!(
                "no overlay can be mounted here, and the server's {name} is not installed on this host itself ({why})"
            )));
        }
        eprintln!("no overlay can be mounted here, so the server is installed on this host itself ({why})");
        Ok(Room::Host)
    }

    /// An overlay of the host, whatever its release, without a look at whether it can be mounted.
    pub(super) fn workshop(instance: &Instance) -> Result<Room, Failure> {
        let overlay = instance.directory().join("overlay");
        for folder in ["changes/usr/sbin", "work", "root"] {
            let folder = overlay.join(folder);
            std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        }
        refuse_services(&overlay.join("changes/usr/sbin/policy-rc.d"))?;
        Ok(Room::Overlay(PathBuf::from("/")))
    }

    /// Whether an overlay can be mounted; if not, why.
    fn probe(&self, instance: &Instance) -> Result<(), String> {
        let line = self.command_line(instance, &["true"]).map_err(|failure| failure.to_string())?;
        match Command::new(&line[0]).args(&line[1..]).env("PATH", PROGRAMS).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(said.lines().next().unwrap_or_default().to_owned())
            }
            Err(error) => Err(format!("cannot run unshare: {error}")),
        }
    }

    /// Installs Debian packages into the room, starting no service, if one of `files` is missing in it.
    pub(super) fn install(
        &self,
        instance: &Instance,
        packages: &[&str],
        files: &[&str],
    ) -> Result<(), Failure> {
        if files.iter().all(|file| self.has(instance, file)) {
            return Ok(());
        }
        eprintln!("installing {} with apt-get", packages.join(" "));
        let policy = Path::new("/usr/sbin/policy-rc.d");
        let lent = *self == Room::Host && !policy.exists();
        if lent {
            refuse_services(policy)?;
        }
        // Old lists may be good enough, so a failed update only counts when the installation fails too.
        let update = self.run(instance, &["apt-get", "update", "-qq", RETRIES]);
        let mut line = vec!["apt-get", "install", "-y", "-qq", "--no-install-recommends", RETRIES];
        line.extend(packages);
        let installed = self.run(instance, &line);
        if lent {
            let _ = std::fs::remove_file(policy);
        }
        installed.map_err(|failure| match update {
            Ok(_) => failure,
            Err(earlier) => Failure::environment(format!("{earlier}\n{failure}")),
        })?;
        Ok(())
    }

    /// Runs a command in the room to its end and gives what it printed.
    pub(super) fn run(&self, instance: &Instance, command: &[&str]) -> Result<String, Failure> {
        let line = self.command_line(instance, command)?;
        let output = Command::new(&line[0])
            .args(&line[1..])
            .env("PATH", PROGRAMS)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::environment(format!("cannot run {}: {error}", line[0].display())))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = [output.stdout, output.stderr].concat();
        Err(Failure::environment(format!(
            "{}: {}\n{}",
            command.join(" "),
            output.status,
            last_lines(&String::from_utf8_lossy(&text), 20)
        )))
    }

    /// The command line that runs `command` in the room.
    ///
    /// In both rooms the first process stays as the leader of the server, and ends with it.
    pub(super) fn command_line(
        &self,
        instance: &Instance,
        command: &[&str],
    ) -> Result<Vec<OsString>, Failure> {
        let mut line: Vec<OsString> = match self {
            Room::Overlay(base) => {
                let own = std::env::current_exe()
                    .map_err(|error| Failure::environment(format!("cannot find this program: {error}")))?;
                let unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"];
                let mut line: Vec<OsString> = unshare.map(OsString::from).to_vec();
                line.extend([
                    own.into(),
                    "servers".into(),
                    ENTER.into(),
                    base.into(),
                    instance.directory().into(),
                ]);
                line
            }
            Room::Host => ["sh", "-c", "\"$@\"; exit $?", "poplab-server"].map(OsString::from).to_vec(),
        };
        line.extend(command.iter().map(OsString::from));
        Ok(line)
    }

    fn has(&self, instance: &Instance, file: &str) -> bool {
        let file = file.trim_start_matches('/');
        let changed = instance.directory().join("overlay/changes").join(file);
        match self {
            Room::Overlay(base) => changed.exists() || base.join(file).exists(),
            Room::Host => Path::new("/").join(file).exists(),
        }
    }
}

/// `BASE DIR COMMAND…`, in new mount and process namespaces: mounts the overlay and becomes the command in it.
///
/// The mounts are seen by this process and its children alone, and end with them.
pub(super) fn enter(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let [base, directory, program, rest @ ..] = arguments else {
        return Err(Failure::usage(format!(
            "{ENTER} is not for people; it needs a root, a directory and a command"
        )));
    };
    let directory = Path::new(directory);
    let overlay = directory.join("overlay");
    let root = overlay.join("root");
    let mut options = OsString::from("lowerdir=");
    options.push(base);
    options.push(",upperdir=");
    options.push(overlay.join("changes"));
    options.push(",workdir=");
    options.push(overlay.join("work"));
    // The host's resolver may lie under /run, which the room does not share.
    let resolver = std::fs::read("/etc/resolv.conf").unwrap_or_default();

    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let within = |options: &[&str], what: &OsStr, target: &str| {
        let mut line = words(options);
        line.extend([what.to_owned(), root.join(target).into()]);
        line
    };
    mount(&words(&["--make-rprivate", "/"]))?;
    let mut line = words(&["-t", "overlay", "-o"]);
    line.extend([options, "overlay".into(), root.clone().into()]);
    mount(&line)?;
    mount(&within(&["-t", "proc"], OsStr::new("proc"), "proc"))?;
    mount(&within(&["--rbind"], OsStr::new("/dev"), "dev"))?;
    mount(&within(&["--bind"], OsStr::new("/sys"), "sys"))?;
    mount(&within(&["-t", "tmpfs"], OsStr::new("tmpfs"), "run"))?;
    mount(&within(&["-t", "tmpfs", "-o", "mode=1777"], OsStr::new("tmpfs"), "tmp"))?;
    // The instance's directory keeps its path inside, so that one configuration serves both kinds of room.
    let inside = root.join(directory.strip_prefix("/").unwrap_or(directory));
    std::fs::create_dir_all(&inside).map_err(|error| Failure::file("make", &inside, &error))?;
    mount(&[OsString::from("--bind"), directory.into(), inside.into()])?;

    std::os::unix::fs::chroot(&root).map_err(|error| Failure::file("enter", &root, &error))?;
    std::env::set_current_dir("/").map_err(|error| Failure::file("enter", &root, &error))?;
    let _ = std::fs::create_dir_all("/run/lock");
    if base != "/" || std::fs::read_link("/etc/resolv.conf").is_ok() {
        let _ = std::fs::remove_file("/etc/resolv.conf");
        let _ = std::fs::write("/etc/resolv.conf", resolver);
    }
    let error = Command::new(program).args(rest).exec();
    Err(Failure::file("run", Path::new(program), &error))
}

fn mount(arguments: &[OsString]) -> Result<(), Failure> {
    let failed = |why: String| {
        let line: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        Failure::environment(format!("mount {}: {why}", line.join(" ")))
    };
    let output = Command::new("mount").args(arguments).output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn refuse_services(policy: &Path) -> Result<(), Failure> {
    std::fs::write(policy, NO_SERVICES)
        .and_then(|()| std::fs::set_permissions(policy, Permissions::from_mode(0o755)))
        .map_err(|error| Failure::file("write", policy, &error))
}

/// The last `count` lines of a log.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_stays_the_parent_of_the_server() {
        let instance = Instance::at(Path::new("/tmp/a")).expect("a plain path");
        let line = Room::Host.command_line(&instance, &["dovecot", "-F"]).expect("a line");
        assert_eq!(line, ["sh", "-c", "\"$@\"; exit $?", "poplab-server", "dovecot", "-F"]);
        let overlay = Room::Overlay(PathBuf::from("/var/base"));
        let line = overlay.command_line(&instance, &["dovecot"]).expect("a line");
        assert_eq!(line[0], "unshare");
        assert_eq!(line[line.len() - 5..], ["servers", ENTER, "/var/base", "/tmp/a", "dovecot"]);
    }

    #[test]
    fn the_end_of_a_log_is_what_matters() {
        assert_eq!(last_lines("a\nb\nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
