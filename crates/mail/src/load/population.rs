//! Which accounts there are, and how much mail is in each.

use chance::Distribution;
use serde::{Deserialize, Serialize};

use super::message::{LoadMessage, Owner, unique_id};
use super::pattern::{Pattern, expand};
use crate::UniqueId;

/// The largest message made, in octets: 256 MiB. Larger ones are cut down to it.
pub const LARGEST: u64 = 256 * 1024 * 1024;

/// How many sizes a population has at most: the middles of so many equal parts of its distribution. It takes this
/// many bits to choose one.
const PARTS: u64 = 1 << PART_BITS;
const PART_BITS: u32 = 10;

/// How many messages one number of 64 bits chooses sizes for: the login of an account asks for those of all.
const AT_ONCE: u32 = u64::BITS / PART_BITS;

/// Accounts by pattern, all with mail that follows from the seed and the number of the account.
///
/// Nothing depends on `first` and `count`: who moves or widens the range finds the same mail in the same account.
/// An account is asked for by its index, from 0; its number is `first` more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Everything follows from it.
    pub seed: u64,
    /// The login name: a text with the account's number in it, `{n}`, or `{n:05}` for at least five digits. A text
    /// without a number, or one that [`problem_of`](super::problem_of) objects to, is the name of one account.
    pub user: String,
    /// The number of the first account.
    pub first: u64,
    /// How many accounts there are.
    pub count: u64,
    /// How many messages each has.
    pub messages: u32,
    /// The sizes of messages in octets, as RETR transfers them without stuffing and terminator. It is cut into
    /// 1024 equal parts, and a message has the middle of one of them, rounded to an octet.
    ///
    /// No message is smaller than its header and its last line, about 400 octets (the length of the name counts
    /// four times), and none is larger than [`LARGEST`]; what is drawn beyond that is made just that size.
    pub sizes: Distribution,
}

/// The sizes that occur in a population, worked out once: for who asks for those of many accounts.
#[derive(Clone, Debug)]
pub struct Sizes {
    parts: Vec<u64>,
}

impl Population {
    /// The login name of an account.
    pub fn name(&self, index: u64) -> String {
        expand(&self.user, self.number(index))
    }

    /// The account with this login name, octet by octet.
    pub fn index_of(&self, user: impl AsRef<[u8]>) -> Option<u64> {
        let pattern = Pattern::of(&self.user);
        let number = pattern.number(user.as_ref())?;
        if !pattern.is_numbered() {
            return (self.count > 0).then_some(0);
        }
        number.checked_sub(self.first).filter(|index| *index < self.count)
    }

    /// The exact octets of each message of an account, in the order of their numbers.
    pub fn sizes(&self, index: u64) -> impl Iterator<Item = u64> {
        self.sizes_by(index, |part| self.part(part))
    }

    /// A message; they are numbered from 1.
    pub fn message(&self, index: u64, number: u32) -> LoadMessage<'_> {
        let owner = Owner::of(self, index);
        let (block, place) = (number.saturating_sub(1) / AT_ONCE, number.saturating_sub(1) % AT_ONCE);
        let octets = owner.at_least(self.part(part_of(owner.parts(block), place)), number);
        LoadMessage::new(self, owner, number, octets)
    }

    /// What [`LoadMessage::unique_id`] gives, without working out its size.
    pub fn unique_id(&self, index: u64, number: u32) -> UniqueId {
        unique_id(self, self.number(index), number)
    }

    /// The sizes that occur, worked out.
    pub fn prepared(&self) -> Sizes {
        Sizes { parts: (0..PARTS).map(|part| self.part(part)).collect() }
    }

    /// The number in an account's name.
    pub(super) fn number(&self, index: u64) -> u64 {
        if Pattern::of(&self.user).is_numbered() { self.first.saturating_add(index) } else { 0 }
    }

    fn sizes_by(&self, index: u64, size_of: impl Fn(u64) -> u64) -> impl Iterator<Item = u64> {
        let owner = Owner::of(self, index);
        let mut parts = 0;
        (0..self.messages).map(move |before| {
            if before % AT_ONCE == 0 {
                parts = owner.parts(before / AT_ONCE);
            }
            owner.at_least(size_of(part_of(parts, before % AT_ONCE)), before.saturating_add(1))
        })
    }

    #[expect(
        clippy::cast_sign_loss,
        reason = "what is below 0, or no number, becomes 0, and that the smallest size"
    )]
    fn part(&self, part: u64) -> u64 {
        let octets = self.sizes.quantile((part as f64 + 0.5) / PARTS as f64).round();
        (octets as u64).min(LARGEST)
    }
}

