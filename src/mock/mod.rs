//! Mock servers for tests: stubs from code or from a folder, and verification of the requests that
//! came.
//!
//! The page [`guide`] shows everything with examples. Nothing here is async, so that a mock works
//! the same in a `#[test]` and in a `#[tokio::test]`: it has threads of its own, and ends when it
//! is dropped.

mod built_stubs;
mod delay;
mod difference;
mod matcher;
mod received;
mod reply;
mod report;
mod request;
mod state;
mod stub_builder;
mod stub_handle;
mod test_failure;
mod text;
mod times;

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use serde_json::{Value, json};

pub use self::delay::{Delay, exponential, lognormal, normal, percentiles, uniform};
pub use self::matcher::{
    Matcher, absent, anything, contains, equal_ignoring_case, equal_to, equal_to_json, json_at, json_path, matching,
    not, partial_json,
};
pub use self::received::Received;
pub use self::reply::{Fault, Reply, file, status};
pub use self::request::{Request, Url, any, delete, get, head, options, patch, post, put, request};
use self::state::{MockState, pattern, retry_until_ok};
pub use self::stub_builder::StubBuilder;
pub use self::stub_handle::StubHandle;
use self::test_failure::TestFailure;
pub use self::times::Times;
use crate::config::Config;
use crate::server::{Handle, Server, StartError};
use standin_stub::matcher::MatchStats;

#[doc = include_str!("../../docs/LIBRARY.md")]
pub mod guide {}

/// A mock server for one test, on a free port of 127.0.0.1. Dropping it ends the server, and frees
/// its port and threads.
///
/// ```
/// use standin::Mock;
/// use standin::mock::{get, json};
///
/// let server = Mock::start();
/// let stub = server.stub(get("/users/7").reply(json!({"id": 7})));
///
/// let answer = ureq::get(server.url("/users/7")).call()?.body_mut().read_to_string()?;
///
/// assert_eq!(answer, r#"{"id":7}"#);
/// stub.verify(1);
/// # Ok::<(), ureq::Error>(())
/// ```
///
/// # At the end
///
/// When a mock is dropped, it panics if a stub was not called as often as its
/// [`StubBuilder::expect`] says; [`Mock::strict`] also if a request came that no stub matches.
/// While a test is panicking already, it prints the unmatched requests instead, as they are often
/// the reason.
#[derive(Debug)]
#[must_use = "a mock ends when it is dropped; keep it with `let server = …`"]
pub struct Mock {
    state: Arc<MockState>,
    strict: bool,
    line: &'static Location<'static>,
    handle: Handle,
}

