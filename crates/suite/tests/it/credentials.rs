//! No password, and nothing that is made from one, goes in cleartext to another host: every check is made to try, whatever
//! it needs, and all octets that it sends are looked at.

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::{Dialer, Endpoint, MemoryNetwork, Stream, Trust};
use suite::lab::Lab;
use suite::outcome::{Outcome, Stop};
use suite::{Plan, Pool, Security, Site};

use crate::laboratory::{EVERYTHING, SEED, accounts, identity, named, password, paused, world};

/// No check takes as long, on a clock that moves only where something is waited for.
const AT_MOST: Duration = Duration::from_hours(1);

/// One connection, in octets.
#[derive(Default)]
struct Conversation {
    client: Vec<u8>,
    server: Vec<u8>,
}

/// Somebody on the way who reads along: all connections since somebody last asked, and those that are still open.
#[derive(Clone, Default)]
struct Eavesdropper(Arc<Mutex<Vec<Arc<Mutex<Conversation>>>>>);

impl Eavesdropper {
    /// A dialer of connections that are listened to.
    fn dialer(&self, network: &MemoryNetwork, server: Endpoint) -> Dialer {
        let trust = || Trust::Only { ca_pem: network.ca_pem().as_bytes().to_vec() };
        let behind = Dialer::memory(network, trust()).expect("a dialer in memory");
        let ear = self.clone();
        let accept = move |client: Stream| {
            let heard = Arc::<Mutex<Conversation>>::default();
            ear.0.lock().expect("nobody panics").push(Arc::clone(&heard));
            tokio::spawn(listen(heard, client, behind.clone(), server.clone()));
        };
        Dialer::played(accept, trust()).expect("a dialer in memory")
    }

    /// The secrets that were heard since somebody last asked.
    fn secrets(&self) -> Vec<String> {
        let mut all = self.0.lock().expect("nobody panics");
        let mut found = Vec::new();
        for heard in all.iter() {
            let mut heard = heard.lock().expect("nobody panics");
            found.extend(secrets(&heard));
            heard.client.clear();
        }
        all.retain(|heard| Arc::strong_count(heard) > 1);
        found
    }
}

async fn listen(heard: Arc<Mutex<Conversation>>, mut client: Stream, behind: Dialer, server: Endpoint) {
    let Ok(mut server) = behind.connect(&server, None).await else { return };
    let (mut from_client, mut from_server) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            biased;
            read = server.read(&mut from_server) => {
                let octets = &from_server[..read.unwrap_or(0)];
                heard.lock().expect("nobody panics").server.extend_from_slice(octets);
                if octets.is_empty() || client.write_all(octets).await.is_err() {
                    break;
                }
            }
            read = client.read(&mut from_client) => {
                let octets = &from_client[..read.unwrap_or(0)];
                heard.lock().expect("nobody panics").client.extend_from_slice(octets);
                if octets.is_empty() || server.write_all(octets).await.is_err() {
                    break;
                }
            }
        }
    }
    client.close().await;
}

/// All that an eavesdropper could learn, or try passwords against.
fn secrets(heard: &Conversation) -> Vec<String> {
    let text = String::from_utf8_lossy(&heard.client).into_owned();
    let mut found = Vec::new();
    // Every password of these tests begins so, and what checks make from one has most of it.
    if text.to_lowercase().contains("secret-of") {
        found.push(format!("a password: {text}"));
    }
    if text.lines().any(|line| line.trim_end().to_ascii_uppercase().starts_with("PASS ")) {
        found.push(format!("PASS with an argument: {text}"));
    }
    // In base64 it stands in one of three ways; whatever was put between its letters is taken out.
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    for part in ["Secret-of-", "ecret-of-", "cret-of-", "SECRET-OF-", "ECRET-OF-", "CRET-OF-"] {
        let whole = part.len() / 3 * 3;
        if letters.contains(&sasl::base64::encode(&part[..whole])) {
            found.push(format!("a password in base64: {text}"));
        }
    }
    let decoded: Vec<String> = text
        .split_whitespace()
        .filter_map(|word| sasl::base64::decode(word.as_bytes()).ok())
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect();
    if decoded.iter().any(|said| said.contains(",p=")) {
        found.push(format!("a proof of SCRAM: {text}"));
    }
    for digest in digests(&heard.server) {
        // A check may give a digest with its first digit changed, or a half of one.
        let telling = &digest[1..16];
        if text.contains(telling) || decoded.iter().any(|said| said.contains(telling)) {
            found.push(format!("a digest of a password: {text}"));
        }
    }
    found
}

