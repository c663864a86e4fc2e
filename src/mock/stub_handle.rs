//! A stub that a mock has: how often it answered, and its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::received::Received;
use super::report::Expectation;
use super::state::{MockState, retry_until_ok};
use super::times::Times;
use standin_stub::matcher::RequestPattern;
use standin_stub::{HitCounter, Stub};

/// A stub that a mock has. It may outlive the mock, and dropping it does nothing: the stub stays until it is removed
/// or the mock ends, so that `server.stub(…);` is a whole sentence.
#[derive(Clone, Debug)]
pub struct StubHandle {
    pub(super) state: Arc<MockState>,
    pub(super) parts: Arc<BuiltStubs>,
}

/// The stubs that one draft became, one for each turn.
#[derive(Debug)]
pub(super) struct BuiltStubs {
    ids: Vec<Uuid>,
    hits: Vec<Arc<HitCounter>>,
    pattern: Arc<RequestPattern>,
    request: Map<String, Value>,
}

impl BuiltStubs {
    /// Of the stubs of a draft, at least one.
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

    /// What is wrong with how often it answered, if anything is.
    pub(super) fn check(&self, state: &MockState, times: Times) -> Result<(), String> {
        let count = self.count();
        if times.allow(count) {
            return Ok(());
        }
        let wanted = Expectation { pattern: &self.pattern, request: &self.request, stubs: &self.ids };
        Err(state.with_report_context(|scene| scene.miscount(&wanted, times, count, &state.live.journal().snapshot())))
    }
}

impl StubHandle {
    /// How many calls it answered; exact, however many came.
    pub fn count(&self) -> u64 {
        self.parts.count()
    }

    /// The calls that it answered, oldest first.
    pub fn calls(&self) -> Vec<Received> {
        self.state.received(|record| record.stub_id().is_some_and(|id| self.parts.ids.contains(&id)))
    }

    /// Panics unless it answered so many calls: `stub.verify(1)`, `stub.verify(2..)`.
    #[track_caller]
    pub fn verify(&self, times: impl Into<Times>) {
        if let Err(report) = self.parts.check(&self.state, times.into()) {
            panic!("{report}");
        }
    }

    /// Panics unless it has answered so many calls within this time: for what happens on another thread. It blocks.
    #[track_caller]
    pub fn verify_within(&self, patience: Duration, times: impl Into<Times>) {
        let times = times.into();
        if let Err(report) = retry_until_ok(patience, || self.parts.check(&self.state, times)) {
            panic!("{report}\n\nwaited {patience:?}");
        }
    }

    /// Takes it from the mock. Its count stays.
    pub fn remove(&self) {
        self.state.live.edit().remove(&self.parts.ids.iter().copied().collect());
    }
}
