//! The fake server inside this process: its accounts and mail, and a thread with a runtime of its own, so that a
//! busy client does not make it slow. What its defects are stands in `fake`.

use std::net::SocketAddr;
use std::sync::Arc;

use ::fake::{Configuration, Defect, Defects, World};
use mail::Role;
use net::{Ports, Server};
use tokio::sync::oneshot;

use crate::exit::Failure;
use crate::glob;

/// What it is called in records.
pub(crate) const NAME: &str = "embedded fake server";

/// The accounts that conformance is given: role and how many.
const POOL: [(Role, u32); 4] =
    [(Role::Fixtures, 8), (Role::Empty, 2), (Role::Disposable, 16), (Role::Second, 1)];

/// An account of the embedded server.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    /// The login name.
    pub(crate) user: String,
    /// The password, generated from the seed.
    pub(crate) password: String,
    /// The role.
    pub(crate) role: Role,
    /// Its number among those of its role, from 1.
    pub(crate) number: u32,
}

/// A running embedded server. Dropping it stops it.
pub(crate) struct Embedded {
    world: World,
    seed: u64,
    clear: SocketAddr,
    tls: SocketAddr,
    ca_pem: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Embedded {
    /// Starts it on two free loopback ports.
    ///
    /// # Errors
    /// No port is free, or the system gives no thread.
    pub(crate) fn start(seed: u64, defects: Defects) -> anyhow::Result<Self> {
        let accounts = accounts(&pool(seed), seed);
        let world = World::new(Configuration { seed, accounts, defects, ..Configuration::default() });
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let served = world.clone();
        let failed = |error: std::io::Error| {
            Failure::not_carried_out(format!("the embedded server cannot start: {error}"))
        };
        let threadless = |error: std::io::Error| {
            Failure::not_carried_out(format!(
                "the embedded server cannot start: the system refused a thread: {error}"
            ))
        };
        let serve = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                match Server::start(served, Ports::ANY).await {
                    Ok(running) => {
                        let facts = running
                            .clear()
                            .zip(running.tls())
                            .map(|both| (both, running.ca_pem().to_owned()));
                        // Fails only when nobody waits for the server any more.
                        let _ = tell.send(facts.ok_or_else(|| std::io::Error::other("a port is missing")));
                        let _ = stopped.await;
                        running.stop().await;
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
        };
        let thread =
            std::thread::Builder::new().name("fake-server".to_owned()).spawn(serve).map_err(threadless)?;
        let started = told.recv().unwrap_or_else(|_| Err(std::io::Error::other("it ended at once")));
        let ((clear, tls), ca_pem) = started.map_err(failed)?;
        Ok(Self { world, seed, clear, tls, ca_pem, stop: Some(stop), thread: Some(thread) })
    }

    /// Puts all mail back as it was, and gives the accounts anew.
    pub(crate) fn refill(&self) -> Vec<suite::Account> {
        let pool = pool(self.seed);
        for account in accounts(&pool, self.seed) {
            self.world.replace(&account.user, account.messages);
        }
        pool.into_iter()
            .map(|tenant| suite::Account::new(tenant.user, tenant.password, tenant.role))
            .collect()
    }

    /// Where it listens without TLS.
    pub(crate) fn clear(&self) -> SocketAddr {
        self.clear
    }

    /// Where it listens with TLS from the first octet.
    pub(crate) fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// The certificate to trust, PEM.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails only if the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The password of a generated account. It follows from the seed, so it protects nothing.
pub(crate) fn password(seed: u64, user: &str) -> String {
    mail::digest(format!("poplab password {seed} {user}").as_bytes())[..20].to_owned()
}

/// An account with a generated password.
pub(crate) fn tenant(seed: u64, user: impl Into<String>, role: Role, number: u32) -> Tenant {
    let user = user.into();
    Tenant { password: password(seed, &user), user, role, number }
}

/// The fake's accounts with the mail of their roles. All fixture accounts share the octets of the fixtures.
pub(crate) fn accounts(tenants: &[Tenant], seed: u64) -> Vec<::fake::Account> {
    let mut fixtures: Option<Vec<Arc<[u8]>>> = None;
    let made = |role, number| -> Vec<Arc<[u8]>> {
        mail::maildrop(role, seed, number).into_iter().map(|(_, octets)| Arc::from(octets)).collect()
    };
    tenants
        .iter()
        .map(|tenant| {
            let messages = if tenant.role == Role::Fixtures {
                fixtures.get_or_insert_with(|| made(Role::Fixtures, 1)).clone()
            } else {
                made(tenant.role, tenant.number)
            };
            ::fake::Account::new(tenant.user.clone(), tenant.password.clone(), messages)
        })
        .collect()
}

/// The defects with these ids.
///
/// # Errors
/// An id is unknown; the message has the nearest ones.
pub(crate) fn defects(ids: &[String]) -> anyhow::Result<Defects> {
    ids.iter()
        .map(|id| {
            Defect::parse(id).ok_or_else(|| {
                let near = glob::nearest(id, ::fake::defects().map(|defect| defect.id));
                Failure::input(format!(
                    "the fake server has no defect `{id}`{}; `poplab fake --list-defects` lists them",
                    glob::suggestion(&near)
                ))
            })
        })
        .collect()
}

/// The accounts of conformance.
pub(crate) fn pool(seed: u64) -> Vec<Tenant> {
    POOL.iter()
        .flat_map(|(role, count)| {
            (1..=*count).map(move |number| tenant(seed, format!("{role}{number}"), *role, number))
        })
        .collect()
}
