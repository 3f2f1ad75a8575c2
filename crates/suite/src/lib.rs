//! Checks of POP3 servers: whether a server keeps RFC 1939 and its extensions, and whether its users' mail is safe.
//!
//! The way through the house: [`survey()`] looks at an entrance once and yields a [`Site`]; a [`Runner`] gives every
//! chosen [`Check`] a [`lab::Lab`] and turns what comes of it into [`Evidence`]. Checks live in one file per RFC
//! section. This crate deliberately writes no files, prints nothing and opens no socket (that is `net`'s).

pub mod accounts;
pub mod catalogue;
pub mod causes;
pub mod check;
mod client_hello;
mod credentials;
pub mod crowd;
mod deletion;
mod deviation;
mod difference;
mod discretion;
mod early;
mod enduring;
pub mod journal;
pub mod lab;
pub mod login;
mod mechanisms;
mod needs;
pub mod operator;
pub mod outcome;
pub mod pool;
mod practice;
mod receiving;
pub mod refusal;
mod refuses;
pub mod reply;
pub mod reproduce;
pub mod runner;
pub mod session;
mod silence;
pub mod site;
pub mod survey;
mod timestamp;
mod together;
mod wire;

mod rfc1939;
mod rfc2449;
mod rfc2595;
mod rfc3206;
mod rfc5034;
mod rfc6856;
mod rfc8314;

pub use accounts::hooks::{Hook, Hooks};
pub use accounts::{Account, Accounts, AccountsError, Seeding, unsendable};
pub use check::{Check, Cost, WrongPasswords, all};
pub use journal::Leavings;
pub use operator::{Acting, Operations, Operator, Order, Unable};
pub use pool::Pool;
pub use runner::{Evidence, Runner};
pub use site::{Costs, Entrance, MailShown, Permissions, Security, Site};
pub use survey::{Plan, SurveyError, survey, survey_until};
