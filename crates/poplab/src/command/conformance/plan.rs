//! The plan of a run: what the command line means once files are read and names are looked up. Nothing is dialled.

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fake::{Defects, Personas};
use mail::Role;
use net::{Dialer, Endpoint, Trust};
use suite::{Account, Accounts, Check, Costs, MailShown, Operations, Permissions, Pool, Security};
use tokio::time::Instant;

use super::arguments::{Arguments, Tls};
use super::reproduction::Reproductions;
use super::{descriptors, selection};
use crate::baseline::Baseline;
use crate::embedded::{self, Embedded};
use crate::exit::Failure;
use crate::operator::Processes;
use crate::secrets;

/// A run to be carried out.
pub(super) struct Plan {
    /// Who is judged.
    pub(super) target: Target,
    /// What every entrance is judged with.
    pub(super) terms: Arc<Terms>,
    /// The known deviations.
    pub(super) baseline: Option<Baseline>,
    /// How findings are told to be seen again.
    pub(super) reproductions: Reproductions,
}

/// Who is judged, and whose accounts are used.
pub(super) enum Target {
    /// Our own server in this process: one for each entrance, so that what is done at one does not show at the other.
    Embedded(Vec<(Entrance, Embedded)>),
    /// Somebody's server.
    Server {
        /// In the order in which they are judged.
        entrances: Vec<Entrance>,
        /// The entrances share them.
        accounts: Pool,
        /// What can be done to the server beside POP3.
        operations: Option<Rc<Operations>>,
    },
}

impl Target {
    /// How many entrances are judged.
    pub(super) fn entrances(&self) -> usize {
        match self {
            Self::Embedded(entrances) => entrances.len(),
            Self::Server { entrances, .. } => entrances.len(),
        }
    }
}

/// One entrance to be judged.
#[derive(Clone)]
pub(super) struct Entrance {
    /// Where.
    pub(super) endpoint: Endpoint,
    /// How it is protected, or nothing to find out.
    pub(super) security: Option<Security>,
    /// Whether passwords may go in cleartext, to any host.
    pub(super) cleartext_password: bool,
}

/// What every entrance is judged with.
pub(super) struct Terms {
    /// Makes the connections.
    pub(super) dialer: Dialer,
    /// Whether marked mail may be deleted.
    allow_delete: bool,
    mail_shown: MailShown,
    costs: Costs,
    seed: u64,
    /// The checks.
    pub(super) checks: Vec<Check>,
    /// How many of them side by side.
    pub(super) jobs: usize,
    /// How long the run may take.
    pub(super) within: Duration,
    /// A fixed wait for each answer.
    pub(super) wait: Option<Duration>,
}

impl Plan {
    /// Reads the files and looks up the names that the command line gives, and starts the embedded servers if they
    /// are to be judged.
    ///
    /// # Errors
    /// A file or a name is wrong, or nothing was selected.
    pub(super) fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let checks = selection::chosen(&arguments.select, &arguments.skip)?;
        let defects = embedded::defects(&arguments.defect)?;
        let personas = embedded::personas(&arguments.persona)?;
        let baseline = baseline(arguments)?;
        let (target, trust) = match &arguments.target {
            Some(endpoint) => server(endpoint, arguments)?,
            None => own_servers(&defects, &personas, arguments)?,
        };
        let dialer = Dialer::tcp(trust).map_err(|error| {
            let file = arguments.ca.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
            Failure::input(format!("{file}{error}"))
        })?;
        let is_embedded = matches!(target, Target::Embedded(_));
        let terms = Terms {
            // All mail of the embedded server is ours.
            allow_delete: arguments.allow_delete || is_embedded,
            mail_shown: mail_shown(arguments),
            jobs: descriptors::jobs(arguments.jobs, is_embedded)?,
            seed: arguments.seed,
            dialer,
            checks,
            within: arguments.within(),
            costs: arguments.costs(),
            wait: arguments.timeout.map(Duration::from_secs),
        };
        Ok(Self { target, terms: Arc::new(terms), baseline, reproductions: Reproductions::new(arguments) })
    }
}

