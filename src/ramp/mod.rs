//! A recording that makes its own traffic: a tape's calls in steps of a growing rate, so that `fit` sees how calls queue.
//!
//! ```text
//! tape → steps (Poisson, seeded) → sender → recorder → service
//!                                     ↑         └→ tape
//!                                     └── guard ←┘  (the stop rule, by the recorder's own clocks)
//! ```
//!
//! The calls go through the recorder's own door, as those of any client. So the tape has them under the same clocks, limits and
//! redaction, what it says of calls in flight includes everybody's, and nothing passes the recorder by.

mod guard;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::replay::{self, CancelToken, Plan, PreparedCalls, ReplayOutcome, ReplayRefusal, ReplayTarget, StopRule};
use standin_tape::Recording;

pub use guard::{RampGuard, StepStats};

/// How the load grows, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// The rate that the steps are shares of, in calls a second.
    pub top: f64,
    /// How long each step is.
    pub step: Duration,
    /// The same seed gives the same calls at the same times.
    pub seed: u64,
    /// When the service is left alone.
    pub stop: StopRule,
}

/// The calls of a tape that a ramp draws from.
#[derive(Clone, Debug)]
pub struct RampCalls {
    /// The tape.
    pub recording: Recording,
    /// What of it may be sent.
    pub plan: Plan,
    /// The same, ready to be sent.
    pub prepared: Arc<PreparedCalls>,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct RampStep {
    /// Calls a second that were asked for.
    pub per_second: f64,
    /// Calls of the ramp that were sent.
    pub sent: u64,
    /// What the service made of them, and of everybody else's meanwhile.
    pub passed: StepStats,
}

/// What became of a ramp.
#[derive(Clone, Debug)]
pub struct RampReport {
    /// The steps that were begun.
    pub steps: Vec<RampStep>,
    /// How it ended.
    pub end: RampEnd,
    /// What the sender says of itself, over all steps.
    pub outcome: Option<ReplayOutcome>,
}

/// How a ramp ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RampEnd {
    /// After its last step.
    Whole,
    /// By the stop rule.
    Stopped(String),
    /// Because the service answers differently from the tape, so that its times tell nothing.
    Differs(ReplayRefusal),
    /// From outside.
    Halted,
}

impl Ramp {
    /// The rates of the steps, in calls a second.
    pub fn rates(&self) -> impl Iterator<Item = f64> {
        STEP_SHARES.iter().map(|share| share * self.top)
    }

    /// The highest of them.
    pub fn highest(&self) -> f64 {
        self.rates().fold(0.0, f64::max)
    }

    /// What a tape's head says of it, under [`NOTE_KEY`].
    pub fn note(&self, calls: &Recording) -> Value {
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

    /// Sends the steps to the recorder, which `guard` watches, and tells when one begins. Blocks until the last answer is there.
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
    // being late is nothing to a tape, which has the times at which calls came
    let differs = outcome.and_then(|outcome| outcome.refusal(Some(Duration::MAX), true));
    differs.map_or(RampEnd::Whole, RampEnd::Differs)
}

/// The steps, as shares of the top rate.
pub const STEP_SHARES: [f64; 6] = [0.1, 0.2, 0.4, 0.6, 0.8, 0.95];

/// The note of a tape's head that says what ramp made its traffic.
pub const NOTE_KEY: &str = "ramp";

/// Calls before the statuses are compared between steps: fewer tell little.
const MIN_CALLS_FOR_STATUS_CHECK: u64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_names_the_steps() {
        let ramp = Ramp { top: 200.0, step: Duration::from_secs(20), seed: 7, stop: StopRule::default() };
        let note = ramp.note(&Recording::default());
        assert_eq!(note["perSecond"], json!([20.0, 40.0, 80.0, 120.0, 160.0, 190.0]));
        assert_eq!((note["stepMs"].as_u64(), note["stop"].as_str()), (Some(20_000), Some("errors=1%,p95=3x")));
        assert_eq!(ramp.highest(), 190.0);
    }
}
