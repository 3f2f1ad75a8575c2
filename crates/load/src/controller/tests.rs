//! Conversations with workers that are texts, and a few processes that are not ours.

use std::io::BufRead as _;
use std::process::Command;
use std::time::Duration;

use record::ErrorSeen;
use scenario::{Behaviour, builder};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};

use super::processes::{Ending, Phase, converse, obituary};
use super::*;
use crate::pipe::{Said, Work, line_of, thread, whole_life};
use crate::{Behaviours, Targets, WorkerError};

fn order(workers: u32) -> Order {
    let scenario = builder::scenario("controller")
        .account_pattern("load{n}", 0, 10)
        .open(10.0, Duration::from_secs(10))
        .behaviour(1.0, Behaviour::Poll)
        .threshold("errors < 5")
        .build()
        .unwrap();
    let assignment = Assignment {
        seed: 1,
        scenario,
        targets: Targets { implicit: Vec::new(), clear: vec!["127.0.0.1:110".parse().unwrap()] },
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
    };
    Order { assignment, workers, budget: Vec::new(), environment: Vec::new() }
}

fn second(number: u32) -> Said {
    Said::Second(Box::new(Second {
        second: number,
        asked: 10,
        begun: 10,
        completed: 10,
        ..Second::default()
    }))
}

const ENDED: Said = Said::Ended { early: false, unfinished: 0, not_begun: 0 };

/// One conversation under a paused clock. `worker` has the other ends of both pipes; what it drops, ends.
async fn talk<W>(phase: Phase, worker: impl FnOnce(DuplexStream, DuplexStream) -> W) -> (Ending, Vec<String>)
where
    W: Future<Output = ()>,
{
    let (stdin, orders) = duplex(1 << 16);
    let (said, stdout) = duplex(1 << 16);
    let (sender, phases) = watch::channel(Phase::Prepare);
    if phase != Phase::Prepare {
        sender.send_replace(phase);
    }
    let (teller, mut told) = mpsc::channel(1_000);
    let conversation = converse(stdin, stdout, b"assignment\n", 100, phases, (7, &teller));
    let (ending, ()) = tokio::join!(conversation, worker(orders, said));
    drop(teller);
    let mut heard = Vec::new();
    while let Some((7, event)) = told.recv().await {
        heard.push(match event {
            Event::Second(second) => format!("second {}", second.second),
            other => format!("{other:?}"),
        });
    }
    (ending, heard)
}

