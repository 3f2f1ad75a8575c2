//! The accounts of a load scenario, each given its seeded mail: thousands of messages, by several connections at once.
//!
//! Each account gets its messages in order, since their order is their numbering. Nothing is removed but what poplab
//! put into a Maildir before; by LMTP, SMTP and commands mail is only added, and a memory says what was added.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mail::load::Population;
use net::Endpoint;
use scenario::{Accounts, Scenario};
use tokio::task::{JoinSet, LocalSet};

use super::delivery::{Delivery, Protocol};
use super::filter::deliver;
use super::maildir::{Maildir, Template};
use super::progress::Progress;
use crate::accounts::plain;
use crate::exit::Failure;
use crate::{interrupt, terminal};

/// How mail gets there.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// A Maildir path with `{user}` in it.
    Maildir(String),
    /// A shell command that takes a message on its standard input.
    Command(String),
    /// A server, with the addresses that were looked at before anything is dialled.
    Server(Protocol, Endpoint, Vec<SocketAddr>),
}

/// What is to be done.
pub(super) struct Work<'a> {
    pub(super) population: Population,
    pub(super) way: Way,
    /// Put behind each user: `@example.org`, or nothing.
    pub(super) domain: String,
    pub(super) jobs: usize,
    pub(super) memory: &'a Path,
    pub(super) again: bool,
}

/// The mail of a scenario.
///
/// # Errors
/// The scenario has no seeded mail, its accounts follow no pattern, or their names fit into no path or command.
pub(super) fn of(scenario: &Scenario) -> anyhow::Result<Population> {
    let Some(mail) = &scenario.mail else {
        return Err(Failure::input(format!(
            "the scenario {} does not say what mail its accounts have; add `mail: {{messages: 20, sizes: 13kB}}`",
            scenario.name
        )));
    };
    let Accounts::Pattern { user, first, count, .. } = &scenario.accounts else {
        return Err(Failure::input(format!(
            "the accounts of the scenario {} are a list; mail is made for a pattern, such as `accounts: {{pattern: \
             \"load{{n:05}}\", count: 500}}`",
            scenario.name
        )));
    };
    let population = Population {
        seed: scenario.seed,
        user: user.clone(),
        first: *first,
        count: *count,
        messages: mail.messages,
        sizes: mail.sizes.clone(),
    };
    // All names are the same but for their digits.
    plain(&population.name(0))?;
    Ok(population)
}

/// Gives every account its mail; the sentence for people says what was done.
///
/// # Errors
/// A maildrop holds foreign mail, the server refuses, the user wants an end, or a file cannot be written. What was
/// done until then is remembered.
pub(super) fn seed(work: &Work<'_>) -> anyhow::Result<String> {
    let population = &work.population;
    let progress = Progress::open(work.memory, &plan(work)?, work.again)?;
    let prepared = population.prepared();
    let mut queue = VecDeque::new();
    let (mut before, mut left, mut octets) = (0, 0, 0);
    for index in 0..population.count {
        let given = progress.given(&population.name(index)).min(population.messages);
        before += u64::from(given);
        if given < population.messages {
            left += u64::from(population.messages - given);
            octets += prepared.of(population, index).skip(given as usize).sum::<u64>();
            queue.push_back((index, given));
        }
    }
    let shared = Rc::new(Shared {
        progress: RefCell::new(progress),
        given: Cell::new(0),
        bar: bar(left),
        queue: RefCell::new(queue),
        ending: Cell::new(false),
    });
    let outcome = match &work.way {
        Way::Maildir(template) => into_maildirs(work, template, &shared),
        Way::Command(command) => by_command(work, command, &shared),
        Way::Server(protocol, _, addresses) => by_server(work, *protocol, addresses, &shared),
    };
    shared.bar.finish_and_clear();
    let done = before + shared.given.get();
    match outcome {
        Err(error) if done > 0 => Err(error.context(format!(
            "seeding stopped after {done} of {}, and the same command{} goes on from there, as {} remembers it",
            count(before + left, "message"),
            if work.again { " without --again" } else { "" },
            work.memory.display(),
        ))),
        Err(error) => Err(error),
        Ok(()) => Ok(sentence(work, before, left, octets)),
    }
}

