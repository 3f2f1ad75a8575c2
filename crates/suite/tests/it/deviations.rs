//! No deviation without a requirement that judges it: for each way in which a server's octets can err, by its name, a
//! server that errs so, once, and the check that accuses it.
//!
//! The server is right but for one answer. Deviations of clients, and ends of the connection, are not judged so.

use proto::Deviation;
use record::Verdict;

use crate::between::{Asked, Between};
use crate::laboratory::{accounts, judge, paused};

/// A deviation, the command that is answered so, and the answer; `{600}` in it stands for so many letters, and `*` for the rest of
/// the command.
type Row = (Deviation, &'static str, &'static [u8]);

/// It says NOOP, and a command that nobody knows.
const CARRIER: &str = "rfc1939.frame.one-reply";

const ROWS: &[Row] = &[
    (Deviation::BareLf, "NOOP", b"+OK\n"),
    (Deviation::BareCr, "NOOP", b"+OK nothing\rdone\r\n"),
    (Deviation::StatusCase, "NOOP", b"+ok nothing done\r\n"),
    (Deviation::StatusGlued, "NOOP", b"+OK:nothing done\r\n"),
    (Deviation::StatusWord, "XYZZY", b"+ERR unknown\r\n"),
    (Deviation::StatusWord, "XYZZY", b"-NO such command\r\n"),
    (Deviation::StatusUnknown, "XYZZY", b"ERR unknown\r\n"),
    (Deviation::StatusUnknown, "XYZZY", b"- ERR unknown\r\n"),
    (Deviation::StatusTooLong, "NOOP", b"+OK {600}\r\n"),
    (Deviation::StatusEightBit, "NOOP", b"+OK nothing done, voil\xe0\r\n"),
    (Deviation::StatusControl, "NOOP", b"+OK nothing\x07done\r\n"),
    (Deviation::StatusEmpty, "NOOP", b"\r\n"),
    (Deviation::CodeUnclosed, "XYZZY", b"-ERR [SYS/TEMP unknown\r\n"),
    (Deviation::CodeEmptyLevel, "XYZZY", b"-ERR [SYS/] unknown\r\n"),
    (Deviation::CodeBlank, "XYZZY", b"-ERR [SYS TEMP] unknown\r\n"),
    (Deviation::ContinuationNoSpace, "AUTH *", b"+\r\n"),
    (Deviation::ContinuationNotBase64, "AUTH *", b"+ go ahead, please\r\n"),
    (Deviation::DotLineBareLf, "LIST", b"+OK\r\n1 120\r\n.\n"),
    (Deviation::NumberNotDecimal, "LIST", b"+OK\r\n1 0x78\r\n.\r\n"),
    (Deviation::NumberMissing, "LIST", b"+OK\r\n1\r\n.\r\n"),
    (Deviation::FieldSeparator, "LIST", b"+OK\r\n1  120\r\n.\r\n"),
    (Deviation::UniqueIdTrailing, "UIDL", b"+OK\r\n1 whqtswO00WBw418f9t5JxYwZ 120\r\n.\r\n"),
    (Deviation::UniqueIdEmpty, "UIDL", b"+OK\r\n1 \r\n.\r\n"),
    (
        Deviation::UniqueIdTooLong,
        "UIDL",
        b"+OK\r\n1 12345678901234567890123456789012345678901234567890123456789012345678901\r\n.\r\n",
    ),
    (Deviation::UniqueIdAlphabet, "UIDL", b"+OK\r\n1 whqtsw\xe0O00WBw418f9t5JxYwZ\r\n.\r\n"),
    (Deviation::CapabilityEmpty, "CAPA", b"+OK\r\nTOP\r\n\r\nUIDL\r\n.\r\n"),
    (Deviation::CapabilityTag, "CAPA", b"+OK\r\nTOP\r\nX\x01Y\r\nUIDL\r\n.\r\n"),
    (Deviation::CapabilityTooLong, "CAPA", b"+OK\r\nTOP\r\nX-{600}\r\nUIDL\r\n.\r\n"),
    (Deviation::CapabilityBlank, "CAPA", b"+OK\r\nTOP\r\nEXPIRE  NEVER\r\nUIDL\r\n.\r\n"),
];

/// Why a deviation has no row.
fn judged_otherwise(deviation: Deviation) -> Option<&'static str> {
    match deviation {
        Deviation::CommandBlank
        | Deviation::CommandEmpty
        | Deviation::CommandControl
        | Deviation::CommandTooLong => Some("it is a client's"),
        Deviation::ClosedMidLine | Deviation::ClosedMidContent | Deviation::ClosedUnanswered => {
            Some("an end of the connection in place of a reply fails each check that it meets")
        }
        Deviation::ContentBareLf
        | Deviation::ContentBareCr
        | Deviation::ContentNul
        | Deviation::ContentUnstuffed => Some("it is of the content of messages, which checks compare whole"),
        _ => None,
    }
}

/// What the requirement of this row says of a server that errs so.
fn verdict((deviation, command, answer): &Row) -> (String, Verdict, String) {
    let id = deviation.requirement().unwrap_or_else(|| panic!("{deviation:?} has no requirement"));
    let check = suite::all().into_iter().find(|check| check.id == id);
    let check = check.unwrap_or_else(|| panic!("{deviation:?}: no check judges {id}"));
    // Passive checks look at what others say, too.
    let carrier = suite::all().into_iter().find(|other| other.id == CARRIER && other.id != id);
    let command = *command;
    let checks = [check].into_iter().chain(carrier).collect();
    let answer = match answer.windows(5).position(|window| window == b"{600}") {
        Some(at) => [&answer[..at], &[b'a'; 600], &answer[at + 5..]].concat(),
        None => answer.to_vec(),
    };
    let between = Between::answering(move |line| {
        let is_it = match command.strip_suffix('*') {
            Some(beginning) => line.starts_with(beginning),
            None => line.eq_ignore_ascii_case(command),
        };
        if is_it { Asked::Say(answer.clone()) } else { Asked::Pass }
    });
    let evidence = paused(async move {
        let (site, _) = between.survey(accounts()).await;
        judge(&site.expect("it can be surveyed"), checks, 1).await
    });
    let result = &evidence.iter().find(|evidence| evidence.result.id == id).expect("it was judged").result;
    (id.to_owned(), result.verdict, result.observed.clone())
}

#[test]
fn each_deviation_of_a_server_is_told_by_the_requirement_that_it_breaks() {
    let mut missed = Vec::new();
    for row in ROWS {
        let (id, verdict, observed) = verdict(row);
        if !matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Info) {
            missed.push(format!("{:?} in answer to {}: {id} says {verdict}: {observed}", row.0, row.1));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn each_deviation_has_a_row_or_a_reason_to_have_none() {
    for deviation in Deviation::ALL {
        let has_row = ROWS.iter().any(|(of, ..)| of == deviation);
        assert!(has_row != judged_otherwise(*deviation).is_some(), "{deviation:?}");
    }
}
