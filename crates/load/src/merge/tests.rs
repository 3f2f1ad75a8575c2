//! Merging fake workers, all of them values: what adds up, what is late, what is lost.

use std::time::Duration;

use hdrhistogram::Histogram;
use proptest::prelude::*;
use scenario::{Behaviour, Process, builder};

use record::{LoadResults, StepSamples, TlsRow};

use super::planned::Planned;
use super::*;
use crate::{Assignment, Order, Targets};

const MS: u64 = 1_000_000;

fn assignment(sessions: f64) -> Assignment {
    let scenario = builder::scenario("merge")
        .account_pattern("load{n}", 0, 100)
        .process(Process::Even)
        .open(sessions / 10.0, Duration::from_secs(10))
        .behaviour(3.0, Behaviour::Poll)
        .behaviour(1.0, Behaviour::Retrieve { most: 1 })
        .threshold("STAT p99 < 100ms")
        .threshold("errors < 1%")
        .build()
        .unwrap();
    Assignment {
        seed: scenario.seed,
        scenario,
        targets: Targets { implicit: vec!["127.0.0.1:995".parse().unwrap()], clear: Vec::new() },
        server_name: "localhost".to_owned(),
        worker: 0,
        workers: 1,
        sources: Vec::new(),
        ca_pem: None,
        insecure: false,
        allow_delete: false,
        retrieval: crate::Retrieval::Keeps,
        watch_self: true,
        start_in: Duration::ZERO,
    }
}

fn order(sessions: f64, workers: u32) -> Order {
    Order { assignment: assignment(sessions), workers, budget: Vec::new(), environment: Vec::new() }
}

fn merge(workers: u32) -> Merge {
    let order = order(1_000.0, workers);
    let beginning = LoadBeginning { good_transcripts: 1, bad_transcripts_per_kind: 2, ..beginning(&order) };
    Merge::new(beginning, order.assignment.scenario.thresholds)
}

fn results(merge: &Merge, stopped: Option<&str>) -> LoadResults {
    merge.results(stopped)
}

fn tell(merge: &mut Merge, worker: u32, second: Second) -> bool {
    let heard = Heard::of(&second).unwrap();
    merge.add(Second { worker, ..second }, heard)
}

fn ended(merge: &mut Merge, worker: u32, how: &str) -> bool {
    merge.end(&WorkerEnd { worker, how: how.to_owned(), lost: false })
}

fn lost(merge: &mut Merge, worker: u32, how: &str) -> bool {
    merge.end(&WorkerEnd { worker, how: how.to_owned(), lost: true })
}

fn samples(nanoseconds: &[u64]) -> String {
    let mut histogram = crate::second::empty();
    for value in nanoseconds {
        histogram.saturating_record(*value);
    }
    stats::encode_histogram_deflated(&histogram)
}

fn step(tag: &str, nanoseconds: &[u64]) -> StepSamples {
    StepSamples { tag: tag.to_owned(), response: samples(nanoseconds), service: samples(nanoseconds) }
}

fn second(second: u32, begun: u64) -> Second {
    Second { second, asked: begun, begun, completed: begun, ..Second::default() }
}

fn error(kind: &str, step: &str, count: u64, first_s: f64, example: &str) -> ErrorSeen {
    ErrorSeen { kind: kind.to_owned(), step: step.to_owned(), count, example: example.to_owned(), first_s }
}

fn transcript(name: &str, kind: Option<&str>) -> TranscriptSeen {
    TranscriptSeen {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        step: kind.map(|_| "STAT".to_owned()),
        text: "…".to_owned(),
    }
}

#[test]
fn a_second_is_complete_when_the_slowest_worker_has_told_it() {
    let mut merge = merge(2);
    assert!(!tell(&mut merge, 0, second(0, 5)));
    assert!(!tell(&mut merge, 0, second(1, 5)));
    assert_eq!(merge.seconds(), 0);
    assert!(tell(&mut merge, 1, second(0, 7)));
    assert_eq!((merge.seconds(), merge.rows[&0].begun), (1, 12));
    assert!(tell(&mut merge, 1, second(1, 7)));
    assert_eq!(merge.seconds(), 2);
}

