//! The check of the certificate, whose verdict depends on the client's trust as much as on the server.

use std::rc::Rc;

use net::{Authority, Dialer, MemoryNetwork, Trust};
use record::Verdict;
use suite::{Plan, Pool, Security};

use crate::laboratory::{LOOKING, SEED, judge, paused, world};

/// The verdict and its reason when, after the survey, trust has become this.
fn verdict(trust: impl FnOnce(&MemoryNetwork) -> Trust) -> (Verdict, String) {
    let evidence = paused(async {
        let network = MemoryNetwork::new(world([])).expect("a network in memory");
        let dialer = |trust| Dialer::memory(&network, trust).expect("a dialer in memory");
        let plan = Plan {
            endpoint: network.tls(),
            security: Some(Security::Implicit),
            dialer: dialer(Trust::Only { ca_pem: network.ca_pem().into() }),
            pool: Pool::new(Vec::new()),
            permissions: LOOKING,
            seed: SEED,
            wait: None,
            until: None,
            operations: None,
        };
        let site = suite::survey(plan).await.0.expect("the fake can be surveyed");
        let Ok(mut site) = Rc::try_unwrap(site) else { panic!("the survey keeps its site") };
        site.dialer = dialer(trust(&network));
        let check = suite::all().into_iter().find(|check| check.id == "rfc8314.cert-identity");
        judge(&Rc::new(site), check.into_iter().collect(), 1).await
    });
    let result = evidence.into_iter().next().expect("the check exists").result;
    (result.verdict, result.observed)
}

#[test]
fn a_certificate_that_verifies_passes() {
    let (verdict, observed) = verdict(|network| Trust::Only { ca_pem: network.ca_pem().into() });
    assert_eq!(verdict, Verdict::Pass, "{observed}");
}

#[test]
fn without_verification_there_is_no_verdict() {
    let expected = (Verdict::Inconclusive, "the certificate was not verified".to_owned());
    assert_eq!(verdict(|_| Trust::Insecure), expected);
}

#[test]
fn a_certificate_that_does_not_verify_fails() {
    let stranger = Authority::new().expect("an authority");
    let (verdict, observed) = verdict(|_| Trust::Only { ca_pem: stranger.pem().into() });
    assert_eq!(verdict, Verdict::Fail, "{observed}");
    assert!(observed.contains("unknown issuer"), "{observed}");
}
