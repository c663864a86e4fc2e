//! Calls in the making: what has passed of a request and its response.

use standin_tape::exchange::{ExchangeFailure, FailureReason};

use super::message::MessageHead;
use crate::timing::{TimedBody, TimedCall};

/// State that all connections of a capture share, and the calls that are complete.
#[derive(Debug, Default)]
pub(super) struct CaptureTally {
    /// Complete calls that were not taken yet.
    pub(super) finished: Vec<TimedCall>,
    /// Requests at the services now.
    pub(super) in_flight: u32,
    /// Calls left out because packets are missing.
    pub(super) lost: u64,
    /// Longest body that is kept, in bytes; `None` keeps none.
    pub(super) max_body: Option<u64>,
    /// Bytes of bodies that are kept now.
    pub(super) body_bytes: u64,
}

/// A call whose request has begun.
#[derive(Debug)]
pub(super) struct OpenCall {
    request: MessageHead,
    request_body: TimedBody,
    /// Stamp of the last byte of the request so far.
    last_request_byte: u64,
    is_sent: bool,
    in_flight: u32,
    reused: bool,
    response: Option<OpenResponse>,
}

#[derive(Debug)]
struct OpenResponse {
    head: MessageHead,
    body: TimedBody,
    first_byte: u64,
    last_byte: u64,
    is_complete: bool,
}

impl CaptureTally {
    fn body(&self) -> TimedBody {
        if self.max_body.is_some() && self.body_bytes < MAX_BODY_BYTES {
            TimedBody::kept()
        } else {
            TimedBody::default()
        }
    }

    fn push(&mut self, body: &mut TimedBody, bytes: &[u8]) {
        let before = kept_bytes(body);
        body.push(bytes, self.max_body.unwrap_or(0));
        self.body_bytes = (self.body_bytes + kept_bytes(body)).saturating_sub(before);
    }
}

fn kept_bytes(body: &TimedBody) -> u64 {
    body.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
}

impl OpenCall {
    pub(super) fn new(request: MessageHead, stamp: u64, reused: bool, tally: &CaptureTally) -> Self {
        Self {
            request,
            request_body: tally.body(),
            last_request_byte: stamp,
            is_sent: false,
            in_flight: 0,
            reused,
            response: None,
        }
    }

    pub(super) fn method(&self) -> &str {
        &self.request.method
    }

    /// Returns the stamp of the last byte of the request so far.
    pub(super) fn last_request_byte(&self) -> u64 {
        self.last_request_byte
    }

    pub(super) fn has_response(&self) -> bool {
        self.response.is_some()
    }

    pub(super) fn request_bytes(&mut self, stamp: u64, bytes: &[u8], tally: &mut CaptureTally) {
        self.last_request_byte = stamp;
        tally.push(&mut self.request_body, bytes);
    }

    /// Ends the request: it is at the service now.
    pub(super) fn end_request(&mut self, stamp: u64, tally: &mut CaptureTally) {
        self.last_request_byte = stamp;
        if !self.is_sent {
            self.is_sent = true;
            tally.in_flight += 1;
            self.in_flight = tally.in_flight;
        }
    }

    pub(super) fn begin_response(&mut self, head: MessageHead, first_byte: u64, last_byte: u64, tally: &CaptureTally) {
        let body = tally.body();
        self.response = Some(OpenResponse { head, body, first_byte, last_byte, is_complete: false });
    }

    pub(super) fn response_bytes(&mut self, stamp: u64, bytes: &[u8], tally: &mut CaptureTally) {
        if let Some(response) = &mut self.response {
            response.last_byte = stamp;
            tally.push(&mut response.body, bytes);
        }
    }

    pub(super) fn end_response(&mut self, stamp: u64) {
        if let Some(response) = &mut self.response {
            response.last_byte = response.last_byte.max(stamp);
            response.is_complete = true;
        }
    }

    /// Returns true if the response is complete.
    pub(super) fn is_answered(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.is_complete)
    }

    /// Returns true if request and response are complete.
    pub(super) fn is_complete(&self) -> bool {
        self.is_sent && self.is_answered()
    }

    /// Ends the call. Without a complete response, `failure` says why.
    pub(super) fn finish(self, failure: Option<FailureReason>, tally: &mut CaptureTally) {
        self.release(tally);
        let response = self.response;
        let first_byte = response.as_ref().map(|response| response.first_byte);
        let mut call = TimedCall {
            method: self.request.method,
            url: self.request.target,
            failure: failure.map(|reason| ExchangeFailure { reason, detail: String::new() }),
            request_headers: self.request.headers,
            request_body: self.request_body,
            // an answer may come before the request has ended
            sent: first_byte.map_or(self.last_request_byte, |first| first.min(self.last_request_byte)),
            first_byte,
            in_flight: self.in_flight,
            reused: self.reused,
            ..TimedCall::default()
        };
        if let Some(response) = response {
            call.status = Some(response.head.status);
            call.last_byte = Some(response.last_byte);
            call.response_headers = response.head.headers;
            call.response_body = response.body;
        }
        tally.finished.push(call);
    }

    /// Drops the call, because packets of it are missing.
    pub(super) fn lose(self, tally: &mut CaptureTally) {
        self.release(tally);
        tally.lost += 1;
    }

    /// Drops the call without a count, as the capture ended before it.
    pub(super) fn release(&self, tally: &mut CaptureTally) {
        tally.in_flight = tally.in_flight.saturating_sub(u32::from(self.is_sent));
        let bodies = kept_bytes(&self.request_body) + self.response.as_ref().map_or(0, |one| kept_bytes(&one.body));
        tally.body_bytes = tally.body_bytes.saturating_sub(bodies);
    }
}

/// Bytes of bodies of calls in the making beyond which bodies are counted, not kept.
const MAX_BODY_BYTES: u64 = 512 << 20;
