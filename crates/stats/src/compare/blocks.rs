//! One tag of one run, cut into blocks of seconds, in a form in which blocks can be drawn again thousands of times:
//! some 250 cells instead of a histogram's 30,000 buckets. The figures themselves are taken from the buckets.

use crate::counts::{highest_of, lowest_of, rank};
use crate::{Counts, Series};

/// Blocks for the square root of the number of seconds. Fewer would leave too few degrees of freedom to find 10 % in
/// a minute; more would cut a drift of ten seconds to pieces that pass for independent.
const BLOCKS_FACTOR: f64 = 1.3;

/// How many blocks of two seconds and more must have samples.
pub(super) const FEWEST_BLOCKS: usize = 5;

/// How the seconds of two runs become blocks, which correspond to each other.
pub(super) struct Layout {
    /// How many blocks there are.
    pub(super) blocks: usize,
    /// How many seconds are spread over them, in either run.
    seconds: [u32; 2],
}

/// Samples of one tag in one run.
pub(super) struct Side {
    /// How many there are.
    pub(super) count: u64,
    /// All of them.
    total: Counts,
    /// The logarithms of the lowest and the highest value of each cell.
    cells: Vec<[f64; 2]>,
    /// How many samples each cell of each block has, block after block.
    samples: Vec<f64>,
}

impl Layout {
    pub(super) fn of(a: &Series, b: &Series) -> Self {
        let seconds = [a, b].map(|series| series.last_second().map_or(0, |last| last.saturating_add(1)));
        let (shorter, longer) = (seconds[0].min(seconds[1]), seconds[0].max(seconds[1]));
        // Runs of the same plan end a little apart, but their seconds still correspond.
        let same_plan = u64::from(shorter) * 10 >= u64::from(longer) * 9;
        let wanted = (BLOCKS_FACTOR * f64::from(shorter).sqrt()).round();
        #[expect(clippy::cast_sign_loss, reason = "a square root is not negative")]
        let blocks = (wanted as usize).max(FEWEST_BLOCKS).min(shorter as usize / 2).max(1);
        Self { blocks, seconds: if same_plan { [longer; 2] } else { seconds } }
    }

    /// A tag in both runs.
    pub(super) fn sides(&self, a: &Series, b: &Series, tag: &str) -> [Side; 2] {
        let [seconds_a, seconds_b] = self.seconds;
        [(a, seconds_a), (b, seconds_b)].map(|(series, seconds)| Side::of(series, tag, self.blocks, seconds))
    }
}

impl Side {
    fn of(series: &Series, tag: &str, blocks: usize, seconds: u32) -> Self {
        let mut by_bucket = Vec::new();
        for (_, counts) in series.seconds_of(tag) {
            for (bucket, count) in counts.buckets() {
                let bucket = bucket as usize;
                if by_bucket.len() <= bucket {
                    by_bucket.resize(bucket + 1, 0_u64);
                }
                by_bucket[bucket] += count;
            }
        }
        let taken: Vec<(u32, u64)> =
            (0..).zip(by_bucket.iter().copied()).filter(|(_, count)| *count > 0).collect();
        let total = Counts::from_buckets(&taken);
        let (cells, cell_of_bucket) = cells(&taken, total.len());
        let mut samples = vec![0.0; blocks * cells.len()];
        for (second, counts) in series.seconds_of(tag) {
            let block = (u64::from(second) * blocks as u64 / u64::from(seconds.max(1))) as usize;
            let first = block.min(blocks - 1) * cells.len();
            for (bucket, count) in counts.buckets() {
                samples[first + cell_of_bucket[bucket as usize]] += count as f64;
            }
        }
        Self { count: total.len(), total, cells, samples }
    }

    /// The value that a part of all samples does not exceed, in nanoseconds, and at least 1.
    pub(super) fn quantile(&self, part: f64) -> u64 {
        self.total.quantile(part).max(1)
    }

