//! What is done beside the calls: edited catalogs put in order, and timelines followed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::live::Live;
use crate::panics::{self, Panics, Part};

/// Puts edited catalogs into one layer once edits have ceased; starts again after a panic.
pub(super) async fn keep_compact(lives: Vec<Arc<Live>>, panics: Arc<Panics>) {
    panics.keep_polling(Part::Control, || compact(&lives)).await;
}

async fn compact(lives: &[Arc<Live>]) {
    let mut every = tokio::time::interval(Duration::from_millis(500));
    loop {
        every.tick().await;
        panics::planted("upkeep");
        for live in lives {
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

/// Goes from step to step of the timelines of each service; starts again after a panic.
pub(super) fn keep_times(lives: &[Arc<Live>], panics: &Arc<Panics>) {
    for live in lives {
        let (live, panics) = (Arc::clone(live), Arc::clone(panics));
        tokio::spawn(async move { panics.keep_polling(Part::Control, || keep_time(&live)).await });
    }
}

/// Goes from step to step of timelines.
async fn keep_time(live: &Live) {
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
