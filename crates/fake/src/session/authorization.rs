//! The AUTHORIZATION state: USER, PASS, APOP, STLS, UTF8 (RFC 1939 sections 4 and 7, RFC 2595, RFC 6856).
//!
//! AUTH begins here and goes on in [`super::exchange`]. There are deliberately no penalties for failures; a
//! laboratory would only punish its own users.

use proto::Verb;

use super::{After, Arguments, Session};
use crate::maildrop::Maildrop;
use crate::session::transaction::{Remembered, Transaction};
use crate::world::Owner;
use crate::{Channel, Defect};

impl Session {
    pub(super) fn authorize(&mut self, verb: Verb, arguments: &Arguments<'_>) {
        match verb {
            Verb::User => self.user(arguments),
            Verb::Pass => self.pass(arguments),
            Verb::Apop => self.apop(arguments),
            Verb::Auth => self.auth(arguments),
            Verb::Stls => self.stls(),
            Verb::Utf8 => {
                self.utf8 = true;
                self.ok("UTF8 mode");
            }
            Verb::Stat if self.lets_stat_through() => self.ok("0 0"),
            Verb::Noop if self.broken(Defect::NoopBeforeLogin) => self.ok("Nothing done"),
            _ => self.err("Log in first"),
        }
    }

    /// Whether a name and a password in the clear may be sent on this channel (RFC 2595 section 2.3).
    pub(super) fn takes_cleartext(&self) -> bool {
        self.channel == Channel::Tls || self.world.configuration().cleartext_login
    }

    fn user(&mut self, arguments: &Arguments<'_>) {
        let [name] = arguments.words[..] else {
            if self.broken(Defect::BareUserOk) && arguments.words.is_empty() {
                return self.ok("Send PASS");
            }
            return self.err("USER takes one name");
        };
        if !self.takes_cleartext() {
            return self.err("No cleartext passwords here: use STLS or another mechanism");
        }
        if self.broken(Defect::UnknownUserSpoils) && self.owner(name).is_none() {
            self.past.spoilt = true;
            return self.err("No such user");
        }
        self.name = Some(name.to_vec());
        self.past.named = true;
        if self.broken(Defect::LockAtUser) {
            self.hold_name(name);
        }
        // The same for names that do not exist: who asks does not learn who has mail here.
        self.ok("Send PASS");
        if self.broken(Defect::SplitsLongNames) && name.len() > 39 {
            self.err("Unknown command");
        }
    }

    fn pass(&mut self, arguments: &Arguments<'_>) {
        let password = arguments.words.first().copied().unwrap_or_default();
        let Some(name) = self.name.take() else { return self.pass_without_user(password) };
        let owner = self.owner(&name);
        if password.is_empty() && !self.broken(Defect::PassEmptyOk) {
            return self.err("PASS needs a password");
        }
        match owner {
            Some(owner) if self.is_password(&self.world.password(owner), password) => {
                let failed = self.broken(Defect::RefusesAfterFailure) && self.past.failed.pass;
                if failed || self.past.spoilt {
                    return self.err("Login refused");
                }
                self.log_in(owner);
                self.loses_input = self.broken(Defect::PipeLosesInput) && self.transaction.is_some();
            }
            _ => {
                self.past.failed.pass = true;
                if self.broken(Defect::PassRemembersName) {
                    self.name = owner.map(|_| name);
                }
                self.refuse_password(owner);
            }
        }
    }

    /// PASS is valid only after a successful USER (RFC 1939 section 7), and a failed PASS uses that up.
    fn pass_without_user(&mut self, password: &[u8]) {
        if self.broken(Defect::PassWithoutUser) && !self.past.named {
            let accounts = &self.world.configuration().accounts;
            let owner = accounts.iter().find(|account| account.password.as_bytes() == password);
            if let Some(owner) = owner.and_then(|account| self.world.find(&account.user)) {
                return self.log_in(owner);
            }
        }
        self.err("Say USER first");
    }

    fn is_password(&self, right: &str, sent: &[u8]) -> bool {
        let right = right.as_bytes();
        right == sent
            || (self.broken(Defect::PassPrefix) && sent.starts_with(right))
            || (self.broken(Defect::PassCaseFolded) && sent.eq_ignore_ascii_case(right))
            || (self.broken(Defect::PassEmptyOk) && sent.is_empty())
    }

    fn refuse_password(&mut self, owner: Option<Owner>) {
        let is_busy = |owner| self.world.with(owner, |maildrop| maildrop.is_locked());
        if self.broken(Defect::InUseForWrongPassword) && owner.is_some_and(is_busy) {
            return self.err("[IN-USE] Maildrop is busy");
        }
        if self.broken(Defect::AuthNotForUnknownUser) && owner.is_none() {
            return self.err("Wrong name or password");
        }
        self.refuse_credentials();
    }

