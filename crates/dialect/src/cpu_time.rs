//! CPU time of the current thread, to count work that a library does not report in steps.

use std::time::Duration;

/// Returns the CPU time that the current thread has used. The call takes about a quarter of a
/// microsecond.
pub fn thread_cpu_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
