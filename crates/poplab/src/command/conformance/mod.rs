//! `poplab conformance`: from the command line over a plan to verdicts, files and the exit code.

mod arguments;
mod descriptors;
mod findings;
mod judge;
mod last_look;
mod plan;
mod progress;
mod reproduction;
mod selection;

use anyhow::Context as _;
use record::{Results, StaleEntry, Verdict};

pub(crate) use arguments::Arguments;
pub(super) use arguments::Tls;
pub(super) use plan::{is_loopback, password, trust};

use self::findings::Judged;
use self::judge::Course;
use self::plan::Plan;
use self::progress::Progress;
use super::Format;
use crate::baseline::{Baseline, Deviation};
use crate::exit::{self, Failure};
use crate::folder::Readers;
use crate::records::{Conclusion, Records, Wanted};
use crate::{embedded, folder, interrupt, limits, terminal};

/// Judges, writes the run's folder and prints the report.
///
/// # Errors
/// The folder cannot be used; everything else is recorded in the run.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    if let Some(id) = &arguments.explain {
        return selection::explain(id);
    }
    if arguments.untested {
        return selection::untested(&arguments.select, &arguments.skip);
    }
    if arguments.list {
        return selection::list(&arguments.select, &arguments.skip);
    }
    // Both ends of the embedded servers' connections are in this process.
    limits::require(64 + 16 * u64::from(arguments.jobs))?;
    let records = Records::claim("conformance", &arguments.out, Readers::asked(arguments.readable))?;
    {
        let mut run = records.run.borrow_mut();
        run.seed = arguments.seed;
        run.target.name = target_name(arguments);
    }
    let (mut course, conclusion) = carry_out(arguments, &records);
    {
        let mut run = records.run.borrow_mut();
        run.target.entrances = std::mem::take(&mut course.entrances);
        run.totals = course.results.counts();
    }
    let error = course.error.take();
    let wanted = Wanted {
        forms: &arguments.format,
        human: Format::Human,
        always: &[],
        file: Format::file,
        quiet: arguments.quiet,
    };
    let mut judged = Judged::new(course, records.started, arguments.verbose);
    records.finish(&mut judged, &wanted, conclusion, error)
}

/// What the target is called in records.
fn target_name(arguments: &Arguments) -> String {
    arguments.target.as_ref().map_or_else(|| embedded::NAME.to_owned(), ToString::to_string)
}

/// Plans and judges. Whatever goes wrong, what was seen until then is kept.
fn carry_out(arguments: &Arguments, records: &Records) -> (Course, anyhow::Result<Conclusion>) {
    let accepted = Plan::new(arguments).and_then(|plan| records.begin().map(|()| plan));
    let plan = match accepted {
        Ok(plan) => plan,
        Err(error) => return (Course::default(), Err(error)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Failure::not_carried_out(format!("the system refused an event queue: {error}"));
            return (Course::default(), Err(error));
        }
    };
    let Plan { target, terms, baseline, reproductions } = plan;
    let progress = Progress::new(terms.checks.len() * target.entrances(), arguments.quiet);
    let mut course = runtime.block_on(async {
        // From before the first connection to the end, without a gap in which a signal would be lost or the end.
        let interrupt = interrupt::Listener::start();
        let (mut course, servers) = judge::judge(target, &terms, &reproductions, progress, &interrupt).await;
        if course.error.is_none() {
            course.error =
                last_look::last_look(&terms.dialer, &course.entrances, terms.wait, &interrupt).await;
        }
        // What is looked at last has to be there still.
        drop(servers);
        course
    });
    let conclusion = conclude(baseline, &mut course, arguments);
    (course, conclusion)
}

