//! Sessions that were let go where a lock outlives its connection: they end with QUIT, or the next check would find the
//! maildrop busy. Nothing that they say is judged or put down.

use std::cell::RefCell;
use std::rc::Rc;

use proto::{Client, Limits};
use tokio::time::Instant;

use super::{Patience, Session};
use crate::journal::Journal;
use crate::wire::Wire;

/// Connections that were let go after a login and have to be ended with QUIT.
pub(crate) type Farewells = Rc<RefCell<Vec<Wire>>>;

/// Says QUIT, and does not ask what comes of it.
pub(crate) async fn say(mut wire: Wire, patience: Patience) {
    if wire.write(b"QUIT\r\n", patience.quiet).await.is_ok() {
        let deadline = Instant::now() + patience.answer / 4;
        while Instant::now() < deadline && wire.item(patience.quiet).await.is_ok() {}
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(farewells) = self.farewells.take().filter(|_| self.account.is_some()) else { return };
        // What may be marked stays marked: QUIT would carry it out.
        let removes = !self.permission().leaves_all_mail() || self.wire.quit_may_remove();
        if self.wire.ending().is_some() || removes {
            return;
        }
        if let Some(stream) = self.wire.stream.take() {
            let journal = Journal::new("farewell", 0, &transcript::Secrets::new());
            let mut wire = Wire::new(stream, self.wire.number, journal, true);
            wire.machine = Client::resume(Limits::default());
            farewells.borrow_mut().push(wire);
        }
    }
}
