//! Looking at a maildrop before anything in it is deleted: all of it once, and again before each DELE.
//!
//! Each session looks for itself, and at every message whole: what another session saw, or a unique-id promises, a wrong
//! server need not keep. A head alone proves nothing, since whoever edits a fixture keeps its header. Heads are asked
//! for first nevertheless when an account is looked at for the first time, so that of a maildrop with foreign mail not
//! one message is retrieved.

use std::collections::BTreeMap;

use mail::Marker;
use tokio::time::timeout;

use super::{Listing, Message, Permission, Sighting, deletions, quits};
use crate::outcome::{Mishap, Outcome, Stop, inconclusive};
use crate::reply::Reply;
use crate::session::Session;

/// A disposable maildrop with more messages than this is somebody's.
pub(super) const MESSAGES_AT_MOST: u64 = 200;
/// And one with more octets. Poplab puts some 60,000 into most, and 260,000 into one.
const OCTETS_AT_MOST: u64 = 16 * 1024 * 1024;
/// A look may take this many times the patience for one answer.
const PATIENCE_FOR_ALL: u32 = 6;
/// For TOP: more lines than any message has that may be looked at.
const ALL_LINES: u32 = 100_000;

/// How a server lets its mail be looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Means {
    /// It has TOP.
    pub(crate) top: bool,
    /// It has UIDL.
    pub(crate) uidl: bool,
    /// It announces that what is retrieved may be deleted, so that whole messages are read by TOP.
    pub(crate) retrieval_deletes: bool,
}

/// What came of a look.
pub(crate) enum Look {
    /// Everything was seen, and is poplab's.
    Seen(Box<Sighting>),
    /// The maildrop holds fewer messages than are needed; they were not looked at.
    TooFew,
    /// What the server says of its mail does not fit together, in words.
    Contradiction(String),
}

/// Why a look came to no end.
enum Wrong {
    Contradiction(String),
    Stop(Stop),
}

impl Session {
    /// Looks at every message of the maildrop.
    ///
    /// # Errors
    /// [`Stop::Skipped`] if one of them is not poplab's, [`Stop::Inconclusive`] if it cannot be looked at.
    pub(crate) async fn look(&mut self, means: Means, at_least: u64) -> Result<Look, Stop> {
        let patience = self.patience().answer * PATIENCE_FOR_ALL;
        self.permit(Permission::Looked);
        self.note("looks at every message, since a DELE may follow");
        let Ok(found) = timeout(patience, self.look_at_all(means, at_least)).await else {
            return inconclusive(format!(
                "the maildrop could not be looked at within {} s, so nothing is deleted in it",
                patience.as_secs()
            ));
        };
        match found {
            Ok(look) => Ok(look),
            Err(Wrong::Contradiction(how)) => Ok(Look::Contradiction(how)),
            Err(Wrong::Stop(stop)) => Err(stop),
        }
    }

    async fn look_at_all(&mut self, means: Means, at_least: u64) -> Result<Look, Wrong> {
        let listing = self.listing(means).await?;
        let user = self.account()?.user.clone();
        listing
            .require_agreement()
            .map_err(|how| Wrong::Contradiction(format!("in the maildrop of `{user}` {how}")))?;
        if listing.count < at_least {
            return Ok(Look::TooFew);
        }
        let octets = listing.sizes.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
        if listing.count > MESSAGES_AT_MOST || octets > OCTETS_AT_MOST {
            return Err(Wrong::Stop(Stop::Skipped(format!(
                "the maildrop of `{user}` holds {} messages of {octets} octets, too many to look at before deleting one",
                listing.count
            ))));
        }
        let first = means.top && !self.account()?.held_own_mail();
        let heads = if first { self.heads(listing.count).await? } else { BTreeMap::new() };
        let ids = listing.ids();
        let mut messages = BTreeMap::new();
        for (number, size) in &listing.sizes {
            let message = self.whole(means, *number, *size, ids.get(number).cloned()).await?;
            if heads.get(number).is_some_and(|marker| *marker != message.marker) {
                return Err(Wrong::Contradiction(format!(
                    "TOP and RETR of message {number} of `{user}` show different messages"
                )));
            }
            messages.insert(*number, message);
        }
        Sighting::new(messages, means).map(|sighting| Look::Seen(Box::new(sighting))).map_err(|how| {
            Wrong::Contradiction(format!("in the maildrop of `{user}` {how}; nothing is deleted there"))
        })
    }