#[test]
fn what_is_done_after_the_plan_makes_nobody_faster() {
    let mut merge = merge(1);
    tell(&mut merge, 0, second(0, 500));
    tell(&mut merge, 0, Second { completed: 84, last_end_ns: 31_500 * MS, ..second(31, 0) });
    ended(&mut merge, 0, "done");
    let rate = results(&merge, None).rate;
    // The plan lasts ten seconds, and what it began was done after 31.5.
    assert!((rate.achieved_per_s - 50.0).abs() < 1e-9, "{rate:?}");
    assert!((rate.completed_per_s - 584.0 / 31.5).abs() < 1e-9, "{rate:?}");
    assert!((rate.done_within_s - 31.5).abs() < 1e-9, "{rate:?}");
}

#[test]
fn sessions_that_ended_in_a_panic_are_missing() {
    let mut merge = merge(1);
    let panics = vec![error("panic", "session", 2, 0.5, "no invoice"), error("timeout", "STAT", 1, 0.5, "")];
    tell(&mut merge, 0, Second { errors: panics, ..second(0, 5) });
    ended(&mut merge, 0, "done");
    let missing = results(&merge, None).missing;
    assert!(missing.len() == 1 && missing[0].starts_with("2 sessions ended in a panic"), "{missing:?}");
}

#[test]
fn a_worker_that_is_lost_holds_up_nobody_and_is_missed_by_name() {
    let mut merge = merge(2);
    tell(&mut merge, 0, second(0, 50));
    tell(&mut merge, 1, second(0, 50));
    tell(&mut merge, 0, second(1, 50));
    assert!(lost(&mut merge, 1, "signal: 9 (SIGKILL)"));
    assert!(tell(&mut merge, 0, second(2, 50)));
    assert!(merge.is_open());
    ended(&mut merge, 0, "done");
    assert!(!merge.is_open());
    let results = results(&merge, None);
    assert_eq!(
        results.missing,
        [
            "worker 1 was lost (signal: 9 (SIGKILL)): what it did after second 0 of the run is not in the figures, and \
          the rest of its sessions never began"
        ]
    );
    // The plan has 100 a second: what the lost worker should have begun was asked for all the same.
    let asked: Vec<u64> = results.series.iter().map(|row| row.asked).collect();
    assert_eq!(asked, [100, 100, 100]);
    assert_eq!(results.sessions.planned, 1_000);
    assert_eq!((results.sessions.begun, results.sessions.not_begun), (200, 800));
    assert_eq!(results.generator.workers[1].ended, "signal: 9 (SIGKILL)");
    assert_eq!(results.generator.bottleneck, None);
}

#[test]
fn a_worker_lost_before_its_first_word_and_all_workers_lost_end_with_records() {
    let mut merge = merge(2);
    tell(&mut merge, 0, second(0, 3));
    assert!(!lost(&mut merge, 0, "exit status: 101"));
    assert!(lost(&mut merge, 1, "exit status: 101"));
    let results = results(&merge, None);
    assert_eq!(results.missing.len(), 2);
    assert!(results.missing[1].ends_with("before it told anything: its share of the plan is missing"));
    assert_eq!(results.sessions.begun, 3);
}

#[test]
fn an_early_end_says_what_it_left_out() {
    let mut merge = merge(1);
    tell(&mut merge, 0, Second { completed: 80, failed: 3, ..second(0, 100) });
    tell(&mut merge, 0, Second { completed: 20, unfinished: 37, not_begun: 860, ..second(1, 40) });
    ended(&mut merge, 0, "stopped");
    let results = results(&merge, Some("Ctrl-C"));
    assert_eq!(
        results.missing,
        [
            "the run was ended after 2 s of 10 s (Ctrl-C): 860 sessions of the plan never began, and 37 were cut off"
        ]
    );
    let sessions = &results.sessions;
    assert_eq!(sessions.planned, sessions.begun + sessions.not_begun);
    assert_eq!(sessions.begun, sessions.completed + sessions.failed + sessions.unfinished);
    // Two seconds ran, and 140 were asked for in them.
    assert!(
        (results.rate.asked_per_s - 70.0).abs() < 1e-9 && (results.rate.achieved_per_s - 70.0).abs() < 1e-9
    );
}