/// Somebody's server, and whom to believe about it.
fn server(endpoint: &Endpoint, arguments: &Arguments) -> anyhow::Result<(Target, Trust)> {
    let trust = trust(arguments.ca.as_deref(), arguments.insecure)?;
    let cleartext_password = arguments.tls == Tls::None;
    let entrance =
        |endpoint: &Endpoint, security| Entrance { endpoint: endpoint.clone(), security, cleartext_password };
    let mut entrances = vec![entrance(endpoint, security(arguments.tls))];
    if let Some(also) = &arguments.also {
        if also == endpoint {
            return Err(Failure::input(format!(
                "--also names the target itself, {also}; give its other port"
            )));
        }
        entrances.push(entrance(also, None));
    }
    let (accounts, operations) = accounts(arguments)?;
    Ok((Target::Server { entrances, accounts: pool(accounts), operations }, trust))
}

/// A server of our own for each kind of entrance.
fn own_servers(
    defects: &Defects,
    personas: &Personas,
    arguments: &Arguments,
) -> anyhow::Result<(Target, Trust)> {
    let (mut servers, mut ca_pem) = (Vec::new(), String::new());
    for security in [Security::Implicit, Security::Starttls] {
        let server = Embedded::start(arguments.seed, defects.clone(), personas.clone())?;
        ca_pem += server.ca_pem();
        let address = if security == Security::Implicit { server.tls() } else { server.clear() };
        let cleartext_password = arguments.tls == Tls::None;
        servers.push((
            Entrance { endpoint: address.into(), security: Some(security), cleartext_password },
            server,
        ));
    }
    Ok((Target::Embedded(servers), Trust::Only { ca_pem: ca_pem.into() }))
}

impl Terms {
    /// What the survey of an entrance is made with, which must be judged by then.
    pub(super) fn survey(
        &self,
        entrance: &Entrance,
        accounts: Pool,
        operations: Option<Rc<Operations>>,
        until: Instant,
    ) -> suite::Plan {
        suite::Plan {
            endpoint: entrance.endpoint.clone(),
            security: entrance.security,
            dialer: self.dialer.clone(),
            pool: accounts,
            permissions: Permissions {
                allow_delete: self.allow_delete,
                mail_shown: self.mail_shown,
                cleartext_password: entrance.cleartext_password,
                loopback: is_loopback(&entrance.endpoint.host),
                costs: self.costs,
            },
            seed: self.seed,
            wait: self.wait,
            until: Some(until),
            operations,
        }
    }
}

/// Of a mailbox of somebody's own nothing is shown unless they say so; accounts with roles are for testing.
fn mail_shown(arguments: &Arguments) -> MailShown {
    if arguments.show_mail || arguments.target.is_none() {
        MailShown::All
    } else if arguments.user.is_some() {
        MailShown::None
    } else {
        MailShown::Marked
    }
}

fn security(tls: Tls) -> Option<Security> {
    match tls {
        Tls::Auto => None,
        Tls::Implicit => Some(Security::Implicit),
        Tls::Starttls => Some(Security::Starttls),
        Tls::None => Some(Security::Clear),
    }
}

/// By its name alone: a name that merely resolves to loopback may resolve to another host the next time.
pub(in crate::command) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whom to believe, as the command line has it.
pub(in crate::command) fn trust(ca: Option<&Path>, insecure: bool) -> anyhow::Result<Trust> {
    if insecure {
        return Ok(Trust::Insecure);
    }
    let read = |path: &Path| {
        crate::input::text(path)
            .map(String::into_bytes)
            .with_context(|| format!("cannot read the CA file {}", path.display()))
    };
    Ok(Trust::System { extra_ca_pem: ca.map(read).transpose()? })
}

