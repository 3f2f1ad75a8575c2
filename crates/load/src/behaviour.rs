//! What users do. The shipped behaviours, each a few lines on the [`Session`], and the registry for those written in
//! Rust by users of the library.

use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use chance::Chance;
use scenario::{Behaviour, Hold};

use crate::recorder::Step;
use crate::session::Memory;
use crate::{Failure, Message, Session};

/// A behaviour written in Rust: everything from [`Session::connect`] to [`Session::quit`].
type Custom = Rc<dyn for<'a> Fn(&'a mut Session) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>>;

/// Behaviours written in Rust, by the names that scenarios call them.
///
/// ```
/// use load::Behaviours;
///
/// let behaviours = Behaviours::none().with("newest", |session| {
///     Box::pin(async move {
///         session.connect().await?;
///         session.login().await?;
///         session
///             .step("find newest", async |session: &mut load::Session| {
///                 let count = session.list().await?;
///                 session.retr(u32::try_from(count).unwrap_or(1)).await
///             })
///             .await?;
///         session.quit().await
///     })
/// });
/// # let _ = behaviours;
/// ```
#[derive(Clone, Default)]
pub struct Behaviours {
    named: HashMap<String, Custom>,
}

impl Behaviours {
    /// Only the shipped ones.
    pub fn none() -> Behaviours {
        Behaviours::default()
    }

    /// One more. A scenario means it with `Behaviour::Custom(name)`.
    #[must_use]
    pub fn with<Act>(mut self, name: impl Into<String>, act: Act) -> Behaviours
    where
        Act: for<'a> Fn(&'a mut Session) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>> + 'static,
    {
        self.named.insert(name.into(), Rc::new(act));
        self
    }

    /// Whether there is one of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }
}

impl std::fmt::Debug for Behaviours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names: Vec<&String> = self.named.keys().collect();
        names.sort();
        formatter.debug_tuple("Behaviours").field(&names).finish()
    }
}

/// Runs the session's behaviour from beginning to end.
pub(crate) async fn run(session: &mut Session) -> Result<(), Failure> {
    // The scenario outlives the session, and a behaviour is looked at while the session is changed.
    let context = session.context().clone();
    let behaviour = session.behaviour_of(&context);
    if let Behaviour::Custom(name) = behaviour {
        let Some(custom) = context.custom.named.get(name) else {
            return Err(Failure::custom("unknown-behaviour", format!("no behaviour is called `{name}`")));
        };
        return custom(session).await;
    }
    session.connect().await?;
    if matches!(behaviour, Behaviour::WrongPassword) && session.visit() == 0 {
        session.login_with_wrong_password().await?;
        return session.quit().await;
    }
    session.login().await?;
    match behaviour {
        // A second wrong password could lock the account: later visits are those of a user who found the right one.
        Behaviour::Poll | Behaviour::WrongPassword | Behaviour::Custom(_) => {
            session.stat().await?;
        }
        Behaviour::DownloadAndDelete => download_and_delete(session).await?,
        Behaviour::LeaveOnServer { remember } => leave_on_server(session, 0, *remember).await?,
        Behaviour::Devices { count } => {
            leave_on_server(session, session.visit() % (*count).max(1), 0.0).await?;
        }
        Behaviour::HeaderPreview { lines, most } => header_preview(session, *lines, *most).await?,
        Behaviour::HoldIdle { noop_every, lasting } => hold_idle(session, *noop_every, *lasting).await?,
        Behaviour::GiveUpMidRetr { after_octets } => return give_up(session, *after_octets).await,
        Behaviour::Retrieve { most } => retrieve(session, *most).await?,
    }
    session.quit().await
}

/// First everything is retrieved, then everything deleted: so that all of it was proved to be poplab's own before the
/// first DELE, and one foreign message keeps the maildrop as it is.
async fn download_and_delete(session: &mut Session) -> Result<(), Failure> {
    let count = session.list().await?;
    session.identify().await?;
    for place in 0..count {
        session.retr(session.messages()[place].number).await?;
    }
    for place in 0..count {
        session.dele(session.messages()[place].number).await?;
    }
    Ok(())
}

