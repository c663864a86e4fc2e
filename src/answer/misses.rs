//! Replies to requests that no stub matches: a file of `__files`, or a 404 page with the nearest
//! stubs.
//!
//! A separate thread makes these replies, since it reads the disk and compares the request with
//! every stub. The thread spends at most a share of a core on near misses, so that many unmatched
//! requests do not slow down the matched ones. Beyond that share, the 404 says that near misses are
//! left out, and the case is counted. Until the budget has recovered, workers send this 404
//! themselves, unless the request may mean a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::live::ServiceState;
use crate::panics::{self, Panics, Part};
use standin_stub::call::Call;
use standin_stub::matcher::near_miss::{self, MAX_NEAR_MISSES, SearchBudget};
use standin_stub::reply::Reply;
use standin_stub::static_files::static_file;

/// A request that no stub matches, and the channel for its reply.
#[derive(Debug)]
struct UnmatchedRequest {
    call: Call,
    live: Arc<ServiceState>,
    reply: oneshot::Sender<Reply>,
}

/// Sends unmatched requests to the [`MissWorker`].
#[derive(Clone, Debug)]
pub(crate) struct MissSender {
    sender: mpsc::Sender<UnmatchedRequest>,
    breaker: Arc<CircuitBreaker>,
    /// True if changes in `__files` are noticed, so that workers may rely on the known file names.
    watches_files: bool,
    serves_files: bool,
}

/// A flag, shared with the workers, that the time for near misses is used up.
#[derive(Debug)]
struct CircuitBreaker {
    base: Instant,
    /// The end, in nanoseconds since `base`; 0 if it was never set.
    until: AtomicU64,
}

/// The thread that replies to unmatched requests.
#[derive(Debug)]
pub(crate) struct MissWorker {
    requests: mpsc::Receiver<UnmatchedRequest>,
    breaker: Arc<CircuitBreaker>,
    serves_files: bool,
}

/// Creates a sender for unmatched requests and the worker that replies to them. `watches_files`
/// says whether changes in `__files` are noticed.
pub(crate) fn channel(serves_files: bool, watches_files: bool) -> (MissSender, MissWorker) {
    let (sender, requests) = mpsc::channel(QUEUE_CAPACITY);
    let breaker = Arc::new(CircuitBreaker { base: Instant::now(), until: AtomicU64::new(0) });
    let worker = MissWorker { requests, breaker: Arc::clone(&breaker), serves_files };
    (MissSender { sender, breaker, watches_files, serves_files }, worker)
}

impl MissSender {
    /// Returns a 404 without near misses if their time is used up and the request cannot mean a
    /// file.
    pub(crate) fn reply_if_overloaded(&self, call: &Call, live: &ServiceState) -> Option<Reply> {
        if !self.breaker.is_open() || self.may_mean_file(call, live) {
            return None;
        }
        live.counts().near_misses_skipped.fetch_add(1, Relaxed);
        Some(not_found(SKIPPED_MESSAGE))
    }

    fn may_mean_file(&self, call: &Call, live: &ServiceState) -> bool {
        if !self.serves_files || call.method != Method::GET {
            return false;
        }
        let path = call.path().trim_start_matches('/');
        let first = path.split('/').next().unwrap_or_default();
        !self.watches_files || first.is_empty() || first.contains('%') || live.file_names().contains(first)
    }

    /// Returns the file of `__files` that a request means, if there is one.
    pub(crate) async fn file_for(&self, call: &Call, live: &Arc<ServiceState>) -> Option<Reply> {
        if !self.may_mean_file(call, live) {
            return None;
        }
        let (live, path, headers) = (Arc::clone(live), call.path().to_owned(), call.headers.clone());
        let look = move || static_file(&live.default_folder()?.files(), &path, &headers);
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    /// Returns the reply to a request that no stub matches.
    pub(crate) async fn reply_to(&self, call: Call, live: Arc<ServiceState>) -> Reply {
        let (reply, replied) = oneshot::channel();
        // an error means that the thread has ended: the server shuts down, or the thread restarts
        let _ = self.sender.send(UnmatchedRequest { call, live, reply }).await;
        let gone = "no reply was made for this unmatched request: standin is shutting down, or failed\n";
        replied.await.unwrap_or_else(|_| Reply::text(StatusCode::SERVICE_UNAVAILABLE, gone))
    }
}

impl MissWorker {
    /// Replies to unmatched requests until all senders are dropped; restarts after a panic.
    pub(crate) fn keep_running(mut self, panics: &Panics) {
        panics.keep_running(Part::Misses, || self.run(panics));
    }

    /// Replies to unmatched requests. After a panic, the request gets a 500.
    fn run(&mut self, panics: &Panics) {
        let mut time_budget = TimeBudget::new(Instant::now());
        while let Some(UnmatchedRequest { call, live, reply }) = self.requests.blocking_recv() {
            panics::planted("misses-thread");
            let answer = panics.catch(Part::Misses, || {
                panics::planted("misses");
                self.reply(&call, &live, &mut time_budget)
            });
            // a client that has disconnected needs no reply
            let _ = reply.send(answer.unwrap_or_else(|panic| Reply::panicked(&panic)));
        }
    }

