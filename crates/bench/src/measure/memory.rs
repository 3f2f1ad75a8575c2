//! Memory of an idle session: resident memory of a worker that holds many, less that of one that holds few.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use scenario::{Behaviour, Hold, Process, builder};

use super::Bench;
use super::engine::Place;
use crate::figure::{Bar, Figure, Unit};
use crate::peer::Peer;

/// Sessions of the smaller run; what a worker needs at all is in it.
const FEW: u64 = 1_000;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let file = bench.folder.join("ca.pem");
    let (fake, said) = Peer::start("fake-server", &[file.display().to_string(), "1".to_owned()])?;
    let (clear, tls) = said.split_once(' ').context("the fake did not say both addresses")?;
    let (clear, tls) = (clear.parse()?, tls.parse()?);
    let many = if bench.quick { 3_000 } else { 9_000 };
    let mut figures = Vec::new();
    for (name, entrance, must, aim) in [
        ("memory of an idle plain session", None, 2_000.0, 700.0),
        ("memory of an idle TLS session", Some((tls, file.as_path())), 11_000.0, 5_500.0),
    ] {
        let place = Place { clear, tls: entrance };
        let mut values = Vec::new();
        for _ in 0..bench.rounds.min(3) {
            let few = resident(bench, &place, FEW)?;
            let all = resident(bench, &place, many)?;
            values.push((all as f64 - few as f64) / (many - FEW) as f64);
        }
        figures.push(Figure {
            name: name.to_owned(),
            values,
            unit: Unit::Kilobytes,
            must: Bar::AtMost(must),
            aim: Bar::AtMost(aim),
            behind: format!("resident memory of a worker with {many} sessions less that with {FEW}"),
        });
    }
    fake.end()?;
    Ok(figures)
}

/// Resident octets of a worker that holds so many sessions.
fn resident(bench: &Bench, place: &Place<'_>, sessions: u64) -> anyhow::Result<u64> {
    let seconds = if place.tls.is_some() { 8 } else { 6 };
    let hold = Behaviour::HoldIdle { noop_every: Duration::from_mins(1), lasting: Hold::UntilEnd };
    let scenario = builder::scenario("memory")
        .account_pattern("load{n:05}", 1, sessions)
        .open(sessions as f64 / 4.0, Duration::from_secs(seconds))
        .process(Process::Even)
        .most(sessions)
        .behaviour(1.0, hold);
    let (outcome, _) = bench.engine(scenario, place)?;
    let peak = outcome.results.sessions.peak_open;
    ensure!(peak == sessions, "{peak} of {sessions} were open; errors: {:?}", outcome.results.errors);
    let worker = outcome.results.generator.workers.first().context("no worker")?;
    Ok(worker.resident_bytes)
}
