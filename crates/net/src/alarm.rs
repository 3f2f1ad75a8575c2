//! An alarm that rings at its moment, where tokio's timers ring at the next whole millisecond.
//!
//! On Linux a timer that is a descriptor (timerfd): the kernel wakes its reader within some ten microseconds, and it
//! stands in the same epoll as the sockets. Elsewhere, or should the kernel refuse it later, tokio's own timer takes its
//! place: late, as it always was, but never lost. Deliberately one moment at a time; whoever has many keeps a queue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

use crate::AlarmError;

/// Rings at a moment of the machine's clock. Not for a runtime whose clock is paused: of that the kernel knows nothing.
#[derive(Debug)]
pub struct Alarm {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Kernel(kernel::Timer),
    Tokio(Option<Pin<Box<Sleep>>>),
}

impl Alarm {
    /// An alarm for the runtime that this is called in, which needs its timers and sockets enabled.
    ///
    /// # Errors
    /// The operating system gives no timer, usually for want of a descriptor.
    #[cfg(target_os = "linux")]
    pub fn new() -> Result<Alarm, AlarmError> {
        Ok(Alarm { kind: Kind::Kernel(kernel::Timer::new()?) })
    }

    /// An alarm for the runtime that this is called in, which needs its timers enabled.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn new() -> Result<Alarm, AlarmError> {
        Ok(Alarm { kind: Kind::Tokio(None) })
    }

    /// Ready once that moment has come, and never before it. The task is woken then, or earlier for no reason. Each call
    /// may name another moment, earlier or later; the last one counts.
    pub fn poll_at(&mut self, task: &mut Context<'_>, moment: Instant) -> Poll<()> {
        loop {
            if Instant::now() >= moment {
                return Poll::Ready(());
            }
            match &mut self.kind {
                #[cfg(target_os = "linux")]
                Kind::Kernel(timer) => match timer.poll_rung(task, moment) {
                    Ok(Poll::Ready(())) => {}
                    Ok(Poll::Pending) => return Poll::Pending,
                    Err(_) => self.kind = Kind::Tokio(None),
                },
                Kind::Tokio(sleep) => {
                    let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(moment)));
                    if sleep.deadline() != moment {
                        sleep.as_mut().reset(moment);
                    }
                    return sleep.as_mut().poll(task);
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    //! The timer that is a descriptor.

    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    use crate::AlarmError;

    #[derive(Debug)]
    pub(super) struct Timer {
        descriptor: AsyncFd<OwnedFd>,
        /// What the kernel was told to ring for, and has not rung for yet.
        set: Option<Instant>,
    }

    impl Timer {
        pub(super) fn new() -> Result<Timer, AlarmError> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(io::Error::from)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe for types that may change their descriptor; an OwnedFd cannot"
            )]
            let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
            Ok(Timer { descriptor, set: None })
        }

        /// Ready when it has rung.
        pub(super) fn poll_rung(&mut self, task: &mut Context<'_>, moment: Instant) -> io::Result<Poll<()>> {
            if self.set != Some(moment) {
                // A ring for what it was set to before is none for this.
                let _ = self.poll_ring(task)?;
                // The time that is left, since Rust does not tell where an `Instant` stands on the kernel's clock. All
                // zeros would switch the timer off, so that there is always something left.
                let left = moment.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
                let left = Timespec::try_from(left).map_err(io::Error::other)?;
                let value = Itimerspec { it_interval: Timespec::default(), it_value: left };
                timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &value)?;
                self.set = Some(moment);
            }
            self.poll_ring(task)
        }

        /// How often it has rung is not read: setting it anew forgets that, and epoll tells each ring once.
        fn poll_ring(&mut self, task: &mut Context<'_>) -> io::Result<Poll<()>> {
            let Poll::Ready(ready) = self.descriptor.poll_read_ready(task) else { return Ok(Poll::Pending) };
            ready?.clear_ready();
            self.set = None;
            Ok(Poll::Ready(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(3);
    const NEVER: Duration = Duration::from_hours(1);

    fn alarms() -> [Alarm; 2] {
        [Alarm::new().unwrap(), Alarm { kind: Kind::Tokio(None) }]
    }

    /// Whether it rings without being waited for.
    fn rings_at_once(alarm: &mut Alarm, moment: Instant) -> bool {
        alarm.poll_at(&mut Context::from_waker(std::task::Waker::noop()), moment).is_ready()
    }

    #[tokio::test]
    async fn a_moment_that_has_passed_rings_at_once() {
        let now = Instant::now();
        for mut alarm in alarms() {
            assert!(rings_at_once(&mut alarm, now));
            assert!(!rings_at_once(&mut alarm, now + NEVER), "{alarm:?}");
            assert!(rings_at_once(&mut alarm, now), "{alarm:?}");
        }
    }

    #[tokio::test]
    async fn it_rings_again_and_again_and_never_before_the_moment() {
        for mut alarm in alarms() {
            for part in 1..20 {
                let moment = Instant::now() + SOON / part;
                poll_fn(|task| alarm.poll_at(task, moment)).await;
                assert!(Instant::now() >= moment, "{alarm:?}");
            }
        }
    }

    #[tokio::test]
    async fn the_moment_named_last_counts() {
        for mut alarm in alarms() {
            let start = Instant::now();
            assert!(!rings_at_once(&mut alarm, start + NEVER));
            // Were it still set for the first moment, this would not end.
            poll_fn(|task| alarm.poll_at(task, start + SOON)).await;
            assert!(!rings_at_once(&mut alarm, Instant::now() + NEVER), "{alarm:?}");

            // It rings for the earlier moment before it is told the later one, and must not take that for this.
            let earlier = Instant::now() + SOON / 3;
            assert!(!rings_at_once(&mut alarm, earlier) || Instant::now() >= earlier);
            tokio::time::sleep(SOON).await;
            let later = Instant::now() + SOON;
            poll_fn(|task| alarm.poll_at(task, later)).await;
            assert!(Instant::now() >= later, "{alarm:?}");
        }
    }

    #[tokio::test]
    async fn no_moment_is_too_far_away() {
        for mut alarm in alarms() {
            let before = std::mem::discriminant(&alarm.kind);
            let moment = Instant::now() + Duration::from_nanos(u64::MAX);
            assert!(!rings_at_once(&mut alarm, moment), "{alarm:?}");
            assert_eq!(before, std::mem::discriminant(&alarm.kind), "refused by the kernel: {alarm:?}");
        }
    }
}
