//! Legal varieties of the server, each with a name: what real servers do otherwise than this one, and may.
//!
//! A persona breaks no rule, so whoever judges servers must not accuse it: that is what personas are for. One file for
//! each family; a row has the id, one sentence, what makes it legal ([`right`](Persona::right)), and how it acts: by
//! [hooks](Hooks), by how the server is set up, or by what becomes of mail at its delivery. Several can be combined, though
//! nobody promises that two of them together are one possible server. What is wrong is deliberately not here, however
//! common it is: see [`crate::defects`].

mod arrivals;
mod capabilities;
mod closing;
mod commands;
mod login;
mod mail_kept;
mod pace;
mod texts;
mod tls;
mod unique_ids;

use proto::Verb;

use crate::Configuration;
use crate::reply::{Content, Reply};
use crate::twist::Asked;
use crate::twist::hooks::{self, Hooks};

/// One legal variety.
pub struct Persona {
    /// Its name on the command line and in reports. It never changes its meaning.
    pub id: &'static str,
    /// One sentence: what the server does otherwise.
    pub summary: &'static str,
    /// The sentence of the RFC, or the decision of the catalogue on an ambiguity, by which it may.
    pub right: &'static str,
    /// Requirements of level *practice* that it does not follow: no RFC asks for them, so they may be told as warnings.
    pub practice: &'static [&'static str],
    pub(crate) form: Form,
}

/// What becomes of the octets of a message.
type Delivery = fn(&[u8]) -> Vec<u8>;

/// How a persona acts.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) hooks: Hooks,
    set_up: Option<fn(&mut Configuration)>,
    delivered: Option<Delivery>,
}

/// All personas, family by family.
const FAMILIES: &[&[Persona]] = &[
    texts::ROWS,
    closing::ROWS,
    commands::ROWS,
    capabilities::ROWS,
    login::ROWS,
    tls::ROWS,
    pace::ROWS,
    mail_kept::ROWS,
    unique_ids::ROWS,
    arrivals::ROWS,
];

/// All personas there are, in the order of the families.
pub fn personas() -> impl Iterator<Item = &'static Persona> + Clone {
    FAMILIES.iter().flat_map(|rows| rows.iter())
}

impl Persona {
    /// The persona with this id.
    pub fn parse(id: &str) -> Option<&'static Persona> {
        personas().find(|persona| persona.id == id)
    }
}

impl PartialEq for Persona {
    fn eq(&self, other: &Persona) -> bool {
        self.id == other.id
    }
}

impl Eq for Persona {}

impl std::fmt::Debug for Persona {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.id)
    }
}

/// A set of personas. Those of one session act in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Personas(Vec<&'static Persona>);

impl Personas {
    /// None: the server as it is by itself.
    pub const NONE: Personas = Personas(Vec::new());

    /// Adds a persona.
    pub fn insert(&mut self, persona: &'static Persona) {
        if !self.0.contains(&persona) {
            self.0.push(persona);
        }
    }

    /// The personas in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &'static Persona> + '_ {
        self.0.iter().copied()
    }

    /// Sets a server up as they are.
    pub(crate) fn set_up(configuration: &mut Configuration) {
        for persona in configuration.personas.clone().iter() {
            if let Some(set_up) = persona.form.set_up {
                set_up(configuration);
            }
        }
    }

    /// What becomes of a message when it is delivered; `None` if it stays as it is.
    pub(crate) fn delivered(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for deliver in self.iter().filter_map(|persona| persona.form.delivered) {
            changed = Some(deliver(changed.as_deref().unwrap_or(octets)));
        }
        changed
    }
}

impl FromIterator<&'static Persona> for Personas {
    fn from_iter<Source: IntoIterator<Item = &'static Persona>>(source: Source) -> Personas {
        let mut personas = Personas::NONE;
        source.into_iter().for_each(|persona| personas.insert(persona));
        personas
    }
}

impl From<&'static Persona> for Personas {
    fn from(persona: &'static Persona) -> Personas {
        Personas(vec![persona])
    }
}

/// Acts in sessions.
const fn acts(hooks: Hooks) -> Form {
    Form { hooks, set_up: None, delivered: None }
}

/// Is set up in another way.
const fn set_up(change: fn(&mut Configuration)) -> Form {
    Form { hooks: hooks::NONE, set_up: Some(change), delivered: None }
}

/// Keeps mail in another way.
const fn delivers(change: Delivery) -> Form {
    Form { hooks: hooks::NONE, set_up: None, delivered: Some(change) }
}

/// Changes the list that CAPA gives.
fn capabilities(asked: &Asked, reply: &mut Reply, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    if !asked.is(Verb::Capa) || !reply.is_ok() {
        return;
    }
    let mut lines = Vec::new();
    reply.replace_lines(|_, line| {
        lines.push(line);
        Vec::new()
    });
    change(&mut lines);
    reply.content = Some(Box::new(Content::lines(lines)));
}

/// Leaves out of the list that CAPA gives what has one of these tags.
fn unannounced(asked: &Asked, reply: &mut Reply, tags: &[&str]) {
    capabilities(asked, reply, |lines| {
        lines.retain(|line| {
            let tag = line.split(|octet| *octet == b' ').next().unwrap_or_default();
            !tags.iter().any(|one| one.as_bytes() == tag)
        });
    });
}

/// Takes the code AUTH away, as who has no CAPA should do in which AUTH-RESP-CODE could stand (RFC 3206 section 5).
fn without_auth_code(reply: &mut Reply) {
    if reply.code == Some("AUTH") {
        reply.code = None;
    }
}

/// Refuses these commands as unknown.
fn unknown(asked: &Asked, verbs: &[Verb]) -> Option<Reply> {
    asked.verb().filter(|verb| verbs.contains(verb)).map(|_| Reply::err("Unknown command"))
}

/// The greeting without the timestamp that announces APOP (RFC 1939 section 7).
fn plain_greeting(asked: &Asked, reply: &mut Reply) {
    if *asked == Asked::Nothing && reply.is_ok() {
        reply.reword("POP3 server ready");
    }
}

/// Whether this may open a maildrop.
fn logs_in(asked: &Asked) -> bool {
    asked.response().is_some() || matches!(asked.verb(), Some(Verb::Pass | Verb::Apop | Verb::Auth))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Persona, personas};

    #[test]
    fn names_are_unique_and_each_says_why_it_may() {
        let ids: BTreeSet<_> = personas().map(|persona| persona.id).collect();
        assert_eq!(ids.len(), personas().count());
        for persona in personas() {
            assert_eq!(Persona::parse(persona.id), Some(persona));
            assert!(!persona.summary.is_empty() && !persona.summary.ends_with('.'), "{}", persona.id);
            let from = persona.right.starts_with("RFC ") || persona.right.starts_with('A');
            assert!(from && persona.right.len() > 20, "{}", persona.id);
        }
    }
}
