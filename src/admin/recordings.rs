//! `/__admin/recordings`: stubs from the proxied calls in the journal, as WireMock's recorder makes
//! them.
//!
//! A recording is a stub that forwards all requests, and the place in the journal at which it
//! began. Its end turns the calls since then into stubs.

use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::Extension;
use hashbrown::HashSet;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::scan_budget::{self, ScanBudget};
use super::{AdminResponse, ControlPlane, ErrorResponse, json_answer, off_thread, persistence, problem, refusal};
use crate::live::journal::{JournalEntry, MatchOutcome};
use crate::live::{CatalogEdit, ServiceState};
use crate::locks::LockUnpoisoned as _;
use crate::upstream::TargetUrl;
use standin_files::regular_file;
use standin_learn::snapshot::{self, OutputFormat, RecordSpec, RecordedBody, RecordedExchange, RecordedStub};
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Reader};
use standin_stub::matcher::MatchStats;
use standin_stub::reply::Body;
use standin_stub::stub_folder::StubFolder;
use standin_stub::{Stub, StubOrigin};

/// The recording of one set of stubs.
#[derive(Debug, Default)]
pub struct Recording(Mutex<RecordingState>);

#[derive(Debug, Default)]
enum RecordingState {
    #[default]
    NeverStarted,
    Running(Box<RunningRecording>),
    Stopped,
}

#[derive(Debug)]
struct RunningRecording {
    spec: RecordSpec,
    /// Stub that forwards all requests, if the recording has a target.
    proxy_stub: Option<Uuid>,
    /// Ordinal of the first journal entry that belongs to it.
    first_ordinal: u64,
}

/// Stubs from a recording, and what could not become one.
#[derive(Default)]
struct RecordingResult {
    stubs: Vec<Arc<Stub>>,
    warnings: Vec<String>,
}

pub(super) async fn status(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
) -> AdminResponse {
    json_answer(StatusCode::OK, &json!({ "status": status_name(&control, &live) }))
}

/// Returns WireMock's name of the status of the recording of a set of stubs.
pub(super) fn status_name(control: &ControlPlane, live: &Arc<ServiceState>) -> &'static str {
    match &*control.recording(live).0.lock_unpoisoned() {
        RecordingState::NeverStarted => "NeverStarted",
        RecordingState::Running(_) => "Recording",
        RecordingState::Stopped => "Stopped",
    }
}

/// Starts a recording, unless one runs.
pub(super) async fn start(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
    body: String,
) -> AdminResponse {
    let spec = match read(&body) {
        Ok(spec) => spec,
        Err(refused) => return *refused,
    };
    let mut state = control.recording(&live).0.lock_unpoisoned();
    if matches!(*state, RecordingState::Running(_)) {
        return json_answer(StatusCode::OK, &json!({}));
    }
    let proxy_stub = match spec.target_base_url.as_deref().map(|target| add_proxy_stub(&live, target)).transpose() {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    let warnings = doubts(&live, &spec);
    *state = RecordingState::Running(Box::new(RunningRecording {
        spec,
        proxy_stub,
        first_ordinal: live.journal().next_ordinal(),
    }));
    json_answer(StatusCode::OK, &with_warnings(json!({}), &warnings))
}

/// Ends a recording, and makes stubs of its calls.
pub(super) async fn stop(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
) -> AdminResponse {
    let ended = {
        let mut state = control.recording(&live).0.lock_unpoisoned();
        match &*state {
            RecordingState::Running(_) => std::mem::replace(&mut *state, RecordingState::Stopped),
            _ => return problem(StatusCode::BAD_REQUEST, 30, "Not currently recording.", None, None),
        }
    };
    let RecordingState::Running(running) = ended else { unreachable!("it was running") };
    off_thread(move || {
        if let Some(id) = running.proxy_stub {
            live.edit().remove(&HashSet::from([id]));
        }
        record(&live, running.spec, running.first_ordinal)
    })
    .await
}

/// Makes stubs of the calls in the journal.
pub(super) async fn snapshot(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let spec = match body.is_empty() {
        true => RecordSpec::default(),
        false => match read(&body) {
            Ok(spec) => spec,
            Err(refused) => return *refused,
        },
    };
    off_thread(move || record(&live, spec, 0)).await
}

impl ControlPlane {
    /// Returns the recording of a set of stubs.
    fn recording(&self, live: &Arc<ServiceState>) -> &Recording {
        let place = self.services.iter().position(|service| Arc::ptr_eq(service, live));
        &self.recordings[place.unwrap_or_default()]
    }
}

fn read(body: &str) -> Result<RecordSpec, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let read = reader.parse(body).map(|tree| {
        let spec = RecordSpec::read(&tree, &mut reader);
        if let Some(Err(wrong)) = spec.target_base_url.as_deref().map(TargetUrl::parse) {
            let help = "write the address of the service to record, such as `http://127.0.0.1:9000`";
            reader.error_at(tree.get("targetBaseUrl").unwrap_or(&tree), "targetBaseUrl", wrong, help);
        }
        spec
    });
    match read {
        Some(spec) if !reader.has_errors() => Ok(spec),
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}

/// Adds the stub that forwards all requests to the service that is recorded.
fn add_proxy_stub(live: &ServiceState, target: &str) -> Result<Uuid, ErrorResponse> {
    let document = json!({"request": {"method": "ANY"}, "response": {"proxyBaseUrl": target}});
    let mut edit = live.edit();
    let stub = stub(live, &mut edit, Uuid::new_v4(), &document)
        .map_err(|reader| Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects())))?;
    let id = stub.id;
    edit.put(Arc::new(stub));
    Ok(id)
}

