//! Figures against arithmetic: what is known of the server must be found in the histograms.

use std::time::Duration;

use chance::{Chance, Distribution};
use fake::Pace;
use net::Freeze;
use scenario::{Behaviour, Link, Mechanism, Mode, Modes, Process, Tls};

use crate::stage::{PASSWORD, Run, Stage, USERS, clear, scenario};

/// A quantile by its definition: the smallest value that is not exceeded by this part.
#[expect(clippy::cast_sign_loss, reason = "a part of a length is not negative")]
fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted[((part * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1]
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= expected * 0.01, "{what}: {found} ms, not {expected} ms");
}

/// The acceptance test of every load generator: a closed loop would report the two seconds once.
#[test]
fn a_server_that_stands_still_cannot_hide_whom_it_kept_waiting() {
    let mut stage = Stage::new(1000, |_| {});
    let start = Duration::from_millis(10);
    stage.freeze = Some(Freeze { after: start + Duration::from_secs(4), lasting: Duration::from_secs(2) });
    let scenario =
        scenario(1000).open(100.0, Duration::from_secs(10)).behaviour(1.0, Behaviour::Poll).build().unwrap();
    let run = stage.run(&scenario);
    run.all_well();

    let mut waits: Vec<f64> = (0..1000_u32)
        .map(|k| f64::from(k) * 10.0)
        .map(|at| if (4000.0..6000.0).contains(&at) { 6000.0 - at } else { 0.0 })
        .collect();
    waits.sort_by(f64::total_cmp);
    for tag in ["ready", "session"] {
        assert_eq!(run.count(tag), 1000);
        for part in [0.85, 0.9, 0.95, 0.99, 0.999] {
            close(run.quantile(tag, false, part), quantile(&waits, part), &format!("{tag} {part}"));
        }
        assert!(run.quantile(tag, false, 0.5) < 0.001, "half of them did not wait at all");
    }
    let frozen = &run.seconds[5];
    assert_eq!((frozen.asked, frozen.completed), (100, 0));
    assert!(frozen.open >= 199, "{} wait", frozen.open);
}

