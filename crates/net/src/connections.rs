//! The tasks of a server's connections: how many may be served at once, and how to end them all.
//!
//! A connection costs one entry of eight octets, and a lock at its begin and its end. Deliberately no results: a task
//! that fails has failed for its own client only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

/// The connections of one server.
pub(crate) struct Connections {
    rooms: Arc<Semaphore>,
    state: Mutex<State>,
    /// Told when a connection ends while somebody waits for that.
    ended: Notify,
}

/// Leave for one connection to be served.
pub(crate) type Room = OwnedSemaphorePermit;

#[derive(Default)]
struct State {
    /// By number; `None` is free, or aborted and about to be.
    tasks: Vec<Option<AbortHandle>>,
    free: Vec<u32>,
    /// Somebody waits for the end of all.
    ending: bool,
}

/// A task's entry, free again when the task has ended in whatever way.
struct Entry {
    connections: Arc<Connections>,
    number: u32,
}

impl Connections {
    /// With room for so many at once.
    pub(crate) fn new(most: usize) -> Arc<Connections> {
        let rooms = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Connections { rooms, state: Mutex::default(), ended: Notify::new() })
    }

    /// Room for one more connection, as soon as there is any; first come, first served.
    pub(crate) async fn room(&self) -> Room {
        match self.rooms.clone().acquire_owned().await {
            Ok(room) => room,
            // Nobody closes the semaphore; if somebody did, there would be no room ever more.
            Err(_) => std::future::pending().await,
        }
    }

    /// Serves a connection in a task of its own on the current runtime.
    pub(crate) fn spawn(self: &Arc<Self>, served: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        let number = state.free.pop().unwrap_or_else(|| {
            state.tasks.push(None);
            (state.tasks.len() - 1) as u32
        });
        let entry = Entry { connections: self.clone(), number };
        // On another thread the task may end at once; its entry waits for the lock then.
        let task = tokio::spawn(async move {
            let _entry = entry;
            served.await;
        });
        state.tasks[number as usize] = Some(task.abort_handle());
    }

    /// Ends all connections and waits until they have ended.
    pub(crate) async fn shut_down(&self) {
        loop {
            // Asked for before the look, so that an end between the look and the wait is not missed.
            let ended = self.ended.notified();
            {
                let mut state = self.state();
                state.ending = state.free.len() < state.tasks.len();
                if !state.ending {
                    return;
                }
            }
            self.abort();
            ended.await;
        }
    }

    /// Ends all connections without waiting for it.
    pub(crate) fn abort(&self) {
        // Aborted outside of the lock: a task may end within the call, and its entry wants the lock.
        let tasks: Vec<AbortHandle> = self.state().tasks.iter_mut().filter_map(Option::take).collect();
        for task in tasks {
            task.abort();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.tasks[self.number as usize] = None;
        state.free.push(self.number);
        let last = state.ending && state.free.len() == state.tasks.len();
        drop(state);
        if last {
            self.connections.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_all_is_waited_for_and_entries_are_used_again() {
        let connections = Connections::new(2);
        for _ in 0..3 {
            for _ in 0..10 {
                connections.spawn(std::future::pending());
            }
            connections.spawn(async {});
            connections.shut_down().await;
            let state = connections.state();
            assert!(state.tasks.iter().all(Option::is_none));
            assert_eq!((state.tasks.len(), state.free.len()), (11, 11));
        }
        connections.shut_down().await;
    }

    #[tokio::test]
    async fn there_is_room_for_so_many() {
        let connections = Connections::new(2);
        let (first, _second) = (connections.room().await, connections.room().await);
        let mut third = std::pin::pin!(connections.room());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(third.as_mut().poll(&mut context).is_ready());
    }
}
