//! The forms of the replies that are due, oldest first.
//!
//! As many as a session that pipelines sensibly has are kept in place, so that a session does not allocate for
//! them; nothing here bounds how many there may be.

use std::collections::VecDeque;

use crate::Shape;

/// Bits of a form, and how many forms fit in place.
const BITS: u32 = 2;
const IN_PLACE: u8 = 32;

/// A queue of forms.
#[derive(Debug, Clone, Default)]
pub(super) struct Awaited {
    /// The oldest in the lowest bits.
    packed: u64,
    count: u8,
    /// Those behind the ones in place.
    behind: VecDeque<Shape>,
}

impl Awaited {
    /// Adds one at the end.
    pub(super) fn push(&mut self, shape: Shape) {
        if self.count == IN_PLACE {
            return self.behind.push_back(shape);
        }
        self.packed |= pack(shape) << (BITS * u32::from(self.count));
        self.count += 1;
    }

    /// Takes the oldest.
    pub(super) fn pop(&mut self) -> Option<Shape> {
        let oldest = self.front()?;
        self.packed >>= BITS;
        self.count -= 1;
        if let Some(next) = self.behind.pop_front() {
            self.push(next);
        }
        Some(oldest)
    }

    /// The oldest.
    pub(super) fn front(&self) -> Option<Shape> {
        (self.count > 0).then(|| unpack(self.packed))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.count) + self.behind.len()
    }
}

fn pack(shape: Shape) -> u64 {
    match shape {
        Shape::Single => 0,
        Shape::Multi => 1,
        Shape::Exchange => 2,
    }
}

fn unpack(packed: u64) -> Shape {
    match packed & ((1 << BITS) - 1) {
        0 => Shape::Single,
        1 => Shape::Multi,
        _ => Shape::Exchange,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_shape_comes_out_as_it_went_in() {
        let shapes = [Shape::Single, Shape::Multi, Shape::Exchange];
        assert_eq!(shapes.map(|shape| unpack(pack(shape))), shapes);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec(proptest::option::weighted(0.6, 0u64..3), 0..200)) {
            let (mut awaited, mut model) = (Awaited::default(), VecDeque::new());
            for step in steps {
                if let Some(packed) = step {
                    awaited.push(unpack(packed));
                    model.push_back(unpack(packed));
                } else {
                    prop_assert_eq!(awaited.pop(), model.pop_front());
                }
                prop_assert_eq!((awaited.len(), awaited.front()), (model.len(), model.front().copied()));
            }
        }
    }

    #[test]
    fn what_fits_in_place_does_not_allocate() {
        let mut awaited = Awaited::default();
        (0..IN_PLACE).for_each(|_| awaited.push(Shape::Multi));
        assert_eq!(awaited.behind.capacity(), 0);
    }
}
