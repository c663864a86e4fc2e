//! Limits that protect a service: requests in flight, connections and requests a second, for all
//! workers together.
//!
//! The limit of requests in flight is a fair semaphore, held until the last byte of the response
//! (tower's GlobalConcurrencyLimit is the same, but is released with the head). The rate limit is a
//! schedule of instants, one for each request: from 67 requests a second on, a window of 100 ms has
//! at most a fifth more than its share. Limiters with fixed windows let the requests of a second
//! pass at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::timer::Timer;

/// The limits of a service; `None` is unlimited.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamLimits {
    /// Maximum number of concurrent requests.
    pub in_flight: Option<u32>,
    /// Maximum number of requests a second.
    pub per_second: Option<f64>,
    /// Maximum number of concurrent connections.
    pub connections: Option<u32>,
    /// Maximum time that a request waits for the limits; zero refuses immediately.
    pub max_wait: Duration,
}

/// The limit that refused a request after the maximum wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// Concurrent requests or connections.
    InFlight,
    Rate,
}

/// A permit for one request at the service, until it is dropped.
#[derive(Debug)]
pub struct UpstreamPermit {
    since: Instant,
    _semaphore_permit: Option<OwnedSemaphorePermit>,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self { in_flight: None, per_second: None, connections: None, max_wait: Duration::from_secs(30) }
    }
}

/// The semaphore and the rate limiter of a service.
#[derive(Debug)]
pub(super) struct Limiter {
    semaphore: Option<Arc<Semaphore>>,
    rate: Option<RateLimiter>,
    max_wait: Duration,
}

impl Limiter {
    pub(super) fn new(limits: &UpstreamLimits) -> Self {
        // HTTP/1.1 has one request a connection, so more requests than connections would only wait
        let permits = limits.in_flight.into_iter().chain(limits.connections).min();
        Self {
            semaphore: permits.map(|permits| Arc::new(Semaphore::new(permits as usize))),
            rate: limits.per_second.map(RateLimiter::new),
            max_wait: limits.max_wait,
        }
    }

    /// Waits for a permit.
    pub(super) async fn acquire_permit(&self) -> Result<UpstreamPermit, LimitExceeded> {
        let since = Instant::now();
        let Some(semaphore) = &self.semaphore else { return Ok(UpstreamPermit { since, _semaphore_permit: None }) };
        let permit = match Arc::clone(semaphore).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(self.max_wait, Arc::clone(semaphore).acquire_owned())
                .await
                .map_err(|_| LimitExceeded::InFlight)?
                .expect("the semaphore is never closed"),
        };
        Ok(UpstreamPermit { since, _semaphore_permit: Some(permit) })
    }

    /// Waits until the rate limit admits the request of a permit.
    pub(super) async fn wait_for_rate(&self, permit: &UpstreamPermit, timer: &Arc<Timer>) -> Result<(), LimitExceeded> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let left = self.max_wait.saturating_sub(permit.since.elapsed());
        timeout(left, rate.wait(timer)).await.map_err(|_| LimitExceeded::Rate)
    }
}

/// Admits one request each `interval`, in the order of their calls.
#[derive(Debug)]
struct RateLimiter {
    interval: Duration,
    /// Planned time of the next request; `None` before the first.
    next: Mutex<Option<Instant>>,
}

impl RateLimiter {
    fn new(per_second: f64) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / per_second), next: Mutex::const_new(None) }
    }

    async fn wait(&self, timer: &Arc<Timer>) {
        // the task that waits holds the lock, and tokio's mutex is fair, so requests pass in their
        // order
        let mut next = self.next.lock().await;
        let due = due(*next, Instant::now());
        Arc::clone(timer).wait_until_exactly(due).await;
        *next = Some(due.max(credited(Instant::now())) + self.interval);
    }
}

/// Returns the time at which a request that asks now may pass. A request that passed up to
/// [`CREDIT`] late does not delay the next.
fn due(next: Option<Instant>, now: Instant) -> Instant {
    next.map_or(now, |next| next.max(credited(now)))
}

/// Returns the time from which the next interval counts, for a request that passes now.
fn credited(now: Instant) -> Instant {
    now.checked_sub(CREDIT).unwrap_or(now)
}

/// Delay of a request that does not delay the following ones. In any 100 ms, at most
/// `(100 ms + CREDIT) / interval + 1` requests pass.
const CREDIT: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lower_limit_applies() {
        let permits = |in_flight, connections| {
            let limiter = Limiter::new(&UpstreamLimits { in_flight, connections, ..UpstreamLimits::default() });
            limiter.semaphore.map(|semaphore| semaphore.available_permits())
        };
        assert_eq!(permits(None, None), None);
        assert_eq!(permits(Some(4), None), Some(4));
        assert_eq!(permits(Some(4), Some(2)), Some(2));
        assert_eq!(permits(Some(4), Some(8)), Some(4));
    }

    proptest! {
        /// No window has too many requests, for any arrivals and any delays.
        #[test]
        fn no_window_is_above_the_rate(gaps in prop::collection::vec((0_u64..30_000, 0_u64..40_000), 1..400), rate in 50_u32..2_000) {
            let limiter = RateLimiter::new(f64::from(rate));
            let start = Instant::now() + CREDIT;
            let (mut now, mut next) = (start, None);
            let mut passed: Vec<Instant> = Vec::new();
            for (gap, late) in gaps {
                now += Duration::from_micros(gap);
                let due = due(next, now);
                now = now.max(due) + if due > now { Duration::from_micros(late) } else { Duration::ZERO };
                next = Some(due.max(credited(now)) + limiter.interval);
                passed.push(now);
            }
            let window = Duration::from_millis(100);
            let most = ((window + CREDIT).as_secs_f64() * f64::from(rate)).floor() as usize + 1;
            for (place, first) in passed.iter().enumerate() {
                let inside = passed[place..].iter().take_while(|at| **at < *first + window).count();
                prop_assert!(inside <= most, "{inside} calls in 100 ms at {rate}/s, at most {most}");
            }
        }
    }
}
