//! What a check is given: connections, logins, fixtures, and mail that may be deleted.
//!
//! Every method that leads up to the point of a check ends in [`Stop::Inconclusive`] or [`Stop::Skipped`] when it
//! cannot; a lab never judges. Accounts lent to a check come back when the lab is dropped.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use mail::{Fixture, Marker, Role};
use net::{Stream, TlsOptions, Versions};
use tokio::time::{Instant, timeout};

use crate::accounts::{Account, Lent, unsendable};
use crate::deletion::Permission;
use crate::journal::Journal;
use crate::login::{self, Method};
use crate::outcome::{Outcome, Stop, inconclusive, skipped};
use crate::reply::Reply;
use crate::session::Session;
use crate::site::{Security, Site, Survey};

/// Pause between two attempts at a busy maildrop.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// A check that holds one account waits this many times the patience for a second one.
const PATIENCE_WITH_OTHERS: u32 = 6;

/// A disposable maildrop with more messages than this is somebody's.
const MARKED_AT_MOST: u64 = 1_000;

/// The surroundings of one check at one entrance.
pub struct Lab {
    site: Rc<Site>,
    name: String,
    journal: Journal,
    lent: RefCell<Vec<Lent>>,
    source: Option<u8>,
    dials: Cell<u8>,
    nonces: Cell<u32>,
}

/// A logged-in session and the number of the fixture it was opened for.
pub struct Placed {
    /// The session.
    pub session: Session,
    /// The message number of the (first) fixture.
    pub number: u64,
    /// The fixture as poplab made it.
    pub fixture: Fixture,
}

impl Lab {
    /// A lab for the check of this name. With a `source` every connection comes from a loopback address of its own
    /// in 127.(100 + source): servers slow an address down after a failed login, and should slow down nobody else.
    pub fn new(site: Rc<Site>, name: &str, source: Option<u8>) -> Self {
        let journal = Journal::new(&format!("check {name}"), site.seed, site.pool.secrets());
        Self {
            site,
            name: name.to_owned(),
            journal,
            lent: RefCell::default(),
            source,
            dials: Cell::new(0),
            nonces: Cell::new(0),
        }
    }

    /// A lab that goes on in another's journal, with what has become known of the entrance since.
    pub(crate) fn continuing(site: Rc<Site>, lab: &Lab) -> Self {
        Self { journal: lab.journal.clone(), ..Self::new(site, &lab.name, lab.source) }
    }

    /// Takes a connection made elsewhere into the journal.
    pub(crate) fn adopt(&self, stream: Stream) -> Session {
        let number = self.journal.connection();
        self.journal.connected(number, stream.tls().is_some());
        Session::new(stream, number, self.journal.clone(), self.site.patience, self.survey().expire_zero())
    }

    /// The entrance and what is known of it.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// What the survey found.
    pub fn survey(&self) -> &Survey {
        &self.site.survey
    }

    /// The journal of this check.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A nonce that follows from the seed, the check and how many were asked for.
    pub fn nonce(&self) -> String {
        let count = self.nonces.replace(self.nonces.get() + 1);
        mail::digest(format!("{}/{}/{count}", self.site.seed, self.name).as_bytes())[..24].to_owned()
    }

