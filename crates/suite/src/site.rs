//! What a run knows of one entrance of the target before the first check, and what all its checks share.
//!
//! A [`Site`] is filled once by [`crate::survey()`] and read by every [`crate::lab::Lab`]. It deliberately holds no
//! connection.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use mail::Fixture;
use net::{Dialer, Endpoint, TlsFacts};
use sasl::Mechanism;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::login::Method;
use crate::operator::Operations;
use crate::outcome::Stop;
use crate::pool::Pool;
use crate::session::Patience;
use crate::silence::Silences;

/// How an entrance is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet (port 995).
    Implicit,
    /// Cleartext, upgraded by STLS before login (port 110).
    Starttls,
    /// Cleartext throughout.
    Clear,
}

impl std::fmt::Display for Security {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Implicit => "implicit-tls",
            Self::Starttls => "starttls",
            Self::Clear => "cleartext",
        })
    }
}

/// One port of the target.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Where.
    pub endpoint: Endpoint,
    /// How it is protected.
    pub security: Security,
}

/// Which mail may stand in transcripts and verdicts. Of the rest only the octets are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MailShown {
    /// None: the accounts are somebody's.
    #[default]
    None,
    /// What bears poplab's marker: the accounts are for testing.
    Marked,
    /// All, as the user said.
    All,
}

/// What the user allowed and asked for.
#[derive(Debug, Clone)]
pub struct Permissions {
    /// `--allow-delete`: marked mail in disposable accounts may be deleted.
    pub allow_delete: bool,
    /// Whose mail may stand in transcripts and verdicts.
    pub mail_shown: MailShown,
    /// `--tls none`: passwords may go in cleartext to any host.
    pub cleartext_password: bool,
    /// The address is loopback, so that source addresses can be chosen and cleartext harms nobody.
    pub loopback: bool,
    /// Which checks are worth what they cost.
    pub costs: Costs,
}

/// Which checks are carried out that cost more than their conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// Those that wait some seconds.
    pub waits: bool,
    /// `--slow`: those that wait some minutes.
    pub slow: bool,
    /// `--stress`: those that put a load on the server.
    pub stress: bool,
}

impl Costs {
    /// What nobody has to ask for.
    pub const USUAL: Costs = Costs { waits: true, slow: false, stress: false };
    /// All.
    pub const ALL: Costs = Costs { waits: true, slow: true, stress: true };
}

/// A capability line: tag in upper case, and its parameters as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// The tag.
    pub tag: String,
    /// The parameters.
    pub parameters: Vec<String>,
}

/// Something the first look saw that is wrong, and whose requirement is a check's to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The requirement.
    pub id: &'static str,
    /// What was seen.
    pub seen: String,
}

/// What the survey found.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Survey {
    /// The greeting line; empty if none came.
    pub greeting: Vec<u8>,
    /// Whether the server greets without being spoken to, as it must.
    pub is_unprompted: bool,
    /// Whether one that does not greets as soon as it is spoken to, and answers then.
    pub greets_when_spoken_to: bool,
    /// Whether the greeting begins with a word of another protocol, at a server that speaks POP3.
    pub greets_oddly: bool,
    /// Whether the greeting comes in the clear, before the handshake that is due first.
    pub greets_in_clear: bool,
    /// Lines that come behind the greeting line.
    pub surplus_lines: usize,
    /// Why there is no STLS although it is announced, if it is so.
    pub stls_broken: Option<String>,
    /// Whether a lock was seen to outlive its connection where that ended without QUIT.
    pub lock_outlives: bool,
    /// Whether a maildrop was seen to stay locked after QUIT.
    pub quit_keeps_lock: bool,
    /// Whether USER is announced and refuses those who can log in otherwise.
    pub user_refused: bool,
    /// Why nobody could log in, if it is so.
    pub no_login: Option<Stop>,
    /// What was seen to be wrong.
    pub observations: Vec<Observation>,
    /// What people should know, one sentence each.
    pub notices: Vec<String>,
    /// Capabilities before login and before STLS; `None` without CAPA.
    pub first_capabilities: Option<Vec<Capability>>,
    /// Capabilities before login on the channel that is used (after STLS).
    pub capabilities: Option<Vec<Capability>>,
    /// Capabilities after login.
    pub session_capabilities: Option<Vec<Capability>>,
    /// TOP works, announced or not.
    pub has_top: bool,
    /// UIDL works, announced or not.
    pub has_uidl: bool,
    /// How to log in; `None` without accounts.
    pub method: Option<Method>,
    /// The measured round trip.
    pub round_trip: Duration,
    /// TLS facts of the channel.
    pub tls: Option<TlsFacts>,
    /// By account: fixture name to message number.
    pub fixtures: BTreeMap<String, BTreeMap<String, u64>>,
}

