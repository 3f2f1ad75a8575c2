//! Mail safety: the one place that decides whether a line may leave the tool.
//!
//! A DELE goes out only in a session that holds a [`Sighting`] of its maildrop, which is made by a look at every
//! message ([`look`]), and only if the maildrop was found unchanged immediately before. There is no flag that allows
//! deletion: the permission *is* what was seen. Looking at the message to be deleted alone would not do: a server that
//! renumbers, or is off by one, deletes another one. What a lying server can still do stands in `docs/mail-safety.md`.

mod listing;
mod look;
mod sighting;

pub(crate) use self::listing::Listing;
pub(crate) use self::look::{Look, Means};
pub(crate) use self::sighting::{Message, RefusedArguments, Sighting};

/// A number that no message has, for asking whether a server refuses it. The number after the last would be a message
/// to a server that hides one, or counts from 0; this one is none even if it is cut to 8 or 16 bits, where a maildrop
/// of [`look::MESSAGES_AT_MOST`] has none either or one that was looked at.
pub(crate) const NO_SUCH: u64 = 2_000_000_200;
/// From here on a number is far from every message.
const FAR: u64 = 1_000_000_000;

/// What a session may do to the maildrop it is logged in to.
#[derive(Debug, Default)]
pub(crate) enum Permission {
    /// Look, never touch.
    #[default]
    None,
    /// The mail is being looked at, or was and is not all poplab's: it is not touched, and the session does not end in
    /// QUIT, which could remove what was retrieved.
    Looked,
    /// Nobody is logged in on this connection, and it has just refused to count mail: the next write may hold a DELE.
    Nobody,
    /// All mail here is poplab's own, and this is what it is.
    Seen(Box<Sighting>),
}

impl Permission {
    /// What was seen of the maildrop, if all of it was.
    pub(crate) fn sighting(&self) -> Option<&Sighting> {
        match self {
            Self::Seen(sighting) => Some(sighting),
            Self::None | Self::Looked | Self::Nobody => None,
        }
    }

    /// The same, to note what became of it.
    pub(crate) fn sighting_mut(&mut self) -> Option<&mut Sighting> {
        match self {
            Self::Seen(sighting) => Some(sighting),
            Self::None | Self::Looked | Self::Nobody => None,
        }
    }

    /// Whether a QUIT now would leave all mail where it is: nothing is marked, and nothing was merely looked at.
    pub(crate) fn leaves_all_mail(&self) -> bool {
        match self {
            Self::None => true,
            Self::Seen(sighting) => !sighting.has_marks() && sighting.allows_quit().is_ok(),
            Self::Looked | Self::Nobody => false,
        }
    }

    fn allows_dele(&self, arguments: &[u8]) -> Result<(), String> {
        match self {
            Self::None | Self::Looked => {
                Err("DELE is sent only in a `disposable` account, with --allow-delete, when all its mail is \
                               poplab's"
                    .to_owned())
            }
            Self::Nobody => Ok(()),
            Self::Seen(sighting) => sighting.allows_dele(arguments),
        }
    }

    fn allows_quit(&self) -> Result<(), String> {
        self.sighting().map_or(Ok(()), Sighting::allows_quit)
    }

    /// These octets leave now.
    fn passed(&mut self, octets: &[u8]) {
        match self {
            Self::None | Self::Looked => {}
            Self::Nobody => *self = Self::None,
            // Whoever logs in again may be in another maildrop.
            Self::Seen(_) if names_someone(octets) => *self = Self::Looked,
            Self::Seen(sighting) => sighting.passed(deletions(octets)),
        }
    }
}

/// What reading does to the mail of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The server announces EXPIRE 0: what is retrieved is deleted at QUIT.
    deletes: bool,
    /// Mail was listed or shown in the session. A server that counts that as retrieving too deletes it at QUIT.
    happened: bool,
}

impl Reading {
    /// At the beginning of a connection.
    pub(crate) fn new(deletes: bool) -> Self {
        Self { deletes, happened: false }
    }

    /// Whether QUIT could remove what was read.
    pub(crate) fn quit_may_remove(self) -> bool {
        self.deletes && self.happened
    }
}

