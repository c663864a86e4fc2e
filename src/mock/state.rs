//! State that a mock shares with its stubs, and the conversion of stubs from code to the stub
//! format.

use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::built_stubs::BuiltStubs;
use super::received::Received;
use super::report::{Expectation, ReportContext, StubLocations};
use super::test_failure::{TestFailure, fail};
use super::times::Times;
use crate::live::ServiceState;
use crate::live::journal::JournalEntry;
use crate::locks::LockUnpoisoned as _;
use standin_stub::defect::Defect;
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Mapping, Reader};
use standin_stub::matcher::{MatchStats, RequestPattern};
use standin_stub::render::ResponseTemplates;
use standin_stub::stub_folder::StubFolder;
use standin_stub::{Stub, StubOrigin};

/// State that a mock shares with its stubs.
#[derive(Debug)]
pub(super) struct MockState {
    pub(super) live: Arc<ServiceState>,
    /// Base URL, such as `http://127.0.0.1:40123`.
    pub(super) base: String,
    /// Number of stubs made so far.
    made: AtomicU64,
    /// Number of unmatched requests that were forgotten.
    forgotten: AtomicU64,
    notes: Mutex<TestNotes>,
}

/// Places and expectations of the stubs that a test made.
#[derive(Debug, Default)]
struct TestNotes {
    lines: StubLocations,
    expectations: Vec<(Arc<BuiltStubs>, Times)>,
}

// a panic leaves locks poisoned at worst, and poisoned locks are taken nevertheless
impl UnwindSafe for MockState {}
impl RefUnwindSafe for MockState {}

impl MockState {
    pub(super) fn new(live: Arc<ServiceState>, base: String) -> Self {
        Self { live, base, made: AtomicU64::new(0), forgotten: AtomicU64::new(0), notes: Mutex::default() }
    }

    pub(super) fn next_number(&self) -> u64 {
        self.made.fetch_add(1, Relaxed)
    }

    /// Adds the stubs of one builder. The error says why they cannot be served.
    pub(super) fn add(
        &self,
        documents: &[Value],
        number: u64,
        expected: Option<Times>,
        line: &'static Location<'static>,
    ) -> Result<Arc<BuiltStubs>, TestFailure> {
        let mappings = documents.iter().map(|document| self.mapping(document)).collect::<Result<Vec<_>, _>>()?;
        let mut edit = self.live.edit();
        let catalog = edit.catalog();
        let mut stubs = Vec::with_capacity(mappings.len());
        for (turn, (mapping, document)) in mappings.into_iter().zip(documents).enumerate() {
            // the same in each run, as delays depend on it
            let made = || Uuid::new_v5(&ID_NAMESPACE, format!("{number}.{turn} {document}").as_bytes());
            let id = mapping.id.unwrap_or_else(made);
            if catalog.by_id(&id).is_some() {
                return fail(format!(
                    "there is a stub of the id {id} already; remove that one first, or give another id"
                ));
            }
            let rank = edit.next_rank(mapping.priority);
            stubs.push(Arc::new(mapping.into_stub(id, rank, StubOrigin::Api)));
        }
        let parts = Arc::new(BuiltStubs::of(&stubs));
        let mut notes = self.notes();
        notes.lines.extend(stubs.iter().map(|stub: &Arc<Stub>| (stub.id, line)));
        notes.expectations.extend(expected.map(|times| (Arc::clone(&parts), times)));
        drop(notes);
        edit.put_all(stubs);
        Ok(parts)
    }

    fn mapping(&self, document: &Value) -> Result<Mapping, TestFailure> {
        let text = document.to_string();
        let files = self.live.default_folder().map(StubFolder::files);
        if let Some(name) = document.pointer("/response/bodyFileName").and_then(Value::as_str) {
            let Some(files) = &files else {
                let cure = "start the mock with `Mock::of(folder)`, or give the body itself";
                return fail(format!("`{name}` is no body, as this mock has no folder; {cure}"));
            };
            if !name.contains("{{") && !files.find(name).is_some_and(|path| path.is_file()) {
                return fail(format!("there is no file `{name}` in `{}`; put it there", files.root.display()));
            }
        }
        let files = files.unwrap_or_else(|| FilesFolder::new("__files"));
        let mut reader = Reader::of_api(&text);
        let mapping = reader.parse(&text).and_then(|tree| format::mapping(&tree, &files, &mut reader));
        match mapping {
            Some(mapping) if mapping.persistent => {
                fail("a mock writes no stubs to disk; leave `persistent` out, or put the stub into a folder")
            }
            Some(mapping) if !reader.has_errors() => {
                match mapping.templates.as_ref().and_then(ResponseTemplates::broken) {
                    Some(what) => fail(format!("a template does not parse: {what}")),
                    None => Ok(mapping),
                }
            }
            _ => fail(listed(reader.defects(), &text)),
        }
    }

