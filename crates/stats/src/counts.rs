//! A histogram that takes little memory, for the thousands of them that a time series holds. Deliberately not for
//! recording: that is what [`Latencies`](crate::Latencies) is for.

use hdrhistogram::Histogram;
use record::Quantiles;

use crate::latencies::{HIGHEST_NS, empty};

/// In the first 2048 values each has a bucket of its own; from then on each doubling has 1024: three digits.
const SUB_BUCKET_BITS: u32 = 11;

/// How many buckets there are for a doubling, as a power of two.
const HALF_BITS: u32 = SUB_BUCKET_BITS - 1;

/// The latencies of one tag in one second, in the very buckets of [`Latencies`](crate::Latencies), but only those
/// that are not empty: two to three octets for each, where a whole histogram takes 270 kB.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs of variable-length numbers, 7 bits to an octet, lowest first: how many buckets on, how many in there.
    pairs: Box<[u8]>,
    total: u64,
}

impl Counts {
    /// The counts of a histogram. If it has other bounds, what does not fit is counted at the end.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut buckets: Vec<(u32, u64)> = Vec::new();
        for step in histogram.iter_recorded() {
            let bucket = bucket_of(step.value_iterated_to().clamp(1, HIGHEST_NS));
            match buckets.last_mut() {
                Some((last, count)) if *last == bucket => {
                    *count = count.saturating_add(step.count_at_value());
                }
                _ => buckets.push((bucket, step.count_at_value())),
            }
        }
        Self::from_buckets(&buckets)
    }

    /// Adds all of `other`, without loss.
    pub fn add(&mut self, other: &Self) {
        if self.total == 0 {
            self.clone_from(other);
            return;
        }
        *self = self.together_with(other);
    }

    /// How many latencies there are.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The latency that this part of all does not exceed, in nanoseconds: the highest value not told apart from it;
    /// 0 if there are none.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = rank(part, self.total);
        let mut below = 0_u64;
        for (bucket, count) in self.buckets() {
            below = below.saturating_add(count);
            if below >= wanted {
                return highest_of(bucket);
            }
        }
        0
    }

    /// The longest, in nanoseconds; 0 if there are none.
    pub fn max(&self) -> u64 {
        self.buckets().last().map_or(0, |(bucket, _)| highest_of(bucket))
    }

    /// The figures for tables, to the last digit those that [`quantiles`](crate::quantiles) gives of the whole
    /// histogram.
    pub fn quantiles(&self) -> Quantiles {
        let (Some((first, _)), Some((last, _))) = (self.buckets().next(), self.buckets().last()) else {
            return Quantiles::default();
        };
        let part_of_mean = |(bucket, count)| middle_of(bucket) as f64 * count as f64 / self.total as f64;
        Quantiles {
            count: self.total,
            min_ns: lowest_of(first),
            p50_ns: self.quantile(0.5),
            p90_ns: self.quantile(0.9),
            p95_ns: self.quantile(0.95),
            p99_ns: self.quantile(0.99),
            p999_ns: self.quantile(0.999),
            max_ns: highest_of(last),
            mean_ns: self.buckets().map(part_of_mean).sum(),
        }
    }

    /// A whole histogram of the same counts.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = empty();
        self.add_to(&mut histogram);
        histogram
    }

    /// Adds all counts to a histogram.
    pub(crate) fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (bucket, count) in self.buckets() {
            histogram.saturating_record_n(highest_of(bucket).min(HIGHEST_NS), count);
        }
    }

    /// The buckets that are not empty, by rising number, with their counts.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let mut pairs = self.pairs.iter();
        let mut bucket = 0_u32;
        std::iter::from_fn(move || {
            bucket += number(&mut pairs)? as u32;
            Some((bucket, number(&mut pairs)?))
        })
    }

    fn together_with(&self, other: &Self) -> Self {
        let mut merged: Vec<(u32, u64)> = Vec::new();
        let (mut own, mut more) = (self.buckets().peekable(), other.buckets().peekable());
        loop {
            let next = match (own.peek(), more.peek()) {
                (Some((left, _)), Some((right, _))) if left == right => {
                    own.next().zip(more.next()).map(|((at, one), (_, two))| (at, one.saturating_add(two)))
                }
                (Some((left, _)), Some((right, _))) if left > right => more.next(),
                (None, _) => more.next(),
                (Some(_), _) => own.next(),
            };
            match next {
                Some(bucket) => merged.push(bucket),
                None => return Self::from_buckets(&merged),
            }
        }
    }

    /// From the numbers of the buckets, which must rise, and their counts.
    pub(crate) fn from_buckets(buckets: &[(u32, u64)]) -> Self {
        let mut pairs = Vec::with_capacity(buckets.len() * 3);
        let (mut before, mut total) = (0, 0_u64);
        for (bucket, count) in buckets {
            push_number(&mut pairs, u64::from(bucket - before));
            push_number(&mut pairs, *count);
            before = *bucket;
            total = total.saturating_add(*count);
        }
        Self { pairs: pairs.into_boxed_slice(), total }
    }
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values = self.buckets().map(|(bucket, count)| (highest_of(bucket), count));
        formatter.debug_map().entries(values).finish()
    }
}

