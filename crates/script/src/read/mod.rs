//! Reading a script from YAML: what the tables cannot say is examined here.

mod expectation;
mod lies;
mod policy;
mod text;

use std::time::Duration;

use yaml::{Findings, Node, Problems, units};

use crate::table::{ACTIONS, CERTIFICATES, COMMANDS, ENDINGS, KIND, MOMENTS, PLACES};
use crate::{Action, Certificate, Ending, Fault, Moment, Place, Script, State, When};

/// More faults, and more expectations, than anybody writes; more are not read.
const ITEMS_AT_MOST: usize = 1000;

/// Garbage is made in memory.
const GARBAGE_AT_MOST: u64 = 16 * 1024 * 1024;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and with what was probably meant.
    pub fn read(text: &str, path: &str) -> Result<Script, Problems> {
        let (root, mut findings) = KIND.read(text, path)?;
        let faults = each(&root, "faults", &mut findings, fault);
        let expect = each(&root, "expect", &mut findings, |node, findings| {
            Some(expectation::expectation(node, findings))
        });
        let policy = root.at("policy").map(|node| policy::policy(node, &mut findings)).unwrap_or_default();
        let lies = root.at("lies").map(|node| lies::lies(node, &mut findings)).unwrap_or_default();
        if ["policy", "lies", "faults", "expect"].iter().all(|key| root.at(key).is_none()) {
            findings.wrong(&root, "a script has `faults`, `lies`, a `policy`, or what it does `expect`");
        }
        findings.finish(Some(Script { policy, lies, faults, expect }))
    }
}

