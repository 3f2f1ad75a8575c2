//! Servers that lie about their mail: all checks that delete are run against them with every permission, and nothing
//! foreign is gone. What the server is like stands in `liar`.

use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use mail::{Marker, Role};
use net::{Dialer, Trust};
use record::Verdict;
use suite::{Account, Check, Cost, Evidence, Plan, Pool, Security};

use crate::between::{Asked, Between};
use crate::laboratory::{self, SEED, USUAL, judge, paused, site};
use crate::liar::{Letter, Liar, Lie};

/// All checks that send a DELE after a login. That none is missing is tested below.
const DELETING: &[&str] = &[
    "practice.capa.no-side-effect",
    "practice.multi.download-delete",
    "practice.multi.partial-cycle",
    "practice.multi.readded",
    "practice.multi.restore",
    "practice.multi.three-devices",
    "practice.robust.half-close-quit",
    "practice.uidl.two-devices",
    "practice.update.crash",
    "practice.update.delivery-race",
    "practice.update.marks-pipelined",
    "practice.update.seen-elsewhere",
    "rfc1939.cmd.minimal-set",
    "rfc1939.cmd.missing-arg",
    "rfc1939.cmd.number-overflow",
    "rfc1939.cmd.number-syntax",
    "rfc1939.cmd.number-zero",
    "rfc1939.cmd.too-many-args",
    "rfc1939.dele.all",
    "rfc1939.dele.deferred",
    "rfc1939.dele.hides",
    "rfc1939.dele.no-such",
    "rfc1939.dele.ok",
    "rfc1939.dele.twice",
    "rfc1939.list.complete",
    "rfc1939.list.excludes-deleted",
    "rfc1939.lock.effect",
    "rfc1939.noop.ok",
    "rfc1939.policy.only-with-quit",
    "rfc1939.quit.auth-no-update",
    "rfc1939.quit.closes-after-err",
    "rfc1939.quit.durable",
    "rfc1939.quit.failure-is-err",
    "rfc1939.quit.ignores-rest",
    "rfc1939.quit.keeps-unmarked",
    "rfc1939.quit.lock-released",
    "rfc1939.quit.needs-crlf",
    "rfc1939.quit.partial",
    "rfc1939.quit.removes-marked",
    "rfc1939.quit.reply-after-removal",
    "rfc1939.rset.keeps-numbers",
    "rfc1939.rset.unmarks",
    "rfc1939.stat.after-rset",
    "rfc1939.stat.excludes-deleted",
    "rfc1939.stat.matches-list",
    "rfc1939.state.numbers-fixed",
    "rfc1939.state.starts-clean",
    "rfc1939.state.trans-cmd-in-auth",
    "rfc1939.top.no-such",
    "rfc1939.uidl.arg-agrees",
    "rfc1939.uidl.complete",
    "rfc1939.uidl.excludes-deleted",
    "rfc1939.uidl.independent-of-position",
    "rfc1939.uidl.no-reuse",
    "rfc1939.uidl.no-such",
    "rfc1939.uidl.stable-in-session",
    "rfc1939.update.no-quit-fin",
    "rfc1939.update.no-quit-halfclose",
    "rfc1939.update.no-quit-midretr",
    "rfc1939.update.no-quit-restart",
    "rfc1939.update.no-quit-rst",
    "rfc1939.update.no-quit-tls",
    "rfc1939.update.quit-then-reset",
    "rfc2449.pipe.in-order",
    "rfc6856.utf8.code",
];

/// As many as the mail of all checks that delete, one after another, lasts for.
const DISPOSABLE: [&str; 8] = [
    "disposable1",
    "disposable2",
    "disposable3",
    "disposable4",
    "disposable5",
    "disposable6",
    "disposable7",
    "disposable8",
];

fn own(number: u32) -> Vec<Letter> {
    mail::maildrop(Role::Disposable, SEED, number)
        .into_iter()
        // One has many more.
        .take(8)
        .map(|(_, octets)| Letter::shown(octets))
        .collect()
}

