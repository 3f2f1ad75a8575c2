//! Whole runs through the controller, over a network in memory and under a paused clock: the same every time, and the
//! same for any number of workers.

#![expect(clippy::unwrap_used, reason = "a run that cannot be set up fails its test")]

use std::time::Duration;

use chance::Distribution;
use fake::{Configuration, Password, Tenancy, World};
use load::{Assignment, Behaviours, Derived, News, Order, Outcome, Replay, Targets};
use mail::load::Population;
use net::{Dialer, Freeze, Identity, Listening, MemoryNetwork};
use record::{Chosen, LoadLine};
use scenario::{Behaviour, Mode, Modes, Process, Scenario, Tls, builder};
use stats::Counts;

const PASSWORD: &str = "correct-horse-battery";
const SIZES: Distribution = Distribution::Uniform { low: 1_000.0, high: 9_000.0 };

fn scenario() -> Scenario {
    builder::scenario("controller")
        .account_pattern("load{n:05}", 0, 40)
        .password(PASSWORD)
        .mail(5, SIZES)
        .process(Process::Even)
        .tls(Tls { mode: Modes::Mix(vec![(1.0, Mode::None)]), ..Tls::default() })
        .open(20.0, Duration::from_secs(5))
        .behaviour(3.0, Behaviour::Poll)
        .behaviour(1.0, Behaviour::Retrieve { most: 2 })
        .threshold("login p99 < 250ms")
        .threshold("errors < 1%")
        .threshold("verification = 0")
        .build()
        .unwrap()
}

