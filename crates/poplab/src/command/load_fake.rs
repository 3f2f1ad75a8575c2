//! `poplab load-fake`, hidden: one process of the embedded server of a load run. It is told what to be in one JSON line
//! on stdin, answers with its ports in one JSON line on stdout, and ends with its stdin. For `load` alone; other
//! people's tests use `poplab fake`.

use std::io::{BufRead as _, Read as _};
use std::net::Ipv4Addr;
use std::time::Duration;

use ::fake::{Configuration, Pace, Password, Tenancy, World};
use chance::Distribution;
use mail::load::Population;
use net::{Freeze, Identity, Listening, Ports, Server};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::embedded;
use crate::exit::{self, Failure};
use crate::terminal;

/// What the process is told. It has the password, so it goes through a pipe and is kept nowhere.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    /// Which of the processes, from 0; it listens on 127.0.0.(1 + number).
    pub(crate) number: u8,
    /// The seed of everything random.
    pub(crate) seed: u64,
    /// The accounts and their mail.
    pub(crate) population: Population,
    /// The password of all of them.
    pub(crate) password: String,
    /// In which ways it is wrong.
    pub(crate) defects: Vec<String>,
    /// How long each reply takes, in seconds.
    pub(crate) latency: Option<Distribution>,
    /// When it stands still: after how long, and for how long.
    pub(crate) freeze: Option<(Duration, Duration)>,
    /// The most connections at once.
    pub(crate) most_connections: usize,
}

/// What the process answers when it listens.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The port in the clear, with STLS.
    pub(crate) port: u16,
    /// The port with TLS from the first octet.
    pub(crate) tls_port: u16,
    /// The authority to trust, PEM.
    pub(crate) ca_pem: String,
}

/// Serves until stdin ends.
pub(crate) fn run() -> anyhow::Result<u8> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line).map_err(|error| {
        Failure::input(format!("load-fake is told what to do by `poplab load`, not by hand ({error})"))
    })?;
    let defects = embedded::defects(&order.defects)?;
    // The first message is dear, since the text all are cut from is made with it: no user is to wait for that.
    order.population.message(0, 1).write(&mut Vec::new());
    let world = World::new(Configuration {
        seed: order.seed,
        defects,
        population: vec![Tenancy {
            population: order.population,
            password: Password::Shared(order.password),
        }],
        pace: Pace { latency: order.latency, ..Pace::default() },
        ..Configuration::default()
    });
    // As many connections as the system lets it have; fewer are no reason not to start.
    let _ = net::limits::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::not_carried_out(format!("the system refused an event queue: {error}")))?;
    runtime.block_on(async {
        let listening = Listening {
            address: Ipv4Addr::new(127, 0, 0, 1 + order.number),
            ports: Ports::ANY,
            most_connections: order.most_connections,
            freeze: order.freeze.map(|(after, lasting)| Freeze { after, lasting }),
            ..Listening::default()
        };
        let failed = |error: &dyn std::fmt::Display| {
            Failure::not_carried_out(format!("the embedded server cannot start: {error}"))
        };
        let identity = Identity::throwaway().map_err(|error| failed(&error))?;
        let server =
            Server::start_with(world, listening, &[&identity]).await.map_err(|error| failed(&error))?;
        let ports = server.clear().zip(server.tls()).ok_or_else(|| failed(&"a port is missing"))?;
        let answer =
            Answer { port: ports.0.port(), tls_port: ports.1.port(), ca_pem: server.ca_pem().to_owned() };
        terminal::print(&format!("{}\n", serde_json::to_string(&answer)?))?;
        end_of_input().await;
        server.stop().await;
        Ok(exit::GOOD)
    })
}

/// Waits until standard input has ended; what is written there is ignored.
async fn end_of_input() {
    let (tell, told) = oneshot::channel();
    let watch = move || {
        let (mut stdin, mut ignored) = (std::io::stdin().lock(), [0; 512]);
        while stdin.read(&mut ignored).is_ok_and(|octets| octets > 0) {}
        // Nobody waits any more when the runtime is gone.
        let _ = tell.send(());
    };
    // Without a thread that watches it nobody could end this process, so that it ends at once.
    if std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).is_ok() {
        let _ = told.await;
    }
}
