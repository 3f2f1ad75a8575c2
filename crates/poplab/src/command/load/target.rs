//! Whose server is loaded: its entrances, its addresses, and whether that is allowed. Nothing is dialled here.

use std::net::{SocketAddr, ToSocketAddrs as _};

use load::Targets;
use net::Endpoint;
use scenario::{Mode, Modes, Scenario};

use super::arguments::{Arguments, Tls};
use crate::embedded;
use crate::exit::Failure;
use crate::terminal::visible;

/// The port of POP3 with TLS from the first octet (RFC 8314 section 3.3).
const IMPLICIT_PORT: u16 = 995;
/// The port of POP3 in the clear, with STLS (RFC 1939 section 3).
const CLEAR_PORT: u16 = 110;

/// The entrances of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entrances {
    /// With TLS from the first octet.
    pub(super) implicit: Option<Endpoint>,
    /// In the clear at first.
    pub(super) clear: Option<Endpoint>,
}

impl Entrances {
    /// Those of the command line, or of the scenario; nothing when neither names a server. The scenario's TLS modes
    /// are settled with them: afterwards they name a way for every user. [`protect`] comes first.
    ///
    /// # Errors
    /// What the scenario names is no server, or there are not as many entrances as its modes need.
    pub(super) fn settle(arguments: &Arguments, scenario: &mut Scenario) -> anyhow::Result<Option<Self>> {
        let Some((target, also)) = named(arguments, scenario)? else {
            if scenario.tls.mode == Modes::Auto {
                scenario.tls.mode = Modes::Mix(vec![(1.0, Mode::Implicit)]);
            }
            return Ok(None);
        };
        Self::of(target, also, &mut scenario.tls.mode).map(Some)
    }

    /// What they are called in records.
    fn name(&self) -> String {
        self.each().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    }

    fn of(target: Endpoint, also: Option<Endpoint>, mode: &mut Modes) -> anyhow::Result<Self> {
        if also.as_ref() == Some(&target) {
            return Err(Failure::input(format!(
                "--also names the target itself, {target}; give its other port"
            )));
        }
        if *mode == Modes::Auto {
            *mode = Modes::Mix(match &also {
                Some(_) => vec![(1.0, Mode::Implicit), (1.0, Mode::Starttls)],
                None if target.port == IMPLICIT_PORT => vec![(1.0, Mode::Implicit)],
                None => vec![(1.0, Mode::Starttls)],
            });
        }
        let uses = |wanted: fn(Mode) -> bool| match &*mode {
            Modes::Mix(mix) => mix.iter().any(|(weight, mode)| *weight > 0.0 && wanted(*mode)),
            Modes::Auto => false,
        };
        let (implicit, clear) = (uses(|mode| mode == Mode::Implicit), uses(|mode| mode != Mode::Implicit));
        match (implicit, clear, also) {
            (true, true, Some(also)) => {
                let (implicit, clear) =
                    if also.port == IMPLICIT_PORT { (also, target) } else { (target, also) };
                Ok(Self { implicit: Some(implicit), clear: Some(clear) })
            }
            (true, true, None) => Err(Failure::input(format!(
                "the scenario mixes implicit TLS with cleartext ports, and {target} is only one of them; give the \
                 other port with --also, or one way for all with --tls"
            ))),
            (true, false, also) => {
                let by_port = also.filter(|also| also.port == IMPLICIT_PORT);
                Ok(Self { implicit: Some(by_port.unwrap_or(target)), clear: None })
            }
            (false, _, also) => {
                let by_port = also.filter(|_| target.port == IMPLICIT_PORT);
                Ok(Self { implicit: None, clear: Some(by_port.unwrap_or(target)) })
            }
        }
    }

    /// Both, those there are.
    pub(super) fn each(&self) -> impl Iterator<Item = &Endpoint> {
        self.implicit.iter().chain(&self.clear)
    }

    /// Looks up the addresses: one for each entrance, since a name with several stands for several machines, of which
    /// a load run is to load one.
    ///
    /// # Errors
    /// A name is unknown.
    pub(super) fn resolve(&self) -> anyhow::Result<Targets> {
        let addresses = |endpoint: &Option<Endpoint>| -> anyhow::Result<Vec<SocketAddr>> {
            endpoint.iter().map(resolve).collect()
        };
        Ok(Targets { implicit: addresses(&self.implicit)?, clear: addresses(&self.clear)? })
    }
}

/// What the command line says about how sessions are protected takes the place of what the scenario says.
pub(super) fn protect(arguments: &Arguments, scenario: &mut Scenario) {
    if let Some(tls) = arguments.tls {
        scenario.tls.mode = match tls {
            Tls::Auto => Modes::Auto,
            Tls::Implicit => Modes::Mix(vec![(1.0, Mode::Implicit)]),
            Tls::Starttls => Modes::Mix(vec![(1.0, Mode::Starttls)]),
            Tls::None => Modes::Mix(vec![(1.0, Mode::None)]),
        };
    }
}