/// Runs a scenario against the fake, whose replies each take 5 ms of virtual time.
fn run(
    scenario: &Scenario,
    workers: u32,
    news: impl FnMut(News<'_>),
    stop: impl Future<Output = String>,
) -> Outcome {
    run_against(Distribution::Fixed(0.005), Listening::default(), scenario, workers, news, stop)
}

/// Runs a scenario against the fake with this latency, in seconds, that listens in this way.
fn run_against(
    latency: Distribution,
    listening: Listening,
    scenario: &Scenario,
    workers: u32,
    news: impl FnMut(News<'_>),
    stop: impl Future<Output = String>,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    let population = Population {
        seed: 7,
        user: "load{n:05}".to_owned(),
        first: 0,
        count: 4000,
        messages: 5,
        sizes: SIZES,
    };
    let tenancy = Tenancy { population, password: Password::Shared(PASSWORD.to_owned()) };
    let pace = fake::Pace { latency: Some(latency), ..fake::Pace::default() };
    let world =
        World::new(Configuration { seed: 11, population: vec![tenancy], pace, ..Configuration::default() });
    runtime.block_on(async {
        let identity = Identity::throwaway().unwrap();
        let network = MemoryNetwork::start_with(world, listening, &[&identity]).unwrap();
        let assignment = Assignment {
            seed: scenario.seed,
            scenario: scenario.clone(),
            targets: Targets { implicit: vec![network.tls_address()], clear: vec![network.clear_address()] },
            server_name: MemoryNetwork::HOST.to_owned(),
            worker: 0,
            workers: 1,
            sources: Vec::new(),
            ca_pem: None,
            insecure: true,
            retrieval: load::Retrieval::Keeps,
            allow_delete: false,
            start_in: Duration::from_millis(10),
            watch_self: true,
        };
        let dialer = Dialer::memory(&network, load::trust(&assignment)).unwrap();
        let order = Order { assignment, workers, budget: Vec::new(), environment: Vec::new() };
        load::run_here(&order, &dialer, &Behaviours::none(), news, stop).await
    })
}

fn never() -> impl Future<Output = String> {
    std::future::pending()
}

#[test]
fn a_run_goes_to_its_end_and_its_records_say_so() {
    let mut seen = Vec::new();
    let live = |news: News<'_>| {
        if let News::Live(live) = news {
            seen.push(live.begun);
        }
    };
    let outcome = run(&scenario(), 1, live, never());
    let results = &outcome.results;
    assert!(!outcome.early && outcome.reached(), "{:?}", results.missing);
    assert_eq!((results.sessions.planned, results.sessions.completed), (100, 100), "{:?}", results.errors);
    assert_eq!(results.generator.bottleneck, None);
    assert_eq!(seen[..5], [20, 40, 60, 80, 100]);
    assert!((results.rate.achieved_per_s - 20.0).abs() < 1e-9);
    assert!(results.thresholds.iter().all(|threshold| threshold.holds), "{:?}", results.thresholds);
    assert_eq!(results.verified.content, results.verified.messages);
    assert!(results.verified.messages > 0);
    // USER and PASS are two replies.
    assert_eq!(results.thresholds[0].observed, "10 ms");
    assert_eq!(
        outcome.response.total().histogram("STAT").map(hdrhistogram::Histogram::len),
        Some(results.step("STAT").unwrap().response.count)
    );
    assert!(outcome.transcripts.iter().all(|transcript| !transcript.text.contains(PASSWORD)));
    assert_eq!(results.samples.len(), outcome.transcripts.len());
}

/// What a reader sees, whole: the same on every machine, since its clock is virtual and its mail and plan are seeded.
fn report_of(outcome: &Outcome) -> String {
    let run = record::Run {
        tool: "load".to_owned(),
        version: "0.0.0".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        ended: "2026-01-02T03:04:10Z".to_owned(),
        seed: outcome.results.plan.seed,
        target: record::TargetInfo { name: "a virtual server".to_owned(), entrances: Vec::new() },
        ..record::Run::default()
    };
    report::load_summary(&run, &outcome.results, &report::Options::default())
}

#[test]
fn the_report_of_a_whole_run() {
    insta::assert_snapshot!(report_of(&run(&scenario(), 2, |_| (), never())));
}

#[test]
fn the_report_of_a_server_that_stands_still_for_two_of_ten_seconds() {
    let freeze = Freeze { after: Duration::from_secs(4), lasting: Duration::from_secs(2) };
    let scenario = builder::scenario("frozen")
        .account_pattern("load{n:05}", 0, 4000)
        .password(PASSWORD)
        .process(Process::Even)
        .tls(Tls { mode: Modes::Mix(vec![(1.0, Mode::None)]), ..Tls::default() })
        .open(100.0, Duration::from_secs(10))
        .behaviour(1.0, Behaviour::Poll)
        .threshold("ready p99 < 250ms")
        .build()
        .unwrap();
    let listening = Listening { freeze: Some(freeze), ..Listening::default() };
    let outcome = run_against(Distribution::Fixed(0.0), listening, &scenario, 1, |_| (), never());
    // A fifth of the arrivals wait for the rest of the freeze: of all, one in a hundred 1.9 s or more.
    let p99 = outcome.results.step("session").unwrap().response.p99_ns as f64 / 1e9;
    assert!((p99 / 1.9 - 1.0).abs() < 0.01, "{p99}");
    insta::assert_snapshot!(report_of(&outcome));
}

#[test]
fn the_report_of_a_server_of_known_latency() {
    let known = Distribution::LogNormal { median: 0.08, sigma: 0.5 };
    let outcome = run_against(known, Listening::default(), &scenario(), 1, |_| (), never());
    insta::assert_snapshot!(report_of(&outcome));
}

#[test]
fn the_same_run_twice_has_the_same_records() {
    let one = |workers| {
        let outcome = run(&scenario(), workers, |_| (), never());
        let logs = [outcome.response.interval_log(0.0, &[]), outcome.service.interval_log(0.0, &[])];
        (outcome.results, logs, outcome.transcripts)
    };
    assert_eq!(one(1), one(1));
    assert_eq!(one(3), one(3));
}

/// A run, with the lines that were told while it went on.
fn told(scenario: &Scenario, workers: u32, stop: impl Future<Output = String>) -> (Outcome, Vec<LoadLine>) {
    let mut lines = Vec::new();
    let news = |news: News<'_>| {
        if let News::Line(line) = news {
            lines.push(line.clone());
        }
    };
    let outcome = run(scenario, workers, news, stop);
    (outcome, lines)
}

fn replayed(lines: impl IntoIterator<Item = LoadLine>) -> Derived {
    let mut replay = Replay::new();
    lines.into_iter().for_each(|line| replay.take(line).unwrap());
    replay.finish("it is cut off").unwrap()
}

