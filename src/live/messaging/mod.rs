//! Channels of WebSocket connections: message stubs, open channels, and the journal of messages.

mod channel;
mod journal;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
use hashbrown::HashMap;
use uuid::Uuid;

pub use self::channel::{Channel, QueuedCommand};
pub use self::journal::{MessageEvent, MessageJournal};
use crate::locks::LockUnpoisoned as _;
use standin_stub::matcher::{MatchStats, RequestPattern};
use standin_stub::message::MessageStub;

/// The message stubs, the open channels and the messages of one set of stubs.
#[derive(Debug)]
pub struct Messaging {
    /// Stubs in the order in which they are asked.
    stubs: ArcSwap<Vec<Arc<MessageStub>>>,
    /// True if a request can trigger one of them.
    has_http_triggers: AtomicBool,
    channels: Mutex<HashMap<Uuid, Arc<Channel>>>,
    journal: MessageJournal,
    counts: ChannelCounts,
}

/// Counters of channels since the start.
#[derive(Debug, Default)]
pub struct ChannelCounts {
    /// Channels that were opened.
    pub opened: AtomicU64,
    /// Events that triggered stubs.
    pub triggers: AtomicU64,
    /// Messages that were received.
    pub received: AtomicU64,
    /// Messages that were sent.
    pub sent: AtomicU64,
    /// Channels that were closed because their clients did not read what waited for them.
    pub slow: AtomicU64,
    /// Channels that were closed because a message was too long.
    pub too_long: AtomicU64,
    /// Channels that were closed because their clients did not answer pings.
    pub idle: AtomicU64,
}

impl Messaging {
    /// Creates a set without stubs. `keeps_messages` says whether the journal keeps messages.
    pub fn new(keeps_messages: bool) -> Self {
        Self {
            stubs: ArcSwap::default(),
            has_http_triggers: AtomicBool::new(false),
            channels: Mutex::default(),
            journal: MessageJournal::new(keeps_messages),
            counts: ChannelCounts::default(),
        }
    }

    /// Returns the stubs: by priority, the newest first.
    pub fn stubs(&self) -> Guard<Arc<Vec<Arc<MessageStub>>>> {
        self.stubs.load()
    }

    /// Replaces the stubs by what `change` makes of them. The order of stubs of one priority is
    /// kept.
    pub fn edit_stubs(&self, change: impl Fn(&mut Vec<Arc<MessageStub>>)) {
        let edited = self.stubs.rcu(|stubs| {
            let mut stubs = Vec::clone(stubs);
            change(&mut stubs);
            stubs.sort_by_key(|stub| stub.priority);
            Arc::new(stubs)
        });
        drop(edited);
        let has_triggers = self.stubs.load().iter().any(|stub| stub.has_http_trigger());
        self.has_http_triggers.store(has_triggers, Relaxed);
    }

    /// Adds a stub before all of its priority, or in the place of the one with its id.
    pub fn put(&self, stub: &Arc<MessageStub>) {
        self.edit_stubs(|stubs| match stubs.iter().position(|known| known.id == stub.id) {
            Some(place) => stubs[place] = Arc::clone(stub),
            None => stubs.insert(0, Arc::clone(stub)),
        });
    }

    /// Returns whether a request can trigger a stub.
    pub fn has_http_triggers(&self) -> bool {
        self.has_http_triggers.load(Relaxed)
    }

    /// Adds a channel that has opened.
    pub fn add_channel(&self, channel: &Arc<Channel>) {
        self.counts.opened.fetch_add(1, Relaxed);
        self.channels.lock_unpoisoned().insert(channel.id, Arc::clone(channel));
    }

    /// Removes a channel that has closed.
    pub fn remove_channel(&self, id: &Uuid) {
        let removed = self.channels.lock_unpoisoned().remove(id);
        drop(removed);
    }

    /// Returns the open channels, the oldest first.
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        let mut channels: Vec<_> = self.channels.lock_unpoisoned().values().cloned().collect();
        channels.sort_by_key(|channel| (channel.opened, channel.id));
        channels
    }

    /// Returns the open channel of this id.
    pub fn channel(&self, id: &Uuid) -> Option<Arc<Channel>> {
        self.channels.lock_unpoisoned().get(id).cloned()
    }

    /// Returns the number of open channels.
    pub fn open(&self) -> usize {
        self.channels.lock_unpoisoned().len()
    }

    /// Returns the open channels whose requests match.
    pub fn matching(&self, pattern: &RequestPattern) -> Vec<Arc<Channel>> {
        let mut channels = self.channels();
        channels.retain(|channel| pattern.matches(&channel.call, &MatchStats::default()));
        channels
    }

    /// Returns the journal of messages.
    pub fn journal(&self) -> &MessageJournal {
        &self.journal
    }

    /// Returns the counters.
    pub fn counts(&self) -> &ChannelCounts {
        &self.counts
    }
}