    fn reply(&self, call: &Call, live: &ServiceState, time_budget: &mut TimeBudget) -> Reply {
        if self.serves_files
            && call.method == Method::GET
            && let Some(home) = live.default_folder()
            && let Some(file) = static_file(&home.files(), call.path(), &call.headers)
        {
            return file;
        }
        if live.catalog().is_empty() {
            return not_found("No response could be served as there are no stub mappings in this standin.\n");
        }
        let begin = Instant::now();
        if !time_budget.has_time(begin) {
            self.breaker.open_until(begin + time_budget.recovery_time());
            live.counts().near_misses_skipped.fetch_add(1, Relaxed);
            return not_found(SKIPPED_MESSAGE);
        }
        // decoding a large body would delay the replies to all other requests
        let explained = call
            .try_without_decoding(|| not_found_with_near_misses(call, live, SearchBudget::until(begin + SEARCH_TIME)));
        time_budget.spend(begin.elapsed());
        explained.unwrap_or_else(|| {
            live.counts().near_misses_skipped.fetch_add(1, Relaxed);
            not_found(LARGE_BODY_MESSAGE)
        })
    }
}

impl CircuitBreaker {
    fn is_open(&self) -> bool {
        let until = self.until.load(Relaxed);
        until != 0 && (self.base.elapsed().as_nanos() as u64) < until
    }

    fn open_until(&self, until: Instant) {
        self.until.store(until.saturating_duration_since(self.base).as_nanos() as u64, Relaxed);
    }
}

/// Returns a 404 with the nearest stubs.
fn not_found_with_near_misses(call: &Call, live: &ServiceState, budget: SearchBudget) -> Reply {
    let catalog = live.catalog();
    let candidates = catalog.stubs().into_iter().map(|stub| (stub, &*stub.pattern));
    let nearest = near_miss::find_nearest_patterns(candidates, call, MAX_NEAR_MISSES, budget);
    if wants_json(call) {
        let body = format!("{:#}\n", live.nearest_stubs_json(call, &nearest));
        let mut reply = Reply::text(StatusCode::NOT_FOUND, body);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return reply;
    }
    not_found(live.near_miss_page(call, &nearest))
}

fn wants_json(call: &Call) -> bool {
    call.header(&ACCEPT).any(|accepted| accepted.to_ascii_lowercase().contains("application/json"))
}

fn not_found(text: impl Into<bytes::Bytes>) -> Reply {
    Reply::text(StatusCode::NOT_FOUND, text)
}

/// The time that near misses may take: a share of the elapsed time, saved up to [`MAX_SAVED`].
/// Overdrawn time is paid back first.
#[derive(Debug)]
struct TimeBudget {
    /// Remaining time in seconds; negative if it is overdrawn.
    seconds_left: f64,
    updated: Instant,
}

impl TimeBudget {
    fn new(now: Instant) -> Self {
        Self { seconds_left: MAX_SAVED.as_secs_f64(), updated: now }
    }

    fn has_time(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.updated).as_secs_f64() * CORE_SHARE;
        self.seconds_left = (self.seconds_left + earned).min(MAX_SAVED.as_secs_f64());
        self.updated = now;
        self.seconds_left > 0.0
    }

    fn spend(&mut self, time: Duration) {
        self.seconds_left -= time.as_secs_f64();
    }

    /// Returns how long it takes until some time is available again.
    fn recovery_time(&self) -> Duration {
        Duration::from_secs_f64((RESUME_SECONDS - self.seconds_left).max(0.0) / CORE_SHARE)
    }
}

/// Maximum number of waiting requests; further ones block their connections.
const QUEUE_CAPACITY: usize = 4096;

/// Share of a core that near misses may take.
const CORE_SHARE: f64 = 0.05;

/// Time in seconds that must be available again after an overdraft.
const RESUME_SECONDS: f64 = 0.001;

/// Maximum time that is saved up: a test with a hundred unmatched requests in a row gets all of its
/// pages.
const MAX_SAVED: Duration = Duration::from_millis(500);

/// Maximum time for the near misses of one request.
const SEARCH_TIME: Duration = Duration::from_millis(50);

const SKIPPED_MESSAGE: &str =
    "Request was not matched. The nearest stubs are left out: there are too many unmatched requests\n";

const LARGE_BODY_MESSAGE: &str = "Request was not matched. The nearest stubs are left out: the body is too large\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_budget_is_used_up_and_comes_back() {
        let start = Instant::now();
        let mut time_budget = TimeBudget::new(start);
        time_budget.spend(MAX_SAVED);
        assert!(!time_budget.has_time(start));
        assert!(time_budget.has_time(start + Duration::from_millis(20)));
        time_budget.spend(Duration::from_millis(101));
        assert!(!time_budget.has_time(start + Duration::from_secs(2)), "a debt is paid back first");
        assert!(time_budget.has_time(start + Duration::from_millis(2100)));
        assert!(time_budget.has_time(start + Duration::from_secs(600)));
        time_budget.spend(MAX_SAVED);
        assert!(!time_budget.has_time(start + Duration::from_secs(600)), "no more is saved than that");
    }
}
