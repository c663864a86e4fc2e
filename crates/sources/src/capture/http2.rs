//! HTTP/2 without TLS on a connection: the streams of a client that knows that the service speaks
//! it.

use std::collections::BTreeMap;

use standin_tape::exchange::FailureReason;

use super::frames::{FrameEvent, FrameReader};
use super::message::MessageHead;
use super::open_call::{CaptureTally, OpenCall};

/// The exchanges of an HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Http2Connection {
    client: FrameReader,
    service: FrameReader,
    /// Calls that are not complete, by stream.
    open: BTreeMap<u32, OpenCall>,
    has_requested: bool,
    /// True if nothing behind this point can be read.
    is_broken: bool,
}

impl Http2Connection {
    pub(super) fn new() -> Self {
        Self {
            client: FrameReader::new(true),
            service: FrameReader::new(false),
            open: BTreeMap::new(),
            has_requested: false,
            is_broken: false,
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes bytes of the client.
    pub(super) fn request_bytes(&mut self, stamp: u64, bytes: &[u8], tally: &mut CaptureTally) {
        let Ok(events) = self.client.read(stamp, bytes) else { return self.gap(tally) };
        for event in events {
            match event {
                FrameEvent::Headers { stream, fields, ends, .. } => {
                    if !self.open.contains_key(&stream) {
                        let call = OpenCall::new(request_head(fields), stamp, self.has_requested, tally);
                        self.open.insert(stream, call);
                        self.has_requested = true;
                    }
                    self.request_part(stream, stamp, &[], ends, tally);
                }
                FrameEvent::Data { stream, bytes, ends } => self.request_part(stream, stamp, &bytes, ends, tally),
                FrameEvent::Reset { stream } => self.fail(stream, FailureReason::ClientGone, tally),
            }
        }
        if self.open.len() > MAX_OPEN_STREAMS {
            self.gap(tally);
        }
    }

    /// Takes bytes of the service.
    pub(super) fn response_bytes(&mut self, stamp: u64, bytes: &[u8], tally: &mut CaptureTally) {
        let Ok(events) = self.service.read(stamp, bytes) else { return self.gap(tally) };
        for event in events {
            match event {
                FrameEvent::Headers { stream, fields, begun, ends } => {
                    let Some(call) = self.open.get_mut(&stream) else { continue };
                    // interim responses and trailers begin no response
                    let head = response_head(fields).filter(|head| head.status >= 200 && !call.has_response());
                    if let Some(head) = head {
                        call.begin_response(head, begun, stamp, tally);
                    }
                    self.response_part(stream, stamp, &[], ends, tally);
                }
                FrameEvent::Data { stream, bytes, ends } => self.response_part(stream, stamp, &bytes, ends, tally),
                FrameEvent::Reset { stream } => self.fail(stream, FailureReason::Closed, tally),
            }
        }
    }

    /// Notes that packets are missing: the fields of later heads depend on earlier ones, so that
    /// nothing more can be read.
    pub(super) fn gap(&mut self, tally: &mut CaptureTally) {
        tally.lost += u64::from(self.open.is_empty());
        for call in std::mem::take(&mut self.open).into_values() {
            call.lose(tally);
        }
        self.is_broken = true;
    }

    /// Ends all open calls with a failure.
    pub(super) fn fail_all(&mut self, reason: FailureReason, tally: &mut CaptureTally) {
        for call in std::mem::take(&mut self.open).into_values() {
            call.finish(Some(reason), tally);
        }
    }

    /// Drops all open calls at the end of the capture, and returns their number.
    pub(super) fn abandon(&mut self, tally: &mut CaptureTally) -> u64 {
        let open = std::mem::take(&mut self.open);
        for call in open.values() {
            call.release(tally);
        }
        open.len() as u64
    }

    fn request_part(&mut self, stream: u32, stamp: u64, bytes: &[u8], ends: bool, tally: &mut CaptureTally) {
        let Some(call) = self.open.get_mut(&stream) else { return };
        call.request_bytes(stamp, bytes, tally);
        if ends {
            call.end_request(stamp, tally);
            self.finish_complete(stream, tally);
        }
    }

    fn response_part(&mut self, stream: u32, stamp: u64, bytes: &[u8], ends: bool, tally: &mut CaptureTally) {
        let Some(call) = self.open.get_mut(&stream) else { return };
        call.response_bytes(stamp, bytes, tally);
        if ends {
            call.end_response(stamp);
            self.finish_complete(stream, tally);
        }
    }

    fn finish_complete(&mut self, stream: u32, tally: &mut CaptureTally) {
        if self.open.get(&stream).is_some_and(OpenCall::is_complete)
            && let Some(call) = self.open.remove(&stream)
        {
            call.finish(None, tally);
        }
    }

    /// Ends a stream that was reset; after a whole response that is no failure.
    fn fail(&mut self, stream: u32, reason: FailureReason, tally: &mut CaptureTally) {
        if let Some(call) = self.open.remove(&stream) {
            let is_answered = call.is_answered();
            call.finish((!is_answered).then_some(reason), tally);
        }
    }
}

fn request_head(fields: Vec<(String, String)>) -> MessageHead {
    let mut head = MessageHead::default();
    for (name, value) in fields {
        match name.as_str() {
            ":method" => head.method = value,
            ":path" => head.target = value,
            ":authority" => head.headers.push(("host".to_owned(), value)),
            _ if name.starts_with(':') => {}
            _ => head.headers.push((name, value)),
        }
    }
    head
}

/// Returns the head of a response; `None` for trailers.
fn response_head(mut fields: Vec<(String, String)>) -> Option<MessageHead> {
    let status = fields.iter().find(|(name, _)| name == ":status")?.1.parse().ok()?;
    fields.retain(|(name, _)| !name.starts_with(':'));
    Some(MessageHead { status, headers: fields, ..MessageHead::default() })
}

/// Streams that a client may have open on a connection.
const MAX_OPEN_STREAMS: usize = 10_000;
