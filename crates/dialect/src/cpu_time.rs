//! CPU time of the current thread: what to count where a library does not say how much work it did.

use std::time::Duration;

/// Returns the CPU time that the current thread has used. The call takes about a quarter of a
/// microsecond.
pub fn thread_cpu_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