async fn say(pipe: &mut DuplexStream, said: &[Said]) {
    for said in said {
        pipe.write_all(&line_of(said).unwrap()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_told_its_assignment_then_to_start_and_is_heard_to_its_end() {
    let (ending, told) = talk(Phase::Start, async |orders, mut said| {
        let mut orders = BufReader::new(orders).lines();
        assert_eq!(orders.next_line().await.unwrap().unwrap(), "assignment");
        say(&mut said, &[Said::Ready]).await;
        assert_eq!(orders.next_line().await.unwrap().unwrap(), "{\"start\":100}");
        say(&mut said, &[second(0), second(1), ENDED]).await;
    })
    .await;
    assert_eq!(ending, Ending::Done { early: false });
    assert_eq!(told, ["Ready", "second 0", "second 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_in_the_middle_of_a_line_loses_that_line_only() {
    let (ending, told) = talk(Phase::Start, async |_orders, mut said| {
        say(&mut said, &[Said::Ready, second(0)]).await;
        let cut = line_of(&second(1)).unwrap();
        said.write_all(&cut[..cut.len() / 2]).await.unwrap();
    })
    .await;
    assert_eq!((ending, told.last().unwrap().as_str()), (Ending::Gone, "second 0"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hangs_is_given_up_after_a_while() {
    let before = tokio::time::Instant::now();
    let (ending, told) = talk(Phase::Start, async |orders, mut said| {
        say(&mut said, &[Said::Ready, second(0)]).await;
        // It keeps its pipes and says nothing.
        tokio::time::sleep(Duration::from_hours(1)).await;
        drop((orders, said));
    })
    .await;
    assert_eq!(ending, Ending::Broken("it was silent for 60 s".to_owned()));
    assert_eq!(told.len(), 2);
    assert!(before.elapsed() <= Duration::from_hours(1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_will_not_stop_is_given_up_although_it_talks() {
    let (ending, _) = talk(Phase::Stop, async |orders, mut said| {
        let mut orders = BufReader::new(orders).lines();
        assert_eq!(orders.next_line().await.unwrap().unwrap(), "assignment");
        assert_eq!(orders.next_line().await.unwrap().unwrap(), "\"stop\"");
        say(&mut said, &[Said::Ready]).await;
        for number in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = said.write_all(&line_of(&second(number)).unwrap()).await;
        }
    })
    .await;
    assert_eq!(ending, Ending::Broken("it did not stop within 15 s".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_never_gets_ready_or_cannot_work_does_not_hold_up_the_run() {
    let (ending, _) = talk(Phase::Prepare, async |orders, said| {
        tokio::time::sleep(Duration::from_hours(1)).await;
        drop((orders, said));
    })
    .await;
    assert_eq!(ending, Ending::Broken("it was not ready within 60 s".to_owned()));
    let (ending, _) = talk(Phase::Prepare, async |_orders, mut said| {
        say(&mut said, &[Said::Failed("no certificates".to_owned())]).await;
    })
    .await;
    assert_eq!(ending, Ending::Broken("no certificates".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_talks_rubbish_is_not_heard_any_more() {
    let (ending, told) = talk(Phase::Start, async |_orders, mut said| {
        say(&mut said, &[Said::Ready, second(0)]).await;
        said.write_all(b"hunter2\n").await.unwrap();
        say(&mut said, &[second(1)]).await;
    })
    .await;
    let Ending::Broken(reason) = ending else { panic!("{ending:?}") };
    assert!(
        reason.starts_with("it wrote something that is not a message") && !reason.contains("hunter2"),
        "{reason}"
    );
    assert_eq!(told, ["Ready", "second 0"]);
}

/// A shell that plays a worker: each line of `script` stands for one of a real worker's steps.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

fn echo(said: &[Said]) -> String {
    said.iter().fold(String::new(), |script, said| {
        format!("{script}echo '{}'\n", String::from_utf8(line_of(said).unwrap()).unwrap().trim_end())
    })
}

fn complete<'a>(news: &'a News<'_>) -> Option<&'a Live> {
    if let News::Live(live) = news { Some(live) } else { None }
}

fn never() -> impl Future<Output = String> {
    std::future::pending()
}

#[tokio::test]
async fn a_killed_worker_is_stated_and_the_others_go_on() {
    let script = |worker: u32| {
        let (first, rest) = (echo(&[second(0)]), echo(&[second(1), ENDED]));
        let rest = if worker == 1 { "echo oh dear >&2; kill -9 $$\n".to_owned() } else { rest };
        shell(&format!("read assignment; echo '\"ready\"'; read start; {first}{rest}"))
    };
    let mut seen = Vec::new();
    let outcome =
        run_processes(&order(2), script, |news| seen.extend(complete(&news).map(|live| live.begun)), never())
            .await
            .unwrap();
    assert_eq!(outcome.results.sessions.begun, 30);
    assert_eq!(seen, [20, 30]);
    assert!(outcome.early);
    let [missing] = &outcome.results.missing[..] else { panic!("{:?}", outcome.results.missing) };
    assert!(
        missing.starts_with("worker 1 was lost (signal: 9 (SIGKILL): oh dear): what it did after second 0"),
        "{missing}"
    );
    let ended: Vec<&str> =
        outcome.results.generator.workers.iter().map(|worker| worker.ended.as_str()).collect();
    assert_eq!(ended, ["done", "signal: 9 (SIGKILL): oh dear"]);
}

#[tokio::test]
async fn a_worker_that_does_not_start_is_an_error_before_anything_is_sent() {
    let missing = run_processes(&order(2), |_| Command::new("/nonexistent/poplab"), |_| (), never()).await;
    assert!(missing.unwrap_err().to_string().starts_with("worker 0 could not be started: "));
    let dying = run_processes(&order(1), |_| shell("echo no such option >&2; exit 2"), |_| (), never()).await;
    let error = dying.unwrap_err().to_string();
    assert_eq!(error, "worker 0 could not be started: exit status: 2: no such option");
}

#[tokio::test]
async fn a_stop_ends_the_run_with_records_and_the_reason() {
    // The worker tells two seconds and ends when it is told to.
    let worker = format!(
        "read assignment; echo '\"ready\"'; read start; {}read stop; {}",
        echo(&[second(0), second(1)]),
        echo(&[Said::Ended { early: true, unfinished: 0, not_begun: 80 }])
    );
    let (stop, mut stopped) = watch::channel(false);
    let live = move |news: News<'_>| {
        if complete(&news).is_some_and(|live| live.elapsed == Duration::from_secs(2)) {
            stop.send_replace(true);
        }
    };
    let why = async move {
        // The sender goes with the callback, after the run.
        let _ = stopped.wait_for(|stop| *stop).await;
        "Ctrl-C".to_owned()
    };
    let outcome = run_processes(&order(1), |_| shell(&worker), live, why).await.unwrap();
    assert_eq!(
        outcome.results.missing,
        [
            "the run was ended after 2 s of 10 s (Ctrl-C): 80 sessions of the plan never began, and 0 were cut off"
        ]
    );
    assert_eq!(outcome.results.generator.workers[0].ended, "stopped");
}

#[test]
fn a_lost_threshold_stops_the_run_if_the_scenario_wants_it() {
    let with_errors = || {
        let error = ErrorSeen {
            kind: "reset".to_owned(),
            step: "STAT".to_owned(),
            count: 5,
            example: String::new(),
            first_s: 0.5,
        };
        Event::Second(Box::new(Second { begun: 10, failed: 5, errors: vec![error], ..Second::default() }))
    };
    let mut patient = order(1);
    let mut ignore = |_: News<'_>| ();
    assert!(!Course::new(&patient, &mut ignore).tell(0, with_errors()));
    patient.assignment.scenario.stop_early = true;
    let mut course = Course::new(&patient, &mut ignore);
    assert!(course.tell(0, with_errors()));
    assert!(!course.tell(0, Event::Ended { early: true }));
    let missing = course.finish().results.missing;
    assert!(missing[0].contains("(`errors < 5` cannot hold any more)"), "{missing:?}");
}

#[test]
fn shares_of_machines_stay_the_same_however_many_workers_they_have() {
    let mut order = order(3);
    order.assignment.worker = 1;
    order.assignment.workers = 2;
    let shares: Vec<_> = (0..3).map(|worker| order.of(worker)).map(|of| (of.worker, of.workers)).collect();
    assert_eq!(shares, [(1, 6), (3, 6), (5, 6)]);
    // Users of these workers are those of the share: user % 2 is 1.
    assert!(shares.iter().all(|(worker, workers)| worker % 2 == 1 && workers % 2 == 0));
}

#[test]
fn a_trial_is_judged_by_its_thresholds_unless_the_generator_was_the_bottleneck() {
    use crate::capacity::Judgement;
    let order = order(1);
    let mut ignore = |_: News<'_>| ();
    let course = |errors: u64, ignore: &mut dyn FnMut(News<'_>)| {
        let mut course = Course::new(&order, ignore);
        let error = ErrorSeen {
            kind: "no-port".to_owned(),
            step: "connect".to_owned(),
            count: errors,
            example: String::new(),
            first_s: 0.0,
        };
        let errors = if errors > 0 { vec![error] } else { Vec::new() };
        course.tell(0, Event::Second(Box::new(Second { begun: 10, asked: 10, errors, ..Second::default() })));
        course.tell(0, Event::Ended { early: false });
        course.finish().judgement(&order.assignment.scenario)
    };
    assert_eq!(course(0, &mut ignore), Judgement::Holds);
    assert!(matches!(course(9, &mut ignore), Judgement::Generator(_)));
    let mut course = Course::new(&order, &mut ignore);
    let second = Second { begun: 10, asked: 40, waited_for_account: 30, ..Second::default() };
    course.tell(0, Event::Second(Box::new(second)));
    course.tell(0, Event::Ended { early: false });
    let outcome = course.finish();
    assert!(matches!(outcome.judgement(&order.assignment.scenario), Judgement::Accounts(_)));
    assert_eq!(outcome.results.generator.bottleneck, None);
}

/// A thread more than the system gives is what `ulimit -u` makes.
#[test]
fn a_worker_without_a_thread_says_so() {
    let (said, output) = std::io::pipe().unwrap();
    for threads in 0..2 {
        let mut given = 0;
        let mut give = |name: &str, work: Work| {
            given += 1;
            if given > threads { Err(std::io::ErrorKind::WouldBlock.into()) } else { thread(name, work) }
        };
        let input = std::io::Cursor::new(line_of(&order(1).of(0)).unwrap());
        let output = output.try_clone().unwrap();
        let error = whole_life(input, output, Behaviours::default(), &mut give).unwrap_err();
        assert!(matches!(error, WorkerError::Start(_)), "{error}");
    }
    drop(output);
    let said: Vec<Said> = std::io::BufReader::new(said)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let told =
        |said: &Said| matches!(said, Said::Failed(reason) if reason.contains("did not give it a thread"));
    assert!(said.len() == 2 && said.iter().all(told), "{said:?}");
}

#[test]
fn of_a_worker_that_panicked_the_panic_is_told() {
    let of = |complaint: &str| obituary(None, complaint.as_bytes());
    let panic = "\nthread 'main' (7) panicked at src/work.rs:3:5:\nno more of it\nstack backtrace:\n   0: begin\n\
                 note: Some details are omitted, run with `RUST_BACKTRACE=full`\n";
    assert_eq!(
        of(panic),
        "its output ended, but its process did not: thread \\'main\\' (7) panicked at src/work.rs:3:5: no more of it"
    );
    assert_eq!(of("a word\nthe last one\n\n"), "its output ended, but its process did not: the last one");
    assert_eq!(of(""), "its output ended, but its process did not");
}

#[test]
fn a_second_that_cannot_be_read_is_not_written_down_and_its_worker_is_lost() {
    let order = order(2);
    let mut lines = Vec::new();
    let mut write = |news: News<'_>| {
        if let News::Line(line) = news {
            lines.push(line.to_json());
        }
    };
    let mut course = Course::new(&order, &mut write);
    let told = |number: u32, response: &str| {
        let step = record::StepSamples {
            tag: "STAT".to_owned(),
            response: response.to_owned(),
            ..Default::default()
        };
        Event::Second(Box::new(Second { second: number, begun: 10, steps: vec![step], ..Second::default() }))
    };
    course.tell(0, told(0, ""));
    course.tell(1, told(0, "hunter2"));
    // It is not heard any more, whatever it says.
    course.tell(1, told(1, ""));
    course.tell(0, Event::Ended { early: false });
    let results = course.finish().results;
    assert_eq!(results.sessions.begun, 10);
    assert!(
        results.missing[0].starts_with("worker 1 was lost (it told second 0 wrongly: "),
        "{:?}",
        results.missing
    );
    assert!(lines.iter().all(|line| !line.contains("hunter2")), "{lines:?}");
    let sorts: Vec<&str> = lines.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(sorts, ["began", "second", "worker-ended", "worker-ended", "ended"]);
}
