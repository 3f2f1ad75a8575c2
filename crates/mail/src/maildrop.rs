//! Whole maildrops: what poplab puts into an account of each role.
//!
//! Only octets and names: it deliberately does not deliver, and does not know accounts beyond their number.

use std::fmt;
use std::str::FromStr;

use crate::compose::plain;
use crate::corpus::{corpus, large};

/// Sizes of the ordinary messages in octets, all different so that a mix-up of messages shows in LIST.
const ORDINARY: [usize; 3] = [700, 1_500, 4_000];
const DISPOSABLE: [usize; 8] = [600, 800, 1_100, 1_700, 2_900, 5_300, 10_100, 33_000];
const SECOND: [usize; 3] = [650, 1_300, 2_600];
/// Some accounts of disposable mail hold so many messages more, so that DELE can be given numbers of three digits.
const CROWD: usize = 120;
/// Their numbers among those.
const CROWDED: [u32; 3] = [4, 12, 16];
/// Short messages behind the fixtures, so that there are more than a hundred: message numbers have three digits then.
const SHORT: usize = 75;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Holds the fixture mail; nothing in it is deleted for good.
    Fixtures,
    /// Holds nothing.
    Empty,
    /// Holds mail that checks may delete.
    Disposable,
    /// A second account, to see that accounts are kept apart.
    Second,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Fixtures, Role::Empty, Role::Disposable, Role::Second];

    /// The word for it in account files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Fixtures => "fixtures",
            Role::Empty => "empty",
            Role::Disposable => "disposable",
            Role::Second => "second",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Role, UnknownRole> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| UnknownRole { word: word.to_owned() })
    }
}

/// A word that names no [`Role`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {word:?}: use fixtures, empty, disposable or second")]
pub struct UnknownRole {
    /// The word as it was given.
    pub word: String,
}

/// An ordinary marked message: ASCII, CRLF, lines of at most 76 characters, no dot at a line start.
///
/// It has exactly `octets` octets if that leaves room for a header and a line (some 450), else a little more.
/// Its marker names it `ordinary-NUMBER`.
pub fn ordinary(seed: u64, number: u32, octets: usize) -> Vec<u8> {
    plain(seed, &format!("ordinary-{number}"), octets)
}

/// An ordinary marked message that is delivered while checks run, of `octets` octets as [`ordinary`] has them. `copy`, a
/// few lower-case letters and digits, tells runs apart, and `number` the messages of one: no two may be alike, see
/// [`maildrop_beside`]. Its marker names it `delivered-COPY-NUMBER`.
pub fn delivered(seed: u64, copy: &str, number: u32, octets: usize) -> Vec<u8> {
    plain(seed, &format!("delivered-{copy}-{number}"), octets)
}

/// The messages of an account, named, in the order in which they are to be delivered.
///
/// `number` tells accounts of one role apart (from 1); no two accounts share an ordinary message.
///
/// - `Role::Fixtures`: three ordinary messages, so that messages 1 to 3 are plain, then [`corpus`] in its order,
///   then [`large`], then 75 short ones. `number` varies these and the first three, not the fixtures. The empty message (`fx.empty`) is among them;
///   who delivers by SMTP or LMTP leaves it out, as it does what it cannot carry.
/// - `Role::Disposable`: eight ordinary messages of different sizes; more than a hundred in the fourth account, the twelfth and
///   the sixteenth.
/// - `Role::Second`: three ordinary messages.
/// - `Role::Empty`: none.
pub fn maildrop(role: Role, seed: u64, number: u32) -> Vec<(String, Vec<u8>)> {
    maildrop_beside(role, seed, number, "")
}

/// The same for a maildrop in which older mail of poplab's may stay: disposable messages bear `copy` in their names, so
/// that those of two deliveries are never alike. A maildrop with two messages that are alike is one in which nothing is
/// deleted, since a server that shows one message for another looks the same. `copy` is empty, or a few lower-case
/// letters and digits.
pub fn maildrop_beside(role: Role, seed: u64, number: u32, copy: &str) -> Vec<(String, Vec<u8>)> {
    match role {
        Role::Fixtures => {
            let fixtures = corpus(seed).into_iter().chain([large(seed)]);
            let mut messages = series("fixtures", seed, number, &ORDINARY);
            messages.extend(fixtures.map(|fixture| (fixture.name.to_owned(), fixture.octets)));
            let sizes: Vec<usize> = (0..SHORT).map(|index| 500 + index).collect();
            messages.extend(series("short", seed, number, &sizes));
            messages
        }
        Role::Empty => Vec::new(),
        Role::Disposable => {
            let prefix = if copy.is_empty() { "disposable".to_owned() } else { format!("disposable-{copy}") };
            let mut messages = series(&prefix, seed, number, &DISPOSABLE);
            if CROWDED.contains(&number) {
                let sizes: Vec<usize> = (0..CROWD).map(|index| 480 + index).collect();
                messages.extend(series(&format!("{prefix}-more"), seed, number, &sizes));
            }
            messages
        }
        Role::Second => series("second", seed, number, &SECOND),
    }
}

/// Ordinary messages of these sizes, named `PREFIX-NUMBER-1` and so on.
fn series(prefix: &str, seed: u64, number: u32, sizes: &[usize]) -> Vec<(String, Vec<u8>)> {
    let named = |(index, octets): (usize, &usize)| {
        let name = format!("{prefix}-{number}-{}", index + 1);
        let message = plain(seed, &name, *octets);
        (name, message)
    };
    sizes.iter().enumerate().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delivered_twice_is_never_alike() {
        let markers = |copy| -> Vec<crate::Marker> {
            let messages = maildrop_beside(Role::Disposable, 1, 1, copy);
            messages.iter().filter_map(|(_, octets)| crate::Marker::parse(octets)).collect()
        };
        let (first, second) = (markers("19aa0c"), markers("19aa0d"));
        assert_eq!((first.len(), second.len()), (DISPOSABLE.len(), DISPOSABLE.len()));
        assert!(first.iter().all(|marker| !second.contains(marker)));
        assert!(markers("").iter().all(|marker| !second.contains(marker)));
    }

    #[test]
    fn roles_read_back() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        let error = "Fixtures".parse::<Role>().unwrap_err();
        assert_eq!(error.to_string(), "unknown role \"Fixtures\": use fixtures, empty, disposable or second");
    }
}