#[test]
fn all_that_can_be_counted_adds_up() {
    let mut merge = merge(2);
    let one = |first_s, example: &str| Second {
        open: 4,
        peak_open: 9,
        commands: 30,
        octets_sent: 300,
        octets_received: 9_000,
        waited_for_account: 1,
        behaviours: vec![7, 3],
        steps: vec![
            step("session", &[9 * MS]),
            step("STAT", &[MS, 2 * MS]),
            step("connect", &[MS]),
            step("pay", &[1]),
        ],
        errors: vec![error("timeout", "STAT", 2, first_s, example), error("closed", "QUIT", 1, 0.7, "FIN")],
        tls: vec![TlsRow {
            version: "TLSv1.3".to_owned(),
            group: "X25519".to_owned(),
            certificate: "ECDSA P-256".to_owned(),
            resumed: false,
            count: 10,
        }],
        verified: Verified { messages: 5, octets: 65_000, content: 4, unverifiable: 1, failures: 0 },
        lateness: samples(&[100_000, 3 * MS]),
        cpu_ns: 950 * MS,
        run_queue_ns: 10 * MS,
        resident_bytes: 1 << 20,
        ..second(0, 10)
    };
    tell(&mut merge, 0, one(0.5, "late one"));
    tell(&mut merge, 1, one(0.25, "early one"));
    tell(&mut merge, 0, second(3, 1));
    ended(&mut merge, 0, "done");
    ended(&mut merge, 1, "done");
    let results = results(&merge, None);
    let tags: Vec<&str> = results.steps.iter().map(|step| step.tag.as_str()).collect();
    assert_eq!(tags, ["connect", "STAT", "session", "pay"]);
    assert_eq!(results.steps[1].response.count, 4);
    assert_eq!(stats::decode_histogram(&results.steps[1].service_histogram).unwrap().len(), 4);
    let [timeout, closed] = &results.errors[..] else { panic!("{:?}", results.errors) };
    assert_eq!((timeout.count, timeout.example.as_str(), closed.count), (4, "early one", 2));
    assert!((timeout.first_s - 0.25).abs() < 1e-9);
    assert_eq!(results.tls[0].count, 20);
    assert_eq!((results.verified.messages, results.verified.content), (10, 8));
    assert_eq!((results.traffic.commands, results.traffic.octets_received), (60, 18_000));
    assert_eq!((results.sessions.peak_open, results.sessions.waited_for_account), (9, 2));
    let seconds: Vec<(u32, u64, u64)> =
        results.series.iter().map(|row| (row.second, row.begun, row.open)).collect();
    assert_eq!(seconds, [(0, 20, 8), (1, 0, 0), (2, 0, 0), (3, 1, 0)]);
    let row = &results.series[0];
    assert_eq!(row.steps.iter().map(|step| step.count).collect::<Vec<_>>(), [2, 4, 2, 2]);
    assert_eq!(row.errors.iter().map(|error| error.count).collect::<Vec<_>>(), [2, 4]);
    assert!(row.lateness_max_ns.abs_diff(3 * MS) <= 3 * MS / 1_000);
    let worker = &results.generator.workers[0];
    assert_eq!((worker.sessions, worker.peak_open, worker.resident_bytes), (11, 9, 1 << 20));
    assert!((worker.busiest_second_percent - 95.0).abs() < 1e-9 && (worker.cpu_s - 0.95).abs() < 1e-9);
    assert!(results.generator.bottleneck.unwrap().contains("2 of 2 workers used more than 90 % of a core"));
    assert_eq!(results.plan.behaviours[0].sessions, 750);
    assert_eq!((results.thresholds[0].holds, results.thresholds[1].holds), (true, false));
}

#[test]
fn the_live_figures_are_those_of_complete_seconds() {
    let mut merge = merge(2);
    tell(&mut merge, 0, Second { open: 3, steps: vec![step("STAT", &[900 * MS])], ..second(0, 100) });
    tell(
        &mut merge,
        1,
        Second { open: 2, errors: vec![error("reset", "STAT", 1, 0.1, "RST")], ..second(0, 10) },
    );
    tell(&mut merge, 1, second(1, 10));
    let live = merge.live();
    assert_eq!((live.elapsed, live.duration), (Duration::from_secs(1), Duration::from_secs(10)));
    assert_eq!((live.begun, live.asked, live.planned, live.last.open, live.workers), (110, 110, 1_000, 5, 2));
    assert_eq!(live.steps[0].response.count, 1);
    assert_eq!(live.errors[0].kind, "reset");
    assert_eq!(live.broken, ["STAT p99 < 100ms"]);
}

