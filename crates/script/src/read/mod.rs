//! Reading a script from YAML: what the tables cannot say is examined here.

mod expectation;

use std::time::Duration;

use yaml::{Findings, Node, Problems, units};

use crate::table::{ACTIONS, CERTIFICATES, COMMANDS, ENDINGS, KIND, MOMENTS, PLACES};
use crate::{Action, Certificate, Ending, Fault, Moment, Place, Policy, Script, State, When};

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
        let policy = root.at("policy").map_or_else(Policy::default, |node| policy(node, &mut findings));
        if ["policy", "faults", "expect"].iter().all(|key| root.at(key).is_none()) {
            findings.wrong(&root, "a script has `faults`, a `policy`, or what it does `expect`");
        }
        findings.finish(Some(Script { policy, faults, expect }))
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

fn policy(node: &Node, findings: &mut Findings<'_>) -> Policy {
    let mut few = |key: &str| {
        let count = node.read(key, units::whole)?;
        if count > 255
            && let Some(value) = node.at(key)
        {
            findings.wrong(value, "at most 255");
        }
        u8::try_from(count).ok()
    };
    let (refusals, login_delays) = (few("close_after_refusals"), few("login_delays").unwrap_or_default());
    let flag = |key: &str| node.text(key) == Some("true");
    Policy {
        refusals,
        login_delays,
        password_for_user_only: flag("password_for_user_only"),
        busy_without_code: flag("busy_without_code"),
        keeps_deleted: flag("keeps_deleted"),
    }
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
        "say" => lines(value, findings).map(Action::Say),
        "inject" => lines(value, findings).map(Action::Inject),
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

/// Lines of the wire, from a text of one or several or from a list of lines.
fn lines(node: &Node, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let Some(text) = node.scalar() else {
        let each = node.list()?.iter().map(|item| line(item, item.scalar()?, findings));
        // Each is read, so that all that is wrong is told.
        return each.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(|lines| lines.concat());
    };
    // What ends the last line begins no further one.
    let each = text.strip_suffix('\n').unwrap_or(text).split('\n').map(|text| line(node, text, findings));
    each.collect::<Option<Vec<_>>>().map(|lines| lines.concat())
}

/// A line of the wire: CRLF is added, and `\r`, `\n`, `\0` and `\xNN` stand for octets.
fn line(node: &Node, text: &str, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let (mut octets, mut rest) = (Vec::new(), text.chars());
    while let Some(character) = rest.next() {
        if character != '\\' {
            let mut buffer = [0; 4];
            octets.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let octet = match rest.next() {
            Some('r') => Some(b'\r'),
            Some('n') => Some(b'\n'),
            Some('0') => Some(0),
            Some('\\') => Some(b'\\'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2)
            }
            _ => None,
        };
        let Some(octet) = octet else {
            findings.wrong(
                node,
                "behind a backslash stands `r`, `n`, `0`, `\\` or `x` and two hexadecimal digits",
            );
            return None;
        };
        octets.push(octet);
    }
    octets.extend_from_slice(b"\r\n");
    Some(octets)
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
