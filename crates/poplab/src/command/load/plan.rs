//! The plan of a run: what the command line and the scenario mean together, found possible and allowed. Only the
//! embedded server is started here; nothing is dialled.

use anyhow::Context as _;
use load::Targets;
use load::budget::{Budget, Demand, Machine};
use net::{Dialer, Trust};
use scenario::{Accounts, Behaviour, Scenario, Verify};

use super::arguments::Arguments;
use super::fakes::Fakes;
use super::source::Source;
use super::target::{self, Entrances};
use crate::exit::Failure;
use crate::{embedded, secrets};

/// A run to be carried out.
pub(super) struct Plan {
    /// What users do, everything settled.
    pub(super) scenario: Scenario,
    /// Whose server it is.
    pub(super) server: Server,
    /// The addresses.
    pub(super) targets: Targets,
    /// The name the certificate must bear.
    pub(super) server_name: String,
    /// Authorities to believe instead of the system's, PEM.
    pub(super) ca_pem: Option<String>,
    /// Believe any certificate.
    pub(super) insecure: bool,
    /// Whether marked mail may be deleted.
    pub(super) allow_delete: bool,
    /// What the machine has.
    pub(super) machine: Machine,
    /// What the run needs of it.
    pub(super) budget: Budget,
}

/// Whose server is loaded.
pub(super) enum Server {
    /// Our own, in processes of its own that end with this value.
    Embedded {
        /// They stop when this is dropped.
        fakes: Fakes,
    },
    /// Somebody's.
    Foreign(Entrances),
}

impl Server {
    /// Waits until a server of our own is lost, and says how. Somebody's is measured, whatever it does.
    pub(super) async fn lost(&self) -> String {
        match self {
            Server::Embedded { fakes } => fakes.lost().await,
            Server::Foreign(_) => std::future::pending().await,
        }
    }

    /// How a server of our own was lost, if it was.
    pub(super) fn is_lost(&self) -> Option<String> {
        match self {
            Server::Embedded { fakes } => fakes.is_lost(),
            Server::Foreign(_) => None,
        }
    }
}

impl Plan {
    /// Reads the files, looks up the names, reckons the budget, and starts the embedded server if it is to be loaded.
    ///
    /// # Errors
    /// A file, a name or the target is wrong, or this machine cannot carry it out.
    pub(super) fn new(arguments: &Arguments, scenario: Scenario) -> anyhow::Result<Self> {
        let mut scenario = scenario;
        // Found wrong before a process is started for it.
        embedded::defects(&arguments.defect)?;
        let entrances = Entrances::settle(arguments, &mut scenario)?;
        let machine = Machine::here();
        let insecure = arguments.insecure || scenario.tls.verify == Verify::Never;
        let Some(entrances) = entrances else {
            return Self::embedded(arguments, scenario, machine, insecure);
        };
        let targets = entrances.resolve()?;
        target::allowed(&targets, arguments.authorized.as_deref())?;
        permitted(arguments, &scenario)?;
        let ca_pem = authorities(arguments)?;
        let budget = reckoned(arguments, &scenario, &targets, &machine)?;
        let server_name = entrances.each().next().map(|endpoint| endpoint.host.clone()).unwrap_or_default();
        Ok(Self {
            allow_delete: arguments.allow_delete,
            server: Server::Foreign(entrances),
            scenario,
            targets,
            server_name,
            ca_pem,
            insecure,
            machine,
            budget,
        })
    }

    fn embedded(
        arguments: &Arguments,
        mut scenario: Scenario,
        machine: Machine,
        insecure: bool,
    ) -> anyhow::Result<Self> {
        // The number of its processes follows from the demand, and the budget from where they listen.
        if let (Accounts::Pattern { count, .. }, Some(sessions)) =
            (&mut scenario.accounts, arguments.sessions)
        {
            // Each account has one session at a time, and accounts of our own cost nothing.
            *count = sessions.max(*count);
        }
        let somewhere = Targets { implicit: vec![([127, 0, 0, 1], 995).into()], clear: Vec::new() };
        let connections = Demand::of(&scenario, &somewhere).worst_sessions;
        reckoned(arguments, &scenario, &somewhere, &machine)?;
        let fakes = Fakes::start(&mut scenario, &arguments.defect, connections, machine.descriptors)?;
        let budget = reckoned(arguments, &scenario, &fakes.targets, &machine)?;
        Ok(Self {
            scenario,
            targets: fakes.targets.clone(),
            server_name: "localhost".to_owned(),
            ca_pem: Some(fakes.ca_pem.clone()),
            server: Server::Embedded { fakes },
            insecure,
            // All mail of the embedded server is ours.
            allow_delete: true,
            machine,
            budget,
        })
    }

