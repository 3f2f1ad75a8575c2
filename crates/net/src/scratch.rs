//! Buffers that belong to a thread and not to a connection: with tens of thousands of connections only the few that
//! are being served need any.
//!
//! Deliberately no pool: a thread serves one connection at a time, and gives the buffer back before it waits.

use std::cell::Cell;

/// How much is read at once.
pub(crate) const INPUT: usize = 64 * 1024;

/// An output buffer that has grown beyond this is not kept.
const OUTPUT_KEPT: usize = 64 * 1024;

thread_local! {
    static INPUT_BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static OUTPUT_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Calls with the thread's input buffer, [`INPUT`] octets with no meaning. A call within the call gets another one.
pub(crate) fn with_input<Answer>(act: impl FnOnce(&mut [u8]) -> Answer) -> Answer {
    let mut buffer = INPUT_BUFFER.take().unwrap_or_else(|| vec![0; INPUT].into_boxed_slice());
    let answer = act(&mut buffer);
    INPUT_BUFFER.set(Some(buffer));
    answer
}

/// Lends the thread's output buffer to one that has none yet. If it is lent already, the other one allocates.
pub(crate) fn lend_output(output: &mut Vec<u8>) {
    if output.capacity() == 0 {
        *output = OUTPUT_BUFFER.take();
    }
}

/// Empties the output and takes its buffer back.
pub(crate) fn return_output(output: &mut Vec<u8>) {
    let mut buffer = std::mem::take(output);
    if (1..=OUTPUT_KEPT).contains(&buffer.capacity()) {
        buffer.clear();
        OUTPUT_BUFFER.set(buffer);
    }
}
