//! Mail that goes without having been deleted: with its retrieval, or since it has expired.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::Verb;
use script::Retrieved;

use crate::reply::Reply;
use crate::twist::{Asked, Circumstance, Twist};

/// How long a server keeps mail.
#[derive(Debug)]
pub(crate) struct Retention {
    retrieved: Retrieved,
    /// By ordinal, the session from which on a message is gone.
    expires: BTreeMap<u64, u64>,
}

impl Retention {
    /// That of a policy, if not all mail stays.
    pub(crate) fn of(policy: &script::Policy) -> Option<Retention> {
        let stays = policy.retrieved == Retrieved::Kept && policy.expires.is_empty();
        let retention = || Retention { retrieved: policy.retrieved, expires: policy.expires.clone() };
        (!stays).then(retention)
    }
}

impl Twist for Retention {
    fn opened(&self, circumstance: &mut Circumstance<'_>) {
        let session = circumstance.session.number;
        let expired = self.expires.iter().filter(|(_, from)| **from <= session);
        let expired: Vec<u64> = expired.map(|(ordinal, _)| *ordinal).collect();
        if expired.is_empty() {
            return;
        }
        circumstance.with_open(|maildrop| maildrop.remove(&expired));
        if let Some(open) = circumstance.open_mut() {
            let left = open.messages.iter().filter(|message| !expired.contains(&message.ordinal()));
            open.messages = Arc::new(left.cloned().collect());
        }
    }

    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        if self.retrieved == Retrieved::RemovedAtQuit && asked.is_bare(Verb::Quit) {
            let numbers = circumstance.past.retrieved.clone();
            let open = circumstance.open_mut()?;
            for number in numbers {
                if let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)) {
                    open.mark(index, true);
                }
            }
        }
        None
    }

    fn reply(&self, circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        if self.retrieved == Retrieved::RemovedAtOnce
            && asked.is(Verb::Retr)
            && reply.is_ok()
            && let Some(index) = circumstance.index(asked)
        {
            let gone = circumstance.open().map(|open| open.ordinals(&[index])).unwrap_or_default();
            circumstance.with_open(|maildrop| maildrop.remove(&gone));
        }
    }
}
