//! Requests that are forwarded to the real service: all while recording, else unmatched ones if
//! `--on-miss` asks for it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};

use super::{Answer, Answerer};
use crate::listen::connection::Connection;
use crate::record::{Recorder, RequestBody};
use crate::send::Outgoing;
use standin_stub::call::Call;
use standin_stub::memory::MemoryShare;

impl Answerer {
    /// Forwards a request as it arrives, without matching stubs.
    pub(super) async fn forward_all(
        self: Arc<Self>,
        recorder: Arc<Recorder>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Answer {
        if let Err(refusal) = self.check_head(&request) {
            return self.send(*refusal, request.method(), None, &connection.memory).await;
        }
        let (parts, body) = request.into_parts();
        let arrival = connection.arrival();
        let body = if body.is_end_stream() {
            RequestBody::Whole(Bytes::new())
        } else {
            RequestBody::Stream(body, Arc::clone(&connection.clock))
        };
        Ok(self.forward(recorder, parts, body, arrival).await)
    }

    /// Answers an unmatched request with a file of `__files` if there is one, else by the real
    /// service.
    pub(super) async fn forward_unmatched(
        self: Arc<Self>,
        recorder: Arc<Recorder>,
        call: Call,
        memory: Arc<MemoryShare>,
    ) -> Answer {
        if let Some(file) = self.misses.file_for(&call, &self.live).await {
            return self.send(file, &call.method, None, &memory).await;
        }
        let (mut parts, ()) = Request::new(()).into_parts();
        (parts.method, parts.uri, parts.version, parts.headers) = (call.method, call.uri, call.version, call.headers);
        Ok(self.forward(recorder, parts, RequestBody::Whole(call.raw_body), call.arrival).await)
    }

    async fn forward(
        &self,
        recorder: Arc<Recorder>,
        parts: http::request::Parts,
        body: RequestBody,
        arrival: Instant,
    ) -> Response<Outgoing> {
        let response = recorder.forward(parts, body, arrival, self.context.clone()).await;
        self.live.response_counts().count(self.context.worker, Some(response.status()));
        response
    }
}
