//! The user's hooks, carried out: each is a process of its own that ends in time.
//!
//! A command is started as a list of arguments. In them `{user}` and `{marker}` are replaced, both words that mean nothing
//! to a shell or a path; no password is in an argument, nor in the environment. It has a process group of its own, so that
//! a Ctrl-C does not end in the middle what must be whole, and what does not end is killed with all it has started. Of what
//! it says so much is kept, and in a message secrets are left out.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use suite::{Acting, Hook, Hooks, Operator, Order, Unable};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::{accounts, environment, secrets, terminal};

/// Octets that are kept of what a command says on each of its outputs.
const KEPT: usize = 256 * 1024;
/// Characters of that which a message repeats, from the end.
const TOLD: usize = 600;
/// With this exit status (`EX_TEMPFAIL`) delivery agents say that the message should be brought again later.
const TEMPORARY_FAILURE: i32 = 75;
/// How long is waited for more once the command itself has ended: a server that it has started may keep its outputs open.
const AFTERWARDS: Duration = Duration::from_millis(100);

/// Who carries out hooks as processes.
pub(crate) struct Processes {
    hooks: Hooks,
    copy: String,
}

impl Processes {
    /// Of these hooks.
    pub(crate) fn new(hooks: Hooks) -> Self {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { hooks, copy: format!("{:x}", since.as_millis()) }
    }

    async fn carry_out(&self, order: Order<'_>) -> Result<Vec<u8>, Unable> {
        let Some(command) = self.hooks.command(order.hook) else {
            return Err(Unable::Failed("no command was given for it".to_owned()));
        };
        let (program, status, out, err) = self.run(command, order).await.map_err(Unable::Failed)?;
        if status.success() {
            return Ok(out);
        }
        let why = format!("`{program}` ended with {status}{}", said(&err, &out));
        let is_later = order.hook == Hook::Deliver && status.code() == Some(TEMPORARY_FAILURE);
        Err(if is_later { Unable::NotNow(why) } else { Unable::Failed(why) })
    }

    /// The program that was run, how it ended, and what it said on its two outputs.
    async fn run(
        &self,
        command: &[String],
        order: Order<'_>,
    ) -> Result<(String, ExitStatus, Vec<u8>, Vec<u8>), String> {
        let arguments = filled_in(command, order.user, order.marker)?;
        let [program, rest @ ..] = &arguments[..] else { return Err("its command is empty".to_owned()) };
        let mut process = environment::program(OsStr::new(program));
        process.args(rest).process_group(0);
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child =
            Command::from(process).spawn().map_err(|error| format!("cannot run `{program}`: {error}"))?;
        let mut running = Running::of(child);
        let message = mail::lines_to_lf(order.message);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let whole = running.attend(&message, &mut out, &mut err);
        let Ok(ended) = timeout(self.hooks.within, whole).await else {
            let seconds = self.hooks.within.as_secs_f64();
            return Err(format!(
                "`{program}` did not end within {seconds} s and was killed{}",
                said(&err, &out)
            ));
        };
        let (status, read) = ended.map_err(|error| format!("cannot wait for `{program}`: {error}"))?;
        running.has_ended();
        if status.success() && !read {
            return Err(format!("`{program}` did not read the message to its end"));
        }
        Ok((program.clone(), status, out, err))
    }
}

impl Operator for Processes {
    fn can(&self, hook: Hook) -> bool {
        self.hooks.command(hook).is_some()
    }

    fn act<'a>(&'a self, order: Order<'a>) -> Acting<'a> {
        Box::pin(self.carry_out(order))
    }

    fn copy(&self) -> String {
        self.copy.clone()
    }
}

/// The arguments with user and marker in their places.
fn filled_in(command: &[String], user: &str, marker: &str) -> Result<Vec<String>, String> {
    if !user.is_empty() {
        accounts::plain(user).map_err(|error| error.to_string())?;
    }
    Ok(command.iter().map(|argument| argument.replace("{user}", user).replace("{marker}", marker)).collect())
}

/// What a command said last, for people.
fn said(err: &[u8], out: &[u8]) -> String {
    let text = String::from_utf8_lossy(if err.trim_ascii().is_empty() { out } else { err }).into_owned();
    let text = secrets::of_the_run().redact(text.trim());
    let text = terminal::visible(&text.lines().collect::<Vec<_>>().join(" / "));
    let characters = text.chars().count();
    let last: String = text.chars().skip(characters.saturating_sub(TOLD)).collect();
    match (characters, characters > TOLD) {
        (0, _) => String::new(),
        (_, true) => format!(", and said at last: …{last}"),
        (_, false) => format!(", and said: {last}"),
    }
}

/// A process that is killed with all of its group if nobody waits for its end any more.
struct Running {
    child: Child,
    group: Option<Pid>,
    /// Closed when the message is given. Until then it stays open, so that no part of it is taken for the whole: what is
    /// ended is killed before its standard input ends.
    stdin: Option<ChildStdin>,
}

impl Running {
    fn of(mut child: Child) -> Self {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let stdin = child.stdin.take();
        Self { child, group, stdin }
    }

    /// What it has started and left behind is meant to stay.
    fn has_ended(&mut self) {
        self.group = None;
    }

