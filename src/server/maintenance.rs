//! Periodic work beside requests: catalog compaction, journal warnings and profile timelines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::live::ServiceState;
use crate::panics::{self, Panics, Part};

/// Compacts edited catalogs once edits have ceased, and warns about full journals. Starts again
/// after a panic.
pub(super) async fn keep_maintaining(lives: Vec<Arc<ServiceState>>, panics: Arc<Panics>) {
    panics.keep_polling(Part::Control, || maintain(&lives)).await;
}

async fn maintain(lives: &[Arc<ServiceState>]) {
    let mut every = tokio::time::interval(INTERVAL);
    loop {
        every.tick().await;
        panics::planted("maintenance");
        for live in lives {
            live.compact_if_quiet();
            warn_of_eviction(live);
        }
    }
}

/// Logs once that the journal is full.
fn warn_of_eviction(live: &ServiceState) {
    if let Some(evicted) = live.journal().unreported_evictions() {
        tracing::warn!(evicted, "the journal is full: the oldest calls leave it; raise --journal-bytes to keep more");
    }
}

/// Spawns a task for each service that follows its profile timelines. A task starts again after a
/// panic.
pub(super) fn spawn_timelines(lives: &[Arc<ServiceState>], panics: &Arc<Panics>) {
    for live in lives {
        let (live, panics) = (Arc::clone(live), Arc::clone(panics));
        tokio::spawn(async move { panics.keep_polling(Part::Control, || follow_timeline(&live)).await });
    }
}

/// Activates each step of the timelines when it is due.
async fn follow_timeline(live: &ServiceState) {
    loop {
        let next = live.pacing().advance_timelines(Instant::now());
        let changed = live.pacing().profile_changed();
        match next {
            // shorter steps follow each other at this interval
            Some(next) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next.max(Instant::now() + MIN_STEP).into()) => {}
                    () = changed => {}
                }
            }
            None => changed.await,
        }
    }
}

/// Interval of catalog compaction.
const INTERVAL: Duration = Duration::from_millis(500);

/// Minimum time between two steps of a timeline.
const MIN_STEP: Duration = Duration::from_millis(1);