#[test]
fn a_known_distribution_is_measured_as_it_was_served() {
    let latency = Distribution::LogNormal { median: 0.5, sigma: 0.5 };
    let stage = Stage::new(2000, |configuration| {
        configuration.pace = Pace { latency: Some(latency.clone()), greeting: false };
    });
    let scenario =
        scenario(2000).open(100.0, Duration::from_secs(20)).behaviour(1.0, Behaviour::Poll).build().unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    // STAT is the third line of each connection, after USER and PASS.
    let mut served: Vec<f64> =
        (1..=2000).map(|connection| latency.sample(&mut Chance::of(&[11, connection, 3])) * 1e3).collect();
    served.sort_by(f64::total_cmp);
    for part in [0.5, 0.9, 0.99, 0.999] {
        for service in [true, false] {
            close(run.quantile("STAT", service, part), quantile(&served, part), &format!("STAT {part}"));
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run_to_the_octet() {
    let run = |seed: u64| {
        let stage = Stage::new(USERS, |configuration| {
            configuration.pace.latency = Some(Distribution::Exponential { mean: 0.03 });
        });
        let think = Distribution::Exponential { mean: 0.2 };
        let scenario = scenario(USERS)
            .seed(seed)
            .process(Process::Poisson)
            .open(20.0, Duration::from_secs(5))
            .think(think)
            .behaviour(4.0, Behaviour::Poll)
            .behaviour(2.0, Behaviour::LeaveOnServer { remember: 0.5 })
            .behaviour(2.0, Behaviour::Retrieve { most: 2 })
            .behaviour(1.0, Behaviour::HeaderPreview { lines: 3, most: 2 })
            .behaviour(1.0, Behaviour::GiveUpMidRetr { after_octets: 700 })
            .tls(Tls {
                mode: Modes::Mix(vec![(2.0, Mode::None), (1.0, Mode::Implicit), (1.0, Mode::Starttls)]),
                ..clear()
            })
            .build()
            .unwrap();
        let run = stage.run(&scenario);
        run.all_well();
        let written: Vec<String> =
            run.seconds.iter().map(|second| serde_json::to_string(second).unwrap()).collect();
        (run, written)
    };
    let (first, written) = run(1);
    assert_eq!(written, run(1).1);
    assert_ne!(written, run(2).1);
    let good: Vec<&str> = transcripts(&first).collect();
    assert_eq!(good.len(), 3, "{good:?}");
    assert!(good.iter().all(|text| !text.contains(PASSWORD) && text.contains("QUIT")), "{good:?}");
    assert!(first.sum(|second| second.verified.content) > 0);
    let ways: u64 = first.seconds.iter().flat_map(|second| &second.tls).map(|tls| tls.count).sum();
    assert_eq!(ways, first.count("tls") + first.count("stls-tls"));
}

fn transcripts(run: &Run) -> impl Iterator<Item = &str> {
    run.seconds.iter().flat_map(|second| &second.transcripts).map(|transcript| &*transcript.text)
}

#[test]
fn a_slow_link_is_as_slow_as_it_says() {
    let stage = Stage::new(USERS, |_| {});
    let link = Link { bandwidth: Some(1000), latency: Duration::from_millis(300) };
    let scenario = scenario(USERS)
        .open(2.0, Duration::from_secs(5))
        .link(link)
        .behaviour(1.0, Behaviour::Retrieve { most: 1 })
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    // The octets of a short reply, one a millisecond, on top of the latency.
    let quit = run.quantile("QUIT", true, 0.5);
    assert!((305.0..330.0).contains(&quit), "{quit}");
    let octets = run.sum(|second| second.verified.octets) as f64 / 10.0;
    let mean = run.quantile("RETR-last", true, 0.5);
    assert!(mean > octets * 0.3, "{mean} ms for {octets} octets at one a millisecond");
    assert!(run.quantile("RETR-first", true, 0.5) < mean);
}

#[test]
fn think_time_is_not_response_time() {
    let stage = Stage::new(USERS, |_| {});
    let scenario = scenario(USERS)
        .open(10.0, Duration::from_secs(4))
        .think(Distribution::Fixed(2.0))
        .behaviour(1.0, Behaviour::Poll)
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    assert!(run.quantile("STAT", false, 1.0) < 1.5);
    close(run.quantile("session", true, 0.5), 4000.0, "two pauses");
    assert_eq!(run.seconds.iter().map(|second| second.peak_open).max(), Some(40));
}

#[test]
fn every_way_of_logging_in_is_a_step_of_its_own() {
    for mechanism in Mechanism::ALL {
        let stage = Stage::new(USERS, |_| {});
        let scenario = scenario(USERS)
            .open(10.0, Duration::from_secs(1))
            .login(mechanism)
            .behaviour(1.0, Behaviour::Poll)
            .samples(scenario::Samples { good: 10, bad_per_kind: 1 })
            .build()
            .unwrap();
        let run = stage.run(&scenario);
        run.all_well();
        assert_eq!(run.count(&format!("login-{}", mechanism.name())), 10);
        for text in transcripts(&run) {
            assert!(text.contains("‹secret"), "{text}");
            assert!(!text.contains(PASSWORD), "{text}");
            assert!(!text.contains(&sasl::base64::encode(PASSWORD)), "{text}");
        }
    }
}

#[test]
fn users_that_resume_have_a_session_of_their_own() {
    let stage = Stage::new(20, |_| {});
    let scenario = scenario(20)
        .open(20.0, Duration::from_secs(3))
        .behaviour(1.0, Behaviour::Poll)
        .tls(Tls { mode: Modes::Auto, resumed: 0.5, ..clear() })
        .build()
        .unwrap();
    let run = stage.run(&scenario);
    run.all_well();
    let handshakes = |resumed| {
        let rows = run.seconds.iter().flat_map(|second| &second.tls).filter(|tls| tls.resumed == resumed);
        rows.map(|tls| tls.count).sum::<u64>()
    };
    // Half of twenty users, in their second and third session.
    assert_eq!((handshakes(true), handshakes(false)), (20, 40));
}
