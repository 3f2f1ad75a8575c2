//! The embedded server of a load run: as many processes as descriptors demand, each on a loopback address of its own,
//! so that neither the server's CPU nor its descriptors are the generator's.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chance::Distribution;
use load::Targets;
use mail::load::Population;
use scenario::{Accounts, Scenario, Secret};

use crate::command::load_fake::{Answer, Order};
use crate::environment;
use crate::exit::Failure;
use crate::{embedded, secrets};

/// Loopback addresses are numbered in one octet; so many processes hold more than a million connections.
const MOST: u64 = 200;
/// How often they are looked at, while the run goes on.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// One that was told to end has so long for it, and is looked at so often.
const END_WITHIN: Duration = Duration::from_secs(10);
const END_EVERY: Duration = Duration::from_millis(5);
/// Descriptors of a process that are not connections.
const RESERVE: u64 = 100;
/// Those that this process has for each of the server's, and beside them: streams, the event queue, signals, the
/// workers, the folder.
const HELD: u64 = 2;
const BESIDE: u64 = 40;
/// The mail of each maildrop when the scenario does not say: what a mailbox of today that is fetched often holds.
const MESSAGES: u32 = 20;
const SIZES: Distribution = Distribution::LogNormal { median: 13_000.0, sigma: 1.0 };

/// The running processes. Dropping them ends them.
pub(super) struct Fakes {
    children: RefCell<Vec<Child>>,
    /// Where they listen.
    pub(super) targets: Targets,
    /// The authorities to trust, PEM.
    pub(super) ca_pem: String,
}

impl Fakes {
    /// Starts enough of them for so many connections at once, with the scenario's accounts and mail, and gives the
    /// scenario their password.
    ///
    /// # Errors
    /// A process does not start, or more would be needed than there are addresses.
    pub(super) fn start(
        scenario: &mut Scenario,
        defects: &[String],
        connections: u64,
        descriptors: u64,
    ) -> anyhow::Result<Self> {
        let each = descriptors.saturating_sub(RESERVE).max(1);
        let number = connections.div_ceil(each).max(1);
        if number > MOST || number * HELD + BESIDE > descriptors {
            return Err(Failure::not_carried_out(format!(
                "{connections} connections at once need {number} processes of the embedded server at {descriptors} \
                 descriptors each; raise the limit (ulimit -n), or lower the rate"
            )));
        }
        let (population, password) = populate(scenario);
        let mut fakes =
            Self { children: RefCell::default(), targets: Targets::default(), ca_pem: String::new() };
        for number in 0..number {
            let order = Order {
                number: u8::try_from(number).unwrap_or(u8::MAX),
                seed: scenario.seed,
                population: population.clone(),
                password: password.clone(),
                defects: defects.to_vec(),
                latency: None,
                freeze: None,
                most_connections: usize::try_from(each).unwrap_or(usize::MAX),
            };
            fakes.add(&order).map_err(|error| {
                Failure::not_carried_out(format!("the embedded server cannot start: {error}"))
            })?;
        }
        Ok(fakes)
    }

    /// Waits until one of them has ended, which none does by itself, and says how. A run without its server says nothing.
    pub(super) async fn lost(&self) -> String {
        loop {
            if let Some(how) = self.is_lost() {
                return how;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How one of them has ended, if one has.
    pub(super) fn is_lost(&self) -> Option<String> {
        let mut children = self.children.borrow_mut();
        let ended = children.iter_mut().find_map(|child| child.try_wait().ok().flatten())?;
        Some(format!("the embedded server ended in the middle of the run ({ended})"))
    }

    fn add(&mut self, order: &Order) -> std::io::Result<()> {
        let mut child = environment::poplab("load-fake")?
            // Ctrl-C is for the run, which ends its processes itself once the sessions are closed.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.as_mut(), child.stdout.take());
        if let Some(stdin) = stdin {
            stdin.write_all(format!("{}\n", serde_json::to_string(order)?).as_bytes())?;
        }
        self.children.get_mut().push(child);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        if line.is_empty() {
            return Err(std::io::Error::other("it ended at once"));
        }
        let answer: Answer = serde_json::from_str(&line)?;
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, order.number + 1));
        self.targets.clear.push(SocketAddr::new(address, answer.port));
        self.targets.implicit.push(SocketAddr::new(address, answer.tls_port));
        self.ca_pem.push_str(&answer.ca_pem);
        Ok(())
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        let children = self.children.get_mut();
        for child in children.iter_mut() {
            drop(child.stdin.take());
        }
        for child in children {
            end(child);
        }
    }
}

/// Waits for a process that was told to end, and ends it if it does not.
fn end(child: &mut Child) {
    let deadline = Instant::now() + END_WITHIN;
    while let Ok(None) = child.try_wait() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(END_EVERY);
    }
}

/// The accounts of the embedded server: the scenario's pattern, or, for a list, as many by a pattern of our own, since
/// nobody's passwords are needed here. The scenario gets their names and the password.
fn populate(scenario: &mut Scenario) -> (Population, String) {
    let (user, first, count) = match &scenario.accounts {
        Accounts::Pattern { user, first, count, .. } => (user.clone(), *first, *count),
        Accounts::List(list) => ("load{n}".to_owned(), 1, list.len() as u64),
    };
    let password = embedded::password(scenario.seed, &user);
    secrets::of_the_run().add(&password);
    scenario.accounts =
        Accounts::Pattern { user: user.clone(), first, count, password: Some(Secret::new(password.clone())) };
    let (messages, sizes) =
        scenario.mail.as_ref().map_or((MESSAGES, SIZES), |mail| (mail.messages, mail.sizes.clone()));
    (Population { seed: scenario.seed, user, first, count, messages, sizes }, password)
}
