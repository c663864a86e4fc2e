//! [`SubEvent`]: what happened to a request after its answer, such as a webhook.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// Something that happened to a request after its entry was written.
#[derive(Clone, Debug)]
pub struct SubEvent {
    /// WireMock's name for its kind, such as `WEBHOOK_REQUEST`.
    pub kind: &'static str,
    /// Time since the arrival of the request; `None` for events without one.
    pub offset: Option<Duration>,
    /// Description of the event as JSON.
    pub data: Value,
}

/// The sub-events of the most recent entries, by ordinal.
#[derive(Clone, Debug, Default)]
pub(super) struct SubEventStore {
    /// Shared with snapshots; copied by the first change after one.
    events: Arc<BTreeMap<u64, Vec<Arc<SubEvent>>>>,
    bytes: usize,
}

impl SubEvent {
    /// Returns the event of an error.
    pub fn error(message: &str) -> Self {
        Self { kind: "ERROR", offset: None, data: serde_json::json!({ "message": message }) }
    }

    /// Returns the approximate number of bytes in memory.
    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + 2 * self.data.to_string().len()
    }
}

impl SubEventStore {
    /// Adds an event of an entry. The events of the oldest entries are dropped beyond
    /// [`MAX_SUB_EVENT_BYTES`]; returns their number.
    pub(super) fn push(&mut self, ordinal: u64, event: SubEvent) -> u64 {
        let mut dropped = 0;
        self.bytes += event.heap_bytes();
        let events = Arc::make_mut(&mut self.events);
        events.entry(ordinal).or_default().push(Arc::new(event));
        while self.bytes > MAX_SUB_EVENT_BYTES
            && let Some((_, oldest)) = events.pop_first()
        {
            self.bytes -= heap_bytes(&oldest);
            dropped += oldest.len() as u64;
        }
        dropped
    }

    /// Returns the events of an entry, oldest first.
    pub(super) fn of(&self, ordinal: u64) -> &[Arc<SubEvent>] {
        self.events.get(&ordinal).map_or(&[], Vec::as_slice)
    }

    /// Drops the events of an entry.
    pub(super) fn remove(&mut self, ordinal: u64) {
        if self.events.contains_key(&ordinal)
            && let Some(removed) = Arc::make_mut(&mut self.events).remove(&ordinal)
        {
            self.bytes -= heap_bytes(&removed);
        }
    }
}

fn heap_bytes(events: &[Arc<SubEvent>]) -> usize {
    events.iter().map(|event| event.heap_bytes()).sum()
}

/// Maximum bytes of all sub-events.
const MAX_SUB_EVENT_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_dropped_beyond_the_limit() {
        let mut store = SubEventStore::default();
        let long = "x".repeat(1 << 20);
        for ordinal in 0..8 {
            store.push(ordinal, SubEvent::error(&long));
        }
        assert!(store.of(0).is_empty() && store.of(7).len() == 1, "{}", store.bytes);
        let kept = store.clone();
        for ordinal in 0..8 {
            store.remove(ordinal);
        }
        assert_eq!(store.bytes, 0);
        assert_eq!(kept.of(7).len(), 1, "a snapshot keeps its events");
    }
}
