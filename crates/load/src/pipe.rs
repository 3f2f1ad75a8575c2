//! How the controller and a worker process talk: JSON lines, the controller's on the worker's stdin, the worker's on its
//! stdout.
//!
//! The controller says: the [`Assignment`] (the only place where passwords go: not the arguments, not the environment),
//! then, when every worker is ready, `{"start":MILLISECONDS}`, and perhaps `"stop"`. The end of its input tells a worker
//! to stop too, so that no worker outlives its controller. The worker says [`Said::Ready`], a [`Said::Second`] once a
//! second, and [`Said::Ended`]. A second is the very line that is written into `seconds.jsonl`
//! ([`record::LoadLine::Second`]), but for the worker's number and the transcripts that are too many, which are the
//! controller's to say.
//!
//! Reading is bounded and believes nothing: a line too long, a line that is no message, a second out of turn make the
//! worker a lost one, whatever it says after. Deliberately without processes: [`Listener`] is fed octets, so that all of
//! this is tested with texts.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::sync::mpsc;
use std::thread::JoinHandle;

use net::Alarm;
use record::{FORMAT, Second};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{Assignment, Behaviours, Ended, Measured};

/// The longest line a worker may say, and that is in a `seconds.jsonl`. A second of all steps with full histograms and transcripts is well below it.
pub const LONGEST_SAID: usize = 64 << 20;

/// The longest line a worker is told: a list of a million accounts is well below it.
const LONGEST_TOLD: u64 = 512 << 20;

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Said {
    /// It has understood its assignment and waits for the start.
    Ready,
    /// A second has passed.
    Second(Box<Second>),
    /// It is done.
    Ended {
        /// Whether it was stopped before the plan's end.
        early: bool,
        /// Sessions that were still open.
        unfinished: u64,
        /// Planned sessions that never began.
        not_begun: u64,
    },
    /// It cannot work, for this reason.
    Failed(String),
}

/// What a worker is told after its assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    /// The plan begins in so many milliseconds.
    Start(u64),
    /// End the run now.
    Stop,
}

/// Why a worker is not believed any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unbelievable {
    /// A line has no end.
    #[error("it wrote a line longer than {LONGEST_SAID} octets")]
    TooLong,
    /// A line is no message.
    #[error("it wrote something that is not a message ({reason})")]
    NoMessage {
        /// What the parser said, without the line itself.
        reason: String,
    },
    /// It is another program than we are.
    #[error("its seconds have format {format}, and only format {FORMAT} is known here")]
    Format {
        /// The number it says.
        format: u32,
    },
    /// Seconds must follow each other: counted twice they would falsify the sums.
    #[error("it told second {second} out of turn")]
    OutOfTurn {
        /// The second.
        second: u32,
    },
    /// Nothing may follow the end, and nothing but a failure comes before being ready.
    #[error("it spoke out of turn")]
    Unasked,
}

/// Hears one worker: octets in, messages out.
#[derive(Debug)]
pub(crate) struct Listener {
    line: Vec<u8>,
    ready: bool,
    ended: bool,
    last: Option<u32>,
    /// A second beyond is none of this run: a row for each one before it would fill the memory.
    last_possible: u32,
}

impl Listener {
    /// Hears a worker of a run that is over by this second at the latest.
    pub(crate) fn new(last_possible: u32) -> Self {
        Self { line: Vec::new(), ready: false, ended: false, last: None, last_possible }
    }

    /// Takes what has arrived and hands on each whole message. After an error nothing more may be fed.
    ///
    /// # Errors
    /// The worker is not to be believed any more. What was handed on before, holds.
    pub(crate) fn hear(&mut self, mut octets: &[u8], mut tell: impl FnMut(Said)) -> Result<(), Unbelievable> {
        while let Some(end) = octets.iter().position(|octet| *octet == b'\n') {
            let (line, rest) = (&octets[..end], &octets[end + 1..]);
            octets = rest;
            if self.line.len() + line.len() > LONGEST_SAID {
                return Err(Unbelievable::TooLong);
            }
            let said = if self.line.is_empty() {
                self.judge(line)?
            } else {
                self.line.extend_from_slice(line);
                let whole = std::mem::take(&mut self.line);
                let said = self.judge(&whole)?;
                // The memory of a long line is kept for the next one.
                self.line = whole;
                self.line.clear();
                said
            };
            tell(said);
        }
        if self.line.len() + octets.len() > LONGEST_SAID {
            return Err(Unbelievable::TooLong);
        }
        self.line.extend_from_slice(octets);
        Ok(())
    }

