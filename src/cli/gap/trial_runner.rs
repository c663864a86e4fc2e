//! Sending of a plan to one target, whose answers are kept as a tape in memory.

use std::sync::Arc;

use super::progress::TrialProgress;
use crate::cli::Failure;
use crate::replay::{self, Plan, PreparedCalls, ReplayOutcome, ReplayTarget};
use standin_tape::exchange::Exchange;
use standin_tape::{LoadedTape, REPLAY_NOTE, TapeHead};

/// A target of the comparison and the calls that are sent to it.
pub(super) struct TrialRunner<'r> {
    pub(super) recording: &'r LoadedTape,
    pub(super) prepared: &'r Arc<PreparedCalls>,
    pub(super) target: &'r ReplayTarget,
}

impl TrialRunner<'_> {
    /// Sends a plan, and takes the answers for a tape. Shows its progress under `label`.
    pub(super) fn run(&self, plan: &Plan, label: &str) -> Result<(ReplayOutcome, LoadedTape), Failure> {
        let mut progress = TrialProgress::begin(label, plan);
        let mut exchanges: Vec<Exchange> = Vec::with_capacity(plan.calls.len());
        let outcome = replay::run(self.recording, self.prepared, plan, self.target, |mut exchange| {
            // what the comparison does not need must not fill the memory
            exchange.request.headers = Vec::new();
            progress.count();
            exchanges.push(exchange);
            Ok(())
        });
        progress.end();
        let outcome = outcome.map_err(|error| {
            Failure::broken(format!("cannot replay against {}: {error}", self.target.connector.target()))
        })?;
        let notes = [(REPLAY_NOTE.to_owned(), true.into())].into_iter().collect();
        Ok((
            outcome,
            LoadedTape { head: TapeHead { notes, ..TapeHead::default() }, exchanges, ..LoadedTape::default() },
        ))
    }
}
