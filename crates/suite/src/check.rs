//! What a check is, and the list of all of them.
//!
//! A check proves the requirement of its id and is a plain async function; metadata come from the catalogue. To add
//! one: write the function in the file of its RFC section and name it in that file's `checks!` table.

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
}

impl Check {
    /// The requirement of the catalogue.
    ///
    /// # Panics
    /// If the id is not in the catalogue, which a test of this crate rules out.
    pub fn requirement(&self) -> &'static Requirement {
        requirement(self.id).expect("every check's id is in the catalogue")
    }

    /// Whether a server that is wrong keeps the maildrop locked afterwards, so that the check comes last of all.
    pub(crate) fn may_leave_lock(&self) -> bool {
        LAST.contains(&self.id)
    }

    /// Whether the check gives a wrong password on purpose and so comes last, from an address of its own.
    pub fn fails_logins(&self) -> bool {
        self.requirement().needs.iter().any(|need| need == "badcreds") || LATE.contains(&self.id)
    }
}

/// Checks after which a maildrop may stay locked for good.
const LAST: &[&str] = &["practice.lock.released-on-loss"];

/// Checks that end in a refused login although the catalogue does not list `badcreds` among their needs.
const LATE: &[&str] = &[
    "rfc1939.pass.case",
    "rfc1939.pass.empty",
    "rfc1939.apop.bad",
    "rfc1939.apop.login",
    "rfc1939.apop.syntax",
    "rfc1939.state.pass-needs-user",
    "rfc1939.state.user-again",
    "rfc1939.user.err-then-new-auth",
    "rfc1939.lock.after-auth-only",
    "rfc2195.cram.login",
    "rfc3206.auth.only-credentials",
    "rfc4422.external.no-cert",
    "rfc4616.plain.255",
    "rfc4616.plain.bad-utf8",
    "rfc4616.plain.malformed",
    "rfc5034.auth.bad-base64",
    "rfc5034.auth.ctl-in-response",
    "rfc5034.auth.equals",
    "rfc5034.auth.ir-server-first",
    "rfc5034.auth.long-lines",
    "rfc5034.auth.not-a-command",
    "rfc5802.scram.attributes",
    "rfc5802.scram.bad-proof",
    "rfc5802.scram.gs2",
    "rfc5802.scram.nonce",
    "rfc6856.user.reject",
];

/// Builds a file's table of checks: `"id" => function` or `"id" => function, watch`.
macro_rules! checks {
    ($($id:literal => $run:path $([watch $watch:path])?),* $(,)?) => {
        /// The checks of this section.
        pub(crate) const CHECKS: &[$crate::check::Check] = &[
            $($crate::check::Check {
                id: $id,
                run: |lab| Box::pin($run(lab)),
                watch: $crate::check::checks!(@watch $($watch)?),
            }),*
        ];
    };
    (@watch) => { None };
    (@watch $watch:path) => { Some($watch) };
}
pub(crate) use checks;

/// All checks, ordered by id.
pub fn all() -> Vec<Check> {
    let mut checks: Vec<Check> = crate::SECTIONS.iter().flat_map(|section| section.iter().copied()).collect();
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
    fn late_checks_exist() {
        for id in LATE.iter().chain(LAST) {
            assert!(requirement(id).is_some(), "{id} is not in the catalogue");
        }
    }
}
