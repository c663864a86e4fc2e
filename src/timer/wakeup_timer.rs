//! What rings for the earliest deadline: a timerfd on Linux, tokio's sleep elsewhere.
//!
//! The timerfd counts CLOCK_MONOTONIC to the nanosecond and is woken by the kernel's high resolution timer, which the slack
//! of a thread's own sleeps does not touch. It is never read: tokio watches for edges, and setting it
//! anew clears it.

use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// One alarm that rings once for each time it is set.
#[derive(Debug)]
pub(super) struct WakeupTimer {
    backend: Backend,
    set_for: Option<Instant>,
}

#[derive(Debug)]
enum Backend {
    #[cfg(target_os = "linux")]
    Fine(linux::Timerfd),
    Coarse(Pin<Box<Sleep>>),
}

impl WakeupTimer {
    /// An alarm that is not set. Where the kernel gives no timerfd it is tokio's.
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(timerfd) = linux::Timerfd::new() {
            return Self { backend: Backend::Fine(timerfd), set_for: None };
        }
        Self { backend: Backend::coarse(), set_for: None }
    }

    /// Rings at `at`, and no longer for what it was set before.
    pub(super) fn set(&mut self, at: Instant) {
        if self.set_for == Some(at) {
            return;
        }
        self.set_for = Some(at);
        match &mut self.backend {
            #[cfg(target_os = "linux")]
            Backend::Fine(timerfd) => {
                if timerfd.set(at).is_err() {
                    self.backend = Backend::coarse();
                    self.set_for = None;
                    self.set(at);
                }
            }
            Backend::Coarse(sleep) => sleep.as_mut().reset(at.into()),
        }
    }

    /// The time that it was set for, once it has rung; else the task is woken when it rings.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Instant> {
        let signalled = match &mut self.backend {
            #[cfg(target_os = "linux")]
            Backend::Fine(timerfd) => timerfd.drain(cx),
            // one that has rung must not be polled again before it is set
            Backend::Coarse(sleep) => self.set_for.is_some() && sleep.as_mut().poll(cx).is_ready(),
        };
        // the clock says whether it rang: a signal may be of a time that it is no longer set for
        let rang = self.set_for.take_if(|at| *at <= Instant::now());
        if signalled && rang.is_none() {
            self.set_for = None;
        }
        rang
    }
}

impl Backend {
    fn coarse() -> Self {
        Self::Coarse(Box::pin(tokio::time::sleep(Duration::ZERO)))
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll};
    use std::time::Instant;

    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timerfd, and one moment as both clocks tell it.
    #[derive(Debug)]
    pub(super) struct Timerfd {
        fd: AsyncFd<OwnedFd>,
        anchor: (Instant, Timespec),
    }

    impl Timerfd {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = watched(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
            // read in this order, the alarm errs by nanoseconds to the late side
            let anchor = (Instant::now(), clock_gettime(ClockId::Monotonic));
            Ok(Self { fd, anchor })
        }

        pub(super) fn set(&self, at: Instant) -> io::Result<()> {
            let (instant, clock) = self.anchor;
            let ahead = Timespec::try_from(at.saturating_duration_since(instant)).map_err(io::Error::other)?;
            let it_value = clock.checked_add(ahead).ok_or(io::ErrorKind::InvalidInput)?;
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
            timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
            Ok(())
        }

        /// Whether it was signalled since the last time. Asks to be woken by the next signal.
        pub(super) fn drain(&self, cx: &mut Context<'_>) -> bool {
            let mut signalled = false;
            // an error means that the runtime ends, and this task with it
            while let Poll::Ready(Ok(mut signal)) = self.fd.poll_read_ready(cx) {
                signal.clear_ready();
                signalled = true;
            }
            signalled
        }
    }

    #[expect(
        deprecated,
        reason = "tokio's other constructor is unsafe: the descriptor must stay open and the same, as an OwnedFd does"
    )]
    fn watched(timerfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
        AsyncFd::with_interest(timerfd, Interest::READABLE)
    }
}
