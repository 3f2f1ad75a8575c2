//! The state that connections share: accounts and their maildrops, each behind a lock.
//!
//! Each call holds a lock for one step of one connection and never while anything is awaited. An account of a
//! population has no maildrop here but while it is used, or if it is not as it was made. There is deliberately no
//! persistence: a world lives as long as its last handle.

mod maildrop;
mod operated;
mod recorded;
mod remembered;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use machine::Service;
use mail::load::{Population, Sizes};
use script::Script;

use crate::faults::Faults;
use crate::reply::Octets;
use crate::twist::Twists;
use crate::witness::Witness;
use crate::{Channel, Configuration, Connection, Password, Personas, Tenancy};

use maildrop::Origin;
pub use maildrop::Store;
pub(crate) use maildrop::{Maildrop, Message, Snapshot};
pub use operated::Saved;
pub use recorded::Removed;
pub(crate) use remembered::Remembered;

/// The maildrops of a population that are in use are spread over so many locks.
const SHARDS: u64 = 64;

/// A server's accounts and mail. Clones are handles to the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    configuration: Configuration,
    /// By name, the index of an account of the configuration.
    names: HashMap<String, u32>,
    /// In the order of those accounts.
    maildrops: Vec<Mutex<Maildrop>>,
    /// In the order of the configuration.
    tenants: Vec<Tenants>,
    behaviour: RwLock<Behaviour>,
    witness: Option<Arc<Witness>>,
    remembered: Mutex<Remembered>,
    connections: AtomicU64,
    /// Connections up to this number are of before the last restart.
    restarted_behind: AtomicU64,
    restarts: AtomicU64,
    /// The store of some account was unsound once.
    unsound: AtomicBool,
    /// The mail of those accounts at the start.
    beginnings: Vec<Vec<Arc<[u8]>>>,
}

/// What makes it another than the correct server; mostly nothing.
#[derive(Clone, Default)]
struct Behaviour {
    script: Option<Script>,
    faults: Option<Arc<Faults>>,
    twists: Option<Twists>,
}

/// What there is in memory of a population.
struct Tenants {
    sizes: Sizes,
    /// By the index of the account.
    used: Vec<Mutex<HashMap<u64, Box<Maildrop>>>>,
}

/// An account that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// By its index in the configuration.
    Single(u32),
    /// By the index of the population, and of the account in it.
    Tenant(u32, u64),
}

impl World {
    /// A world with these accounts, in which nobody has connected yet.
    pub fn new(mut configuration: Configuration) -> World {
        let (mut names, mut maildrops) = (HashMap::new(), Vec::new());
        Personas::set_up(&mut configuration);
        let script = configuration.script.clone();
        configuration.recorded |= script.as_ref().is_some_and(|script| !script.expect.is_empty());
        let mut beginnings = Vec::new();
        for (index, account) in (0..).zip(&mut configuration.accounts) {
            // The world owns the mail from now on.
            beginnings.push(std::mem::take(&mut account.messages));
            names.insert(account.user.clone(), index);
        }
        for (account, messages) in configuration.accounts.iter().zip(&beginnings) {
            maildrops.push(Mutex::new(filled(&configuration, &account.user, messages)));
        }
        let tenants = configuration.population.iter().map(Tenants::of).collect();
        let behaviour = RwLock::new(Behaviour::of(&configuration, script));
        let witness = configuration.recorded.then(|| Witness::of(&configuration));
        let inner = Inner {
            configuration,
            names,
            maildrops,
            tenants,
            behaviour,
            witness,
            remembered: Mutex::default(),
            connections: AtomicU64::new(0),
            restarted_behind: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            unsound: AtomicBool::new(false),
            beginnings,
        };
        World { inner: Arc::new(inner) }
    }

