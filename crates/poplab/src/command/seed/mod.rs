//! `poplab seed`: puts mail into the maildrops of a server: that of their roles for conformance, or the seeded mail of
//! a load scenario. How a Maildir is filled without touching anybody else's mail stands in `maildir`.

mod delivery;
mod filter;
mod maildir;
mod population;
mod progress;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use mail::Role;
use net::Endpoint;
use suite::{Account, Hook, Hooks, Operator as _, Order, Seeding};

use self::delivery::Protocol;
use self::filter::deliver;
use self::maildir::Template;
use self::population::{Way, Work};
use crate::exit::{self, Failure};
use crate::operator::Processes;
use crate::{accounts, secrets, terminal};

/// Put mail into a server's maildrops
///
/// For conformance that is the fixture mail, and the accounts file says how: `seed: {maildir: "/path/{user}"}` or
/// `seed: {command: "deliver -d {user}"}`. For load it is the mail of a scenario's accounts, and an option says how.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true)))]
#[command(after_help = "\
Examples:
  poplab seed --accounts accounts.yaml
  poplab seed --accounts accounts.yaml --seed 7    then judge with --seed 7 too
  poplab seed --scenario isp-morning --lmtp 127.0.0.1:24
  poplab seed --scenario isp-morning --maildir '/var/mail/{user}'

An accounts file:
  accounts:
    - {user: fixtures1, password: wonderland, role: fixtures}
    - {user: disposable1, password_env: PASSWORD, role: disposable}
  seed:
    maildir: \"/var/mail/test/{user}\"

Maildirs: poplab replaces its own messages, which it reads to their end first, and
never touches another, nor one of its own that was edited. A maildrop of the role
`disposable` or `empty` that holds other mail is refused. From `{user}` on, no
symbolic link in the path is followed. Files get the owner of the folder the Maildir
is in, if poplab runs as root.
Commands: each message is given on standard input to `sh -c`, with the line ends of
Unix; older ones stay. A command has 60 seconds for a message.
LMTP and SMTP: mail is added, and nothing is removed. A server has 60 seconds for a
connection, 60 to take what it is sent, and 60 for each whole answer, of at most 16 KiB.

With --scenario a memory of what was given lies beside you; seeding that was cut short
goes on where it stopped, and a second one gives nothing twice.")]
pub(crate) struct Arguments {
    /// The accounts with their roles, YAML
    #[arg(long, value_name = "FILE", group = "what")]
    #[arg(conflicts_with_all = ["way", "domain", "jobs", "state", "again", "authorized"])]
    accounts: Option<PathBuf>,

    /// The load scenario whose accounts get their mail: a file, or a shipped one by its name
    #[arg(long, value_name = "SCENARIO", group = "what", requires = "way")]
    scenario: Option<String>,

    #[command(flatten)]
    way: Ways,

    /// The domain to put after each user, for --lmtp and --smtp [default for SMTP: localhost]
    #[arg(long, value_name = "DOMAIN", requires = "scenario", value_parser = domain)]
    #[arg(conflicts_with_all = ["maildir", "command"])]
    domain: Option<String>,

    /// Connections at once, for --lmtp and --smtp
    #[arg(long, value_name = "N", default_value_t = 4, requires = "scenario")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..), conflicts_with_all = ["maildir", "command"])]
    jobs: u8,

    /// Where to remember what was given [default: poplab-seed-SCENARIO.txt]
    #[arg(long, value_name = "FILE", requires = "scenario")]
    state: Option<PathBuf>,

    /// Forget what was given, and give everything once more
    #[arg(long, requires = "scenario")]
    again: bool,

    /// Why you may deliver to a server that is neither on this machine nor on a private network
    #[arg(long, value_name = "SENTENCE", requires = "scenario")]
    authorized: Option<String>,

    /// The seed the mail is generated from [default: 42, or the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// How a scenario's mail gets to its accounts.
#[derive(Debug, Args)]
#[group(id = "way", multiple = false, requires = "scenario")]
struct Ways {
    /// Deliver by LMTP
    #[arg(long, value_name = "HOST:PORT")]
    lmtp: Option<Endpoint>,

    /// Deliver by SMTP
    #[arg(long, value_name = "HOST:PORT")]
    smtp: Option<Endpoint>,

    /// Fill Maildirs, a path with `{user}` in it
    #[arg(long, value_name = "PATH")]
    maildir: Option<String>,

    /// Give each message to a shell command with `{user}` in it
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

/// One account and its number among those of its role, from 1.
struct Task<'accounts> {
    account: &'accounts Account,
    number: u32,
}

/// Seeds every account.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let text = match (&arguments.accounts, &arguments.scenario) {
        (Some(path), _) => fixtures(path, arguments.seed.unwrap_or(42))?,
        (None, Some(name)) => load_mail(name, arguments)?,
        (None, None) => return Err(Failure::input("say what to seed, with --accounts or --scenario")),
    };
    terminal::print(&report::harmless(&text))?;
    Ok(exit::GOOD)
}

