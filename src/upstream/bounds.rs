//! What protects a service: calls in flight, connections, and calls a second, for all workers together.
//!
//! In flight is a fair semaphore (tower's GlobalConcurrencyLimit is the same one; here it is held until the last byte of the
//! answer). The rate is a schedule of instants, one call each: a window of a tenth of a second never has a fifth more than its
//! share, where limiters by fixed windows let a second's worth through at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::timer::Timer;

/// What a service may be asked to bear. Without any it is called as its callers please.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamLimits {
    /// Calls at the service at a time.
    pub in_flight: Option<u32>,
    /// Calls a second.
    pub per_second: Option<f64>,
    /// Connections at a time.
    pub connections: Option<u32>,
    /// How long a call waits for the others; zero refuses at once.
    pub patience: Duration,
}

/// A call that waited as long as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitExceeded {
    /// There were too many calls, or too few connections.
    InFlight,
    /// They came too fast.
    Rate,
}

/// A place at the service, held until it is dropped.
#[derive(Debug)]
pub struct UpstreamPermit {
    since: Instant,
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self { in_flight: None, per_second: None, connections: None, patience: Duration::from_secs(30) }
    }
}

/// Lets calls through within the bounds.
#[derive(Debug)]
pub(super) struct Limiter {
    places: Option<Arc<Semaphore>>,
    rate: Option<RateLimiter>,
    patience: Duration,
}

impl Limiter {
    pub(super) fn new(bounds: &UpstreamLimits) -> Self {
        // one call a connection: more calls than connections would only wait
        let places = bounds.in_flight.into_iter().chain(bounds.connections).min();
        Self {
            places: places.map(|most| Arc::new(Semaphore::new(most as usize))),
            rate: bounds.per_second.map(RateLimiter::new),
            patience: bounds.patience,
        }
    }

    pub(super) async fn admit(&self) -> Result<UpstreamPermit, LimitExceeded> {
        let since = Instant::now();
        let Some(places) = &self.places else { return Ok(UpstreamPermit { since, _place: None }) };
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => timeout(self.patience, Arc::clone(places).acquire_owned())
                .await
                .map_err(|_| LimitExceeded::InFlight)?
                .expect("it is never closed"),
        };
        Ok(UpstreamPermit { since, _place: Some(place) })
    }

    pub(super) async fn pass(&self, permit: &UpstreamPermit, timer: &Arc<Timer>) -> Result<(), LimitExceeded> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let left = self.patience.saturating_sub(permit.since.elapsed());
        timeout(left, rate.pass(timer)).await.map_err(|_| LimitExceeded::Rate)
    }
}

/// One call each `interval`, in the order in which they asked.
#[derive(Debug)]
struct RateLimiter {
    interval: Duration,
    /// When the next may pass; none has yet.
    next: Mutex<Option<Instant>>,
}

impl RateLimiter {
    fn new(per_second: f64) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / per_second), next: Mutex::const_new(None) }
    }

    async fn pass(&self, timer: &Arc<Timer>) {
        // whoever waits here holds the lock: those behind it are let in one by one, the first first
        let mut next = self.next.lock().await;
        let due = due(*next, Instant::now());
        Arc::clone(timer).wait_until_exactly(due).await;
        *next = Some(due.max(credited(Instant::now())) + self.interval);
    }
}

/// When a call may pass that asks now. Who was let in late does not hold up those behind, up to a little.
fn due(next: Option<Instant>, now: Instant) -> Instant {
    next.map_or(now, |next| next.max(credited(now)))
}

/// From when on the next interval counts of a call that is let through now.
fn credited(now: Instant) -> Instant {
    now.checked_sub(CREDIT).unwrap_or(now)
}

/// How late a call may be let through without the ones behind it being later as well. In any 100 ms there are at most
/// `(100 ms + CREDIT) / interval + 1` calls.
const CREDIT: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_narrower_bound_holds() {
        let places = |in_flight, connections| {
            let gate = Limiter::new(&UpstreamLimits { in_flight, connections, ..UpstreamLimits::default() });
            gate.places.map(|places| places.available_permits())
        };
        assert_eq!(places(None, None), None);
        assert_eq!(places(Some(4), None), Some(4));
        assert_eq!(places(Some(4), Some(2)), Some(2));
        assert_eq!(places(Some(4), Some(8)), Some(4));
    }

    proptest! {
        /// However calls come, and however late they are let through, no window has too many.
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