/// The server that is named, and its second entrance if that is: by the command line, or else by the scenario.
///
/// # Errors
/// What the scenario names is no server.
pub(super) fn named(
    arguments: &Arguments,
    scenario: &Scenario,
) -> anyhow::Result<Option<(Endpoint, Option<Endpoint>)>> {
    // A target of the command line takes nothing from the scenario: the two ports belong to one server.
    if let Some(target) = &arguments.target {
        return Ok(Some((target.clone(), arguments.also.clone())));
    }
    let Some(target) = scenario.target.as_ref().filter(|_| arguments.defect.is_empty()) else {
        return Ok(None);
    };
    let parsed = |text: &String, key: &str| {
        text.parse::<Endpoint>().map_err(|error| Failure::input(format!("`{key}` of the scenario: {error}")))
    };
    let also = scenario.also.as_ref().map(|text| parsed(text, "also")).transpose()?;
    if target.contains(':') {
        return Ok(Some((parsed(target, "target")?, also)));
    }
    // A host alone has the usual ports.
    let usual = |port| parsed(&format!("{target}:{port}"), "target");
    let also = match also {
        None if scenario.tls.mode != Modes::Auto => Some(usual(CLEAR_PORT)?),
        also => also,
    };
    Ok(Some((usual(IMPLICIT_PORT)?, also)))
}

/// What the target is called in records: the entrances that sessions use, or what was named if that makes none.
pub(super) fn name(arguments: &Arguments, scenario: &Scenario) -> String {
    let mut scenario = scenario.clone();
    protect(arguments, &mut scenario);
    match Entrances::settle(arguments, &mut scenario) {
        Ok(Some(entrances)) => entrances.name(),
        Ok(None) => embedded::NAME.to_owned(),
        Err(_) => {
            let given = arguments.target.as_ref().map(ToString::to_string);
            visible(&given.or(scenario.target).unwrap_or_default()).replace('\n', " ")
        }
    }
}

/// Refuses a target that may be somebody else's, unless the user has said why they may.
///
/// # Errors
/// The target is outside loopback and the private address ranges, and no sentence was given.
pub(super) fn allowed(targets: &Targets, authorized: Option<&str>) -> anyhow::Result<()> {
    let addresses = targets.implicit.iter().chain(&targets.clear).map(SocketAddr::ip);
    load::budget::authorisation::authorize(addresses, authorized)
        .map_err(|refused| Failure::input(refused.to_string()))
}

/// Whether the number of the port says how it is protected.
pub(super) fn is_usual(target: &Endpoint) -> bool {
    matches!(target.port, IMPLICIT_PORT | CLEAR_PORT)
}

/// Whether a target may be dialled at all, to find out what it is.
///
/// # Errors
/// As [`allowed`], or its name is unknown.
pub(super) fn dialled(target: &Endpoint, authorized: Option<&str>) -> anyhow::Result<()> {
    allowed(&Targets { implicit: vec![resolve(target)?], clear: Vec::new() }, authorized)
}

fn resolve(endpoint: &Endpoint) -> anyhow::Result<SocketAddr> {
    let mut addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(|error| {
        Failure::not_carried_out(format!("the name {} could not be looked up ({error})", endpoint.host))
    })?;
    // `localhost` is ::1 first on most machines, and most servers of a test listen on 127.0.0.1.
    let first = addresses.next();
    let fourth = addresses.find(SocketAddr::is_ipv4);
    first
        .map(|first| fourth.filter(|_| first.ip().is_loopback()).unwrap_or(first))
        .ok_or_else(|| Failure::not_carried_out(format!("the name {} has no address", endpoint.host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    fn mix(modes: &[Mode]) -> Modes {
        Modes::Mix(modes.iter().map(|mode| (1.0, *mode)).collect())
    }

    fn settled(target: &str, also: Option<&str>, mut mode: Modes) -> (String, Modes) {
        let shown = |endpoint: Option<Endpoint>| endpoint.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let entrances = Entrances::of(endpoint(target), also.map(endpoint), &mut mode);
        let text = match entrances {
            Ok(entrances) => format!("{} {}", shown(entrances.implicit), shown(entrances.clear)),
            Err(error) => error.to_string(),
        };
        (text, mode)
    }

    #[test]
    fn the_port_tells_how_it_is_protected_unless_the_scenario_does() {
        use Mode::{Implicit, None as Clear, Starttls};
        let auto = || Modes::Auto;
        assert_eq!(settled("a:995", None, auto()), ("a:995 -".to_owned(), mix(&[Implicit])));
        assert_eq!(settled("a:110", None, auto()), ("- a:110".to_owned(), mix(&[Starttls])));
        assert_eq!(
            settled("a:995", Some("a:110"), auto()),
            ("a:995 a:110".to_owned(), mix(&[Implicit, Starttls]))
        );
        assert_eq!(settled("a:1110", None, mix(&[Implicit])).0, "a:1110 -");
        assert_eq!(settled("a:1110", None, mix(&[Starttls, Clear])).0, "- a:1110");
        assert_eq!(settled("a:110", Some("a:995"), mix(&[Clear, Implicit])).0, "a:995 a:110");
        assert_eq!(settled("a:1", Some("a:2"), mix(&[Clear, Implicit])).0, "a:1 a:2");
        assert_eq!(settled("a:995", Some("a:110"), mix(&[Clear])).0, "- a:110");
        assert!(settled("a:995", None, mix(&[Implicit, Starttls])).0.contains("--also"));
        assert!(settled("a:995", Some("a:995"), mix(&[Implicit])).0.contains("the target itself"));
    }

    #[test]
    fn a_name_of_this_machine_is_its_fourth_version_address() {
        assert_eq!(resolve(&endpoint("localhost:110")).unwrap(), "127.0.0.1:110".parse().unwrap());
    }
}
