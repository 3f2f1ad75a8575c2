//! The fake server inside this process: its accounts and mail, and a thread with a runtime of its own, so that a
//! busy client does not make it slow. What its defects and personas are stands in `fake`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ::fake::{Configuration, Defect, Defects, Persona, Personas, Saved, Store, World};
use mail::{Marker, Role};
use net::Listening;
use server::FakeServer;
use suite::{Acting, Hook, Operator, Order};

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
    server: FakeServer,
    seed: u64,
    clear: SocketAddr,
    tls: SocketAddr,
}

impl Embedded {
    /// Starts it on two free loopback ports.
    ///
    /// # Errors
    /// No port is free, or the system gives no thread.
    pub(crate) fn start(seed: u64, defects: Defects, personas: Personas) -> anyhow::Result<Self> {
        let accounts = accounts(&pool(seed), seed);
        let world =
            World::new(Configuration { seed, accounts, defects, personas, ..Configuration::default() });
        let server = FakeServer::start_blocking(world, Listening::default()).map_err(|error| {
            Failure::not_carried_out(format!("the embedded server cannot start: {error}"))
        })?;
        let ports = server.clear().zip(server.tls());
        let (clear, tls) = ports
            .ok_or_else(|| Failure::not_carried_out("the embedded server cannot start: a port is missing"))?;
        Ok(Self { server, seed, clear, tls })
    }

    /// The accounts that a suite may use.
    pub(crate) fn tenants(&self) -> Vec<suite::Account> {
        pool(self.seed)
            .into_iter()
            .map(|tenant| suite::Account::new(tenant.user, tenant.password, tenant.role))
            .collect()
    }

    /// Who can do to it what POP3 cannot: everything.
    pub(crate) fn operator(&self) -> InCharge {
        InCharge { world: self.server.world().clone(), saved: RefCell::default() }
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
        self.server.ca_pem()
    }
}

/// The operator of an embedded server. Nothing that it is told can fail.
pub(crate) struct InCharge {
    world: World,
    /// Mailboxes that were saved.
    saved: RefCell<BTreeMap<String, Saved>>,
}

impl InCharge {
    fn do_at_once(&self, order: Order<'_>) -> Vec<u8> {
        let Order { hook, user, marker, message } = order;
        match hook {
            Hook::Restart | Hook::Kill => self.world.restart(),
            Hook::Deliver => {
                self.world.deliver(user, message);
            }
            Hook::List => {
                let messages = self.world.messages(user);
                let markers = messages.iter().filter_map(|octets| Marker::parse(octets));
                return markers.map(|marker| marker.to_string()).collect::<Vec<_>>().join("\n").into_bytes();
            }
            Hook::Remove => {
                let is_meant =
                    |octets: &[u8]| Marker::parse(octets).is_some_and(|held| held.body_sha256 == marker);
                self.world.remove(user, is_meant);
            }
            Hook::Unreadable => {
                self.world.set_store(user, Store::Unreadable);
            }
            Hook::ReadOnly => {
                self.world.set_store(user, Store::ReadOnly);
            }
            Hook::Mend => {
                self.world.set_store(user, Store::Sound);
            }
            Hook::Save => {
                self.saved.borrow_mut().extend(self.world.save(user).map(|saved| (user.to_owned(), saved)));
            }
            Hook::Restore => {
                if let Some(saved) = self.saved.borrow_mut().remove(user) {
                    self.world.restore(user, saved);
                }
            }
        }
        Vec::new()
    }
}

impl Operator for InCharge {
    fn can(&self, _: Hook) -> bool {
        true
    }

    fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a> {
        Box::pin(std::future::ready(Ok(self.do_at_once(order))))
    }

    fn copy(&self) -> String {
        // Its mail is as old as itself.
        "1".to_owned()
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

/// The personas with these ids.
///
/// # Errors
/// An id is unknown; the message has the nearest ones.
pub(crate) fn personas(ids: &[String]) -> anyhow::Result<Personas> {
    ids.iter()
        .map(|id| {
            Persona::parse(id).ok_or_else(|| {
                let near = glob::nearest(id, ::fake::personas().map(|persona| persona.id));
                Failure::input(format!(
                    "the fake server has no persona `{id}`{}; `poplab fake --list-personas` lists them",
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
