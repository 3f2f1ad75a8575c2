//! What servers may do and some do. Nothing of it is wrong; whoever judges servers must not take it for a defect.

use std::sync::Arc;

use proto::Verb;

use crate::oauth::Tokens;
use crate::reply::{Reply, Then};
use crate::restrictions::Restrictions;
use crate::retention::Retention;
use crate::twist::{Asked, Circumstance, Twist};
use crate::{Configuration, Defect, Script};

/// What a server does that not every server does. The default is none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// After so many refusals on one connection it is closed behind the last one, as against guessing.
    pub refusals: Option<u8>,
    /// Before a login with the right credentials is admitted it is put off so many times with `[LOGIN-DELAY]`.
    pub login_delays: u8,
    /// AUTH and APOP refuse the right password too, as where users have other passwords for them.
    pub password_for_user_only: bool,
    /// A busy maildrop is refused by `-ERR` and a text, without `[IN-USE]` (RFC 1939 section 4 asks for no more).
    pub busy_without_code: bool,
    /// Whether what was retrieved may be deleted.
    pub expiry: Expiry,
    /// QUIT removes nothing, as where deleted mail is archived.
    pub keeps_deleted: bool,
}

/// What EXPIRE announces (RFC 2449 section 6.7). Nothing is deleted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    #[default]
    Never,
    /// With the session that retrieved it.
    AtOnce,
    /// For the users of this laboratory, as is told after login, with the session that retrieved it.
    AtOnceAfterLogin,
}

impl Twist for Policy {
    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        if let Some(open) =
            circumstance.open_mut().filter(|_| self.keeps_deleted && asked.is_bare(Verb::Quit))
        {
            for index in open.marks() {
                open.mark(index, false);
            }
        }
        None
    }

    fn reply(&self, circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        let by_password = asked.is(Verb::Pass);
        if self.password_for_user_only && reply.is_ok() && logs_in(asked) && !by_password {
            circumstance.log_out();
            *reply = Reply::coded("AUTH", "Wrong name or password");
        }
        if self.login_delays > 0 && reply.is_ok() && logs_in(asked) && self.puts_off(circumstance) {
            *reply = Reply::coded("LOGIN-DELAY", "Not so soon");
        }
        if self.busy_without_code && reply.code == Some("IN-USE") {
            *reply = Reply::err("Not this time");
        }
        if asked.is(Verb::Capa)
            && let Some(announced) = self.announces(circumstance.logged_in())
        {
            reply
                .map_lines(move |_, line| if line.starts_with(b"EXPIRE ") { announced.into() } else { line });
        }
        let refusals = circumstance.past.refusals.saturating_add(u32::from(reply.is_err()));
        if reply.is_err() && self.refusals.is_some_and(|patience| refusals >= patience.into()) {
            reply.then = Then::Close;
        }
    }
}

/// The policies of a configuration and of a script, as twists.
pub(crate) fn twists(configuration: &Configuration, script: Option<&Script>) -> Vec<Arc<dyn Twist>> {
    let none = script::Policy::default();
    let script = script.map_or(&none, |script| &script.policy);
    let mut twists: Vec<Arc<dyn Twist>> = Vec::new();
    let policy = configuration.policy.with(script);
    if policy != Policy::default() {
        twists.push(Arc::new(policy));
    }
    let restrictions = Restrictions::of(script).map(|twist| Arc::new(twist) as Arc<dyn Twist>);
    let retention = Retention::of(script).map(|twist| Arc::new(twist) as Arc<dyn Twist>);
    let tokens = Tokens::of(script).map(|twist| Arc::new(twist) as Arc<dyn Twist>);
    twists.extend(restrictions.into_iter().chain(retention).chain(tokens));
    // These are wrong by RFC 1939 section 4, so there are defects that do the same.
    let defect = match script.lock {
        script::Lock::Exclusive => None,
        script::Lock::None => Defect::parse("rfc1939.lock.none"),
        script::Lock::Stale => Defect::parse("rfc1939.lock.outlives-connection"),
    };
    twists.extend(defect.map(|defect| Arc::new(defect.hooks) as Arc<dyn Twist>));
    twists
}

impl Policy {
    /// The same with what a script asks for.
    fn with(self, script: &script::Policy) -> Policy {
        Policy {
            refusals: script.refusals.or(self.refusals),
            login_delays: self.login_delays.max(script.login_delays),
            password_for_user_only: self.password_for_user_only || script.password_for_user_only,
            busy_without_code: self.busy_without_code || script.busy_without_code,
            keeps_deleted: self.keeps_deleted || (script.deleted == script::Deleted::Kept),
            expiry: self.expiry,
        }
    }

    /// Whether the login that has just succeeded is to be tried again; if so, it is undone.
    fn puts_off(self, circumstance: &mut Circumstance<'_>) -> bool {
        let Some(transaction) = circumstance.open() else { return false };
        let put_off = circumstance.with(transaction.owner, |maildrop| {
            let notes = maildrop.notes();
            let earlier = notes.put_off;
            let again = earlier < self.login_delays;
            notes.put_off = if again { earlier + 1 } else { 0 };
            again
        });
        if put_off {
            circumstance.log_out();
        }
        put_off
    }

    fn announces(self, logged_in: bool) -> Option<&'static [u8]> {
        match self.expiry {
            Expiry::Never => None,
            Expiry::AtOnceAfterLogin if !logged_in => Some(b"EXPIRE 0 USER"),
            Expiry::AtOnce | Expiry::AtOnceAfterLogin => Some(b"EXPIRE 0"),
        }
    }
}

/// Whether this may open a maildrop.
fn logs_in(asked: &Asked) -> bool {
    asked.response().is_some() || matches!(asked.verb(), Some(Verb::Pass | Verb::Apop | Verb::Auth))
}