/// Reads a stub that is newer than all others.
fn stub(live: &ServiceState, edit: &mut CatalogEdit<'_>, id: Uuid, document: &Value) -> Result<Stub, Box<Reader>> {
    let text = document.to_string();
    let files = live.default_folder().map_or_else(|| FilesFolder::new("__files"), StubFolder::files);
    let mut reader = Reader::of_api(&text);
    match reader.parse(&text).and_then(|tree| format::mapping(&tree, &files, &mut reader)) {
        Some(mapping) if !reader.has_errors() => {
            let rank = edit.next_rank(mapping.priority);
            Ok(mapping.into_stub(id, rank, StubOrigin::Api))
        }
        _ => Err(Box::new(reader)),
    }
}

/// Makes stubs of the calls from an ordinal on, adds them, and answers with them.
fn record(live: &ServiceState, mut spec: RecordSpec, first_ordinal: u64) -> AdminResponse {
    let mut result = RecordingResult { warnings: doubts(live, &spec), ..RecordingResult::default() };
    if live.default_folder().is_none() && spec.keep_in_memory() {
        result.warnings.push("standin serves no folder, so that no stub is saved".to_owned());
    }
    let snapshot = live.journal().snapshot();
    let budget = ScanBudget::new(scan_budget::MATCH_CPU_TIME, snapshot.len());
    let mut exchanges = Vec::new();
    for entry in snapshot.entries().rev().take_while(|entry| entry.ordinal >= first_ordinal) {
        if !budget.admits_next() {
            return scan_budget::incomplete_scan("requests");
        }
        if is_wanted(&entry, &spec) {
            match exchange(entry) {
                Ok(exchange) => exchanges.push(exchange),
                Err(why) => result.warnings.push(why),
            }
        }
    }
    let mut edit = live.edit();
    for recorded in snapshot::stubs(exchanges, &spec) {
        match add(live, &mut edit, recorded) {
            Ok(stub) => result.stubs.push(stub),
            Err(Unrecorded::Unwritable(error)) => return persistence::write_error(&error),
            Err(Unrecorded::Invalid(why)) => result.warnings.push(why),
        }
    }
    drop(edit);
    let answer = match spec.output_format {
        OutputFormat::Full => json!({"mappings": result.stubs.iter().map(|stub| stub.json()).collect::<Vec<_>>()}),
        OutputFormat::Ids => json!({"ids": result.stubs.iter().map(|stub| stub.id).collect::<Vec<_>>()}),
    };
    json_answer(StatusCode::OK, &with_warnings(answer, &result.warnings))
}