/// The mail of a load scenario.
fn load_mail(name: &str, arguments: &Arguments) -> anyhow::Result<String> {
    let mut scenario = super::load::scenario(name)?;
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    let population = population::of(&scenario)?;
    let way = way(arguments)?;
    let domain = match (&arguments.domain, &way) {
        (Some(domain), _) => format!("@{domain}"),
        (None, Way::Server(Protocol::Smtp, ..)) if !population.user.contains('@') => "@localhost".to_owned(),
        (None, _) => String::new(),
    };
    if arguments.domain.is_some() && population.user.contains('@') {
        return Err(Failure::input(format!(
            "the users of the scenario {} have a domain already, as in `{}`; leave out --domain",
            scenario.name,
            population.name(0)
        )));
    }
    let memory = arguments.state.clone().unwrap_or_else(|| memory_of(&scenario.name));
    let (jobs, again) = (arguments.jobs.into(), arguments.again);
    population::seed(&Work { population, way, domain, jobs, memory: &memory, again })
}

/// How the mail gets there. Names are looked up and judged here; nothing is dialled.
fn way(arguments: &Arguments) -> anyhow::Result<Way> {
    let way = &arguments.way;
    if let Some(template) = way.maildir.as_ref().or(way.command.as_ref())
        && !template.contains("{user}")
    {
        return Err(Failure::input(format!(
            "`{template}` is the same for all accounts; put `{{user}}` where the name of each belongs"
        )));
    }
    let server = |protocol, server: &Endpoint| {
        let addresses: Vec<SocketAddr> = (server.host.as_str(), server.port)
            .to_socket_addrs()
            .map_err(|error| Failure::not_carried_out(format!("there is no address of {server}: {error}")))?
            .collect();
        let each = addresses.iter().map(SocketAddr::ip);
        ::load::budget::authorisation::authorize(each, arguments.authorized.as_deref())
            .map_err(|error| Failure::input(error.to_string()))?;
        anyhow::Ok(Way::Server(protocol, server.clone(), addresses))
    };
    match (&way.lmtp, &way.smtp, &way.maildir, &way.command) {
        (Some(endpoint), ..) => server(Protocol::Lmtp, endpoint),
        (_, Some(endpoint), ..) => server(Protocol::Smtp, endpoint),
        (_, _, Some(template), _) => Ok(Way::Maildir(template.clone())),
        (.., Some(command)) => Ok(Way::Command(command.clone())),
        _ => Err(Failure::input("say how the mail gets there: --lmtp, --smtp, --maildir or --command")),
    }
}

/// Where a scenario's seeding is remembered: beside us, whatever characters its name has.
fn memory_of(scenario: &str) -> PathBuf {
    let plain = |character: char| if character.is_alphanumeric() { character } else { '-' };
    let name: String = scenario.chars().take(60).map(plain).collect();
    PathBuf::from(format!("poplab-seed-{name}.txt"))
}

/// A domain, or an address in brackets: nothing that would end the address it is put into.
fn domain(text: &str) -> Result<String, String> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let plain = |character: char| character.is_alphanumeric() || "-._:[]".contains(character);
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a domain looks like mail.example.org".to_owned());
    }
    Ok(name.to_owned())
}

/// The mail of the accounts' roles.
fn fixtures(path: &Path, seed: u64) -> anyhow::Result<String> {
    let file = accounts::read(path)?;
    // A server or a command may say in its refusal what it knows of an account.
    secrets::of_the_run().add_names(file.accounts.iter().map(|account| &account.user));
    secrets::of_the_run().add_all(file.accounts.iter().map(Account::password));
    let tasks = tasks(&file.accounts);
    match &file.seeding {
        Some(Seeding::Maildir(template)) => into_maildirs(&tasks, template, seed),
        Some(Seeding::Command(command)) => by_command(&tasks, command, seed),
        None if file.hooks.command(Hook::Deliver).is_some() => by_hook(&tasks, file.hooks, seed),
        None => Err(Failure::input(format!(
            "{} does not say how to seed; add `seed: {{maildir: \"/path/{{user}}\"}}`, `seed: {{command: …}}` or `hooks: {{deliver: […]}}`",
            path.display()
        ))),
    }
}

fn tasks(accounts: &[Account]) -> Vec<Task<'_>> {
    let mut numbers: BTreeMap<Role, u32> = BTreeMap::new();
    accounts
        .iter()
        .map(|account| {
            let number = numbers.entry(account.role).or_default();
            *number += 1;
            Task { account, number: *number }
        })
        .collect()
}

