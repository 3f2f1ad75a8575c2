//! Workers as processes: starting them together, listening to all, losing some.

use std::os::unix::process::CommandExt as _;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Course, Event, News, Order, Outcome, StartError};
use crate::figures::span;
use crate::pipe::{Listener, Said, Told, line_of};

/// A worker that has not understood its assignment by then never will.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// All workers are told to begin this much later, so that the last one is told before.
const START_IN: Duration = Duration::from_millis(100);

/// A worker tells every second; one that is silent for so long hangs. A hundred of them on two cores need their time.
const SILENCE: Duration = Duration::from_mins(1);

/// A worker that was told to stop has so long for it.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Between the end of a worker's output and the end of its process.
const EXIT_WITHIN: Duration = Duration::from_secs(5);

/// A run may outlast its plan by so much: sessions that are held, slow links.
const OUTLAST: Duration = Duration::from_hours(24);

/// What is kept of a worker's stderr, its end.
const STDERR_KEPT: usize = 2_000;

/// How far the run is, for the tasks that talk with the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Prepare,
    Start,
    Stop,
}

/// Carries out a run with worker processes. `spawn` makes the command that starts worker n: a program that calls
/// [`crate::worker_main`] with its stdin and stdout. It needs no arguments and no environment of ours; passwords go
/// through the pipe alone. `news` is told what is to be written down, and of every complete second; `stop` ends the run
/// early and says why.
///
/// # Errors
/// A worker cannot be started or does not understand its assignment. Nothing has been sent to the target then.
pub async fn run_processes(
    order: &Order,
    mut spawn: impl FnMut(u32) -> std::process::Command,
    mut news: impl FnMut(News<'_>),
    stop: impl Future<Output = String>,
) -> Result<Outcome, StartError> {
    let mut course = Course::new(order, &mut news);
    let (teller, mut told) = mpsc::channel(64);
    let (phase, phases) = watch::channel(Phase::Prepare);
    let last_second = last_second(order);
    let workers = order.workers.max(1);
    let mut children = Vec::new();
    for worker in 0..workers {
        let child =
            start(spawn(worker)).map_err(|error| StartError::Worker { worker, reason: error.to_string() })?;
        children.push(child);
    }
    for (worker, child) in (0..).zip(children) {
        let assignment = line_of(&order.of(worker))?;
        tokio::spawn(attend(worker, child, assignment, last_second, phases.clone(), teller.clone()));
    }
    drop(teller);

    let mut stop = pin!(stop);
    let mut listening = true;
    let mut ready = 0;
    while course.is_open() {
        tokio::select! {
            biased;
            why = &mut stop, if listening => {
                listening = false;
                course.stop(why);
                phase.send_replace(Phase::Stop);
            }
            event = told.recv() => match event {
                Some((_, Event::Ready)) => {
                    ready += 1;
                    if ready == workers && *phase.borrow() == Phase::Prepare {
                        phase.send_replace(Phase::Start);
                        course.begin();
                    }
                }
                // Before the start nothing is lost by not starting.
                Some((worker, Event::Lost(reason))) if *phase.borrow() == Phase::Prepare => {
                    return Err(StartError::Worker { worker, reason });
                }
                Some((worker, event)) => if course.tell(worker, event) {
                    phase.send_replace(Phase::Stop);
                },
                None => break,
            },
        }
    }
    Ok(course.finish())
}

/// The latest second that a worker can have something to tell of.
fn last_second(order: &Order) -> u32 {
    let longest = order.assignment.scenario.duration().saturating_add(OUTLAST);
    u32::try_from(longest.as_secs()).unwrap_or(u32::MAX)
}

/// In a process group of its own: Ctrl-C is for the controller, which ends its workers itself.
fn start(mut command: std::process::Command) -> std::io::Result<Child> {
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Command::from(command).kill_on_drop(true).spawn()
}

/// Talks with one worker until its end, and tells what it says and how it ended.
async fn attend(
    worker: u32,
    mut child: Child,
    assignment: Vec<u8>,
    last_second: u32,
    phases: watch::Receiver<Phase>,
    teller: mpsc::Sender<(u32, Event)>,
) {
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let complaint = tokio::spawn(tail(stderr));
    let ending = converse(stdin, stdout, &assignment, last_second, phases, (worker, &teller)).await;
    let event = match ending {
        Ending::Done { early } => {
            // It has told everything; how its process ends does not matter any more.
            let _ = timeout(EXIT_WITHIN, child.wait()).await;
            Event::Ended { early }
        }
        Ending::Broken(reason) => {
            let _ = child.start_kill();
            Event::Lost(reason)
        }
        Ending::Gone => {
            let status = timeout(EXIT_WITHIN, child.wait()).await;
            let _ = child.start_kill();
            let said = timeout(EXIT_WITHIN, complaint).await.ok().and_then(Result::ok).unwrap_or_default();
            Event::Lost(obituary(status.ok().and_then(Result::ok), &said))
        }
    };
    let _ = teller.send((worker, event)).await;
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The worker said that it is done.
    Done { early: bool },
    /// It cannot be believed, hangs, or says that it cannot work.
    Broken(String),
    /// It stopped talking in the middle.
    Gone,
}

/// The conversation itself, over any two pipes. What is heard goes to `teller` under the worker's number.
pub(super) async fn converse(
    mut stdin: impl AsyncWrite + Unpin,
    mut stdout: impl AsyncRead + Unpin,
    assignment: &[u8],
    last_second: u32,
    mut phases: watch::Receiver<Phase>,
    (worker, teller): (u32, &mpsc::Sender<(u32, Event)>),
) -> Ending {
    // A worker says nothing before it has read all of this, so that neither waits for the other.
    match timeout(READY_WITHIN, stdin.write_all(assignment)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Ending::Gone,
        Err(_) => {
            return Ending::Broken(format!("it did not read its assignment within {}", span(READY_WITHIN)));
        }
    }
    let mut listener = Listener::new(last_second);
    let mut buffer = vec![0; 64 * 1024];
    let mut heard = Vec::new();
    let mut phase = Phase::Prepare;
    // Once it is ready it waits for the others, for which there is no limit of its own.
    let mut patience = Some((Instant::now() + READY_WITHIN, READY_WITHIN));
    loop {
        let deadline = patience.map(|(deadline, _)| deadline);
        tokio::select! {
            changed = phases.changed(), if phase != Phase::Stop => {
                phase = if changed.is_ok() { *phases.borrow_and_update() } else { Phase::Stop };
                let (told, within) = match phase {
                    Phase::Prepare => continue,
                    Phase::Start => (Told::Start(START_IN.as_millis() as u64), START_IN + SILENCE),
                    Phase::Stop => (Told::Stop, STOP_WITHIN),
                };
                // One that cannot be told is dead, and its output ends.
                if let Ok(line) = line_of(&told) {
                    let _ = timeout(within, stdin.write_all(&line)).await;
                }
                patience = Some((Instant::now() + within, within));
            }
            count = stdout.read(&mut buffer) => {
                let count = match count {
                    Ok(0) | Err(_) => return Ending::Gone,
                    Ok(count) => count,
                };
                let belief = listener.hear(&buffer[..count], |said| heard.push(said));
                for said in heard.drain(..) {
                    match said {
                        Said::Ready => {
                            if phase == Phase::Prepare {
                                patience = None;
                            }
                            let _ = teller.send((worker, Event::Ready)).await;
                        }
                        Said::Second(second) => {
                            // To stop has one deadline, however much is told until then.
                            if phase == Phase::Start {
                                patience = Some((Instant::now() + SILENCE, SILENCE));
                            }
                            let _ = teller.send((worker, Event::Second(second))).await;
                        }
                        Said::Ended { early, .. } => return Ending::Done { early },
                        Said::Failed(reason) => return Ending::Broken(reason),
                    }
                }
                if let Err(unbelievable) = belief {
                    return Ending::Broken(unbelievable.to_string());
                }
            }
            () = until(deadline), if deadline.is_some() => {
                let within = patience.map_or(SILENCE, |(_, within)| within);
                return Ending::Broken(match phase {
                    Phase::Prepare => format!("it was not ready within {}", span(within)),
                    Phase::Start => format!("it was silent for {}", span(SILENCE)),
                    Phase::Stop => format!("it did not stop within {}", span(within)),
                });
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        sleep_until(deadline).await;
    }
}

/// The end of what a worker complains of, bounded.
async fn tail(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        if kept.len() > STDERR_KEPT {
            kept.drain(..kept.len() - STDERR_KEPT);
        }
    }
    kept
}

/// Why a worker is gone, as far as can be known: its exit status, and the last line it complained of; of a panic what it
/// says, and not the advice behind it.
pub(super) fn obituary(status: Option<ExitStatus>, complaint: &[u8]) -> String {
    let status =
        status.map_or("its output ended, but its process did not".to_owned(), |status| status.to_string());
    let text = String::from_utf8_lossy(complaint);
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let panic = lines().skip_while(|line| !line.contains(" panicked at ")).take(2);
    let said = panic.map(str::trim).collect::<Vec<_>>().join(" ");
    let told = if said.is_empty() { lines().next_back() } else { Some(said.as_str()) };
    match told {
        Some(line) => format!("{status}: {}", line.trim().escape_debug().take(300).collect::<String>()),
        None => status,
    }
}