    fn judge(&mut self, line: &[u8]) -> Result<Said, Unbelievable> {
        if self.ended {
            return Err(Unbelievable::Unasked);
        }
        let said = serde_json::from_slice(line)
            .map_err(|error: serde_json::Error| Unbelievable::NoMessage { reason: reason(&error) })?;
        match &said {
            Said::Ready if !self.ready => self.ready = true,
            Said::Failed(_) => self.ended = true,
            Said::Second(second) if self.ready => {
                let Second { second, format, .. } = **second;
                if format != FORMAT {
                    return Err(Unbelievable::Format { format });
                }
                if self.last.is_some_and(|last| second <= last) || second > self.last_possible {
                    return Err(Unbelievable::OutOfTurn { second });
                }
                self.last = Some(second);
            }
            Said::Ended { .. } if self.ready => self.ended = true,
            Said::Ready | Said::Second(_) | Said::Ended { .. } => return Err(Unbelievable::Unasked),
        }
        Ok(said)
    }
}

/// One line of the pipe, its end included.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn line_of(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Why a worker could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The controller did not say what to do.
    #[error("a worker is started by poplab itself and reads its assignment from stdin: {reason}")]
    Assignment {
        /// What is wrong with it, without the text itself.
        reason: String,
    },
    /// The runtime or TLS could not be set up.
    #[error("the worker cannot start: {0}")]
    Start(String),
}

/// The whole life of a worker process: reads the assignment, works, tells. Blocks until all is done; must not be called
/// within a runtime. `custom` holds the behaviours written in Rust.
///
/// # Errors
/// The assignment cannot be read or the work not begun. The controller has been told as well.
pub fn worker_main(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    custom: Behaviours,
) -> Result<(), WorkerError> {
    whole_life(input, output, custom, &mut thread)
}

/// What the thread of the event loop hands to the one that writes.
enum Tale {
    Second(Box<Measured>),
    Ended(Ended),
}

impl Tale {
    fn said(self) -> Said {
        match self {
            Tale::Second(second) => Said::Second(Box::new(second.into_record())),
            Tale::Ended(Ended { early, unfinished, not_begun }) => {
                Said::Ended { early, unfinished, not_begun }
            }
        }
    }
}

