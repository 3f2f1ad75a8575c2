//! The tasks of a server's connections: how many may be served at once, and how to end them all.
//!
//! A connection costs one entry of sixteen octets, and a lock at its begin and its end. Deliberately no results: a task
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
    tasks: Vec<Task>,
    /// The numbers of the free ones.
    free: Vec<u32>,
    /// All are to end.
    ending: bool,
}

#[derive(Default)]
struct Task {
    /// `None` while the entry is free, and while the task is being made.
    handle: Option<AbortHandle>,
    /// How many tasks had this entry before.
    turn: u32,
}

/// A task's entry, free again when it is dropped, which is when the task has ended in whatever way.
pub(crate) struct Entry {
    connections: Arc<Connections>,
    number: u32,
}

impl State {
    /// There is one for every number ever given out: entries are used again, and never removed.
    fn task(&mut self, number: u32) -> Option<&mut Task> {
        self.tasks.get_mut(number as usize)
    }
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

    /// Serves a connection in a task of its own on the current runtime. The future must keep the entry.
    pub(crate) fn spawn<Served>(self: &Arc<Self>, serve: impl FnOnce(Entry) -> Served)
    where
        Served: Future<Output = ()> + Send + 'static,
    {
        let (number, turn) = {
            let mut state = self.state();
            let number = state.free.pop().unwrap_or_else(|| {
                state.tasks.push(Task::default());
                (state.tasks.len() - 1) as u32
            });
            (number, state.task(number).map(|task| task.turn))
        };
        // Not under the lock: a runtime that is shutting down drops the future at once, and with it the entry.
        let task = tokio::spawn(serve(Entry { connections: self.clone(), number }));
        let mut state = self.state();
        // On another thread the task may have ended already, and its entry may even be another one's.
        if let Some(entry) = state.task(number)
            && Some(entry.turn) == turn
        {
            entry.handle = Some(task.abort_handle());
        }
        let ending = state.ending;
        drop(state);
        if ending {
            task.abort();
        }
    }

    /// Ends all connections and waits until they have ended.
    pub(crate) async fn shut_down(&self) {
        loop {
            // Asked for before the look, so that an end between the look and the wait is not missed.
            let ended = self.ended.notified();
            {
                let mut state = self.state();
                if state.free.len() == state.tasks.len() {
                    state.ending = false;
                    return;
                }
            }
            self.abort();
            ended.await;
        }
    }

    /// Ends all connections without waiting for it.
    pub(crate) fn abort(&self) {
        let mut state = self.state();
        state.ending = true;
        let tasks: Vec<AbortHandle> = state.tasks.iter_mut().filter_map(|task| task.handle.take()).collect();
        // Not under the lock: a task may end within the call, and its entry wants the lock.
        drop(state);
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
        if let Some(entry) = state.task(self.number) {
            (entry.handle, entry.turn) = (None, entry.turn.wrapping_add(1));
        }
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
                connections.spawn(async |_entry| std::future::pending().await);
            }
            connections.spawn(async |_entry| {});
            connections.shut_down().await;
            let state = connections.state();
            assert!(state.tasks.iter().all(|task| task.handle.is_none()));
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
