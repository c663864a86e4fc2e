//! Forwards calls to a real service, and puts them on a tape: what becomes of a call that no stub answers, if somebody said so.
//!
//! ```text
//! call → let in (in flight, rate) → connection → service → answer, as it comes → client
//!                                                └ when it ends: scribe → redact → tape
//! ```
//!
//! Arrival at the service is when the last bytes of the call are handed to the socket. Waiting for a permit and connecting are fields of their
//! own, and never part of what is measured.

mod body;
mod capture;
mod forward;
mod heads;
mod redact;
mod scribe;
mod witness;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use serde_json::{Map, Value};

pub use body::RequestBody;
pub use forward::WorkerContext;
pub use redact::Redaction;
pub use scribe::TapeProgress;
pub use witness::{CallEvent, CallObserver, FinishedCall};

use self::body::UploadBody;
use self::capture::CaptureBudget;
use self::redact::Redactor;
use self::scribe::TapeWriterThread;
use crate::panics::Panics;
use crate::upstream::{Connector, TargetUrl, Upstream, UpstreamLimits};
use standin_tape::{RecorderOverhead, RecordingLimits, TapeHead, TapeWriter, VERSION};

/// What a recorder is to do.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// The way to the service.
    pub connector: Connector,
    /// What the service may be asked to bear.
    pub bounds: UpstreamLimits,
    /// How long the service may be silent.
    pub timeout: Duration,
    /// Threads that forward.
    pub workers: usize,
    /// The tape, if there is to be one.
    pub tape: Option<TapeConfig>,
    /// Who looks on, if anybody does.
    pub witness: Option<CallObserver>,
}

/// What goes on a tape, and where it is.
#[derive(Clone, Debug)]
pub struct TapeConfig {
    /// The file, which must not exist; bodies stand beside it, in a file of the same name that ends in `.bodies`.
    pub path: PathBuf,
    /// Whether bodies are kept.
    pub bodies: bool,
    /// Bytes of a body at most; a longer one passes, but is not kept.
    pub longest_body: usize,
    /// What is taken out.
    pub redaction: Redaction,
    /// Whether the recorder sees all traffic of the service, as the operator says.
    pub exclusive: bool,
    /// What the recorder adds to a call, if that was measured.
    pub overhead: Option<RecorderOverhead>,
    /// What else its head says.
    pub notes: Map<String, Value>,
}

/// Forwards, and records if it has a tape.
pub struct Recorder {
    upstream: Upstream<UploadBody>,
    /// The service's Host header.
    host: HeaderValue,
    timeout: Duration,
    room: Arc<CaptureBudget>,
    /// Whether bodies are to be looked into, so that no coding may be asked for that cannot be.
    reads_bodies: bool,
    scribe: Option<TapeWriterThread>,
    panics: Arc<Panics>,
    witness: Option<CallObserver>,
    counts: CallCounts,
}

/// Calls that go on to a real service.
#[derive(Clone, Debug)]
pub struct ForwardRule {
    /// What sends them, and perhaps tapes them.
    pub recorder: Arc<Recorder>,
    /// Whether all calls do, without a look at stubs; bodies then pass as they come, whatever their length.
    pub everything: bool,
}

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct RecordingProgress {
    /// Calls that came.
    pub calls: u64,
    /// Calls that the service works on now.
    pub in_flight: u32,
    /// Calls that the bounds refused.
    pub refused: u64,
    /// Calls without a whole answer of the service.
    pub failed: u64,
    /// Bodies that were too long to be kept.
    pub lost_bodies: u64,
    /// What is on the tape.
    pub written: TapeProgress,
}

#[derive(Debug, Default)]
struct CallCounts {
    calls: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Recorder {
    /// Starts the tape, if there is to be one.
    pub fn start(settings: RecorderConfig) -> io::Result<Arc<Self>> {
        let base = Instant::now();
        let origin = settings.connector.origin().clone();
        let (keeps, longest) = settings.tape.as_ref().map_or((false, 0), |tape| (tape.bodies, tape.longest_body));
        let panics = Arc::new(Panics::default());
        let scribe = match settings.tape {
            Some(tape) => {
                let writer = TapeWriter::create(&tape.path, &head(&origin, &settings.bounds, &tape))?;
                Some(TapeWriterThread::start(writer, Redactor::new(tape.redaction), Arc::clone(&panics))?)
            }
            None => None,
        };
        Ok(Arc::new(Self {
            upstream: Upstream::new(settings.connector, &settings.bounds, base, settings.workers),
            host: origin.host_header(),
            timeout: settings.timeout,
            room: Arc::new(CaptureBudget::new(keeps, longest)),
            reads_bodies: keeps,
            scribe,
            panics,
            witness: settings.witness,
            counts: CallCounts::default(),
        }))
    }

    /// Where calls go.
    pub fn origin(&self) -> &TargetUrl {
        self.upstream.origin()
    }

    /// Returns the panics of the tape's thread, which are those of the server that records.
    pub fn panics(&self) -> Arc<Panics> {
        Arc::clone(&self.panics)
    }

    /// What happened so far.
    pub fn progress(&self) -> RecordingProgress {
        RecordingProgress {
            calls: self.counts.calls.load(Relaxed),
            in_flight: self.upstream.in_flight(),
            refused: self.counts.refused.load(Relaxed),
            failed: self.counts.failed.load(Relaxed),
            lost_bodies: self.room.lost(),
            written: self.scribe.as_ref().map(TapeWriterThread::written).unwrap_or_default(),
        }
    }

    /// What is on the tape; none if there is no tape.
    pub fn taped(&self) -> Option<TapeProgress> {
        self.scribe.as_ref().map(TapeWriterThread::written)
    }

    /// Ends the tape well. Calls that end later are not on it.
    pub fn finish(&self) -> io::Result<()> {
        self.scribe.as_ref().map_or(Ok(()), |scribe| scribe.finish(self.counts.refused.load(Relaxed)))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Recorder")
            .field("origin", self.origin())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

fn head(origin: &TargetUrl, bounds: &UpstreamLimits, tape: &TapeConfig) -> TapeHead {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    TapeHead {
        version: VERSION,
        target: origin.to_string(),
        started_unix_ms: since.map_or(0, |since| since.as_millis() as u64),
        clock: "monotonic, at the socket".to_owned(),
        exclusive: tape.exclusive,
        bodies: tape.bodies,
        limits: RecordingLimits {
            in_flight: bounds.in_flight,
            per_second: bounds.per_second,
            connections: bounds.connections,
        },
        overhead: tape.overhead,
        notes: tape.notes.clone(),
    }
}