/// Whether octets may be sent: refuses a DELE that the permission does not cover, a QUIT that would carry out marks
/// nobody has looked at, and, where the server announces that retrieving deletes (EXPIRE 0), RETR, and QUIT behind what
/// a careless server takes for retrieving. A permission to delete is used up by whatever is sent.
///
/// # Errors
/// The reason, for the verdict "skipped".
pub(crate) fn guard(
    octets: &[u8],
    identified: bool,
    permission: &mut Permission,
    reading: &mut Reading,
) -> Result<(), String> {
    let precious = reading.deletes && identified && permission.sighting().is_none();
    let mut reads = reading.happened;
    let mut left = false;
    let mut marks = false;
    for line in commands(octets) {
        if let Some(arguments) = behind(line, b"DELE") {
            permission.allows_dele(arguments)?;
            marks = true;
        }
        // The beginning of QUIT too: a server may take for QUIT what was cut off.
        if begins(line, b"QUI") && !left {
            if marks {
                return Err(
                    "QUIT is not sent together with the DELE before it: nobody would have looked at what \
                            was marked"
                        .to_owned(),
                );
            }
            permission.allows_quit()?;
            if precious && reads {
                return Err(
                    "the server announces EXPIRE 0: QUIT may delete what was listed or shown, so it is not sent here"
                        .to_owned(),
                );
            }
            left = true;
        }
        reads |= identified && SHOWS_MAIL.iter().any(|verb| begins(line, verb));
    }
    let retrieves = commands(octets).any(|line| begins(line, b"RETR"));
    if precious && retrieves {
        return Err(
            "the server announces EXPIRE 0: what is retrieved may be deleted, so nothing is retrieved here"
                .to_owned(),
        );
    }
    permission.passed(octets);
    reading.happened = reads;
    Ok(())
}

/// What names or shows messages.
const SHOWS_MAIL: [&[u8]; 4] = [b"LIST", b"UIDL", b"TOP", b"RETR"];

/// Whether these octets say who somebody is, so that the session may be in somebody's maildrop afterwards: also a name
/// alone, which a careless server may take for a login.
pub(crate) fn names_someone(octets: &[u8]) -> bool {
    let verbs = [&b"USER"[..], b"PASS", b"APOP", b"AUTH", b"RPOP", b"XTND"];
    commands(octets).any(|line| verbs.iter().any(|verb| begins(line, verb)))
}

/// What stands behind each DELE in these octets.
pub(crate) fn deletions(octets: &[u8]) -> Vec<&[u8]> {
    commands(octets).filter_map(|line| behind(line, b"DELE")).collect()
}

/// Whether these octets end the session before they mark anything.
pub(crate) fn quits(octets: &[u8]) -> bool {
    commands(octets)
        .find(|line| begins(line, b"QUI") || begins(line, b"DELE"))
        .is_some_and(|line| begins(line, b"QUI"))
}

/// Whether these octets end the session, whatever else is in them.
pub(crate) fn leaves(octets: &[u8]) -> bool {
    commands(octets).any(|line| begins(line, b"QUI"))
}

fn commands(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split(|octet| matches!(octet, b'\n' | b'\r'))
}

/// Generous on purpose: blanks before the keyword and a longer word count too, since a lax server may obey them.
fn begins(line: &[u8], verb: &[u8]) -> bool {
    behind(line, verb).is_some()
}

