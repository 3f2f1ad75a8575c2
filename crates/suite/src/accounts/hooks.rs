//! The hooks of an accounts file: commands by which the user lets poplab do to the server what POP3 cannot.
//!
//! A command is a list of arguments and no line for a shell; `{user}` and `{marker}` are replaced in each of them. None is
//! ever run that is not in the file. They are only read here, and run elsewhere.

use std::time::Duration;

use yaml::{Findings, Form, Node, Table, key, needed, table};

/// What a hook does. Each is a key of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Restarts the server, or starts it if it is down.
    Restart,
    /// Ends the server at once, as `kill -9` does. A restart follows, so that it need not be started again.
    Kill,
    /// Delivers the message on standard input to a user.
    Deliver,
    /// Another way into a mailbox: says the marker of each message in it.
    List,
    /// Another way into a mailbox: removes the message with this marker.
    Remove,
    /// Takes a store away, so that nothing in it can be read.
    Unreadable,
    /// Takes the right to change a store away.
    ReadOnly,
    /// Puts a store back in order.
    Mend,
    /// Makes a backup of a mailbox.
    Save,
    /// Brings a mailbox back from its backup.
    Restore,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Restart,
        Self::Kill,
        Self::Deliver,
        Self::List,
        Self::Remove,
        Self::Unreadable,
        Self::ReadOnly,
        Self::Mend,
        Self::Save,
        Self::Restore,
    ];

    /// Whether it concerns the whole server, and not the mailbox of a user.
    pub fn is_about_the_server(self) -> bool {
        matches!(self, Self::Restart | Self::Kill)
    }

    /// Where it stands in the file, below `hooks:`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Deliver => "deliver",
            Self::List => "other_access.list",
            Self::Remove => "other_access.remove",
            Self::Unreadable => "fault.unreadable",
            Self::ReadOnly => "fault.read_only",
            Self::Mend => "fault.mend",
            Self::Save => "backup.save",
            Self::Restore => "backup.restore",
        }
    }

    /// What to add to an accounts file to have it, as an example.
    pub fn line(self) -> &'static str {
        match self {
            Self::Restart => "hooks: {restart: [systemctl, restart, dovecot]}",
            Self::Kill => "hooks: {kill: [systemctl, kill, -s, KILL, dovecot]}",
            Self::Deliver => "hooks: {deliver: [/usr/lib/dovecot/dovecot-lda, -d, \"{user}\"]}",
            Self::List | Self::Remove => {
                "hooks: {other_access: {list: [doveadm, fetch, -u, \"{user}\", hdr.x-poplab-fixture, mailbox, INBOX], \
                 remove: [doveadm, expunge, -u, \"{user}\", mailbox, INBOX, header, X-Poplab-Fixture, \"{marker}\"]}}"
            }
            Self::Unreadable | Self::ReadOnly | Self::Mend => {
                "hooks: {fault: {unreadable: [chmod, -R, \"000\", \"/var/mail/{user}\"], read_only: [chmod, -R, a-w, \
                 \"/var/mail/{user}\"], mend: [chmod, -R, u+rwX, \"/var/mail/{user}\"]}}"
            }
            Self::Save | Self::Restore => {
                "hooks: {backup: {save: [/usr/local/bin/backup, \"{user}\"], restore: [/usr/local/bin/restore, \
                 \"{user}\"]}}"
            }
        }
    }
}

/// The commands that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    commands: Vec<(Hook, Vec<String>)>,
    /// How long each may take.
    pub within: Duration,
}

impl Default for Hooks {
    /// None.
    fn default() -> Self {
        Self { commands: Vec::new(), within: WITHIN }
    }
}

impl Hooks {
    /// The command of this hook, if it was given: program and arguments, with the places for `{user}` and `{marker}`.
    pub fn command(&self, hook: Hook) -> Option<&[String]> {
        self.commands.iter().find(|(given, _)| *given == hook).map(|(_, command)| command.as_slice())
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// How long a command may take unless the file says otherwise.
const WITHIN: Duration = Duration::from_mins(1);

const COMMAND: Form = Form::List(&Form::AnyText);

pub(super) static HOOKS: Table = table(
    "the hooks",
    &[
        key(
            "restart",
            COMMAND,
            "Restarts the server, or starts it if it is down: a list of program and arguments, no shell.",
        ),
        key(
            "kill",
            COMMAND,
            "Ends the server at once, as `kill -9` does. Poplab runs `restart` then, whether it was started again or not.",
        ),
        key("deliver", COMMAND, "Delivers the message on its standard input to `{user}`."),
        key("other_access", Form::Map(&OTHER_ACCESS), "Another way into the mailbox of `{user}`."),
        key("fault", Form::Map(&FAULT), "Takes the store of `{user}` away and puts it back."),
        key("backup", Form::Map(&BACKUP), "Makes a backup of the mailbox of `{user}`, and brings it back."),
        key("within", Form::Period, "How long each may take; 60s if it is not said."),
    ],
);

static OTHER_ACCESS: Table = table(
    "the other way into a mailbox",
    &[
        needed("list", COMMAND, "Prints the header field X-Poplab-Fixture of each message in the mailbox."),
        needed(
            "remove",
            COMMAND,
            "Removes the message whose field X-Poplab-Fixture has `{marker}` in it, 64 hexadecimal digits.",
        ),
    ],
);

static FAULT: Table = table(
    "a fault of the store",
    &[
        key("unreadable", COMMAND, "Makes the mailbox unreadable for the server."),
        key("read_only", COMMAND, "Lets the server read the mailbox and remove nothing from it."),
        needed("mend", COMMAND, "Puts the mailbox back in order, whichever of the two was done."),
    ],
);

static BACKUP: Table = table(
    "a backup",
    &[
        needed("save", COMMAND, "Makes a backup of the mailbox, as the server's backups are made."),
        needed("restore", COMMAND, "Brings the mailbox back as it was when `save` was run."),
    ],
);

/// Reads what stands below `hooks:`.
pub(super) fn read(node: &Node, findings: &mut Findings<'_>) -> Hooks {
    let mut hooks = Hooks::default();
    for hook in Hook::ALL {
        let mut place = Some(node);
        for key in hook.key().split('.') {
            place = place.and_then(|place| place.at(key));
        }
        let Some(place) = place else { continue };
        let arguments = place.list().unwrap_or_default();
        let command: Vec<String> =
            arguments.iter().filter_map(|argument| argument.scalar().map(str::to_owned)).collect();
        if command.len() != arguments.len() || command.is_empty() {
            // Told already.
            continue;
        }
        if let Some(wrong) = missing_place(hook, &command) {
            findings.wrong(place, wrong);
        }
        hooks.commands.push((hook, command));
    }
    if let Some(kill) = node.at("kill").filter(|_| node.at("restart").is_none()) {
        findings.wrong(kill, "a server that was killed has to be started again; give `restart`, too");
    }
    if let Some(text) = node.at("within").and_then(Node::scalar)
        && let Ok(within) = yaml::units::duration(text)
    {
        hooks.within = within;
    }
    hooks
}

/// What a command would have to say and does not: it would be the same for all.
fn missing_place(hook: Hook, command: &[String]) -> Option<String> {
    let has = |word: &str| command.iter().any(|argument| argument.contains(word));
    if !hook.is_about_the_server() && !has("{user}") {
        return Some(
            "this command has no `{user}` in it, so it would be the same for all accounts".to_owned(),
        );
    }
    (hook == Hook::Remove && !has("{marker}")).then(|| {
        "this command has no `{marker}` in it, so it does not say which message to remove".to_owned()
    })
}
