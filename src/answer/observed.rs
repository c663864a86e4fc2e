//! A request whose answer is logged or has a span.

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

use super::{Answer, Answerer};
use crate::admin;
use crate::listen::connection::Connection;
use crate::request_log::PendingRequest;
use crate::spans::CallSpan;

/// A request that is being answered and observed.
pub(super) struct ObservedRequest {
    /// The request, if it is to be logged.
    logged: Option<PendingRequest>,
    span: Option<CallSpan>,
}

impl ObservedRequest {
    /// Begins to observe a request; `None` if nobody asked for it.
    pub(super) fn begin(
        answerer: &Answerer,
        request: &Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> Option<Box<Self>> {
        let logged = answerer.request_log.as_ref().map(|_| PendingRequest::new(request));
        let spans = answerer.spans.as_ref().filter(|_| !admin::is_admin_path(request.uri().path()));
        let span = spans.and_then(|spans| {
            let clock = (!connection.http2).then_some(&connection.clock);
            CallSpan::begin(spans, request, &answerer.context.tasks, clock)
        });
        (logged.is_some() || span.is_some()).then(|| Box::new(Self { logged, span }))
    }

    /// Logs the answer, and adds it to the span.
    pub(super) fn finish(self, answerer: &Answerer, answer: Answer) -> Answer {
        if let (Some(log), Some(logged)) = (&answerer.request_log, self.logged) {
            log.record(logged, answer.as_ref().ok());
        }
        match (self.span, answer) {
            (Some(span), Ok(response)) => Ok(span.attach(response)),
            (Some(span), Err(broken)) => {
                span.end_with_fault();
                Err(broken)
            }
            (None, answer) => answer,
        }
    }
}
