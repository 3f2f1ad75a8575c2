//! The embedded server of a load run: as many processes as descriptors demand, each on a loopback address of its own,
//! so that neither the server's CPU nor its descriptors are the generator's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use load::Targets;
use mail::load::Population;
use scenario::{Accounts, Scenario, Secret};
use stats::Distribution;

use crate::command::load_fake::{Answer, Order};
use crate::embedded;
use crate::exit::Failure;

/// Loopback addresses are numbered in one octet; so many processes hold more than a million connections.
const MOST: u64 = 200;
/// Descriptors of a process that are not connections.
const RESERVE: u64 = 100;
/// The mail of each maildrop when the scenario does not say: what a mailbox of today that is fetched often holds.
const MESSAGES: u32 = 20;
const SIZES: Distribution = Distribution::LogNormal { median: 13_000.0, sigma: 1.0 };

/// The running processes. Dropping them ends them.
pub(super) struct Fakes {
    children: Vec<Child>,
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
        if number > MOST {
            return Err(Failure::input(format!(
                "{connections} connections at once need {number} processes of the embedded server at {descriptors} \
                 descriptors each; raise the limit (ulimit -n), or lower the rate"
            )));
        }
        let (population, password) = populate(scenario);
        let mut fakes = Self { children: Vec::new(), targets: Targets::default(), ca_pem: String::new() };
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

    fn add(&mut self, order: &Order) -> std::io::Result<()> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("load-fake")
            // Ctrl-C is for the run, which ends its processes itself once the sessions are closed.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.as_mut(), child.stdout.take());
        if let Some(stdin) = stdin {
            stdin.write_all(format!("{}\n", serde_json::to_string(order)?).as_bytes())?;
        }
        self.children.push(child);
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
        for child in &mut self.children {
            drop(child.stdin.take());
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
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
    scenario.accounts =
        Accounts::Pattern { user: user.clone(), first, count, password: Some(Secret::new(password.clone())) };
    let (messages, sizes) =
        scenario.mail.as_ref().map_or((MESSAGES, SIZES), |mail| (mail.messages, mail.sizes.clone()));
    (Population { seed: scenario.seed, user, first, count, messages, sizes }, password)
}
