//! The tape format: recorded exchanges on disk as JSON lines, one exchange a line.
//!
//! ```text
//! {"standinTape":1,"target":"http://10.0.0.5:8080","startedUnixMs":1793613600000,…}    head
//! {"number":1,"request":{…},"response":{…},"times":{…},"inFlight":1,"reused":false}    exchange
//! {"end":{"exchanges":41200,"dropped":0,"refused":3}}                                  foot
//! ```
//!
//! A tape whose name ends in `.zst` has the same lines in zstd frames.
//!
//! The foot is missing if the recorder was killed. Bodies are beside the tape in a file that ends
//! in `.bodies`, each distinct one once, by its SHA-256 ([`TapeBodies`]). A marker replaces each
//! secret ([`is_redacted`]). A line `{"gap":{…}}` marks exchanges that are lost because the disk
//! was full.

mod answer_shape;
mod appender;
mod bodies;
pub mod exchange;
mod frames;
pub mod markup;
mod operation_name;
mod operation_rules;
pub mod operations;
mod path_segments;
mod query_evidence;
mod query_split;
mod reader;
mod recording;
mod redaction;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use answer_shape::AnswerShape;
pub use bodies::{TapeBodies, pack_path, tape_name};
pub use frames::FrameReader;
pub use operation_name::OperationName;
pub use operation_rules::{InvalidRule, OperationRules, SegmentKind};
pub use query_evidence::{QueryEvidence, query_kind};
pub use query_split::{SplitOperation, SplitProof};
pub use reader::{BrokenLine, TapeCondition, TapeError, TapeReader};
pub use recording::{LoadedTape, REPLAY_NOTE, busiest_second, is_error};
pub use redaction::{DEFAULT_SECRET_KEYS, PlainMessage, RedactedMessage, RedactionRules, Redactor};
pub use redaction::{REDACTED_PREFIX, is_redacted, redaction_marker, split_at_redactions, with_stand_ins};
pub use redaction::{SecretLook, find_secret_looks};
pub use writer::TapeWriter;
pub use writer::to_hex;

/// The first line of a tape: the conditions of the recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeHead {
    /// Version of the format. A reader refuses versions above its own.
    #[serde(rename = "standinTape")]
    pub version: u32,
    /// Base URL of the recorded service.
    pub target: String,
    /// Time 0 of the tape, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Description of the clock: `monotonic, at the socket`.
    #[serde(default)]
    pub clock: String,
    /// True if the operator declared that the recorder sees all traffic of the service.
    #[serde(default)]
    pub exclusive: bool,
    /// True if bodies were kept.
    #[serde(default)]
    pub bodies: bool,
    /// Limits of the recorder. Concurrency and rates at a limit are lower bounds of the capacity.
    #[serde(default)]
    pub limits: RecordingLimits,
    /// Time that the recorder adds to a request, measured against a loopback service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead: Option<RecorderOverhead>,
    /// Source of a tape that no recorder wrote, such as an access log; `None` if a recorder did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TapeSource>,
    /// Further notes by name, such as the steps of a ramp.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub notes: Map<String, Value>,
}

/// The source of a tape that no recorder wrote, and what it lacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeSource {
    /// Kind of the source: `packet capture`, `access log (nginx)`, `spans (Zipkin)`.
    pub kind: String,
    /// Names of the files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Resolution of the time stamps in nanoseconds; 0 if unknown.
    #[serde(default)]
    pub stamp_resolution: u64,
    /// Resolution of the durations in nanoseconds; 0 if unknown.
    #[serde(default)]
    pub duration_resolution: u64,
    /// Share of the calls that the source has, 0 to 1, if it says that it is a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<f64>,
    /// True if some URLs are path templates, such as `/items/{id}`, for lack of paths.
    #[serde(default)]
    pub path_templates: bool,
}

/// The limits of a recorder; `None` is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingLimits {
    /// Maximum number of concurrent requests at the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Maximum number of requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Maximum number of concurrent connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

/// Quantiles of the time that the recorder adds to a request, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecorderOverhead {
    /// Median of the added time.
    pub p50: u64,
    /// 90 % quantile of the added time.
    #[serde(default)]
    pub p90: u64,
    /// 99 % quantile of the added time.
    pub p99: u64,
    /// Median latency of a loopback service that answers immediately, without the recorder: the
    /// lower bound of measurable latencies.
    #[serde(default)]
    pub round_trip: u64,
}

/// The last line of a tape, written when the recorder ends normally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeFoot {
    /// Number of exchanges on the tape.
    pub exchanges: u64,
    /// Number of exchanges that are lost because the disk was full or too slow.
    #[serde(default)]
    pub dropped: u64,
    /// Number of requests that the limits of the recorder refused.
    #[serde(default)]
    pub refused: u64,
}

/// A part of the recording that is not on the tape, because the disk accepted no writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeGap {
    /// Number of lost exchanges.
    pub exchanges: u64,
    /// Duration of the gap in seconds.
    pub seconds: f64,
    /// Error text of the operating system.
    pub why: String,
}

/// Lists the tapes of a stub folder in the order of their names. Names that a recorder chose are in
/// the order of their times.
pub fn tapes_of_folder(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir.join("tapes"))?;
    let mut tapes: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tapes.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        TAPE_ENDINGS.iter().any(|ending| name.ends_with(ending))
    });
    tapes.sort();
    Ok(tapes)
}

/// Endings of the names of tapes: compressed, and plain.
pub const TAPE_ENDINGS: [&str; 2] = [".jsonl.zst", ".jsonl"];

/// JSON of the line with the foot.
#[derive(Serialize, Deserialize)]
struct FootLine {
    end: TapeFoot,
}

/// JSON of a line with a gap.
#[derive(Serialize, Deserialize)]
struct GapLine {
    gap: TapeGap,
}

/// Version of the format that this program writes, and the highest version that it reads.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
