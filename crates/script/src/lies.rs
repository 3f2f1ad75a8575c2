//! What a server says of its mail and of itself that is not so. The mail itself stays what it is.

use std::collections::BTreeMap;

/// What is not so. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lies {
    /// How many messages STAT says there are.
    pub count: Option<Told>,
    /// How many octets STAT says they have.
    pub octets: Option<Told>,
    /// In LIST.
    pub list: Listing,
    /// In UIDL.
    pub uidl: Listing,
    /// In CAPA; all that apply do, one after the other.
    pub capabilities: Vec<Capabilities>,
}

/// What is not so in a listing of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Other sizes, or other unique-ids; also where one message is asked for.
    pub values: Values,
    /// Other message numbers; also where one message is asked for.
    pub numbers: Values,
    /// Messages that are not in the listing, though they are there.
    pub leave_out: Vec<u64>,
    /// The last message comes first.
    pub reversed: bool,
    /// Lines at the end.
    pub add: Vec<Vec<u8>>,
}

/// What is told of messages in place of the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// Nothing else.
    #[default]
    True,
    /// The same of all of them.
    All(Told),
    /// Of some, by their true numbers.
    Some(BTreeMap<u64, Told>),
}

impl Values {
    /// What is told of the message of this number; `None` if that is the truth.
    pub fn of(&self, number: u64) -> Option<&Told> {
        match self {
            Values::True => None,
            Values::All(told) => Some(told),
            Values::Some(some) => some.get(&number),
        }
    }
}

/// What CAPA says that is not so. Everything that is said of when it applies must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Tags of lines that are not there.
    pub hide: Vec<String>,
    /// Lines at the end.
    pub add: Vec<Vec<u8>>,
    /// Only in this state.
    pub state: Option<crate::State>,
    /// Only with TLS, or only without.
    pub tls: Option<bool>,
    /// Only in the session of this number.
    pub session: Option<u64>,
    /// Only at this CAPA of a session, counted from 1.
    pub nth: Option<u64>,
}

/// A text that is told: octets, and places where something of the moment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Octets(Vec<u8>),
    Fact(Fact),
}

/// Something of the moment that a text may tell.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Value,
    Number,
    Session,
    Times,
}

/// What a text may tell of the moment.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// `{value}`: the truth.
    pub value: &'a [u8],
    /// `{number}`: the true number of the message.
    pub number: u64,
    /// `{session}`: the number of the session.
    pub session: u64,
    /// `{times}`: how often this command was said in the session, this time included.
    pub times: u64,
}

impl Fact {
    /// As they are written, without their brackets.
    pub(crate) const ALL: [(&'static str, Fact); 4] = [
        ("value", Fact::Value),
        ("number", Fact::Number),
        ("session", Fact::Session),
        ("times", Fact::Times),
    ];
}

impl Told {
    /// These octets, always.
    pub fn always(octets: impl Into<Vec<u8>>) -> Told {
        Told(vec![Part::Octets(octets.into())])
    }

    /// More octets behind it.
    pub(crate) fn push_octets(&mut self, octets: Vec<u8>) {
        self.0.push(Part::Octets(octets));
    }

    /// A place behind it where this stands.
    pub(crate) fn push_fact(&mut self, fact: Fact) {
        self.0.push(Part::Fact(fact));
    }

    /// The text at a moment.
    pub fn at(&self, facts: Facts<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Octets(octets) => text.extend_from_slice(octets),
                Part::Fact(Fact::Value) => text.extend_from_slice(facts.value),
                Part::Fact(Fact::Number) => text.extend_from_slice(facts.number.to_string().as_bytes()),
                Part::Fact(Fact::Session) => text.extend_from_slice(facts.session.to_string().as_bytes()),
                Part::Fact(Fact::Times) => text.extend_from_slice(facts.times.to_string().as_bytes()),
            }
        }
        text
    }
}
