//! What several defects do: answering more than one line, crashing, closing without a word.

use crate::reply::{Reply, Then};
use crate::twist::{Asked, Circumstance};

/// The answers to several command lines one behind the other, up to the first that ends the connection.
pub(super) fn several<'a>(
    circumstance: &mut Circumstance<'_>,
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Reply {
    let (mut said, mut then) = (Vec::new(), Then::GoOn);
    for line in lines {
        let reply = Asked::Command(line.to_vec()).answer(circumstance.session);
        said.extend_from_slice(&reply.line());
        if let Some(content) = reply.content {
            said.append(&mut content.on_the_wire());
        }
        then = reply.then;
        if then != Then::GoOn {
            break;
        }
    }
    Reply::verbatim(said).then(then)
}

/// The connection ends without a word, as where the process that serves it dies.
pub(super) fn hangs_up() -> Reply {
    Reply::nothing().then(Then::Close)
}

/// The whole server crashes. [`after_crash`] and [`no_handshake`] belong to it.
pub(super) fn crash(circumstance: &Circumstance<'_>) -> Reply {
    circumstance.session.world.remember(|remembered| remembered.crashed = true);
    Reply::nothing().then(Then::Reset)
}

/// Where the server has crashed there is no answer, and no greeting.
pub(super) fn after_crash(circumstance: &mut Circumstance<'_>, _: &Asked, reply: &mut Reply) {
    no_handshake(circumstance, reply);
}

/// Where the server has crashed there is no handshake.
pub(super) fn no_handshake(circumstance: &mut Circumstance<'_>, reply: &mut Reply) {
    if circumstance.session.world.remember(|remembered| remembered.crashed) {
        *reply = Reply::nothing().then(Then::Reset);
    }
}

/// Keeps octets for later in this connection.
pub(super) fn leave(circumstance: &Circumstance<'_>, octets: Vec<u8>) {
    let number = circumstance.session.number;
    circumstance.session.world.remember(|remembered| remembered.left.insert(number, octets));
}

/// What was kept in this connection, which is then kept no longer.
pub(super) fn left(circumstance: &Circumstance<'_>) -> Option<Vec<u8>> {
    let number = circumstance.session.number;
    circumstance.session.world.remember(|remembered| remembered.left.remove(&number))
}

/// The connection is gone, and what was kept in it.
pub(super) fn forget(circumstance: &mut Circumstance<'_>, _: &[u8]) {
    left(circumstance);
}
