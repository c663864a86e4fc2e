//! [`StreamCounts`]: how many streams and chunks were sent, and how streams ended.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The way in which a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// All chunks were sent.
    Complete,
    /// The stream broke off, as its stub asks.
    Aborted,
    /// The client has disconnected, or has cancelled the request.
    ClientGone,
    /// The longest time of the stream was over.
    TimeLimit,
    /// A template of a chunk failed.
    Failed,
    /// The server shut down.
    Shutdown,
}

/// Counters of streams since the start.
#[derive(Debug, Default)]
pub struct StreamCounts {
    /// Streams that were begun.
    pub begun: AtomicU64,
    /// Chunks that were handed to the connection.
    pub chunks: AtomicU64,
    ends: [AtomicU64; StreamEnd::ALL.len()],
}

impl StreamEnd {
    /// All ends.
    pub const ALL: [Self; 6] =
        [Self::Complete, Self::Aborted, Self::ClientGone, Self::TimeLimit, Self::Failed, Self::Shutdown];

    /// Returns the name in metrics and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::ClientGone => "client-gone",
            Self::TimeLimit => "time-limit",
            Self::Failed => "failed",
            Self::Shutdown => "shutdown",
        }
    }
}

impl StreamCounts {
    /// Counts the end of a stream.
    pub fn count_end(&self, end: StreamEnd) {
        self.ends[end as usize].fetch_add(1, Relaxed);
    }

    /// Returns the number of streams that ended in a way.
    pub fn ended(&self, end: StreamEnd) -> u64 {
        self.ends[end as usize].load(Relaxed)
    }

    /// Returns the number of open streams.
    pub fn open(&self) -> u64 {
        let ended: u64 = StreamEnd::ALL.iter().map(|end| self.ended(*end)).sum();
        self.begun.load(Relaxed).saturating_sub(ended)
    }
}
