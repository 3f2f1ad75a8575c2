//! Legal varieties of the server: whatever they do otherwise, nobody is accused, and the run still says something.
//!
//! What may be said of a persona all the same are warnings of level *practice* that its row names: no RFC asks for those.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use fake::{Configuration, Persona};
use record::{Level, Verdict};
use suite::check::Cost;
use suite::{Check, Security};

use crate::laboratory::{USUAL, accounts, configured, judge, paused, surveyed};

/// The entrances of the fake.
const ENTRANCES: [Security; 2] = [Security::Implicit, Security::Starttls];
/// Of what is judged on the plain server, so much is judged on every persona: per cent.
const FLOOR: usize = 60;
/// The same where the server lacks a whole function, and all that is about it is skipped.
const FLOORS: &[(&str, usize)] = &[("commands.minimal", 50)];
/// No more than so many of a hundred are inconclusive.
const INCONCLUSIVE_AT_MOST: usize = 5;
/// No run lasts longer, whatever the server takes for its answers: so long a run of `poplab conformance` may be.
const LONGEST: Duration = Duration::from_mins(10);
/// The same where the server takes half a second for each answer, or five for each greeting, of which there are thousands.
const LONGER: &[(&str, Duration)] =
    &[("pace.slow", Duration::from_mins(30)), ("pace.slow-greeting", Duration::from_mins(30))];
/// Of a longer run so many of its longest checks are told.
const TOLD: usize = 8;
/// Entrances that cannot be judged: without STLS there is only one.
const CLOSED: &[(&str, Security)] = &[
    ("tls.no-stls", Security::Starttls),
    ("capa.absent", Security::Starttls),
    ("commands.minimal", Security::Starttls),
];

/// What was said of a server at one entrance.
#[derive(Default)]
struct Judged {
    /// Failures and warnings.
    accused: Vec<String>,
    inconclusive: Vec<String>,
    conclusive: usize,
    lasted: Duration,
    /// How long each check took.
    each: Vec<(Duration, String)>,
}

/// All checks but those that are only carried out where they are asked for: they would take most of the time.
fn checks() -> Vec<Check> {
    suite::all().into_iter().filter(|check| !matches!(check.cost, Cost::Slow | Cost::Stress)).collect()
}

fn judged(persona: Option<&'static Persona>, security: Security) -> Result<Judged, String> {
    paused(async {
        let personas = persona.into_iter().collect();
        let world = configured(Configuration { personas, ..Configuration::default() });
        let began = tokio::time::Instant::now();
        let (site, _) = surveyed(&world, security, accounts(), USUAL).await;
        let site = site.map_err(|error| error.to_string())?;
        let mut judged = Judged::default();
        for evidence in judge(&site, checks(), 8).await {
            let result = evidence.result;
            judged.conclusive += usize::from(result.is_judged());
            judged.each.push((Duration::from_nanos(result.duration_ns), result.id.clone()));
            let told = format!("{} {}: {}", result.verdict, result.id, result.observed);
            let told_of = persona.is_some_and(|persona| persona.practice.contains(&result.id.as_str()));
            let exempt = told_of && result.level == Level::Practice && result.verdict == Verdict::Warn;
            match result.verdict {
                Verdict::Fail | Verdict::Warn if !exempt => judged.accused.push(told),
                Verdict::Inconclusive => judged.inconclusive.push(told),
                _ => {}
            }
        }
        judged.lasted = began.elapsed();
        Ok(judged)
    })
}

/// How much of the plain server is judged.
fn of_the_plain_server(security: Security) -> usize {
    static COUNTS: OnceLock<BTreeMap<String, usize>> = OnceLock::new();
    let count = |security: Security| {
        let judged = judged(None, security).expect("the fake can be surveyed").conclusive;
        (security.to_string(), judged)
    };
    COUNTS.get_or_init(|| ENTRANCES.into_iter().map(count).collect())[&security.to_string()]
}

/// All that is wrong with how one persona was judged, for people.
fn complaints(persona: &'static Persona) -> String {
    let mut told = String::new();
    for security in ENTRANCES {
        let judged = match judged(Some(persona), security) {
            Ok(judged) => judged,
            Err(_) if CLOSED.contains(&(persona.id, security)) => continue,
            Err(error) => {
                let _ = writeln!(told, "{} {security}: cannot be surveyed: {error}", persona.id);
                continue;
            }
        };
        for accusation in &judged.accused {
            let _ = writeln!(told, "{} {security}: {accusation}", persona.id);
        }
        let floor = FLOORS.iter().find(|(id, _)| *id == persona.id).map_or(FLOOR, |(_, floor)| *floor);
        let (came, whole) = (judged.conclusive, of_the_plain_server(security));
        if came * 100 < whole * floor {
            let _ = writeln!(told, "{} {security}: only {came} judged of {whole}", persona.id);
        }
        if judged.inconclusive.len() * 100 > (came + judged.inconclusive.len()) * INCONCLUSIVE_AT_MOST {
            let list = judged.inconclusive.join("\n    ");
            let count = judged.inconclusive.len();
            let _ = writeln!(told, "{} {security}: {count} inconclusive:\n    {list}", persona.id);
        }
        let longest_allowed =
            LONGER.iter().find(|(id, _)| *id == persona.id).map_or(LONGEST, |(_, longer)| *longer);
        if judged.lasted > longest_allowed {
            let _ = writeln!(
                told,
                "{} {security}: lasted {} s: {}",
                persona.id,
                judged.lasted.as_secs(),
                longest(judged.each)
            );
        }
    }
    told
}

/// The checks that took most of the time.
fn longest(mut each: Vec<(Duration, String)>) -> String {
    each.sort_unstable_by(|one, other| other.cmp(one));
    let told = each.iter().take(TOLD).map(|(took, id)| format!("{id} {} s", took.as_secs()));
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn nobody_is_accused_for_what_servers_may_do() {
    let only = std::env::var("POPLAB_PERSONAS_ONLY").ok();
    let chosen = fake::personas().filter(|one| only.as_deref().is_none_or(|word| one.id.contains(word)));
    let queue = Mutex::new(chosen);
    let all = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(persona) = queue.lock().expect("the queue").next() else { return };
                    let told = complaints(persona);
                    all.lock().expect("the results").insert(persona.id, told);
                }
            });
        }
    });
    let all = all.into_inner().expect("the results");
    let told: String = all.into_values().collect();
    assert!(told.is_empty(), "of {} personas:\n{told}", fake::personas().count());
}

#[test]
fn what_personas_do_not_follow_is_only_practice() {
    for persona in fake::personas() {
        for id in persona.practice {
            let requirement = suite::catalogue::requirement(id);
            let level = requirement.map(|found| found.level);
            assert_eq!(level, Some(Level::Practice), "{}: {id}", persona.id);
        }
    }
}