    /// What makes the connections of the first look.
    ///
    /// # Errors
    /// The given certificates are of no use.
    pub(super) fn dialer(&self) -> anyhow::Result<Dialer> {
        dialer(self.insecure, self.ca_pem.as_deref())
    }
}

/// What makes connections, with this trust.
///
/// # Errors
/// The given certificates are of no use.
pub(super) fn dialer(insecure: bool, ca_pem: Option<&str>) -> anyhow::Result<Dialer> {
    let trust = match ca_pem {
        _ if insecure => Trust::Insecure,
        Some(pem) => Trust::Only { ca_pem: pem.into() },
        None => Trust::System { extra_ca_pem: None },
    };
    Dialer::tcp(trust).map_err(|error| Failure::input(error.to_string()))
}

/// The authorities of the command line, PEM.
///
/// # Errors
/// The file cannot be read.
pub(super) fn authorities(arguments: &Arguments) -> anyhow::Result<Option<String>> {
    let read = |path: &std::path::PathBuf| {
        crate::input::text(path).with_context(|| format!("cannot read the CA file {}", path.display()))
    };
    arguments.ca.as_ref().map(read).transpose()
}

/// The scenario of the command line.
///
/// # Errors
/// It is not there, or wrong.
pub(super) fn scenario(arguments: &Arguments, name: &str) -> anyhow::Result<Scenario> {
    let scenario = Source::find(name)?.read(arguments)?;
    let secrets = secrets::of_the_run();
    match &scenario.accounts {
        Accounts::List(list) => {
            secrets.add_names(list.iter().map(|account| &account.user));
            secrets.add_all(list.iter().map(|account| account.password.reveal()));
            secrets::warn_of_weak(
                list.iter().map(|account| (account.user.as_str(), account.password.reveal())),
            );
        }
        Accounts::Pattern { user, password: Some(password), .. } => {
            secrets.add(password.reveal());
            secrets::warn_of_weak([(user.as_str(), password.reveal())]);
        }
        Accounts::Pattern { password: None, .. } => {}
    }
    Ok(scenario)
}

/// What a foreign server needs beyond the embedded one: passwords, and leave to delete.
fn permitted(arguments: &Arguments, scenario: &Scenario) -> anyhow::Result<()> {
    if let Accounts::Pattern { password: None, user, .. } = &scenario.accounts {
        return Err(Failure::input(format!(
            "the scenario has no password for the accounts {user}; give --password-env VARIABLE, --password-file FILE, \
             --accounts FILE, or \
             `password` in the scenario"
        )));
    }
    let deletes = scenario
        .behaviours
        .iter()
        .find(|weighted| weighted.weight > 0.0 && matches!(weighted.behaviour, Behaviour::DownloadAndDelete));
    match deletes {
        Some(weighted) if !arguments.allow_delete => Err(Failure::input(format!(
            "the behaviour {} deletes mail; give --allow-delete if it may: even then only messages that bear poplab's \
             marker are deleted",
            weighted.behaviour.name()
        ))),
        _ => Ok(()),
    }
}

fn reckoned(
    arguments: &Arguments,
    scenario: &Scenario,
    targets: &Targets,
    machine: &Machine,
) -> anyhow::Result<Budget> {
    let mut demand = Demand::of(scenario, targets);
    if let Some((_, shares)) = arguments.shard {
        let shares = u64::from(shares);
        for figure in [
            &mut demand.peak_sessions,
            &mut demand.worst_sessions,
            &mut demand.wanted_sessions,
            &mut demand.accounts,
        ] {
            *figure = figure.div_ceil(shares);
        }
        demand.peak_rate_per_s /= shares as f64;
        demand.processors /= shares as f64;
    }
    load::budget::budget(&demand, machine, arguments.workers)
        .map_err(|refused| Failure::not_carried_out(refused.to_string()))
}
