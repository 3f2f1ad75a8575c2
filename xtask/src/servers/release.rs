//! The Debian releases that servers come from, each as a root folder.
//!
//! A server of the host's own release gets the host's `/`. For another one a minimal root is made of Debian's packages
//! and kept outside the repository, so that it is made once on a machine. It is only ever the lower part of overlays:
//! what a server installs goes into the directory of that server.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::instance::Instance;
use super::room::Room;
use crate::failure::Failure;

/// Where the roots are kept.
const KEPT: &str = "/var/cache/poplab";

/// Held by who makes one: servers that start side by side need the same one.
static MAKING: Mutex<()> = Mutex::new(());

/// A release of Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Release {
    fn codename(self) -> &'static str {
        match self {
            Release::Bookworm => "bookworm",
            Release::Trixie => "trixie",
        }
    }

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Release::Bookworm => "Debian 12",
            Release::Trixie => "Debian 13",
        }
    }

    /// Whether this machine has it.
    pub(super) fn is_hosts(self) -> bool {
        std::fs::read_to_string("/etc/os-release").is_ok_and(|text| codename(&text) == Some(self.codename()))
    }

    /// The folder that is its `/`; made if it is not there yet.
    pub(super) fn root(self) -> Result<PathBuf, Failure> {
        if self.is_hosts() {
            return Ok(PathBuf::from("/"));
        }
        let _alone = MAKING.lock();
        let root = Path::new(KEPT).join(format!("debian-{}", self.codename()));
        if !root.exists() {
            self.make(&root)?;
        }
        Ok(root)
    }

    /// Made in a folder beside it, which gets its name when all is there: a root that exists is whole.
    fn make(self, root: &Path) -> Result<(), Failure> {
        eprintln!("making a root folder of {} in {}; that takes a minute", self.name(), root.display());
        let workshop = Path::new(KEPT).join(format!("workshop-{}", std::process::id()));
        let made = self.make_in(&workshop, root);
        let left = std::fs::remove_dir_all(&workshop);
        made.map_err(|failure| {
            let (name, codename) = (self.name(), self.codename());
            Failure::environment(format!(
                "cannot make a root folder of {name}, which needs a Debian mirror that has {codename}: {failure}"
            ))
        })?;
        left.map_err(|error| Failure::file("remove", &workshop, &error))
    }

    /// `mmdebstrap` itself is installed in the workshop, an overlay of the host, and ends with it.
    fn make_in(self, directory: &Path, target: &Path) -> Result<(), Failure> {
        let instance = Instance::at(directory)?;
        instance.prepare()?;
        let workshop = Room::workshop(&instance)?;
        workshop.install(&instance, &["mmdebstrap"], &["/usr/bin/mmdebstrap"])?;
        let made = directory.join("root");
        let folder = made.display().to_string();
        let retries = "--aptopt=Acquire::Retries \"3\"";
        let variant = "--variant=minbase";
        workshop.run(&instance, &["mmdebstrap", "--quiet", variant, retries, self.codename(), &folder])?;
        match std::fs::rename(&made, target) {
            // Somebody else was quicker, with the same thing.
            Err(_) if target.exists() => Ok(()),
            renamed => renamed.map_err(|error| Failure::file("make", target, &error)),
        }
    }
}

/// The codename in the text of `/etc/os-release`.
fn codename(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).map(|name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_which_release_it_is() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n"), Some("bookworm"));
        assert_eq!(codename("VERSION_CODENAME=\"trixie\"\n"), Some("trixie"));
        assert_eq!(codename("ID=other\n"), None);
    }
}
