//! Threads of a server, and the runtimes on them.

use std::thread::JoinHandle;

use tokio::runtime::Builder;

use super::start_error::StartError;

/// Starts a thread of this name.
pub(super) fn spawn<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StartError> {
    std::thread::Builder::new().name(name).spawn(work).map_err(StartError::Thread)
}

/// Runs a future on a new runtime of this thread.
pub(super) fn run<T>(mut builder: Builder, future: impl Future<Output = T>) -> T {
    let runtime = builder.enable_all().build().expect("a runtime needs no more than file descriptors");
    let result = runtime.block_on(future);
    // blocking reads that hang must not hold up the end
    runtime.shutdown_background();
    result
}
