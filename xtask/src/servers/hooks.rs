//! The hooks of a server's accounts file: what `poplab conformance` may do to it beside POP3. Restarts and deliveries are
//! actions of ours; what is done to a Maildir is done by the script that is shipped for it.

use std::fmt::Write as _;

use super::instance::Instance;
use super::table::{Server, Store};
use crate::failure::Failure;
use crate::workspace;

/// `hooks:` and all below it.
pub(super) fn hooks(instance: &Instance, server: &Server) -> Result<String, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::environment(format!("cannot find this program: {error}")))?;
    let (own, name, directory) = (own.display().to_string(), server.name, instance.text());
    let script = workspace::root().join("scenarios/hooks/maildir.sh").display().to_string();
    Ok(written(&own, name, &directory, &script, server.store))
}

fn written(own: &str, name: &str, directory: &str, script: &str, store: Store) -> String {
    let action = |action: &str, user: &str| {
        format!("[\"{own}\", servers, {action}, {name}{user}, --dir, \"{directory}\"]")
    };
    let mut text = format!(
        "hooks:\n  restart: {}\n  kill: {}\n  deliver: {}\n",
        action("restart", ""),
        action("kill", ""),
        action("deliver", ", \"{user}\"")
    );
    if store == Store::Maildirs {
        let to_maildir = |action: &str, rest: &str| {
            format!("[sh, \"{script}\", {action}, \"{directory}/mail/{{user}}\"{rest}]")
        };
        let backup = format!(", \"{directory}/backup/{{user}}\"");
        let _ = write!(
            text,
            "  other_access:\n    list: {}\n    remove: {}\n  fault:\n    unreadable: {}\n    read_only: {}\n    mend: {}\n  \
             backup:\n    save: {}\n    restore: {}\n",
            to_maildir("list", ""),
            to_maildir("remove", ", \"{marker}\""),
            to_maildir("unreadable", ""),
            to_maildir("read-only", ""),
            to_maildir("mend", ""),
            to_maildir("save", &backup),
            to_maildir("restore", &backup)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_with_maildirs_has_all_hooks_and_another_those_that_are_its_own() {
        let text = written("/x/xtask", "dovecot-2.3", "/d", "/s/maildir.sh", Store::Maildirs);
        for line in [
            "  restart: [\"/x/xtask\", servers, restart, dovecot-2.3, --dir, \"/d\"]\n",
            "  deliver: [\"/x/xtask\", servers, deliver, dovecot-2.3, \"{user}\", --dir, \"/d\"]\n",
            "    remove: [sh, \"/s/maildir.sh\", remove, \"/d/mail/{user}\", \"{marker}\"]\n",
            "    restore: [sh, \"/s/maildir.sh\", restore, \"/d/mail/{user}\", \"/d/backup/{user}\"]\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let text = written("/x/xtask", "mailutils-3.19", "/d", "/s/maildir.sh", Store::Mboxes);
        assert!(text.contains("  kill: [") && !text.contains("maildir"), "{text}");
    }
}