#[test]
fn few_transcripts_of_each_kind_are_kept_and_only_under_names_that_are_file_names() {
    let mut merge = merge(1);
    let names = [
        ("../../etc/passwd", None),
        ("good-1.txt", None),
        ("good-2.txt", None),
        ("timeout-1.txt", Some("timeout")),
        ("timeout-1.txt", Some("timeout")),
        (".hidden", Some("timeout")),
        ("timeout-2.txt", Some("timeout")),
        ("timeout-3.txt", Some("timeout")),
    ];
    let transcripts = names.iter().map(|(name, kind)| transcript(name, *kind)).collect();
    tell(
        &mut merge,
        0,
        Second { transcripts, errors: vec![error("timeout", "STAT", 3, 0.1, "")], ..second(0, 5) },
    );
    ended(&mut merge, 0, "done");
    let kept: Vec<&str> = merge.transcripts.iter().map(|kept| kept.name.as_str()).collect();
    assert_eq!(kept, ["good-1.txt", "timeout-1.txt", "timeout-2.txt"]);
    let results = results(&merge, None);
    assert_eq!(results.samples, ["transcripts/good-1.txt"]);
    assert_eq!(results.errors[0].transcript.as_deref(), Some("transcripts/timeout-1.txt"));
}

#[test]
fn a_server_that_invents_errors_without_end_is_counted_in_bounded_memory() {
    let mut merge = merge(1);
    for number in 0..2_000 {
        let seen = error(&format!("err:X-{number}"), "STAT", 1, 0.0, "");
        tell(&mut merge, 0, Second { errors: vec![seen], ..second(number, 1) });
    }
    ended(&mut merge, 0, "done");
    let results = results(&merge, None);
    assert_eq!(results.errors.len(), MOST_ERRORS + 1);
    assert_eq!((results.errors[0].kind.as_str(), results.error_count()), ("other", 2_000));
    assert!(results.missing[0].starts_with("more than 500 kinds of errors"));
}

#[test]
fn counts_at_the_end_of_their_type_do_not_fall() {
    let mut merge = merge(2);
    for worker in 0..2 {
        let huge = Second { begun: u64::MAX, commands: u64::MAX, open: u64::MAX, ..second(0, 0) };
        tell(&mut merge, worker, Second { errors: vec![error("reset", "STAT", u64::MAX, 0.0, "")], ..huge });
    }
    assert_eq!(results(&merge, None).sessions.begun, u64::MAX);
}

#[test]
fn the_plan_is_told_in_words() {
    let plan = beginning(&order(1_000.0, 3)).plan;
    assert_eq!(plan.arrivals, "100/s for 10 s, evenly spaced");
    assert_eq!((plan.model.as_str(), plan.planned_sessions, plan.workers), ("open loop", 1_000, 3));
    assert_eq!(plan.behaviours.iter().map(|share| share.weight).collect::<Vec<_>>(), [0.75, 0.25]);
    assert_eq!(plan.targets, ["127.0.0.1:995"]);
}

#[test]
fn shares_of_several_machines_make_the_whole_plan() {
    let whole = Planned::of(&assignment(1_000.0));
    let mut sum = Planned { asked: vec![0; whole.asked.len()], ..Planned::default() };
    for worker in 0..3 {
        let part = Planned::of(&Assignment { worker, workers: 3, ..assignment(1_000.0) });
        sum.sessions += part.sessions;
        sum.asked.iter_mut().zip(&part.asked).for_each(|(sum, part)| *sum += part);
    }
    assert_eq!((sum.sessions, &sum.asked), (whole.sessions, &whole.asked));
}