    /// A new connection, numbered from 1 in the order of these calls. Its greeting is ready to be written; on
    /// [`Channel::Tls`] that is after the driver's handshake.
    pub fn connect(&self, channel: Channel) -> Connection {
        let number = || self.inner.connections.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.inner.witness {
            None => Connection::new(self.clone(), number(), channel, None),
            Some(witness) => {
                let seen = witness.open(channel, number);
                Connection::new(self.clone(), seen.number, channel, Some(seen))
            }
        }
    }

    /// The mail of an account as it is now, in order; nothing for an unknown user.
    pub fn messages(&self, user: &str) -> Vec<Arc<[u8]>> {
        let Some(owner) = self.find(user) else { return Vec::new() };
        let messages = self.with(owner, |maildrop| Arc::clone(maildrop.messages()));
        messages.iter().map(|message| self.octets(owner, message).into()).collect()
    }

    /// Delivers a message to an account, also while a session holds it; that session does not see it. False if
    /// there is no such user.
    pub fn deliver(&self, user: &str, octets: impl Into<Arc<[u8]>>) -> bool {
        let octets = kept(self.configuration(), octets.into());
        let owner = self.find(user);
        owner.map(|owner| self.with(owner, |maildrop| maildrop.deliver(octets, self.origin(user)))).is_some()
    }

    /// Puts other mail in the place of all that an account holds. False if there is no such user.
    pub fn replace(&self, user: &str, messages: impl IntoIterator<Item = Arc<[u8]>>) -> bool {
        let owner = self.find(user);
        let messages = messages.into_iter().map(|octets| kept(self.configuration(), octets));
        owner
            .map(|owner| self.with(owner, |maildrop| maildrop.replace(messages, self.origin(user))))
            .is_some()
    }

    /// The names of the script's faults, and how often each has acted so far.
    pub fn faults(&self) -> Vec<(String, u64)> {
        let faults = self.behaviour().faults;
        let acted = faults.iter().flat_map(|faults| faults.acted());
        acted.map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// How the world was set up; the accounts' mail is not in it any more.
    pub fn configuration(&self) -> &Configuration {
        &self.inner.configuration
    }

    fn behave(&self, behaviour: Behaviour) {
        *self.inner.behaviour.write().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    fn behaviour(&self) -> Behaviour {
        self.inner.behaviour.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn twists(&self) -> Option<Twists> {
        self.inner.behaviour.read().unwrap_or_else(PoisonError::into_inner).twists.clone()
    }

    /// The name of an account.
    pub(crate) fn user(&self, owner: Owner) -> String {
        match owner {
            Owner::Single(index) => {
                let account = self.configuration().accounts.get(index as usize);
                account.map(|account| account.user.clone()).unwrap_or_default()
            }
            Owner::Tenant(number, index) => {
                let population = self.tenancy(number).map(|tenancy| &tenancy.population);
                let user = |population: &Population| {
                    mail::load::expand(&population.user, population.first.saturating_add(index))
                };
                population.map(user).unwrap_or_default()
            }
        }
    }

    /// The account of this name.
    pub(crate) fn find(&self, user: &str) -> Option<Owner> {
        if let Some(index) = self.inner.names.get(user) {
            return Some(Owner::Single(*index));
        }
        let mut populations = (0..).zip(&self.configuration().population);
        populations.find_map(|(number, tenancy)| {
            tenancy.population.index_of(user).map(|index| Owner::Tenant(number, index))
        })
    }

    /// The password of an account.
    pub(crate) fn password(&self, owner: Owner) -> Cow<'_, str> {
        match owner {
            Owner::Single(index) => match self.configuration().accounts.get(index as usize) {
                Some(account) => Cow::Borrowed(&account.password),
                None => Cow::Borrowed(""),
            },
            Owner::Tenant(number, index) => match self.tenancy(number) {
                Some(Tenancy { password: Password::Shared(password), .. }) => Cow::Borrowed(password),
                Some(Tenancy { password: Password::Pattern(pattern), population }) => {
                    Cow::Owned(mail::load::expand(pattern, population.first.saturating_add(index)))
                }
                None => Cow::Borrowed(""),
            },
        }
    }

    /// The octets of a message of this account; a seeded one is written now.
    pub(crate) fn octets(&self, owner: Owner, message: &Message) -> Octets {
        if let Some(stored) = message.stored() {
            return Octets::Shared(Arc::clone(&stored.octets));
        }
        let mut octets = Vec::new();
        if let Owner::Tenant(number, index) = owner
            && let Some(tenancy) = self.tenancy(number)
        {
            tenancy.population.message(index, message.number()).write(&mut octets);
        }
        Octets::Made(octets)
    }

    /// The unique-id of a message of this account.
    pub(crate) fn unique_id<'a>(&self, owner: Owner, message: &'a Message) -> Cow<'a, str> {
        if let Some(id) = message.unique_id() {
            return Cow::Borrowed(id);
        }
        // Only populations have messages without one.
        let Owner::Tenant(number, index) = owner else { return Cow::Borrowed("") };
        match self.tenancy(number) {
            Some(tenancy) => {
                Cow::Owned(tenancy.population.unique_id(index, message.number()).as_str().to_owned())
            }
            None => Cow::Borrowed(""),
        }
    }

