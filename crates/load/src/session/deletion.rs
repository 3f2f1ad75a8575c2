//! Mail safety: what must be true before a DELE of a session leaves, and before the QUIT that carries it out.
//!
//! Looking at the one message would not do: a server that renumbers, or is off by one, deletes another one. So *every*
//! message of the maildrop must have been listed, retrieved whole in this session, and proved to be poplab's own by its
//! content; no two of them may be the same one; and the maildrop, asked once more, must still be the one that was looked
//! at. A maildrop must not change in a session (RFC 1939 section 4), and one that does may change at any moment: so each
//! further DELE has a look before it, a short one, and QUIT a whole one, which must show that the marks hit the messages
//! that were meant, and no other. What was marked is taken back by RSET where that is not so.
//!
//! The questions are poplab's own and not the user's: they are no steps, wait for no think time, and have no figures;
//! only the time of the whole session has them in it. A session that deletes nothing is asked none of them.
//!
//! What cannot be excluded: a server that shows all of this rightly, and then deletes another message than the one of
//! that number, out of a maildrop of which it hid a part from STAT, LIST and UIDL alike.

use proto::Shape;

use crate::recorder::Step;

use super::Session;
use super::desk::Asked;
use super::exchange::Line;
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
        self.inquire(step, asked, shape, Line::Fixed(line)).await
    }

    async fn inquire(&mut self, step: Step, asked: Asked, shape: Shape, line: Line) -> Result<(), Failure> {
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
            "message {number} came under another number of this maildrop too, or is not the one that it was before: \
             either the server gives wrong messages, or the mail was seeded twice; nothing is deleted from this maildrop"
        );
        Err(Failure::new("verification:number", Step::DELE, seen))
    }

    /// Before a DELE: nothing has changed since the maildrop was looked at, but for what this session marked.
    pub(super) async fn before_dele(&mut self, number: u32) -> Result<(), Failure> {
        let looked = if self.desk.confirmed { self.glance(number).await } else { self.confirm().await };
        self.or_take_back(looked).await
    }

    /// Before QUIT carries out what was marked: what is left is what was not marked, message by message.
    pub(super) async fn before_commit(&mut self) -> Result<(), Failure> {
        let looked = match self.count_again().await {
            Ok(_) => self.list_again().await,
            Err(failure) => Err(failure),
        };
        self.or_take_back(looked).await
    }

    /// Each number gave a message of its own, and the maildrop is still the one that was looked at: as many messages by
    /// STAT, the same unique-ids, or, where there are none to compare, the same sizes. Asked before the first DELE.
    async fn confirm(&mut self) -> Result<(), Failure> {
        self.distinct()?;
        let (identified, sized) =
            self.desk.listed.as_ref().map_or((false, false), |listed| (listed.identified(), listed.sized()));
        self.desk.stat = None;
        self.question(Step::STAT, Asked::Stat, Shape::Single, b"STAT\r\n").await?;
        let (counted, known) = (self.desk.stat.map(|stat| stat.0), self.messages().len() as u64);
        if counted != Some(known) {
            let seen =
                format!("{known} messages were listed, STAT now counts {}", counted.unwrap_or_default());
            return Err(Failure::new(CHANGED, Step::STAT, seen));
        }
        // The sizes are needed for the looks after this one, too.
        if !identified || !sized {
            self.question(Step::LIST, Asked::List, Shape::Multi, b"LIST\r\n").await?;
        }
        match self.question(Step::UIDL, Asked::Uidl, Shape::Multi, b"UIDL\r\n").await {
            Err(failure) if failure.is_refusal() && !identified => {}
            Err(failure) if failure.is_refusal() => {
                let seen = format!("UIDL was answered before, and is refused now: {}", failure.fault().seen);
                return Err(Failure::new(CHANGED, Step::UIDL, seen));
            }
            Err(failure) => return Err(failure),
            Ok(()) => {}
        }
        self.desk.confirmed = true;
        Ok(())
    }

    /// The look before a DELE that is not the first: STAT, and whether the number still is this message's. That is two
    /// short answers however many messages there are.
    async fn glance(&mut self, number: u32) -> Result<(), Failure> {
        let listed = self.desk.listed.as_ref();
        let marked = listed.is_some_and(|listed| listed.is_deleted(number));
        let identified = listed.is_some_and(|listed| listed.identified());
        if self.count_again().await? == Counted::WithMarked || marked {
            return self.list_again().await;
        }
        let (step, keyword) = if identified { (Step::UIDL, "UIDL") } else { (Step::LIST, "LIST") };
        match self
            .inquire(step, Asked::One(number), Shape::Single, Line::Numbered(keyword, number, None))
            .await
        {
            // Perhaps it knows the command without a number alone.
            Err(failure) if failure.is_refusal() => self.list_again().await,
            looked => looked,
        }
    }

    /// STAT counts what is not marked. One that counts the marked messages as well is wrong (RFC 1939 section 5), but
    /// tells nothing of a change: there the listing decides, and not this figure.
    async fn count_again(&mut self) -> Result<Counted, Failure> {
        let known = self.desk.listed.as_ref().and_then(|listed| listed.left_and_all());
        self.question(Step::STAT, Asked::Stat, Shape::Single, b"STAT\r\n").await?;
        let (Some((count, octets)), Some((left, all))) = (self.desk.stat.take(), known) else {
            return Err(Failure::new(CHANGED, Step::STAT, "the sizes of the messages are not known"));
        };
        if (count, octets) == left {
            return Ok(Counted::Exactly);
        }
        if [left.0, all.0].contains(&count) && [left.1, all.1].contains(&octets) {
            return Ok(Counted::WithMarked);
        }
        let seen = format!(
            "STAT counts {count} messages with {octets} octets, and {} with {} were listed and not marked as deleted",
            left.0, left.1
        );
        Err(Failure::new(CHANGED, Step::STAT, seen))
    }

    /// The whole listing again, which leaves out what is marked and shows the rest as it was.
    async fn list_again(&mut self) -> Result<(), Failure> {
        if self.desk.listed.as_ref().is_some_and(|listed| listed.identified()) {
            self.question(Step::UIDL, Asked::Uidl, Shape::Multi, b"UIDL\r\n").await
        } else {
            self.question(Step::LIST, Asked::List, Shape::Multi, b"LIST\r\n").await
        }
    }

    /// Where a look showed a change, what was marked is taken back. This session sends no QUIT, but some servers carry out
    /// the marks of a connection that just ends.
    async fn or_take_back(&mut self, looked: Result<(), Failure>) -> Result<(), Failure> {
        let Err(failure) = looked else { return Ok(()) };
        let marks = self.desk.has_marks();
        let failure = changed(failure, marks);
        let kind = failure.kind();
        let answered =
            failure.is_refusal() || kind.starts_with("verification:") || kind.starts_with("deviation:");
        if marks && answered {
            // Whatever it answers: the session ends here.
            let _ = self.question(Step::RSET, Asked::Word, Shape::Single, b"RSET\r\n").await;
        }
        Err(failure)
    }
}

