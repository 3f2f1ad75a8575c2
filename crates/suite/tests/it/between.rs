//! Somebody between the suite and the fake server, who makes a right server wrong in what it says or how.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::{Dialer, Endpoint, MemoryNetwork, Stream, Trust};
use suite::{Account, Plan, Pool, Security, Site, SurveyError};
use transcript::Transcript;

use crate::laboratory::{EVERYTHING, SEED, identity, world};

/// What becomes of a line of the client's.
pub(crate) enum Asked {
    /// The server is asked.
    Pass,
    /// The client is told this instead.
    Say(Vec<u8>),
    /// The client is told the first and then the second for ever, with this pause.
    Flood(Vec<u8>, Vec<u8>, Duration),
    /// The client is told this, and then the connection is closed.
    Close(Vec<u8>),
}

/// What becomes of what the server says, in any split; made anew for each connection.
pub(crate) type Said = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

/// Somebody between two parties.
#[derive(Clone)]
pub(crate) struct Between {
    pub(crate) asked: Arc<dyn Fn(&str) -> Asked + Send + Sync>,
    pub(crate) said: Arc<dyn Fn() -> Said + Send + Sync>,
    /// Lines of the client, of all connections.
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl Between {
    /// Alters what the client is told in answer to some of its lines.
    pub(crate) fn answering(asked: impl Fn(&str) -> Asked + Send + Sync + 'static) -> Between {
        Between { asked: Arc::new(asked), said: Arc::new(|| Box::new(<[u8]>::to_vec)), lines: Arc::default() }
    }

    /// Alters all that the server says.
    pub(crate) fn saying(said: impl Fn() -> Said + Send + Sync + 'static) -> Between {
        Between { said: Arc::new(said), ..Between::answering(|_| Asked::Pass) }
    }

    /// Surveys a right server that is reached through this one alone, in cleartext.
    pub(crate) async fn survey(
        &self,
        accounts: Vec<Account>,
    ) -> (Result<std::rc::Rc<Site>, SurveyError>, Transcript) {
        let network = MemoryNetwork::with_identity(world([]), identity()).expect("a network in memory");
        let behind = Dialer::memory(&network, Trust::Insecure).expect("a dialer in memory");
        let (between, clear) = (self.clone(), network.clear());
        let accept = move |client: Stream| {
            tokio::spawn(stand_between(client, behind.clone(), clear.clone(), between.clone()));
        };
        let plan = Plan {
            endpoint: network.clear(),
            security: Some(Security::Clear),
            dialer: Dialer::played(accept, Trust::Insecure).expect("a dialer in memory"),
            pool: Pool::new(accounts),
            permissions: EVERYTHING,
            seed: SEED,
            wait: Some(Duration::from_secs(10)),
            until: None,
        };
        let (site, leavings) = suite::survey(plan).await;
        (site, leavings.expect("a survey leaves its transcript").transcript)
    }
}

async fn stand_between(mut client: Stream, behind: Dialer, server: Endpoint, between: Between) {
    let Ok(mut server) = behind.connect(&server, None).await else { return };
    let (mut from_client, mut from_server) = ([0; 4096], [0; 4096]);
    let (mut said, mut pending) = ((between.said)(), Vec::new());
    loop {
        tokio::select! {
            biased;
            read = server.read(&mut from_server) => {
                let count = read.unwrap_or(0);
                if count == 0 || client.write_all(&said(&from_server[..count])).await.is_err() {
                    break;
                }
            }
            read = client.read(&mut from_client) => {
                let count = read.unwrap_or(0);
                pending.extend_from_slice(&from_client[..count]);
                while let Some(end) = pending.iter().position(|octet| *octet == b'\n') {
                    let line: Vec<u8> = pending.drain(..=end).collect();
                    if !pass_on(&line, &mut client, &mut server, &between).await {
                        return client.close().await;
                    }
                }
                if count == 0 {
                    break;
                }
            }
        }
    }
    client.close().await;
}

/// Whether the connection goes on.
async fn pass_on(line: &[u8], client: &mut Stream, server: &mut Stream, between: &Between) -> bool {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    between.lines.lock().expect("no test panics with the lines").push(text.clone());
    match (between.asked)(&text) {
        Asked::Pass => server.write_all(line).await.is_ok(),
        Asked::Say(octets) => client.write_all(&octets).await.is_ok(),
        Asked::Close(octets) => {
            let _ = client.write_all(&octets).await;
            false
        }
        Asked::Flood(first, more, pause) => {
            let mut told = client.write_all(&first).await;
            while told.is_ok() {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                told = client.write_all(&more).await;
            }
            false
        }
    }
}
