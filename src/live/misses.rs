//! What becomes of a call that no stub answers: a file of `__files`, or a 404 that names the
//! nearest stubs.
//!
//! It is found out on a thread of its own, as it takes a look at the disk and at every stub. That
//! thread takes no more than a share of a core for near misses, so that a flood of misses does not
//! slow down the hits: beyond it, the 404 says that they were left out, and that is counted. While
//! the flood lasts, workers answer so themselves where no file can be meant.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Live;
use crate::panics::{self, Panics, Part};
use standin_stub::call::Call;
use standin_stub::files;
use standin_stub::matcher::near_miss::{
    self, ComparedStub, MAX_NEAR_MISSES, NearestMatches, ScenarioRequirement, SearchBudget,
};
use standin_stub::reply::Reply;
use standin_stub::{Stub, StubOrigin};

/// A call that no stub answered, and where its reply goes.
#[derive(Debug)]
pub struct Miss {
    call: Call,
    live: Arc<Live>,
    reply: oneshot::Sender<Reply>,
}

/// The way to the thread that looks into misses.
#[derive(Clone, Debug)]
pub struct Misses {
    sender: mpsc::Sender<Miss>,
    flood: Arc<Flood>,
    /// True if workers may go by what files there were when the folder was last looked at.
    watches: bool,
    serves_files: bool,
}

/// Until when the time for near misses is used up.
#[derive(Debug)]
struct Flood {
    base: Instant,
    /// Nanoseconds since the base.
    until: AtomicU64,
}

/// The thread's work.
#[derive(Debug)]
pub struct Investigation {
    misses: mpsc::Receiver<Miss>,
    flood: Arc<Flood>,
    serves_files: bool,
}

/// Returns a way for misses, and the work at its end. `watches` says whether changes of `__files`
/// are noticed.
pub fn misses(serves_files: bool, watches: bool) -> (Misses, Investigation) {
    let (sender, misses) = mpsc::channel(WAITING);
    let flood = Arc::new(Flood { base: Instant::now(), until: AtomicU64::new(0) });
    let investigation = Investigation { misses, flood: Arc::clone(&flood), serves_files };
    (Misses { sender, flood, watches, serves_files }, investigation)
}

impl Misses {
    /// Returns the reply in a flood of misses, if this one cannot mean a file.
    pub fn reply_at_once(&self, call: &Call, live: &Live) -> Option<Reply> {
        if !self.flood.lasts() || self.may_mean_file(call, live) {
            return None;
        }
        live.counts().near_misses_skipped.fetch_add(1, Relaxed);
        Some(not_found(SKIPPED))
    }

    fn may_mean_file(&self, call: &Call, live: &Live) -> bool {
        if !self.serves_files || call.method != Method::GET {
            return false;
        }
        let path = call.path().trim_start_matches('/');
        let first = path.split('/').next().unwrap_or_default();
        !self.watches || first.is_empty() || first.contains('%') || live.file_names().contains(first)
    }

    /// Returns the file of `__files` that a call means, if there is one.
    pub async fn file_for(&self, call: &Call, live: &Arc<Live>) -> Option<Reply> {
        if !self.may_mean_file(call, live) {
            return None;
        }
        let (live, path) = (Arc::clone(live), call.path().to_owned());
        let look = move || files::static_file(&live.home()?.files(), &path);
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    /// Returns the reply to a call that no stub answered.
    pub async fn reply_to(&self, call: Call, live: Arc<Live>) -> Reply {
        let (reply, replied) = oneshot::channel();
        // an error either way means that the thread ended: the server ends, or the thread is
        // started again
        let _ = self.sender.send(Miss { call, live, reply }).await;
        let gone = "this miss was not looked into: standin is shutting down, or failed\n";
        replied.await.unwrap_or_else(|_| Reply::text(StatusCode::SERVICE_UNAVAILABLE, gone))
    }
}

impl Investigation {
    /// Looks into misses until nobody can send one; starts again after a panic.
    pub fn keep_running(mut self, panics: &Panics) {
        panics.keep_running(Part::Misses, || self.run(panics));
    }

    /// A panic costs one miss its explanation: it is answered with a 500.
    fn run(&mut self, panics: &Panics) {
        let mut allowance = Allowance::new(Instant::now());
        while let Some(Miss { call, live, reply }) = self.misses.blocking_recv() {
            panics::planted("misses-thread");
            let answer = panics.catch(Part::Misses, || {
                panics::planted("misses");
                self.reply(&call, &live, &mut allowance)
            });
            // a client that has gone waits for nothing
            let _ = reply.send(answer.unwrap_or_else(|panic| Reply::panicked(&panic)));
        }
    }

    fn reply(&self, call: &Call, live: &Live, allowance: &mut Allowance) -> Reply {
        if self.serves_files
            && call.method == Method::GET
            && let Some(home) = live.home()
            && let Some(file) = files::static_file(&home.files(), call.path())
        {
            return file;
        }
        if live.catalog().is_empty() {
            return not_found("No response could be served as there are no stub mappings in this standin.\n");
        }
        let begin = Instant::now();
        if !allowance.is_left(begin) {
            self.flood.goes_on(begin + allowance.debt());
            live.counts().near_misses_skipped.fetch_add(1, Relaxed);
            return not_found(SKIPPED);
        }
        // what is not decoded by now would hold up the misses of all others
        let explained = call.without_decoding(|| explain(call, live, SearchBudget::until(begin + LONGEST)));
        allowance.spend(begin.elapsed());
        explained.unwrap_or_else(|| {
            live.counts().near_misses_skipped.fetch_add(1, Relaxed);
            not_found(LARGE)
        })
    }
}

impl Flood {
    fn lasts(&self) -> bool {
        let until = self.until.load(Relaxed);
        until != 0 && (self.base.elapsed().as_nanos() as u64) < until
    }

