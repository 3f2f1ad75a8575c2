//! CPU time of a session and of a message, client and server, against the floor.

use std::time::Duration;

use anyhow::ensure;
use scenario::{Behaviour, builder};

use super::Bench;
use super::engine::Place;
use crate::figure::{Bar, Figure, Unit, median};
use crate::peer::{Peer, Usage};
use crate::{AT_ONCE, roles};

/// Client and server, against bare epoll.
pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    Ok(vec![client(bench, false)?, client(bench, true)?, server(bench)?])
}

/// The engine against the bare client, both against the bare server.
fn client(bench: &Bench, retrieve: bool) -> anyhow::Result<Figure> {
    let (mut server, address) = Peer::start("floor-server", &[])?;
    let population = roles::population();
    let (word, behaviour, per_session) = if retrieve {
        ("retrieve", Behaviour::Retrieve { most: population.messages }, f64::from(population.messages))
    } else {
        ("poll", Behaviour::Poll, 1.0)
    };
    let lasting = Duration::from_secs(if bench.quick { 1 } else { 4 });
    let (mut ratios, mut bare, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let scenario = builder::scenario("cost")
            .seed(round as u64)
            .account_pattern(&population.user, population.first, population.count)
            .closed(AT_ONCE as u64, lasting)
            .behaviour(1.0, behaviour.clone());
        let place = Place { clear: address.parse()?, tls: None };
        let (outcome, usage) = bench.engine(scenario, &place)?;
        let sessions = outcome.results.sessions.completed;
        ensure!(sessions > 0 && outcome.results.errors.is_empty(), "errors: {:?}", outcome.results.errors);
        if retrieve {
            let verified = &outcome.results.verified;
            ensure!(verified.content == verified.messages, "not all of the content was verified");
        }
        let engine = usage.cpu_ns as f64 / sessions as f64 / per_session;
        let floor = floor_client(&address, word, sessions)? / per_session;
        ratios.push(engine / floor);
        bare.push(floor / 1000.0);
        ours.push(engine / 1000.0);
    }
    server.usage()?;
    server.end()?;
    let name = if retrieve {
        "client CPU of a verified 13 KB RETR, against bare epoll"
    } else {
        "client CPU of a session, histograms on, against bare epoll"
    };
    Ok(Figure {
        name: name.to_owned(),
        values: ratios,
        unit: Unit::Times,
        must: Bar::AtMost(1.35),
        aim: Bar::AtMost(1.15),
        behind: format!("{:.1} µs against {:.1} µs", median(&ours), median(&bare)),
    })
}

/// The bare client's CPU nanoseconds a session.
pub(super) fn floor_client(address: &str, behaviour: &str, sessions: u64) -> anyhow::Result<f64> {
    let arguments = [address.to_owned(), behaviour.to_owned(), sessions.to_string()];
    let (client, said) = Peer::start("floor-client", &arguments)?;
    client.end()?;
    Ok(Usage::parse(&said)?.cpu_ns as f64 / sessions as f64)
}

/// The fake against the bare server, both loaded by the bare client.
fn server(bench: &Bench) -> anyhow::Result<Figure> {
    let sessions = if bench.quick { 5_000 } else { 60_000 };
    let (mut bare, bare_address) = Peer::start("floor-server", &[])?;
    let authority = bench.folder.join("ca.pem").display().to_string();
    let (mut fake, said) = Peer::start("fake-server", &[authority, "1".to_owned()])?;
    let fake_address = said.split(' ').next().unwrap_or_default().to_owned();
    let (mut ratios, mut floor, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let of_fake = spent(&mut fake, &fake_address, sessions)?;
        let of_bare = spent(&mut bare, &bare_address, sessions)?;
        ratios.push(of_fake / of_bare);
        floor.push(of_bare / 1000.0);
        ours.push(of_fake / 1000.0);
    }
    bare.end()?;
    fake.end()?;
    Ok(Figure {
        name: "fake server CPU of a session, against the bare epoll server".to_owned(),
        values: ratios,
        unit: Unit::Times,
        must: Bar::AtMost(2.0),
        aim: Bar::AtMost(1.3),
        behind: format!("{:.1} µs against {:.1} µs", median(&ours), median(&floor)),
    })
}

/// The server's CPU nanoseconds a session.
fn spent(server: &mut Peer, address: &str, sessions: u64) -> anyhow::Result<f64> {
    let before = server.usage()?;
    floor_client(address, "poll", sessions)?;
    let after = server.usage()?;
    Ok((after.cpu_ns - before.cpu_ns) as f64 / sessions as f64)
}
