//! The recorder: forwards requests to a real service, and writes them to a tape.
//!
//! ```text
//! request → permit (in flight, rate) → connection → service → response, streamed → client
//!                                                        └ at its end: redaction → tape
//! ```
//!
//! A request arrives at the service when its last bytes are written to the socket. The wait for a
//! permit and the connect have fields of their own and are not part of the latency.

mod call_observer;
mod capture;
mod download;
mod forward;
mod header_block;
mod in_flight;
mod load_counts;
mod tape_statistics;
mod tape_writer;
mod upload;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use serde_json::{Map, Value};

pub use call_observer::{CallEvent, CallObserver, FinishedCall};
pub use load_counts::RecordingSize;
pub use tape_writer::TapeProgress;
pub use upload::RequestBody;

use self::capture::CaptureBudget;
use self::tape_writer::TapeWriterThread;
use self::upload::UploadBody;
use crate::panics::Panics;
use crate::upstream::{Connector, TargetUrl, Upstream, UpstreamLimits};
use standin_tape::{RecorderOverhead, RecordingLimits, RedactionRules, Redactor, TapeHead, TapeWriter, VERSION};

/// The configuration of a recorder.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Connector to the service.
    pub connector: Connector,
    /// Limits that protect the service.
    pub limits: UpstreamLimits,
    /// Maximum time without a byte from the service.
    pub timeout: Duration,
    /// Number of worker threads that forward.
    pub workers: usize,
    /// Tape to write; `None` forwards only.
    pub tape: Option<TapeConfig>,
    /// Observer of the requests.
    pub observer: Option<CallObserver>,
}

/// The configuration of a tape.
#[derive(Clone, Debug)]
pub struct TapeConfig {
    /// Path of the tape, which must not exist. Bodies go to a file of the same name that ends in
    /// `.bodies`.
    pub path: PathBuf,
    /// True if bodies are kept.
    pub bodies: bool,
    /// Maximum bytes of a body. A longer one is forwarded, but not kept.
    pub max_body_bytes: usize,
    /// Keys whose values are redacted.
    pub redaction: RedactionRules,
    /// True if the operator declares that the recorder sees all traffic of the service.
    pub exclusive: bool,
    /// Time that the recorder adds to a request, if it was measured.
    pub overhead: Option<RecorderOverhead>,
    /// Further notes for the head.
    pub notes: Map<String, Value>,
}

/// A proxy to one service that records if it has a tape.
pub struct Recorder {
    upstream: Upstream<UploadBody>,
    /// Host header of the service.
    host: HeaderValue,
    timeout: Duration,
    capture_budget: Arc<CaptureBudget>,
    /// True if bodies are redacted, so that requests may ask only for codings that can be decoded.
    reads_bodies: bool,
    tape: Option<TapeWriterThread>,
    panics: Arc<Panics>,
    observer: Option<CallObserver>,
    counts: CallCounts,
}

/// The rule by which requests are forwarded to a real service.
#[derive(Clone, Debug)]
pub struct ForwardRule {
    /// Recorder that forwards them.
    pub recorder: Arc<Recorder>,
    /// True if all requests are forwarded, without matching stubs. Bodies of any length then pass
    /// as a stream.
    pub forwards_all: bool,
}

/// The counts of a recorder.
#[derive(Clone, Debug, Default)]
pub struct RecordingProgress {
    /// Number of requests received.
    pub calls: u64,
    /// Requests that the service works on now.
    pub in_flight: u32,
    /// Requests that a limit refused.
    pub refused: u64,
    /// Requests without a complete response of the service.
    pub failed: u64,
    /// Bodies that were not kept because of a limit.
    pub dropped_bodies: u64,
    /// Progress of the tape.
    pub tape: TapeProgress,
}

/// The counters of a recorder since its start.
#[derive(Debug, Default)]
struct CallCounts {
    calls: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Recorder {
    /// Creates a recorder, and its tape if the configuration has one.
    pub fn start(config: RecorderConfig) -> io::Result<Arc<Self>> {
        let base = Instant::now();
        let target = config.connector.target().clone();
        let (keeps_bodies, max_body_bytes) =
            config.tape.as_ref().map_or((false, 0), |tape| (tape.bodies, tape.max_body_bytes));
        let panics = Arc::new(Panics::default());
        let tape = match config.tape {
            Some(tape) => {
                let writer = TapeWriter::create(&tape.path, &head(&target, &config.limits, &tape))?;
                Some(TapeWriterThread::start(writer, Redactor::new(tape.redaction), Arc::clone(&panics))?)
            }
            None => None,
        };
        Ok(Arc::new(Self {
            upstream: Upstream::new(config.connector, &config.limits, base, config.workers),
            host: target.host_header(),
            timeout: config.timeout,
            capture_budget: Arc::new(CaptureBudget::new(keeps_bodies, max_body_bytes)),
            reads_bodies: keeps_bodies,
            tape,
            panics,
            observer: config.observer,
            counts: CallCounts::default(),
        }))
    }

    /// Returns the base URL of the service.
    pub fn target(&self) -> &TargetUrl {
        self.upstream.target()
    }

    /// Returns the panic counters of the tape thread, for the server to share.
    pub fn panics(&self) -> Arc<Panics> {
        Arc::clone(&self.panics)
    }

    /// Returns the counts so far.
    pub fn progress(&self) -> RecordingProgress {
        RecordingProgress {
            calls: self.counts.calls.load(Relaxed),
            in_flight: self.upstream.in_flight(),
            refused: self.counts.refused.load(Relaxed),
            failed: self.counts.failed.load(Relaxed),
            dropped_bodies: self.capture_budget.dropped_bodies(),
            tape: self.tape_progress().unwrap_or_default(),
        }
    }

    /// Returns the progress of the tape; `None` without a tape.
    pub fn tape_progress(&self) -> Option<TapeProgress> {
        self.tape.as_ref().map(TapeWriterThread::progress)
    }

    /// Ends the tape with its foot. Requests that end later are not on it.
    pub fn finish(&self) -> io::Result<()> {
        self.tape.as_ref().map_or(Ok(()), |tape| tape.finish(self.counts.refused.load(Relaxed)))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Recorder")
            .field("target", self.target())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

fn head(target: &TargetUrl, limits: &UpstreamLimits, tape: &TapeConfig) -> TapeHead {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    TapeHead {
        version: VERSION,
        target: target.to_string(),
        started_unix_ms: since.map_or(0, |since| since.as_millis() as u64),
        clock: "monotonic, at the socket".to_owned(),
        exclusive: tape.exclusive,
        bodies: tape.bodies,
        limits: RecordingLimits {
            in_flight: limits.in_flight,
            per_second: limits.per_second,
            connections: limits.connections,
        },
        overhead: tape.overhead,
        source: None,
        notes: tape.notes.clone(),
    }
}