    /// The marker in the head of each message.
    async fn heads(&mut self, count: u64) -> Result<BTreeMap<u64, Marker>, Wrong> {
        let mut heads = BTreeMap::new();
        for number in 1..=count {
            let head = self.ask(&format!("TOP {number} 0")).await?;
            let Some(marker) = Marker::parse(head.octets()).filter(|_| head.is_ok()) else {
                return self.foreign(number, "does not carry poplab's marker");
            };
            heads.insert(number, marker);
        }
        Ok(heads)
    }

    /// One message, whole.
    async fn whole(
        &mut self,
        means: Means,
        number: u64,
        size: u64,
        unique_id: Option<Vec<u8>>,
    ) -> Result<Message, Wrong> {
        let reply = self.retrieve(means, number).await?;
        if !reply.is_ok() {
            return Err(Wrong::Contradiction(format!(
                "{}, although LIST has that message; nothing is deleted",
                reply.seen()
            )));
        }
        self.own(number, &reply, size, unique_id)
    }

    fn own(
        &self,
        number: u64,
        reply: &Reply,
        size: u64,
        unique_id: Option<Vec<u8>>,
    ) -> Result<Message, Wrong> {
        match Message::own(reply.octets(), size, unique_id) {
            Ok(message) => Ok(message),
            Err(how) => self.foreign(number, &how),
        }
    }

    /// What the server shows for a message as a whole, be it refused.
    async fn retrieve(&mut self, means: Means, number: u64) -> Result<Reply, Wrong> {
        let command = match means {
            Means { retrieval_deletes: true, top: true, .. } => format!("TOP {number} {ALL_LINES}"),
            Means { retrieval_deletes: true, .. } => {
                return Err(Wrong::Stop(Stop::Skipped(
                    "the server announces EXPIRE 0 and has no TOP: its mail cannot be looked at without deleting it"
                        .to_owned(),
                )));
            }
            _ => format!("RETR {number}"),
        };
        Ok(self.ask(&command).await?)
    }

    fn foreign<T>(&self, number: u64, how: &str) -> Result<T, Wrong> {
        let user = self.account()?.user.clone();
        Err(Wrong::Stop(Stop::Skipped(format!(
            "message {number} of `{user}` {how}; nothing is deleted there"
        ))))
    }

    /// Looks again, before octets leave that delete: the same mail must be there, and the messages to be deleted are
    /// retrieved once more. Before QUIT, the marks must be on messages that were looked at.
    ///
    /// # Errors
    /// [`Mishap::Untrusted`] if not; what was marked is taken back.
    pub(crate) async fn look_again(&mut self, octets: &[u8]) -> Result<(), Mishap> {
        let Some(sighting) = self.permission().sighting() else { return Ok(()) };
        let deletions = deletions(octets);
        if !deletions.is_empty() {
            if self.awaits_answers() {
                return Err(Mishap::Guarded("no DELE is sent while an answer is due".to_owned()));
            }
            self.note("looks again, since a DELE follows");
            self.ready(&deletions).await.map_err(untrusted)?;
            if let Some(sighting) = self.permission_mut().sighting_mut() {
                sighting.make_ready(&deletions);
            }
        } else if quits(octets) && !sighting.is_settled() {
            self.settle().await?;
        }
        Ok(())
    }

    /// Looks at what was marked.
    ///
    /// # Errors
    /// [`Mishap::Untrusted`] if something else may be marked than what was looked at; it is taken back.
    pub(crate) async fn settle(&mut self) -> Result<(), Mishap> {
        let Some(means) = self.permission().sighting().map(|sighting| sighting.means) else { return Ok(()) };
        self.note("looks at what is marked");
        let marked = self.listing(means).await.and_then(|listing| {
            self.permission()
                .sighting()
                .map_or(Ok(()), |sighting| sighting.require_marked(&listing).or_else(inconclusive))
        });
        if let Err(stop) = marked {
            let _ = self.ask("RSET").await;
            return Err(untrusted(stop));
        }
        if let Some(sighting) = self.permission_mut().sighting_mut() {
            sighting.settle();
        }
        Ok(())
    }

