//! The tape that calls of a source are written to, without secrets.

use std::io;
use std::path::{Path, PathBuf};
use std::{fs, mem};

use jiff::Timestamp;
use standin_tape::exchange::{BodyRef, Exchange, ExchangeRequest, ExchangeResponse, ExchangeTimes};
use standin_tape::{RedactedMessage, RedactionRules, Redactor, TapeHead, TapeWriter, VERSION, pack_path};

use super::timed_call::{TimedBody, TimedCall};
use crate::recorded::{lower_case, plain};

/// Options of a tape that is made of a source.
#[derive(Clone, Debug, Default)]
pub struct TapeOptions {
    /// Folder that the tape is written to; it is made if it is not there.
    pub folder: PathBuf,
    /// Head of the tape, without its start.
    pub head: TapeHead,
    /// Rules of the redaction.
    pub redaction: RedactionRules,
}

/// A tape in the making.
pub struct TapeFile {
    writer: TapeWriter,
    path: PathBuf,
    redactor: Redactor,
    /// Time 0 of the tape, in nanoseconds since 1970.
    start: u64,
    keeps_bodies: bool,
    count: u64,
    /// Calls that began before time 0.
    too_early: u64,
}

/// A tape that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTape {
    /// Path of the tape.
    pub path: PathBuf,
    /// Number of exchanges on it.
    pub exchanges: u64,
    /// Number of calls left out because they began long before the first ones of the source.
    pub too_early: u64,
}

impl TapeFile {
    /// Creates a tape whose time 0 is `start`, in nanoseconds since 1970. It is named after it.
    pub fn create(options: TapeOptions, start: u64) -> io::Result<Self> {
        let started_unix_ms = start / 1_000_000;
        let path = new_path(&options.folder, started_unix_ms);
        let keeps_bodies = options.head.bodies;
        let head = TapeHead { version: VERSION, started_unix_ms, ..options.head };
        Ok(Self {
            writer: TapeWriter::create(&path, &head)?,
            path,
            redactor: Redactor::new(options.redaction),
            start: started_unix_ms * 1_000_000,
            keeps_bodies,
            count: 0,
            too_early: 0,
        })
    }

    /// Appends a call.
    pub fn write(&mut self, call: TimedCall) -> io::Result<()> {
        let Some(sent) = call.sent.checked_sub(self.start) else {
            self.too_early += 1;
            return Ok(());
        };
        let since = |time: Option<u64>| time.map(|time| time.saturating_sub(self.start).max(sent));
        let (first_byte, last_byte) = (since(call.first_byte), since(call.last_byte));
        let request_names = lower_case(&call.request_headers);
        let response_names = lower_case(&call.response_headers);
        let messages = vec![
            plain(&request_names, &call.request_headers, bytes(&call.request_body)),
            plain(&response_names, &call.response_headers, bytes(&call.response_body)),
        ];
        let (url, redacted) = self.redactor.redact(&call.url, messages);
        let mut redacted = redacted.into_iter();
        let (mut request, mut response) = (redacted.next().unwrap_or_default(), redacted.next().unwrap_or_default());
        let (request_headers, response_headers) = (mem::take(&mut request.headers), mem::take(&mut response.headers));
        let request_body = self.body(&request, &call.request_body)?;
        let response_body = self.body(&response, &call.response_body)?;
        self.count += 1;
        self.writer.write(&Exchange {
            number: self.count,
            operation: call.operation,
            request: ExchangeRequest { method: call.method, url, headers: request_headers, body: request_body },
            response: call.status.map(|status| ExchangeResponse {
                status,
                reason: None,
                headers: response_headers,
                body: response_body,
            }),
            failure: call.failure,
            times: ExchangeTimes {
                received: sent,
                sent: Some(sent),
                first_byte,
                last_byte,
                ..ExchangeTimes::default()
            },
            in_flight: call.in_flight,
            reused: call.reused,
        })
    }

    /// Ends the tape; `lost` calls of the source are not on it.
    pub fn finish(self, lost: u64) -> io::Result<WrittenTape> {
        self.writer.finish(lost, 0)?;
        Ok(WrittenTape { path: self.path, exchanges: self.count, too_early: self.too_early })
    }

    /// Removes the tape, as nothing is to be made of the source.
    pub fn discard(self) {
        drop(self.writer);
        // a rest that cannot be removed is a tape without a foot
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(pack_path(&self.path));
    }

    fn body(&mut self, redacted: &RedactedMessage<'_>, body: &TimedBody) -> io::Result<Option<BodyRef>> {
        if body.size == 0 {
            return Ok(None);
        }
        match (&redacted.body, &body.bytes) {
            (Some(redacted), Some(_)) if self.keeps_bodies => self.writer.append_body(redacted, body.size).map(Some),
            _ => Ok(Some(BodyRef { sha256: None, size: body.size })),
        }
    }
}

fn bytes(body: &TimedBody) -> &[u8] {
    body.bytes.as_deref().unwrap_or_default()
}

/// Returns a path in `tapes/` that is free, named after a time.
fn new_path(folder: &Path, started_unix_ms: u64) -> PathBuf {
    let started = Timestamp::from_millisecond(started_unix_ms as i64).unwrap_or_default();
    let name = started.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let tapes = folder.join("tapes");
    let first = tapes.join(format!("{name}.jsonl"));
    let mut names = std::iter::once(first).chain((2..).map(|number| tapes.join(format!("{name}-{number}.jsonl"))));
    names.find(|path| !path.exists()).unwrap_or_default()
}
