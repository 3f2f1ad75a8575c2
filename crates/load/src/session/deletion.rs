//! Mail safety: what must be true before the first DELE of a session leaves.
//!
//! Looking at the one message would not do: a server that renumbers, or is off by one, deletes another one. So *every*
//! message of the maildrop must have been listed, retrieved whole in this session, and proved to be poplab's own by its
//! content; no two of them may be the same one; and the maildrop, asked once more, must still be the one that was looked
//! at. The questions are poplab's own and not the user's: they are no steps, wait for no think time, and have no figures;
//! only the time of the whole session has them in it.
//!
//! What cannot be excluded: a server that shows all of this rightly, and then deletes another message than the one of
//! that number, out of a maildrop of which it hid a part from STAT, LIST and UIDL alike.

use proto::Shape;

use crate::recorder::Step;

use super::Session;
use super::desk::Asked;
use super::failure::Failure;
use super::listing::Origin;

impl Session {
    /// Before anything is retrieved in order to be deleted: the unique-ids, so that another look can tell whether the
    /// maildrop is still the same. A server need not have them.
    pub(crate) async fn identify(&mut self) -> Result<(), Failure> {
        if !self.desk.may_delete() {
            return Ok(());
        }
        match Box::pin(self.question(Step::UIDL, Asked::Uidl, Shape::Multi, b"UIDL\r\n")).await {
            Err(failure) if !failure.is_refusal() => Err(failure),
            _ => Ok(()),
        }
    }

    /// A question of poplab's own: it waits for nothing, and is no step.
    pub(super) async fn question(
        &mut self,
        step: Step,
        asked: Asked,
        shape: Shape,
        line: &'static [u8],
    ) -> Result<(), Failure> {
        self.desk.ask_at_once(step, asked, shape, line);
        self.exchange().await?;
        self.desk.wanted_ns = self.desk.now_ns;
        Ok(())
    }

    /// QUIT without a figure, for a session that was no user's.
    pub(crate) async fn leave(&mut self) -> Result<(), Failure> {
        self.question(Step::QUIT, Asked::Word, Shape::Single, b"QUIT\r\n").await?;
        self.hang_up();
        Ok(())
    }

    /// What this session has seen of the maildrop allows it.
    pub(super) fn proven(&self, number: u32) -> Result<(), Failure> {
        let refused = |kind: &'static str, seen: String| Err(Failure::new(kind, Step::DELE, seen));
        if !self.desk.context.assignment.allow_delete {
            return refused("no-permission", "mail is deleted only with --allow-delete".to_owned());
        }
        match &self.desk.listed {
            Some(listed) if listed.all_proven() && listed.has(number) => Ok(()),
            listed => {
                refused("foreign-mail", foreign_mail(listed.as_ref().and_then(|listed| listed.foreign())))
            }
        }
    }

    /// Each number gave a message of its own, and the same one each time.
    fn distinct(&mut self) -> Result<(), Failure> {
        let Some(number) = self.desk.listed.as_mut().and_then(|listed| listed.told_twice()) else {
            return Ok(());
        };
        let seen = format!(
            "message {number} is one that another number of this maildrop gave too, or not the one that it was before: \
             either the server gives wrong messages, or the mail was seeded twice; nothing is deleted from this maildrop"
        );
        Err(Failure::new("verification:number", Step::DELE, seen))
    }

    /// Each number gave a message of its own, and the maildrop is still the one that was looked at: as many messages by
    /// STAT, the same unique-ids, or, where there are none to compare, the same sizes. Asked before the first DELE.
    pub(super) async fn confirm(&mut self) -> Result<(), Failure> {
        self.distinct()?;
        let identified = self.desk.listed.as_ref().is_some_and(|listed| listed.identified());
        self.desk.stat = None;
        self.question(Step::STAT, Asked::Stat, Shape::Single, b"STAT\r\n").await.map_err(changed)?;
        let (counted, known) = (self.desk.stat.map(|stat| stat.0), self.messages().len() as u64);
        if counted != Some(known) {
            let seen =
                format!("{known} messages were listed, STAT now counts {}", counted.unwrap_or_default());
            return Err(changed(Failure::new("verification:changed", Step::STAT, seen)));
        }
        if !identified {
            self.question(Step::LIST, Asked::List, Shape::Multi, b"LIST\r\n").await.map_err(changed)?;
        }
        match self.question(Step::UIDL, Asked::Uidl, Shape::Multi, b"UIDL\r\n").await {
            Err(failure) if failure.is_refusal() && !identified => {}
            Err(failure) if failure.is_refusal() => {
                let seen = format!("UIDL was answered, and is refused now: {}", failure.fault().seen);
                return Err(changed(Failure::new("verification:changed", Step::UIDL, seen)));
            }
            Err(failure) => return Err(changed(failure)),
            Ok(()) => {}
        }
        self.desk.confirmed = true;
        Ok(())
    }
}

fn foreign_mail(foreign: Option<(u32, Origin)>) -> String {
    match foreign {
        Some((number, Origin::Altered)) => format!(
            "message {number} bears poplab's marker, and its body is not the one of which the marker tells: somebody \
             changed it, so nothing is deleted from this maildrop"
        ),
        Some((number, _)) => {
            format!("message {number} was not made by poplab, so nothing is deleted from this maildrop")
        }
        None => "not every message of the maildrop was retrieved and proved to be poplab's own, so nothing is deleted"
            .to_owned(),
    }
}

/// What a second look at the maildrop found otherwise than the first. What has nothing to do with the mail, such as a
/// connection that ends, stays what it is.
fn changed(failure: Failure) -> Failure {
    let fault = failure.fault();
    let of_the_mail = fault.kind.starts_with("verification:") || fault.kind.starts_with("deviation:number");
    if !of_the_mail {
        return failure;
    }
    let seen = format!(
        "between the look at the maildrop and the first DELE something changed, so nothing is deleted: {}",
        fault.seen
    );
    Failure::new("verification:changed", fault.step, seen)
}
