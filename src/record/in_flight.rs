//! A request at the service, and the record of it that goes on the tape when it ends.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;

use super::capture::BodyCapture;
use super::header_block::HeaderBlock;
use super::tape_writer::RecordedCall;
use super::upload::{RequestBody, UploadBody, UploadProgress};
use super::{CallEvent, FinishedCall, Recorder};
use crate::upstream::{CallAccount, Checkout, UpstreamConnection, UpstreamPermit};
use standin_stub::call::raw_target::percent_encoded;
use standin_tape::exchange::{ExchangeFailure, ExchangeTimes, FailureReason};

/// A request that is being forwarded. Dropping it ends the request as abandoned by its client.
#[derive(Debug)]
pub(super) struct InFlightCall {
    recorder: Arc<Recorder>,
    worker: usize,
    /// Record for the tape; `None` after the end.
    pub(super) record: Option<Box<RecordedCall>>,
    upload: Arc<UploadProgress>,
    pub(super) connection: Option<UpstreamConnection<UploadBody>>,
    pub(super) permit: Option<UpstreamPermit>,
    /// True while the request counts as one that the service works on.
    is_at_service: bool,
}

impl InFlightCall {
    /// Counts the request, and creates its record and the body to send.
    pub(super) fn new(
        recorder: Arc<Recorder>,
        parts: &Parts,
        body: RequestBody,
        arrival: Instant,
        worker: usize,
    ) -> (Self, UploadBody) {
        let number = recorder.counts.calls.fetch_add(1, Relaxed) + 1;
        let (body, upload) = UploadBody::new(body, arrival, recorder.upstream.base(), &recorder.capture_budget);
        let record = Box::new(RecordedCall {
            number,
            method: parts.method.clone(),
            url: path_and_query(&parts.uri),
            request_headers: recorder.tape.as_ref().map(|_| HeaderBlock::of(&parts.headers)).unwrap_or_default(),
            request_body: None,
            response_head: None,
            reason: None,
            response_body: BodyCapture::new(&recorder.capture_budget),
            failure: None,
            times: ExchangeTimes::default(),
            in_flight: 0,
            reused: false,
        });
        let (record, connection, permit) = (Some(record), None, None);
        (Self { recorder, worker, record, upload, connection, permit, is_at_service: false }, body)
    }

    /// Copies a piece of the response body.
    pub(super) fn capture_response(&mut self, data: &[u8]) {
        if let Some(record) = &mut self.record {
            record.response_body.push(data);
        }
    }

    /// Ends the request: hands its record to the tape, and returns its connection and its permit.
    pub(super) fn end(mut self, failure: Option<ExchangeFailure>) {
        self.finish(failure);
    }

    /// Notes that the service no longer works on the request.
    fn leave_service(&mut self) {
        if std::mem::take(&mut self.is_at_service) {
            self.recorder.upstream.end_call();
        }
    }
    /// Copies the times of the connection to the record.
    fn record_times(&mut self, connection: &UpstreamConnection<UploadBody>) {
        if let Some(record) = &mut self.record {
            record.times.sent = connection.times.written().1;
            (record.times.first_byte, record.times.last_byte) = connection.times.read();
        }
    }

    fn finish(&mut self, failure: Option<ExchangeFailure>) {
        self.leave_service();
        if let Some(connection) = self.connection.take() {
            self.record_times(&connection);
            let closes = self.record.as_ref().is_some_and(|record| record.times.closes);
            if failure.is_none() && !closes {
                self.recorder.upstream.put_idle(self.worker, connection);
            }
        }
        drop(self.permit.take());
        let Some(mut record) = self.record.take() else { return };
        if failure.as_ref().is_some_and(|failure| failure.reason != FailureReason::Limit) {
            self.recorder.counts.failed.fetch_add(1, Relaxed);
        }
        if let Some(observer) = &self.recorder.observer {
            observer.notify(CallEvent::Finished(FinishedCall::new(&record, failure.as_ref())));
        }
        if let Some(tape) = &self.recorder.tape {
            record.request_body = self.upload.take_capture();
            record.times.received = self.upload.received();
            record.times.closed = self.recorder.upstream.take_closed();
            record.failure = failure;
            tape.push(record);
        }
    }
}

impl CallAccount<UploadBody> for InFlightCall {
    fn begin(&mut self, checkout: &Checkout<UploadBody>) {
        checkout.connection.times.clear();
        self.is_at_service = true;
        let in_flight = self.recorder.upstream.begin_call();
        if let Some(record) = &mut self.record {
            record.in_flight = in_flight;
            record.reused = checkout.reused;
            (record.times.on_connection, record.times.idle) = checkout.connection.times.reuse();
            record.times.connect = checkout.connect_times.connect.as_nanos() as u64;
            record.times.tls = checkout.connect_times.tls.as_nanos() as u64;
            if let Some(observer) = &self.recorder.observer {
                observer.notify(CallEvent::Arrived(record.number));
            }
        }
    }

    fn retry(&mut self) {
        self.leave_service();
    }

    fn fail(&mut self, connection: &UpstreamConnection<UploadBody>) {
        self.record_times(connection);
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        let detail = "the client disconnected".to_owned();
        self.finish(Some(ExchangeFailure { reason: FailureReason::ClientGone, detail }));
    }
}

/// Returns the path and query of a URI; `/` if it has none.
pub(super) fn path_and_query(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().map_or_else(|| PathAndQuery::from_static("/"), percent_encoded)
}