impl Mock {
    /// Starts a mock without stubs. Panics if it cannot start.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(for_one_test(Config::default()))
    }

    /// Starts a mock with the stubs of a folder: one with `mappings/`, or a folder of such folders,
    /// which share the port.
    ///
    /// A relative path begins at the folder of the package, where tests run. Files without a stub
    /// are not served. Panics if a stub has errors, and lists them.
    #[track_caller]
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        Self::with(for_one_test(Config::new(folder)))
    }

    /// Starts a mock with a configuration, such as one with TLS. Panics if it cannot start, or if
    /// its listeners serve different stubs: start one mock for each service.
    #[track_caller]
    pub fn with(config: Config) -> Self {
        let handle = match Server::bind(config).and_then(Server::start) {
            Ok(handle) => handle,
            Err(error) => panic!("{}", cannot_start(&error)),
        };
        let ([live], [address, ..]) = (handle.lives(), handle.addresses()) else {
            panic!("a mock serves one set of stubs; start one for each service, such as `Mock::of(\"stubs/payment\")`");
        };
        let state = Arc::new(MockState::new(Arc::clone(live), address.listener.to_string()));
        Self { state, strict: false, line: Location::caller(), handle }
    }

    /// Makes the mock panic when it is dropped, if a request came that no stub matches.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Returns the URL of a path: `server.url("/users/7")`, or `server.url("")` for the URL without
    /// a path.
    pub fn url(&self, path: impl fmt::Display) -> String {
        format!("{}{path}", self.state.base)
    }

    /// Returns the address of the server.
    pub fn address(&self) -> SocketAddr {
        self.handle.addresses()[0].listener.address
    }

    /// Adds a stub, which answers requests from now on. Panics if the stub has an error, such as a
    /// broken regular expression.
    #[track_caller]
    #[allow(clippy::must_use_candidate)] // most stubs are never looked at again
    pub fn stub(&self, draft: StubBuilder) -> StubHandle {
        let (number, expected, line) = (self.state.next_number(), draft.expected, Location::caller());
        let documents = draft.documents(number);
        let added = documents.and_then(|documents| self.state.add(&documents, number, expected, line));
        self.stubbed(added)
    }

    /// Adds a stub in WireMock's JSON format. Panics if the stub has an error.
    ///
    /// ```
    /// # use standin::{Mock, mock::json};
    /// # let server = Mock::start();
    /// server.stub_json(json!({"request": {"url": "/a"}, "response": {"status": 204}}));
    /// ```
    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // so that `json!` needs no `&` before it
    pub fn stub_json(&self, mapping: Value) -> StubHandle {
        let number = self.state.next_number();
        self.stubbed(self.state.add(std::slice::from_ref(&mapping), number, None, Location::caller()))
    }

    #[track_caller]
    fn stubbed(&self, added: Result<Arc<built_stubs::BuiltStubs>, TestFailure>) -> StubHandle {
        match added {
            Ok(parts) => StubHandle { state: Arc::clone(&self.state), parts },
            Err(what) => panic!("{what}"),
        }
    }

    /// Returns all requests that came, oldest first.
    pub fn calls(&self) -> Vec<Received> {
        self.state.received(|_| true)
    }

    /// Returns the requests that match, whether a stub answered them or not, oldest first. Panics
    /// if `request` has an error.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // a request is written where it is asked
    pub fn calls_of(&self, request: Request) -> Vec<Received> {
        match pattern(&request.0) {
            Ok(pattern) => self.state.received(|record| pattern.matches(&record.call, &MatchStats::default())),
            Err(what) => panic!("{what}"),
        }
    }

    /// Returns the requests that no stub matched, oldest first.
    pub fn unmatched(&self) -> Vec<Received> {
        self.state.received(|record| !record.was_matched())
    }

    /// Panics unless `times` requests came that match, whether a stub answered them or not:
    /// `server.verify(get("/users/7"), 1)`, `server.verify(post("/orders"), ..=3)`. The message
    /// lists the requests that came instead.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // a request is written where it is asked
    pub fn verify(&self, request: Request, times: impl Into<Times>) {
        if let Err(report) = self.state.check(&request.0, times.into()) {
            panic!("{report}");
        }
    }

    /// Verifies as [`verify`](Self::verify) does, and waits up to `timeout` for requests of other
    /// threads. Blocks the thread.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // a request is written where it is asked
    pub fn verify_within(&self, timeout: Duration, request: Request, times: impl Into<Times>) {
        let times = times.into();
        if let Err(report) = retry_until_ok(timeout, || self.state.check(&request.0, times)) {
            panic!("{report}\n\nwaited {timeout:?}");
        }
    }

    /// Panics if a stub was not called as often as its [`StubBuilder::expect`] says. Dropping the
    /// mock does so too, but cannot name the line of the test.
    #[track_caller]
    pub fn verify_expected(&self) {
        if let Some(report) = self.state.unmet_expectations() {
            panic!("{report}");
        }
    }

    /// Panics if a request came that no stub matched, and names the nearest stub.
    #[track_caller]
    pub fn verify_nothing_missed(&self) {
        if let Some(report) = self.state.unmatched_message() {
            panic!("{report}");
        }
    }

    /// Returns the state of a scenario.
    pub fn scenario(&self, name: &str) -> String {
        self.state.live.scenarios().state(name)
    }

    /// Sets the state of a scenario.
    pub fn set_scenario(&self, name: &str, state: &str) {
        self.state.live.scenarios().set(name, state);
    }

    /// Resets all scenarios to `Started`, those of [`StubBuilder::then`] too.
    pub fn reset_scenarios(&self) {
        self.state.live.scenarios().reset();
    }

    /// Forgets the requests that came, and resets all counts.
    pub fn forget_calls(&self) {
        self.state.forget_calls();
    }

    /// Resets the mock to its start: the stubs of its folder alone, no requests, no expectations,
    /// all scenarios at `Started`. Panics if a file of the folder has an error now.
    #[track_caller]
    pub fn reset(&self) {
        let status = self.handle.reset(&self.state.live);
        if let Some(broken) = status.filter(|status| status.has_failed) {
            panic!("{}", cannot_start(&StartError::Stubs(broken.defects.clone())));
        }
        self.forget_calls();
        self.state.forget();
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // a second panic would abort all tests
            if let Ok(Some(missed)) = catch_unwind(AssertUnwindSafe(|| self.state.unmatched_message())) {
                // the output of a failed test is shown; an output that nobody reads is no loss
                let told = || eprintln!("the mock that was started at {}: {missed}", self.line);
                let _ = catch_unwind(AssertUnwindSafe(told));
            }
            return;
        }
        let missed = if self.strict { self.state.unmatched_message() } else { None };
        let reports: Vec<String> = self.state.unmet_expectations().into_iter().chain(missed).collect();
        assert!(reports.is_empty(), "the mock that was started at {}: {}", self.line, reports.join("\n\n"));
    }
}

/// Configuration for one test: a single worker, the same random delays in each run, a 404 for
/// unmatched requests whatever is in the folder, and no folder with errors.
fn for_one_test(config: Config) -> Config {
    Config { workers: 1, seed: 1, serves_files: false, strict: true, ..config }
}

fn cannot_start(error: &StartError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let mut text = format!("the mock cannot start: {error}{source}");
    if let StartError::Stubs(defects) = error {
        for defect in defects {
            text.push('\n');
            text.push_str(&defect.draw(false));
        }
    }
    text
}