    pub(super) fn blocks_with_samples(&self) -> usize {
        let of_block = self.samples.chunks(self.cells.len().max(1));
        of_block.filter(|cells| cells.iter().any(|count| *count > 0.0)).count()
    }

    /// How many blocks the samples beyond a quantile effectively come from (the square of their sum over the sum of
    /// their squares): all blocks if each has as many, one if all of them are from a single incident.
    pub(super) fn effective_blocks(&self, part: f64) -> f64 {
        let value = (self.quantile(part) as f64).ln();
        let beyond = self.cells.iter().take_while(|cell| cell[0] < value).count();
        let counts =
            self.samples.chunks(self.cells.len().max(1)).map(|cells| cells[beyond..].iter().sum::<f64>());
        let (sum, squares) =
            counts.fold((0.0, 0.0), |(sum, squares), count| (sum + count, squares + count * count));
        if squares > 0.0 { sum * sum / squares } else { 0.0 }
    }

    /// The variance of the logarithm of a quantile if all samples were independent: the number below a quantile is
    /// binomial, so its standard deviation leads to the values one standard deviation away.
    pub(super) fn binomial_variance(&self, part: f64) -> f64 {
        let deviation = (part * (1.0 - part) / self.count as f64).sqrt();
        let logarithm = |part: f64| (self.quantile(part) as f64).ln();
        ((logarithm(part + deviation) - logarithm(part - deviation)) / 2.0).powi(2)
    }

    /// The logarithms of the quantiles at `parts`, which rise, when block i is taken `times[i]` times; `None` if that
    /// leaves no samples. `sums` is scratch.
    pub(super) fn drawn<const N: usize>(
        &self,
        times: &[f64],
        parts: [f64; N],
        sums: &mut Vec<f64>,
    ) -> Option<[f64; N]> {
        sums.clear();
        sums.resize(self.cells.len(), 0.0);
        for (times, of_block) in times.iter().zip(self.samples.chunks(self.cells.len().max(1))) {
            if *times > 0.0 {
                for (sum, count) in sums.iter_mut().zip(of_block) {
                    *sum += times * count;
                }
            }
        }
        let total: f64 = sums.iter().sum();
        let mut cells = self.cells.iter().zip(sums.iter());
        let (mut cell, mut count) = cells.next()?;
        let mut below = 0.0;
        let mut quantiles = [0.0; N];
        if total <= 0.0 {
            return None;
        }
        for (quantile, part) in quantiles.iter_mut().zip(parts) {
            let wanted = part * total;
            while below + count < wanted {
                below += count;
                let Some(next) = cells.next() else { break };
                (cell, count) = next;
            }
            let [low, high] = *cell;
            let share = if *count > 0.0 { ((wanted - below) / count).clamp(0.0, 1.0) } else { 1.0 };
            *quantile = low + (high - low) * share;
        }
        Some(quantiles)
    }
}

/// The logarithms of the bounds of each cell, and the cell of each bucket. Neighbouring buckets share a cell: each
/// has 1/64 of all samples in the lower three quarters, and further up 5 % of what lies beyond it.
fn cells(taken: &[(u32, u64)], total: u64) -> (Vec<[f64; 2]>, Vec<usize>) {
    let mut cells: Vec<[f64; 2]> = Vec::new();
    let mut cell_of_bucket = vec![0; taken.last().map_or(0, |(bucket, _)| *bucket as usize + 1)];
    let mut below = 0;
    // How many samples there are up to the end of the present cell.
    let mut end = 0;
    for (bucket, count) in taken {
        let [low, high] = [lowest_of(*bucket), highest_of(*bucket)].map(|value| (value.max(1) as f64).ln());
        match cells.last_mut() {
            Some(cell) if below < end => cell[1] = high,
            _ => {
                cells.push([low, high]);
                let before = below as f64 / total as f64;
                end = rank(before + ((1.0 - before) / 20.0).min(1.0 / 64.0), total).max(below + 1);
            }
        }
        cell_of_bucket[*bucket as usize] = cells.len() - 1;
        below += count;
    }
    (cells, cell_of_bucket)
}
