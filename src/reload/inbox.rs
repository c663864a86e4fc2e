//! Messages to the reloading thread: requests, and notices of changed files.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::ReloadMessage;
use super::folder_watch::ChangeNotifier;

/// The receiving end of the reloading thread. A request that arrives while changes settle is kept
/// and handled afterwards.
pub(super) struct ReloadInbox {
    receiver: Receiver<ReloadMessage>,
    notifier: ChangeNotifier,
    deferred: Option<ReloadMessage>,
}

impl ReloadInbox {
    /// Returns the inbox of `receiver`, whose notifier sends to `sender`.
    pub(super) fn new(sender: Sender<ReloadMessage>, receiver: Receiver<ReloadMessage>) -> Self {
        Self { receiver, notifier: ChangeNotifier::new(sender), deferred: None }
    }

    /// Returns the notifier of changed files.
    pub(super) fn notifier(&self) -> &ChangeNotifier {
        &self.notifier
    }

    /// Returns the next message: the deferred one, else one that arrives within `wait`.
    pub(super) fn next(&mut self, wait: Duration) -> Result<ReloadMessage, RecvTimeoutError> {
        let message = match self.deferred.take() {
            Some(message) => message,
            None => self.receiver.recv_timeout(wait)?,
        };
        if matches!(message, ReloadMessage::FilesChanged) {
            self.notifier.rearm();
        }
        Ok(message)
    }

    /// Returns true if a request was deferred.
    pub(super) fn has_deferred(&self) -> bool {
        self.deferred.is_some()
    }

    /// Waits for `time`; returns true if no file changed meanwhile. A request ends the wait and is
    /// deferred.
    pub(super) fn wait_for_quiet(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut is_quiet = true;
        while self.deferred.is_none() {
            match self.receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(ReloadMessage::FilesChanged) => {
                    self.notifier.rearm();
                    is_quiet = false;
                    // bounds the rate of notifications in a flood of events
                    std::thread::sleep(EVENT_PAUSE);
                }
                Ok(message) => self.deferred = Some(message),
                Err(_) => break,
            }
        }
        is_quiet
    }
}

/// Pause after an event, during which further events are merged into one.
const EVENT_PAUSE: Duration = Duration::from_millis(5);
