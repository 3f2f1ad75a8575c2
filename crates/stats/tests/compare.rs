//! How often the comparison of two runs is right, over a hundred simulated pairs. Seeded: always the same figures.

use chance::{Chance, Distribution};
use hdrhistogram::Histogram;
use stats::Series;
use stats::compare::{NO_DIFFERENCE, compare, verdict};

const PAIRS: u32 = 100;
const SECONDS: u32 = 60;
const PER_SECOND: u32 = 200;
const TAGS: [&str; 2] = ["login-plain", "RETR-last"];

/// By how much the level of all latencies drifts: the standard deviation of its logarithm,
const DRIFT: f64 = 0.03;
/// and how much of it is left after a second.
const PERSISTENCE: f64 = 0.7;
/// How many seconds have a hiccup in them, in which three samples in ten take thirty times as long.
const HICCUPS: f64 = 0.01;

/// Two runs of the same thing are told apart in at most five of a hundred pairs; a shift of 10 % is found in at least
/// 95, and never taken for its opposite.
#[test]
fn the_same_is_the_same_and_ten_per_cent_are_found() {
    let (mut same, mut found) = (0, 0);
    for pair in 0..PAIRS {
        let [reference, _] = run(2 * pair);
        let [again, shifted] = run(2 * pair + 1);
        let unchanged = verdict(&compare(&reference, &again, &TAGS, 42));
        same += u32::from(unchanged == NO_DIFFERENCE);
        let changed = verdict(&compare(&reference, &shifted, &TAGS, 42));
        found += u32::from(changed.starts_with("slower: ") && !changed.contains("faster"));
    }
    assert!(same >= 95 && found >= 95, "{same} of {PAIRS} pairs are the same, {found} shifts are found");
}

/// A run as it is, and the same with everything 10 % slower. Latencies are lognormal, one in fifty is four times as
/// long, and their level drifts from second to second, as on a machine that others use too.
fn run(seed: u32) -> [Series; 2] {
    let seed = u64::from(seed);
    let step =
        Distribution::LogNormal { median: 1.0, sigma: DRIFT * (1.0 - PERSISTENCE * PERSISTENCE).sqrt() };
    let latency = Distribution::LogNormal { median: 400_000.0, sigma: 0.4 };
    let mut drift = Chance::of(&[seed]);
    // The logarithm of the level begins where it may be at any time, not in the middle.
    let mut level = Distribution::LogNormal { median: 1.0, sigma: DRIFT }.sample(&mut drift).ln();
    let mut both = [Series::new(), Series::new()];
    let mut histograms =
        [(); 2].map(|()| Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("bounds of constants"));
    for second in 0..SECONDS {
        level = PERSISTENCE * level + step.sample(&mut drift).ln();
        let factor = level.exp();
        let hiccup = if drift.uniform() < HICCUPS { 0.3 } else { 0.0 };
        for (number, tag) in (0..).zip(TAGS) {
            let mut chance = Chance::of(&[seed, u64::from(second), number]);
            for _ in 0..PER_SECOND {
                let slow = if chance.uniform() < hiccup {
                    30.0
                } else if chance.below(50) == 0 {
                    4.0
                } else {
                    1.0
                };
                let nanoseconds = latency.sample(&mut chance) * slow * factor;
                for (histogram, shift) in histograms.iter_mut().zip([1.0, 1.1]) {
                    histogram.saturating_record(whole(nanoseconds * shift));
                }
            }
            for (series, histogram) in both.iter_mut().zip(&mut histograms) {
                series.add_histogram(second, tag, histogram);
                histogram.reset();
            }
        }
    }
    both
}

#[expect(clippy::cast_sign_loss, reason = "latencies are not negative")]
fn whole(nanoseconds: f64) -> u64 {
    nanoseconds as u64
}
