//! Verification of a draft: finds the stub that answers each recorded call, among all stubs that
//! are served.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{StubDraft, body, request_rule};
use standin_stub::Stub;
use standin_stub::catalog::Catalog;
use standin_stub::matcher::MatchStats;
use standin_tape::exchange::ExchangeRequest;

/// A recorded call that another stub than the drafted one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The call in short.
    pub call: String,
    /// The stub that answers it; none if none does.
    pub answered_by: Option<String>,
}

/// Returns the recorded calls that their drafted stubs do not answer.
pub fn mismatches(draft: &StubDraft, stubs: Vec<Arc<Stub>>, bodies: impl Fn(&str) -> Option<Bytes>) -> Vec<Mismatch> {
    let catalog = Catalog::new(stubs);
    let mismatch = |(request, id): &(ExchangeRequest, Uuid)| {
        let call = request_rule::call(request, body(request.body.as_ref(), &bodies)?)?;
        let found = catalog.find(&call, &MatchStats::default(), |stub| stub.id == *id || stub.scenario.is_none());
        if found.is_some_and(|stub| stub.id == *id) {
            return None;
        }
        let call = format!("{} {}", request.method, request.url);
        Some(Mismatch { call, answered_by: found.map(|stub| stub.label()) })
    };
    draft.calls.iter().filter_map(mismatch).collect()
}
