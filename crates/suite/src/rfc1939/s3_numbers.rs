//! RFC 1939 sections 3 to 5: what is no message number, in each command that takes one.
//!
//! Each command has code of its own for its argument, or had it once; so each is asked with each number. A server may
//! close the connection behind a refusal: the next is then asked on another one.

use crate::check::checks;
use crate::enduring::Enduring;
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

checks! {
    "rfc1939.cmd.number-syntax" => number_syntax,
    "rfc1939.cmd.number-zero" => number_zero,
    "rfc1939.cmd.number-overflow" => number_overflow,
}

/// Commands that take the number of a message. A look at the whole maildrop goes before each DELE, so that it is asked
/// with fewer numbers.
const COMMANDS: &[&str] = &["RETR {}", "LIST {}", "UIDL {}", "TOP {} 0"];

/// No numbers, though some readers of numbers see one in them: those that stop at the first letter, that know signs, other
/// bases and fractions, that leave out what they do not know, or take lists. `01` and `+1` are left out: they may work.
const NO_NUMBERS: &[&str] = &[
    "abc", "1x", "x1", "1.0", "1.5", ".1", "1e0", "0x1", "1h", "0b1", "1u", "-1", "--1", "-0", "*", "%",
    "1,2", "1:2", "1-2", "1;", "1!", "#1", "\"1\"", "'1'", "(1)", "$1", "1'", "1/1", "1_1", "NaN",
];

/// Zero, as it can be written.
const ZEROS: &[&str] = &["0", "00", "0000000000"];

/// Numbers that are message 1 or 2, or none below zero, where they are cut to 8, 16, 31, 32, 63 or 64 bits.
const TOO_LARGE: &[&str] = &[
    "65537",
    "2147483648",
    "2147483649",
    "4294967295",
    "4294967296",
    "4294967297",
    "4294967298",
    "9223372036854775807",
    "9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551617",
    "36893488147419103233",
    "99999999999999999999",
    "340282366920938463463374607431768211457",
    "10000000000000000000000000000000000000001",
];

/// RFC 1939 §4, §5: A message-number is an unsigned decimal number; anything else is invalid.
async fn number_syntax(lab: &Lab) -> Outcome {
    refused(lab, NO_NUMBERS, &["abc", "1x", "1.0", "0x1", "-1", "1,2", "*"]).await
}

/// RFC 1939 §4: Numbers start at 1; number 0 never names a message.
async fn number_zero(lab: &Lab) -> Outcome {
    refused(lab, ZEROS, &["0", "00"]).await
}

/// RFC 1939 §4: Numbers larger than the server's integer type do not wrap to an existing message.
async fn number_overflow(lab: &Lab) -> Outcome {
    refused(lab, TOO_LARGE, &["4294967297", "4294967298", "18446744073709551617", "99999999999999999999"])
        .await
}

/// Requires that each command refuses each of these, and DELE some of them where it may be sent.
async fn refused(lab: &Lab, words: &[&str], of_dele: &[&str]) -> Outcome {
    let (session, may_delete) = perhaps_deletable(lab).await?;
    let open = async move || if may_delete { lab.deletable(1).await } else { lab.mail(1).await };
    let mut session = Enduring::with(session, open);
    let asked = COMMANDS.iter().flat_map(|command| words.iter().map(move |word| command.replace("{}", word)));
    let deletions = of_dele.iter().filter(|_| may_delete).map(|word| format!("DELE {word}"));
    let mut outcome = Ok(());
    for command in asked.chain(deletions) {
        outcome = session.command(&command).await.and_then(|reply| reply.require_err().map(drop));
        if outcome.is_err() {
            break;
        }
    }
    // A server that errs may have marked something.
    let _ = session.session().command("RSET").await;
    outcome
}

/// A session that may send DELE, if there is one; else one that has mail. Whether it may is told.
async fn perhaps_deletable(lab: &Lab) -> Result<(Session, bool), Stop> {
    match lab.deletable(1).await {
        Ok(session) => Ok((session, true)),
        Err(Stop::Skipped(_)) => Ok((lab.mail(1).await?, false)),
        Err(stop) => Err(stop),
    }
}