fn foreign(number: usize) -> Vec<u8> {
    format!("From: friend@example.org\r\nSubject: letter {number}\r\n\r\nDear friend,\r\nall is well.\r\n")
        .into_bytes()
}

/// A foreign letter that kept the header of a fixture.
fn edited(body: &str) -> Vec<u8> {
    let fixture = String::from_utf8(own(1)[0].octets.clone()).expect("ASCII");
    let (head, _) = fixture.split_once("\r\n\r\n").expect("a header");
    format!("{head}\r\n\r\n{body}").into_bytes()
}

/// The verdicts of all checks that delete, and the server as they left it.
struct Outcome {
    liar: Liar,
    before: Vec<Vec<Letter>>,
    evidence: Vec<Evidence>,
}

impl Outcome {
    fn observed(&self, id: &str) -> (Verdict, &str) {
        let found = self.evidence.iter().find(|evidence| evidence.result.id == id).expect("it was judged");
        (found.result.verdict, &found.result.observed)
    }

    /// No letter is gone, poplab's own or not, and not one DELE came.
    fn require_nothing_sent(&self, said: &str) {
        assert_eq!(self.liar.deletions(), Vec::<String>::new());
        self.require_foreign_kept();
        self.require_said(said);
    }

    fn require_foreign_kept(&self) {
        for (user, before) in DISPOSABLE.iter().chain(&["fixtures1"]).zip(&self.before) {
            let now = self.liar.letters(user);
            for letter in before.iter().filter(|letter| !is_own(&letter.octets)) {
                let text = String::from_utf8_lossy(&letter.octets);
                assert!(now.contains(letter), "{user} has lost a letter: {text}");
            }
        }
    }

    /// Not even a mark was on what is not poplab's.
    fn require_foreign_never_hit(&self) {
        for letter in self.liar.hit() {
            assert!(is_own(&letter.octets), "a DELE hit {}", String::from_utf8_lossy(&letter.octets));
        }
    }

    fn require_said(&self, said: &str) {
        let (verdict, observed) = self.observed("rfc1939.dele.ok");
        assert!(matches!(verdict, Verdict::Skipped | Verdict::Inconclusive), "{verdict}: {observed}");
        assert!(observed.contains(said), "{observed}");
    }
}

fn is_own(octets: &[u8]) -> bool {
    Marker::parse(octets).is_some_and(|marker| marker.describes(octets) && !mail::body(octets).is_empty())
}

/// Runs all checks that delete, with every permission, against maildrops that are all alike.
fn against(lie: Lie, letters: impl Fn(Vec<Letter>) -> Vec<Letter>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let inbox: Vec<Letter> = (1..=3).map(|number| Letter::shown(foreign(number))).collect();
        let maildrops: Vec<(String, Vec<Letter>)> = (1..)
            .zip(DISPOSABLE)
            .map(|(number, user)| (user.to_owned(), letters(own(number))))
            .chain([("fixtures1".to_owned(), inbox)])
            .collect();
        let before = maildrops.iter().map(|(_, letters)| letters.clone()).collect();
        let liar = Liar::start(lie, maildrops).await;
        let mut accounts: Vec<Account> =
            DISPOSABLE.iter().map(|user| Account::new(*user, "wonderland", Role::Disposable)).collect();
        accounts.push(Account::new("fixtures1", "wonderland", Role::Fixtures));
        let plan = Plan {
            endpoint: liar.address.into(),
            security: Some(Security::Clear),
            dialer: Dialer::tcp(Trust::Insecure).expect("a dialer"),
            pool: Pool::new(accounts),
            permissions: USUAL,
            seed: SEED,
            wait: Some(Duration::from_mins(1)),
            until: None,
            operations: None,
        };
        let site = suite::survey(plan).await.0.expect("it can be surveyed");
        let checks: Vec<Check> =
            suite::all().into_iter().filter(|check| DELETING.contains(&check.id)).collect();
        assert_eq!(checks.len(), DELETING.len());
        // One at a time, so that the lies that concern all connections are the same each time.
        let evidence = judge(&site, checks, 1).await;
        Outcome { liar, before, evidence }
    })
}

