//! What users of leave-on-server remember from one session to the next.

use super::Message;

/// What one user (or one of its devices) remembers of a maildrop it leaves mail in: hashes of unique-ids, sorted.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    ids: Vec<u64>,
}

impl Memory {
    /// Of these unique-ids.
    pub(crate) fn of(ids: impl Iterator<Item = u64>) -> Memory {
        let mut ids: Vec<u64> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        Memory { ids }
    }

    /// Octets of memory that it holds.
    pub(crate) fn memory(&self) -> usize {
        self.ids.capacity() * size_of::<u64>()
    }

    pub(crate) fn knows(&self, id: u64) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    pub(crate) fn learn(&mut self, id: u64) {
        if let Err(place) = self.ids.binary_search(&id) {
            self.ids.insert(place, id);
        }
    }

    /// How many of what it knows are no longer there.
    pub(crate) fn missing(&self, present: &[Message]) -> usize {
        let there = sorted(present);
        self.ids.iter().filter(|id| there.binary_search(id).is_err()).count()
    }

    /// Forgets what is no longer there, so that a memory is never larger than the maildrop.
    pub(crate) fn keep(&mut self, present: &[Message]) {
        if self.ids.len() > present.len() {
            let there = sorted(present);
            self.ids.retain(|id| there.binary_search(id).is_ok());
        }
    }
}

fn sorted(present: &[Message]) -> Vec<u64> {
    let mut ids: Vec<u64> = present.iter().filter_map(|message| message.unique_id).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_is_no_larger_than_the_maildrop() {
        let message = |id| Message {
            number: 1,
            octets: None,
            unique_id: Some(id),
            marked: false,
            deleted: false,
            seeded: None,
            mark: 0,
        };
        let mut memory = Memory::of([5, 3, 3].into_iter());
        for id in [9, 3] {
            memory.learn(id);
        }
        assert_eq!(memory.missing(&[message(3), message(7)]), 2);
        memory.keep(&[message(3), message(7)]);
        assert!(memory.knows(3) && !memory.knows(5) && !memory.knows(9));
    }
}
