//! Checks of good practice, which no RFC or hardly one asks for: what attackers try, what networks do, and what old
//! programs say. One file for each kind of trouble.
//!
//! Most of them say what is no line of POP3. To that a server may do much: refuse it, take it for something near to it,
//! or close the connection. So nothing here is judged but what harms: a line that is obeyed in part, two answers to one
//! line, a service that is gone.

pub(crate) mod arrivals;
pub(crate) mod cleartext;
pub(crate) mod content;
pub(crate) mod crowds;
pub(crate) mod devices;
pub(crate) mod endings;
pub(crate) mod garbage;
pub(crate) mod guessing;
pub(crate) mod history;
pub(crate) mod large;
pub(crate) mod line_ends;
pub(crate) mod long_lines;
pub(crate) mod looking;
pub(crate) mod names;
pub(crate) mod odd_lines;
pub(crate) mod reflection;

use crate::check::sections;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, warn};
use crate::reply::Reply;

sections! {
    arrivals, cleartext, content, crowds, devices, endings, garbage, guessing, history, large, line_ends, long_lines,
    looking, names, reflection,
}

/// On a clock that stands still nothing can be measured, and a server that is in memory is not put under load: there this
/// many times less is done.
const LESS: usize = 50;

/// How often something is done that shows only when it is done many times.
fn times(lab: &Lab, often: usize) -> usize {
    if lab.survey().round_trip.is_zero() { (often / LESS).max(2) } else { often }
}

/// What a server on the network should not do. On loopback nobody attacks, and servers made for tests have no limits
/// there: it is told and held against nobody.
fn warn_beyond_loopback(lab: &Lab, seen: String) -> Outcome {
    if lab.site().permissions.loopback {
        return Err(Stop::Info(format!("{seen}; but this is loopback")));
    }
    warn(seen)
}

/// A name that nobody has, like another one: of letters and digits, which no server refuses for its form, and where names
/// have a domain it has the same.
fn nobody_like(lab: &Lab, user: &str) -> String {
    let nobody = format!("nobody{}", &lab.nonce()[..8]);
    match user.split_once('@') {
        Some((_, domain)) => format!("{nobody}@{domain}"),
        None => nobody,
    }
}

/// Whether a text of the server's is in a status line, in whatever case.
fn says(reply: &Reply, text: &[u8]) -> bool {
    reply.line.windows(text.len().max(1)).any(|window| window.eq_ignore_ascii_case(text))
}
