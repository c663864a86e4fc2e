//! Holds the recorded calls against the stubs as they are served, those that people wrote included: who answers?

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{Draft, ask, body};
use standin_stub::Stub;
use standin_stub::catalog::Catalog;
use standin_stub::matcher::MatchStats;
use standin_tape::exchange::Request;

/// A recorded call that another stub than the drafted one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The call in short.
    pub call: String,
    /// The stub that answers it; none if none does.
    pub answered_by: Option<String>,
}

/// The recorded calls that their drafted stubs do not answer.
pub fn strays(draft: &Draft, stubs: Vec<Arc<Stub>>, bodies: impl Fn(&str) -> Option<Bytes>) -> Vec<Stray> {
    let catalog = Catalog::new(stubs);
    let stray = |(request, id): &(Request, Uuid)| {
        let call = ask::call(request, body(request.body.as_ref(), &bodies)?)?;
        let found = catalog.find(&call, &MatchStats::default(), |_| true);
        if found.is_some_and(|stub| stub.id == *id) {
            return None;
        }
        let call = format!("{} {}", request.method, request.url);
        Some(Stray { call, answered_by: found.map(|stub| stub.label()) })
    };
    draft.calls.iter().filter_map(stray).collect()
}