/// All maildrops are looked at before the first is changed, so that a refusal leaves everything as it was.
fn into_maildirs(tasks: &[Task<'_>], template: &str, seed: u64) -> anyhow::Result<String> {
    let template = Template::parse(template)?;
    // All are held open until they are filled.
    let _ = net::limits::raise_descriptors();
    let mut opened = Vec::new();
    for task in tasks {
        let maildir = template.look(accounts::plain(&task.account.user)?)?;
        let role = task.account.role;
        if maildir.foreign() > 0 && !matches!(role, Role::Fixtures | Role::Second) {
            return Err(Failure::input(format!(
                "the maildrop of `{}` ({}) holds {} that poplab did not make, so it is left alone, and so are all \
                 others; an account with the role `{role}` must hold nothing else: give an account of its own",
                task.account.user,
                maildir.path().display(),
                if maildir.foreign() == 1 {
                    "a message".to_owned()
                } else {
                    format!("{} messages", maildir.foreign())
                }
            )));
        }
        opened.push(maildir);
    }
    let mut text = String::new();
    for (task, maildir) in tasks.iter().zip(opened) {
        let messages = mail::maildrop(task.account.role, seed, task.number);
        let stored = messages.iter().map(|(_, octets)| mail::lines_to_lf(octets));
        let replaced = maildir.own();
        let path = maildir.path().display().to_string();
        maildir.fill(stored)?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} ({}): {} put into {path}, {replaced} replaced",
            task.account.user,
            task.account.role,
            count(messages.len()),
        );
    }
    Ok(text)
}

/// The hook that delivers mail while checks run delivers it before, too.
fn by_hook(tasks: &[Task<'_>], hooks: Hooks, seed: u64) -> anyhow::Result<String> {
    let operator = Processes::new(hooks);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut text = String::new();
    for task in tasks {
        let user = &task.account.user;
        let messages = mail::maildrop_beside(task.account.role, seed, task.number, &operator.copy());
        for (name, message) in &messages {
            let order = Order { message, ..Order::about(Hook::Deliver, user) };
            runtime.block_on(operator.act(order)).map_err(|why| {
                Failure::not_carried_out(format!(
                    "cannot seed `{user}` with {name} by the hook `deliver`: {why}"
                ))
            })?;
        }
        let _ = writeln!(text, "{user} ({}): {} given to the hook", task.account.role, count(messages.len()));
    }
    Ok(text)
}

fn by_command(tasks: &[Task<'_>], command: &str, seed: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    // What was given before stays, and nothing is deleted where two messages are alike.
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let copy = format!("{:x}", since.as_millis());
    for task in tasks {
        let user = accounts::plain(&task.account.user)?;
        let line = command.replace("{user}", user);
        let messages = mail::maildrop_beside(task.account.role, seed, task.number, &copy);
        for (name, octets) in &messages {
            deliver(&line, &mail::lines_to_lf(octets))
                .with_context(|| format!("cannot seed `{user}` with {name} by `{line}`"))?;
        }
        let _ =
            writeln!(text, "{user} ({}): {} given to the command", task.account.role, count(messages.len()));
    }
    Ok(text)
}

fn count(messages: usize) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_numbered_within_their_role() {
        let account = |role| Account::new("user", "secret", role);
        let accounts = [account(Role::Second), account(Role::Disposable), account(Role::Disposable)];
        let numbers: Vec<u32> = tasks(&accounts).iter().map(|task| task.number).collect();
        assert_eq!(numbers, [1, 1, 2]);
    }

    #[test]
    fn every_scenario_has_a_memory_beside_us() {
        for (name, file) in [
            ("isp-morning", "poplab-seed-isp-morning.txt"),
            ("../../etc/passwd", "poplab-seed-------etc-passwd.txt"),
            ("früh am Morgen", "poplab-seed-früh-am-Morgen.txt"),
            ("", "poplab-seed-.txt"),
        ] {
            assert_eq!(memory_of(name).to_str(), Some(file));
        }
        assert!(memory_of(&"ü".repeat(500)).as_os_str().len() < 255, "the longest name a file can have");
    }

    #[test]
    fn a_domain_cannot_end_the_address() {
        for text in ["example.org", "@example.org"] {
            assert_eq!(domain(text).as_deref(), Ok("example.org"));
        }
        assert_eq!(domain("[192.0.2.1]").as_deref(), Ok("[192.0.2.1]"));
        for text in ["", "@", "a b", "a>\r\nRCPT TO:<root", "a@b"] {
            assert!(domain(text).is_err(), "{text}");
        }
    }
}
