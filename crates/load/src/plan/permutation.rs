//! Seeded orders of the numbers below `n`, computed instead of stored.

use chance::Chance;

/// Rounds of the Feistel network; four mix well enough for an order that nobody attacks.
const ROUNDS: usize = 4;

/// A seeded order of the numbers 0 to `n - 1`: each appears once. Costs a few dozen octets, however large `n` is.
///
/// A Feistel network over the next power of four, walked until the number is below `n` (cycle walking), which is
/// one step in most and four in the worst average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutation {
    n: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The order of the numbers below `n` that belongs to this seed and purpose.
    pub fn new(n: u64, seed: u64, purpose: u64) -> Permutation {
        let mut chance = Chance::of(&[seed, purpose, n]);
        let bits = 64 - n.saturating_sub(1).leading_zeros();
        Permutation { n, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| chance.next()) }
    }

    /// The number at a place. Places of `n` and above are their own number.
    pub fn at(&self, place: u64) -> u64 {
        self.walk(place, |number| self.keys.iter().fold(number, |number, key| self.round(number, *key)))
    }

    /// The place of a number: the inverse of [`Permutation::at`].
    pub fn place(&self, number: u64) -> u64 {
        self.walk(number, |place| self.keys.iter().rev().fold(place, |place, key| self.unround(place, *key)))
    }

    fn walk(&self, from: u64, step: impl Fn(u64) -> u64) -> u64 {
        if from >= self.n {
            return from;
        }
        let mut to = step(from);
        while to >= self.n {
            to = step(to);
        }
        to
    }

    fn round(&self, number: u64, key: u64) -> u64 {
        let (left, right) = self.halves(number);
        (right << self.half_bits) | (left ^ self.mix(right, key))
    }

    fn unround(&self, number: u64, key: u64) -> u64 {
        let (left, right) = self.halves(number);
        ((right ^ self.mix(left, key)) << self.half_bits) | left
    }

    fn halves(&self, number: u64) -> (u64, u64) {
        (number >> self.half_bits, number & self.mask())
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }

    /// The upper half of a product has the good bits.
    fn mix(&self, half: u64, key: u64) -> u64 {
        let mixed = (half ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 24) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_at_one_place_and_is_found_there() {
        for n in [1, 2, 3, 4, 5, 16, 17, 100, 1000, 4097] {
            let order = Permutation::new(n, 42, 1);
            let mut all: Vec<u64> = (0..n).map(|place| order.at(place)).collect();
            assert!(
                all.iter().enumerate().all(|(place, number)| order.place(*number) == place as u64),
                "{n}"
            );
            all.sort_unstable();
            assert!(all.into_iter().eq(0..n), "{n}");
        }
    }

    #[test]
    fn orders_look_shuffled_and_differ_by_seed_and_purpose() {
        let n = 1000;
        let order = Permutation::new(n, 42, 1);
        let fixed = (0..n).filter(|place| order.at(*place) == *place).count();
        let rising = (1..n).filter(|place| order.at(*place) > order.at(place - 1)).count();
        assert!(fixed < 10, "{fixed} stayed");
        assert!((400..600).contains(&rising), "{rising} rise");
        for other in [Permutation::new(n, 43, 1), Permutation::new(n, 42, 2)] {
            assert!((0..n).filter(|place| order.at(*place) == other.at(*place)).count() < 10);
        }
    }
}
