//! RFC 1939 section 6: what QUIT removes of a maildrop with many messages, and of messages that nobody retrieved.
//!
//! A table of marks that is too small, or a number that is cut, shows only here. Where the listing shows already that
//! another message was marked, or none, no QUIT is sent: it would remove what nobody meant. What has no permission or not
//! so much mail is skipped; whose verdict it is, is told by who asks ([`super::s6_update`]).

use std::rc::Rc;

use super::maildrop::{Maildrop, numbers};
use crate::accounts::Account;
use crate::early;
use crate::lab::Lab;
use crate::outcome::{Judged, Outcome, Stop, fail};
use crate::session::Session;

/// So many messages have numbers of three digits.
const MANY: u64 = 104;
/// Few of them, with numbers of two and three digits: each is another message where a number is cut to five bits, to six,
/// to seven, to one digit or to two.
const FEW: [u64; 4] = [33, 70, 100, 103];
/// Every so manieth message is left when the others are marked.
const LEFT: u64 = 29;

/// A maildrop with many messages, of which some were marked.
struct Crowd {
    session: Session,
    account: Rc<Account>,
    before: Maildrop,
    marked: Vec<u64>,
    /// Marked messages that are listed, and others that are not any more.
    still: Vec<u64>,
    hidden: Vec<u64>,
}

impl Crowd {
    /// Marks each message whose number is like this.
    async fn mark(lab: &Lab, at_least: u64, is_like: impl Fn(u64) -> bool) -> Result<Self, Stop> {
        let mut session = lab.deletable_among(at_least).await?;
        let account = session.account()?;
        let before = Maildrop::before_marks(&mut session, lab).await?;
        let chosen: Vec<u64> =
            before.messages.iter().map(|held| held.number).filter(|number| is_like(*number)).collect();
        let at_once = early::is_promised(lab);
        if at_once {
            let batch = chosen.iter().flat_map(|number| format!("DELE {number}\r\n").into_bytes());
            session.batch(&batch.collect::<Vec<u8>>()).await?;
        }
        let mut marked = Vec::new();
        for number in chosen {
            let reply =
                if at_once { session.reply().await } else { session.command(format!("DELE {number}")).await };
            // One that is refused is `rfc1939.dele.ok`'s. What was taken for its number is seen below.
            if reply.judged()?.is_ok() {
                marked.push(number);
            }
        }
        let listed = numbers(&session.assume_ok("LIST").await?)?;
        let still = marked.iter().copied().filter(|number| listed.contains(number)).collect();
        let unmarked =
            before.messages.iter().map(|held| held.number).filter(|number| !marked.contains(number));
        let hidden = unmarked.filter(|number| !listed.contains(number)).collect();
        Ok(Self { session, account, before, marked, still, hidden })
    }

    fn told(&self) -> String {
        match self.marked.len() {
            0..=8 => format!("of {} messages {:?} were marked", self.before.messages.len(), self.marked),
            many => format!("{many} of {} messages were marked", self.before.messages.len()),
        }
    }

    async fn quit(self, lab: &Lab) -> Result<(Maildrop, Maildrop, Vec<u64>, String), Stop> {
        let what = format!("{}, and QUIT was answered +OK", self.told());
        self.session.quit().await?;
        let later = Maildrop::look_again(lab, &self.account).await?;
        Ok((self.before, later, self.marked, what))
    }
}

/// Few of many: what was not marked stays.
pub(super) async fn keeps_unmarked(lab: &Lab) -> Outcome {
    let mut crowd = Crowd::mark(lab, MANY, |number| FEW.contains(&number)).await?;
    if let Some(number) = crowd.hidden.first() {
        let seen = format!("{}, and LIST lacks message {number} too, so QUIT would remove it", crowd.told());
        crowd.session.command("RSET").await?;
        return fail(seen);
    }
    let (before, later, marked, what) = crowd.quit(lab).await?;
    before.require_unmarked_kept(&later, &marked, lab, &what)
}

/// Few of many, and then many: what was marked goes.
pub(super) async fn removes_marked(lab: &Lab) -> Outcome {
    all_go(lab, |number| FEW.contains(&number)).await?;
    all_go(lab, |number| number % LEFT != 0).await
}

async fn all_go(lab: &Lab, is_like: impl Fn(u64) -> bool) -> Outcome {
    let mut crowd = Crowd::mark(lab, MANY, is_like).await?;
    if let Some(number) = crowd.still.first() {
        let seen =
            format!("{}, and LIST has message {number} all the same, so QUIT would leave it", crowd.told());
        crowd.session.command("RSET").await?;
        return fail(seen);
    }
    let (before, later, marked, what) = crowd.quit(lab).await?;
    before.require_marked_gone(&later, &marked, &what)
}

/// A message that no RETR has fetched in the session is removed like any other. It was looked at by TOP.
pub(super) async fn removes_what_was_not_retrieved(lab: &Lab, account: &Rc<Account>) -> Outcome {
    let Some(mut session) = lab.deletable_unretrieved(account).await? else { return Ok(()) };
    let before = Maildrop::before_marks(&mut session, lab).await?;
    session.assume_ok("DELE 1").await?;
    session.quit().await?;
    let later = Maildrop::look_again(lab, account).await?;
    let what = "DELE 1 and QUIT were answered +OK in a session in which no message was retrieved";
    before.require_marked_gone(&later, &[1], what)
}
