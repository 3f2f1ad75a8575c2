//! Checks of POP3 servers: whether a server keeps RFC 1939 and its extensions, and whether its users' mail is safe.
//!
//! The way through the house: [`survey`] looks at an entrance once and yields a [`Site`]; a [`Runner`] gives every
//! chosen [`Check`] a [`lab::Lab`] and turns what comes of it into [`Evidence`]. Checks live in one file per RFC
//! section. This crate deliberately writes no files, prints nothing and opens no socket (that is `net`'s).

pub mod accounts;
pub mod catalogue;
pub mod check;
mod deletion;
pub mod journal;
pub mod lab;
pub mod login;
mod needs;
pub mod outcome;
pub mod reply;
mod reproduce;
pub mod runner;
pub mod session;
pub mod site;
pub mod survey;

mod rfc1939;
mod rfc2449;

pub use accounts::{Account, Accounts, AccountsError, Pool, Seeding};
pub use check::{Check, all};
pub use runner::{Evidence, Runner};
pub use site::{Entrance, Permissions, Security, Site};
pub use survey::{Plan, SurveyError, survey};

/// The tables of all sections.
const SECTIONS: &[&[Check]] = &[
    rfc1939::s5_stat::CHECKS,
    rfc2449::s5_capa::CHECKS,
    rfc2449::s6_capabilities::CHECKS,
    rfc2449::s6_pipelining::CHECKS,
    rfc2449::s8_response_codes::CHECKS,
];