    /// Acts on a maildrop.
    pub(crate) fn with<Answer>(&self, owner: Owner, act: impl FnOnce(&mut Maildrop) -> Answer) -> Answer {
        match owner {
            Owner::Single(index) => match self.inner.maildrops.get(index as usize) {
                Some(maildrop) => act(&mut locked(maildrop)),
                // Of another world; it sees an empty maildrop here.
                None => act(&mut Maildrop::default()),
            },
            Owner::Tenant(number, index) => self.with_tenant(number, index, act),
        }
    }

    fn with_tenant<Answer>(
        &self,
        number: u32,
        index: u64,
        act: impl FnOnce(&mut Maildrop) -> Answer,
    ) -> Answer {
        let tenants = self.inner.tenants.get(number as usize);
        let shard = tenants.and_then(|tenants| tenants.used.get((index % SHARDS) as usize));
        let Some(((tenants, tenancy), shard)) = tenants.zip(self.tenancy(number)).zip(shard) else {
            return act(&mut Maildrop::default());
        };
        let mut used = locked(shard);
        let maildrop = used
            .entry(index)
            .or_insert_with(|| Box::new(Maildrop::seeded(tenants.sizes.of(&tenancy.population, index))));
        let answer = act(maildrop);
        if maildrop.is_pristine() {
            used.remove(&index);
        }
        answer
    }

    fn tenancy(&self, number: u32) -> Option<&Tenancy> {
        self.configuration().population.get(number as usize)
    }

    /// Acts on what is remembered of all connections, for twists.
    pub(crate) fn remember<Answer>(&self, act: impl FnOnce(&mut Remembered) -> Answer) -> Answer {
        act(&mut locked(&self.inner.remembered))
    }

    /// Acts on all maildrops that are in memory.
    pub(crate) fn with_all(&self, mut act: impl FnMut(&mut Maildrop)) {
        self.inner.maildrops.iter().for_each(|maildrop| act(&mut locked(maildrop)));
        for used in self.inner.tenants.iter().flat_map(|tenants| &tenants.used) {
            locked(used).values_mut().for_each(|maildrop| act(maildrop));
        }
    }

    /// How many maildrops of populations are in memory.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        let shards = self.inner.tenants.iter().flat_map(|tenants| &tenants.used);
        shards.map(|used| locked(used).len()).sum()
    }

    fn origin<'a>(&self, account: &'a str) -> Origin<'a> {
        Origin { seed: self.configuration().seed, account }
    }
}

impl Service for World {
    type Machine = Connection;

    fn connect(&self, channel: Channel) -> Connection {
        World::connect(self, channel)
    }
}