    /// A TCP connection, nothing read, no TLS yet.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it is not accepted in time.
    pub async fn dial(&self) -> Result<Stream, Stop> {
        let began = Instant::now();
        let connecting = self.site.dialer.connect(&self.site.entrance.endpoint, self.next_source());
        match timeout(self.site.patience.answer, connecting).await {
            Ok(Ok(stream)) => {
                self.journal.latency("connect", began.elapsed());
                Ok(stream)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => inconclusive("the connection was not accepted in time"),
        }
    }

    fn next_source(&self) -> Option<IpAddr> {
        let number = self.dials.replace(self.dials.get().wrapping_add(1));
        self.source.map(|source| IpAddr::V4(Ipv4Addr::new(127, 100 + source % 100, number, 10)))
    }

    /// The TLS options of an ordinary handshake: the target's name, any version.
    pub fn tls_options(&self) -> TlsOptions {
        TlsOptions { server_name: Some(self.site.entrance.endpoint.host.clone()), versions: Versions::Any }
    }

    /// A connection with the greeting still unread: cleartext, or inside TLS on an implicit-TLS port.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be made.
    pub async fn connect_raw(&self) -> Result<Session, Stop> {
        self.connect_raw_with(&self.tls_options()).await
    }

    /// The same with other TLS options.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be made.
    pub async fn connect_raw_with(&self, options: &TlsOptions) -> Result<Session, Stop> {
        let mut stream = self.dial().await?;
        if self.site.entrance.security == Security::Implicit {
            let began = Instant::now();
            stream =
                match timeout(self.site.patience.answer, self.site.dialer.start_tls(stream, options)).await {
                    Ok(result) => result?,
                    Err(_) => return inconclusive("the TLS handshake did not end in time"),
                };
            self.journal.latency("tls-handshake", began.elapsed());
        }
        Ok(self.adopt(stream))
    }

    /// A connection with its greeting read, before any STLS.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there is no positive greeting.
    pub async fn connect_clear(&self) -> Result<Session, Stop> {
        let mut session = self.connect_raw().await?;
        session.greeting().await?.assume_ok()?;
        Ok(session)
    }

    /// A connection in AUTHORIZATION on the channel that logins use: after STLS where the entrance upgrades.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it cannot be had.
    pub async fn connect(&self) -> Result<Session, Stop> {
        let session = self.connect_clear().await?;
        if self.site.entrance.security == Security::Starttls {
            self.upgraded(session).await
        } else {
            Ok(session)
        }
    }

    /// An account of this role, this check's alone until it ends. Asked again, it is the same one: a target may have
    /// only one account of a role, and a check that waited for its own would wait for ever.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if there is none, [`Stop::Inconclusive`] if other checks do not give it back.
    pub async fn account(&self, role: Role) -> Result<Rc<Account>, Stop> {
        let held = self
            .lent
            .borrow()
            .iter()
            .map(Lent::account)
            .find(|account| account.role == role && !account.is_retired());
        if let Some(account) = held {
            return Ok(account);
        }
        let waiting = self.site.pool.take(role);
        let holds_another = !self.lent.borrow().is_empty();
        // Two checks that each hold what the other waits for must not wait for ever.
        let lent = if holds_another {
            match timeout(self.site.patience.answer * PATIENCE_WITH_OTHERS, waiting).await {
                Ok(lent) => lent,
                Err(_) => return inconclusive(format!("other checks kept all accounts with role `{role}`")),
            }
        } else {
            waiting.await
        };
        let Some(lent) = lent else {
            return skipped(format!("no usable account with role `{role}`"));
        };
        let account = lent.account();
        if unsendable(&account.user).or_else(|| unsendable(account.password())).is_some() {
            return skipped(format!(
                "no line can carry the name or the password of an account with role `{role}`"
            ));
        }
        self.journal.password(&account.user, account.password());
        self.lent.borrow_mut().push(lent);
        Ok(account)
    }

    /// A session in TRANSACTION with an account of this role.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without such an account, [`Stop::Inconclusive`] if the login fails.
    pub async fn login(&self, role: Role) -> Result<Session, Stop> {
        let account = self.account(role).await?;
        self.login_to(&account).await
    }

    /// A session in TRANSACTION with an account this check holds, by the usual method.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if the login fails.
    pub async fn login_to(&self, account: &Rc<Account>) -> Result<Session, Stop> {
        let Some(method) = self.survey().method else {
            return skipped("no way to log in is known");
        };
        let (session, reply) = self.login_by(account, method).await?;
        if reply.is_ok() {
            return Ok(session);
        }
        if !login::is_busy(&reply) {
            account.retire();
        }
        inconclusive(format!("the login of `{}` was refused: {}", account.user, reply.quoted()))
    }

    /// One login by the given method; a busy maildrop is asked again for as long as the patience lasts.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there was no reply, [`Stop::Skipped`] if no password may be sent here.
    pub async fn login_by(&self, account: &Rc<Account>, method: Method) -> Result<(Session, Reply), Stop> {
        self.unhurried(account, async |session, greeting| {
            let timestamp = sasl::apop::timestamp(&greeting.line);
            Ok(login::attempt(session, method, account, timestamp, &self.nonce()).await?)
        })
        .await
    }

    /// A login by any exchange, which is given the session and its greeting. A maildrop that is busy with an earlier
    /// session, or does not want to be opened so soon again, is asked again for as long as the patience lasts.
    ///
    /// # Errors
    /// Those of the exchange, [`Stop::Inconclusive`] if there is no connection, [`Stop::Skipped`] if no password may
    /// be sent here.
    pub(crate) async fn unhurried(
        &self,
        account: &Rc<Account>,
        exchange: impl AsyncFn(&mut Session, &Reply) -> Result<Reply, Stop>,
    ) -> Result<(Session, Reply), Stop> {
        let deadline = Instant::now() + self.site.patience.answer;
        loop {
            let mut session = self.connect_raw().await?;
            let greeting = session.greeting().await?.assume_ok()?;
            if self.site.entrance.security == Security::Starttls {
                session = self.upgraded(session).await?;
            }
            let permissions = &self.site.permissions;
            login::may_send_password(session.tls(), permissions.loopback, permissions.cleartext_password)?;
            let reply = exchange(&mut session, &greeting).await?;
            if reply.is_ok() {
                session.belongs_to(Rc::clone(account));
            }
            if !login::is_busy(&reply) || Instant::now() >= deadline {
                return Ok((session, reply));
            }
            drop(session);
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }

    /// Here STLS only leads to the point of a check; it is judged by the checks of RFC 2595.
    async fn upgraded(&self, mut session: Session) -> Result<Session, Stop> {
        session.assume_ok("STLS").await?;
        session.start_tls(&self.site.dialer, &self.tls_options()).await.map_err(|stop| match stop {
            Stop::Fail(seen) => Stop::Inconclusive(seen),
            other => other,
        })?;
        Ok(session)
    }

    /// A session in a maildrop of role `fixtures` that holds at least this many messages; any mail will do.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if the maildrop holds fewer.
    pub async fn mail(&self, at_least: u64) -> Result<Session, Stop> {
        let mut session = self.login(Role::Fixtures).await?;
        let (count, _) = session.assume_ok("STAT").await?.totals()?;
        if count < at_least {
            return skipped(format!("the maildrop holds {count} messages, {at_least} are needed"));
        }
        Ok(session)
    }

    /// A session in a maildrop that holds this fixture.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if no maildrop holds it.
    pub async fn fixture(&self, name: &str) -> Result<Placed, Stop> {
        let account = self.account(Role::Fixtures).await?;
        let Some(number) = self.number_of(&account, name) else {
            return skipped(format!(
                "the fixture `{name}` is not in the maildrop of `{}`; `poplab seed` puts it there",
                account.user
            ));
        };
        let session = self.login_to(&account).await?;
        let fixture = self.made(name)?;
        Ok(Placed { session, number, fixture })
    }

    /// The number of a fixture in an account's maildrop, as surveyed.
    pub fn number_of(&self, account: &Account, name: &str) -> Option<u64> {
        self.survey().fixtures.get(&account.user)?.get(name).copied()
    }

    /// The fixture as poplab made it.
    ///
    /// # Errors
    /// [`Stop::Skipped`] for an unknown name.
    pub fn made(&self, name: &str) -> Result<Fixture, Stop> {
        let seed = self.site.seed;
        if name == "fx.large" {
            return Ok(mail::large(seed));
        }
        match self.site.corpus(seed).iter().find(|fixture| fixture.name == name) {
            Some(fixture) => Ok(fixture.clone()),
            None => skipped(format!("the corpus has no fixture `{name}`")),
        }
    }

    /// A session in a disposable maildrop in which every message was just seen to be poplab's: DELE is permitted.
    ///
    /// # Errors
    /// [`Stop::Skipped`] without `--allow-delete`, without such an account, or if foreign mail is in it.
    pub async fn deletable(&self, at_least: u64) -> Result<Session, Stop> {
        if !self.site.permissions.allow_delete {
            return skipped("sends DELE, so it needs --allow-delete and an account with role `disposable`");
        }
        loop {
            let account = self.account(Role::Disposable).await?;
            let mut session = self.login_to(&account).await?;
            let listed = session.assume_ok("LIST").await?.scan_listing()?;
            if (listed.len() as u64) < at_least {
                self.give_back_spent(&account)?;
                continue;
            }
            self.require_marked(&mut session, listed.iter().map(|(number, _)| *number)).await?;
            session.permit(Permission::AllMarked);
            return Ok(session);
        }
    }

    /// Gives back an account whose mail earlier checks used up; another may have more.
    fn give_back_spent(&self, account: &Account) -> Outcome {
        account.spend();
        self.lent.borrow_mut().retain(|lent| lent.account().user != account.user);
        if !self.site.pool.has_mail(Role::Disposable) {
            return skipped(
                "the `disposable` maildrops have run out of mail; `poplab seed` puts new mail there",
            );
        }
        Ok(())
    }

    /// Looks at the head of every message; the marker must stand in each.
    async fn require_marked(&self, session: &mut Session, numbers: impl Iterator<Item = u64>) -> Outcome {
        // Numbers from LIST, and those STAT counts: a server that leaves a message out of one hides it from us.
        let (count, _) = session.assume_ok("STAT").await?.totals()?;
        let numbers: BTreeSet<u64> = numbers.chain(1..=count.min(MARKED_AT_MOST)).collect();
        if count > MARKED_AT_MOST {
            return skipped(format!(
                "the maildrop holds {count} messages, too many to look at before deleting one"
            ));
        }
        for number in numbers {
            let reply = if self.survey().has_top {
                session.command(format!("TOP {number} 0")).await?
            } else {
                session.command(format!("RETR {number}")).await?
            };
            if !reply.is_ok() || Marker::parse(reply.octets()).is_none() {
                let user = session.account()?.user.clone();
                return skipped(format!(
                    "message {number} of `{user}` does not carry poplab's marker; nothing is deleted there"
                ));
            }
        }
        Ok(())
    }
}
