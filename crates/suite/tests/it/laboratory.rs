//! A target in memory and a run against it. The one place in these tests that knows how a run is put together.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use fake::{Configuration, Defects, Policy, World};
use mail::Role;
use net::{Dialer, MemoryNetwork, Trust};
use suite::{
    Account, Acting, Check, Evidence, Hook, Operations, Operator, Order, Permissions, Plan, Pool, Runner,
    Security, Site, SurveyError,
};
use transcript::Transcript;

/// The seed of all tests.
pub(crate) const SEED: u64 = 42;

/// What a tester may do who only looks: the least there is, on this machine.
pub(crate) const LOOKING: Permissions = Permissions {
    allow_delete: false,
    mail_shown: suite::MailShown::None,
    cleartext_password: false,
    loopback: true,
    costs: suite::Costs::USUAL,
};

/// What a tester may do on a server of these tests, whose mail is poplab's own.
pub(crate) const EVERYTHING: Permissions = Permissions {
    allow_delete: true,
    mail_shown: suite::MailShown::All,
    costs: suite::Costs::ALL,
    ..LOOKING
};

/// The same without what takes minutes or puts a load on the server, for who tells of a whole run many times.
pub(crate) const USUAL: Permissions = Permissions { costs: suite::Costs::USUAL, ..EVERYTHING };

/// The accounts every test target has: role and how many.
const ACCOUNTS: [(Role, u32); 4] =
    [(Role::Fixtures, 4), (Role::Empty, 1), (Role::Disposable, 16), (Role::Second, 1)];

/// A fake server with the fixture mail and these defects.
pub(crate) fn world(defects: impl IntoIterator<Item = &'static fake::Defect>) -> World {
    configured(Configuration {
        defects: defects.into_iter().collect::<Defects>(),
        ..Configuration::default()
    })
}

/// A correct one with a policy of its own.
pub(crate) fn world_with(policy: Policy) -> World {
    configured(Configuration { policy, ..Configuration::default() })
}

/// One set up in any way, with the accounts of these tests.
pub(crate) fn configured(configuration: Configuration) -> World {
    let accounts = named()
        .map(|(user, role, number)| fake::Account::new(user.clone(), password(&user), mail_of(role, number)));
    World::new(Configuration { seed: SEED, accounts: accounts.collect(), ..configuration })
}

/// The same accounts as the tester knows them.
pub(crate) fn accounts() -> Vec<Account> {
    named().map(|(user, role, _)| Account::new(user.clone(), password(&user), role)).collect()
}

/// The same with tokens, as the fake takes them.
pub(crate) fn accounts_with_tokens() -> Vec<Account> {
    named()
        .map(|(user, role, _)| {
            let token = password(&user);
            Account::new(user.clone(), token.clone(), role).with_token(Some(token))
        })
        .collect()
}

/// The names of all accounts.
pub(crate) fn named() -> impl Iterator<Item = (String, Role, u32)> {
    ACCOUNTS
        .into_iter()
        .flat_map(|(role, count)| (1..=count).map(move |number| (format!("{role}{number}"), role, number)))
}

/// Puts all mail back as it was.
pub(crate) fn refill(world: &World) {
    for (user, role, number) in named() {
        world.replace(&user, mail_of(role, number));
    }
}

/// The password of an account.
pub(crate) fn password(user: &str) -> String {
    // One has spaces wherever a password can have them.
    if user == "disposable16" {
        format!(" words of {user},  with spaces ")
    } else {
        format!("Secret-of-{user}")
    }
}

/// Seeding is slow in debug builds for the large message, so it is done once.
fn mail_of(role: Role, number: u32) -> Vec<Arc<[u8]>> {
    static FIXTURES: OnceLock<Vec<Arc<[u8]>>> = OnceLock::new();
    let make = |number| {
        mail::maildrop(role, SEED, number).into_iter().map(|(_, octets)| Arc::from(octets)).collect()
    };
    if role == Role::Fixtures { FIXTURES.get_or_init(|| make(1)).clone() } else { make(number) }
}