/// The items of a list, as far as nothing is wrong with them.
fn each<T>(
    root: &Node,
    key: &str,
    findings: &mut Findings<'_>,
    read: impl Fn(&Node, &mut Findings<'_>) -> Option<T>,
) -> Vec<T> {
    let items = root.items(key);
    if let Some(node) = items.get(ITEMS_AT_MOST) {
        findings.wrong(node, format!("`{key}` has more than {ITEMS_AT_MOST} items"));
    }
    items.iter().take(ITEMS_AT_MOST).filter_map(|node| read(node, findings)).collect()
}

/// `None` where something is wrong that has been told.
fn fault(node: &Node, findings: &mut Findings<'_>) -> Option<Fault> {
    let when = when(node.at("when")?, findings)?;
    let what = node.at("do")?;
    let action = action(what, findings)?;
    examine(node, what, &when, &action, findings);
    let name = node.text("name").map_or_else(|| described(&when, &action), str::to_owned);
    Some(Fault { name, when, action, times: node.read("times", units::whole) })
}

fn when(node: &Node, findings: &mut Findings<'_>) -> Option<When> {
    at_most_one(node, &MOMENTS, findings);
    at_most_one(node, &PLACES, findings);
    let moment = match (node.text("at"), node.text("command")) {
        (Some("connect"), _) => Moment::Connect,
        (Some("handshake"), _) => Moment::Handshake,
        (Some("greeting"), _) => Moment::Greeting,
        (Some(_), _) => return None,
        (None, None | Some("ANY")) => Moment::Command(None),
        (None, Some(word)) => Moment::Command(Some(COMMANDS.into_iter().find(|known| *known == word)?)),
    };
    let place = match node.chosen(&PLACES) {
        Some(("octet", _)) => Place::Octet(node.read("octet", units::whole)?),
        Some(("message_octet", _)) => Place::MessageOctet(node.read("message_octet", units::whole)?),
        Some((_, word)) if word.scalar() == Some("end") => Place::After,
        Some(_) => Place::BeforeTerminator,
        None => Place::Before,
    };
    let whole = |key: &str| node.read(key, units::whole);
    let (session, every_session) = (whole("session"), whole("every_session"));
    let (state, accepted) = (state(node), accepted(node));
    let (message, nth) = (whole("message"), whole("nth"));
    Some(When { session, every_session, state, moment, message, accepted, nth, place })
}

fn state(node: &Node) -> Option<State> {
    match node.text("state")? {
        "authorization" => Some(State::Authorization),
        "transaction" => Some(State::Transaction),
        _ => None,
    }
}

fn accepted(node: &Node) -> Option<bool> {
    node.text("reply").map(|word| word == "ok")
}

fn action(node: &Node, findings: &mut Findings<'_>) -> Option<Action> {
    if let Some(word) = node.scalar() {
        return ENDINGS.iter().position(|known| *known == word).and_then(ending).map(Action::End);
    }
    let (key, value) = node.chosen(&ACTIONS)?;
    match key {
        "delay" => node.read("delay", units::duration).map(Action::Delay),
        "trickle" => Some(Action::Trickle {
            octets: value.read("octets", units::whole).unwrap_or(1),
            every: value.read("every", units::duration)?,
        }),
        "split" => {
            let sizes =
                value.list()?.iter().map(|size| size.scalar().and_then(|text| units::whole(text).ok()));
            sizes.collect::<Option<Vec<u64>>>().map(Action::Split)
        }
        "say" => text::lines(value, findings).map(Action::Say),
        "inject" => text::lines(value, findings).map(Action::Inject),
        "garbage" => {
            let count = node.read("garbage", units::whole)?;
            if count > GARBAGE_AT_MOST {
                findings.wrong(value, format!("garbage is made in memory: at most {GARBAGE_AT_MOST} octets"));
                return None;
            }
            // Anything but letters, digits and line ends, the same each time.
            Some(Action::Inject(
                (0..count).map(|place| 0x80 | (place.wrapping_mul(37) % 113) as u8).collect(),
            ))
        }
        "refuse" => refusal(value, findings),
        _ => {
            let place = CERTIFICATES.iter().position(|known| value.scalar() == Some(known))?;
            Certificate::ALL.get(place).copied().map(Action::Certificate)
        }
    }
}

fn ending(place: usize) -> Option<Ending> {
    let all = [
        Ending::Close,
        Ending::CloseWithoutNotify,
        Ending::Reset,
        Ending::HalfClose,
        Ending::Alert,
        Ending::Stall,
    ];
    all.get(place).copied()
}

fn refusal(node: &Node, findings: &mut Findings<'_>) -> Option<Action> {
    let (code, text) = match node.scalar() {
        Some(text) => (None, text),
        None => (node.text("code"), node.text("text")?),
    };
    let one_line = |text: &str| text.chars().all(|character| (' '..='~').contains(&character));
    if !one_line(text) || !code.is_none_or(one_line) {
        findings.wrong(node, "a refusal is one line of ASCII; use `say` for anything else");
        return None;
    }
    Some(Action::Refuse { code: code.map(str::to_owned), text: text.to_owned() })
}

fn at_most_one(node: &Node, keys: &[&str], findings: &mut Findings<'_>) {
    let given: Vec<&str> = keys.iter().copied().filter(|key| node.at(key).is_some()).collect();
    if let [_, second, ..] = given[..]
        && let Some((key, _)) = node.entry(second)
    {
        findings.wrong(key, format!("`{}` exclude each other", given.join("` and `")));
    }
}

/// What goes together in no session.
fn examine(fault: &Node, what: &Node, when: &When, action: &Action, findings: &mut Findings<'_>) {
    let spoken = matches!(when.moment, Moment::Command(_) | Moment::Greeting);
    if !spoken
        && !matches!(action, Action::End(_) | Action::Delay(_) | Action::Inject(_) | Action::Certificate(_))
    {
        findings.wrong(
            what,
            "before a handshake there is no reply: end it, delay it, `inject`, or show a `certificate`",
        );
    }
    if matches!(action, Action::Certificate(_)) && when.moment != Moment::Handshake {
        findings.wrong(what, "a certificate is shown in a handshake: say `when: {at: handshake}`");
    }
    if !spoken
        && when.place != Place::Before
        && let Some(node) = fault.at("when")
    {
        findings.wrong(node, "before a handshake there are no octets to count");
    }
    if matches!(action, Action::Say(_) | Action::Refuse { .. })
        && when.place != Place::Before
        && let Some(node) = fault.at("when")
    {
        findings.wrong(
            node,
            "what is said instead of the reply has no place in it; leave the octet away, or `inject`",
        );
    }
    let command = matches!(when.moment, Moment::Command(_));
    if !command
        && (when.message.is_some() || when.state.is_some() || when.accepted.is_some())
        && let Some(node) = fault.at("when")
    {
        findings.wrong(node, "`message`, `state` and `reply` are about commands");
    }
    if matches!(action, Action::Refuse { .. }) && when.accepted.is_some() {
        findings.wrong(what, "a command that is refused has no reply yet; leave `reply` away");
    }
    if matches!(action, Action::Refuse { .. }) && !command {
        findings.wrong(what, "only commands are refused; use `say` for the greeting");
    }
}

/// A name for a fault that has none.
fn described(when: &When, action: &Action) -> String {
    let what = match action {
        Action::End(ending) => format!("{ending:?}").to_lowercase(),
        Action::Delay(time) => format!("delay of {}", seconds(*time)),
        Action::Trickle { octets, every } => format!("trickle of {octets} every {}", seconds(*every)),
        Action::Split(_) => "split".to_owned(),
        Action::Say(_) => "another reply".to_owned(),
        Action::Inject(_) => "injected octets".to_owned(),
        Action::Refuse { .. } => "refusal".to_owned(),
        Action::Certificate(certificate) => format!("certificate {certificate:?}").to_lowercase(),
    };
    let moment = match when.moment {
        Moment::Connect => "connect",
        Moment::Handshake => "handshake",
        Moment::Greeting => "greeting",
        Moment::Command(None) => "every command",
        Moment::Command(Some(word)) => word,
    };
    format!("{what} at {moment}")
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
