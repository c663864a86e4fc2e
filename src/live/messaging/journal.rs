//! [`MessageJournal`]: the most recent messages of all channels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::sync::Notify;
use uuid::Uuid;

use super::channel::Channel;
use crate::locks::LockUnpoisoned as _;
use standin_stub::matcher::MatchStats;
use standin_stub::message::{MessageContent, MessagePattern, MessageStub};

/// A message that was received or sent.
#[derive(Debug)]
pub struct MessageEvent {
    pub id: Uuid,
    pub channel: Arc<Channel>,
    pub content: MessageContent,
    /// True for a message of standin, false for one of the client.
    pub is_sent: bool,
    /// Stub that a received message triggered.
    pub stub: Option<Arc<MessageStub>>,
    pub at: SystemTime,
    /// Errors of the actions of the stub.
    pub errors: Vec<String>,
}

/// The most recent messages, within limits of their number and their bytes.
#[derive(Debug)]
pub struct MessageJournal {
    is_on: bool,
    kept: Mutex<KeptMessages>,
    added: Notify,
}

#[derive(Debug, Default)]
struct KeptMessages {
    events: VecDeque<Arc<MessageEvent>>,
    bytes: usize,
}

impl MessageJournal {
    /// Creates an empty journal; one that is not on keeps nothing.
    pub fn new(is_on: bool) -> Self {
        Self { is_on, kept: Mutex::default(), added: Notify::new() }
    }

    /// Returns whether messages are kept.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Adds a message. The oldest are dropped beyond [`MAX_MESSAGES`] and [`MAX_BYTES`].
    pub fn add(&self, event: MessageEvent) {
        if !self.is_on {
            return;
        }
        let mut kept = self.kept.lock_unpoisoned();
        kept.bytes += event.content.len();
        kept.events.push_back(Arc::new(event));
        let mut dropped = Vec::new();
        while kept.events.len() > MAX_MESSAGES || kept.bytes > MAX_BYTES && kept.events.len() > 1 {
            let oldest = kept.events.pop_front();
            kept.bytes -= oldest.as_ref().map_or(0, |event| event.content.len());
            dropped.extend(oldest);
        }
        drop(kept);
        self.added.notify_waiters();
    }

    /// Returns the messages, the oldest first.
    pub fn events(&self) -> Vec<Arc<MessageEvent>> {
        self.kept.lock_unpoisoned().events.iter().cloned().collect()
    }

    /// Returns the messages that match, the oldest first.
    pub fn matching(&self, pattern: &MessagePattern) -> Vec<Arc<MessageEvent>> {
        let stats = MatchStats::default();
        let mut events = self.events();
        events.retain(|event| pattern.matches(&event.channel.call, &event.content, &stats));
        events
    }

    /// Removes the messages of these ids.
    pub fn remove(&self, ids: &[Uuid]) {
        let mut kept = self.kept.lock_unpoisoned();
        kept.events.retain(|event| !ids.contains(&event.id));
        kept.bytes = kept.events.iter().map(|event| event.content.len()).sum();
    }

    /// Removes all messages.
    pub fn clear(&self) {
        let removed = std::mem::take(&mut *self.kept.lock_unpoisoned());
        drop(removed);
    }

    /// Resolves with the messages that match once there are `count`.
    pub async fn wait_for(&self, pattern: &MessagePattern, count: usize) -> Vec<Arc<MessageEvent>> {
        loop {
            let mut added = std::pin::pin!(self.added.notified());
            added.as_mut().enable();
            let found = self.matching(pattern);
            if found.len() >= count {
                return found;
            }
            added.await;
        }
    }
}

/// Maximum number of messages that are kept.
const MAX_MESSAGES: usize = 10_000;

/// Maximum bytes of the messages that are kept.
const MAX_BYTES: usize = 16 << 20;
