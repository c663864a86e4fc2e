//! Rules by which the service of an active profile closes a connection: after a number of answers,
//! or after a time without a request.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

use crate::wire::Clock;

/// The state of a connection under the rules of its service. Without rules, the limits of the
/// server hold.
#[derive(Debug, Default)]
pub struct KeepAlive {
    /// Number of requests that came under the rules.
    requests: AtomicU32,
    /// Idle time in nanoseconds after which the connection is closed, plus one; 0 without a rule.
    idle: AtomicU64,
    /// Time after that in which a request is lost, in nanoseconds.
    race: AtomicU64,
    /// True while requests are lost.
    is_losing: AtomicBool,
    /// True if the connection is closed after the requests that it carries.
    is_ending: AtomicBool,
    /// Signals a rule that ends an idle connection earlier than before.
    changed: Notify,
    /// Signals that the connection is to end.
    ended: Notify,
}

impl KeepAlive {
    /// Counts a request, whose service closes the connection after `max_requests` answers, or
    /// after `idle` without a request; then requests are lost for the time of `race`.
    pub fn begin_request(&self, max_requests: Option<u32>, idle: Option<Duration>, race: Duration) {
        let requests = self.requests.fetch_add(1, Relaxed) + 1;
        if max_requests.is_some_and(|most| requests >= most) {
            self.is_ending.store(true, Relaxed);
            self.ended.notify_one();
        }
        let nanos = idle.map_or(0, |idle| (idle.as_nanos() as u64).saturating_add(1));
        self.race.store(race.as_nanos() as u64, Relaxed);
        let before = self.idle.swap(nanos, Relaxed);
        if nanos != 0 && (before == 0 || nanos < before) {
            self.changed.notify_one();
        }
    }

    /// Returns true if the connection is closed after the requests that it carries.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Relaxed)
    }

    /// Returns true if the service is closing the connection, so that a request that comes now is
    /// lost.
    pub(super) fn is_losing(&self) -> bool {
        self.is_losing.load(Relaxed)
    }

    /// Resolves when the connection is to be closed after the requests that it carries.
    pub(super) async fn ending(&self) {
        while !self.is_ending() {
            self.ended.notified().await;
        }
    }

    /// Waits for `interval`, or less if a rule of the service asks for the connection earlier.
    pub(super) async fn wait(&self, interval: Duration, clock: &Clock) {
        let pause = self.idle_rule().map_or(interval, |rule| {
            let next = if self.is_losing() { rule + self.race() } else { rule };
            next.saturating_sub(clock.idle_for()).max(MIN_PAUSE).min(interval)
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.changed.notified() => {}
        }
    }

    /// Returns true if a connection that has been idle for this time is closed now.
    /// `limit` is the longest idle time of any connection.
    pub(super) fn is_over(&self, idle: Duration, limit: Duration) -> bool {
        let Some(rule) = self.idle_rule() else { return idle >= limit };
        let is_losing = idle >= rule;
        self.is_losing.store(is_losing, Relaxed);
        is_losing && idle >= rule + self.race() || idle >= limit
    }

    fn idle_rule(&self) -> Option<Duration> {
        self.idle.load(Relaxed).checked_sub(1).map(Duration::from_nanos)
    }

    fn race(&self) -> Duration {
        Duration::from_nanos(self.race.load(Relaxed))
    }
}

/// Minimum pause between two looks at a connection.
const MIN_PAUSE: Duration = Duration::from_millis(1);
