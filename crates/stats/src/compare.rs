//! Whether one load run was faster or slower than another: per tag and quantile, the ratio B / A with a confidence
//! interval, and a verdict that two runs of the same thing survive.
//!
//! Seconds of a run are not independent of each other, and the samples of a second still less, so that samples must
//! not be counted as if each were evidence of its own. What is done instead:
//!
//! 1. *Blocks.* Both runs are cut into the same number of blocks of consecutive seconds, about 1.3·√n of them (60 s:
//!    10 blocks of 6 s; an hour: 78 of 46 s). What drifts for a few seconds stays within its block, and the longer the
//!    run, the slower a drift may be.
//! 2. *Bootstrap.* Blocks are drawn with replacement, [`REPLICATES`] times, the same ones from both runs and for all
//!    tags: what a plan does to both runs at the same time, such as a ramp, cancels out. The spread of the logarithm
//!    of the ratio over the draws is its standard error, corrected for the number of blocks.
//! 3. *What it cannot fall below.* The standard error that the samples would have if all were independent (the
//!    binomial error of a quantile), and the width of a histogram's bucket. With one second of data, or a server
//!    that always takes equally long, the spread over blocks is 0, and that proves nothing.
//! 4. *Interval.* Student's t with one degree of freedom less than the number of blocks from which the samples beyond
//!    the quantile effectively come, so that a p99.9 made by a single stall counts as the single event it is; and
//!    1 % further out on both sides, for what is constant within a run and yet differs between two of the same build, such as where
//!    memory came to lie. No interval computed from one run each can know that.
//! 5. *Many comparisons.* All intervals together hold with 95 % (Bonferroni over the rows that have enough samples):
//!    a row's own level is 1 - 0.05 / rows. The verdict is `faster` or `slower` when the interval does not hold 1,
//!    so that at most about one pair in twenty of runs of the same thing has any such row.
//!
//! `too few samples` is said when fewer than ten samples are expected beyond the quantile, or there are fewer than
//! five blocks of at least two seconds with data, in either run; the interval is given nevertheless, and is wide.
//!
//! What this module does *not* do: it does not know whether the runs were of the same scenario, and it says nothing
//! of errors: a server may be faster because it refuses.

mod blocks;
mod student;

use record::ComparisonRow;

use crate::compare::blocks::{FEWEST_BLOCKS, Layout, Side};
use chance::Chance;

use crate::Series;

/// The quantiles compared, by name.
pub const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// How often blocks are drawn: the standard error is then known to about 3 %.
pub const REPLICATES: u64 = 500;

/// The verdict on a row whose interval lies below 1.
pub const FASTER: &str = "faster";
/// The verdict on a row whose interval lies above 1.
pub const SLOWER: &str = "slower";
/// The verdict on a row whose interval holds 1.
pub const NO_DIFFERENCE: &str = "no difference shown";
/// The verdict on a row that cannot be judged.
pub const TOO_FEW: &str = "too few samples";

/// How the intervals come about, in two sentences for the foot of a table.
pub const METHOD: &str = "Intervals: 95 % for all rows together (Bonferroni), from a bootstrap over blocks of \
    consecutive seconds, Student's t, and 1 % on either side for what differs between two runs of the same build. \
    `faster` and `slower` are said when the interval does not hold 1.";

/// The chance that any interval of two runs of the same thing misses.
const LEVEL: f64 = 0.05;

/// How many samples have to be expected beyond a quantile, on either side of it.
const FEWEST_BEYOND: f64 = 10.0;

/// An interval reaches to so many times the ratio at most.
const WIDEST: f64 = 1000.0;

/// By how much two runs of the same build may differ without the reason showing within either: the logarithm of the
/// ratio.
const BETWEEN_RUNS: f64 = 0.01;

/// The variance of the logarithm of a value known to one bucket, which is up to 1/1024 wide.
const BUCKET_VARIANCE: f64 = 1.0 / (1024.0 * 1024.0) / 12.0;

