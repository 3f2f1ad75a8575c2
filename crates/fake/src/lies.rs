//! The lies of a script, as a twist: what STAT, LIST, UIDL and CAPA say is changed, and nothing else is.

use std::sync::atomic::{AtomicU64, Ordering};

use proto::Verb;
use script::{Capabilities, Facts, Listing, State, Told};

use crate::Channel;
use crate::reply::{Content, Reply};
use crate::twist::{Asked, Circumstance};

/// What lies are called in transcripts and messages.
const NAMES: [&str; 4] = ["lie of STAT", "lie of LIST", "lie of UIDL", "lie of CAPA"];

/// The lies of a script in use.
#[derive(Debug)]
pub(crate) struct Lies {
    lies: script::Lies,
    /// How often each was told, in the order of [`NAMES`].
    told: [AtomicU64; 4],
}

/// What is known when a lie is told.
#[derive(Clone, Copy)]
struct Moment {
    session: u64,
    times: u64,
}

impl Lies {
    pub(crate) fn of(lies: &script::Lies) -> Lies {
        Lies { lies: lies.clone(), told: Default::default() }
    }

    /// What they are called, and how often each was told.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, u64)> {
        let lies = &self.lies;
        let there = [
            lies.count.is_some() || lies.octets.is_some(),
            lies.list != Listing::default(),
            lies.uidl != Listing::default(),
            !lies.capabilities.is_empty(),
        ];
        let counts = self.told.iter().map(|count| count.load(Ordering::Relaxed));
        let all = NAMES.into_iter().zip(there).zip(counts);
        all.filter_map(|((name, there), count)| there.then_some((name, count)))
    }

    /// Changes a reply, if there is a lie about what it says.
    pub(crate) fn tell(&self, circumstance: &Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        let Some(verb) = asked.verb().filter(|_| reply.is_ok()) else { return };
        let times = u64::from(circumstance.past.count(verb)) + 1;
        let moment = Moment { session: circumstance.session.number, times };
        let (place, told) = match verb {
            Verb::Stat => (0, self.stat(reply, moment)),
            Verb::List => (1, listing(&self.lies.list, reply, moment)),
            Verb::Uidl => (2, listing(&self.lies.uidl, reply, moment)),
            Verb::Capa => (3, self.capabilities(circumstance, reply, moment)),
            _ => return,
        };
        if let Some((count, name)) = self.told.get(place).zip(NAMES.get(place)).filter(|_| told) {
            count.fetch_add(1, Ordering::Relaxed);
            reply.faults.push((*name).to_owned());
        }
    }

    fn stat(&self, reply: &mut Reply, moment: Moment) -> bool {
        let text = reply.text().into_owned();
        let Some((count, octets)) = parted(&text) else { return false };
        let said = |lie: &Option<Told>, truth: &[u8]| match lie {
            Some(told) => told.at(moment.facts(truth, 0)),
            None => truth.to_vec(),
        };
        let lie = [&said(&self.lies.count, count)[..], b" ", &said(&self.lies.octets, octets)].concat();
        let told = lie != text;
        if told {
            reply.reword(lie);
        }
        told
    }

    fn capabilities(&self, circumstance: &Circumstance<'_>, reply: &mut Reply, moment: Moment) -> bool {
        let state = if circumstance.logged_in() { State::Transaction } else { State::Authorization };
        let tls = circumstance.session.channel == Channel::Tls;
        let applies = |lie: &&Capabilities| {
            lie.state.is_none_or(|wanted| wanted == state)
                && lie.tls.is_none_or(|wanted| wanted == tls)
                && lie.session.is_none_or(|wanted| wanted == moment.session)
                && lie.nth.is_none_or(|wanted| wanted == moment.times)
        };
        let Some(truth) = lines(reply) else { return false };
        let mut lines = truth.clone();
        for lie in self.lies.capabilities.iter().filter(applies) {
            lines.retain(|line| {
                let tag = parted(line).map_or(&line[..], |(tag, _)| tag);
                !lie.hide.iter().any(|hidden| hidden.as_bytes().eq_ignore_ascii_case(tag))
            });
            lines.extend(lie.add.iter().cloned());
        }
        let told = lines != truth;
        reply.content = Some(Box::new(Content::lines(lines)));
        told
    }
}

impl Moment {
    fn facts(self, value: &[u8], number: u64) -> Facts<'_> {
        Facts { value, number, session: self.session, times: self.times }
    }
}

/// Changes a listing, or what is said of one message; tells whether anything is another now.
fn listing(lie: &Listing, reply: &mut Reply, moment: Moment) -> bool {
    if *lie == Listing::default() {
        return false;
    }
    let Some(truth) = lines(reply) else {
        let text = reply.text().into_owned();
        let said = entry(lie, &text, moment);
        let told = said != text;
        reply.reword(said);
        return told;
    };
    let left =
        truth.iter().filter(|line| !number(line).is_some_and(|number| lie.leave_out.contains(&number)));
    let mut lines: Vec<Vec<u8>> = left.map(|line| entry(lie, line, moment)).collect();
    if lie.reversed {
        lines.reverse();
    }
    lines.extend(lie.add.iter().cloned());
    let told = lines != truth;
    reply.content = Some(Box::new(Content::lines(lines)));
    told
}

/// What is said of one message: its number, a space, and its size or unique-id.
fn entry(lie: &Listing, truth: &[u8], moment: Moment) -> Vec<u8> {
    let Some((number, (first, value))) = number(truth).zip(parted(truth)) else { return truth.to_vec() };
    let said = |told: Option<&Told>, truth: &[u8]| {
        told.map_or_else(|| truth.to_vec(), |told| told.at(moment.facts(truth, number)))
    };
    [&said(lie.numbers.of(number), first)[..], b" ", &said(lie.values.of(number), value)].concat()
}

/// The lines of a listing, which must be put back; `None` for any other reply.
fn lines(reply: &mut Reply) -> Option<Vec<Vec<u8>>> {
    let Some(Content::Lines(_)) = reply.content.as_deref() else { return None };
    let mut lines = Vec::new();
    reply.map_lines(|_, line| {
        lines.push(line.clone());
        line
    });
    Some(lines)
}

fn number(line: &[u8]) -> Option<u64> {
    parted(line).and_then(|(number, _)| proto::number(number))
}

fn parted(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = line.iter().position(|&octet| octet == b' ')?;
    Some((line.get(..space)?, line.get(space + 1..)?))
}