    async fn ready(&mut self, deletions: &[&[u8]]) -> Outcome {
        let Some(means) = self.permission().sighting().map(|sighting| sighting.means) else { return Ok(()) };
        let listing = self.listing(means).await?;
        let mut targets = BTreeMap::new();
        let user = self.account()?.user.clone();
        let mut strange = Vec::new();
        if let Some(sighting) = self.permission().sighting() {
            sighting.require_unchanged(&listing).or_else(inconclusive)?;
            for arguments in deletions {
                match sighting.targets(arguments) {
                    // What is marked and listed all the same could be another message by now.
                    Some(numbers) => targets.extend(
                        numbers
                            .into_iter()
                            .filter(|number| !sighting.may_be_marked(*number) || listing.has(*number))
                            .filter_map(|number| Some((number, sighting.messages().get(&number)?.clone()))),
                    ),
                    None if sighting.is_refused(&user, arguments) => {}
                    None => strange.push(arguments.to_vec()),
                }
            }
        }
        for (number, seen) in targets {
            self.same_as_seen(means, number, seen).await.map_err(Stop::from)?;
        }
        for argument in strange {
            // What no message can be retrieved by should delete none either. Under EXPIRE 0 TOP has to do.
            let asked = if means.retrieval_deletes { "TOP" } else { "RETR" };
            let line = format!("{asked} {}", String::from_utf8_lossy(&argument));
            let reply = self.ask(line.trim_end()).await?;
            if !reply.is_err() {
                return inconclusive(format!(
                    "{}, so DELE with the same argument could delete something and is not sent",
                    reply.seen()
                ));
            }
            if let Some(sighting) = self.permission().sighting() {
                sighting.note_refused(&user, &argument);
            }
        }
        Ok(())
    }

    /// A message that a DELE is to hit must be the one that was looked at. One that is marked may be refused: so it is right.
    async fn same_as_seen(&mut self, means: Means, number: u64, seen: Message) -> Result<(), Wrong> {
        let marked = self.permission().sighting().is_some_and(|sighting| sighting.may_be_marked(number));
        let now = if marked {
            let reply = self.retrieve(means, number).await?;
            if reply.is_err() {
                return Ok(());
            }
            self.own(number, &reply, seen.size, seen.unique_id)?
        } else {
            self.whole(means, number, seen.size, seen.unique_id).await?
        };
        // A server may keep a note of the first retrieval in the header, so only the marker and its body count.
        if now.marker == seen.marker {
            return Ok(());
        }
        Err(Wrong::Stop(Stop::Inconclusive(format!(
            "message {number} is another one than when it was looked at, within one session; nothing is deleted"
        ))))
    }

    async fn listing(&mut self, means: Means) -> Result<Listing, Stop> {
        let stat = self.ask("STAT").await?.assume_ok()?;
        let list = self.ask("LIST").await?.assume_ok()?;
        let uidl = if means.uidl { Some(self.ask("UIDL").await?) } else { None };
        Listing::of(&stat, &list, uidl.as_ref())
    }

    /// Looked at before anything is marked: what all of this rests on.
    pub(crate) fn sighting(&self) -> Option<&Sighting> {
        self.permission().sighting()
    }

    /// From now on mail may be deleted here, as far as it was seen.
    pub(crate) fn permit(&mut self, permission: Permission) {
        *self.permission_mut() = permission;
    }

    async fn ask(&mut self, line: &str) -> Result<Reply, Mishap> {
        self.aside(true);
        let answer = self.exchange(line).await;
        self.aside(false);
        answer
    }
}

/// What cannot be trusted is no verdict on the requirement at hand.
fn untrusted(stop: Stop) -> Mishap {
    match stop {
        Stop::Skipped(why) => Mishap::Guarded(why),
        Stop::Fail(why) | Stop::Warn(why) | Stop::Info(why) | Stop::Inconclusive(why) => {
            Mishap::Untrusted(why)
        }
    }
}

impl From<Stop> for Wrong {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Mishap> for Wrong {
    fn from(mishap: Mishap) -> Self {
        Self::Stop(mishap.into())
    }
}

impl From<Wrong> for Stop {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Contradiction(how) => Self::Inconclusive(how),
            Wrong::Stop(stop) => stop,
        }
    }
}
