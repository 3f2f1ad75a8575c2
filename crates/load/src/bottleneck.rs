//! Whether the generator itself was the bottleneck, or the accounts were too few, so that such limits are not taken
//! for the target's.
//!
//! Pure rules over what the workers said of themselves. Deliberately without a remedy that the rule cannot know to
//! help: it names what was short (processor, descriptors, ports) and what would give more of it.

use std::time::Duration;

use crate::figures::{count, counted, latency, percent, rounded};

/// Kinds of errors that are of the generator's own making.
pub(crate) const OWN_ERRORS: [&str; 3] = ["no-descriptor", "no-port", "memory"];

/// A ticker may always be this late: less is no one's business on a machine with other work.
const LATENESS_ALLOWED: Duration = Duration::from_millis(5);

/// Lateness enters every response time; this part of the smallest latency threshold is left to it.
const PART_OF_A_THRESHOLD: f64 = 0.05;

/// A second with more of a core than this is a busy one.
pub(crate) const BUSY: f64 = 0.9;

/// So large a part of a worker's seconds may be busy.
const BUSY_SECONDS_ALLOWED: f64 = 0.1;

/// The part of the asked sessions that must have been begun.
const ACHIEVED: f64 = 0.99;

/// What the rule looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelfWatch {
    /// The 99th percentile of how late sessions were begun and users woken, nanoseconds.
    pub lateness_p99_ns: u64,
    /// How many starts and ends of pauses that is of; the figure is the longest one where they are few.
    pub timers: u64,
    /// The smallest limit among the thresholds on latencies, if there is one.
    pub smallest_limit: Option<Duration>,
    /// The workers.
    pub workers: Vec<WorkerLoad>,
    /// Errors of the generator itself (no descriptor, no port) by kind.
    pub own_errors: Vec<(String, u64)>,
    /// Sessions that the plan wanted begun by the time the run ended; 0 in a closed loop.
    pub asked: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Sessions that did not begin when the plan wanted them, since their account was in use.
    pub waited: u64,
    /// Sessions that are missing for another reason: a worker was lost.
    pub excused: u64,
}

/// How busy one worker was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerLoad {
    /// Its number.
    pub number: u32,
    /// The seconds it ran.
    pub seconds: u32,
    /// Those in which it used more than nine tenths of a core.
    pub busy: u32,
}

/// The sentence that must be the first line of every report: `None` when the generator kept up.
pub fn bottleneck(watch: &SelfWatch) -> Option<String> {
    let reasons: Vec<(String, &str)> =
        [own_errors(watch), no_room(watch), late(watch), busy(watch), short(watch)]
            .into_iter()
            .flatten()
            .collect();
    if reasons.is_empty() {
        return None;
    }
    let mut remedies: Vec<&str> = Vec::new();
    for (_, remedy) in &reasons {
        if !remedies.contains(remedy) {
            remedies.push(remedy);
        }
    }
    let reasons: Vec<&str> = reasons.iter().map(|(reason, _)| reason.as_str()).collect();
    Some(format!(
        "The generator was the bottleneck: {}. The figures below are its limits as much as the target's; {}.",
        reasons.join("; "),
        remedies.join(", and "),
    ))
}

/// The sentence that stands above every report when the target was asked for less than the plan says, because accounts
/// were still in use: `None` when it was not so.
pub fn shortage(watch: &SelfWatch) -> Option<String> {
    let missing = watch.asked.saturating_sub(watch.begun);
    let reached = watch.begun.saturating_add(watch.waited);
    if watch.excused > 0 || !falls_short(watch.begun, watch.asked) || falls_short(reached, watch.asked) {
        return None;
    }
    Some(format!(
        "The accounts were too few for this rate: {} of {} asked for did not begin in time, since their account was still \
         in use by the session before, and a maildrop takes one at a time. The target was asked for less than the plan \
         says; use more accounts or a lower rate, or see why sessions lasted so long.",
        count(missing),
        counted(watch.asked, "session"),
    ))
}

fn falls_short(begun: u64, asked: u64) -> bool {
    (begun as f64) < asked as f64 * ACHIEVED
}

/// The most that the 99th percentile of the lateness may be.
fn lateness_allowed(smallest_limit: Option<Duration>) -> Duration {
    let part = smallest_limit.map_or(Duration::ZERO, |limit| limit.mul_f64(PART_OF_A_THRESHOLD));
    LATENESS_ALLOWED.max(part)
}