    /// Checks the number of requests that match a pattern. The error is the message of the panic.
    pub(super) fn check(&self, request: &Map<String, Value>, times: Times) -> Result<(), TestFailure> {
        let pattern = pattern(request)?;
        let snapshot = self.live.journal().snapshot();
        let matches = |record: &JournalEntry| pattern.matches(&record.call, &MatchStats::default());
        let count = snapshot.entries().filter(matches).count() as u64;
        let is_whole = self.live.journal().is_on() && snapshot.evicted == 0;
        if !is_whole && !times.are_exceeded_by(count) {
            let cure = "raise `Config::journal_bytes`, or count with `StubHandle::verify`, which is exact";
            return fail(format!("cannot tell: {} calls are no longer in the journal; {cure}", snapshot.evicted));
        }
        if times.allow(count) {
            return Ok(());
        }
        let wanted = Expectation { pattern: &pattern, request, stubs: &[] };
        fail(self.with_report_context(|context| context.miscount_message(&wanted, times, count, &snapshot)))
    }

    /// Checks the number of requests that stubs answered. The error is the message of the panic.
    pub(super) fn check_count(&self, stubs: &BuiltStubs, times: Times) -> Result<(), TestFailure> {
        let count = stubs.count();
        if times.allow(count) {
            return Ok(());
        }
        let wanted = Expectation { pattern: &stubs.pattern, request: &stubs.request, stubs: &stubs.ids };
        let snapshot = self.live.journal().snapshot();
        fail(self.with_report_context(|context| context.miscount_message(&wanted, times, count, &snapshot)))
    }

    /// Returns the requests that `picks` selects, oldest first.
    pub(super) fn received(&self, picks: impl Fn(&JournalEntry) -> bool) -> Vec<Received> {
        self.live.journal().snapshot().entries().filter(picks).map(Received).collect()
    }

    /// Returns the message for expectations that do not hold, if there are any.
    pub(super) fn unmet_expectations(&self) -> Option<String> {
        let expectations = self.notes().expectations.clone();
        let reports: Vec<_> = expectations
            .iter()
            .filter_map(|(parts, times)| self.check_count(parts, *times).err())
            .map(|failure| failure.to_string())
            .collect();
        (!reports.is_empty()).then(|| reports.join("\n\n"))
    }

    /// Returns the message for unmatched requests, if there are any.
    pub(super) fn unmatched_message(&self) -> Option<String> {
        // the journal may have evicted some of them, the count includes all
        let count = self.live.counts().unmatched.load(Relaxed).saturating_sub(self.forgotten.load(Relaxed));
        (count > 0).then(|| {
            self.with_report_context(|context| context.unmatched_message(count, &self.live.journal().snapshot()))
        })
    }

    /// Forgets the requests that came, and resets the counts of all stubs.
    pub(super) fn forget_calls(&self) {
        self.forgotten.store(self.live.counts().unmatched.load(Relaxed), Relaxed);
        self.live.journal().reset();
        for stub in self.live.catalog().stubs() {
            stub.hits.reset();
        }
    }

    pub(super) fn with_report_context<T>(&self, tell: impl FnOnce(ReportContext<'_>) -> T) -> T {
        let notes = self.notes();
        tell(ReportContext { live: &self.live, lines: &notes.lines, base: &self.base })
    }

    /// Forgets the stubs that the test made.
    pub(super) fn forget(&self) {
        *self.notes() = TestNotes::default();
    }

    fn notes(&self) -> MutexGuard<'_, TestNotes> {
        self.notes.lock_unpoisoned()
    }
}

/// Compiles a request pattern. The error lists its defects.
pub(super) fn pattern(request: &Map<String, Value>) -> Result<RequestPattern, TestFailure> {
    let text = Value::Object(request.clone()).to_string();
    let mut reader = Reader::of_api(&text);
    let pattern = reader.parse(&text).map(|tree| format::request_pattern(&tree, &mut reader));
    match pattern {
        Some(pattern) if !reader.has_errors() => Ok(pattern),
        _ => fail(listed(reader.defects(), &text)),
    }
}

/// Repeats a check until it succeeds or `timeout` is over. Returns the last result.
pub(super) fn retry_until_ok(
    timeout: Duration,
    check: impl Fn() -> Result<(), TestFailure>,
) -> Result<(), TestFailure> {
    let end = Instant::now() + timeout;
    loop {
        match check() {
            Err(_) if Instant::now() < end => std::thread::sleep(POLL_INTERVAL),
            checked => return checked,
        }
    }
}

/// Returns the errors of a stub from code, with help, a line each.
fn listed(defects: &[Defect], document: &str) -> String {
    let lines = defects
        .iter()
        .filter(|defect| defect.is_error())
        .map(|defect| format!("  {}: {}", defect.pointer, defect.summary()));
    format!("this cannot be a stub:\n{}\n  in {document}", lines.collect::<Vec<_>>().join("\n"))
}

/// Namespace of the ids of stubs from code.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x2e1f_90c4_53d8_4a7e_b6c1_77f0_1d3a_9be5);

/// Interval between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
