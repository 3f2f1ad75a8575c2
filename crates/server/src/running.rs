//! A fake server that runs: on the runtime of its caller, or on a thread of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use net::{Listening, Ports, Server};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::{Builder, Happening, Received, Removed, Script, Transcript, Unmet, World, identities};

/// A running fake server. Dropping it stops it.
pub struct FakeServer {
    world: World,
    clear: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    ca_pem: String,
    running: Running,
}

/// Where it runs.
enum Running {
    /// On the runtime on which it was started.
    Here(Box<Server>),
    /// On a thread with a runtime of its own.
    Apart(Apart),
}

/// A thread that serves until this is dropped.
struct Apart {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a server on a thread of its own tells when it listens.
type Started = io::Result<(Option<SocketAddr>, Option<SocketAddr>, String)>;

impl FakeServer {
    /// Sets one up.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Serves this world on the current runtime.
    ///
    /// # Errors
    /// A port is taken, or the system has no randomness for certificates.
    pub async fn start(world: World, ports: Ports) -> io::Result<FakeServer> {
        FakeServer::start_on(world, Listening { ports, ..Listening::default() }).await
    }

    /// As [`FakeServer::start`], with everything that can be said of how it listens.
    ///
    /// # Errors
    /// Also if the address is not one to listen on.
    pub async fn start_on(world: World, listening: Listening) -> io::Result<FakeServer> {
        let server = listen(world.clone(), listening).await?;
        let (clear, tls, ca_pem) = (server.clear(), server.tls(), server.ca_pem().to_owned());
        Ok(FakeServer { world, clear, tls, ca_pem, running: Running::Here(Box::new(server)) })
    }

    /// Serves this world on a thread of its own.
    ///
    /// # Errors
    /// As [`FakeServer::start_on`], or the system gives no thread.
    pub fn start_blocking(world: World, listening: Listening) -> io::Result<FakeServer> {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let served = world.clone();
        let serve = move || serve(served, listening, &tell, stopped);
        let thread = std::thread::Builder::new().name("fake-server".to_owned()).spawn(serve)?;
        let running = Running::Apart(Apart { stop: Some(stop), thread: Some(thread) });
        let started: Started = told.recv().map_err(io::Error::other)?;
        let (clear, tls, ca_pem) = started?;
        Ok(FakeServer { world, clear, tls, ca_pem, running })
    }

    /// Where it listens without TLS; STLS is offered there.
    pub fn clear(&self) -> Option<SocketAddr> {
        self.clear
    }

    /// Where it listens with TLS from the first octet.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// The certificate of the server's authority, PEM: what a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The world that it serves.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The mail of an account as it is now, in order; nothing for an unknown user.
    pub fn messages(&self, user: &str) -> Vec<Arc<[u8]>> {
        self.world.messages(user)
    }

    /// Delivers a message; sessions that are open do not see it. False if there is no such user.
    pub fn deliver(&self, user: &str, octets: impl Into<Arc<[u8]>>) -> bool {
        self.world.deliver(user, octets)
    }

    /// From the next connection on this goes wrong, and nothing of what a script said before.
    pub fn set_script(&self, script: Option<Script>) {
        self.world.set_script(script);
    }

    /// The conversations so far as clients saw them, without secrets. Each fault that acted has a line in it.
    pub fn transcript(&self) -> Transcript {
        self.world.transcript().unwrap_or_default()
    }

    /// The commands that were received, without secrets.
    pub fn received(&self) -> Vec<Received> {
        self.world.received()
    }

    /// The messages that were served, previewed and marked, in that order.
    pub fn happenings(&self) -> Vec<Happening> {
        self.world.happenings()
    }

    /// The messages that were removed.
    pub fn removed(&self) -> Vec<Removed> {
        self.world.removed()
    }

    /// Whether clients said what the script expects of them.
    ///
    /// # Errors
    /// What was not met, each with the nearest miss.
    pub fn verify(&self) -> Result<(), Vec<Unmet>> {
        self.world.verify()
    }

    /// Everything as at the start: mail, script, numbers of sessions, the record. Sessions that are open are over.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Ends the listeners and all connections, and waits until nothing of the server is left.
    pub async fn stop(self) {
        match self.running {
            Running::Here(server) => server.stop().await,
            Running::Apart(apart) => drop(apart),
        }
    }
}

impl std::fmt::Debug for FakeServer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FakeServer")
            .field("clear", &self.clear)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Which is what the thread waits for.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already, and there is nobody to hand it to.
            let _ = thread.join();
        }
    }
}

async fn listen(world: World, listening: Listening) -> io::Result<Server> {
    let identities = identities().map_err(io::Error::other)?;
    Server::start_with(world, listening, &identities.iter().collect::<Vec<_>>()).await
}

/// Serves until nobody wants it any more.
fn serve(world: World, listening: Listening, tell: &mpsc::Sender<Started>, stopped: oneshot::Receiver<()>) {
    let served = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        runtime.block_on(async {
            let server = listen(world, listening).await?;
            // Fails only when nobody waits for the server any more.
            let _ = tell.send(Ok((server.clear(), server.tls(), server.ca_pem().to_owned())));
            let _ = stopped.await;
            server.stop().await;
            Ok(())
        })
    });
    if let Err(error) = served {
        let _ = tell.send(Err(error));
    }
}