impl Tenants {
    fn of(tenancy: &Tenancy) -> Tenants {
        let used = (0..SHARDS).map(|_| Mutex::default()).collect();
        Tenants { sizes: tenancy.population.prepared(), used }
    }
}

impl Behaviour {
    /// That of a world which is set up like this, with this script.
    fn of(configuration: &Configuration, script: Option<Script>) -> Behaviour {
        let faults = script.as_ref().map(Faults::of);
        let twists = Twists::of(configuration, script.as_ref(), faults.as_ref());
        Behaviour { script, faults, twists }
    }
}

/// A maildrop with this mail.
fn filled(configuration: &Configuration, user: &str, messages: &[Arc<[u8]>]) -> Maildrop {
    let mut maildrop = Maildrop::default();
    let messages = messages.iter().cloned().map(|octets| kept(configuration, octets));
    maildrop.replace(messages, Origin { seed: configuration.seed, account: user });
    if configuration.recorded {
        maildrop.keep_removed();
    }
    maildrop
}

/// A message as it is kept, once it is delivered.
fn kept(configuration: &Configuration, octets: Arc<[u8]>) -> Arc<[u8]> {
    configuration.personas.delivered(&octets).map_or(octets, Arc::from)
}

fn locked<State>(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // No step leaves the state half changed, so a panic elsewhere does not make it unfit.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("World")
            .field("configuration", &self.inner.configuration)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chance::Distribution;
    use mail::load::Population;

    use machine::Machine as _;

    use crate::{Channel, Configuration, Connection, Next, Password, Tenancy, World};

    fn world() -> World {
        let population = Population {
            seed: 1,
            user: "u{n}".to_owned(),
            first: 0,
            count: 1_000_000,
            messages: 20,
            sizes: Distribution::Fixed(13_000.0),
        };
        let tenancy = Tenancy { population, password: Password::Shared("p".to_owned()) };
        World::new(Configuration { population: vec![tenancy], ..Configuration::default() })
    }

    fn say(connection: &mut Connection, mut octets: &[u8]) {
        loop {
            match connection.next() {
                Next::Write => connection.transmit(&mut Vec::new(), usize::MAX),
                Next::Read if !octets.is_empty() => octets = &octets[connection.receive(octets)..],
                _ => return,
            }
        }
    }

    fn session(world: &World, user: u32, commands: &str) -> Connection {
        let mut connection = world.connect(Channel::Clear);
        say(&mut connection, format!("USER u{user}\r\nPASS p\r\n{commands}").as_bytes());
        connection
    }

    #[test]
    fn only_what_is_used_or_changed_is_in_memory() {
        let world = world();
        assert_eq!(world.used(), 0);
        let held: Vec<Connection> =
            (0..100).map(|user| session(&world, user, "STAT\r\nRETR 1\r\n")).collect();
        assert_eq!(world.used(), 100);
        drop(held);
        assert_eq!(world.used(), 0);
        for user in 0..100 {
            session(&world, user, "LIST\r\nDELE 3\r\nRSET\r\nNOOP\r\nQUIT\r\n");
        }
        assert_eq!(world.used(), 0);
        assert_eq!(world.messages("u999999").len(), 20);
        assert_eq!(world.used(), 0);
        session(&world, 5, "DELE 3\r\nQUIT\r\n");
        session(&world, 5, "STAT\r\nQUIT\r\n");
        assert_eq!((world.used(), world.messages("u5").len()), (1, 19));
        session(&world, 6, "DELE 3\r\n");
        assert_eq!(world.used(), 1, "a lost connection changes nothing");
    }

    #[test]
    fn an_idle_session_is_small() {
        assert!(size_of::<Connection>() <= 416, "{}", size_of::<Connection>());
        assert!(size_of::<super::Maildrop>() <= 160, "{}", size_of::<super::Maildrop>());
        assert!(size_of::<super::Message>() <= 16, "{}", size_of::<super::Message>());
    }
}
