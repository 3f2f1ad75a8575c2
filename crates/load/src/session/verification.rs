//! Whether what the server gave is what it should be: the content of messages, whose they are, and the totals.
//!
//! Framing is `proto`'s, numbers and unique-ids are the listing's; here is what needs to know the mail. Deliberately
//! without an opinion about mail that nobody seeded.

use mail::load::{ContentVerdict, Verifier};

use crate::recorder::Step;

use super::desk::{Asked, Desk};
use super::failure::Failure;
use super::listing::Origin;

/// What a message showed of itself.
struct Seen {
    verdict: ContentVerdict,
    /// Whose it is.
    origin: Origin,
    /// What tells its marker from others.
    mark: u64,
    /// Which of the seeded messages it says to be.
    seeded: Option<u32>,
}

impl Desk {
    /// The verdict over a message that was retrieved whole.
    pub(super) fn verdict(&mut self, number: u32) -> Result<(), Failure> {
        let seen = self.looked_at(Verifier::finish);
        let verdict = seen.verdict;
        let octets = self.reply.octets;
        let listed = self.listed.get_or_insert_with(|| self.context.listing());
        listed.retrieved(number, seen.origin, seen.mark);
        let size = listed.octets(number);
        let result = match size.filter(|size| *size != octets) {
            Some(size) if verdict.failure().is_none() => Err(Failure::new(
                "verification:size",
                Step::RETR_LAST,
                format!("message {number}: LIST says {size} octets, RETR gave {octets}"),
            )),
            _ => self.judge(Step::RETR_LAST, number, &seen),
        };
        let mut recorder = self.context.recorder.borrow_mut();
        let counts = &mut recorder.counters.verified;
        counts.messages += 1;
        counts.octets += octets;
        if result.is_ok() && verdict == ContentVerdict::Unverifiable {
            counts.unverifiable += 1;
        } else if result.is_ok() {
            counts.content += 1;
        }
        result
    }

    /// The verdict over the beginning of a message.
    pub(super) fn preview(&mut self, number: u32) -> Result<(), Failure> {
        let seen = self.looked_at(Verifier::finish_preview);
        self.judge(Step::TOP_LAST, number, &seen)
    }

    /// What STAT and the listings say of the maildrop as a whole: the same, and no less than was seeded.
    pub(super) fn wrong_totals(&self) -> Option<Failure> {
        let step = self.reply.step;
        let fail = |kind: &'static str, seen: String| Some(Failure::new(kind, step, seen));
        let listed = self.listed.as_ref();
        if let (Some(stat), Some(list)) = (self.stat, listed.and_then(|listed| listed.totals()))
            && stat != list
        {
            return fail(
                "verification:totals",
                format!(
                    "STAT says {} messages with {} octets, the lines of LIST add up to {} with {}",
                    stat.0, stat.1, list.0, list.1
                ),
            );
        }
        let present = match self.reply.asked {
            Asked::Stat => self.stat?.0,
            _ => listed?.messages.len() as u64,
        };
        let seeded = self.context.seeded?;
        if present >= seeded {
            return None;
        }
        fail(
            "verification:missing",
            format!(
                "the maildrop holds {present} messages, {seeded} were seeded, and nobody in this scenario deletes any; was \
                 it seeded (poplab seed --scenario … --again)?"
            ),
        )
    }

    /// A message was marked as deleted.
    pub(super) fn deleted(&mut self, number: u32) {
        self.stat = None;
        if let Some(listed) = &mut self.listed {
            listed.delete(number);
        }
    }

    /// Whether a message is marked as deleted, so that QUIT would remove it.
    pub(super) fn has_marks(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| listed.has_marks())
    }

    /// No message is marked as deleted any more.
    pub(super) fn restored(&mut self) {
        self.stat = None;
        // Before something is deleted again the maildrop is looked at again.
        self.confirmed = false;
        if let Some(listed) = &mut self.listed {
            listed.restore();
        }
    }

    /// Asks the verifier, for the account of this session.
    fn looked_at(&mut self, finish: impl FnOnce(&mut Verifier, &[u8]) -> ContentVerdict) -> Seen {
        let Some(mut verifier) = self.verifier.take() else {
            let verdict = ContentVerdict::Unverifiable;
            return Seen { verdict, origin: Origin::Foreign, mark: 0, seeded: None };
        };
        let listed = self.listed.get_or_insert_with(|| self.context.listing());
        if listed.owner.is_empty() {
            let owner = self.context.scenario().accounts.user(self.arrival.user).unwrap_or_default();
            listed.owner.extend_from_slice(owner.as_bytes());
        }
        let verdict = finish(&mut verifier, &listed.owner);
        let mail = self.context.scenario().mail.as_ref();
        let proven = match mail {
            // Its owner, its length and its checksum: it is the message that was seeded.
            Some(mail) => {
                let number = verifier.number();
                verdict == ContentVerdict::Verified
                    && number.is_some_and(|number| (1..=mail.messages).contains(&number))
            }
            None => verifier.is_described(),
        };
        let origin = match (verifier.mark(), proven) {
            (None, _) => Origin::Foreign,
            (Some(_), true) => Origin::Proven,
            (Some(_), false) if self.may_delete() => Origin::Altered,
            (Some(_), false) => Origin::Marked,
        };
        let mark = verifier.mark().unwrap_or_default();
        let seen = Seen { verdict, origin, mark, seeded: verifier.number() };
        self.context.return_verifier(verifier);
        seen
    }

    fn judge(&mut self, step: Step, number: u32, seen: &Seen) -> Result<(), Failure> {
        let verdict = seen.verdict;
        let octets = self.reply.octets;
        let fail = |kind: &str, seen: String| Err(Failure::new(format!("verification:{kind}"), step, seen));
        if let Some(kind) = verdict.failure() {
            return fail(kind, format!("message {number} of {octets} octets: {}", wrong_content(verdict)));
        }
        if verdict == ContentVerdict::Unverifiable && self.context.scenario().mail.is_some() {
            return fail(
                "marker-missing",
                format!(
                    "message {number} bears no X-Poplab-Load header, although the scenario says that poplab seeded the mail"
                ),
            );
        }
        let mail = self.context.scenario().mail.as_ref();
        if let (Some(seeded), Some(mail), Some(listed)) = (seen.seeded, mail, &mut self.listed)
            && !listed.claim(number, seeded, mail.messages)
        {
            return fail(
                "number",
                format!(
                    "message {number} is the seeded message {seeded}, as another one of this maildrop was, or as it was not \
                     before: the server gave the wrong one"
                ),
            );
        }
        Ok(())
    }
}

/// What is wrong with the content, for people.
fn wrong_content(verdict: ContentVerdict) -> &'static str {
    use ContentVerdict::{Unverifiable, Verified, WrongChecksum, WrongLength, WrongOwner};
    match verdict {
        WrongOwner => "it was seeded for another account",
        WrongLength => "its body has more or fewer octets than were seeded",
        WrongChecksum => "its body, or the header that describes it, is not what was seeded",
        Verified | Unverifiable => "nothing is known to be wrong",
    }
}
