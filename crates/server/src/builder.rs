//! How a fake server is set up, step by step.

use std::io;
use std::sync::Arc;

use crate::{
    Account, Configuration, Defect, Defects, FakeServer, Listening, Pace, Persona, Personas, Policy, Ports,
    Script, World,
};

/// Sets up a [`FakeServer`]. Without a word it is right, has no accounts and listens on two free ports.
#[derive(Clone, Debug)]
#[must_use = "it serves nothing before it is started"]
pub struct Builder {
    configuration: Configuration,
    listening: Listening,
}

impl Default for Builder {
    fn default() -> Builder {
        let configuration = Configuration { recorded: true, ..Configuration::default() };
        Builder { configuration, listening: Listening::default() }
    }
}

impl Builder {
    /// Adds an account with this mail: messages in canonical octets (lines end with CRLF, nothing is stuffed), numbered in
    /// this order.
    pub fn account(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
        messages: impl IntoIterator<Item = impl Into<Arc<[u8]>>>,
    ) -> Builder {
        self.configuration.accounts.push(Account::new(user, password, messages));
        self
    }

    /// Everything that looks random (time stamps, nonces, unique-ids) follows from this number.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.configuration.seed = seed;
        self
    }

    /// Is wrong in this way, too; the ways are [`defects()`](crate::defects()).
    pub fn defect(mut self, defect: &'static Defect) -> Builder {
        let defects = &self.configuration.defects;
        self.configuration.defects = defects.iter().chain([defect]).collect::<Defects>();
        self
    }

    /// Is unusual in this way, too, as servers may be; the ways are [`personas()`](crate::personas()).
    pub fn persona(mut self, persona: &'static Persona) -> Builder {
        let personas = &self.configuration.personas;
        self.configuration.personas = personas.iter().chain([persona]).collect::<Personas>();
        self
    }

    /// Lets go wrong what the script says, and expects of clients what it says.
    pub fn script(mut self, script: Script) -> Builder {
        self.configuration.script = Some(script);
        self
    }

    /// Does what not every server does.
    pub fn policy(mut self, policy: Policy) -> Builder {
        self.configuration.policy = policy;
        self
    }

    /// Takes so long to answer.
    pub fn pace(mut self, pace: Pace) -> Builder {
        self.configuration.pace = pace;
        self
    }

    /// Listens on these ports.
    pub fn ports(mut self, ports: Ports) -> Builder {
        self.listening.ports = ports;
        self
    }

    /// Everything else: of the world, and of how it listens.
    pub fn with(mut self, change: impl FnOnce(&mut Configuration, &mut Listening)) -> Builder {
        change(&mut self.configuration, &mut self.listening);
        self
    }

    /// The world alone, without a socket.
    pub fn world(self) -> World {
        World::new(self.configuration)
    }

    /// Serves on the current runtime of tokio, which needs its timers and sockets enabled.
    ///
    /// # Errors
    /// A port is taken, the address is not one to listen on, or the system has no randomness for certificates.
    pub async fn start(self) -> io::Result<FakeServer> {
        let listening = self.listening;
        FakeServer::start_on(World::new(self.configuration), listening).await
    }

    /// Serves on a thread of its own, so that no runtime is needed.
    ///
    /// # Errors
    /// As [`Builder::start`], or the system gives no thread.
    pub fn start_blocking(self) -> io::Result<FakeServer> {
        let listening = self.listening;
        FakeServer::start_blocking(World::new(self.configuration), listening)
    }
}
