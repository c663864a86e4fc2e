//! Open-loop replay of a tape: each call is sent at its time, whatever the calls before it do.
//!
//! ```text
//! tape → plan (what, when) → sender (timer, connections, stop rule) → exchanges → tape or gap
//! ```
//!
//! Latency counts from the scheduled time, so that a slow target cannot hide its effect on later
//! calls. The result states the lateness of the sender, the statuses of the target, and whether the
//! numbers may be reported.

mod beta_binomial;
mod cancel;
mod late_seconds;
mod outcome;
mod plan;
mod prepare;
mod sender;
mod status_counts;
mod stop;

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::upstream::{Connector, TargetUrl, TrustAnchors};
use standin_tape::LoadedTape;
use standin_tape::exchange::Exchange;

pub use beta_binomial::Proportion;
pub use cancel::CancelToken;
pub use outcome::{ReplayOutcome, ReplayRefusal};
pub use plan::{Pace, Plan, ScheduledCall};
pub use prepare::{PreparedCalls, Replacements, redacted_names};
pub use status_counts::StatusCounts;
pub use stop::{StopBaseline, StopMonitor, StopRule};

/// Target of a replay, with its limits.
#[derive(Clone, Debug)]
pub struct ReplayTarget {
    /// Connector to the target.
    pub connector: Connector,
    /// Maximum number of connections; a call that finds none waits, and is counted.
    pub max_connections: usize,
    /// Time-out of a call.
    pub timeout: Duration,
    /// Stop rule; `None` never stops.
    pub stop: Option<StopRule>,
    /// Token that cancels the run; finished calls are kept.
    pub cancel: CancelToken,
}

impl ReplayTarget {
    /// Returns a target with default limits for a base URL.
    pub fn parse(url: &str, trust: &TrustAnchors) -> Result<Self, String> {
        let connector = Connector::new(TargetUrl::parse(url)?, trust)?;
        Ok(Self {
            connector,
            max_connections: 1_000,
            timeout: Duration::from_secs(30),
            stop: None,
            cancel: CancelToken::default(),
        })
    }
}

/// Sends the calls of a plan, and passes each finished call to `sink`, in no particular order.
/// Times count from the start of the run; `received` is the scheduled time. Blocks until the last
/// response.
///
/// The exchanges have the request as on the tape, without what replaced redacted parts.
pub fn run(
    recording: &LoadedTape,
    prepared: &Arc<PreparedCalls>,
    plan: &Plan,
    target: &ReplayTarget,
    mut sink: impl FnMut(Exchange) -> io::Result<()>,
) -> io::Result<ReplayOutcome> {
    let (results, received) = mpsc::channel();
    std::thread::scope(|scope| {
        let sending = std::thread::Builder::new()
            .name("standin-replay".to_owned())
            .spawn_scoped(scope, || sender::send(recording, prepared, plan, target, results))?;
        let mut outcome = ReplayOutcome::new();
        let mut written = Ok(());
        for answered in received {
            let original = &recording.exchanges[answered.call];
            outcome.count(&answered, original);
            // the run continues, so that the target gets all calls
            if written.is_ok() {
                written = sink(answered.exchange(original));
            }
        }
        let ended = sending.join().unwrap_or_else(|_| Err(io::Error::other("the sender ended unexpectedly")))?;
        written?;
        outcome.end(ended);
        Ok(outcome)
    })
}
