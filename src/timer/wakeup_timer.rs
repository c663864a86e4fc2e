//! The timer that wakes a worker for its earliest deadline: a timerfd on Linux, tokio's sleep
//! elsewhere.
//!
//! The timerfd counts CLOCK_MONOTONIC in nanoseconds and fires by the kernel's high resolution
//! timer, to which the slack of a thread's own sleeps does not apply. It is never read: tokio
//! watches for edges, and setting it again clears it.

use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// A timer that fires once for each time that it is set to.
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
    /// Makes a timer that is not set. If the kernel provides no timerfd, it uses tokio's sleep.
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(timerfd) = linux::Timerfd::new() {
            return Self { backend: Backend::Fine(timerfd), set_for: None };
        }
        Self { backend: Backend::coarse(), set_for: None }
    }

    /// Sets the timer to `at`, in place of the time that it was set to before.
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

    /// Returns the time that the timer was set to, once it has fired; until then, the task is woken
    /// when it fires.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Instant> {
        let signalled = match &mut self.backend {
            #[cfg(target_os = "linux")]
            Backend::Fine(timerfd) => timerfd.drain(cx),
            // a sleep that has fired must not be polled again before it is set
            Backend::Coarse(sleep) => self.set_for.is_some() && sleep.as_mut().poll(cx).is_ready(),
        };
        // only the clock is reliable: a signal may belong to a time that the timer was set to
        // before
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

    /// A timerfd, and one point in time on both clocks.
    #[derive(Debug)]
    pub(super) struct Timerfd {
        fd: AsyncFd<OwnedFd>,
        anchor: (Instant, Timespec),
    }

    impl Timerfd {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = watched(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
            // read in this order, the timer errs by nanoseconds to the late side
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

        /// Returns whether it was signalled since the last call. The task is woken by the next
        /// signal.
        pub(super) fn drain(&self, cx: &mut Context<'_>) -> bool {
            let mut signalled = false;
            // an error means that the runtime shuts down, and this task with it
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