/// What APOP and CRAM-MD5 make of the passwords and what the server said.
fn digests(server: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(server).into_owned();
    let mut digests = Vec::new();
    for line in text.lines() {
        let timestamp = sasl::apop::timestamp(line.as_bytes()).map(str::to_owned);
        let challenge = line.strip_prefix("+ ").and_then(|data| sasl::base64::decode(data.as_bytes()).ok());
        for (user, ..) in named() {
            let password = password(&user);
            digests.extend(timestamp.as_ref().map(|timestamp| sasl::apop::digest(timestamp, &password)));
            digests.extend(challenge.as_ref().map(|challenge| sasl::cram_md5::digest(challenge, &password)));
        }
    }
    digests
}

/// What became of a check, and what an eavesdropper heard of it.
struct Tried {
    id: &'static str,
    outcome: Outcome,
    secrets: Vec<String>,
}

/// Lets every check do what it does at an entrance where all was found that it could need. Whether the host is this one
/// is known only then, so that nothing keeps it from trying but what keeps its octets back.
fn tried(security: Security, loopback: bool) -> Vec<Tried> {
    paused(async {
        let network = MemoryNetwork::with_identity(world([]), identity()).expect("a network in memory");
        let ear = Eavesdropper::default();
        let plan = Plan {
            endpoint: network.clear(),
            security: Some(security),
            dialer: ear.dialer(&network, network.clear()),
            pool: Pool::new(accounts()),
            permissions: EVERYTHING,
            seed: SEED,
            wait: None,
            until: None,
            operations: None,
        };
        let (site, _) = suite::survey(plan).await;
        let mut site: Site = (*site.expect("the fake can be surveyed")).clone();
        site.permissions.loopback = loopback;
        let site = Rc::new(site);
        ear.secrets();
        let mut tried = Vec::new();
        for check in suite::all() {
            let lab = Lab::new(Rc::clone(&site), check.id, None);
            let outcome = tokio::time::timeout(AT_MOST, (check.run)(&lab)).await.expect("a check ends");
            tried.push(Tried { id: check.id, outcome, secrets: ear.secrets() });
        }
        tried
    })
}

fn is_kept_back(tried: &Tried) -> bool {
    matches!(&tried.outcome, Err(Stop::Skipped(why)) if why.starts_with("no password is sent in cleartext"))
}

#[test]
fn every_check_keeps_its_passwords_to_itself_in_cleartext_to_another_host() {
    for security in [Security::Clear, Security::Starttls] {
        let tried = tried(security, false);
        let ids: Vec<&str> = tried.iter().map(|tried| tried.id).collect();
        assert_eq!(ids, suite::all().iter().map(|check| check.id).collect::<Vec<_>>());
        for Tried { id, secrets, .. } in &tried {
            assert!(secrets.is_empty(), "{security}, {id}: {secrets:#?}");
        }
        if security == Security::Clear {
            let kept_back = tried.iter().filter(|tried| is_kept_back(tried)).count();
            assert!(kept_back >= 150, "only {kept_back} of {} wanted to log in", ids.len());
        }
    }
}

/// The same ear hears the passwords where they may be heard.
#[test]
fn the_same_checks_give_their_passwords_in_cleartext_to_this_host() {
    let tried = tried(Security::Clear, true);
    let heard = tried.iter().filter(|tried| !tried.secrets.is_empty()).count();
    assert!(heard >= 150, "only {heard} of {} were heard to log in", tried.len());
    assert!(!tried.iter().any(is_kept_back));
    let all: Vec<&String> = tried.iter().flat_map(|tried| &tried.secrets).collect();
    for kind in ["a password:", "a password in base64:", "a proof of SCRAM:", "a digest of", "PASS with"] {
        assert!(all.iter().any(|secret| secret.starts_with(kind)), "{kind}");
    }
}
