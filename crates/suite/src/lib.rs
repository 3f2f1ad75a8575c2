//! Checks of POP3 servers: whether a server keeps RFC 1939 and its extensions, and whether its users' mail is safe.
//!
//! The way through the house: [`survey()`] looks at an entrance once and yields a [`Site`]; a [`Runner`] gives every
//! chosen [`Check`] a [`lab::Lab`] and turns what comes of it into [`Evidence`]. Checks live in one file per RFC
//! section. This crate deliberately writes no files, prints nothing and opens no socket (that is `net`'s).

pub mod accounts;
pub mod catalogue;
pub mod check;
mod credentials;
pub mod crowd;
mod deletion;
mod deviation;
mod discretion;
mod enduring;
pub mod journal;
pub mod lab;
pub mod login;
mod mechanisms;
mod needs;
pub mod outcome;
pub mod pool;
mod receiving;
pub mod refusal;
pub mod reply;
pub mod reproduce;
pub mod runner;
pub mod session;
mod silence;
pub mod site;
pub mod survey;
mod wire;

mod rfc1939;
mod rfc2449;
mod rfc2595;
mod rfc3206;
mod rfc5034;
mod rfc6856;
mod rfc8314;

pub use accounts::{Account, Accounts, AccountsError, Seeding, unsendable};
pub use check::{Check, all};
pub use pool::Pool;
pub use runner::{Evidence, Runner};
pub use site::{Entrance, MailShown, Permissions, Security, Site};
pub use survey::{Plan, SurveyError, survey, survey_until};

/// The tables of all sections.
const SECTIONS: &[&[Check]] = &[
    rfc1939::s3_commands::CHECKS,
    rfc1939::s3_framing::CHECKS,
    rfc1939::s3_greeting::CHECKS,
    rfc1939::s4_lock::CHECKS,
    rfc1939::s4_states::CHECKS,
    rfc1939::s5_dele::CHECKS,
    rfc1939::s5_list::CHECKS,
    rfc1939::s5_retr::CHECKS,
    rfc1939::s5_stat::CHECKS,
    rfc1939::s6_update::CHECKS,
    rfc1939::s7_apop::CHECKS,
    rfc1939::s7_top::CHECKS,
    rfc1939::s7_uidl::CHECKS,
    rfc1939::s7_user::CHECKS,
    rfc1939::s8_policy::CHECKS,
    rfc2449::s5_capa::CHECKS,
    rfc2449::s6_capabilities::CHECKS,
    rfc2449::s6_pipelining::CHECKS,
    rfc2449::s8_response_codes::CHECKS,
    rfc2595::s4_stls::CHECKS,
    rfc3206::s4_sys::CHECKS,
    rfc3206::s5_auth::CHECKS,
    rfc5034::s3_capa::CHECKS,
    rfc5034::s4_auth::CHECKS,
    rfc5034::s4_responses::CHECKS,
    mechanisms::cram_md5::CHECKS,
    mechanisms::external::CHECKS,
    mechanisms::plain::CHECKS,
    mechanisms::scram::CHECKS,
    rfc6856::lang::CHECKS,
    rfc6856::utf8::CHECKS,
    rfc6856::utf8_messages::CHECKS,
    rfc8314::s3_implicit_tls::CHECKS,
    rfc8314::s4_certificate::CHECKS,
    rfc8314::s4_server::CHECKS,
];