    fn goes_on(&self, until: Instant) {
        self.until.store(until.saturating_duration_since(self.base).as_nanos() as u64, Relaxed);
    }
}

/// Returns a 404 that says which stubs came nearest.
fn explain(call: &Call, live: &Live, budget: SearchBudget) -> Reply {
    let catalog = live.catalog();
    let candidates = catalog.stubs().into_iter().map(|stub| (stub, &*stub.pattern));
    let nearest = near_miss::find_nearest_patterns(candidates, call, MAX_NEAR_MISSES, budget);
    if wants_json(call) {
        let body = format!("{:#}\n", in_json(call, live, &nearest));
        let mut reply = Reply::text(StatusCode::NOT_FOUND, body);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return reply;
    }
    let mut text = match nearest.found.first() {
        Some(near) => {
            let width = near_miss::requested_page_width(&call.headers);
            with_target(near.item, live, |target| near_miss::render_page(target, call, width))
        }
        None => "Request was not matched\n".to_owned(),
    };
    if !nearest.is_complete() {
        let _ = writeln!(text, "\n{} of {} stubs were looked at, for want of time", nearest.examined, nearest.of);
    }
    not_found(text)
}

fn in_json(call: &Call, live: &Live, nearest: &NearestMatches<&Arc<Stub>>) -> Value {
    let stubs: Vec<Value> = nearest
        .found
        .iter()
        .map(|near| {
            let clauses = with_target(near.item, live, |target| near_miss::clauses_json(&near_miss::diagnose(target, call)));
            let place = match &near.item.origin {
                StubOrigin::File { path, line, .. } => json!({"file": path.display().to_string(), "line": line}),
                StubOrigin::Api => Value::Null,
            };
            json!({"id": near.item.id, "name": near.item.name, "place": place, "distance": near.distance, "clauses": clauses})
        })
        .collect();
    json!({
        "error": format!("no stub answers {} {}", call.method, call.url()),
        "examined": nearest.examined,
        "stubs": nearest.of,
        "nearest": stubs,
    })
}

/// Returns a stub as near misses look at it.
pub fn with_target<T>(stub: &Stub, live: &Live, look: impl FnOnce(&ComparedStub<'_>) -> T) -> T {
    let document = stub.json();
    let part = stub.scenario.as_ref().and_then(|part| Some((&part.name, part.required.as_ref()?)));
    let state = part.map(|(name, _)| live.scenarios().state(name));
    let scenario =
        part.zip(state.as_ref()).map(|((name, required), state)| ScenarioRequirement { name, required, state });
    let request = document.get("request").and_then(Value::as_object);
    look(&ComparedStub { name: stub.name.as_deref(), pattern: &stub.pattern, request, scenario })
}

fn wants_json(call: &Call) -> bool {
    call.header(&ACCEPT).any(|accepted| accepted.to_ascii_lowercase().contains("application/json"))
}

fn not_found(text: impl Into<bytes::Bytes>) -> Reply {
    Reply::text(StatusCode::NOT_FOUND, text)
}

/// The time that near misses may take: a share of what passes, saved up for a while. What was
/// overdrawn is paid back first.
#[derive(Debug)]
struct Allowance {
    /// In seconds; below zero it is a debt.
    left: f64,
    at: Instant,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { left: SAVED.as_secs_f64(), at: now }
    }

    fn is_left(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * SHARE;
        self.left = (self.left + earned).min(SAVED.as_secs_f64());
        self.at = now;
        self.left > 0.0
    }

    fn spend(&mut self, time: Duration) {
        self.left -= time.as_secs_f64();
    }

    /// How long it takes until a little is left again.
    fn debt(&self) -> Duration {
        Duration::from_secs_f64((LEAST - self.left).max(0.0) / SHARE)
    }
}

/// Misses that may wait for their reply; more hold up their connections.
const WAITING: usize = 4096;

/// Near misses take this share of a core.
const SHARE: f64 = 0.05;

/// In seconds, what has to be there again after a debt.
const LEAST: f64 = 0.001;

/// What may be saved up: a test with a hundred misses in a row gets all of its pages.
const SAVED: Duration = Duration::from_millis(500);

/// One call's near misses take no longer.
const LONGEST: Duration = Duration::from_millis(50);

const SKIPPED: &str = "Request was not matched; there are too many misses to look for the nearest stubs of each\n";

const LARGE: &str = "Request was not matched; its body is too large to look for the nearest stubs\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowance_is_used_up_and_comes_back() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        allowance.spend(SAVED);
        assert!(!allowance.is_left(start));
        assert!(allowance.is_left(start + Duration::from_millis(20)));
        allowance.spend(Duration::from_millis(101));
        assert!(!allowance.is_left(start + Duration::from_secs(2)), "a debt is paid back first");
        assert!(allowance.is_left(start + Duration::from_millis(2100)));
        assert!(allowance.is_left(start + Duration::from_secs(600)));
        allowance.spend(SAVED);
        assert!(!allowance.is_left(start + Duration::from_secs(600)), "no more is saved than that");
    }
}
