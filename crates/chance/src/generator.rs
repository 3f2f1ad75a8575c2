//! Seeded numbers for plans and distributions. Deliberately not for secrets and not for cryptography: whoever knows
//! the seed knows every number, and that is the point.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// The step between two numbers of the interval [0, 1) that this crate draws: all of them are exact in an `f64`.
const STEP: f64 = 1.0 / (1_u64 << 53) as f64;

/// A tiny seeded generator (`SplitMix64`, eight octets of state): the same parts give the same numbers, on every
/// machine and for ever.
///
/// The parts name a stream: `Chance::of(&[seed, user, visit])`. All of them are hashed into the state, their order
/// and their number too, so that streams with different parts have nothing to do with each other, however close the
/// parts are.
///
/// ```
/// use chance::Chance;
///
/// let (mut once, mut again) = (Chance::of(&[42, 7]), Chance::of(&[42, 7]));
/// assert_eq!(once.next(), again.next());
/// assert_ne!(Chance::of(&[42, 7]).next(), Chance::of(&[7, 42]).next());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance {
    generator: SplitMix64,
}

impl Chance {
    /// The stream that the parts name.
    pub fn of(parts: &[u64]) -> Self {
        let state = parts.iter().fold(mixed(parts.len() as u64), |state, part| mixed(state ^ part));
        Self { generator: SplitMix64::seed_from_u64(state) }
    }

    /// The next 64 bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "a stream without end is drawn from, not iterated over"
    )]
    pub fn next(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number from 0 to just below 1, all multiples of 2⁻⁵³ alike.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * STEP
    }

    /// A whole number below `n`, each alike (Lemire's method, without bias); 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        // Of the 2⁶⁴ draws, the lowest `2⁶⁴ mod n` products are drawn again: what is left divides evenly.
        let surplus = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            if product as u64 >= surplus {
                return (product >> 64) as u64;
            }
        }
    }
}

/// The output function of `SplitMix64`: a bijection of 64 bits in which every bit of the input moves half of the
/// output.
fn mixed(state: u64) -> u64 {
    SplitMix64::seed_from_u64(state).next_u64()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Computed apart, with the reference arithmetic of `SplitMix64` in another language.
    #[test]
    fn the_numbers_stay_the_same_for_ever() {
        let mut chance = Chance::of(&[42, 1, 2]);
        let numbers = [chance.next(), chance.next(), chance.next()];
        assert_eq!(
            numbers,
            [15_950_127_010_525_019_662, 15_310_588_597_610_294_609, 9_859_618_962_766_652_870]
        );
    }

    #[test]
    fn order_and_number_of_the_parts_count() {
        let streams: [&[u64]; 8] = [&[], &[0], &[0, 0], &[1], &[1, 0], &[0, 1], &[1, 1], &[u64::MAX]];
        let first: HashSet<u64> = streams.iter().map(|parts| Chance::of(parts).next()).collect();
        assert_eq!(first.len(), streams.len());
    }

    /// The correlation of neighbouring streams, number by number, is within four standard errors of 0.
    #[test]
    fn neighbouring_streams_are_independent() {
        const DRAWS: u32 = 10_000;
        let pairs: [(&[u64], &[u64]); 4] =
            [(&[1, 2], &[1, 3]), (&[1, 2], &[2, 2]), (&[1, 2], &[2, 1]), (&[0], &[0, 0])];
        for (one, other) in pairs {
            let (mut first, mut second) = (Chance::of(one), Chance::of(other));
            let products: f64 =
                (0..DRAWS).map(|_| (first.uniform() - 0.5) * (second.uniform() - 0.5) * 12.0).sum();
            let correlation = products / f64::from(DRAWS);
            assert!(
                correlation.abs() < 4.0 / f64::from(DRAWS).sqrt(),
                "{one:?} and {other:?}: {correlation}"
            );
        }
    }

    /// The first numbers of consecutive streams are as uniform as those of one stream: chi-square over 100 cells.
    #[test]
    fn first_numbers_of_consecutive_streams_are_uniform() {
        let mut cells = [0_u32; 100];
        for stream in 0..100_000 {
            cells[Chance::of(&[7, stream]).below(100) as usize] += 1;
        }
        let chi_square: f64 = cells.iter().map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0).sum();
        // 99 degrees of freedom: 50 and 161 are five standard deviations and more away.
        assert!((50.0..161.0).contains(&chi_square), "{chi_square}");
    }

    #[test]
    fn below_is_below_and_reaches_everything() {
        let mut chance = Chance::of(&[3]);
        let seen: HashSet<u64> = (0..1000).map(|_| chance.below(10)).collect();
        assert_eq!(seen, (0..10).collect());
        assert_eq!((chance.below(0), chance.below(1)), (0, 0));
        // The smallest `n` of which half of all draws have to be refused.
        let n = (1 << 63) + 1;
        assert!((0..100).all(|_| chance.below(n) < n));
    }
}
