//! [`BuiltStubs`], what a mock keeps of the stubs of one builder.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use standin_stub::matcher::RequestPattern;
use standin_stub::{HitCounter, Stub};

/// Stubs of one builder, one for each reply.
#[derive(Debug)]
pub(super) struct BuiltStubs {
    pub(super) ids: Vec<Uuid>,
    hits: Vec<Arc<HitCounter>>,
    pub(super) pattern: Arc<RequestPattern>,
    pub(super) request: Map<String, Value>,
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

    /// Returns the number of requests that the stubs answered.
    pub(super) fn count(&self) -> u64 {
        self.hits.iter().map(|hits| hits.total()).sum()
    }
}