#[test]
fn what_was_written_down_gives_the_records_of_the_run_to_the_octet() {
    let mut closed = scenario();
    closed.arrivals = scenario::Arrivals::Closed { sessions: 3, lasting: Duration::from_secs(2) };
    let stopped = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        "Ctrl-C".to_owned()
    };
    for (outcome, lines) in [
        told(&scenario(), 1, never()),
        told(&scenario(), 3, never()),
        told(&closed, 2, never()),
        told(&scenario(), 2, stopped),
    ] {
        let text: String = lines.iter().map(LoadLine::to_json).collect();
        let read: Vec<LoadLine> = text.lines().map(|line| LoadLine::parse(line).unwrap()).collect();
        assert_eq!(read, lines);
        let derived = replayed(read);
        assert!(derived.ended);
        assert_eq!(derived.outcome.results.to_json(), outcome.results.to_json());
        assert_eq!(
            (&derived.outcome.response, &derived.outcome.service),
            (&outcome.response, &outcome.service)
        );
        assert_eq!(derived.outcome.transcripts, outcome.transcripts);
    }
}

#[test]
fn both_times_of_every_second_survive() {
    let (outcome, lines) = told(&scenario(), 2, never());
    for (series, service) in [(&outcome.response, false), (&outcome.service, true)] {
        for (second, tag) in [(0, "STAT"), (2, "login-user"), (4, "session")] {
            let mut all = Counts::default();
            for line in &lines {
                let LoadLine::Second(told) = line else { continue };
                let steps = told.steps.iter().filter(|step| told.second == second && step.tag == tag);
                for step in steps {
                    let text = if service { &step.service } else { &step.response };
                    all.add(&Counts::decode(text).unwrap());
                }
            }
            assert!(!all.is_empty(), "{tag}");
            assert_eq!(series.at(second, tag), Some(&all), "{tag}");
        }
    }
}

#[test]
fn a_record_without_an_end_gives_the_seconds_that_all_workers_told() {
    let (outcome, mut lines) = told(&scenario(), 2, never());
    // The one worker's third second is there, the other's is not.
    let place = lines.iter().position(|line| matches!(line, LoadLine::Second(told) if told.second == 2));
    lines.truncate(place.unwrap() + 1);
    let derived = replayed(lines);
    assert!(!derived.ended);
    let results = &derived.outcome.results;
    assert_eq!(results.series[..], outcome.results.series[..2]);
    assert_eq!((results.sessions.planned, results.sessions.begun), (100, 40));
    assert_eq!(
        results.missing,
        [
            "the record of the run ends after 2 s of 5 s (it is cut off): what came after that is not in the figures"
        ]
    );
    assert!(results.generator.workers.iter().all(|worker| worker.ended == "not recorded"));
}

