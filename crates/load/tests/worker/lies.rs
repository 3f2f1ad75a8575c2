//! Servers that show their mail otherwise than it is, before the first DELE, between two, and before QUIT: none of them
//! has anything deleted that was not looked at.

use load::Behaviours;
use scenario::Behaviour;

use crate::liar::{Liar, Lie, Maildrop, one_session, right};

/// What came of one session of download-and-delete with a server that tells this lie: errors, and the commands it heard.
fn lied_to(lie: Lie) -> (Vec<String>, String) {
    let messages = (1..=3).map(|number| mail::ordinary(7, number, 900)).collect();
    let liar = Liar::start(messages, lie);
    let run = liar.meet(&one_session(Behaviour::DownloadAndDelete), Behaviours::none());
    let wrong = run.sum(|second| second.verified.failures);
    assert_eq!(wrong, run.errors().len() as u64, "a lie fails the run: {:?}", run.errors());
    let kinds = run.errors().into_iter().map(|(kind, step, _)| format!("{kind} at {step}")).collect();
    (kinds, liar.heard().join(", "))
}

/// STAT of so many messages, in which the octets are the sum of these.
fn counting(count: usize, messages: &[Vec<u8>]) -> Vec<u8> {
    let octets: usize = messages.iter().map(Vec::len).sum();
    format!("+OK {count} {octets}\r\n").into_bytes()
}

/// The answer to a command if no message were marked as deleted.
fn unmarked(line: &str, maildrop: &Maildrop) -> Vec<u8> {
    let mut all = maildrop.clone();
    all.marked.clear();
    right(line, &mut all)
}

const LOOKED: &str = "LIST, UIDL, RETR 1, RETR 2, RETR 3, ";

#[test]
fn a_server_that_does_not_lie_has_its_mail_deleted() {
    let (errors, heard) = lied_to(|_, _, _| None);
    let deleted = "STAT, UIDL, DELE 1, STAT, UIDL 2, DELE 2, STAT, UIDL 3, DELE 3, STAT, UIDL, QUIT";
    assert_eq!((errors, heard), (vec![], format!("{LOOKED}{deleted}")));
    // One without unique-ids is asked for the sizes once more.
    let (errors, heard) = lied_to(|line, _, _| line.starts_with("UIDL").then(|| b"-ERR what?\r\n".to_vec()));
    let deleted = "STAT, LIST, UIDL, DELE 1, STAT, LIST 2, DELE 2, STAT, LIST 3, DELE 3, STAT, LIST, QUIT";
    assert_eq!((errors, heard), (vec![], format!("{LOOKED}{deleted}")));
}

/// STAT does not count marked messages (RFC 1939 section 5), and LIST and UIDL know one message (section 7). Servers
/// that err in no more than that show by their listing what was marked.
#[test]
fn a_server_that_is_wrong_in_a_figure_alone_has_its_mail_deleted() {
    let lies: [(&str, Lie); 3] = [
        ("STAT counts what is marked", |line, _, maildrop| {
            (line == "STAT").then(|| unmarked(line, maildrop))
        }),
        ("STAT leaves what is marked out of the count, and not out of the octets", |line, _, maildrop| {
            (line == "STAT").then(|| counting(3 - maildrop.marked.len(), &maildrop.messages))
        }),
        ("UIDL and LIST of one message are unknown", |line, _, _| {
            (line.starts_with("UIDL ") || line.starts_with("LIST ")).then(|| b"-ERR what?\r\n".to_vec())
        }),
    ];
    for (what, lie) in lies {
        let (errors, heard) = lied_to(lie);
        assert_eq!(errors, [""; 0], "{what}: {heard}");
        assert!(heard.contains("DELE 3") && heard.ends_with("QUIT"), "{what}: {heard}");
    }
}

#[test]
fn no_lie_before_the_first_dele_has_mail_deleted() {
    let lies: [(&str, Lie, &str); 6] = [
        (
            "RETR gives message 1 whatever was asked for",
            |line, _, maildrop| line.starts_with("RETR").then(|| right("RETR 1", maildrop)),
            "verification:number at DELE",
        ),
        (
            "a message came after the look",
            |line, _, maildrop| (line == "STAT").then(|| counting(4, &maildrop.messages)),
            "verification:changed at STAT",
        ),
        (
            "STAT counts what LIST does not show",
            |line, _, maildrop| (line == "STAT").then(|| counting(2, &maildrop.messages[1..])),
            "verification:changed at STAT",
        ),
        (
            "the unique-ids are others than before",
            |line, before, _| {
                (line == "UIDL" && before > 0).then(|| b"+OK\r\n1 new\r\n2 id-1\r\n3 id-2\r\n.\r\n".to_vec())
            },
            "verification:changed at UIDL",
        ),
        (
            "UIDL shows more than before",
            |line, before, _| {
                (line == "UIDL" && before > 0)
                    .then(|| b"+OK\r\n1 id-1\r\n2 id-2\r\n3 id-3\r\n4 id-4\r\n.\r\n".to_vec())
            },
            "verification:changed at UIDL",
        ),
        (
            "there are no unique-ids, and the sizes are others than before",
            |line, before, _| match (&line[..4], before) {
                ("UIDL", _) => Some(b"-ERR what?\r\n".to_vec()),
                ("LIST", 1..) => Some(b"+OK\r\n1 901\r\n2 900\r\n3 900\r\n.\r\n".to_vec()),
                _ => None,
            },
            "verification:changed at LIST",
        ),
    ];
    for (what, lie, kind) in lies {
        let (errors, heard) = lied_to(lie);
        assert_eq!(errors, [kind], "{what}");
        assert!(!heard.contains("DELE") && !heard.contains("QUIT"), "{what}: {heard}");
    }
}