/// Which of `total` values in rising order, counted from 1, is the quantile.
pub(crate) fn rank(part: f64, total: u64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "a conversion with `as` saturates, which is what is wanted")]
    let rank = (part.clamp(0.0, 1.0) * total as f64).ceil() as u64;
    rank.clamp(1, total.max(1))
}

/// The number of the bucket that a value falls into.
fn bucket_of(value: u64) -> u32 {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BUCKET_BITS);
    (shift << HALF_BITS) + (value >> shift) as u32
}

/// The highest value of a bucket.
pub(crate) fn highest_of(bucket: u32) -> u64 {
    let shift = (bucket >> HALF_BITS).saturating_sub(1);
    (u64::from(bucket - (shift << HALF_BITS) + 1) << shift) - 1
}

/// The lowest value of a bucket.
pub(crate) fn lowest_of(bucket: u32) -> u64 {
    let shift = (bucket >> HALF_BITS).saturating_sub(1);
    u64::from(bucket - (shift << HALF_BITS)) << shift
}

/// The middle of a bucket, rounded up.
fn middle_of(bucket: u32) -> u64 {
    let (low, high) = (lowest_of(bucket), highest_of(bucket));
    low + (high - low).div_ceil(2)
}

fn push_number(octets: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

fn number(octets: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let octet = octets.next()?;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = empty();
        for value in values {
            histogram.record(*value).unwrap();
        }
        histogram
    }

    #[test]
    fn nothing_has_no_figures() {
        let nothing = Counts::default();
        assert!(nothing.is_empty());
        assert_eq!((nothing.len(), nothing.quantile(0.5), nothing.max()), (0, 0, 0));
        assert_eq!(nothing.quantiles(), Quantiles::default());
    }

    #[test]
    fn a_second_takes_little_memory() {
        let values: Vec<u64> = (0..1000).map(|at| 10_000_000 + at * 10_000).collect();
        let counts = Counts::of(&histogram(&values));
        assert!(counts.pairs.len() < 3 * 1000, "{}", counts.pairs.len());
    }

    #[test]
    fn very_large_counts_are_kept() {
        let mut counts = Counts::of(&histogram(&[5]));
        let mut many = empty();
        many.record_n(5, u64::from(u32::MAX) * 4).unwrap();
        counts.add(&Counts::of(&many));
        assert_eq!(counts.histogram().count_at(5), u64::from(u32::MAX) * 4 + 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_buckets_are_those_of_the_histogram(
            values in prop::collection::vec((0..43_u32, any::<u64>()), 1..60),
            parts in prop::collection::vec(0.0..=1.0_f64, 4)
        ) {
            // All magnitudes alike.
            let values: Vec<_> =
                values.iter().map(|(bits, noise)| (noise % (1 << bits)).clamp(1, HIGHEST_NS)).collect();
            let whole = histogram(&values);
            let counts = Counts::of(&whole);
            prop_assert_eq!(&counts.histogram(), &whole);
            prop_assert_eq!(counts.len(), whole.len());
            prop_assert_eq!(counts.max(), whole.max());
            prop_assert_eq!(counts.quantiles(), crate::quantiles(&whole));
            for part in parts.into_iter().filter(|part| *part > 0.0) {
                prop_assert_eq!(counts.quantile(part), whole.value_at_quantile(part));
            }
        }

        #[test]
        fn adding_is_the_same_as_recording_together(
            one in prop::collection::vec(1..5000_u64, 0..40), two in prop::collection::vec(1..5000_u64, 0..40)
        ) {
            let mut counts = Counts::of(&histogram(&one));
            counts.add(&Counts::of(&histogram(&two)));
            prop_assert_eq!(counts, Counts::of(&histogram(&[one, two].concat())));
        }
    }
}