#[test]
fn the_list_of_checks_that_delete_is_whole() {
    let evidence = paused(async {
        let world = laboratory::world([]);
        let site: Rc<_> =
            site(&world, Security::Implicit, laboratory::accounts(), true).await.expect("surveyed");
        // One that waits for minutes waits for real ones here, and deletes as others do.
        let checks: Vec<Check> = suite::all().into_iter().filter(|check| check.cost != Cost::Slow).collect();
        judge(&site, checks, 8).await
    });
    let sent = |evidence: &&Evidence| {
        evidence.transcript.as_ref().is_some_and(|transcript| transcript.render().contains("C: DELE"))
    };
    let unknown: Vec<&str> = evidence
        .iter()
        .filter(sent)
        .map(|evidence| evidence.result.id.as_str())
        .filter(|id| !DELETING.contains(id))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn without_a_lie_this_server_is_judged_and_its_mail_deleted() {
    let outcome = against(Lie::None, |own| own);
    for id in
        ["rfc1939.dele.ok", "rfc1939.dele.no-such", "rfc1939.quit.removes-marked", "rfc1939.cmd.number-zero"]
    {
        assert_eq!(outcome.observed(id).0, Verdict::Pass, "{id}: {}", outcome.observed(id).1);
    }
    assert!(outcome.liar.letters("disposable1").len() < 8);
}

#[test]
fn a_fixture_edited_as_new_makes_the_maildrop_untouchable() {
    let outcome = against(Lie::None, |mut own| {
        own.insert(3, Letter::shown(edited("Dear friend,\r\nall is well.\r\n")));
        own.remove(0);
        own
    });
    outcome.require_nothing_sent("but its body is not the one that the marker describes");
}

#[test]
fn a_marker_without_a_body_proves_nothing() {
    let outcome = against(Lie::None, |mut own| {
        let empty = Marker::new("fx.emptybody", SEED, b"");
        let letter = format!("{}: {empty}\r\nSubject: all I have to say\r\n\r\n", Marker::HEADER);
        own.push(Letter::shown(letter));
        own
    });
    outcome.require_nothing_sent("no body that could confirm it");
}

#[test]
fn heads_that_all_show_message_1_prove_nothing() {
    for lie in [Lie::TopShowsFirst, Lie::MarkerBeforeTop] {
        let outcome = against(lie, |mut own| {
            own.truncate(2);
            own.push(Letter::shown(foreign(9)));
            own
        });
        outcome.require_nothing_sent("");
    }
}

#[test]
fn two_numbers_that_show_one_message_are_no_two_messages() {
    let outcome = against(Lie::AllShowFirst, |mut own| {
        own.truncate(1);
        own.extend([Letter::shown(foreign(8)), Letter::shown(foreign(9))]);
        own
    });
    outcome.require_nothing_sent("messages 1 and 2 show the same marker");
    let seeded_twice = against(Lie::None, |own| [own.clone(), own].concat());
    seeded_twice.require_nothing_sent("either they were seeded twice");
}

#[test]
fn what_hits_a_hidden_letter_is_taken_back_before_it_is_carried_out() {
    let outcome = against(Lie::HiddenAndOffByOne, |own| [vec![Letter::hidden(foreign(9))], own].concat());
    assert!(!outcome.liar.deletions().is_empty(), "the lie shows only in what DELE does");
    outcome.require_foreign_kept();
    let (verdict, observed) = outcome.observed("rfc1939.quit.removes-marked");
    assert_eq!(verdict, Verdict::Inconclusive, "{observed}");
    let taken_back = |evidence: &&Evidence| {
        evidence.result.observed.contains("which ones are marked is not known, so nothing is removed")
    };
    let taken_back: Vec<_> = outcome.evidence.iter().filter(taken_back).collect();
    assert!(!taken_back.is_empty(), "no check has marked message 1 and then looked");
    assert!(taken_back.iter().all(|evidence| evidence.result.verdict == Verdict::Inconclusive));
    assert_eq!(outcome.observed("rfc1939.list.excludes-deleted").0, Verdict::Fail);
}

#[test]
fn a_maildrop_that_moves_after_the_look_is_left_alone() {
    for (lie, said) in [
        (Lie::ArrivesAfterRetr, "the maildrop has changed since its 8 messages were looked at"),
        (Lie::ArrivesAfterTop, ""),
        (Lie::CountMoves, ""),
        (Lie::UniqueIdsMove, "UIDL gives message 1 the unique-id `2-2`"),
        (Lie::Rotates, ""),
    ] {
        let outcome = against(lie, |own| [vec![Letter::hidden(foreign(9))], own].concat());
        outcome.require_nothing_sent(said);
    }
}

#[test]
fn a_message_that_is_exchanged_for_one_of_its_size_is_looked_at_again() {
    for (lie, letters) in [(Lie::Replaces, 8), (Lie::Alternates, 8), (Lie::Alternates, 3)] {
        let outcome = against(lie, |mut own| {
            own.truncate(letters);
            let size = own[0].octets.len();
            let mut letter = foreign(9);
            letter.resize(size - 2, b'x');
            letter.extend_from_slice(b"\r\n");
            [vec![Letter::hidden(letter)], own].concat()
        });
        outcome.require_foreign_kept();
        outcome.require_foreign_never_hit();
        if lie == Lie::Replaces {
            // The look has retrieved the last one in each session.
            assert!(
                !outcome.liar.deletions().contains(&"DELE 1".to_owned()),
                "{:?}",
                outcome.liar.deletions()
            );
            outcome.require_said("message 1 of");
        }
    }
}

#[test]
fn strange_arguments_hit_nothing_that_lasts() {
    let outcome = against(Lie::StrangeDelesHidden, |own| [vec![Letter::hidden(foreign(9))], own].concat());
    outcome.require_foreign_kept();
    let last = |sent: &String| sent == "DELE 9" || sent == "DELE 8 9";
    assert!(!outcome.liar.deletions().iter().any(last), "the number after the last is a hidden message's");
}

#[test]
fn without_a_login_there_may_be_a_maildrop_and_then_no_dele_is_sent() {
    let outcome = against(Lie::OneMaildropForAll, |own| own);
    outcome.require_foreign_kept();
    let (verdict, observed) = outcome.observed("rfc1939.state.trans-cmd-in-auth");
    assert_eq!(verdict, Verdict::Fail, "{observed}");
}

#[test]
fn a_maildrop_that_only_the_last_connection_before_login_has_gets_no_dele_either() {
    // STAT is refused where the check asks for itself, and answered where it asks whether a DELE may follow.
    let before = Mutex::new(String::new());
    let between = Between::answering(move |line| {
        let before =
            std::mem::replace(&mut *before.lock().expect("nobody panicked with it"), line.to_owned());
        if line == "STAT" && before == "UIDL 1" { Asked::Say(b"+OK 3 300\r\n".to_vec()) } else { Asked::Pass }
    });
    let evidence = paused(async {
        let (site, _) = between.survey(laboratory::accounts()).await;
        let check = suite::all().into_iter().filter(|check| check.id == "rfc1939.state.trans-cmd-in-auth");
        judge(&site.expect("it can be surveyed"), check.collect(), 1).await
    });
    let result = &evidence[0].result;
    assert_eq!(result.verdict, Verdict::Fail, "{}", result.observed);
    assert!(result.observed.contains("+OK 3 300"), "{}", result.observed);
    let lines = between.lines.lock().expect("nobody panicked with them");
    assert!(!lines.iter().any(|line| line.starts_with("DELE")), "{lines:?}");
}

#[test]
fn what_is_not_shown_of_a_message_is_noticed_by_its_size() {
    let outcome = against(Lie::CutsSignatures, |mut own| {
        own[2].octets.extend_from_slice(b"-- \r\nDear friend, I answer below your text: all is well.\r\n");
        own
    });
    outcome.require_nothing_sent("octets");
}