/// The baseline is applied, then the exit code follows from the verdicts.
fn conclude(
    baseline: Option<Baseline>,
    course: &mut Course,
    arguments: &Arguments,
) -> anyhow::Result<Conclusion> {
    if let Some(mut baseline) = baseline {
        // What a run that was broken off did not see may be there all the same.
        let whole = course.error.is_none();
        if let Some(path) = arguments.baseline.as_ref().filter(|_| arguments.update_baseline && whole) {
            let (went, came) = baseline.update(&course.results);
            folder::put(path, baseline.to_yaml().as_bytes(), Readers::ByUmask)
                .with_context(|| format!("cannot write the baseline {}", path.display()))?;
            let deviations = |number: usize| if number == 1 { "deviation" } else { "deviations" };
            terminal::tell(&format!(
                "{}: {came} new {} (say why in `because`), {went} no longer seen",
                path.display(),
                deviations(came)
            ));
        } else {
            let unsaid = baseline.unexplained().filter(|deviation| !deviation.is_gone(&course.results));
            unsaid.for_each(|deviation| terminal::tell(&unexplained(deviation)));
        }
        baseline.apply(&mut course.results);
    }
    if let Some(error) = &course.error {
        return Ok((exit::NOT_CARRIED_OUT, format!("{error}{}", besides(&course.results, arguments.strict))));
    }
    let hint = if course.out_of_time {
        Some(format!(
            "hint: the time of the run was over before every check had a verdict; give it more than {} s with --within",
            arguments.within().as_secs()
        ))
    } else {
        crowded(&course.results, arguments.jobs)
    };
    if let Some(hint) = hint {
        terminal::tell(&hint);
    }
    Ok(verdict(&course.results, arguments.strict, arguments.inconclusive_at_most))
}

/// A known deviation that nobody has explained, as a warning with its place.
fn unexplained(deviation: &Deviation) -> String {
    let place = deviation.place.as_deref().map(|place| format!("{place}: ")).unwrap_or_default();
    format!("warning: {place}{} is known and not explained; say why it is so in `because`", deviation.check)
}

/// What to try when many checks could not be carried out side by side.
fn crowded(results: &Results, jobs: u16) -> Option<String> {
    let totals = results.counts();
    let tried = totals.total() - totals.skipped;
    (jobs > 1 && totals.inconclusive * 10 > tried).then(|| {
        format!(
            "hint: {} of {tried} checks could not be carried out, {jobs} side by side; if the server limits connections, \
             give --jobs 1",
            totals.inconclusive
        )
    })
}

/// What the reason of a run that was not carried out must not hide.
fn besides(results: &Results, strict: bool) -> String {
    let short = falls_short(results, strict);
    if short.is_empty() { String::new() } else { format!("; besides, {}", short.join("; ")) }
}

fn verdict(results: &Results, strict: bool, inconclusive_at_most: f64) -> Conclusion {
    if let Some(reason) = not_carried_out(results, inconclusive_at_most) {
        return (exit::NOT_CARRIED_OUT, reason + &besides(results, strict));
    }
    let short = falls_short(results, strict);
    if !short.is_empty() {
        return (exit::FALLS_SHORT, short.join("; "));
    }
    (exit::GOOD, "all as required".to_owned())
}

/// Why the verdicts are too few to stand for the server. What is skipped cannot be had from it or needs the user, and
/// does not count; a few inconclusive ones are ordinary.
fn not_carried_out(results: &Results, inconclusive_at_most: f64) -> Option<String> {
    let first = |unjudged: &[Verdict]| {
        let first = results.checks.iter().find(|check| unjudged.contains(&check.verdict));
        first.map(|check| format!("; {}: {}", check.id, check.observed)).unwrap_or_default()
    };
    if !results.checks.iter().any(record::CheckResult::is_judged) {
        let why = first(&[Verdict::Skipped, Verdict::Inconclusive]);
        return Some(format!("no check came to a judgement{why}"));
    }
    let totals = results.counts();
    let tried = totals.total() - totals.skipped;
    #[expect(clippy::cast_precision_loss, reason = "there are some hundreds of checks")]
    let share = totals.inconclusive as f64 / tried.max(1) as f64;
    (share > inconclusive_at_most + 1e-9).then(|| {
        format!(
            "{} of {tried} checks came to no judgement, more than {} % (--inconclusive-at-most){}",
            totals.inconclusive,
            inconclusive_at_most * 100.0,
            first(&[Verdict::Inconclusive])
        )
    })
}

