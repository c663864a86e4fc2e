//! Handle of a stub that a mock has.

use std::sync::Arc;
use std::time::Duration;

use super::built_stubs::BuiltStubs;
use super::received::Received;
use super::state::{MockState, retry_until_ok};
use super::times::Times;

/// Handle of a stub of a mock. It may outlive the mock, and dropping it does nothing: the stub
/// stays until it is removed or the mock ends, so that `server.stub(…);` is a complete statement.
#[derive(Clone, Debug)]
pub struct StubHandle {
    pub(super) state: Arc<MockState>,
    pub(super) parts: Arc<BuiltStubs>,
}

impl StubHandle {
    /// Returns the number of requests that the stub answered. It is exact, however many came.
    pub fn count(&self) -> u64 {
        self.parts.count()
    }

    /// Returns the requests that the stub answered, oldest first.
    pub fn calls(&self) -> Vec<Received> {
        self.state.received(|record| record.stub_id().is_some_and(|id| self.parts.ids.contains(&id)))
    }

    /// Panics unless the stub answered `times` requests: `stub.verify(1)`, `stub.verify(2..)`.
    #[track_caller]
    pub fn verify(&self, times: impl Into<Times>) {
        if let Err(report) = self.state.check_count(&self.parts, times.into()) {
            panic!("{report}");
        }
    }

    /// Verifies as [`verify`](Self::verify) does, and waits up to `timeout` for requests of other
    /// threads. Blocks the thread.
    #[track_caller]
    pub fn verify_within(&self, timeout: Duration, times: impl Into<Times>) {
        let times = times.into();
        if let Err(report) = retry_until_ok(timeout, || self.state.check_count(&self.parts, times)) {
            panic!("{report}\n\nwaited {timeout:?}");
        }
    }

    /// Removes the stub from the mock. Its count stays.
    pub fn remove(&self) {
        self.state.live.edit().remove(&self.parts.ids.iter().copied().collect());
    }
}
