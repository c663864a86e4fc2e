//! What a recorder saw, on disk: JSON lines that people can read and `grep`, an exchange a line.
//!
//! ```text
//! {"standinTape":1,"target":"http://10.0.0.5:8080","startedUnixMs":1793613600000,"exclusive":true,…}     the head
//! {"number":1,"request":{…},"response":{…},"times":{…},"inFlight":1,"reused":false}                      an exchange a line
//! {"end":{"exchanges":41200,"dropped":0,"refused":3}}                                                    only if it ended well
//! ```
//!
//! Bodies lie beside the tape in a file that ends in `.bodies`, each distinct one once, by its SHA-256 ([`TapeBodies`]). Where a secret
//! was, a marker stands: [`is_redacted`]. Where the disk was full for a while, a line `{"gap":{…}}` stands between exchanges.

mod appender;
mod bodies;
pub mod exchange;
pub mod operations;
mod reader;
mod recording;
mod redaction;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use bodies::{TapeBodies, pack_of};
pub use reader::{BrokenLine, TapeCondition, TapeError, TapeReader};
pub use recording::{LoadedTape, REPLAY, busiest_second, is_error};
pub use redaction::{REDACTED_PREFIX, around_redactions, is_redacted, redaction};
pub use writer::TapeWriter;
pub use writer::hex;

/// The first line of a tape: under what conditions it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeHead {
    /// The version of the format. A reader refuses versions above its own.
    #[serde(rename = "standinTape")]
    pub version: u32,
    /// The base URL of the service that was recorded.
    pub target: String,
    /// When the tape's clock was 0, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// How times were taken, in words: `monotonic, at the socket`.
    #[serde(default)]
    pub clock: String,
    /// Whether the recorder saw all traffic of the service. It cannot be checked, only declared.
    #[serde(default)]
    pub exclusive: bool,
    /// Whether bodies were kept.
    #[serde(default)]
    pub bodies: bool,
    /// The recorder's own limits: populations and rates at these are floors, never a capacity.
    #[serde(default)]
    pub limits: RecordingLimits,
    /// How much time the recorder itself adds to a call, measured against a loopback service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead: Option<RecorderOverhead>,
    /// Whatever else is worth keeping.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub notes: Map<String, Value>,
}

/// What a recorder let through to the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingLimits {
    /// Calls at the service at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Connections at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

/// Quantiles of the time that the recorder adds, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecorderOverhead {
    /// The median.
    pub p50: u64,
    /// One in ten calls is slowed by more.
    #[serde(default)]
    pub p90: u64,
    /// One in a hundred calls is slowed by more.
    pub p99: u64,
    /// The median time of a call to a service that answers at once, without the recorder: no shorter call can be measured.
    #[serde(default)]
    pub round_trip: u64,
}

/// The last line of a tape that ended well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeFoot {
    /// Exchanges written.
    pub exchanges: u64,
    /// Exchanges that were not written because the disk could not keep up.
    #[serde(default)]
    pub dropped: u64,
    /// Calls that the recorder's limits refused.
    #[serde(default)]
    pub refused: u64,
}

/// A stretch of a recording that is not on its tape, as the disk took nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TapeGap {
    /// Exchanges that were lost.
    pub exchanges: u64,
    /// How long the disk took nothing.
    pub seconds: f64,
    /// What the system said.
    pub why: String,
}

/// The tapes of a stub folder, by name: those that a recorder wrote are in the order of their times.
pub fn of_folder(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir.join("tapes"))?;
    let mut tapes: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tapes.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    tapes.sort();
    Ok(tapes)
}

/// A foot as it stands on its line.
#[derive(Serialize, Deserialize)]
struct FootLine {
    end: TapeFoot,
}

/// A gap as it stands on its line.
#[derive(Serialize, Deserialize)]
struct GapLine {
    gap: TapeGap,
}

/// The version of the format that this program writes, and the highest that it reads.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