fn total(merge: &Merge) -> Vec<(String, Histogram<u64>)> {
    merge.response.total().iter().map(|(tag, histogram)| (tag.clone(), histogram.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The promise: the histograms of several workers are those of one, bit by bit, in the records and in the log.
    #[test]
    fn many_workers_make_the_histograms_of_one(
        recorded in prop::collection::vec((0u32..4, 0u32..3, "STAT|QUIT", 1u64..stats::HIGHEST_NS), 1..60)
    ) {
        let told = |workers: u32| {
            let mut merge = merge(workers);
            for worker in 0..workers {
                for number in 0..3 {
                    let own = |tag: &str| -> Vec<u64> {
                        let own = recorded.iter().filter(|(teller, second, of, _)| {
                            teller % workers == worker && *second == number && of == tag
                        });
                        own.map(|(.., value)| *value).collect()
                    };
                    let steps = vec![step("STAT", &own("STAT")), step("QUIT", &own("QUIT"))];
                    tell(&mut merge, worker, Second { steps, ..second(number, 1) });
                }
                ended(&mut merge, worker, "done");
            }
            merge
        };
        let (one, many) = (told(1), told(4));
        prop_assert_eq!(total(&one), total(&many));
        prop_assert_eq!(one.response.interval_log(0.0, &[]), many.response.interval_log(0.0, &[]));
        prop_assert_eq!(results(&one, None).steps, results(&many, None).steps);
        let steps = |merge: &Merge| merge.rows.values().map(|row| row.steps.clone()).collect::<Vec<_>>();
        prop_assert_eq!(steps(&one), steps(&many));
    }

    /// What is written down and read again gives what the values gave, and no sample is lost or invented.
    #[test]
    fn written_seconds_give_what_the_seconds_in_memory_gave(
        recorded in prop::collection::vec((0u32..3, 0u32..4, 0usize..3, 1u64..stats::HIGHEST_NS, 1u64..stats::HIGHEST_NS), 0..60),
        counts in prop::collection::vec(any::<u64>(), 12),
        example in "\\PC{0,20}",
        cut in any::<bool>(),
    ) {
        let tags = ["connect", "STAT", "a step of one's own"];
        let of = |worker: u32, number: u32| {
            let mut recorder = crate::recorder::Recorder::new(2, 1);
            for (.., tag, response, service) in recorded.iter().filter(|one| (one.0, one.1) == (worker, number)) {
                let step = recorder.named(tags[*tag]);
                recorder.sample(step, *response, *service);
                recorder.late(*service);
            }
            let counted = counts[(worker * 4 + number) as usize];
            let second = recorder.take(number).into_record();
            let seen = error("timeout", "STAT", counted >> 8, (counted >> 12) as f64 / 1e7, &example);
            Second { worker, begun: counted >> 8, octets_received: counted, errors: vec![seen], ..second }
        };
        let beginning = beginning(&order(1_000.0, 3));
        let mut memory = Merge::new(beginning.clone(), order(1_000.0, 3).assignment.scenario.thresholds);
        let mut text = record::LoadLine::Began(Box::new(beginning)).to_json();
        for number in 0..4 {
            for worker in [2, 0, 1] {
                let second = of(worker, number);
                text.push_str(&record::LoadLine::Second(Box::new(second.clone())).to_json());
                tell(&mut memory, worker, second);
            }
        }
        let mut replay = Replay::new();
        for line in text.lines() {
            replay.take(record::LoadLine::parse(line).unwrap()).unwrap();
        }
        if cut {
            memory.cut("cut");
        } else {
            for worker in 0..3 {
                let end = WorkerEnd { worker, how: "done".to_owned(), lost: false };
                replay.take(record::LoadLine::WorkerEnded(end.clone())).unwrap();
                memory.end(&end);
            }
            replay.take(record::LoadLine::Ended(record::LoadEnd::default())).unwrap();
        }
        let (memory, derived) = (memory.outcome(None), replay.finish("cut").unwrap());
        prop_assert_eq!(derived.ended, !cut);
        prop_assert_eq!(memory.results.to_json(), derived.outcome.results.to_json());
        for (one, other) in
            [(&memory.response, &derived.outcome.response), (&memory.service, &derived.outcome.service)]
        {
            prop_assert_eq!(one, other);
            let samples: u64 = one.total().summary().iter().map(|row| row.count).sum();
            prop_assert_eq!(samples, recorded.len() as u64);
        }
    }
}