fn behind<'a>(line: &'a [u8], verb: &[u8]) -> Option<&'a [u8]> {
    let (word, rest) = line.trim_ascii_start().split_at_checked(verb.len())?;
    word.eq_ignore_ascii_case(verb).then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ready: &[&[u8]]) -> Permission {
        let mut sighting = Sighting::of_marked(3);
        sighting.make_ready(ready);
        Permission::Seen(Box::new(sighting))
    }

    fn allowed(octets: &[u8], permission: &mut Permission) -> bool {
        guard(octets, true, permission, &mut Reading::new(false)).is_ok()
    }

    #[test]
    fn a_dele_needs_permission_wherever_it_hides() {
        for octets in [
            &b"DELE 1\r\n"[..],
            b"dele 1\r\n",
            b"STAT\r\nDeLe 1\r\n",
            b" DELE 1\r\n",
            b"NOOP\nDELE 1\n",
            b"DELE\r\n",
        ] {
            assert!(!allowed(octets, &mut Permission::None), "{octets:?}");
            assert!(!allowed(octets, &mut seen(&[])), "{octets:?}");
            assert!(allowed(octets, &mut seen(&[b"1", b""])), "{octets:?}");
        }
        assert!(!allowed(b"DELETE 1", &mut seen(&[b"1"])), "an argument nobody asked about");
        assert!(allowed(b"STAT\r\nNOOP dele\r\n", &mut Permission::None));
    }

    #[test]
    fn a_permission_is_for_one_write_and_for_what_was_looked_at() {
        let mut permission = seen(&[b"1"]);
        assert!(!allowed(b"DELE 2\r\n", &mut permission));
        assert!(allowed(b"DELE 1\r\n", &mut permission));
        assert!(!allowed(b"DELE 1\r\n", &mut permission), "used up");
        let mut permission = seen(&[b"1"]);
        assert!(allowed(b"NOOP\r\n", &mut permission));
        assert!(!allowed(b"DELE 1\r\n", &mut permission), "time went by");
    }

    #[test]
    fn no_number_near_the_last_message_is_ever_deleted() {
        for number in ["4", "5", "999999999", "1 4"] {
            let line = format!("DELE {number}\r\n");
            assert!(!allowed(line.as_bytes(), &mut seen(&[number.as_bytes()])), "{number}");
        }
        for number in ["0", "4294967297", &NO_SUCH.to_string()] {
            let line = format!("DELE {number}\r\n");
            assert!(allowed(line.as_bytes(), &mut seen(&[number.as_bytes()])), "{number}");
        }
    }

    #[test]
    fn marks_are_carried_out_only_when_somebody_looked_at_them() {
        let mut permission = seen(&[b"1"]);
        assert!(!allowed(b"DELE 1\r\nQUIT\r\n", &mut permission));
        assert!(
            allowed(b"QUIT\r\nDELE 1\r\nQUIT\r\n", &mut permission),
            "a right server never sees the DELE"
        );
        let mut permission = seen(&[b"1"]);
        assert!(allowed(b"DELE 1\r\n", &mut permission));
        for end in [&b"QUIT\r\n"[..], b"QUI", b"quit"] {
            assert!(!allowed(end, &mut permission), "{end:?}");
        }
        if let Some(sighting) = permission.sighting_mut() {
            sighting.answered(true);
            sighting.settle();
        }
        assert!(allowed(b"QUIT\r\n", &mut permission));
    }

    #[test]
    fn who_logs_in_again_has_to_look_again() {
        for line in
            [&b"USER a\r\n"[..], b"PASS b\r\n", b"apop a b\r\n", b"AUTH EXTERNAL =\r\n", b"XTND x\r\n"]
        {
            let mut permission = seen(&[]);
            assert!(allowed(line, &mut permission));
            assert!(permission.sighting().is_none(), "{line:?}");
            assert!(names_someone(line));
        }
    }

    #[test]
    fn before_login_it_is_the_very_next_thing_or_nothing() {
        assert!(allowed(b"DELE 1\r\n", &mut Permission::Nobody));
        let mut permission = Permission::Nobody;
        assert!(allowed(b"PASS wrong\r\n", &mut permission));
        assert!(!allowed(b"DELE 1\r\n", &mut permission));
    }

    #[test]
    fn expire_zero_makes_retrieving_a_deletion() {
        let allowed = |octets: &[u8], permission: &mut Permission| {
            guard(octets, true, permission, &mut Reading::new(true)).is_ok()
        };
        assert!(!allowed(b"RETR 1\r\n", &mut Permission::None));
        assert!(allowed(b"RETR 1\r\n", &mut seen(&[])));
        assert!(allowed(b"TOP 1 0\r\n", &mut Permission::None));
    }

    #[test]
    fn behind_expire_zero_no_quit_follows_what_may_count_as_retrieving() {
        for shown in [&b"TOP 1 0\r\n"[..], b"uidl\r\n", b"LIST\r\n"] {
            let mut reading = Reading::new(true);
            assert!(guard(b"STAT\r\n", true, &mut Permission::None, &mut reading).is_ok());
            assert!(guard(shown, true, &mut Permission::None, &mut reading).is_ok());
            assert!(guard(b"QUIT\r\n", true, &mut Permission::None, &mut reading).is_err(), "{shown:?}");
            assert!(guard(b"QUIT\r\n", true, &mut seen(&[]), &mut reading).is_ok(), "it is poplab's own");
            let together = [shown, b"QUIT\r\n"].concat();
            assert!(guard(&together, true, &mut Permission::None, &mut Reading::new(true)).is_err());
            assert!(guard(&together, true, &mut Permission::None, &mut Reading::new(false)).is_ok());
        }
        let mut unread = Reading::new(true);
        assert!(guard(b"QUIT\r\n", true, &mut Permission::None, &mut unread).is_ok(), "nothing was read");
    }
}