    /// The one answer to all wrong credentials (RFC 3206 section 5).
    pub(super) fn refuse_credentials(&mut self) {
        if self.broken(Defect::StatusWord) {
            return self.output.lines().extend_from_slice(b"+ERR [AUTH] Wrong name or password\r\n");
        }
        self.err("[AUTH] Wrong name or password");
    }

    fn apop(&mut self, arguments: &Arguments<'_>) {
        if self.broken(Defect::ApopUnknown) {
            return self.err("Unknown command");
        }
        let words = &arguments.words[..];
        let owner = words.first().and_then(|name| self.owner(name));
        let &[_, digest] = words else {
            if self.broken(Defect::ApopWithoutDigest) && owner.is_some() {
                return self.ok("Hello");
            }
            return self.err("APOP takes a name and a digest");
        };
        let timestamp = self.timestamp();
        match owner {
            Some(owner)
                if sasl::apop::verify(&timestamp, &self.world.password(owner), digest)
                    && !self.world.configuration().policy.password_for_user_only
                    && !self.broken(Defect::ApopRefuses) =>
            {
                self.log_in(owner);
            }
            _ => {
                self.past.failed.apop = true;
                self.refuse_credentials();
            }
        }
    }

    /// RFC 2595 section 4. What the client sent behind it is the driver's to throw away.
    fn stls(&mut self) {
        if self.channel == Channel::Tls {
            return self.err("TLS is active already");
        }
        self.ok("Begin TLS");
        self.after = After::StartTls;
    }

    /// Opens a maildrop for a user who has proved to be that (RFC 1939 section 4).
    pub(super) fn log_in(&mut self, owner: Owner) {
        if self.is_put_off(owner) {
            return self.err("[LOGIN-DELAY] Not so soon");
        }
        let (number, defects) = (self.number, self.defects);
        let opened = self.world.with(owner, |maildrop| {
            let snapshot = maildrop.open(number, defects)?;
            let abandoned = std::mem::take(&mut maildrop.scars.abandoned);
            let remembered = Remembered { virgin: maildrop.is_virgin(), abandoned, ..Remembered::default() };
            Some((snapshot, remembered))
        });
        let Some((snapshot, remembered)) = opened else {
            self.past.found_busy = true;
            let coded = !self.world.configuration().policy.busy_without_code;
            return self.err(if coded { "[IN-USE] Maildrop is busy" } else { "Not this time" });
        };
        self.release_name();
        self.name = None;
        self.transaction = Some(Transaction::new(owner, snapshot, remembered));
        self.past.logged_in();
        self.ok("Maildrop open");
    }

    /// Whether this login has to be tried again, by policy.
    fn is_put_off(&self, owner: Owner) -> bool {
        let delays = self.world.configuration().policy.login_delays;
        delays > 0
            && self.world.with(owner, |maildrop| {
                let earlier = maildrop.scars.put_off;
                maildrop.scars.put_off = if earlier < delays { earlier + 1 } else { 0 };
                earlier < delays
            })
    }

    /// The account of this name.
    fn owner(&self, name: &[u8]) -> Option<Owner> {
        std::str::from_utf8(name).ok().and_then(|name| self.world.find(name))
    }

    /// Where defects answer STAT although nobody is logged in.
    fn lets_stat_through(&self) -> bool {
        (self.broken(Defect::StatBeforeLogin) && self.past.lines == 0)
            || (self.broken(Defect::StatAfterFailedPass) && self.past.failed.pass)
            || (self.broken(Defect::StatAfterFailedApop) && self.past.failed.apop)
            || (self.broken(Defect::StatAfterLockRefusal) && self.past.found_busy)
    }

    /// Keeps others out before anything was proved. A defect.
    fn hold_name(&mut self, name: &[u8]) {
        let number = self.number;
        self.release_name();
        if let Some(owner) = self.owner(name) {
            self.world.with(owner, |maildrop| {
                if !maildrop.is_locked() {
                    maildrop.scars.named_by.get_or_insert(number);
                }
            });
        }
    }

    /// Undoes [`Session::hold_name`].
    pub(super) fn release_name(&mut self) {
        if self.broken(Defect::LockAtUser) {
            let number = self.number;
            let release = |maildrop: &mut Maildrop| {
                maildrop.scars.named_by = maildrop.scars.named_by.filter(|&first| first != number);
            };
            self.world.with_all(release);
        }
    }
}
