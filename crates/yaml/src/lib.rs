//! YAML files as people write them, read by tables of keys: *all* mistakes at once, each with its line, its column and
//! what was probably meant.
//!
//! A [`Kind`] of file is a [`Table`] of keys with what each holds and what it is for. [`Kind::read`] gives the tree
//! ([`Node`]) and the [`Findings`]: what the table finds wrong by itself (unknown and repeated keys, missing ones, wrong
//! types, wrong units, wrong words). The caller goes through the tree, takes what is right, adds what no table can say,
//! and [`Findings::finish`] gives what was read, or all that is wrong. [`Kind::schema`] is the JSON Schema from the same
//! tables.
//!
//! ```
//! use std::time::Duration;
//! use yaml::{Form, Kind, Node, Problems, Table, key, needed, table, units};
//!
//! static SCRIPT: Kind = Kind::new("fault script", &FILE);
//! static FILE: Table =
//!     table("a fault script", &[needed("faults", Form::List(&Form::Map(&FAULT)), "What goes wrong, and when.")]);
//! static FAULT: Table = table(
//!     "a fault",
//!     &[
//!         needed("when", Form::Map(&MOMENT), "Where in a session it acts."),
//!         needed("do", Form::Either(&[Form::Word(&["close", "stall"]), Form::Map(&ACTION)]), "What it does."),
//!     ],
//! );
//! static MOMENT: Table = table(
//!     "a moment",
//!     &[
//!         needed("command", Form::Word(&["RETR", "QUIT"]), "The command."),
//!         key("nth", Form::Whole(1), "Which of them. Default 1."),
//!     ],
//! );
//! const ACTIONS: [&str; 2] = ["wait", "say"];
//! static ACTION: Table = table(
//!     "an action",
//!     &[key("wait", Form::Duration, "Nothing for so long."), key("say", Form::Text, "This line.")],
//! )
//! .one_of(&ACTIONS);
//!
//! #[derive(Debug, PartialEq)]
//! enum Action {
//!     Close,
//!     Stall,
//!     Wait(Duration),
//!     Say(String),
//! }
//!
//! // What the table refuses is told already: here it is `None`.
//! fn action(node: &Node) -> Option<Action> {
//!     match (node.scalar(), node.chosen(&ACTIONS)) {
//!         (Some("close"), _) => Some(Action::Close),
//!         (Some("stall"), _) => Some(Action::Stall),
//!         (_, Some(("wait", _))) => node.read("wait", units::duration).map(Action::Wait),
//!         (_, Some((_, line))) => line.scalar().map(|line| Action::Say(line.to_owned())),
//!         _ => None,
//!     }
//! }
//!
//! fn read(text: &str) -> Result<Vec<(u64, Action)>, Problems> {
//!     let (root, mut findings) = SCRIPT.read(text, "faults.yaml")?;
//!     let mut faults = Vec::new();
//!     for fault in root.items("faults") {
//!         let (Some(when), Some(what)) = (fault.at("when"), fault.at("do")) else { continue };
//!         let nth = when.read("nth", units::whole).unwrap_or(1);
//!         // What no table can say.
//!         if when.text("command") == Some("QUIT") && nth > 1 {
//!             findings.wrong(when, "a session has only one QUIT");
//!         }
//!         faults.extend(action(what).map(|action| (nth, action)));
//!     }
//!     findings.finish(Some(faults))
//! }
//!
//! let good = "
//! faults:
//!   - when: {command: RETR, nth: 3}
//!     do: {wait: 250ms}
//!   - {when: {command: QUIT}, do: close}
//! ";
//! assert_eq!(read(good).unwrap(), [(3, Action::Wait(Duration::from_millis(250))), (1, Action::Close)]);
//!
//! let bad = "
//! faults:
//!   - {when: {command: RETR, nht: 3}, do: {wait: 250}}
//!   - {when: {command: RERT}, do: {wait: 1s, say: -ERR}}
//! ";
//! assert_eq!(
//!     read(bad).unwrap_err().to_string(),
//!     "faults.yaml:3:28: unknown key `nht` in a moment; did you mean `nth`?
//!     3 |   - {when: {command: RETR, nht: 3}, do: {wait: 250}}
//!       |                            ^^^
//! faults.yaml:3:48: `wait`: `250` has no unit: is it `250ms` or `250s` or `250min`?
//!     3 |   - {when: {command: RETR, nht: 3}, do: {wait: 250}}
//!       |                                                ^^^
//! faults.yaml:4:22: `command`: unknown word `RERT`; did you mean `RETR`?
//!     4 |   - {when: {command: RERT}, do: {wait: 1s, say: -ERR}}
//!       |                      ^^^^
//! faults.yaml:4:44: `say` and `wait` exclude each other: give one of `wait`, `say`
//!     4 |   - {when: {command: RERT}, do: {wait: 1s, say: -ERR}}
//!       |                                            ^^^
//! 4 problems"
//! );
//! ```
//!
//! What this crate does *not* do: it opens no file, reads no environment, and knows no kind of file. Its contract: no
//! text makes it panic, and a password is never shown ([`Excerpts`], [`Form::Secret`]).

mod document;
mod examine;
mod findings;
pub mod fuzzing;
mod kind;
mod mask;
mod problem;
mod schema;
mod table;
pub mod units;
mod words;

pub use document::{Node, Value};
pub use findings::Findings;
pub use kind::{Excerpts, Kind};
pub use problem::{Place, Problem, Problems};
pub use table::{Form, Key, Line, Table, key, needed, table};
pub use words::{Synonyms, meant, nearest};
