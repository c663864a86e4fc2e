//! A load that calls at set times whatever the server does, and keeps when each call was due and
//! how long it took.
//!
//! The latency of a call that was held up by its predecessor counts from when it was due, so that a
//! stall is seen by all calls that it delayed. That of any other counts from when it was sent: the
//! client's own late waking is not the server's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{Connection, Random, get};

/// A load in the background.
#[derive(Debug)]
pub struct OpenLoop {
    began: Instant,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<Vec<Call>>>>,
}

/// A call that was answered with 200.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// When it was due, since the load began.
    pub due: Duration,
    pub latency: Duration,
}

/// A stretch of time, since the load began.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub begin: Duration,
    pub end: Duration,
}

impl OpenLoop {
    /// Calls these paths at random over so many connections, `rate` times a second in all.
    pub fn start(address: SocketAddr, connections: usize, rate: f64, paths: &[String]) -> Self {
        let (began, ends) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let requests: Arc<Vec<Vec<u8>>> = Arc::new(paths.iter().map(|path| get(path)).collect());
        let period = Duration::from_secs_f64(connections as f64 / rate);
        let threads = (0..connections)
            .map(|number| {
                let (ends, requests) = (Arc::clone(&ends), Arc::clone(&requests));
                let first = began + period.mul_f64(number as f64 / connections as f64);
                thread::Builder::new()
                    .stack_size(128 * 1024)
                    .spawn(move || {
                        let mut random = Random(number as u64 + 1);
                        connection(address, began, (first, period), &ends, || {
                            &requests[random.next() as usize % requests.len()]
                        })
                    })
                    .expect("the machine has threads left")
            })
            .collect();
        Self { began, ends, threads }
    }

    /// Since it began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends it. All its calls; an error if one of them failed.
    pub fn end(self) -> io::Result<Vec<Call>> {
        self.ends.store(true, Relaxed);
        let mut calls = Vec::new();
        for thread in self.threads {
            calls.extend(thread.join().map_err(|_| io::Error::other("a client thread panicked"))??);
        }
        Ok(calls)
    }
}

/// Latencies in microseconds of the calls that were due within these windows.
pub fn within(calls: &[Call], windows: &[Window]) -> Vec<f64> {
    let is_in = |call: &&Call| windows.iter().any(|window| window.begin <= call.due && call.due < window.end);
    calls.iter().filter(is_in).map(|call| call.latency.as_secs_f64() * 1e6).collect()
}

fn connection<'r>(
    address: SocketAddr,
    began: Instant,
    (mut due, period): (Instant, Duration),
    ends: &AtomicBool,
    mut request: impl FnMut() -> &'r Vec<u8>,
) -> io::Result<Vec<Call>> {
    let mut connection = Connection::open(address)?;
    let mut calls = Vec::new();
    while !ends.load(Relaxed) {
        let wait = due.saturating_duration_since(Instant::now());
        // zero: the call before this one held it up
        let from = if wait.is_zero() {
            due
        } else {
            thread::sleep(wait);
            Instant::now()
        };
        connection.time(request())?;
        calls.push(Call { due: due.saturating_duration_since(began), latency: from.elapsed() });
        due += period;
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_the_calls_that_were_due_in_it() {
        let ms = Duration::from_millis;
        let calls = [5, 10, 19, 20, 35].map(|due| Call { due: ms(due), latency: ms(due) });
        let windows = [Window { begin: ms(10), end: ms(20) }, Window { begin: ms(30), end: ms(40) }];
        assert_eq!(within(&calls, &windows), [10_000.0, 19_000.0, 35_000.0]);
        assert!(within(&calls, &[]).is_empty());
    }
}
