//! The request log: a line on stderr for each answered request.
//!
//! A worker puts the facts into a bounded queue, and a thread of its own writes the lines. When the
//! queue is full, requests are not logged but counted, so that no log delays a response.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::{Method, Request, Response, Uri};
use jiff::Timestamp;
use serde_json::json;

use crate::stdio::{self, StdStream};
use standin_stub::call::raw_target;

/// The queue of requests to be logged.
#[derive(Clone, Debug)]
pub struct RequestLog {
    lines: SyncSender<RequestLine>,
    /// Lines that were dropped since the last line was written.
    dropped: Arc<AtomicU64>,
    /// Lines that were dropped since the start.
    dropped_in_total: Arc<AtomicU64>,
}

/// A request that is being answered.
#[derive(Debug)]
pub struct PendingRequest {
    method: Method,
    uri: Uri,
    since: Instant,
}

/// A request that was answered.
#[derive(Debug)]
struct RequestLine {
    method: Method,
    uri: Uri,
    /// Status; `None` if the connection was broken instead.
    status: Option<u16>,
    /// Id of the stub that answered.
    stub: Option<String>,
    stub_name: Option<String>,
    /// Time from the head of the request to that of the response.
    time: Duration,
    at: SystemTime,
}

impl RequestLog {
    /// Starts the thread that writes the log. It ends with the last clone of the queue.
    pub fn start() -> io::Result<Self> {
        let (lines, received) = sync_channel(MAX_QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let log = Self { lines, dropped: Arc::clone(&dropped), dropped_in_total: Arc::default() };
        thread::Builder::new().name("standin-requests".to_owned()).spawn(move || write_lines(&received, &dropped))?;
        Ok(log)
    }

    /// Returns the number of requests that were not logged, since the queue was full.
    pub fn dropped_in_total(&self) -> u64 {
        self.dropped_in_total.load(Relaxed)
    }

    /// Logs the answer of a request; `None` if its connection was broken.
    pub fn record<B>(&self, pending: PendingRequest, response: Option<&Response<B>>) {
        let header = |name: &str| {
            let value = response?.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let line = RequestLine {
            status: response.map(|response| response.status().as_u16()),
            stub: header("matched-stub-id"),
            stub_name: header("matched-stub-name"),
            time: pending.since.elapsed(),
            at: SystemTime::now(),
            method: pending.method,
            uri: pending.uri,
        };
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Relaxed);
            self.dropped_in_total.fetch_add(1, Relaxed);
        }
    }
}

impl PendingRequest {
    /// Notes a request before it is answered.
    pub fn new<B>(request: &Request<B>) -> Self {
        Self { method: request.method().clone(), uri: request.uri().clone(), since: Instant::now() }
    }
}

impl RequestLine {
    /// Returns the line of the request, as JSON or as text.
    fn line(&self, is_json: bool) -> String {
        let at = Timestamp::try_from(self.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let url = self.uri.to_string();
        let sent = raw_target::without_placeholders(&url).unwrap_or_else(|| url.into());
        let url: String = sent.chars().take(MAX_URL_CHARS).collect();
        let millis = self.time.as_secs_f64() * 1e3;
        if is_json {
            let fields = json!({
                "message": "request",
                "method": self.method.as_str(),
                "url": url,
                "status": self.status,
                "stub": self.stub,
                "stubName": self.stub_name,
                "timeMs": millis,
            });
            let line =
                json!({"timestamp": at.to_string(), "level": "INFO", "fields": fields, "target": "standin::request"});
            return line.to_string();
        }
        let status = self.status.map_or_else(|| "broken".to_owned(), |status| status.to_string());
        let stub = match (&self.stub_name, &self.stub) {
            (Some(name), Some(id)) => format!("stub `{name}` ({id})"),
            (None, Some(id)) => format!("stub {id}"),
            (_, None) => "no stub".to_owned(),
        };
        format!("{at:.3} {} {url} {status} {millis:.2}ms {stub}", self.method)
    }
}

fn write_lines(received: &Receiver<RequestLine>, dropped: &AtomicU64) {
    for line in received {
        let is_json = stdio::has_json_lines();
        stdio::write_line(StdStream::Err, &line.line(is_json));
        match dropped.swap(0, Relaxed) {
            0 => {}
            count => {
                let message = format!("{count} requests were not logged, as they came faster than the log is written");
                let note = if is_json { stdio::json_line(stdio::Level::Warn, &message) } else { message };
                stdio::write_line(StdStream::Err, &note);
            }
        }
    }
}

/// Maximum number of requests that wait to be logged.
const MAX_QUEUED: usize = 8192;

/// Number of characters of a URL that are logged.
const MAX_URL_CHARS: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_requests_and_counts_them() {
        let (lines, received) = sync_channel(1);
        let log = RequestLog { lines, dropped: Arc::default(), dropped_in_total: Arc::default() };
        let request = Request::get("/a?b=1").body(()).expect("a request");
        let response = Response::builder().header("matched-stub-id", "17").body(()).expect("a response");
        log.record(PendingRequest::new(&request), Some(&response));
        log.record(PendingRequest::new(&request), None::<&Response<()>>);
        assert_eq!((log.dropped.load(Relaxed), log.dropped_in_total()), (1, 1));
        let logged = received.recv().expect("the first");
        let text = logged.line(false);
        assert!(text.contains(" GET /a?b=1 200 ") && text.ends_with("ms stub 17"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&logged.line(true)).expect("JSON");
        assert_eq!(json["fields"]["status"], 200);
    }

    #[test]
    fn a_raw_target_is_logged_as_it_was_sent() {
        let (lines, received) = sync_channel(1);
        let log = RequestLog { lines, dropped: Arc::default(), dropped_in_total: Arc::default() };
        let mut request = Request::get("/").body(()).expect("a request");
        *request.uri_mut() = raw_target::parse("/a?q=\"<b>`").expect("a URI with placeholders");
        log.record(PendingRequest::new(&request), None::<&Response<()>>);
        let text = received.recv().expect("a line").line(false);
        assert!(text.contains(" GET /a?q=\"<b>` broken "), "{text}");
    }
}