/// The maildrop is another one than it was.
const CHANGED: &str = "verification:changed";

/// What STAT counted in a session with marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// What is left.
    Exactly,
    /// What is left and what is marked.
    WithMarked,
}

fn foreign_mail(foreign: Option<(u32, Origin)>) -> String {
    match foreign {
        Some((number, Origin::Altered)) => format!(
            "message {number} bears poplab's marker, and its body is not the one that the marker describes: somebody \
             changed it, so nothing is deleted from this maildrop"
        ),
        Some((number, _)) => {
            format!("message {number} was not made by poplab, so nothing is deleted from this maildrop")
        }
        None => "not every message of the maildrop was retrieved and proved to be poplab's own, so nothing is deleted"
            .to_owned(),
    }
}

/// What a later look at the maildrop found otherwise than the first. What has nothing to do with the mail, such as a
/// connection that ends, stays what it is.
fn changed(failure: Failure, marks: bool) -> Failure {
    let fault = failure.fault();
    let (kind, what) = match &*fault.kind {
        "verification:mark" => ("verification:mark", "it cannot be seen that the mark hit its message"),
        // One message under two numbers is told as it is.
        "verification:number" => return failure,
        kind if kind.starts_with("verification:") || kind.starts_with("deviation:number") => {
            (CHANGED, "the maildrop is not the one that was looked at")
        }
        _ => return failure,
    };
    let outcome =
        if marks { "nothing more is deleted, and RSET takes back the marks" } else { "nothing is deleted" };
    Failure::new(kind, fault.step, format!("{what}, so {outcome}: {}", fault.seen))
}
