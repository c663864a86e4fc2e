//! Ramp of a recording: sends a tape's calls in steps of a growing rate, so that `fit` sees how
//! calls queue.
//!
//! ```text
//! tape → steps (Poisson, seeded) → sender → recorder → service
//!                                     ↑         └→ tape
//!                                     └── guard ←┘  (the stop rule, by the recorder's own clocks)
//! ```
//!
//! The calls go through the recorder's listener, as those of any client. So the tape has them with
//! the same clocks, limits and redaction, and its calls in flight include those of all clients.

mod guard;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::replay::{self, CancelToken, Plan, PreparedCalls, ReplayOutcome, ReplayRefusal, ReplayTarget, StopRule};
use standin_tape::LoadedTape;

pub use guard::{RampGuard, StepStats};

/// Rates, length and stop rule of a ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Maximum rate in calls per second; the steps are shares of it.
    pub top: f64,
    /// Length of each step.
    pub step: Duration,
    /// Seed of the random calls and times.
    pub seed: u64,
    /// Rule that stops the ramp.
    pub stop: StopRule,
}

/// Calls of a tape that a ramp draws from.
#[derive(Clone, Debug)]
pub struct RampCalls {
    /// Tape with the calls.
    pub recording: LoadedTape,
    /// Calls of the tape that may be sent.
    pub plan: Plan,
    /// Requests of these calls.
    pub prepared: Arc<PreparedCalls>,
}

/// Result of a step.
#[derive(Clone, Debug)]
pub struct RampStep {
    /// Requested rate in calls per second.
    pub per_second: f64,
    /// Calls that the ramp sent.
    pub sent: u64,
    /// Statistics of all calls at the service during the step.
    pub passed: StepStats,
}

/// Result of a ramp.
#[derive(Clone, Debug)]
pub struct RampReport {
    /// Steps that were started.
    pub steps: Vec<RampStep>,
    /// End of the ramp.
    pub end: RampEnd,
    /// Result of the sender over all steps.
    pub outcome: Option<ReplayOutcome>,
}

/// End of a ramp.
#[derive(Clone, Debug, PartialEq)]
pub enum RampEnd {
    /// All steps were made.
    Whole,
    /// The stop rule ended the ramp.
    Stopped(String),
    /// The service responds differently from the tape, so that its times tell nothing.
    Differs(ReplayRefusal),
    /// The ramp was cancelled.
    Halted,
}

impl Ramp {
    /// Returns the rates of the steps in calls per second.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        STEP_SHARES.iter().map(|share| share * self.top)
    }

    /// Returns the highest rate in calls per second.
    pub fn highest(&self) -> f64 {
        self.rates().fold(0.0, f64::max)
    }

    /// Returns the note of the tape's head, under [`NOTE_KEY`].
    pub fn note(&self, calls: &LoadedTape) -> Value {
        let of = json!({"target": calls.head.target, "startedUnixMs": calls.head.started_unix_ms});
        let rates: Vec<f64> = self.rates().collect();
        json!({
            "perSecond": rates,
            "stepMs": self.step.as_millis() as u64,
            "seed": self.seed,
            "stop": self.stop.to_string(),
            "of": of,
        })
    }

    /// Sends the steps to the recorder, which `guard` watches, and calls `begins` at the start of
    /// each. Blocks until the last response.
    pub fn run(
        &self,
        calls: &RampCalls,
        recorder: &ReplayTarget,
        guard: &RampGuard,
        begins: impl Fn(usize, f64),
    ) -> io::Result<RampReport> {
        let drawn: Vec<usize> = calls.plan.calls.iter().map(|due| due.call).collect();
        let mut report = RampReport { steps: Vec::new(), end: RampEnd::Whole, outcome: None };
        for (number, per_second) in self.rates().enumerate() {
            begins(number, per_second);
            guard.begin();
            let plan = Plan::random(&drawn, per_second, self.step, self.seed, number as u64);
            let outcome = replay::run(&calls.recording, &calls.prepared, &plan, recorder, |_| Ok(()))?;
            let sent = outcome.sent;
            match &mut report.outcome {
                Some(all) => all.merge(&outcome),
                none => *none = Some(outcome),
            }
            report.steps.push(RampStep { per_second, sent, passed: guard.end() });
            let least = if number + 1 == STEP_SHARES.len() { 1 } else { MIN_CALLS_FOR_STATUS_CHECK };
            report.end = end(guard, &recorder.cancel, report.outcome.as_ref().filter(|outcome| outcome.sent >= least));
            if report.end != RampEnd::Whole {
                break;
            }
        }
        Ok(report)
    }
}

fn end(guard: &RampGuard, cancel: &CancelToken, outcome: Option<&ReplayOutcome>) -> RampEnd {
    if let Some(why) = guard.stopped() {
        return RampEnd::Stopped(why);
    }
    if cancel.reason().is_some() {
        return RampEnd::Halted;
    }
    // a late sender does not matter here, as the tape has the real arrival times
    let differs = outcome.and_then(|outcome| outcome.refusal(Some(Duration::MAX), true));
    differs.map_or(RampEnd::Whole, RampEnd::Differs)
}

/// Rates of the steps, as shares of the maximum rate.
pub const STEP_SHARES: [f64; 6] = [0.1, 0.2, 0.4, 0.6, 0.8, 0.95];

/// Key of the note in a tape's head that describes the ramp.
pub const NOTE_KEY: &str = "ramp";

/// Minimum number of calls before the statuses are compared between steps.
const MIN_CALLS_FOR_STATUS_CHECK: u64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_names_the_steps() {
        let ramp = Ramp { top: 200.0, step: Duration::from_secs(20), seed: 7, stop: StopRule::default() };
        let note = ramp.note(&LoadedTape::default());
        assert_eq!(note["perSecond"], json!([20.0, 40.0, 80.0, 120.0, 160.0, 190.0]));
        assert_eq!((note["stepMs"].as_u64(), note["stop"].as_str()), (Some(20_000), Some("errors=1%,p95=3x")));
        assert_eq!(ramp.highest(), 190.0);
    }
}