    /// Gives it the message and hears it until it ends: how, and whether it took the whole message.
    async fn attend(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
        err: &mut Vec<u8>,
    ) -> io::Result<(ExitStatus, bool)> {
        let Self { child, stdin, .. } = self;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let read = Cell::new(message.is_empty());
        let giving = async {
            if let Some(open) = stdin.as_mut() {
                // How one that reads no more ends says what that means.
                read.set(open.write_all(message).await.is_ok() || message.is_empty());
            }
            *stdin = None;
        };
        let talking = async { tokio::join!(giving, hear(stdout, out), hear(stderr, err)) };
        tokio::pin!(talking);
        let mut over = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = &mut talking, if !over => over = true,
            }
        };
        if !over {
            // What it said just before is still in the pipe.
            let _ = timeout(AFTERWARDS, talking).await;
        }
        Ok((status, read.get()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // One that has ended by itself is no matter.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads an output to its end and keeps its beginning.
async fn hear(output: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut output) = output else { return };
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut piece).await {
        let room = KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..count.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// An operator with this command for this key.
    fn operator(hook: &str, command: &str, within: &str) -> Processes {
        let text = format!(
            "accounts: [{{user: a, password: wonderland, role: empty}}]\nhooks:\n  restart: [\"true\"]\n  {hook}: {command}\n  within: {within}\n"
        );
        let accounts = suite::Accounts::parse(Path::new("a.yaml"), &text, &|_| None);
        Processes::new(accounts.unwrap_or_else(|error| panic!("{error}")).hooks)
    }

    async fn delivered(command: &str, user: &str, message: &[u8], within: &str) -> Result<String, Unable> {
        let operator = operator("deliver", command, within);
        let order = Order { message, ..Order::about(Hook::Deliver, user) };
        operator.act(order).await.map(|said| String::from_utf8_lossy(&said).into_owned())
    }

    #[tokio::test]
    async fn a_command_has_its_arguments_as_they_are_and_the_message_with_line_ends_of_unix() {
        let said = delivered(r#"[printf, "%s|", "to {user}", "$HOME; id"]"#, "a@b", b"", "60s").await;
        assert_eq!(said.as_deref(), Ok("to a@b|$HOME; id|"));
        let said = delivered(r#"[sh, -c, "cat; echo {user}"]"#, "a", b"one\r\ntwo\r\n", "60s").await;
        assert_eq!(said.as_deref(), Ok("one\ntwo\na\n"));
        let large = vec![b'x'; 1 << 20];
        let said = delivered(r#"[sh, -c, "cat; : {user}"]"#, "a", &large, "60s").await;
        assert_eq!(said.map(|said| said.len()), Ok(KEPT));
        let refused = delivered(r#"[echo, "{user}"]"#, "$(id)", b"", "60s").await.unwrap_err().to_string();
        assert!(refused.contains("cannot be put into a path or a command"), "{refused}");
    }

    #[tokio::test]
    async fn what_fails_is_told_without_secrets() {
        secrets::of_the_run().add("wonderland");
        let failed = delivered(r#"[sh, -c, "echo {user} wonderland >&2; exit 3"]"#, "a", b"", "60s").await;
        let told = failed.unwrap_err().to_string();
        assert!(
            told.starts_with("`sh` ended with exit status: 3, and said: a ") && !told.contains("wonderland"),
            "{told}"
        );
        let none =
            delivered(r#"[/no/such/program, "{user}"]"#, "a", b"", "60s").await.unwrap_err().to_string();
        assert!(none.starts_with("cannot run `/no/such/program`: "), "{none}");
        let half = delivered(r#"[head, -c, "10", "--", "{user}"]"#, "../dev/stdin", b"", "60s").await;
        assert!(half.is_err());
    }

    #[tokio::test]
    async fn a_delivery_that_is_put_off_has_not_failed() {
        let put_off = delivered(r#"[sh, -c, "echo {user} is locked >&2; exit 75"]"#, "a", b"", "60s").await;
        let why = "`sh` ended with exit status: 75, and said: a is locked".to_owned();
        assert_eq!(put_off, Err(Unable::NotNow(why.clone())));
        let killed = operator("kill", r#"[sh, -c, "echo a is locked >&2; exit 75"]"#, "60s");
        assert_eq!(killed.act(Order::whole(Hook::Kill)).await, Err(Unable::Failed(why)));
    }

    #[tokio::test]
    async fn what_does_not_end_is_killed_with_all_it_has_started() {
        let place = tempfile::tempdir().unwrap();
        let late = place.path().join("late");
        let command = format!(r#"[sh, -c, "(sleep 600; touch {}; : {{user}}) & wait"]"#, late.display());
        let told = delivered(&command, "a", b"", "200ms").await.unwrap_err().to_string();
        assert!(told.contains("did not end within 0.2 s and was killed"), "{told}");
        assert!(!late.exists());
    }

    #[tokio::test]
    async fn a_server_that_it_leaves_behind_keeps_nobody_waiting() {
        // It has the outputs of the command, as servers have that are started by a script.
        let operator = operator("kill", r#"[sh, -c, "sleep 30 & echo started"]"#, "20s");
        let said = operator.act(Order::whole(Hook::Kill)).await;
        assert_eq!(said.as_deref(), Ok(&b"started\n"[..]));
    }
}
