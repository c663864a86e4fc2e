//! Handle of a stub that a mock has.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::received::Received;
use super::report::Expectation;
use super::state::{MockState, retry_until_ok};
use super::test_failure::{TestFailure, fail};
use super::times::Times;
use standin_stub::matcher::RequestPattern;
use standin_stub::{HitCounter, Stub};

/// Handle of a stub of a mock. It may outlive the mock, and dropping it does nothing: the stub
/// stays until it is removed or the mock ends, so that `server.stub(…);` is a complete statement.
#[derive(Clone, Debug)]
pub struct StubHandle {
    pub(super) state: Arc<MockState>,
    pub(super) parts: Arc<BuiltStubs>,
}

/// Stubs of one builder, one for each reply.
#[derive(Debug)]
pub(super) struct BuiltStubs {
    ids: Vec<Uuid>,
    hits: Vec<Arc<HitCounter>>,
    pattern: Arc<RequestPattern>,
    request: Map<String, Value>,
}

impl BuiltStubs {
    /// Returns the parts of stubs, at least one.
    pub(super) fn of(stubs: &[Arc<Stub>]) -> Self {
        let first = stubs.first().expect("a draft has a reply, so it is a stub");
        let request = match first.json().get_mut("request").map(Value::take) {
            Some(Value::Object(request)) => request,
            _ => Map::new(),
        };
        Self {
            ids: stubs.iter().map(|stub| stub.id).collect(),
            hits: stubs.iter().map(|stub| Arc::clone(&stub.hits)).collect(),
            pattern: Arc::clone(&first.pattern),
            request,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.hits.iter().map(|hits| hits.total()).sum()
    }

    /// Checks the number of requests that the stubs answered. The error is the message of the
    /// panic.
    pub(super) fn check(&self, state: &MockState, times: Times) -> Result<(), TestFailure> {
        let count = self.count();
        if times.allow(count) {
            return Ok(());
        }
        let wanted = Expectation { pattern: &self.pattern, request: &self.request, stubs: &self.ids };
        fail(state.with_report_context(|context| {
            context.miscount_message(&wanted, times, count, &state.live.journal().snapshot())
        }))
    }
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
        if let Err(report) = self.parts.check(&self.state, times.into()) {
            panic!("{report}");
        }
    }

    /// Verifies as [`verify`](Self::verify) does, and waits up to `timeout` for requests of other
    /// threads. Blocks the thread.
    #[track_caller]
    pub fn verify_within(&self, timeout: Duration, times: impl Into<Times>) {
        let times = times.into();
        if let Err(report) = retry_until_ok(timeout, || self.parts.check(&self.state, times)) {
            panic!("{report}\n\nwaited {timeout:?}");
        }
    }

    /// Removes the stub from the mock. Its count stays.
    pub fn remove(&self) {
        self.state.live.edit().remove(&self.parts.ids.iter().copied().collect());
    }
}