/// Compares the `tags` (all, if none is given) that both runs have: a row for each quantile of each, in that order.
/// The same runs and the same seed give the same rows.
pub fn compare(a: &Series, b: &Series, tags: &[&str], seed: u64) -> Vec<ComparisonRow> {
    let all: Vec<&str> = if tags.is_empty() { a.tags().collect() } else { tags.to_vec() };
    let layout = Layout::of(a, b);
    let draws = draws(layout.blocks, seed);
    let mut found = Vec::new();
    for tag in all {
        let [side_a, side_b] = layout.sides(a, b, tag);
        if side_a.count > 0 && side_b.count > 0 {
            let errors = standard_errors(&side_a, &side_b, &draws);
            let blocks = side_a.blocks_with_samples().min(side_b.blocks_with_samples());
            for ((name, part), standard_error) in QUANTILES.into_iter().zip(errors) {
                found.push(Found {
                    tag,
                    name,
                    values: [side_a.quantile(part), side_b.quantile(part)],
                    samples: [side_a.count, side_b.count],
                    standard_error,
                    degrees_of_freedom: degrees_of_freedom(&side_a, &side_b, part),
                    enough: blocks >= FEWEST_BLOCKS && enough(side_a.count.min(side_b.count), part),
                });
            }
        }
    }
    let judged = found.iter().filter(|found| found.enough).count().max(1);
    found.iter().map(|found| found.row(LEVEL / judged as f64)).collect()
}

/// All rows in one clause: `slower: login-plain p99 +34 %`, `no difference shown`. Of several differences the largest
/// is named.
pub fn verdict(rows: &[ComparisonRow]) -> String {
    let of = |word: &str| rows.iter().filter(|row| row.verdict == word).collect::<Vec<_>>();
    let clauses: Vec<_> = [SLOWER, FASTER].into_iter().filter_map(|word| clause(word, &of(word))).collect();
    if !clauses.is_empty() {
        clauses.join("; ")
    } else if of(NO_DIFFERENCE).is_empty() {
        TOO_FEW.to_owned()
    } else {
        NO_DIFFERENCE.to_owned()
    }
}

/// One row before it is known how many there are.
struct Found<'a> {
    tag: &'a str,
    name: &'a str,
    values: [u64; 2],
    samples: [u64; 2],
    standard_error: f64,
    degrees_of_freedom: usize,
    enough: bool,
}

impl Found<'_> {
    /// `level` is the chance that the interval misses.
    fn row(&self, level: f64) -> ComparisonRow {
        let [a, b] = self.values;
        let ratio = b as f64 / a as f64;
        let half = student::quantile(1.0 - level / 2.0, self.degrees_of_freedom) * self.standard_error
            + BETWEEN_RUNS;
        // Beyond that an interval says nothing but that nothing is known.
        let half = half.min(WIDEST.ln());
        let (low, high) = (ratio * (-half).exp(), ratio * half.exp());
        let verdict = match () {
            () if !self.enough => TOO_FEW,
            () if low > 1.0 => SLOWER,
            () if high < 1.0 => FASTER,
            () => NO_DIFFERENCE,
        };
        ComparisonRow {
            tag: self.tag.to_owned(),
            quantile: self.name.to_owned(),
            a_ns: a,
            b_ns: b,
            ratio,
            low,
            high,
            verdict: verdict.to_owned(),
            samples_a: self.samples[0],
            samples_b: self.samples[1],
        }
    }
}

/// For every replicate, how often each block is drawn.
fn draws(blocks: usize, seed: u64) -> Vec<Vec<f64>> {
    (0..REPLICATES)
        .map(|replicate| {
            let mut chance = Chance::of(&[seed, replicate]);
            let mut times = vec![0.0; blocks];
            for _ in 0..blocks {
                times[chance.below(blocks as u64) as usize] += 1.0;
            }
            times
        })
        .collect()
}

/// The standard error of the logarithm of the ratio, for each of [`QUANTILES`].
fn standard_errors(a: &Side, b: &Side, draws: &[Vec<f64>]) -> [f64; QUANTILES.len()] {
    let parts = QUANTILES.map(|(_, part)| part);
    let mut moments = parts.map(|_| Moments::default());
    let (mut scratch_a, mut scratch_b) = (Vec::new(), Vec::new());
    for times in draws {
        // A draw of nothing but blocks without samples says nothing.
        let logarithms = a.drawn(times, parts, &mut scratch_a).zip(b.drawn(times, parts, &mut scratch_b));
        if let Some((of_a, of_b)) = logarithms {
            for ((moments, of_a), of_b) in moments.iter_mut().zip(of_a).zip(of_b) {
                moments.add(of_b - of_a);
            }
        }
    }
    // Drawing from G blocks shows only (G - 1) / G of the variance between them.
    let blocks = a.blocks_with_samples().min(b.blocks_with_samples()) as f64;
    let correction = if blocks > 1.0 { blocks / (blocks - 1.0) } else { 1.0 };
    let mut errors = parts;
    for ((error, part), moments) in errors.iter_mut().zip(parts).zip(moments) {
        let independent = a.binomial_variance(part) + b.binomial_variance(part);
        *error = ((moments.variance() * correction).max(independent) + 2.0 * BUCKET_VARIANCE).sqrt();
    }
    errors
}

