//! `poplab record --verify`: says the recorded commands to the real server once more and shows what it says otherwise.

mod conversation;
mod steps;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use net::Dialer;
use recording::{Recording, Session, compare};
use tokio::time::sleep;
use transcript::Mask;

use super::{Arguments, greets_under_tls, replay, runtime};
use crate::command::conformance::{self, Tls};
use crate::exit::{self, Failure};
use crate::{interrupt, secrets, terminal};

use conversation::{Conversation, Protection};
use steps::{Step, keyword, steps};

/// How long all of it may take.
const WITHIN: Duration = Duration::from_hours(1);

/// Compares every session.
///
/// # Errors
/// There is no recording, no password for it, or no server.
pub(super) fn verify(arguments: &Arguments, folder: &Path, dialer: Dialer) -> anyhow::Result<u8> {
    let recording = replay::read(folder)?;
    let password = password(arguments, &recording)?;
    let runtime = runtime()?;
    let mut verification = Verification {
        arguments,
        protection: protection(arguments, &recording, runtime.block_on(greets_under_tls(arguments, &dialer))),
        dialer,
        password,
        text: String::new(),
        compared: 0,
        changed: 0,
        omitted: 0,
        is_masked: false,
        is_refused: false,
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            () = interrupt::interrupted() => Err(interrupt::INTERRUPTED.to_owned()),
            () = sleep(WITHIN) => Err(format!("it took more than {} minutes", WITHIN.as_secs() / 60)),
            outcome = verification.all(&recording) => outcome,
        }
    });
    verification.sum_up(folder);
    // Everything that the server said was made visible; of secrets nothing is left that this run knows.
    terminal::print(&report::harmless(&secrets::of_the_run().redact(&verification.text)))?;
    outcome.map_err(Failure::not_carried_out)?;
    Ok(match verification {
        Verification { compared: 0, .. } => exit::NOTHING_SELECTED,
        Verification { changed: 0, .. } => exit::GOOD,
        _ => exit::FALLS_SHORT,
    })
}

struct Verification<'a> {
    arguments: &'a Arguments,
    dialer: Dialer,
    protection: Protection,
    password: Option<String>,
    text: String,
    compared: usize,
    changed: usize,
    omitted: usize,
    is_masked: bool,
    /// The login was refused, and is not tried again.
    is_refused: bool,
}