/// What a thread does.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// A thread of this name; the system may refuse it, which is no reason to panic.
pub(crate) fn thread(name: &str, work: Work) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// [`worker_main`], with threads from elsewhere.
pub(crate) fn whole_life(
    input: impl Read + Send + 'static,
    mut output: impl Write + Send + 'static,
    custom: Behaviours,
    thread: &mut dyn FnMut(&str, Work) -> std::io::Result<JoinHandle<()>>,
) -> Result<(), WorkerError> {
    let mut input = BufReader::new(input);
    let (stop, stopped) = watch::channel(false);
    let (tell, heard) = mpsc::channel::<Tale>();
    // Input and output are handed to the threads once those are there: until then they are needed to say that they are
    // not.
    let (hand_input, handed_input) = mpsc::channel();
    let (hand_output, handed_output) = mpsc::channel();
    let prepared = assignment(&mut input).and_then(|assignment| {
        let start = |error: &dyn std::fmt::Display| WorkerError::Start(error.to_string());
        let mut started = |name: &str, work: Work| {
            thread(name, work)
                .map_err(|error| WorkerError::Start(format!("the system did not give it a thread: {error}")))
        };
        let listening = stop.clone();
        // It blocks on stdin until the controller says something, so nobody waits for it.
        let listen = move || {
            let Ok(mut input) = handed_input.recv() else { return };
            while let Some(Told::Start(_)) = told(&mut input) {}
            listening.send_replace(true);
        };
        started("load-orders", Box::new(listen))?;
        // Writing blocks when the controller is slow, which must not make the ticker late; so a thread of its own does
        // it, and the histograms become text there.
        let write = move || {
            let Ok(mut output) = handed_output.recv() else { return };
            for tale in heard {
                if !say(&mut output, &tale.said()) {
                    // Nobody listens any more.
                    stop.send_replace(true);
                }
            }
        };
        let writer = started("load-report", Box::new(write))?;
        // More descriptors are needed before the first socket, and not getting them is no reason to give up.
        let _ = net::limits::raise_descriptors();
        let dialer = crate::dialer(&assignment).map_err(|error| start(&error))?;
        let runtime = crate::runtime().map_err(|error| start(&error))?;
        let alarm = runtime.block_on(async { Alarm::new() }).map_err(|error| start(&error))?;
        Ok((assignment, dialer, alarm, runtime, writer))
    });
    let (mut assignment, dialer, alarm, runtime, writer) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            say(&mut output, &Said::Failed(error.to_string()));
            return Err(error);
        }
    };
    say(&mut output, &Said::Ready);
    match told(&mut input) {
        Some(Told::Start(milliseconds)) => {
            assignment.start_in = std::time::Duration::from_millis(milliseconds);
        }
        Some(Told::Stop) | None => {
            say(&mut output, &Said::Ended { early: true, unfinished: 0, not_begun: 0 });
            return Ok(());
        }
    }

    // Neither thread ends before it has these.
    let _ = hand_input.send(input);
    let _ = hand_output.send(output);
    let ended = runtime.block_on(crate::work(assignment, dialer, Some(alarm), custom, stopped, |second| {
        let _ = tell.send(Tale::Second(Box::new(second)));
    }));
    let _ = tell.send(Tale::Ended(ended));
    drop(tell);
    let _ = writer.join();
    Ok(())
}

fn assignment(input: &mut BufReader<impl Read>) -> Result<Assignment, WorkerError> {
    let wrong = |reason: String| WorkerError::Assignment { reason };
    let line = line(input, LONGEST_TOLD).map_err(|error| wrong(error.to_string()))?;
    // What the parser says of a text may quote it, and there are passwords in it.
    serde_json::from_slice(&line).map_err(|error| wrong(reason(&error)))
}

/// The next order; nothing at the end of input or when it makes no sense, both of which mean to stop.
fn told(input: &mut BufReader<impl Read>) -> Option<Told> {
    serde_json::from_slice(&line(input, 1_000).ok()?).ok()
}