/// One less than the number of blocks that effectively have samples beyond the quantile, in the run that has fewer.
fn degrees_of_freedom(a: &Side, b: &Side, part: f64) -> usize {
    let blocks = a.effective_blocks(part).min(b.effective_blocks(part)).round().max(2.0);
    #[expect(clippy::cast_sign_loss, reason = "it is at least 2")]
    let blocks = blocks as usize;
    blocks - 1
}

/// Mean and variance in one pass (Welford).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    fn variance(self) -> f64 {
        if self.count > 1.0 { self.squares / (self.count - 1.0) } else { 0.0 }
    }
}

fn enough(samples: u64, part: f64) -> bool {
    samples as f64 * part.min(1.0 - part) >= FEWEST_BEYOND
}

/// `slower: login-plain p99 +34 %`, with the row that differs most.
fn clause(word: &str, rows: &[&ComparisonRow]) -> Option<String> {
    let most = rows.iter().max_by(|one, other| one.ratio.ln().abs().total_cmp(&other.ratio.ln().abs()))?;
    let more = if rows.len() > 1 { format!(" and {} more", rows.len() - 1) } else { String::new() };
    Some(format!("{word}: {} {} {}{more}", most.tag, most.quantile, change(most.ratio)))
}

/// `+34 %`, `-1.5 %`, and from ten times on `×12`.
fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    if ratio >= 10.0 {
        format!("×{ratio:.0}")
    } else if percent.abs() >= 9.95 {
        format!("{percent:+.0} %")
    } else {
        format!("{percent:+.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Latencies;

    /// `per_second` samples between one and two times `lowest`, evenly, in each of `seconds`.
    fn steady(seconds: u32, per_second: u64, lowest: u64) -> Series {
        let mut latencies = Latencies::new();
        for at in 0..per_second {
            latencies.record("STAT", lowest + lowest * at / per_second);
        }
        let mut series = Series::new();
        for second in 0..seconds {
            series.add(second, &latencies);
        }
        series
    }

    fn verdicts(rows: &[ComparisonRow]) -> Vec<&str> {
        rows.iter().map(|row| row.verdict.as_str()).collect()
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let run = steady(60, 200, 1_000_000);
        let rows = compare(&run, &run, &[], 42);
        assert_eq!(verdicts(&rows), [NO_DIFFERENCE; 5]);
        assert_eq!(
            rows.iter().map(|row| row.quantile.as_str()).collect::<Vec<_>>(),
            QUANTILES.map(|(name, _)| name)
        );
        for row in &rows {
            assert_eq!((row.a_ns, row.samples_a, row.ratio.to_bits()), (row.b_ns, 12_000, 1.0_f64.to_bits()));
            assert!(row.low < 0.99 && row.high > 1.01, "{row:?}");
        }
        assert_eq!(verdict(&rows), NO_DIFFERENCE);
    }

    #[test]
    fn a_clear_difference_is_told_in_both_directions() {
        let (fast, slow) = (steady(60, 200, 1_000_000), steady(60, 200, 1_200_000));
        let rows = compare(&fast, &slow, &["STAT"], 42);
        assert_eq!(verdicts(&rows), [SLOWER; 5]);
        assert_eq!(verdict(&rows), "slower: STAT p99 +20 % and 4 more");
        assert!(rows.iter().all(|row| row.low < 1.2 && row.high > 1.2), "{rows:?}");
        assert_eq!(verdicts(&compare(&slow, &fast, &["STAT"], 42)), [FASTER; 5]);
    }

    #[test]
    fn a_difference_that_two_runs_of_one_build_may_have_is_none() {
        let (one, other) = (steady(3600, 1000, 1_000_000), steady(3600, 1000, 1_008_000));
        assert_eq!(verdicts(&compare(&one, &other, &[], 42)), [NO_DIFFERENCE; 5]);
    }

    /// With one second there is no spread between seconds. That must not be taken for certainty.
    #[test]
    fn one_second_proves_nothing() {
        for seconds in [1, 2, 9] {
            let rows =
                compare(&steady(seconds, 10_000, 1_000_000), &steady(seconds, 10_000, 1_300_000), &[], 42);
            assert_eq!(verdicts(&rows), [TOO_FEW; 5]);
            assert_eq!(verdict(&rows), TOO_FEW);
            for row in &rows {
                assert!(row.low < 1.29 && row.high > 1.31 && row.high.is_finite(), "{row:?}");
            }
        }
    }

    /// What two samples tell of a tail is nothing, and not a factor of a thousand million.
    #[test]
    fn an_interval_of_next_to_nothing_has_an_end() {
        let few = |latency: u64| {
            let mut series = Series::new();
            for second in 0..12 {
                let mut latencies = Latencies::new();
                latencies.record("STAT", if second == 7 { latency * 900 } else { latency });
                series.add(second, &latencies);
            }
            series
        };
        for row in compare(&few(40_000), &few(90_000), &[], 42) {
            assert!(row.high <= row.ratio * 1000.1 && row.low >= row.ratio / 1000.1, "{row:?}");
        }
    }

    #[test]
    fn a_quantile_needs_samples_beyond_it() {
        let rows = compare(&steady(60, 20, 1_000_000), &steady(60, 20, 1_500_000), &[], 42);
        assert_eq!(verdicts(&rows), [SLOWER, SLOWER, SLOWER, SLOWER, TOO_FEW]);
    }

    /// A server that stands still once, in one of two runs, has not been shown to be slower.
    #[test]
    fn a_single_stall_is_a_single_event() {
        let calm = steady(60, 200, 1_000_000);
        let mut stalled = calm.clone();
        let mut stall = Latencies::new();
        for _ in 0..400 {
            stall.record("STAT", 1_900_000_000);
        }
        stalled.add(30, &stall);
        let rows = compare(&calm, &stalled, &[], 42);
        assert!(rows[3].ratio > 900.0 && rows[3].low < 1.0, "{:?}", rows[3]);
        assert_eq!(rows[3].verdict, NO_DIFFERENCE);
    }

    /// A ramp moves the latencies of both runs ten times further than they differ. The tail comes from a few blocks
    /// at its peak, and stays open; the median comes from all of them.
    #[test]
    fn what_the_plan_does_to_both_runs_cancels_out() {
        let ramp = |scale: u64| {
            let mut series = Series::new();
            for second in 0..60 {
                let mut latencies = Latencies::new();
                for at in 0..200 {
                    latencies.record("STAT", scale * (1000 + at) * u64::from(60 + second));
                }
                series.add(second, &latencies);
            }
            series
        };
        let rows = compare(&ramp(100), &ramp(110), &[], 42);
        assert_eq!(verdict(&rows), "slower: STAT p50 +10 %");
        assert!(rows[0].low > 1.05, "{:?}", rows[0]);
    }

    #[test]
    fn only_tags_of_both_are_compared_and_in_the_order_asked_for() {
        let mut latencies = Latencies::new();
        for tag in ["LIST", "STAT"] {
            latencies.record(tag, 5);
        }
        let (mut a, mut b) = (Series::new(), Series::new());
        a.add(0, &latencies);
        latencies.record("TOP-first", 5);
        b.add(0, &latencies);
        let tags =
            |rows: Vec<ComparisonRow>| rows.into_iter().step_by(5).map(|row| row.tag).collect::<Vec<_>>();
        assert_eq!(tags(compare(&b, &a, &[], 1)), ["LIST", "STAT"]);
        assert_eq!(tags(compare(&a, &b, &["TOP-first", "STAT", "LIST"], 1)), ["STAT", "LIST"]);
        assert!(compare(&Series::new(), &a, &[], 1).is_empty());
        assert_eq!(verdict(&[]), TOO_FEW);
    }

    #[test]
    fn the_verdict_names_the_largest_change_of_each_kind() {
        let row = |tag: &str, ratio: f64, verdict: &str| ComparisonRow {
            tag: tag.into(),
            quantile: "p99".into(),
            ratio,
            verdict: verdict.into(),
            ..ComparisonRow::default()
        };
        let rows = [
            row("tls", 1.2, SLOWER),
            row("RETR-last", 12.4, SLOWER),
            row("STAT", 0.952, FASTER),
            row("QUIT", 40.0, NO_DIFFERENCE),
        ];
        assert_eq!(verdict(&rows), "slower: RETR-last p99 ×12 and 1 more; faster: STAT p99 -4.8 %");
        assert_eq!(verdict(&rows[3..]), NO_DIFFERENCE);
    }
}
