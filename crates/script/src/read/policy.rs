//! Reading a `policy`.

use yaml::{Findings, Node, units};

use crate::table::COMMANDS;
use crate::{Deleted, Lock, Policy, Retrieved, Tokens};

/// What is right of it; what is wrong has been told.
pub(super) fn policy(node: &Node, findings: &mut Findings<'_>) -> Policy {
    let mut few = |key: &str| {
        let count = node.read(key, units::whole)?;
        if count > 255
            && let Some(value) = node.at(key)
        {
            findings.wrong(value, "at most 255");
        }
        u8::try_from(count).ok()
    };
    let (refusals, login_delays) = (few("close_after_refusals"), few("login_delays").unwrap_or_default());
    let flag = |key: &str| node.text(key) == Some("true");
    let whole = |key: &str| node.read(key, units::whole);
    let command = |item: &Node| COMMANDS.into_iter().find(|known| item.scalar() == Some(known));
    let number = |node: &Node| units::whole(node.scalar()?).ok();
    let expiry = |(name, value): &(Node, Node)| Some((number(name)?, number(value)?));
    Policy {
        refusals,
        login_delays,
        password_for_user_only: flag("password_for_user_only"),
        busy_without_code: flag("busy_without_code"),
        deleted: match (flag("read_only"), flag("keeps_deleted")) {
            (true, _) => Deleted::Refused,
            (false, true) => Deleted::Kept,
            (false, false) => Deleted::Removed,
        },
        unknown: node.items("unknown").iter().filter_map(command).collect(),
        messages_per_session: whole("messages_per_session"),
        commands_per_session: whole("commands_per_session"),
        lock: match node.text("lock") {
            Some("none") => Lock::None,
            Some("stale") => Lock::Stale,
            _ => Lock::Exclusive,
        },
        retrieved: match node.text("retrieved") {
            Some("removed-at-quit") => Retrieved::RemovedAtQuit,
            Some("removed-at-once") => Retrieved::RemovedAtOnce,
            _ => Retrieved::Kept,
        },
        tokens: match node.text("tokens") {
            Some("accepted") => Tokens::Accepted,
            Some("expired") => Tokens::Expired,
            _ => Tokens::Unknown,
        },
        expires: node.at("expires").and_then(Node::map).into_iter().flatten().filter_map(expiry).collect(),
    }
}
