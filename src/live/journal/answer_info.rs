//! The answer to a request, as the journal keeps it.

use std::sync::Arc;
use std::time::Duration;

use super::entry::{AnswerView, JournaledAnswer};
use crate::pacing::RequestTimes;
use standin_stub::Stub;
use standin_stub::reply::Reply;

/// The stub that answers a request, and the intended latency.
#[derive(Clone, Copy, Debug)]
#[must_use = "the journal appends it"]
pub struct AnswerInfo<'s> {
    pub(super) stub: Option<&'s Arc<Stub>>,
    pub(super) delay: Option<Duration>,
    pub(super) is_beyond_valid: bool,
    pub(super) shown: Option<AnswerView<'s>>,
    pub(super) times: Option<&'s RequestTimes<'s>>,
    pub(super) lacks_request_body: bool,
}

impl<'s> AnswerInfo<'s> {
    /// Creates the answer of a request that no stub matched.
    pub fn unmatched() -> Self {
        Self { stub: None, delay: None, is_beyond_valid: false, shown: None, times: None, lacks_request_body: false }
    }

    /// Creates the answer of a request that this stub matched.
    pub fn matched(stub: &'s Arc<Stub>) -> Self {
        Self { stub: Some(stub), ..Self::unmatched() }
    }

    /// Sets the intended latency; `None` if it is unknown.
    pub fn with_delay(self, delay: Option<Duration>) -> Self {
        Self { delay, ..self }
    }

    /// Sets whether the request arrived beyond the valid range of the profile.
    pub fn with_beyond_valid(self, is_beyond_valid: bool) -> Self {
        Self { is_beyond_valid, ..self }
    }

    /// Sets the parts of the time, if a service paces the request.
    pub fn with_times(self, times: Option<&'s RequestTimes<'s>>) -> Self {
        Self { times, ..self }
    }

    /// Sets whether the body of the request passed without a copy of all of it.
    pub fn with_request_body_left_out(self, lacks_request_body: bool) -> Self {
        Self { lacks_request_body, ..self }
    }

    /// Sets the response, if it is not the one that the stub has for every request.
    pub fn with_answer(self, answer: Option<&'s JournaledAnswer>) -> Self {
        Self { shown: answer.map(JournaledAnswer::view), ..self }
    }

    /// Sets the reply that was rendered for the request; a body of more than `body_limit` bytes is
    /// left out.
    pub fn with_reply(self, reply: &'s Reply, body_limit: usize) -> Self {
        Self { shown: Some(AnswerView::of(reply, body_limit)), ..self }
    }
}