#[test]
fn lines_that_do_not_belong_there_are_refused() {
    let (_, lines) = told(&scenario(), 2, never());
    let refused = |change: &dyn Fn(&mut Vec<LoadLine>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        let mut replay = Replay::new();
        lines.into_iter().find_map(|line| replay.take(line).err()).unwrap().to_string()
    };
    let second = |lines: &mut [LoadLine], change: &dyn Fn(&mut record::Second)| match &mut lines[1] {
        LoadLine::Second(second) => change(second),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&|lines| drop(lines.remove(0))), "no run has begun before this line");
    assert_eq!(refused(&|lines| lines.insert(1, lines[1].clone())), "second 0 of worker 0 is out of turn");
    assert_eq!(
        refused(&|lines| lines.insert(1, lines[0].clone())),
        "this line does not belong behind the one before it"
    );
    assert_eq!(
        refused(&|lines| second(lines, &|second| second.second = 4_000_000)),
        "second 4000000 of worker 0 is out of turn"
    );
    assert_eq!(
        refused(&|lines| second(lines, &|second| second.worker = 2)),
        "worker 2 is not at work in this run"
    );
    assert!(
        refused(&|lines| second(lines, &|second| second.steps[0].service = "AAAA".to_owned()))
            .starts_with("this is not an HdrHistogram in base64: ")
    );
    assert_eq!(
        refused(&|lines| lines.push(LoadLine::Chosen(Box::new(Chosen { run: 7, capacity: None })))),
        "run 7 is chosen, and there are 1, counted from 0"
    );
    let began = |change: &dyn Fn(&mut record::LoadBeginning)| {
        refused(&|lines| match &mut lines[0] {
            LoadLine::Began(began) => change(began),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(
        began(&|began| began.plan.workers = u32::MAX),
        "a run has at most 10000 workers, and this one has 4294967295"
    );
    assert!(
        began(&|began| began.thresholds[0].text = "login".to_owned())
            .starts_with("the threshold `login` cannot be read: ")
    );
}

#[test]
fn the_run_that_was_chosen_is_the_one_that_is_shown() {
    let mut slower = scenario();
    slower.arrivals.set_peak(10.0);
    let ((one, first), (_, second)) = (told(&scenario(), 1, never()), told(&slower, 1, never()));
    let capacity = Some(record::Capacity { sessions_per_s: 20.0, ..record::Capacity::default() });
    let chosen = LoadLine::Chosen(Box::new(Chosen { run: 0, capacity: capacity.clone() }));
    let both: Vec<LoadLine> = first.into_iter().chain(second).collect();
    assert_eq!(replayed(both.clone()).outcome.results.sessions.planned, 50);
    let results = replayed(both.into_iter().chain([chosen])).outcome.results;
    assert_eq!(results, record::LoadResults { capacity, ..one.results });
}

#[test]
fn what_the_caller_takes_out_of_a_line_is_in_no_record() {
    let mut hidden = scenario();
    hidden.name = "hunter2".to_owned();
    let mut lines = Vec::new();
    let news = |news: News<'_>| {
        if let News::Line(line) = news {
            line.change_foreign_texts(&mut |text| *text = text.replace("hunter2", "‹secret 7›"));
            lines.push(line.clone());
        }
    };
    let outcome = run(&hidden, 1, news, never());
    assert_eq!(outcome.results.plan.scenario, "‹secret 7›");
    assert_eq!(replayed(lines).outcome.results, outcome.results);
}

#[test]
fn three_workers_make_the_histograms_of_one() {
    let (one, three) = (run(&scenario(), 1, |_| (), never()), run(&scenario(), 3, |_| (), never()));
    assert_eq!(one.results.sessions, three.results.sessions);
    assert_eq!(one.results.plan.behaviours, three.results.plan.behaviours);
    assert_eq!(one.response.total(), three.response.total());
    assert_eq!(one.service.interval_log(0.0, &[]), three.service.interval_log(0.0, &[]));
    assert_eq!(three.results.generator.workers.len(), 3);
}

#[test]
fn a_stop_ends_the_run_early_and_the_records_say_what_is_missing() {
    let stop = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        "Ctrl-C".to_owned()
    };
    let outcome = run(&scenario(), 2, |_| (), stop);
    assert!(outcome.early);
    let sessions = &outcome.results.sessions;
    assert_eq!(sessions.begun, 50);
    assert_eq!((sessions.planned, sessions.not_begun), (100, 50));
    let [missing] = &outcome.results.missing[..] else { panic!("{:?}", outcome.results.missing) };
    assert!(missing.starts_with("the run was ended after 3 s of 5 s (Ctrl-C): 50 sessions"), "{missing}");
    assert_eq!(outcome.results.generator.bottleneck, None);
}

#[test]
fn a_threshold_that_is_lost_ends_the_run_when_the_scenario_wants_it() {
    let mut hopeless = scenario();
    hopeless.stop_early = true;
    hopeless.thresholds = builder::scenario("lost")
        .account_pattern("u{n}", 0, 1)
        .password(PASSWORD)
        .open(1.0, Duration::from_secs(1))
        .behaviour(1.0, Behaviour::Poll)
        .threshold("login max < 1ms")
        .build()
        .unwrap()
        .thresholds;
    let outcome = run(&hopeless, 2, |_| (), never());
    assert!(outcome.results.sessions.begun <= 45, "{:?}", outcome.results.sessions);
    assert!(
        outcome.results.missing[0].contains("(`login max < 1ms` cannot hold any more)"),
        "{:?}",
        outcome.results.missing
    );
}