impl Sizes {
    /// The same as [`Population::sizes`] of the population that they were worked out from.
    pub fn of<'a>(&'a self, population: &'a Population, index: u64) -> impl Iterator<Item = u64> + 'a {
        population.sizes_by(index, |part| self.parts.get(part as usize).copied().unwrap_or_default())
    }
}

/// The part at a place of the number that chooses for several messages.
fn part_of(parts: u64, place: u32) -> u64 {
    parts >> (place * PART_BITS) & (PARTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(sizes: Distribution) -> Population {
        Population { seed: 3, user: "load{n:05}".to_owned(), first: 1, count: 1000, messages: 20, sizes }
    }

    #[test]
    fn accounts_are_found_by_their_names() {
        let population = population(Distribution::Fixed(1000.0));
        assert_eq!(population.name(0), "load00001");
        for index in [0, 1, 999] {
            assert_eq!(population.index_of(population.name(index)), Some(index));
        }
        for stranger in ["load00000", "load01001", "load1", "alice", ""] {
            assert_eq!(population.index_of(stranger), None, "{stranger}");
        }
        let one = Population { user: "postmaster".to_owned(), ..population };
        assert_eq!((one.index_of("postmaster"), one.index_of("load00001")), (Some(0), None));
    }

    #[test]
    fn sizes_follow_the_distribution() {
        let population = population(Distribution::Uniform { low: 1_000.0, high: 9_000.0 });
        let sizes: Vec<u64> = (0..1000).flat_map(|index| population.sizes(index)).collect();
        assert_eq!(sizes.len(), 20_000);
        assert!(sizes.iter().all(|octets| (1_000..=9_000).contains(octets)));
        let mean = sizes.iter().sum::<u64>() as f64 / 20_000.0;
        assert!((mean - 5_000.0).abs() < 60.0, "{mean}");
        let below = sizes.iter().filter(|octets| **octets < 3_000).count();
        assert!((4_700..5_300).contains(&below), "a quarter is below 3000, not {below}");
    }

    #[test]
    fn prepared_sizes_are_the_same() {
        let population = population(Distribution::LogNormal { median: 8_000.0, sigma: 1.5 });
        let prepared = population.prepared();
        for index in [0, 17, 999] {
            let sizes: Vec<u64> = population.sizes(index).collect();
            assert!(prepared.of(&population, index).eq(sizes.iter().copied()));
            let messages = (1..=20).map(|number| population.message(index, number).octets());
            assert!(messages.eq(sizes));
            assert_eq!(population.unique_id(index, 3), population.message(index, 3).unique_id());
        }
    }

    #[test]
    fn the_range_does_not_change_the_mail() {
        let population = population(Distribution::Uniform { low: 1_000.0, high: 9_000.0 });
        let moved = Population { first: 500, count: 3, ..population.clone() };
        assert_eq!(population.name(500), moved.name(1));
        assert!(population.sizes(500).eq(moved.sizes(1)));
    }

    #[test]
    fn sizes_that_cannot_be_are_made_possible() {
        for (drawn, octets) in [(f64::INFINITY, LARGEST), (1e12, LARGEST)] {
            assert_eq!(population(Distribution::Fixed(drawn)).message(0, 1).octets(), octets);
        }
        for drawn in [0.0, -5.0, f64::NAN] {
            let octets = population(Distribution::Fixed(drawn)).message(0, 1).octets();
            assert!((200..500).contains(&octets), "{octets}");
        }
    }
}
