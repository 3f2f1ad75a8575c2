//! What a check is, and the list of all of them.
//!
//! A check proves the requirement of its id and is a plain async function; metadata come from the catalogue. To add
//! one: write the function in the file of its RFC section, with the requirement's sentence over it, and give it a row in
//! that file's `checks!` table. A new file stands in its folder's `sections!`.

use std::future::Future;
use std::pin::Pin;

use crate::catalogue::{Requirement, requirement};
use crate::journal::Seen;
use crate::lab::Lab;
use crate::outcome::Outcome;

/// A running check.
pub type Running<'lab> = Pin<Box<dyn Future<Output = Outcome> + 'lab>>;

/// One check.
#[derive(Clone, Copy)]
pub struct Check {
    /// The requirement it proves.
    pub id: &'static str,
    /// The conversation, ending in a verdict.
    pub run: for<'lab> fn(&'lab Lab) -> Running<'lab>,
    /// For passive checks: judges each status line of the whole run; `Some` says what is wrong with it.
    pub watch: Option<fn(&Seen, &Lab) -> Option<String>>,
    /// How often it gives a wrong password on purpose, or one that a wrong server may take for such.
    pub wrong_passwords: WrongPasswords,
    /// Whether a server that is wrong may keep the maildrop locked afterwards for good, so that it comes last of all.
    pub may_leave_lock: bool,
    /// Whether it restarts the server, kills it or takes its store away, so that no other check may run meanwhile. It comes
    /// when all others are done.
    pub alone: bool,
    /// What it asks of whoever waits for it, and of the server.
    pub cost: Cost,
}

/// How often a check gives a wrong password. Who does comes late and from an address of its own: servers slow down or lock
/// out whoever fails to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WrongPasswords {
    /// Never.
    None,
    /// Once, or a few times.
    Few,
    /// So often that the pauses behind them are long: it begins before the others that come late, so that nobody has to wait
    /// for it alone in the end.
    Many,
}

/// What a check costs beside the round trips of its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Nothing.
    Ordinary,
    /// Some seconds that go by whatever the server does.
    Waits,
    /// Minutes: only where they were asked for.
    Slow,
    /// Many connections, or much data, at once: only where that was asked for.
    Stress,
}

impl Check {
    /// A row of a table.
    pub(crate) const fn new(id: &'static str, run: for<'lab> fn(&'lab Lab) -> Running<'lab>) -> Self {
        Self {
            id,
            run,
            watch: None,
            wrong_passwords: WrongPasswords::None,
            may_leave_lock: false,
            alone: false,
            cost: Cost::Ordinary,
        }
    }

    /// The row's `[watch …]`.
    pub(crate) const fn watch(self, watch: fn(&Seen, &Lab) -> Option<String>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The row's `[wrong_password]`.
    pub(crate) const fn wrong_password(self) -> Self {
        Self { wrong_passwords: WrongPasswords::Few, ..self }
    }

    /// The row's `[wrong_passwords]`.
    pub(crate) const fn wrong_passwords(self) -> Self {
        Self { wrong_passwords: WrongPasswords::Many, ..self }
    }

    /// The row's `[may_leave_lock]`.
    pub(crate) const fn may_leave_lock(self) -> Self {
        Self { may_leave_lock: true, ..self }
    }

    /// The row's `[alone]`.
    pub(crate) const fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// The row's `[waits]`.
    #[must_use]
    pub const fn waits(self) -> Self {
        Self { cost: Cost::Waits, ..self }
    }

    /// The row's `[slow]`.
    #[must_use]
    pub const fn slow(self) -> Self {
        Self { cost: Cost::Slow, ..self }
    }

    /// The row's `[stress]`.
    #[must_use]
    pub const fn stress(self) -> Self {
        Self { cost: Cost::Stress, ..self }
    }

    /// The requirement of the catalogue.
    ///
    /// # Panics
    /// If the id is not in the catalogue, which a test of this crate rules out.
    pub fn requirement(&self) -> &'static Requirement {
        requirement(self.id).expect("every check's id is in the catalogue")
    }
}

/// Builds a file's table of checks: `"id" => function`, and in brackets what else there is to say of it.
macro_rules! checks {
    ($($id:literal => $run:path $([$fact:ident $($of:path)?])*),* $(,)?) => {
        /// The checks of this section.
        pub(crate) const CHECKS: &[$crate::check::Check] = &[
            $($crate::check::Check::new($id, |lab| Box::pin($run(lab)))$(.$fact($($of)?))*),*
        ];
    };
}
pub(crate) use checks;

/// Builds a folder's list of the tables of its files.
macro_rules! sections {
    ($($file:ident),* $(,)?) => {
        /// The tables of these files.
        pub(crate) const SECTIONS: &[&[$crate::check::Check]] = &[$($file::CHECKS),*];
    };
}
pub(crate) use sections;

/// All checks, ordered by id.
pub fn all() -> Vec<Check> {
    let folders = [
        crate::rfc1939::SECTIONS,
        crate::rfc2449::SECTIONS,
        crate::rfc2595::SECTIONS,
        crate::rfc3206::SECTIONS,
        crate::rfc5034::SECTIONS,
        crate::mechanisms::SECTIONS,
        crate::rfc6856::SECTIONS,
        crate::rfc8314::SECTIONS,
        crate::practice::SECTIONS,
    ];
    let mut checks: Vec<Check> =
        folders.into_iter().flatten().flat_map(|section| section.iter().copied()).collect();
    checks.sort_by_key(|check| check.id);
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_proves_a_requirement_of_the_catalogue_and_no_two_the_same() {
        let checks = all();
        for check in &checks {
            assert!(requirement(check.id).is_some(), "{} is not in the catalogue", check.id);
        }
        for pair in checks.windows(2) {
            assert_ne!(pair[0].id, pair[1].id);
        }
    }

    #[test]
    fn whoever_needs_wrong_passwords_comes_late() {
        for check in all() {
            let needs = &check.requirement().needs;
            assert!(
                check.wrong_passwords != WrongPasswords::None || !needs.iter().any(|need| need == "badcreds"),
                "{}",
                check.id
            );
        }
    }
}
