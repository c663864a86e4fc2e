//! What is done beside the calls: edited catalogs put in order, and timelines followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::live::Live;

/// Puts edited catalogs into one layer once edits have ceased.
pub(super) async fn compact(lives: Vec<Arc<Live>>) {
    let mut every = tokio::time::interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        for live in &lives {
            live.compact_if_quiet();
            if let Some(evicted) = live.journal().first_eviction() {
                tracing::warn!(
                    evicted,
                    "the journal is full: the oldest calls leave it; raise --journal-bytes to keep more"
                );
            }
        }
    }
}

/// Goes from step to step of the timelines of each service.
pub(super) fn keep_times(lives: &[Arc<Live>]) {
    for live in lives {
        tokio::spawn(keep_time(Arc::clone(live)));
    }
}

/// Goes from step to step of timelines.
async fn keep_time(live: Arc<Live>) {
    loop {
        let next = live.pacing().keep_time(Instant::now());
        let changed = live.pacing().changed();
        match next {
            // steps that are shorter than that follow each other as fast as they may
            Some(next) => {
                tokio::select! {
                    () = tokio::time::sleep_until(next.max(Instant::now() + SHORTEST_STEP).into()) => {}
                    () = changed => {}
                }
            }
            None => changed.await,
        }
    }
}

/// Between two switches of a timeline.
const SHORTEST_STEP: Duration = Duration::from_millis(1);
