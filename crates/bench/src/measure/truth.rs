//! Whether the engine tells the truth: a server that stands still, and a server with a known distribution.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chance::Chance;
use load::Outcome;
use record::Quantiles;
use scenario::{Behaviour, Process, builder};

use super::Bench;
use super::engine::Place;
use crate::figure::{Bar, Figure, Unit};
use crate::peer::Peer;
use crate::roles;

/// Of the run with the freeze.
const LASTING: Duration = Duration::from_secs(10);
const FREEZE: Duration = Duration::from_secs(2);
/// Low enough that serving those who waited takes no time worth mentioning after the thaw.
const RATE: f64 = 100.0;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (mut freeze, mut distribution) = (Vec::new(), Vec::new());
    let (mut last_freeze, mut last_distribution) = (String::new(), String::new());
    for round in 0..bench.rounds.min(3) {
        let (error, behind) = frozen(bench, round)?;
        freeze.push(error);
        last_freeze = behind;
        let (error, behind) = known(bench, round)?;
        distribution.push(error);
        last_distribution = behind;
    }
    let figure = |name: &str, values, behind| Figure {
        name: name.to_owned(),
        values,
        unit: Unit::Percent,
        must: Bar::AtMost(0.05),
        aim: Bar::AtMost(0.01),
        behind,
    };
    Ok(vec![
        figure(
            "error of the response p99, server frozen for 2 of 10 s, against arithmetic",
            freeze,
            last_freeze,
        ),
        figure(
            "largest error of p50, p90, p99, p99.9 of a known distribution",
            distribution,
            last_distribution,
        ),
    ])
}

/// Even arrivals, a fifth of which wait for the rest of the freeze: of all, the slowest hundredth waits at least
/// 2 s × (1 − 0.01 / 0.2).
fn frozen(bench: &Bench, round: usize) -> anyhow::Result<(f64, String)> {
    // The server's clock starts before the worker's; the freeze lies well within the run either way.
    let (outcome, _) = run(bench, round, &["freeze", "5000", "2000"], RATE, LASTING)?;
    let share = FREEZE.as_secs_f64() / LASTING.as_secs_f64();
    let expected = FREEZE.as_secs_f64() * (1.0 - 0.01 / share);
    let measured = response(&outcome, "session")?.p99_ns as f64 / 1e9;
    let behind = format!("{measured:.3} s, arithmetic {expected:.3} s");
    Ok(((measured / expected - 1.0).abs(), behind))
}

/// The waits that the server drew for exactly these connections, against what the engine saw of them.
fn known(bench: &Bench, round: usize) -> anyhow::Result<(f64, String)> {
    let (median, sigma) = ("200", "0.5");
    let lasting = Duration::from_secs(if bench.quick { 5 } else { 20 });
    let (outcome, seed) = run(bench, round, &["latency", median, sigma], 200.0, lasting)?;
    let distribution = roles::latency(median, sigma)?;
    // What the fake draws follows from the seed, the connection and the line; line 3 is STAT, after USER and PASS.
    let mut drawn: Vec<f64> = (1..=outcome.results.sessions.completed)
        .map(|connection| distribution.sample(&mut Chance::of(&[seed, connection, 3])) * 1e9)
        .collect();
    drawn.sort_by(f64::total_cmp);
    let measured = response(&outcome, "STAT")?;
    ensure!(measured.count as usize == drawn.len(), "{} STAT for {} sessions", measured.count, drawn.len());
    let mut worst = (0.0, String::new());
    for (name, part, seen) in [
        ("p50", 0.5, measured.p50_ns),
        ("p90", 0.9, measured.p90_ns),
        ("p99", 0.99, measured.p99_ns),
        ("p99.9", 0.999, measured.p999_ns),
    ] {
        let expected = quantile(&drawn, part);
        let error = (seen as f64 / expected - 1.0).abs();
        if error >= worst.0 {
            let behind = format!("{name}: {:.1} ms, served {:.1} ms", seen as f64 / 1e6, expected / 1e6);
            worst = (error, behind);
        }
    }
    Ok(worst)
}

fn run(
    bench: &Bench,
    round: usize,
    manner: &[&str],
    rate: f64,
    lasting: Duration,
) -> anyhow::Result<(Outcome, u64)> {
    let seed = round as u64 + 1;
    let mut arguments = vec![bench.folder.join("ca.pem").display().to_string(), seed.to_string()];
    arguments.extend(manner.iter().map(|word| (*word).to_owned()));
    let (fake, said) = Peer::start("fake-server", &arguments)?;
    let clear = said.split(' ').next().context("the fake said no address")?.parse()?;
    let scenario = builder::scenario("truth")
        .seed(seed)
        .account_pattern("load{n:05}", 1, 50_000)
        .open(rate, lasting)
        .process(Process::Even)
        .behaviour(1.0, Behaviour::Poll);
    let (outcome, _) = bench.engine(scenario, &Place { clear, tls: None })?;
    fake.end()?;
    ensure!(outcome.results.errors.is_empty(), "errors: {:?}", outcome.results.errors);
    Ok((outcome, seed))
}

/// Of sorted values.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(clippy::cast_sign_loss, reason = "a share of a length is not negative")]
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

fn response<'a>(outcome: &'a Outcome, tag: &str) -> anyhow::Result<&'a Quantiles> {
    let row = outcome.results.steps.iter().find(|step| step.tag == tag);
    Ok(&row.with_context(|| format!("no step {tag} was measured"))?.response)
}