fn own_errors(watch: &SelfWatch) -> Option<(String, &'static str)> {
    let of =
        |kind: &str| watch.own_errors.iter().filter(|(own, _)| own == kind).map(|(_, count)| count).sum();
    let (descriptors, ports): (u64, u64) = (of("no-descriptor"), of("no-port"));
    match (descriptors, ports) {
        (0, 0) => None,
        (_, 0) => Some((
            format!("{} could not begin for want of a file descriptor", counted(descriptors, "session")),
            "raise the limit of open files (ulimit -n) or give it more workers",
        )),
        (0, _) => Some((
            format!("{} could not begin for want of a free port", counted(ports, "session")),
            "give it more source addresses or targets, or widen net.ipv4.ip_local_port_range",
        )),
        (_, _) => Some((
            format!(
                "{} could not begin for want of a file descriptor and {} for want of a free port",
                counted(descriptors, "session"),
                count(ports)
            ),
            "raise the limit of open files (ulimit -n), and give it more source addresses or targets",
        )),
    }
}

fn no_room(watch: &SelfWatch) -> Option<(String, &'static str)> {
    let sessions = watch.own_errors.iter().filter(|(own, _)| own == "memory").map(|(_, count)| count).sum();
    (sessions > 0).then(|| {
        (
            format!(
                "{} could not keep the listing of their maildrop for want of memory",
                counted(sessions, "session")
            ),
            "give it more workers, or say in the scenario (`mail`) how many messages the maildrops hold",
        )
    })
}

fn late(watch: &SelfWatch) -> Option<(String, &'static str)> {
    let allowed = u64::try_from(lateness_allowed(watch.smallest_limit).as_nanos()).unwrap_or(u64::MAX);
    (watch.lateness_p99_ns > allowed).then(|| {
        let some = match watch.timers {
            timers if timers >= record::fewest_samples(0.99) => "one start or pause in a hundred".to_owned(),
            timers => format!("one start or pause of {}", count(timers)),
        };
        (
            format!(
                "{some} ended {} late or more, where {} is allowed",
                latency(watch.lateness_p99_ns),
                latency(allowed)
            ),
            MORE_PROCESSOR,
        )
    })
}

fn busy(watch: &SelfWatch) -> Option<(String, &'static str)> {
    let part = |worker: &WorkerLoad| f64::from(worker.busy) / f64::from(worker.seconds.max(1));
    let over = watch.workers.iter().filter(|worker| part(worker) > BUSY_SECONDS_ALLOWED).count();
    let worst = watch.workers.iter().max_by(|a, b| part(a).total_cmp(&part(b)))?;
    if over == 0 {
        return None;
    }
    let who = match (over, watch.workers.len()) {
        (1, 1) => "its worker".to_owned(),
        (over, all) => format!("{over} of {}", counted(all as u64, "worker")),
    };
    Some((
        format!(
            "{who} used more than {} of a core for a long time, at the worst in {} of {}",
            percent(BUSY),
            worst.busy,
            counted(u64::from(worst.seconds), "second")
        ),
        MORE_PROCESSOR,
    ))
}

/// Begun too few, and nobody else to blame.
fn short(watch: &SelfWatch) -> Option<(String, &'static str)> {
    let reached = watch.begun.saturating_add(watch.excused).saturating_add(watch.waited);
    falls_short(reached, watch.asked).then(|| {
        (
            format!(
                "it began {} of {} asked for ({} %)",
                count(watch.begun),
                counted(watch.asked, "session"),
                rounded(watch.begun as f64 / watch.asked as f64 * 100.0)
            ),
            MORE_PROCESSOR,
        )
    })
}

