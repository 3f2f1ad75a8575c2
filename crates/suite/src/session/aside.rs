//! What [`crate::deletion`] needs of a session: its permission, and commands that are no part of a check.

use super::Session;
use crate::deletion::Permission;
use crate::outcome::Mishap;
use crate::reply::Reply;
use crate::wire::Purpose;

impl Session {
    pub(crate) fn permission(&self) -> &Permission {
        &self.wire.permission
    }

    pub(crate) fn permission_mut(&mut self) -> &mut Permission {
        &mut self.wire.permission
    }

    /// Whether something was asked that is not yet answered.
    pub(crate) fn awaits_answers(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// From now on what is sent is no part of what the check does, or is again.
    pub(crate) fn aside(&mut self, aside: bool) {
        self.wire.purpose = if aside { Purpose::Look } else { Purpose::Check };
    }

    pub(crate) fn note(&self, text: &str) {
        self.wire.journal.note(self.wire.number, text);
    }

    /// A command and its reply, without the looks that deletion asks for.
    pub(crate) async fn exchange(&mut self, line: &str) -> Result<Reply, Mishap> {
        self.write_lines(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }
}
