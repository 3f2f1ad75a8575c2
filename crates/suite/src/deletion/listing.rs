//! What a maildrop says it holds: STAT, LIST and UIDL of one moment, and whether they say the same.
//!
//! Read leniently: how many blanks stand in a line is judged elsewhere. What cannot be read at all is no listing.

use std::collections::BTreeMap;

use crate::outcome::Stop;
use crate::reply::{Reply, quote};

/// The three answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The messages STAT counts.
    pub(crate) count: u64,
    /// Number and size of each line of LIST.
    pub(crate) sizes: Vec<(u64, u64)>,
    /// Number and unique-id of each line of UIDL, if it is answered.
    pub(crate) unique_ids: Option<Vec<(u64, Vec<u8>)>>,
}

impl Listing {
    /// Reads the replies.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] with what cannot be read.
    pub(crate) fn of(stat: &Reply, list: &Reply, uidl: Option<&Reply>) -> Result<Self, Stop> {
        let unread = |reply: &Reply, line: &[u8]| {
            Stop::Inconclusive(format!(
                "the line {} of the reply to {} cannot be read, so what is in the maildrop is not known",
                quote(line),
                reply.command
            ))
        };
        let number = |word: Option<&[u8]>| word.and_then(proto::number);
        let count = number(words(stat.text()).next()).ok_or_else(|| unread(stat, stat.text()))?;
        let mut sizes = Vec::new();
        for line in list.lines() {
            let mut words = words(line);
            let pair = number(words.next()).zip(number(words.next()));
            sizes.push(pair.ok_or_else(|| unread(list, line))?);
        }
        let mut unique_ids = None;
        if let Some(reply) = uidl.filter(|reply| reply.is_ok()) {
            let mut ids = Vec::new();
            for line in reply.lines() {
                let mut words = words(line);
                let pair = number(words.next()).zip(words.next().map(<[u8]>::to_vec));
                ids.push(pair.ok_or_else(|| unread(reply, line))?);
            }
            unique_ids = Some(ids);
        }
        Ok(Self { count, sizes, unique_ids })
    }

    /// Whether all say that there are the messages 1 to n, each once.
    ///
    /// # Errors
    /// How they differ, for people.
    pub(crate) fn require_agreement(&self) -> Result<(), String> {
        let all_of = |what: &str, numbers: Vec<u64>| {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            if sorted.iter().copied().eq(1..=self.count) {
                return Ok(());
            }
            let shown: Vec<String> = numbers.iter().take(20).map(u64::to_string).collect();
            let more = if numbers.len() > 20 { ", …" } else { "" };
            Err(format!(
                "STAT counts {} messages, {what} has the numbers {}{more}",
                self.count,
                shown.join(" ")
            ))
        };
        all_of("LIST", self.sizes.iter().map(|(number, _)| *number).collect())?;
        match &self.unique_ids {
            Some(ids) => all_of("UIDL", ids.iter().map(|(number, _)| *number).collect()),
            None => Ok(()),
        }
    }

    /// The messages that the listing with the fewest has.
    pub(crate) fn fewest(&self) -> u64 {
        let lines = [Some(self.sizes.len()), self.unique_ids.as_ref().map(Vec::len)];
        lines.into_iter().flatten().map(|lines| lines as u64).fold(self.count, u64::min)
    }

    /// Whether any of the listings has this message.
    pub(crate) fn has(&self, number: u64) -> bool {
        let identified = self.unique_ids.iter().flatten().map(|(listed, _)| *listed);
        self.sizes.iter().map(|(listed, _)| *listed).chain(identified).any(|listed| listed == number)
    }

    /// The unique-ids by number.
    pub(crate) fn ids(&self) -> BTreeMap<u64, Vec<u8>> {
        self.unique_ids.iter().flatten().cloned().collect()
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|octet| *octet == b' ').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_answers_must_have_the_same_messages() {
        let good = Listing {
            count: 2,
            sizes: vec![(2, 20), (1, 10)],
            unique_ids: Some(vec![(1, b"a".to_vec()), (2, b"b".to_vec())]),
        };
        assert_eq!(good.require_agreement(), Ok(()), "in any order");
        let fewer = Listing { count: 1, ..good.clone() };
        assert_eq!(
            fewer.require_agreement(),
            Err("STAT counts 1 messages, LIST has the numbers 2 1".to_owned())
        );
        for sizes in [vec![(1, 10)], vec![(1, 10), (3, 20)], vec![(0, 5), (1, 10)], vec![(1, 1), (1, 1)]] {
            assert!(Listing { sizes, ..good.clone() }.require_agreement().is_err());
        }
        let hidden = Listing { unique_ids: Some(vec![(1, b"a".to_vec())]), ..good.clone() };
        assert!(hidden.require_agreement().is_err());
        assert_eq!(Listing { unique_ids: None, ..good }.require_agreement(), Ok(()));
    }
}