async fn leave_on_server(session: &mut Session, device: u32, remember: f64) -> Result<(), Failure> {
    let count = session.uidl().await?;
    let key = (session.user(), device);
    let context = session.context().clone();
    let new = |message: &Message| {
        let memories = context.memories.borrow();
        message.unique_id.is_some_and(|id| memories.get(&key).is_none_or(|memory| !memory.knows(id)))
    };
    if context.scenario().mail.is_some() {
        let missing =
            context.memories.borrow().get(&key).map_or(0, |memory| memory.missing(session.messages()));
        if missing > 0 {
            return Err(gone(missing));
        }
    }
    if !context.memories.borrow().contains_key(&key) {
        let mut chance = context.plan.remembered(session.user());
        let memory = memory_before(session.messages(), remember, &mut chance);
        if !context.room.take(memory.memory()) {
            return Err(forgetful());
        }
        context.memories.borrow_mut().insert(key, memory);
    }
    // Sizes to check against; a client that has nothing to fetch does not ask for them.
    if session.messages().iter().any(new) {
        session.list().await?;
    }
    for place in 0..count {
        let message = session.messages()[place];
        if new(&message) {
            session.retr(message.number).await?;
            if let (Some(memory), Some(id)) = (context.memories.borrow_mut().get_mut(&key), message.unique_id)
            {
                let before = memory.memory();
                memory.learn(id);
                context.room.adjust(before, memory.memory());
            }
        }
    }
    if let Some(memory) = context.memories.borrow_mut().get_mut(&key) {
        memory.keep(session.messages());
    }
    Ok(())
}

/// Unique-ids persist across sessions (RFC 1939 section 7).
fn gone(ids: usize) -> Failure {
    let seen = format!(
        "{ids} unique-ids that this user was given in an earlier session are gone, and nobody else deletes here: \
         unique-ids must persist"
    );
    Failure::new("verification:unique-id", Step::UIDL, seen)
}

/// What a user has fetched before the run: of each message with that chance.
fn memory_before(messages: &[Message], remember: f64, chance: &mut Chance) -> Memory {
    Memory::of(
        messages.iter().filter(|_| chance.uniform() < remember).filter_map(|message| message.unique_id),
    )
}

/// All users of leave-on-server together remember more than the worker has memory for.
fn forgetful() -> Failure {
    let seen = "the unique-ids that the users of this worker remember are more than it has memory for; --workers shares \
                them out, and `mail` in the scenario says how many messages are expected";
    Failure::new("memory", Step::UIDL, seen)
}

async fn header_preview(session: &mut Session, lines: u32, most: u32) -> Result<(), Failure> {
    let count = session.list().await?;
    for place in (0..count).rev().take(most as usize) {
        session.top(session.messages()[place].number, lines).await?;
    }
    Ok(())
}

async fn hold_idle(session: &mut Session, noop_every: Duration, lasting: Hold) -> Result<(), Failure> {
    let until = session.clock()
        + match lasting {
            Hold::UntilEnd => session.time_left() + session.turn_to_leave(),
            Hold::For(lasting) => lasting,
        };
    while session.clock() + noop_every < until {
        session.hold(noop_every).await?;
        session.noop().await?;
    }
    session.hold(until.saturating_sub(session.clock())).await
}

async fn give_up(session: &mut Session, after_octets: u64) -> Result<(), Failure> {
    if session.list().await? == 0 {
        return session.quit().await;
    }
    let message = session.messages()[0];
    // In the middle, also of a message that is shorter than that.
    let middle = message.octets.map_or(after_octets, |octets| after_octets.min(octets / 2));
    session.retr_and_hang_up(message.number, middle).await
}

async fn retrieve(session: &mut Session, most: u32) -> Result<(), Failure> {
    let count = session.list().await?;
    for place in 0..count.min(most as usize) {
        session.retr(session.messages()[place].number).await?;
    }
    Ok(())
}