/// One mark, or as many as there were, is all that such a server gets, and no QUIT to carry it out.
#[test]
fn no_lie_between_two_deles_has_mail_deleted() {
    let lies: [(&str, Lie, &str); 9] = [
        (
            "a message comes",
            |line, before, maildrop| {
                (line == "STAT" && before == 1).then(|| {
                    let mut messages = maildrop.messages.clone();
                    messages.push(b"A word.\r\n".to_vec());
                    counting(3, &messages[1..])
                })
            },
            "verification:changed at STAT",
        ),
        (
            "a message comes that is as large as the one that is marked",
            |line, _, maildrop| match line {
                "STAT" => Some(counting(3, &maildrop.messages)),
                "UIDL" if !maildrop.marked.is_empty() => {
                    Some(b"+OK\r\n2 id-2\r\n3 id-3\r\n4 new\r\n.\r\n".to_vec())
                }
                _ => None,
            },
            "verification:changed at UIDL",
        ),
        (
            "a message is exchanged for a larger one",
            |line, before, _| (line == "STAT" && before == 1).then(|| b"+OK 2 5000\r\n".to_vec()),
            "verification:changed at STAT",
        ),
        (
            "a message is exchanged for another one of the same size",
            |line, _, _| (line == "UIDL 2").then(|| b"+OK 2 new\r\n".to_vec()),
            "verification:changed at UIDL",
        ),
        (
            "the numbers move up behind the one that is marked",
            |line, _, _| (line == "UIDL 2").then(|| b"+OK 2 id-3\r\n".to_vec()),
            "verification:changed at UIDL",
        ),
        (
            "UIDL of one message tells of another one",
            |line, _, _| (line == "UIDL 2").then(|| b"+OK 3 id-3\r\n".to_vec()),
            "verification:changed at UIDL",
        ),
        (
            "DELE marks the message after the one that was meant",
            |line, _, maildrop| (line == "DELE 1").then(|| right("DELE 2", maildrop)),
            "verification:mark at UIDL",
        ),
        (
            "DELE marks a message that nothing shows",
            |line, _, _| line.starts_with("DELE").then(|| b"+OK\r\n".to_vec()),
            "verification:mark at UIDL",
        ),
        (
            "marked messages are counted and listed",
            |line, _, maildrop| ["STAT", "UIDL", "LIST"].contains(&line).then(|| unmarked(line, maildrop)),
            "verification:mark at UIDL",
        ),
    ];
    for (what, lie, kind) in lies {
        let (errors, heard) = lied_to(lie);
        assert_eq!(errors, [kind], "{what}: {heard}");
        assert!(heard.contains("DELE 1") && !heard.contains("DELE 2"), "{what}: {heard}");
        assert!(heard.ends_with("RSET"), "{what}: {heard}");
    }
}

#[test]
fn no_lie_before_quit_has_mail_deleted() {
    let lies: [(&str, Lie, &str); 4] = [
        (
            "a message came after the last DELE",
            |line, before, maildrop| {
                (line == "STAT" && before == 3).then(|| counting(1, &maildrop.messages[..1]))
            },
            "verification:changed at STAT",
        ),
        (
            "the last DELE marked nothing that can be seen",
            |line, _, _| (line == "DELE 3").then(|| b"+OK\r\n".to_vec()),
            "verification:changed at STAT",
        ),
        (
            "one that was marked is back, and has another unique-id",
            |line, before, _| (line == "UIDL" && before == 4).then(|| b"+OK\r\n2 new\r\n.\r\n".to_vec()),
            "verification:mark at UIDL",
        ),
        (
            "one is there that STAT does not count",
            |line, before, _| (line == "UIDL" && before == 4).then(|| b"+OK\r\n4 new\r\n.\r\n".to_vec()),
            "verification:changed at UIDL",
        ),
    ];
    for (what, lie, kind) in lies {
        let (errors, heard) = lied_to(lie);
        assert_eq!(errors, [kind], "{what}: {heard}");
        assert!(heard.contains("DELE 3") && heard.ends_with("RSET"), "{what}: {heard}");
    }
}
