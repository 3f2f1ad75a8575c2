//! Somebody between the suite and the fake server, who makes a right server wrong in what it says or how.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::{Dialer, Endpoint, MemoryNetwork, Stream, Trust};
use suite::{Account, Plan, Pool, Security, Site, SurveyError};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use transcript::Transcript;

use crate::laboratory::{SEED, USUAL, identity, world};

/// A flood ends after so many times: a test that is listening to the end of it should fail, and not stand still.
const FLOOD_AT_MOST: u32 = 20_000;
/// A server that says nothing for so long has nothing to say, on a clock that moves only when all wait.
const SETTLED: Duration = Duration::from_millis(1);

/// What becomes of a line of the client's.
pub(crate) enum Asked {
    /// The server is asked.
    Pass,
    /// The client is told this instead.
    Say(Vec<u8>),
    /// The client is told the first and then the second again and again, with this pause.
    Flood(Vec<u8>, Vec<u8>, Duration),
    /// The client is told this, and then the connection is closed.
    Close(Vec<u8>),
}

/// What becomes of what the server says, in any split; made anew for each connection.
pub(crate) type Said = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

/// What becomes of the client's lines; made anew for each connection, and dropped with it.
pub(crate) type Answers = Box<dyn FnMut(&str) -> Asked + Send>;

/// A connection that is being made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// From 1 in the order of arrival.
    pub(crate) number: u32,
    /// How many others are being served.
    pub(crate) served: u32,
}

/// What becomes of a connection that is being made.
pub(crate) enum Admission {
    /// It is served.
    Served,
    /// It is told this, and closed.
    TurnedAway(&'static str),
    /// Nothing is said until another one goes; then it is looked at again.
    Waits,
    /// Nothing is ever said.
    Ignored,
}

/// Connections that are being served.
#[derive(Default)]
pub(crate) struct Served {
    count: AtomicU32,
    arrivals: AtomicU32,
    one_went: Notify,
}

impl Served {
    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
}

/// One of those that are being served, for as long as it is.
struct Place(Arc<Served>);

impl Place {
    fn of(served: &Arc<Served>) -> Place {
        served.count.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(served))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.one_went.notify_waiters();
    }
}

/// Somebody between two parties.
#[derive(Clone)]
pub(crate) struct Between {
    pub(crate) asked: Arc<dyn Fn() -> Answers + Send + Sync>,
    pub(crate) said: Arc<dyn Fn() -> Said + Send + Sync>,
    /// Whether a connection is served.
    admission: Arc<dyn Fn(Arrival) -> Admission + Send + Sync>,
    pub(crate) served: Arc<Served>,
    /// Lines of the client, of all connections.
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
    /// The client has listened to a flood to its end.
    drained: Arc<AtomicBool>,
}

impl Between {
    /// Alters what the client is told in answer to some of its lines.
    pub(crate) fn answering(asked: impl Fn(&str) -> Asked + Send + Sync + 'static) -> Between {
        let asked = Arc::new(asked);
        Between::answering_each(move || {
            let asked = Arc::clone(&asked);
            Box::new(move |line| asked(line))
        })
    }

    /// The same with answers that remember their connection.
    pub(crate) fn answering_each(asked: impl Fn() -> Answers + Send + Sync + 'static) -> Between {
        Between {
            asked: Arc::new(asked),
            said: Arc::new(|| Box::new(<[u8]>::to_vec)),
            admission: Arc::new(|_| Admission::Served),
            served: Arc::default(),
            lines: Arc::default(),
            drained: Arc::default(),
        }
    }

    /// Serves some connections only.
    pub(crate) fn admitting(admission: impl Fn(Arrival) -> Admission + Send + Sync + 'static) -> Between {
        Between { admission: Arc::new(admission), ..Between::answering(|_| Asked::Pass) }
    }

    /// Alters all that the server says.
    pub(crate) fn saying(said: impl Fn() -> Said + Send + Sync + 'static) -> Between {
        Between { said: Arc::new(said), ..Between::answering(|_| Asked::Pass) }
    }

    /// Whether the client has listened to a flood to its end.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }

    /// Surveys a right server that is reached through this one alone, in cleartext.
    pub(crate) async fn survey(
        &self,
        accounts: Vec<Account>,
    ) -> (Result<std::rc::Rc<Site>, SurveyError>, Transcript) {
        self.survey_until(accounts, None).await
    }