/// Surveys one entrance of a world.
pub(crate) async fn site(
    world: &World,
    security: Security,
    accounts: Vec<Account>,
    allow_delete: bool,
) -> Result<Rc<Site>, SurveyError> {
    surveyed(world, security, accounts, Permissions { allow_delete, ..EVERYTHING }).await.0
}

/// The same with other permissions, and with what the survey leaves behind.
pub(crate) async fn surveyed(
    world: &World,
    security: Security,
    accounts: Vec<Account>,
    permissions: Permissions,
) -> (Result<Rc<Site>, SurveyError>, Transcript) {
    let network = MemoryNetwork::with_identity(world.clone(), identity()).expect("a network in memory");
    let trust = Trust::Only { ca_pem: network.ca_pem().as_bytes().to_vec() };
    let endpoint = if security == Security::Implicit { network.tls() } else { network.clear() };
    let plan = Plan {
        endpoint,
        security: Some(security),
        dialer: Dialer::memory(&network, trust).expect("a dialer in memory"),
        pool: Pool::new(accounts),
        permissions,
        seed: SEED,
        wait: None,
        until: None,
        operations: Some(Operations::new(Rc::new(InCharge::of(world)))),
    };
    let (result, leavings) = suite::survey(plan).await;
    (result, leavings.expect("a survey leaves its transcript").transcript)
}

/// Certificates have random keys; one for all tests spares the time.
pub(crate) fn identity() -> &'static net::Identity {
    static IDENTITY: OnceLock<net::Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| net::Identity::throwaway().expect("a throwaway certificate"))
}

/// Runs checks to their evidence.
pub(crate) async fn judge(site: &Rc<Site>, checks: Vec<Check>, jobs: usize) -> Vec<Evidence> {
    let runner = Runner::new(Rc::clone(site), checks, jobs);
    let listener: suite::runner::Listener = Rc::new(|_| ());
    runner.run(&listener).await;
    runner.evidence()
}

/// Runs a test's future under a clock that is paused from the start.
pub(crate) fn paused<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// The operator of a world, who can do everything.
pub(crate) struct InCharge {
    world: World,
    /// Mailboxes that were saved.
    saved: std::cell::RefCell<std::collections::BTreeMap<String, fake::Saved>>,
}

impl InCharge {
    pub(crate) fn of(world: &World) -> Self {
        Self { world: world.clone(), saved: std::cell::RefCell::default() }
    }
}

impl Operator for InCharge {
    fn can(&self, _: Hook) -> bool {
        true
    }

    fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a> {
        let Order { hook, user, marker, message } = order;
        let world = &self.world;
        let marker_of = |octets: &[u8]| mail::Marker::parse(octets);
        let mut said = Vec::new();
        match hook {
            Hook::Restart | Hook::Kill => world.restart(),
            Hook::Deliver => assert!(world.deliver(user, message), "{user} is there"),
            Hook::List => {
                let messages = world.messages(user);
                let lines =
                    messages.iter().filter_map(|octets| marker_of(octets)).map(|marker| marker.to_string());
                said = lines.collect::<Vec<_>>().join("\n").into_bytes();
            }
            Hook::Remove => {
                world.remove(user, |octets| marker_of(octets).is_some_and(|held| held.body_sha256 == marker));
            }
            Hook::Unreadable => assert!(world.set_store(user, fake::Store::Unreadable)),
            Hook::ReadOnly => assert!(world.set_store(user, fake::Store::ReadOnly)),
            Hook::Mend => assert!(world.set_store(user, fake::Store::Sound)),
            Hook::Save => {
                self.saved.borrow_mut().extend(world.save(user).map(|saved| (user.to_owned(), saved)));
            }
            Hook::Restore => {
                let saved = self.saved.borrow_mut().remove(user);
                world.restore(user, saved.expect("it was saved"));
            }
        }
        Box::pin(std::future::ready(Ok(said)))
    }

    fn copy(&self) -> String {
        "1".to_owned()
    }
}