/// A pool of somebody's accounts, whose passwords are secrets of the run from now on.
fn pool(accounts: Vec<Account>) -> Pool {
    secrets::warn_of_weak(accounts.iter().map(|account| (account.user.as_str(), account.password())));
    Pool::among(accounts, secrets::of_the_run())
}

/// Whose accounts, and by which hooks something may be done to the server.
fn accounts(arguments: &Arguments) -> anyhow::Result<(Vec<Account>, Option<Rc<Operations>>)> {
    if let Some(path) = &arguments.accounts {
        let Accounts { accounts, hooks, .. } = crate::accounts::read(path)?;
        let operations = (!hooks.is_empty()).then(|| Operations::new(Rc::new(Processes::new(hooks))));
        return Ok((accounts, operations));
    }
    let Some(user) = &arguments.user else { return Ok((Vec::new(), None)) };
    let (variable, file) = (arguments.password_env.as_deref(), arguments.password_file.as_deref());
    let password = password(user, variable, file)?;
    Ok((vec![Account::new(user.clone(), password, Role::Fixtures)], None))
}

/// The password of a user, from where the command line says.
pub(in crate::command) fn password(
    user: &str,
    variable: Option<&str>,
    file: Option<&Path>,
) -> anyhow::Result<String> {
    if let Some(reason) = suite::unsendable(user) {
        return Err(Failure::input(format!("--user: the name `{}` {reason}", user.escape_default())));
    }
    let option = match (variable, file) {
        (Some(variable), _) => format!("--password-env {variable}: "),
        (None, Some(path)) => format!("--password-file {}: ", path.display()),
        (None, None) => String::new(),
    };
    let password = match (variable, file) {
        (Some(variable), _) => crate::environment::password(variable).map_err(|_| {
            Failure::input(format!("the environment has no variable `{variable}` with a password"))
        })?,
        (None, Some(path)) => password_of(path)?,
        (None, None) => prompt(user)?,
    };
    if let Some(reason) = suite::unsendable(&password) {
        return Err(Failure::input(format!(
            "{option}the password of `{user}` {reason}. Nothing was sent to the server"
        )));
    }
    Ok(password)
}

fn password_of(path: &Path) -> anyhow::Result<String> {
    let text = crate::input::text(path)
        .with_context(|| format!("cannot read the password file {}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn prompt(user: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::input(format!(
            "there is no terminal to ask for the password of `{user}`; give --password-env or --password-file"
        )));
    }
    rpassword::prompt_password(format!("Password of {user}: ")).context("cannot read the password")
}

fn baseline(arguments: &Arguments) -> anyhow::Result<Option<Baseline>> {
    let Some(path) = &arguments.baseline else { return Ok(None) };
    let text = match crate::input::text(path) {
        Ok(text) => text,
        // The first update writes the file.
        Err(error) if arguments.update_baseline && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(Baseline::for_target(&own_name(arguments))));
        }
        Err(error) => {
            return Err(
                anyhow::Error::new(error).context(format!("cannot read the baseline {}", path.display()))
            );
        }
    };
    let baseline = Baseline::parse(path, &text)?;
    let given = arguments.target.iter().chain(&arguments.also);
    let mut names: Vec<String> = given.flat_map(|given| [given.to_string(), given.host.clone()]).collect();
    if names.is_empty() {
        names.push(embedded::NAME.to_owned());
    }
    if baseline.is_for(&names) {
        return Ok(Some(baseline));
    }
    let place = baseline.place.as_deref().unwrap_or_default();
    Err(Failure::input(format!(
        "{place}: this baseline is for `{}`, and the run is about `{}`; give the baseline of that target, or correct \
         `target` (`*` stands for anything)",
        baseline.target,
        super::target_name(arguments)
    )))
}

/// What a new baseline calls the target: its host, whatever the ports of its entrances.
fn own_name(arguments: &Arguments) -> String {
    arguments.target.as_ref().map_or_else(|| embedded::NAME.to_owned(), |target| target.host.clone())
}
