//! `poplab seed`: puts the mail of their roles into the maildrops of a server. How a Maildir is filled without
//! touching anybody else's mail stands in `maildir`.

mod maildir;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::Args;
use mail::Role;
use suite::{Account, Seeding};

use self::maildir::Maildir;
use crate::exit::{self, Failure};
use crate::{accounts, terminal};

/// Put the fixture mail into a server's maildrops
///
/// How, is said in the accounts file: `seed: {maildir: "/path/{user}"}` or `seed: {command: "deliver -d {user}"}`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  poplab seed --accounts accounts.yaml
  poplab seed --accounts accounts.yaml --seed 7    then judge with --seed 7 too

An accounts file:
  accounts:
    - {user: fixtures1, password: wonderland, role: fixtures}
    - {user: disposable1, password_env: PASSWORD, role: disposable}
  seed:
    maildir: \"/var/mail/test/{user}\"

Maildirs: poplab replaces its own messages and never touches another. A maildrop of
the role `disposable` or `empty` that holds other mail is refused. Files get the owner
of the folder the Maildir is in, if poplab runs as root.
Commands: each message is given on standard input to `sh -c`, with the line ends of
Unix; older ones stay.")]
pub(crate) struct Arguments {
    /// The accounts with their roles, YAML
    #[arg(long, value_name = "FILE")]
    accounts: PathBuf,

    /// The seed the mail is generated from
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

/// One account and its number among those of its role, from 1.
struct Task<'accounts> {
    account: &'accounts Account,
    number: u32,
}

/// Seeds every account.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let file = accounts::read(&arguments.accounts)?;
    let tasks = tasks(&file.accounts);
    let text = match &file.seeding {
        Some(Seeding::Maildir(template)) => into_maildirs(&tasks, template, arguments.seed)?,
        Some(Seeding::Command(command)) => by_command(&tasks, command, arguments.seed)?,
        None => {
            return Err(Failure::input(format!(
                "{} does not say how to seed; add `seed: {{maildir: \"/path/{{user}}\"}}` or `seed: {{command: …}}`",
                arguments.accounts.display()
            )));
        }
    };
    terminal::print(&text)?;
    Ok(exit::GOOD)
}

fn tasks(accounts: &[Account]) -> Vec<Task<'_>> {
    let mut numbers: BTreeMap<Role, u32> = BTreeMap::new();
    accounts
        .iter()
        .map(|account| {
            let number = numbers.entry(account.role).or_default();
            *number += 1;
            Task { account, number: *number }
        })
        .collect()
}

/// All maildrops are looked at before the first is changed, so that a refusal leaves everything as it was.
fn into_maildirs(tasks: &[Task<'_>], template: &str, seed: u64) -> anyhow::Result<String> {
    let mut opened = Vec::new();
    for task in tasks {
        let path = PathBuf::from(template.replace("{user}", fit(&task.account.user)?));
        let maildir = Maildir::look(&path)?;
        let role = task.account.role;
        if maildir.foreign() > 0 && !matches!(role, Role::Fixtures | Role::Second) {
            return Err(Failure::input(format!(
                "the maildrop of `{}` ({}) holds {} that poplab did not make, so it is left alone, and so are all \
                 others; an account with the role `{role}` must hold nothing else: give an account of its own",
                task.account.user,
                path.display(),
                if maildir.foreign() == 1 {
                    "a message".to_owned()
                } else {
                    format!("{} messages", maildir.foreign())
                }
            )));
        }
        opened.push(maildir);
    }
    let mut text = String::new();
    for (task, maildir) in tasks.iter().zip(opened) {
        let messages = mail::maildrop(task.account.role, seed, task.number);
        let stored = messages.iter().map(|(_, octets)| mail::lines_to_lf(octets));
        let replaced = maildir.own();
        let path = maildir.path().display().to_string();
        maildir.fill(stored)?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} ({}): {} put into {path}, {replaced} replaced",
            task.account.user,
            task.account.role,
            count(messages.len()),
        );
    }
    Ok(text)
}

fn by_command(tasks: &[Task<'_>], command: &str, seed: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    for task in tasks {
        let user = fit(&task.account.user)?;
        let line = command.replace("{user}", user);
        let messages = mail::maildrop(task.account.role, seed, task.number);
        for (name, octets) in &messages {
            deliver(&line, &mail::lines_to_lf(octets))
                .with_context(|| format!("cannot seed `{user}` with {name} by `{line}`"))?;
        }
        let _ =
            writeln!(text, "{user} ({}): {} given to the command", task.account.role, count(messages.len()));
    }
    Ok(text)
}

/// Gives a message to a shell command and waits for it to agree.
fn deliver(line: &str, message: &[u8]) -> anyhow::Result<()> {
    // What the command says goes to stderr: stdout is for our results.
    let mut child = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(std::io::stderr())
        .spawn()
        .context("cannot run sh")?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
    let status = child.wait()?;
    if !status.success() {
        return Err(Failure::not_carried_out(format!("the command ended with {status}")));
    }
    written.context("the command did not read the message to its end")
}

fn count(messages: usize) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

/// The name of a user, if it can be a part of a path and of a shell command without meaning anything there.
fn fit(user: &str) -> anyhow::Result<&str> {
    let plain = |character: char| character.is_alphanumeric() || "._@+-".contains(character);
    if !user.is_empty() && !user.starts_with(['.', '-']) && user.chars().all(plain) {
        return Ok(user);
    }
    Err(Failure::input(format!(
        "the user `{}` cannot be put into a path or a command; poplab seeds names of letters, digits and ._@+-",
        terminal::visible(user)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_numbered_within_their_role() {
        let account = |role| Account::new("user", "secret", role);
        let accounts = [account(Role::Second), account(Role::Disposable), account(Role::Disposable)];
        let numbers: Vec<u32> = tasks(&accounts).iter().map(|task| task.number).collect();
        assert_eq!(numbers, [1, 1, 2]);
    }

    #[test]
    fn names_that_mean_something_to_a_shell_or_a_path_are_refused() {
        for user in ["fixtures1", "alice@example.org", "a.b-c_d+e"] {
            assert!(fit(user).is_ok(), "{user}");
        }
        for user in ["", "..", "../root", "-f", "a b", "$(id)", "a'b", "a/b"] {
            assert!(fit(user).is_err(), "{user}");
        }
    }
}