fn is_wanted(entry: &JournalEntry, spec: &RecordSpec) -> bool {
    (spec.allow_non_proxied || is_proxied(entry))
        && spec.ids.as_ref().is_none_or(|ids| ids.contains(&entry.id))
        && spec.filter.as_ref().is_none_or(|filter| filter.matches(&entry.call, &MatchStats::default()))
}

fn is_proxied(entry: &JournalEntry) -> bool {
    match &entry.outcome {
        MatchOutcome::Matched(_, Some(stub)) => stub.response.reply().proxy.is_some(),
        MatchOutcome::Matched(_, None) => entry.answer.is_some(),
        MatchOutcome::Unmatched => false,
    }
}

/// Returns a call with its response; the error says why it cannot become a stub.
fn exchange(entry: JournalEntry) -> Result<RecordedExchange, String> {
    let left_out = |why: &str| format!("{} {} is left out: {why}", entry.call.method, entry.call.url());
    if entry.is_body_omitted {
        return Err(left_out("its body is longer than the journal"));
    }
    let (status, headers, body) = match (entry.answer.as_deref(), &entry.outcome) {
        (Some(answer), _) if answer.is_body_omitted => {
            return Err(left_out(
                "its response is not complete in the journal; raise --journal-bytes if it was too long",
            ));
        }
        (Some(answer), _) => (answer.status, answer.headers.clone(), answer.body.clone()),
        (None, _) if is_proxied(&entry) => return Err(left_out("the service did not respond")),
        (None, MatchOutcome::Unmatched) => (StatusCode::NOT_FOUND, HeaderMap::new(), bytes::Bytes::new()),
        (None, MatchOutcome::Matched(_, Some(stub))) if stub.response.is_fixed() => match &stub.response.reply().body {
            Body::Bytes(bytes) => {
                let reply = stub.response.reply();
                (reply.status, reply.headers.clone(), bytes.clone())
            }
            Body::File(_) | Body::FilePart(..) => {
                return Err(left_out("its response is a file that is read when it is sent"));
            }
        },
        (None, MatchOutcome::Matched(..)) => return Err(left_out("its response is a template, or its stub is gone")),
    };
    Ok(RecordedExchange { call: entry.call, status: status.as_u16(), headers, body })
}

enum Unrecorded {
    /// A file cannot be written.
    Unwritable(io::Error),
    /// The stub would not be valid, for the reason in the message.
    Invalid(String),
}

/// Adds a recorded stub to the catalog, and writes its files.
fn add(live: &ServiceState, edit: &mut CatalogEdit<'_>, recorded: RecordedStub) -> Result<Arc<Stub>, Unrecorded> {
    let RecordedStub { id, document, body_file } = recorded;
    if let (Some(file), Some(folder)) = (&body_file, live.default_folder()) {
        write_body(&folder.files(), file).map_err(Unrecorded::Unwritable)?;
    }
    let document = Value::Object(document);
    let stub = stub(live, edit, id, &document).map_err(|reader| {
        let why = reader.defects().first().map_or_else(String::new, |defect| defect.message.clone());
        Unrecorded::Invalid(format!("{} is left out: {why}", document["request"]))
    })?;
    let stub = persistence::write_if_persistent(live, stub).map_err(Unrecorded::Unwritable)?;
    edit.put(Arc::clone(&stub));
    Ok(stub)
}

fn write_body(files: &FilesFolder, file: &RecordedBody) -> io::Result<()> {
    std::fs::create_dir_all(&files.root)?;
    let path =
        files.find_new(&file.name).ok_or_else(|| io::Error::other(format!("`{}` is no file name", file.name)))?;
    regular_file::replace(&path, &file.bytes)
}

/// Returns warnings about what was asked for and cannot be done.
fn doubts(live: &ServiceState, spec: &RecordSpec) -> Vec<String> {
    let told = |name: &String| format!("there is no stub transformer `{name}`: stubs are recorded without it");
    let mut doubts: Vec<String> = spec.transformers.iter().map(told).collect();
    if !live.journal().is_on() {
        doubts.push("the journal is off, so that nothing is recorded; give --journal-bytes a size".to_owned());
    }
    doubts
}

fn with_warnings(mut answer: Value, warnings: &[String]) -> Value {
    for warning in warnings {
        tracing::warn!("recording: {warning}");
    }
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    answer
}