/// What was done, for people.
fn sentence(work: &Work<'_>, before: u64, left: u64, octets: u64) -> String {
    let (accounts, memory) = (count(work.population.count, "account"), work.memory.display());
    if left == 0 && before > 0 {
        return format!(
            "{accounts}: nothing to do, as {memory} remembers {} given before; --again gives everything once more\n",
            count(before, "message")
        );
    }
    let already = if before > 0 { format!(", and {before} before") } else { String::new() };
    let given = count(left, "message");
    format!("{accounts}: {given} with {octets} octets given{already}; remembered in {memory}\n")
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What tells this seeding from others: what is given to whom, and by which way.
fn plan(work: &Work<'_>) -> anyhow::Result<String> {
    let way = match &work.way {
        Way::Maildir(template) => format!("maildir {template}"),
        Way::Command(command) => format!("command {command}"),
        Way::Server(protocol, server, _) => format!("{protocol:?} {server} {}", work.domain),
    };
    let population =
        serde_json::to_string(&work.population).context("the accounts cannot be written down")?;
    Ok(mail::digest(format!("{population} {way}").as_bytes())[..16].to_owned())
}

/// What the connections have in common; all of them are in one thread.
struct Shared {
    progress: RefCell<Progress>,
    /// How many messages were given by this process.
    given: Cell<u64>,
    bar: ProgressBar,
    /// Accounts that still want mail, with the number of messages they have.
    queue: RefCell<VecDeque<(u64, u32)>>,
    /// Whether no further message is to be begun.
    ending: Cell<bool>,
}

impl Shared {
    /// So many messages more were given, and so the user has `number`.
    fn note(&self, user: &str, number: u32, more: u32) -> anyhow::Result<()> {
        self.given.set(self.given.get() + u64::from(more));
        self.bar.inc(more.into());
        self.progress.borrow_mut().note(user, number)
    }

    /// The next account; nothing when it is time to end.
    fn next(&self) -> Option<(u64, u32)> {
        if self.ending.get() { None } else { self.queue.borrow_mut().pop_front() }
    }
}

/// All maildrops are looked at before the first is changed, so that a refusal leaves everything as it was. There may be
/// more of them than a process may hold open, so each is looked at again when it is filled, and has to be the same.
fn into_maildirs(work: &Work<'_>, template: &str, shared: &Shared) -> anyhow::Result<()> {
    let population = &work.population;
    let template = Template::parse(template)?;
    let mut places = HashMap::new();
    for (index, _) in &*shared.queue.borrow() {
        let maildir = template.look(&population.name(*index))?;
        refuse_foreign(&population.name(*index), &maildir)?;
        places.insert(*index, maildir.place()?);
    }
    while let Some((index, given)) = shared.next() {
        let user = population.name(index);
        let maildir = template.look(&user)?;
        refuse_foreign(&user, &maildir)?;
        if places.get(&index) != Some(&maildir.place()?) {
            return Err(Failure::input(format!(
                "the Maildir {} is not the one that was there a moment ago, so it is left alone",
                maildir.path().display()
            )));
        }
        // A Maildir is filled as a whole, also when it was left half full.
        let message = |before: u32| mail::lines_to_lf(&octets(population, index, before + 1));
        maildir.fill((0..population.messages).map(message))?;
        shared.note(&user, population.messages, population.messages - given)?;
    }
    Ok(())
}

fn refuse_foreign(user: &str, maildir: &Maildir) -> anyhow::Result<()> {
    match maildir.foreign() as u64 {
        0 => Ok(()),
        foreign => Err(Failure::input(format!(
            "the maildrop of `{user}` ({}) holds {} that poplab did not make, so it is left alone, and so are all \
             others; give load accounts of their own",
            maildir.path().display(),
            if foreign == 1 { "a message".to_owned() } else { count(foreign, "message") },
        ))),
    }
}

fn by_command(work: &Work<'_>, command: &str, shared: &Shared) -> anyhow::Result<()> {
    while let Some((index, given)) = shared.next() {
        let user = work.population.name(index);
        let line = command.replace("{user}", &user);
        for number in given + 1..=work.population.messages {
            deliver(&line, &mail::lines_to_lf(&octets(&work.population, index, number)))
                .with_context(|| format!("cannot give `{user}` message {number} by `{line}`"))?;
            shared.note(&user, number, 1)?;
        }
    }
    Ok(())
}

/// Several connections, each taking the next account that has none. When one fails, or the user wants an end, the others
/// finish the message they are at: what a server has taken must be remembered.
fn by_server(
    work: &Work<'_>,
    protocol: Protocol,
    addresses: &[SocketAddr],
    shared: &Rc<Shared>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let jobs = work.jobs.min(shared.queue.borrow().len());
    LocalSet::new().block_on(&runtime, async {
        let mut connections = JoinSet::new();
        for _ in 0..jobs {
            let (population, domain) = (work.population.clone(), work.domain.clone());
            let (addresses, shared) = (addresses.to_vec(), Rc::clone(shared));
            connections.spawn_local(async move {
                let mut delivery = Delivery::open(protocol, &addresses).await?;
                while let Some(account) = shared.next() {
                    give(&mut delivery, &population, &domain, account, &shared).await?;
                }
                delivery.close().await;
                anyhow::Ok(())
            });
        }
        let stopped = interrupt::interrupted();
        tokio::pin!(stopped);
        let (mut outcome, mut interrupted) = (Ok(()), false);
        loop {
            tokio::select! {
                ended = connections.join_next() => {
                    let Some(ended) = ended else { return outcome };
                    let ended = ended.context("a connection ended unexpectedly").flatten();
                    if let Err(error) = ended {
                        shared.ending.set(true);
                        // The first failure is the one that the others follow from.
                        outcome = outcome.and(Err(error));
                    }
                }
                () = &mut stopped => {
                    shared.ending.set(true);
                    outcome = outcome.and(Err(Failure::not_carried_out("interrupted")));
                    if interrupted {
                        return outcome;
                    }
                    interrupted = true;
                    terminal::tell("interrupted: messages that are being sent are finished first; interrupt again to end at once");
                    stopped.set(interrupt::interrupted());
                }
            }
        }
    })
}

/// Gives one account what it wants, unless it is time to end.
async fn give(
    delivery: &mut Delivery,
    population: &Population,
    domain: &str,
    (index, given): (u64, u32),
    shared: &Shared,
) -> anyhow::Result<()> {
    let user = population.name(index);
    let recipient = format!("{user}{domain}");
    for number in given + 1..=population.messages {
        if shared.ending.get() {
            break;
        }
        delivery
            .give(&recipient, &octets(population, index, number))
            .await
            .with_context(|| format!("cannot give `{recipient}` message {number}"))?;
        shared.note(&user, number, 1)?;
    }
    Ok(())
}

fn octets(population: &Population, index: u64, number: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    population.message(index, number).write(&mut octets);
    octets
}

/// On stderr, if that is a terminal; otherwise nothing is shown.
fn bar(messages: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(messages), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} messages  {per_sec}  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