const MORE_PROCESSOR: &str =
    "lower the rate, free the processors of other work, or run it on a machine with more cores";

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> SelfWatch {
        SelfWatch {
            lateness_p99_ns: 1_200_000,
            timers: 10_000,
            smallest_limit: None,
            workers: vec![WorkerLoad { number: 0, seconds: 10, busy: 1 }],
            own_errors: Vec::new(),
            asked: 1_000,
            begun: 1_000,
            waited: 0,
            excused: 0,
        }
    }

    #[test]
    fn a_generator_that_kept_up_says_nothing() {
        assert_eq!(bottleneck(&well()), None);
        assert_eq!(bottleneck(&SelfWatch::default()), None);
        // A closed loop asks for no rate.
        assert_eq!(bottleneck(&SelfWatch { asked: 0, begun: 17, ..well() }), None);
    }

    #[test]
    fn lateness_counts_from_five_milliseconds_or_from_the_part_of_a_threshold() {
        let late = SelfWatch { lateness_p99_ns: 5_000_001, ..well() };
        assert_eq!(
            bottleneck(&late).unwrap(),
            "The generator was the bottleneck: one start or pause in a hundred ended 5 ms late or more, where 5 ms \
             is allowed. The figures below are its limits as much as the target's; lower the rate, free the processors \
             of other work, or run it on a machine with more cores."
        );
        // Of five none is one in a hundred.
        let few = bottleneck(&SelfWatch { timers: 5, ..late.clone() }).unwrap();
        assert!(
            few.contains("one start or pause of 5 ended 5 ms late or more, where 5 ms is allowed"),
            "{few}"
        );
        // 5 % of 250 ms is 12.5 ms.
        let generous = SelfWatch { smallest_limit: Some(Duration::from_millis(250)), ..late };
        assert_eq!(bottleneck(&generous), None);
        assert!(bottleneck(&SelfWatch { lateness_p99_ns: 12_500_001, ..generous }).is_some());
        // A strict threshold does not make the rule stricter than the machine's own noise.
        let strict = SelfWatch { smallest_limit: Some(Duration::from_millis(1)), ..well() };
        assert_eq!(bottleneck(&strict), None);
    }

    #[test]
    fn one_busy_second_in_ten_is_allowed_and_two_are_not() {
        let two = vec![
            WorkerLoad { number: 0, seconds: 10, busy: 0 },
            WorkerLoad { number: 1, seconds: 10, busy: 2 },
        ];
        let said = bottleneck(&SelfWatch { workers: two, ..well() }).unwrap();
        assert!(
            said.contains(
                "1 of 2 workers used more than 90 % of a core for a long time, at the worst in 2 of 10 seconds"
            ),
            "{said}"
        );
    }

    #[test]
    fn its_own_errors_are_never_the_target_s() {
        let said = |errors: &[(&str, u64)]| {
            let own_errors = errors.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
            bottleneck(&SelfWatch { own_errors, ..well() })
        };
        assert!(
            said(&[("no-descriptor", 1)]).unwrap().contains("1 session could not begin for want of a file")
        );
        assert!(said(&[("no-port", 2_000)]).unwrap().contains("net.ipv4.ip_local_port_range"));
        let both = said(&[("no-port", 2), ("no-descriptor", 1)]).unwrap();
        assert!(both.contains(
            "1 session could not begin for want of a file descriptor and 2 for want of a free port"
        ));
        assert_eq!(said(&[("refused", 7)]), None);
    }

    #[test]
    fn what_was_asked_and_not_begun_counts_unless_it_is_excused() {
        let short = SelfWatch { begun: 980, ..well() };
        assert!(bottleneck(&short).unwrap().contains("it began 980 of 1,000 sessions asked for (98 %)"));
        assert_eq!(bottleneck(&SelfWatch { begun: 990, ..well() }), None);
        assert_eq!(bottleneck(&SelfWatch { excused: 10, ..short.clone() }), None);
        assert_eq!(bottleneck(&SelfWatch { waited: 10, ..short }), None);
    }

    #[test]
    fn too_few_accounts_are_told_from_a_weak_generator_and_from_a_short_wait() {
        assert_eq!(shortage(&well()), None);
        assert_eq!(shortage(&SelfWatch::default()), None);
        // Most of those that waited began all the same.
        assert_eq!(shortage(&SelfWatch { waited: 900, begun: 995, ..well() }), None);
        assert_eq!(
            shortage(&SelfWatch { waited: 100, begun: 500, ..well() }),
            None,
            "the generator's own fault"
        );
        assert_eq!(shortage(&SelfWatch { waited: 700, begun: 300, excused: 1, ..well() }), None);
        assert_eq!(
            shortage(&SelfWatch { waited: 700, begun: 300, ..well() }).unwrap(),
            "The accounts were too few for this rate: 700 of 1,000 sessions asked for did not begin in time, since their \
             account was still in use by the session before, and a maildrop takes one at a time. The target was asked \
             for less than the plan says; use more accounts or a lower rate, or see why sessions lasted so long."
        );
    }

    #[test]
    fn several_reasons_stand_in_one_sentence_with_each_remedy_once() {
        let watch = SelfWatch { lateness_p99_ns: 40_000_000, begun: 500, ..well() };
        let said = bottleneck(&watch).unwrap();
        assert_eq!(said.matches("more cores").count(), 1, "{said}");
        assert!(said.contains("40 ms late or more, where 5 ms is allowed; it began 500"), "{said}");
    }
}
