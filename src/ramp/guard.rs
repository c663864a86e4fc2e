//! Stop rule of a ramp, by the clocks of the recorder: a wait at the recorder's own limits does not
//! count.
//!
//! All calls count, those of other clients too, as they load the service as well.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::locks::LockUnpoisoned as _;
use crate::record::{CallEvent, FinishedCall};
use crate::replay::{CancelToken, Proportion, StopBaseline, StopMonitor, StopRule};
use standin_tape::is_error;

/// A stop rule for all calls at the service.
#[derive(Debug)]
pub struct RampGuard {
    rule: StopRule,
    /// Share of errors on the tape.
    errors: Proportion,
    /// Token that cancels the ramp.
    cancel: CancelToken,
    state: Mutex<GuardState>,
}

/// Statistics of the calls of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepStats {
    /// Finished calls, of all clients.
    pub calls: u64,
    /// Calls with an error status or without a response.
    pub failed: u64,
    /// 95th percentile of the latency of complete responses.
    pub p95: Option<Duration>,
}

#[derive(Debug)]
struct GuardState {
    /// Monitor of the current step; `None` between steps.
    watch: Option<StopMonitor>,
    /// Open calls at the service, with their arrival times.
    open: HashMap<u64, Instant>,
    /// Latencies of this step.
    took: Vec<Duration>,
    failed: u64,
    calls: u64,
    /// Latencies of the first steps in nanoseconds, until there are enough for a baseline.
    first: Vec<u64>,
    stopped: Option<String>,
}

impl RampGuard {
    /// Returns a guard with a rule and the tape's share of errors, which cancels `cancel`.
    pub fn new(rule: StopRule, errors: Proportion, cancel: CancelToken) -> Self {
        let state = GuardState {
            watch: None,
            open: HashMap::new(),
            took: Vec::new(),
            failed: 0,
            calls: 0,
            first: Vec::new(),
            stopped: None,
        };
        Self { rule, errors, cancel, state: Mutex::new(state) }
    }

    /// Returns the reason if the ramp was stopped.
    pub fn stopped(&self) -> Option<String> {
        self.state().stopped.clone()
    }

    /// Takes an event of the recorder.
    pub fn see(&self, sighting: CallEvent) {
        match sighting {
            CallEvent::Arrived(number) => self.arrived(number),
            CallEvent::Finished(left) => self.left(left),
        }
    }

    /// Starts a step with the baseline of the steps before.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        let first = if state.first.len() < MIN_BASELINE_CALLS { Vec::new() } else { state.first.clone() };
        let normal = StopBaseline::new(self.errors, first, "the first step's");
        state.watch = Some(StopMonitor::new(self.rule, normal));
        state.took.clear();
        (state.failed, state.calls) = (0, 0);
    }

    /// Ends a step, and returns its statistics. It may stop the ramp, as fewer calls suffice at the
    /// end.
    pub(super) fn end(&self) -> StepStats {
        let mut state = self.state();
        let state = &mut *state;
        let verdict = state.watch.take().and_then(|watch| watch.final_stop_reason(overdue(&state.open, &watch)));
        self.stop(state, verdict);
        let mut took = std::mem::take(&mut state.took);
        if state.first.len() < MIN_BASELINE_CALLS {
            state.first.extend(took.iter().map(|took| took.as_nanos() as u64));
        }
        StepStats { calls: state.calls, failed: state.failed, p95: p95(&mut took) }
    }

    fn arrived(&self, number: u64) {
        let mut state = self.state();
        state.open.insert(number, Instant::now());
        // a service that does not respond any more is noticed at the next arrival
        self.judge(&mut state);
    }

    fn left(&self, left: FinishedCall) {
        let mut state = self.state();
        let state = &mut *state;
        let was_open = state.open.remove(&left.number).is_some();
        let failed = left.failed || left.status.is_some_and(|status| is_error(Some(status)));
        if !was_open && !failed {
            return;
        }
        let Some(watch) = &mut state.watch else { return };
        state.calls += 1;
        state.failed += u64::from(failed);
        state.took.extend(left.latency);
        // a call without a response counts as failed
        watch.observe(failed, left.latency.map_or(0, |took| took.as_nanos() as u64));
        self.judge(state);
    }

    fn stop(&self, state: &mut GuardState, verdict: Option<String>) {
        if let Some(why) = verdict.filter(|_| state.stopped.is_none()) {
            self.cancel.cancel(&why);
            state.stopped = Some(why);
        }
    }

    fn judge(&self, state: &mut GuardState) {
        let verdict = state.watch.as_ref().and_then(|watch| watch.stop_reason(overdue(&state.open, watch)));
        self.stop(state, verdict);
    }

    fn state(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock_unpoisoned()
    }
}

/// Returns the number of open calls that are slow already.
fn overdue(open: &HashMap<u64, Instant>, watch: &StopMonitor) -> usize {
    let patience = watch.slow_threshold();
    open.values().filter(|came| came.elapsed() > patience).count()
}

fn p95(took: &mut [Duration]) -> Option<Duration> {
    took.sort_unstable();
    took.get(took.len() * 95 / 100).copied()
}

/// Minimum number of responses for a baseline.
const MIN_BASELINE_CALLS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn left(number: u64, status: u16, ms: u64) -> FinishedCall {
        FinishedCall { number, status: Some(status), failed: false, latency: Some(Duration::from_millis(ms)) }
    }

    fn guard() -> RampGuard {
        RampGuard::new(StopRule::default(), Proportion::new(0, 100), CancelToken::default())
    }

    fn step(guard: &RampGuard, calls: u64, status: u16, ms: u64) -> StepStats {
        guard.begin();
        for number in 0..calls {
            guard.arrived(number);
            guard.left(left(number, status, ms));
        }
        guard.end()
    }

    #[test]
    fn the_first_step_is_the_measure_of_the_others() {
        let guard = guard();
        assert_eq!(step(&guard, 50, 200, 10), StepStats { calls: 50, failed: 0, p95: Some(Duration::from_millis(10)) });
        step(&guard, 200, 200, 29);
        assert_eq!(guard.stopped(), None);
        step(&guard, 200, 200, 31);
        let why = guard.stopped().unwrap();
        assert!(why.contains("3 times the first step's"), "{why}");
        assert_eq!(guard.cancel.reason(), Some(why));
    }

    #[test]
    fn a_first_step_of_few_calls_is_joined_by_the_next() {
        let guard = guard();
        let normal = || {
            guard.begin();
            guard.state().watch.as_ref().map(StopMonitor::slow_threshold)
        };
        step(&guard, 10, 200, 10);
        assert_eq!(normal(), Some(Duration::from_nanos(u64::MAX)), "there is nothing to compare with");
        step(&guard, 10, 200, 20);
        assert_eq!(normal(), Some(Duration::from_millis(60)));
    }

    #[test]
    fn errors_stop_it_in_any_step() {
        let guard = guard();
        let passed = step(&guard, 30, 503, 1);
        assert_eq!(passed.failed, 30);
        assert!(guard.stopped().unwrap().contains("--stop errors=1%"));
    }

    #[test]
    fn a_service_that_answers_nothing_any_more_stops_it() {
        let guard = guard();
        step(&guard, 50, 200, 1);
        guard.begin();
        (100..300).for_each(|number| guard.arrived(number));
        std::thread::sleep(Duration::from_millis(10));
        guard.arrived(300);
        assert!(guard.stopped().is_some());
    }
}
