//! Sends a tape's calls again, open loop: each when it is due, whatever became of those before it.
//!
//! ```text
//! tape → plan (what, when) → sender (timer, connections, stop rule) → exchanges → tape or gap
//! ```
//!
//! Latency counts from when a call was due, so that a target that stalls cannot hide what it did to the calls behind. The
//! run accounts for itself: how late it was, what the target answered, and whether its numbers may be reported at all.

mod beta_binomial;
mod cancel;
mod outcome;
mod plan;
mod prepare;
mod sender;
mod status_counts;
mod stop;

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::upstream::{Connector, Origin, Trust};
use standin_tape::Recording;
use standin_tape::exchange::Exchange;

pub use beta_binomial::Proportion;
pub use cancel::CancelToken;
pub use outcome::{ReplayOutcome, ReplayRefusal};
pub use plan::{Pace, Plan, ScheduledCall};
pub use prepare::{PreparedCalls, Replacements, redacted_names};
pub use status_counts::StatusCounts;
pub use stop::{StopBaseline, StopMonitor, StopRule};

/// Where calls are sent, and what that may cost.
#[derive(Clone, Debug)]
pub struct ReplayTarget {
    /// The way there.
    pub connector: Connector,
    /// Connections at once; a call that finds none waits, and is counted.
    pub max_connections: usize,
    /// How long a call may take.
    pub timeout: Duration,
    /// When to stop; never if there is none.
    pub stop: Option<StopRule>,
    /// Ends the run before its time; what was answered until then is handed over all the same.
    pub cancel: CancelToken,
}

impl ReplayTarget {
    /// Reads a base URL.
    pub fn parse(url: &str, trust: &Trust) -> Result<Self, String> {
        let connector = Connector::new(Origin::parse(url)?, trust)?;
        Ok(Self {
            connector,
            max_connections: 1_000,
            timeout: Duration::from_secs(30),
            stop: None,
            cancel: CancelToken::default(),
        })
    }
}

/// Sends a plan's calls, and hands over each with its answer once it has one, in no particular order. Times count from the
/// start of the run; `received` is when a call was due. Blocks until the last answer is there.
///
/// Only what the tape says of a call is handed over: what replaced redacted parts is not.
pub fn run(
    recording: &Recording,
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
            // the run goes on, so that the target sees its end
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
