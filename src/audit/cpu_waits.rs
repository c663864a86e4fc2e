//! The time that a runnable thread waited for a CPU, from the kernel:
//! `/proc/thread-self/schedstat`.
//!
//! The scheduler favours a worker that sleeps most of the time, so that another program that takes
//! a whole core makes few of its answers late, and these in bursts of milliseconds. The kernel's
//! counter includes all waits, also those before a request is read, which the lateness of answers
//! does not show.

use std::time::Duration;

#[cfg(target_os = "linux")]
use std::{fs::File, os::unix::fs::FileExt as _};

/// The waits of a thread for a CPU in a period of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuWait {
    /// Total time of the waits.
    pub(super) time: Duration,
    /// Number of times that the thread was given a CPU.
    pub(super) runs: u32,
}

/// A reader of the kernel's counter of a thread's waits; it returns nothing where there is no
/// counter.
#[derive(Debug)]
pub(super) struct CpuWaitCounter {
    #[cfg(target_os = "linux")]
    file: Option<File>,
    /// Nanoseconds and runs since the start of the thread, at the last read.
    seen: Option<(u64, u64)>,
}

impl CpuWaitCounter {
    /// Makes a counter of the calling thread; any thread may read it.
    pub(super) fn of_this_thread() -> Self {
        let mut waits = Self {
            #[cfg(target_os = "linux")]
            file: File::open("/proc/thread-self/schedstat").ok(),
            seen: None,
        };
        waits.seen = waits.count();
        waits
    }

    /// Returns the waits since the last read.
    pub(super) fn read_since_last(&mut self) -> Option<CpuWait> {
        let (time, runs) = self.count()?;
        let (time_before, runs_before) = self.seen.replace((time, runs))?;
        Some(CpuWait {
            time: Duration::from_nanos(time.saturating_sub(time_before)),
            runs: u32::try_from(runs.saturating_sub(runs_before)).unwrap_or(u32::MAX),
        })
    }

    #[cfg(target_os = "linux")]
    fn count(&self) -> Option<(u64, u64)> {
        let mut text = [0; 64];
        let length = self.file.as_ref()?.read_at(&mut text, 0).ok()?;
        read(std::str::from_utf8(&text[..length]).ok()?)
    }

    #[cfg(not(target_os = "linux"))]
    fn count(&self) -> Option<(u64, u64)> {
        None
    }
}

/// Parses the nanoseconds waited and the runs of a line `CPU WAITED RUNS`.
#[cfg(any(target_os = "linux", test))]
fn read(line: &str) -> Option<(u64, u64)> {
    let mut numbers = line.split_ascii_whitespace().skip(1).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_by_its_places() {
        assert_eq!(read("271828 3141 59\n"), Some((3_141, 59)));
        for line in ["", "1 2", "1 x 3", "-"] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_slept_was_given_a_cpu_again() {
        let mut waits = CpuWaitCounter::of_this_thread();
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let wait = waits.read_since_last().expect("Linux counts");
        assert!(wait.runs >= 5, "{wait:?}");
        assert!(waits.read_since_last().expect("Linux counts").runs < wait.runs, "it counts from look to look");
    }
}