fn line(input: &mut BufReader<impl Read>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.take(most).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Whether somebody still listens.
fn say(output: &mut impl Write, said: &Said) -> bool {
    line_of(said).is_ok_and(|line| output.write_all(&line).and_then(|()| output.flush()).is_ok())
}

/// The sort and the place of an error, without the text that may be quoted in its message.
fn reason(error: &serde_json::Error) -> String {
    let sort = match error.classify() {
        serde_json::error::Category::Io => "it cannot be read",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "it does not fit",
        serde_json::error::Category::Eof => "it is cut off",
    };
    format!("{sort}, column {}", error.column())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(second: u32, begun: u64) -> Said {
        Said::Second(Box::new(Second { second, begun, ..Second::default() }))
    }

    fn text(said: &[Said]) -> Vec<u8> {
        said.iter().flat_map(|said| line_of(said).unwrap()).collect()
    }

    fn hear(octets: &[u8]) -> (Vec<Said>, Result<(), Unbelievable>) {
        let mut heard = Vec::new();
        let result = Listener::new(100).hear(octets, |said| heard.push(said));
        (heard, result)
    }

    const ENDED: Said = Said::Ended { early: false, unfinished: 0, not_begun: 0 };

    #[test]
    fn a_worker_s_whole_life_is_heard() {
        let life = [Said::Ready, second(0, 5), second(1, 7), second(4, 1), ENDED];
        assert_eq!(hear(&text(&life)), (life.to_vec(), Ok(())));
    }

    #[test]
    fn what_is_told_looks_as_documented() {
        assert_eq!(line_of(&Told::Start(200)).unwrap(), b"{\"start\":200}\n");
        assert_eq!(line_of(&Told::Stop).unwrap(), b"\"stop\"\n");
        assert_eq!(line_of(&Said::Ready).unwrap(), b"\"ready\"\n");
    }

    #[test]
    fn a_second_told_twice_is_not_counted_twice() {
        let (heard, result) = hear(&text(&[Said::Ready, second(3, 5), second(3, 5)]));
        assert_eq!((heard.len(), result), (2, Err(Unbelievable::OutOfTurn { second: 3 })));
        let (_, result) = hear(&text(&[Said::Ready, second(101, 5)]));
        assert_eq!(result, Err(Unbelievable::OutOfTurn { second: 101 }));
    }

    #[test]
    fn a_second_is_said_as_it_is_written_and_one_of_another_format_is_not_believed() {
        let Said::Second(second) = second(3, 5) else { unreachable!() };
        let written = record::LoadLine::Second(second.clone()).to_json();
        assert_eq!(text(&[Said::Second(second.clone())]), written.as_bytes());
        let later = Said::Second(Box::new(Second { format: FORMAT + 1, ..*second }));
        let (heard, result) = hear(&text(&[Said::Ready, later]));
        assert_eq!((heard.len(), result), (1, Err(Unbelievable::Format { format: FORMAT + 1 })));
    }

    #[test]
    fn out_of_turn_is_whatever_comes_before_ready_or_after_the_end() {
        for life in [
            vec![second(0, 1)],
            vec![ENDED],
            vec![Said::Ready, Said::Ready],
            vec![Said::Ready, ENDED, second(0, 1)],
            vec![Said::Failed("no runtime".to_owned()), Said::Ready],
        ] {
            assert_eq!(hear(&text(&life)).1, Err(Unbelievable::Unasked), "{life:?}");
        }
    }

    #[test]
    fn rubbish_ends_it_and_is_not_repeated() {
        for (rubbish, reason) in [
            (&b"thread 'main' panicked\n"[..], "it is not JSON, column 1"),
            (b"{\"second\":{\"second\":\"hunter2\"}}\n", "it does not fit, column 29"),
            (b"\n", "it is cut off, column 0"),
        ] {
            let (heard, result) = hear(&[&text(&[Said::Ready])[..], rubbish].concat());
            assert_eq!(
                (heard.len(), result),
                (1, Err(Unbelievable::NoMessage { reason: reason.to_owned() }))
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let mut listener = Listener::new(100);
        let block = vec![b'x'; 1 << 20];
        let blocks = (0..100).take_while(|_| listener.hear(&block, |_| ()).is_ok()).count();
        assert_eq!(blocks, 64);
        assert!(listener.line.len() <= LONGEST_SAID);
    }

    #[test]
    fn an_end_without_saying_so_is_known() {
        let mut listener = Listener::new(100);
        let cut = text(&[Said::Ready, second(0, 5), second(1, 7)]);
        let mut heard = 0;
        listener.hear(&cut[..cut.len() - 3], |_| heard += 1).unwrap();
        assert_eq!((heard, listener.ended), (2, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_split_is_heard_alike(cuts in prop::collection::vec(0usize..2_000, 0..6)) {
            let life = [Said::Ready, second(0, 5), second(1, 7), ENDED];
            let octets = text(&life);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(octets.len())).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let (mut listener, mut heard) = (Listener::new(100), Vec::new());
            for part in cuts.windows(2) {
                listener.hear(&octets[part[0]..part[1]], |said| heard.push(said)).unwrap();
            }
            prop_assert_eq!(&heard[..], &life[..]);
        }

        #[test]
        fn no_octets_make_it_fall(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut listener = Listener::new(100);
            let _ = listener.hear(&octets, |_| ());
        }
    }

    #[test]
    fn a_worker_without_an_assignment_says_so_without_repeating_it() {
        #[derive(Clone, Default)]
        struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(octets)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        for input in ["", "hunter2\n", "{\"seed\":\"hunter2\"}\n", "[]\n"] {
            let output = Shared::default();
            let error = worker_main(input.as_bytes(), output.clone(), Behaviours::default()).unwrap_err();
            let said = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
            assert!(matches!(error, WorkerError::Assignment { .. }), "{error}");
            assert!(said.starts_with("{\"failed\":\"a worker is started by poplab itself"), "{said}");
            assert!(!said.contains("hunter2") && !error.to_string().contains("hunter2"), "{said}");
        }
    }
}
