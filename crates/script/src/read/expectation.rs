//! Reading `expect`: what shall be said, and how often.

use yaml::{Findings, Node, meant, units};

use super::{accepted, at_most_one, state};
use crate::Expectation;
use crate::table::COMMANDS;

/// What is right of it; what is wrong has been told.
pub(super) fn expectation(node: &Node, findings: &mut Findings<'_>) -> Expectation {
    let command = node.at("command").and_then(|written| command(written, findings));
    at_most_one(node, &["times", "at_least"], findings);
    at_most_one(node, &["times", "at_most"], findings);
    let whole = |key: &str| node.read(key, units::whole);
    let (at_least, at_most) = match (whole("times"), whole("at_least"), whole("at_most")) {
        (Some(times), ..) => (times, Some(times)),
        (None, None, Some(most)) => (0, Some(most)),
        (None, least, most) => (least.unwrap_or(1), most),
    };
    if at_most.is_some_and(|most| most < at_least)
        && let Some((key, _)) = node.entry("at_most")
    {
        findings.wrong(key, format!("`at_most` is less than `at_least`, which is {at_least}"));
    }
    if (at_least, at_most) == (0, None)
        && let Some((key, _)) = node.entry("at_least")
    {
        findings.wrong(key, "this is met by anything; `times: 0` says that it shall never come");
    }
    let expectation = Expectation {
        command,
        session: whole("session"),
        state: state(node),
        message: whole("message"),
        accepted: accepted(node),
        at_least,
        at_most,
    };
    if expectation.message.is_some()
        && expectation.command.as_ref().is_some_and(|command| command.contains(' '))
        && let Some((key, _)) = node.entry("message")
    {
        findings.wrong(key, "the command has its arguments already; leave them or `message` away");
    }
    expectation
}

/// A command as it is compared; `None` for any.
fn command(node: &Node, findings: &mut Findings<'_>) -> Option<String> {
    let line = node.scalar()?.trim();
    let (keyword, arguments) = line.split_once(' ').unwrap_or((line, ""));
    let keyword = keyword.to_ascii_uppercase();
    // A name of X and anything is nobody's (RFC 2449 section 8), and may be asked for.
    if !COMMANDS.contains(&keyword.as_str()) && !keyword.starts_with('X') {
        findings.wrong(node, format!("unknown command `{keyword}`{}", meant(&keyword, &COMMANDS, &[])));
        return None;
    }
    let secret = match keyword.as_str() {
        "PASS" | "APOP" => !arguments.is_empty(),
        "AUTH" => arguments.contains(' '),
        _ => false,
    };
    if secret {
        // Without the line, which has a password in it.
        let place = findings.place(node);
        let mut parts = place.rsplitn(3, ':');
        let mut number = || parts.next().and_then(|digits| digits.parse().ok()).unwrap_or(1);
        let (column, line) = (number(), number());
        findings.wrong_elsewhere(
            parts.next().unwrap_or_default(),
            line,
            column,
            "what proves a password is not on record, so that nothing can be compared with it; leave it away",
        );
        return None;
    }
    match (keyword.as_str(), arguments) {
        ("ANY", "") => None,
        ("ANY", _) => {
            findings.wrong(node, "`ANY` has no arguments; use `message` for a number");
            None
        }
        (_, "") => Some(keyword),
        _ => Some(format!("{keyword} {arguments}")),
    }
}
