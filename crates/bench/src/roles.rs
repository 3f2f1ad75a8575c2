//! The peers of a measurement, each in a process of its own: this program again, with a role.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use chance::Distribution;
use fake::{Configuration, Pace, Password, Tenancy, World};
use mail::load::Population;
use net::{Freeze, Identity, Listening, Server};

use crate::floor;
use crate::floor::client::Script;
use crate::peer::{Usage, answer, pin, say};

/// The core of the side that is loaded.
const SERVER_CORE: usize = 1;
/// The core of the side that loads.
const CLIENT_CORE: usize = 0;

/// The password of every account.
pub(crate) const PASSWORD: &str = "of-the-benchmark";

/// The accounts and their mail, the same for every server.
pub(crate) fn population() -> Population {
    Population {
        seed: 7,
        user: "load{n:05}".to_owned(),
        first: 1,
        count: 256,
        messages: 20,
        sizes: Distribution::Fixed(13_000.0),
    }
}

/// Plays a role; `None` if there is no such role.
pub(crate) fn play(role: &str, arguments: &[String]) -> Option<anyhow::Result<()>> {
    Some(match role {
        "floor-server" => floor_server(),
        "floor-client" => floor_client(arguments),
        "fake-server" => fake_server(arguments),
        "handshake" => handshake(arguments),
        "worker" => worker(arguments),
        _ => return None,
    })
}

/// Says its address; serves until its input ends.
fn floor_server() -> anyhow::Result<()> {
    pin(SERVER_CORE);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ended = Arc::new(AtomicBool::new(false));
    let end = answer()?;
    let told = Arc::clone(&ended);
    std::thread::Builder::new().spawn(move || {
        // Fails when the sender is gone, which is the end.
        let _ = end.recv();
        told.store(true, Ordering::Relaxed);
    })?;
    let population = population();
    say(&listener.local_addr()?.to_string());
    floor::server::serve(&listener, &population, &|| ended.load(Ordering::Relaxed))?;
    Ok(())
}

/// `ADDRESS poll|retrieve SESSIONS`; says what it has used when it is done.
fn floor_client(arguments: &[String]) -> anyhow::Result<()> {
    let [address, behaviour, sessions] = arguments else { bail!("three arguments, not {}", arguments.len()) };
    pin(CLIENT_CORE);
    let population = population();
    let line = |text: &str, several: bool| (format!("{text}\r\n").into_bytes(), several);
    let mut commands = vec![(b"USER".to_vec(), false), line(&format!("PASS {PASSWORD}"), false)];
    if behaviour == "retrieve" {
        commands.push(line("LIST", true));
        commands.extend((1..=population.messages).map(|number| line(&format!("RETR {number}"), true)));
    } else {
        commands.push(line("STAT", false));
    }
    commands.push(line("QUIT", false));
    let users = (0..population.count)
        .map(|index| format!("USER {}\r\n", population.name(index)).into_bytes())
        .collect();
    let script = Script { commands, users };
    let before = Usage::own();
    floor::client::run(address.parse()?, &script, crate::AT_ONCE, sessions.parse()?)?;
    let after = Usage::own();
    say(&format!("{} {}", after.cpu_ns - before.cpu_ns, after.resident));
    Ok(())
}

/// `CA-FILE SEED [freeze AFTER-MS LASTING-MS] [latency MEDIAN-MS SIGMA]`; says both its addresses and serves until its
/// input ends.
fn fake_server(arguments: &[String]) -> anyhow::Result<()> {
    let (authority, seed) = match arguments {
        [authority, seed, ..] => (authority, seed.parse()?),
        _ => bail!("the file for the authority and the seed are missing"),
    };
    pin(SERVER_CORE);
    raise_descriptors()?;
    let milliseconds = |text: &String| anyhow::Ok(Duration::from_millis(text.parse()?));
    let mut listening = Listening { most_connections: 19_000, ..Listening::default() };
    let mut pace = Pace::default();
    let mut words = arguments[2..].iter();
    while let Some(word) = words.next() {
        let (first, second) = words.next().zip(words.next()).context("two numbers are missing")?;
        match word.as_str() {
            "freeze" => {
                listening.freeze =
                    Some(Freeze { after: milliseconds(first)?, lasting: milliseconds(second)? });
            }
            "latency" => pace.latency = Some(latency(first, second)?),
            other => bail!("there is no `{other}`"),
        }
    }
    let identity = Identity::throwaway()?;
    std::fs::write(authority, identity.ca_pem())?;
    let world = World::new(Configuration {
        seed,
        population: vec![Tenancy {
            population: Population { count: 100_000, ..population() },
            password: Password::Shared(PASSWORD.to_owned()),
        }],
        pace,
        ..Configuration::default()
    });
    let end = answer()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start_with(world, listening, &[&identity]).await?;
        let clear: Option<SocketAddr> = server.clear();
        let (clear, tls) = clear.zip(server.tls()).context("both ports were asked for")?;
        say(&format!("{clear} {tls}"));
        // Fails when the sender is gone, which is the end.
        let _ = tokio::task::spawn_blocking(move || end.recv()).await;
        server.stop().await;
        Ok(())
    })
}

/// The latency of the fake, a lognormal distribution in seconds.
pub(crate) fn latency(median_ms: &str, sigma: &str) -> anyhow::Result<Distribution> {
    Ok(Distribution::LogNormal { median: median_ms.parse::<f64>()? / 1000.0, sigma: sigma.parse()? })
}

/// `COUNT`; says the client's nanoseconds for one handshake.
fn handshake(arguments: &[String]) -> anyhow::Result<()> {
    let [count] = arguments else { bail!("say how many") };
    pin(CLIENT_CORE);
    let cost = floor::handshake::client_cost(count.parse()?)?;
    say(&cost.as_nanos().to_string());
    Ok(())
}

fn raise_descriptors() -> anyhow::Result<()> {
    net::limits::raise_descriptors().context("the limit of open files cannot be raised")?;
    Ok(())
}

/// `USAGE-FILE`; a worker of the engine, as the program runs it, that leaves behind what it has used.
fn worker(arguments: &[String]) -> anyhow::Result<()> {
    let [file] = arguments else { bail!("the file for the usage is missing") };
    pin(CLIENT_CORE);
    load::worker_main(std::io::stdin(), std::io::stdout(), load::Behaviours::default())?;
    let usage = Usage::own();
    std::fs::write(file, format!("{} {}", usage.cpu_ns, usage.resident))?;
    Ok(())
}
