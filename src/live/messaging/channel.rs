//! [`Channel`]: an open WebSocket connection, with the commands that wait for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::locks::LockUnpoisoned as _;
use standin_stub::call::Call;
use standin_stub::message::ChannelCommand;

/// An open WebSocket connection.
#[derive(Debug)]
pub struct Channel {
    /// Id in the admin API.
    pub id: Uuid,
    /// Request that opened it.
    pub call: Arc<Call>,
    /// Time at which it was opened.
    pub opened: SystemTime,
    is_open: AtomicBool,
    queue: Mutex<CommandQueue>,
    /// Notified when a command comes that is due before all others.
    changed: Notify,
    /// Notified when more waits than the queue takes.
    overflowed: Notify,
}

/// A command that waits for its time.
#[derive(Debug)]
pub struct QueuedCommand {
    pub command: ChannelCommand,
    /// Deadline.
    pub due: Instant,
    /// Intended time from the trigger to the deadline.
    pub delay: Duration,
}

/// The commands of a channel by their deadlines; without memory while none waits.
#[derive(Debug, Default)]
struct CommandQueue {
    commands: BTreeMap<(Instant, u64), QueuedCommand>,
    bytes: usize,
    ordinals: u64,
}

impl Channel {
    /// Creates an open channel.
    pub fn new(call: Arc<Call>) -> Self {
        Self {
            id: Uuid::new_v4(),
            call,
            opened: SystemTime::now(),
            is_open: AtomicBool::new(true),
            queue: Mutex::default(),
            changed: Notify::new(),
            overflowed: Notify::new(),
        }
    }

    /// Returns true until the connection has closed.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// Marks the channel as closed, and drops what waits.
    pub fn close(&self) {
        self.is_open.store(false, Relaxed);
        let waiting = std::mem::take(&mut *self.queue.lock_unpoisoned());
        drop(waiting);
    }

    /// Adds a command. Returns false if the channel is closed, or if more waits than
    /// [`MAX_COMMANDS`] or [`MAX_BYTES`]: its client does not read, and it is closed.
    pub fn push(&self, command: QueuedCommand) -> bool {
        if !self.is_open() {
            return false;
        }
        let mut queue = self.queue.lock_unpoisoned();
        let bytes = queued_bytes(&command.command);
        if queue.commands.len() >= MAX_COMMANDS || queue.bytes + bytes > MAX_BYTES {
            drop(queue);
            self.overflowed.notify_one();
            return false;
        }
        queue.bytes += bytes;
        queue.ordinals += 1;
        let key = (command.due, queue.ordinals);
        let is_first = queue.commands.first_key_value().is_none_or(|(first, _)| key < *first);
        queue.commands.insert(key, command);
        drop(queue);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    /// Returns the deadline of the first command.
    pub fn first_due(&self) -> Option<Instant> {
        self.queue.lock_unpoisoned().commands.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the first command if it is due.
    pub fn take_due(&self, now: Instant) -> Option<QueuedCommand> {
        let mut queue = self.queue.lock_unpoisoned();
        let first = queue.commands.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let command = first.remove();
        queue.bytes -= queued_bytes(&command.command);
        Some(command)
    }

    /// Resolves when a command comes that is due before all others.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Resolves when more waits than the queue takes.
    pub async fn overflowed(&self) {
        self.overflowed.notified().await;
    }
}

fn queued_bytes(command: &ChannelCommand) -> usize {
    match command {
        ChannelCommand::Send(content) => content.len(),
        ChannelCommand::Close(_, reason) => reason.len(),
    }
}

/// Maximum number of commands that wait for a channel.
const MAX_COMMANDS: usize = 1_000;

/// Maximum bytes of the messages that wait for a channel.
const MAX_BYTES: usize = 16 << 20;