    /// The same for a run that has to end then.
    pub(crate) async fn survey_until(
        &self,
        accounts: Vec<Account>,
        until: Option<Instant>,
    ) -> (Result<std::rc::Rc<Site>, SurveyError>, Transcript) {
        let network = MemoryNetwork::with_identity(world([]), identity()).expect("a network in memory");
        let behind = Dialer::memory(&network, Trust::Insecure).expect("a dialer in memory");
        let (between, clear) = (self.clone(), network.clear());
        let accept = move |client: Stream| {
            tokio::spawn(admit(client, behind.clone(), clear.clone(), between.clone()));
        };
        let plan = Plan {
            endpoint: network.clear(),
            security: Some(Security::Clear),
            dialer: Dialer::played(accept, Trust::Insecure).expect("a dialer in memory"),
            pool: Pool::new(accounts),
            permissions: USUAL,
            seed: SEED,
            wait: Some(Duration::from_secs(10)),
            until,
            operations: None,
        };
        let (site, leavings) = suite::survey(plan).await;
        (site, leavings.expect("a survey leaves its transcript").transcript)
    }
}

async fn admit(mut client: Stream, behind: Dialer, server: Endpoint, between: Between) {
    let number = between.served.arrivals.fetch_add(1, Ordering::Relaxed) + 1;
    loop {
        let one_went = between.served.one_went.notified();
        match (between.admission)(Arrival { number, served: between.served.count() }) {
            Admission::Served => {
                let place = Place::of(&between.served);
                return stand_between(client, behind, server, between.clone(), place).await;
            }
            Admission::TurnedAway(text) => {
                let _ = client.write_all(text.as_bytes()).await;
                return client.close().await;
            }
            Admission::Waits => one_went.await,
            Admission::Ignored => {
                while client.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
                return;
            }
        }
    }
}

async fn stand_between(mut client: Stream, behind: Dialer, server: Endpoint, between: Between, place: Place) {
    // Who says no more is not counted any more: the client does not see when the server is done.
    let mut place = Some(place);
    let (mut from_client, mut from_server) = ([0; 4096], [0; 4096]);
    let (mut said, mut asked, mut pending) = ((between.said)(), (between.asked)(), Vec::new());
    let (mut client_says_more, mut server_knows) = (true, false);
    let connecting = behind.connect(&server, None);
    tokio::pin!(connecting);
    let mut server = loop {
        tokio::select! {
            biased;
            read = client.read(&mut from_client), if client_says_more => {
                client_says_more = heard(read.unwrap_or(0), &from_client, &mut pending, &mut place);
            }
            connected = &mut connecting => match connected {
                Ok(server) => break server,
                Err(_) => return,
            }
        }
    };
    loop {
        while let Some(end) = pending.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            between.lines.lock().expect("no test panics with the lines").push(text.clone());
            let answer = asked(&text);
            // What the server has to say to the lines before comes first.
            while !matches!(answer, Asked::Pass)
                && let Ok(Ok(count)) = timeout(SETTLED, server.read(&mut from_server)).await
                && count > 0
            {
                let _ = client.write_all(&said(&from_server[..count])).await;
            }
            if !pass_on(answer, &line, &mut client, &mut server, &between).await {
                drop(place);
                return client.close().await;
            }
        }
        if !client_says_more && !server_knows {
            // The client may still listen; a server that is told of the end closes by itself.
            server_knows = true;
            let unfinished = std::mem::take(&mut pending);
            if server.write_all(&unfinished).await.is_err() || server.shutdown_write().await.is_err() {
                break;
            }
        }
        tokio::select! {
            biased;
            read = server.read(&mut from_server) => {
                let count = read.unwrap_or(0);
                if count == 0 || client.write_all(&said(&from_server[..count])).await.is_err() {
                    break;
                }
            }
            read = client.read(&mut from_client), if client_says_more => {
                client_says_more = heard(read.unwrap_or(0), &from_client, &mut pending, &mut place);
            }
        }
    }
    // Before the client sees the end: it may come again at once.
    drop(place);
    client.close().await;
}

/// Whether the client says more behind these octets; otherwise its place is free.
fn heard(count: usize, octets: &[u8], pending: &mut Vec<u8>, place: &mut Option<Place>) -> bool {
    pending.extend_from_slice(&octets[..count]);
    if count == 0 {
        drop(place.take());
    }
    count > 0
}

/// Whether the connection goes on.
async fn pass_on(
    asked: Asked,
    line: &[u8],
    client: &mut Stream,
    server: &mut Stream,
    between: &Between,
) -> bool {
    match asked {
        Asked::Pass => server.write_all(line).await.is_ok(),
        Asked::Say(octets) => client.write_all(&octets).await.is_ok(),
        Asked::Close(octets) => {
            let _ = client.write_all(&octets).await;
            false
        }
        Asked::Flood(first, more, pause) => {
            let mut told = client.write_all(&first).await;
            for _ in 0..FLOOD_AT_MOST {
                if told.is_err() {
                    return false;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                told = client.write_all(&more).await;
            }
            between.drained.store(true, Ordering::Relaxed);
            false
        }
    }
}