/// All that the target, or its baseline, falls short by.
fn falls_short(results: &Results, strict: bool) -> Vec<String> {
    let totals = results.counts();
    let number = |number: u64, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    let mut reasons = Vec::new();
    if totals.fail > 0 {
        reasons.push(number(totals.fail, "failure"));
    }
    if strict && totals.warn > 0 {
        reasons.push(format!("{} and --strict", number(totals.warn, "warning")));
    }
    let unexplained = results.checks.iter().filter(|check| check.is_unexplained()).count() as u64;
    if strict && unexplained > 0 {
        reasons.push(format!("{} without a reason and --strict", number(unexplained, "known deviation")));
    }
    if !results.stale.is_empty() {
        let entry = |entry: &StaleEntry| format!("{} ({}, {})", entry.check, entry.entrance, entry.verdict);
        reasons.push(format!(
            "the baseline lists what is no longer seen: {}; remove it there, or give --update-baseline",
            results.stale.iter().map(entry).collect::<Vec<_>>().join(", ")
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use record::CheckResult;

    use super::*;

    fn results(verdicts: &[Verdict]) -> Results {
        let check = |verdict: &Verdict| CheckResult { verdict: *verdict, ..CheckResult::default() };
        Results { checks: verdicts.iter().map(check).collect(), ..Results::default() }
    }

    #[test]
    fn the_exit_code_follows_from_the_verdicts() {
        use Verdict::{Fail, Inconclusive, Info, Pass, Skipped, Warn};
        let many = [[Pass; 19].as_slice(), &[Inconclusive]].concat();
        for (verdicts, strict, code) in [
            (&many[..], false, exit::GOOD),
            (&many[1..], false, exit::NOT_CARRIED_OUT),
            (&[Pass, Info, Skipped, Warn], false, exit::GOOD),
            (&[Pass, Warn], true, exit::FALLS_SHORT),
            (&[Pass, Fail], false, exit::FALLS_SHORT),
            (&[Skipped, Inconclusive], false, exit::NOT_CARRIED_OUT),
            (&[Pass, Inconclusive, Skipped, Skipped], false, exit::NOT_CARRIED_OUT),
            (&[Fail, Inconclusive, Inconclusive], false, exit::NOT_CARRIED_OUT),
            (&[], false, exit::NOT_CARRIED_OUT),
        ] {
            assert_eq!(verdict(&results(verdicts), strict, 0.05).0, code, "{verdicts:?}");
        }
    }

    #[test]
    fn a_run_that_was_not_carried_out_names_its_failures_too() {
        use Verdict::{Fail, Inconclusive, Pass};
        let (_, reason) = verdict(&results(&[Pass, Fail, Inconclusive]), false, 0.05);
        assert!(reason.starts_with("1 of 3 checks came to no judgement, more than 5 %"), "{reason}");
        assert!(reason.ends_with("; besides, 1 failure"), "{reason}");
        assert_eq!(verdict(&results(&[Pass, Fail, Inconclusive]), false, 0.5).0, exit::FALLS_SHORT);
    }

    #[test]
    fn many_checks_that_could_not_be_carried_out_side_by_side_bring_a_hint() {
        use Verdict::{Inconclusive, Pass};
        let few = results(&[[Pass; 9].as_slice(), &[Inconclusive]].concat());
        let many = results(&[[Pass; 8].as_slice(), &[Inconclusive; 2]].concat());
        assert_eq!(crowded(&few, 8), None);
        assert!(crowded(&many, 8).is_some_and(|hint| hint.contains("2 of 10") && hint.contains("--jobs 1")));
        assert_eq!(crowded(&many, 1), None);
    }

    #[test]
    fn known_deviations_do_not_count_and_those_no_longer_seen_do() {
        let mut known = results(&[Verdict::Pass, Verdict::Fail, Verdict::Warn]);
        for check in &mut known.checks {
            check.approved = Some("explained".to_owned());
        }
        assert_eq!(verdict(&known, true, 0.05).0, exit::GOOD);
        known.stale.push(StaleEntry {
            check: "rfc1939.a.b".into(),
            entrance: "any".into(),
            verdict: Verdict::Fail,
            ..StaleEntry::default()
        });
        known.checks[1].approved = Some(String::new());
        let (code, reason) = verdict(&known, false, 0.05);
        assert_eq!(code, exit::FALLS_SHORT);
        assert!(
            reason.starts_with("the baseline lists what is no longer seen: rfc1939.a.b (any, fail)"),
            "{reason}"
        );
        known.checks[2].approved = None;
        let (_, reason) = verdict(&known, true, 0.05);
        let beside =
            "1 warning and --strict; 1 known deviation without a reason and --strict; the baseline lists";
        assert!(reason.starts_with(beside), "{reason}");
    }
}
