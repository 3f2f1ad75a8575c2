//! RFC 1939 section 3: one space between the words of a command. Whoever tolerates more must mean the same by it.

use crate::check::checks;
use crate::enduring::Enduring;
use crate::lab::Lab;
use crate::outcome::{Outcome, fail, require};
use crate::reply::Reply;

checks! {
    "rfc1939.frame.extra-space" => extra_space,
}

/// RFC 1939 §3: Keyword and arguments are separated by exactly one SP; doubled or trailing spaces and tabs are
/// outside the grammar.
async fn extra_space(lab: &Lab) -> Outcome {
    let mut session = Enduring::begin(async || lab.mail(1).await).await?;
    let (count, _) = session.session().assume_ok("STAT").await?.totals()?;
    // Not the first: to a server that reads no number, or 0, or 1, it is another one.
    let number = count.min(2);
    let commands = [
        ("STAT", &["STAT ", "STAT  ", "STAT\t"][..]),
        ("NOOP", &["NOOP ", "NOOP\t"]),
        ("LIST {}", &["LIST  {}", "LIST {} ", "LIST\t{}", "LIST \t{}", "LIST {}\t"]),
        ("LIST", &["LIST ", "LIST  "]),
        ("UIDL {}", &["UIDL  {}", "UIDL {} ", "UIDL\t{}"]),
        ("UIDL", &["UIDL "]),
        ("TOP {} 0", &["TOP  {} 0", "TOP {}  0", "TOP {} 0 ", "TOP\t{}\t0"]),
        ("RETR {}", &["RETR  {}", "RETR {} ", "RETR\t{}"]),
        ("CAPA", &["CAPA "]),
    ];
    for (usual, odd) in commands {
        let of_number = |command: &str| command.replace("{}", &number.to_string());
        let expected = session.command(&of_number(usual)).await?;
        if !expected.is_ok() {
            continue;
        }
        for command in odd {
            let reply = session.command(&of_number(command)).await?;
            if reply.is_err() {
                continue;
            }
            require(reply.is_ok(), || reply.seen())?;
            if !is_same(&reply, &expected) {
                return fail(format!(
                    "{} with {} lines of content; {} with {}",
                    expected.seen(),
                    expected.lines().len(),
                    reply.seen(),
                    reply.lines().len()
                ));
            }
        }
    }
    Ok(())
}

/// Whether two replies say the same. The status line of a multi-line one is for people.
fn is_same(one: &Reply, other: &Reply) -> bool {
    match (&one.content, &other.content) {
        (Some(_), Some(_)) => {
            mail::body(one.octets()) == mail::body(other.octets())
                && one.lines().len().abs_diff(other.lines().len()) < 4
        }
        (None, None) => one.line == other.line,
        _ => false,
    }
}