/// One entrance, surveyed.
#[derive(Clone)]
pub struct Site {
    /// The port.
    pub entrance: Entrance,
    /// Makes connections to it.
    pub dialer: Dialer,
    /// The accounts, shared by all entrances of a run.
    pub pool: Pool,
    /// What may be done.
    pub permissions: Permissions,
    /// What was found.
    pub survey: Survey,
    /// How long to wait.
    pub patience: Patience,
    /// The run's seed: client nonces and the order of cuts follow from it.
    pub seed: u64,
    /// When the run has to end.
    pub until: Option<Instant>,
    /// The run's connections to it.
    pub crowd: Rc<Crowd>,
    pub(crate) silences: Rc<Silences>,
    /// Mechanisms that are announced and were refused without a look at credentials.
    pub(crate) refused_mechanisms: Rc<RefCell<BTreeSet<Mechanism>>>,
    /// The checks that are left run alone, and nothing has to be spared for others any more.
    pub(crate) last_round: Rc<Cell<bool>>,
    /// What can be done to the server beside POP3, if the user said how.
    pub operations: Option<Rc<Operations>>,
    pub(crate) corpora: RefCell<HashMap<u64, Rc<Vec<Fixture>>>>,
}

impl Default for Survey {
    /// Nothing is known; a server greets.
    fn default() -> Self {
        Self {
            greeting: Vec::new(),
            is_unprompted: true,
            greets_when_spoken_to: false,
            greets_oddly: false,
            greets_in_clear: false,
            surplus_lines: 0,
            stls_broken: None,
            lock_outlives: false,
            quit_keeps_lock: false,
            user_refused: false,
            no_login: None,
            observations: Vec::new(),
            notices: Vec::new(),
            first_capabilities: None,
            capabilities: None,
            session_capabilities: None,
            has_top: false,
            has_uidl: false,
            method: None,
            round_trip: Duration::ZERO,
            tls: None,
            fixtures: BTreeMap::new(),
        }
    }
}

impl Survey {
    /// The capability with this tag before login on the channel that is used.
    pub fn capability(&self, tag: &str) -> Option<&Capability> {
        self.capabilities.iter().flatten().find(|capability| capability.tag.eq_ignore_ascii_case(tag))
    }

    /// The capability with this tag after login.
    pub fn session_capability(&self, tag: &str) -> Option<&Capability> {
        self.session_capabilities.iter().flatten().find(|capability| capability.tag.eq_ignore_ascii_case(tag))
    }

    /// Whether a tag stands in either list.
    pub fn announces(&self, tag: &str) -> bool {
        self.capability(tag).is_some() || self.session_capability(tag).is_some()
    }

    /// Whether STLS is announced before login in cleartext.
    pub fn announces_stls(&self) -> bool {
        self.first_capabilities.iter().flatten().any(|capability| capability.tag.eq_ignore_ascii_case("STLS"))
    }

    /// Mechanisms of the SASL tag, upper case.
    pub fn mechanisms(&self) -> Vec<String> {
        let parameters =
            self.capability("SASL").map(|capability| capability.parameters.clone()).unwrap_or_default();
        parameters.iter().map(|name| name.to_ascii_uppercase()).collect()
    }

    /// The same before any STLS.
    pub fn first_mechanisms(&self) -> Vec<String> {
        let mut lists = self.first_capabilities.iter().flatten();
        let sasl = lists.find(|capability| capability.tag.eq_ignore_ascii_case("SASL"));
        sasl.map(|sasl| sasl.parameters.iter().map(|name| name.to_ascii_uppercase()).collect())
            .unwrap_or_default()
    }

    /// The first announced mechanism in which the server speaks first and which poplab knows.
    pub fn server_first_mechanism(&self) -> Option<Mechanism> {
        let announced = self.mechanisms();
        Mechanism::ALL
            .iter()
            .copied()
            .find(|known| known.server_first() && announced.contains(&known.name().to_owned()))
    }

    /// Whether CAPA works before login, with and without TLS.
    pub(crate) fn knows_capa(&self) -> bool {
        self.first_capabilities.is_some() && self.capabilities.is_some()
    }

    /// Whether the first look was given a list that was none.
    pub(crate) fn capa_is_odd(&self) -> bool {
        self.observations.iter().any(|observation| observation.id == "rfc2449.capa.format")
    }

    /// The APOP timestamp of the surveyed greeting.
    pub fn timestamp(&self) -> Option<&str> {
        sasl::apop::timestamp(&self.greeting)
    }

    /// Whether the server announces that retrieved mail is deleted (RFC 2449 section 6.7).
    pub fn expire_zero(&self) -> bool {
        let lists = [self.capability("EXPIRE"), self.session_capability("EXPIRE")];
        lists.into_iter().flatten().any(|expire| expire.parameters.first().is_some_and(|days| days == "0"))
    }
}

impl Site {
    /// The fixture corpus of a seed, made once.
    pub fn corpus(&self, seed: u64) -> Rc<Vec<Fixture>> {
        let mut corpora = self.corpora.borrow_mut();
        Rc::clone(corpora.entry(seed).or_insert_with(|| Rc::new(mail::corpus(seed))))
    }

    /// The name of the entrance in records: how it is protected. A port is no part of it, since the same check of the
    /// same server must have the same name in every run.
    pub fn label(&self) -> String {
        self.entrance.security.to_string()
    }
}
