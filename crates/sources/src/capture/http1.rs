//! HTTP/1.1 on a connection: requests and responses in pairs, with keep-alive and pipelining.

use std::collections::VecDeque;

use standin_tape::exchange::FailureReason;

use super::message::{MessageEvent, MessageHead, MessageParser, MessageSide, looks_like_start};
use super::open_call::{CaptureTally, OpenCall};

/// The exchanges of an HTTP/1.1 connection.
#[derive(Debug)]
pub(super) struct Http1Connection {
    requests: MessageParser,
    responses: MessageParser,
    /// Calls without a complete response, in the order of their requests.
    open: VecDeque<OpenCall>,
    /// Bytes of responses whose request was not read yet.
    early: VecDeque<(u64, Vec<u8>)>,
    early_bytes: usize,
    /// Stamp of the first byte of the response head that is being read.
    response_begun: Option<u64>,
    /// Number of requests so far.
    requested: u64,
    /// True if the request stream is in the middle of a message whose begin is unknown.
    seeks_request: bool,
    /// True if the response stream is in the middle of such a message.
    seeks_response: bool,
    /// True after an upgrade: what follows is no HTTP.
    is_upgraded: bool,
}

impl Http1Connection {
    /// Begins a connection. `is_whole` is false if its begin is not in the capture.
    pub(super) fn new(is_whole: bool) -> Self {
        Self {
            requests: MessageParser::new(MessageSide::Request),
            responses: MessageParser::new(MessageSide::Response),
            open: VecDeque::new(),
            early: VecDeque::new(),
            early_bytes: 0,
            response_begun: None,
            requested: u64::from(!is_whole),
            seeks_request: !is_whole,
            seeks_response: !is_whole,
            is_upgraded: false,
        }
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// Takes bytes of the client.
    pub(super) fn request_bytes(&mut self, stamp: u64, mut bytes: &[u8], tally: &mut CaptureTally) {
        if self.seeks_request {
            if !looks_like_start(MessageSide::Request, bytes) {
                return;
            }
            self.seeks_request = false;
        }
        while !self.is_upgraded {
            let (taken, event) = self.requests.step(bytes);
            match event {
                MessageEvent::NeedsMore => break,
                MessageEvent::Head(head) => {
                    self.open.push_back(OpenCall::new(*head, stamp, self.requested > 0, tally));
                    self.requested += 1;
                }
                MessageEvent::Body(range) => {
                    if let Some(call) = self.open.back_mut() {
                        call.request_bytes(stamp, &bytes[range], tally);
                    }
                }
                MessageEvent::End => {
                    if let Some(call) = self.open.back_mut() {
                        call.end_request(stamp, tally);
                    }
                }
                MessageEvent::Broken => {
                    self.lose_all(tally);
                    return;
                }
            }
            bytes = &bytes[taken..];
        }
        if self.open.len() > MAX_OPEN_CALLS {
            self.lose_all(tally);
            return;
        }
        while let Some((stamp, bytes)) = self.early.pop_front() {
            self.early_bytes -= bytes.len();
            let before = self.early.len();
            self.response_bytes(stamp, &bytes, tally);
            if self.early.len() > before {
                // the next request has not come either; keep the order
                self.early.rotate_right(1);
                break;
            }
        }
        self.finish_complete(tally);
    }

    /// Takes bytes of the service.
    pub(super) fn response_bytes(&mut self, stamp: u64, mut bytes: &[u8], tally: &mut CaptureTally) {
        if self.seeks_response {
            let is_later = self.open.front().is_some_and(|call| call.last_request_byte() <= stamp);
            if !is_later || !looks_like_start(MessageSide::Response, bytes) {
                return;
            }
            self.seeks_response = false;
        }
        while !self.is_upgraded {
            if self.responses.is_idle() && self.open.front().is_none_or(OpenCall::is_answered) {
                self.hold(stamp, bytes, tally);
                return;
            }
            if self.responses.is_idle() && !bytes.is_empty() {
                self.response_begun = Some(stamp);
            }
            let (taken, event) = self.responses.step(bytes);
            match event {
                MessageEvent::NeedsMore => break,
                MessageEvent::Head(head) => self.response_head(*head, stamp, tally),
                MessageEvent::Body(range) => {
                    if let Some(call) = self.open.front_mut() {
                        call.response_bytes(stamp, &bytes[range], tally);
                    }
                }
                MessageEvent::End => self.end_response(stamp, tally),
                MessageEvent::Broken => {
                    self.lose_all(tally);
                    return;
                }
            }
            bytes = &bytes[taken..];
        }
    }

    /// Notes that packets are missing: which response belongs to which request is not known until
    /// both directions begin a message again.
    pub(super) fn gap(&mut self, tally: &mut CaptureTally) {
        tally.lost += u64::from(self.open.is_empty() && !self.seeks_request);
        self.lose_all(tally);
    }

    /// Takes the end of the service's stream, and the stamp of it.
    pub(super) fn responses_end(&mut self, stamp: u64, tally: &mut CaptureTally) {
        if self.responses.is_until_close() {
            self.responses.reset();
            if let Some(call) = self.open.front_mut() {
                call.end_response(stamp);
            }
            self.finish_complete(tally);
        }
        self.fail_all(FailureReason::Closed, tally);
    }

    /// Ends all open calls with a failure.
    pub(super) fn fail_all(&mut self, reason: FailureReason, tally: &mut CaptureTally) {
        for call in std::mem::take(&mut self.open) {
            call.finish(Some(reason), tally);
        }
        self.responses.reset();
    }

    /// Drops all open calls at the end of the capture, and returns their number.
    pub(super) fn abandon(&mut self, tally: &mut CaptureTally) -> u64 {
        let open = std::mem::take(&mut self.open);
        for call in &open {
            call.release(tally);
        }
        open.len() as u64
    }

    fn response_head(&mut self, head: MessageHead, stamp: u64, tally: &mut CaptureTally) {
        let first = self.response_begun.take().unwrap_or(stamp);
        let Some(call) = self.open.front_mut() else { return };
        let framing = head.response_framing(call.method());
        let is_connect = call.method() == "CONNECT" && (200..300).contains(&head.status);
        if head.status == 101 || is_connect {
            self.is_upgraded = true;
            for call in std::mem::take(&mut self.open) {
                call.release(tally);
            }
            return;
        }
        if head.status >= 200 {
            call.begin_response(head, first, stamp, tally);
        }
        self.responses.begin_body(framing);
    }

    fn end_response(&mut self, stamp: u64, tally: &mut CaptureTally) {
        // interim responses (1xx) have no response of the call yet
        if let Some(call) = self.open.front_mut().filter(|call| call.has_response()) {
            call.end_response(stamp);
        }
        self.finish_complete(tally);
    }

    /// Finishes the calls at the front that are complete.
    fn finish_complete(&mut self, tally: &mut CaptureTally) {
        while self.open.front().is_some_and(OpenCall::is_complete) {
            if let Some(call) = self.open.pop_front() {
                call.finish(None, tally);
            }
        }
    }

    /// Keeps bytes of a response until its request has been read.
    fn hold(&mut self, stamp: u64, bytes: &[u8], tally: &mut CaptureTally) {
        if bytes.is_empty() {
            return;
        }
        self.early_bytes += bytes.len();
        self.early.push_back((stamp, bytes.to_vec()));
        if self.early_bytes > MAX_EARLY_BYTES {
            self.lose_all(tally);
        }
    }

    fn lose_all(&mut self, tally: &mut CaptureTally) {
        for call in std::mem::take(&mut self.open) {
            call.lose(tally);
        }
        self.early.clear();
        self.early_bytes = 0;
        self.requests.reset();
        self.responses.reset();
        self.seeks_request = true;
        self.seeks_response = true;
    }
}

/// Bytes of responses that may wait for their request.
const MAX_EARLY_BYTES: usize = 1 << 20;
/// Requests that a client may send on a connection without a response.
const MAX_OPEN_CALLS: usize = 10_000;