impl Verification<'_> {
    async fn all(&mut self, recording: &Recording) -> Result<(), String> {
        for session in &recording.sessions {
            if self.is_refused {
                break;
            }
            self.session(session).await?;
        }
        Ok(())
    }

    async fn session(&mut self, session: &Session) -> Result<(), String> {
        let heading = self.text.len();
        let greeting_before = session.exchanges.first().map_or(&[][..], |greeting| &greeting.reply);
        if greeting_before.is_empty() {
            self.omit(session, "the session", "the server did not greet");
            return Ok(());
        }
        let endpoint = &self.arguments.upstream;
        let (mut server, greeting) = Conversation::open(&self.dialer, endpoint, self.protection).await?;
        self.compare(session, "greeting", greeting_before, &greeting);
        // Asked once it matters, in the state in which it does.
        let mut removes_what_is_read = None;
        for step in steps(session) {
            if let Step::Say(exchange) = &step
                && keyword(&exchange.command) == "RETR"
            {
                let removes = match removes_what_is_read {
                    Some(removes) => removes,
                    None => expires_at_once(&server.say(b"CAPA").await?),
                };
                removes_what_is_read = Some(removes);
                if removes {
                    self.omit(session, &exchange.command, "the server removes what was read (EXPIRE 0)");
                    continue;
                }
            }
            let reply = match step {
                Step::Omit { what, why } => {
                    self.omit(session, what, why);
                    continue;
                }
                Step::Say(exchange) => {
                    let reply = server.say(exchange.command.as_bytes()).await;
                    reply.map(|now| self.compare(session, &exchange.command, &exchange.reply, &now))
                }
                Step::Password(exchange) => {
                    let line = self.pass()?;
                    let reply = server.say(line.as_bytes()).await;
                    reply.map(|now| {
                        self.compare(session, "PASS", &exchange.reply, &now) && now.starts_with(b"+OK")
                    })
                }
                Step::LogIn { user, instead_of } => {
                    let instead_of = keyword(instead_of);
                    self.omit(session, &instead_of, "USER and PASS come in its place");
                    self.log_in(&mut server, user).await
                }
            };
            match reply {
                Ok(true) => {}
                Ok(false) => {
                    let words = "the login is refused, which is not tried again: nothing more is sent";
                    let _ = writeln!(self.text, "session {}: {words}", session.number);
                    self.changed = self.changed.max(1);
                    self.is_refused = true;
                    break;
                }
                Err(reason) => {
                    let _ = writeln!(self.text, "session {}: {}", session.number, terminal::visible(&reason));
                    self.compared += 1;
                    self.changed += 1;
                    return Ok(());
                }
            }
        }
        server.end().await;
        if self.text.len() == heading {
            let _ = writeln!(self.text, "session {}: the same", session.number);
        }
        Ok(())
    }

    /// Logs in where the recorded way cannot be gone again.
    async fn log_in(&mut self, server: &mut Conversation, user: Option<&str>) -> Result<bool, String> {
        let named = user.map(str::to_owned).or_else(|| self.arguments.user.clone());
        let user = named.unwrap_or_default();
        let line = self.pass()?;
        let _ = server.say(format!("USER {user}").as_bytes()).await?;
        Ok(server.say(line.as_bytes()).await?.starts_with(b"+OK"))
    }

    /// The line with the password, which goes nowhere in the clear unless that was allowed.
    fn pass(&self) -> Result<String, String> {
        let is_safe = self.protection != Protection::Clear
            || self.arguments.tls == Tls::None
            || conformance::is_loopback(&self.arguments.upstream.host);
        if !is_safe {
            return Err("no password is sent in the clear to another host; see --tls".to_owned());
        }
        Ok(format!("PASS {}", self.password.as_deref().unwrap_or_default()))
    }

    /// Compares a reply; true, since the session goes on whatever it says.
    fn compare(&mut self, session: &Session, what: &str, before: &[u8], now: &[u8]) -> bool {
        let mut covered = Vec::new();
        let mut mask = Mask::new(secrets::of_the_run());
        mask.feed(now, &mut covered);
        mask.flush(&mut covered);
        self.compared += 1;
        let (difference, is_masked) = compare(before, &covered);
        self.is_masked |= is_masked;
        if let Some(difference) = difference {
            self.changed += 1;
            let _ = writeln!(self.text, "session {}: {}", session.number, terminal::visible(what));
            for line in &difference.lines {
                let _ = writeln!(self.text, "  {}", terminal::visible(line));
            }
            if difference.more > 0 {
                let _ = writeln!(self.text, "  and {} more lines", difference.more);
            }
        }
        true
    }

    fn omit(&mut self, session: &Session, what: &str, why: &str) {
        self.omitted += 1;
        let what = terminal::visible(what);
        let _ = writeln!(self.text, "session {}: {what} is not sent: {why}", session.number);
    }

    fn sum_up(&mut self, folder: &Path) {
        let Self { compared, changed, omitted, .. } = *self;
        let same = compared - changed.min(compared);
        let _ = writeln!(
            self.text,
            "{}: {changed} changed, {same} the same, {omitted} not sent, against {}",
            folder.display(),
            self.arguments.upstream
        );
        if self.is_masked {
            self.text.push_str(
                "Time stamps in greetings and challenges, which are others each time, are not compared.\n",
            );
        }
    }
}

/// Whether capabilities say that RETR is a deletion (RFC 2449 section 6.7).
fn expires_at_once(capabilities: &[u8]) -> bool {
    let text = String::from_utf8_lossy(capabilities);
    text.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("EXPIRE")) && words.next() == Some("0")
    })
}

/// As the command line says; with `auto` as it was recorded, and never without TLS to another host.
fn protection(arguments: &Arguments, recording: &Recording, implicit_tls: bool) -> Protection {
    let exchanges = || recording.sessions.iter().flat_map(|session| &session.exchanges);
    match arguments.tls {
        _ if implicit_tls => Protection::Implicit,
        Tls::None => Protection::Clear,
        Tls::Auto if exchanges().any(|exchange| exchange.is_secured) => Protection::Starttls,
        Tls::Auto if conformance::is_loopback(&arguments.upstream.host) => Protection::Clear,
        Tls::Implicit | Tls::Starttls | Tls::Auto => Protection::Starttls,
    }
}

/// The password, if any session logs in, and a check that it is known who does.
fn password(arguments: &Arguments, recording: &Recording) -> anyhow::Result<Option<String>> {
    let steps: Vec<Step<'_>> = recording.sessions.iter().flat_map(steps).collect();
    if steps.iter().any(|step| matches!(step, Step::LogIn { user: None, .. })) && arguments.user.is_none() {
        return Err(Failure::input(
            "the recorded client logs in with AUTH, and who it is was not recorded; give --user",
        ));
    }
    let is_needed = steps.iter().any(|step| matches!(step, Step::LogIn { .. } | Step::Password(_)));
    if !is_needed {
        return Ok(None);
    }
    let of_recording = recording.sessions.iter().flat_map(|session| &session.exchanges);
    let said = of_recording.filter(|exchange| keyword(&exchange.command) == "USER");
    let user = said.filter_map(|exchange| exchange.command.split_once(' ')).map(|(_, user)| user).next();
    let user = arguments.user.as_deref().or(user).unwrap_or("the recorded user");
    let password = conformance::password(user, arguments.password_env.as_deref(), None)?;
    secrets::of_the_run().add(&password);
    Ok(Some(password))
}
