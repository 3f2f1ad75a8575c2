//! Where a scenario comes from: a file, or those shipped inside the program. What it means is the crate `scenario`'s.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use scenario::{Accounts, Credentials, Scenario, Secret};

use super::arguments::Arguments;
use crate::exit::{self, Failure};
use crate::{environment, glob, input, terminal};

/// The scenarios that are shipped, by name, in the order a newcomer should meet them.
const SHIPPED: &[(&str, &str)] = &[
    ("smoke", include_str!("../../../scenarios/smoke.yaml")),
    ("isp-morning", include_str!("../../../scenarios/isp-morning.yaml")),
    ("thousand-idle", include_str!("../../../scenarios/thousand-idle.yaml")),
    ("download-and-delete", include_str!("../../../scenarios/download-and-delete.yaml")),
    ("leave-on-server", include_str!("../../../scenarios/leave-on-server.yaml")),
    ("bad-links", include_str!("../../../scenarios/bad-links.yaml")),
    ("tls-storm", include_str!("../../../scenarios/tls-storm.yaml")),
    ("soak", include_str!("../../../scenarios/soak.yaml")),
];

/// A scenario as written.
#[derive(Debug)]
pub(super) struct Source {
    /// Where it is, for messages.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// The folder that files it names are looked for in.
    folder: PathBuf,
}

impl Source {
    /// The file of this name, or the shipped scenario.
    ///
    /// # Errors
    /// There is neither; the message has the nearest names.
    pub(super) fn find(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
        // A folder beside us may well have the name of a scenario: the one an earlier run was written to.
        let text = if shipped.is_some() && path.is_dir() {
            Err(std::io::ErrorKind::NotFound.into())
        } else {
            input::text(path)
        };
        match (text, shipped) {
            (Ok(text), _) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                Ok(Self { path: name.to_owned(), text, folder })
            }
            (Err(error), Some((name, text))) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self {
                path: format!("{name} (shipped)"),
                text: (*text).to_owned(),
                folder: PathBuf::new(),
            }),
            (Err(error), _) if error.kind() == std::io::ErrorKind::NotFound => {
                let near = glob::nearest(name, SHIPPED.iter().map(|(name, _)| *name));
                Err(Failure::input(format!(
                    "there is no file {name} and no shipped scenario of that name{}; `poplab load --list` lists them",
                    glob::suggestion(&near)
                )))
            }
            (Err(error), _) => {
                Err(anyhow::Error::new(error).context(format!("cannot read the scenario {name}")))
            }
        }
    }

    /// What it means.
    ///
    /// # Errors
    /// The text or a file it names is wrong; all that is wrong is told at once.
    pub(super) fn parse(&self) -> anyhow::Result<Scenario> {
        let environment = |variable: &str| environment::password(variable).ok();
        let files = |name: &str| input::text(&self.folder.join(name)).map_err(|error| error.to_string());
        scenario::parse(&self.text, &self.path, &environment, &files)
            .map_err(|problems| Failure::input(problems.to_string()))
    }

    /// What it means, with what the command line says otherwise.
    ///
    /// # Errors
    /// As [`Source::parse`]; or what the command line says does not fit.
    pub(super) fn read(&self, arguments: &Arguments) -> anyhow::Result<Scenario> {
        let mut scenario = self.parse()?;
        if let Some(rate) = arguments.rate {
            if scenario.arrivals.peak_per_s().is_none() {
                return Err(Failure::input(
                    "--rate asks for an open loop, and the scenario is a closed one; give --sessions, the number of \
                     users at once",
                ));
            }
            scenario.arrivals.set_peak(rate);
        }
        if let Some(duration) = arguments.duration {
            scenario.arrivals.set_duration(duration);
        }
        if let Some(sessions) = arguments.sessions {
            scenario.arrivals.set_sessions(sessions);
        }
        if let Some(seed) = arguments.seed {
            scenario.seed = seed;
        }
        accounts(arguments, &mut scenario)?;
        if !scenario.accounts.are_sendable() {
            return Err(Failure::input(
                "a name or a password of the accounts has a line end or a NUL in it: what follows would be a command to \
                 the server; nothing was sent",
            ));
        }
        if scenario.planned_sessions() == 0 {
            return Err(Failure::nothing_selected(
                "the plan has no session: the rate times the duration is less than one; raise --rate or --duration",
            ));
        }
        Ok(scenario)
    }
}

/// Replaces the accounts, or their passwords.
fn accounts(arguments: &Arguments, scenario: &mut Scenario) -> anyhow::Result<()> {
    if let Some(path) = &arguments.accounts {
        let listed = crate::accounts::read(path)?.accounts;
        let credentials = |account: suite::Account| Credentials {
            password: Secret::new(account.password()),
            user: account.user,
        };
        scenario.accounts = Accounts::List(listed.into_iter().map(credentials).collect());
        if scenario.accounts_count() == 0 {
            return Err(Failure::nothing_selected(format!("{} has no account", path.display())));
        }
    }
    let Some(given) = password(arguments)? else { return Ok(()) };
    match &mut scenario.accounts {
        Accounts::Pattern { password, .. } => *password = Some(Secret::new(given)),
        Accounts::List(list) => {
            for account in list {
                account.password = Secret::new(given.clone());
            }
        }
    }
    Ok(())
}

/// The password that the command line leads to.
fn password(arguments: &Arguments) -> anyhow::Result<Option<String>> {
    let (given, place) = if let Some(variable) = &arguments.password_env {
        (
            environment::password(variable).unwrap_or_default(),
            format!("the environment has no variable `{variable}` with"),
        )
    } else if let Some(path) = &arguments.password_file {
        let text =
            input::text(path).with_context(|| format!("cannot read the password file {}", path.display()))?;
        (
            text.lines().next().unwrap_or_default().to_owned(),
            format!("the first line of {} is not", path.display()),
        )
    } else {
        return Ok(None);
    };
    if given.is_empty() {
        return Err(Failure::input(format!("{place} a password")));
    }
    Ok(Some(given))
}

/// Prints the shipped scenarios.
///
/// # Errors
/// stdout cannot be written.
pub(super) fn list() -> anyhow::Result<u8> {
    let mut text = String::new();
    let width = SHIPPED.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, source) in SHIPPED {
        let told = scenario::parse(source, name, &|_| Some(String::new()), &|_| Ok(String::new()))
            .map(|scenario| scenario.description)
            .unwrap_or_default();
        let sentence = told.split_inclusive(['.', '?']).next().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "{name:<width$}  {}", sentence.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    terminal::print(&text)?;
    Ok(exit::GOOD)
}
