//! `/__admin/mappings`: lists stubs, and changes one or many of them.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query};
use hashbrown::HashSet;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::scan_budget::{self, ScanBudget};
use super::{
    AdminResponse, ControlPlane, ErrorResponse, empty, json_answer, off_thread, persistence, problem, refusal,
};
use crate::live::{CatalogEdit, ServiceState};
use standin_dialect::json::pretty_text;
use standin_stub::defect::Defect;
use standin_stub::files::FilesFolder;
use standin_stub::format::{self, Mapping, Reader};
use standin_stub::matcher::{MatchInput, MatchStats, Rank, ValueMatcher};
use standin_stub::source::{Node, Object, Strictness, Value};
use standin_stub::stub_folder::StubFolder;
use standin_stub::{Stub, StubOrigin};

/// The query of a list: its part.
#[derive(Debug, Deserialize)]
pub(super) struct StubRange {
    limit: Option<usize>,
    offset: Option<usize>,
}

/// Lists the stubs, as the listing at `/__admin/` begins.
pub(super) fn listing_of_all(live: &ServiceState) -> Json {
    let catalog = live.catalog();
    let stubs = catalog.stubs();
    let mappings: Vec<_> = stubs.iter().map(|stub| stub.json()).collect();
    json!({"mappings": mappings, "meta": {"total": stubs.len()}})
}

pub(super) async fn list(
    Extension(live): Extension<Arc<ServiceState>>,
    Query(page): Query<StubRange>,
) -> AdminResponse {
    let catalog = live.catalog();
    let stubs = catalog.stubs();
    let shown = stubs.iter().skip(page.offset.unwrap_or(0)).take(page.limit.unwrap_or(usize::MAX));
    listing(&shown.map(|stub| stub.json()).collect::<Vec<_>>(), stubs.len())
}

fn listing(mappings: &[Json], total: usize) -> AdminResponse {
    json_answer(StatusCode::OK, &json!({"mappings": mappings, "meta": {"total": total}}))
}

pub(super) async fn create(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let (mapping, reader) = match read(&body, &live) {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let mut edit = live.edit();
    let id = mapping.id.unwrap_or_else(Uuid::new_v4);
    if edit.catalog().by_id(&id).is_some() {
        let taken = format!("ID of the provided stub mapping '{id}' is already taken by another stub mapping");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, 109, "Duplicate stub mapping ID", None, Some(&taken));
    }
    let rank = edit.next_rank(mapping.priority);
    match keep(&live, &edit, mapping.into_stub(id, rank, StubOrigin::Api)) {
        Ok(stub) => with_warnings(json_answer(StatusCode::CREATED, &stub.json()), &reader),
        Err(failed) => *failed,
    }
}

pub(super) async fn one(Extension(live): Extension<Arc<ServiceState>>, Path(id): Path<String>) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    match live.catalog().by_id(&id) {
        Some(stub) => json_answer(StatusCode::OK, &stub.json()),
        None => empty(StatusCode::NOT_FOUND),
    }
}

/// Replaces the stub with the id of the URL. It keeps its rank among the stubs of its priority.
pub(super) async fn replace(
    Extension(live): Extension<Arc<ServiceState>>,
    Path(id): Path<String>,
    body: String,
) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    let (mapping, reader) = match read(&body, &live) {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    match change(&live, id, mapping) {
        Some(Ok(stub)) => with_warnings(json_answer(StatusCode::OK, &stub.json()), &reader),
        Some(Err(failed)) => *failed,
        None => empty(StatusCode::NOT_FOUND),
    }
}

/// Replaces the stub with the id in the body, as clients of WireMock 2 do.
pub(super) async fn edit(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    let (mapping, reader) = match read(&body, &live) {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let Some(id) = mapping.id else {
        let help = "add it, or POST the stub to /__admin/mappings";
        return problem(StatusCode::NOT_FOUND, 10, "A stub that is edited needs its `id`", None, Some(help));
    };
    match change(&live, id, mapping) {
        Some(Ok(_)) => with_warnings(empty(StatusCode::NO_CONTENT), &reader),
        Some(Err(failed)) => *failed,
        None => empty(StatusCode::NOT_FOUND),
    }
}

fn change(live: &ServiceState, id: Uuid, mapping: Mapping) -> Option<Result<Arc<Stub>, ErrorResponse>> {
    let edit = live.edit();
    let old = Arc::clone(edit.catalog().by_id(&id)?);
    let mut rank = old.rank;
    rank.priority = mapping.priority;
    let changed = mapping.into_stub(id, rank, old.origin.edited());
    Some(keep(live, &edit, changed))
}

pub(super) async fn delete(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
    Path(id): Path<String>,
) -> AdminResponse {
    let id = match parse_id(&id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    let edit = live.edit();
    let Some(stub) = edit.catalog().by_id(&id).cloned() else { return empty(StatusCode::NOT_FOUND) };
    discard(&edit, &control, &[stub]);
    json_answer(StatusCode::OK, &json!({}))
}

pub(super) async fn clear(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
) -> AdminResponse {
    let edit = live.edit();
    let stubs: Vec<_> = edit.catalog().stubs().into_iter().cloned().collect();
    discard(&edit, &control, &stubs);
    live.scenarios().reset();
    json_answer(StatusCode::OK, &json!({}))
}

/// Removes the stub in the body: by its id, else by an equal request pattern.
pub(super) async fn remove(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
    body: String,
) -> AdminResponse {
    let (mapping, _) = match read(&body, &live) {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let edit = live.edit();
    let catalog = edit.catalog();
    let by_id = mapping.id.and_then(|id| catalog.by_id(&id).cloned());
    let request = mapping.document.get("request");
    let found =
        by_id.or_else(|| catalog.stubs().into_iter().find(|stub| stub.json().get("request") == request).cloned());
    discard(&edit, &control, found.as_slice());
    empty(StatusCode::OK)
}

/// Adds or replaces many stubs: all, or none if one is invalid.
pub(super) async fn import(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
    body: String,
) -> AdminResponse {
    let mut reader = Reader::of_api(&body);
    let Some(import) = read_import(&body, &files(&live), &mut reader) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects());
    };
    let mut edit = live.edit();
    let catalog = edit.catalog();
    let mut named = HashSet::new();
    let mut stubs = Vec::with_capacity(import.mappings.len());
    // the first of a list wins, so it becomes the newest
    for mapping in import.mappings.into_iter().rev() {
        let id = mapping.id.unwrap_or_else(Uuid::new_v4);
        named.insert(id);
        let old = catalog.by_id(&id);
        if import.keeps_old && old.is_some() {
            continue;
        }
        let origin = old.map_or(StubOrigin::Api, |old| old.origin.edited());
        let rank = match old {
            Some(old) => Rank { priority: mapping.priority, ..old.rank },
            None => edit.next_rank(mapping.priority),
        };
        stubs.push(mapping.into_stub(id, rank, origin));
    }
    if import.deletes_others {
        let others: Vec<_> = catalog.stubs().into_iter().filter(|stub| !named.contains(&stub.id)).cloned().collect();
        discard(&edit, &control, &others);
    }
    match stubs.into_iter().map(|stub| persistence::write_if_persistent(&live, stub)).collect::<Result<Vec<_>, _>>() {
        Ok(stubs) => {
            edit.put_all(stubs);
            with_warnings(empty(StatusCode::OK), &reader)
        }
        Err(error) => persistence::write_error(&error),
    }
}

struct StubImport {
    mappings: Vec<Mapping>,
    keeps_old: bool,
    deletes_others: bool,
}

fn read_import(body: &str, files: &FilesFolder, reader: &mut Reader) -> Option<StubImport> {
    let tree = reader.parse(body)?;
    let Some(Value::Array(items)) = tree.get("mappings").map(|node| &node.value) else {
        reader.error(&tree, "an import needs a list of `mappings`", "write `{\"mappings\": [{…}]}`");
        return None;
    };
    let mappings: Vec<_> = reader.within("mappings", |reader| {
        let read = |(place, item): (usize, &Node)| {
            reader.within(place.to_string(), |reader| format::mapping(item, files, reader))
        };
        items.iter().enumerate().filter_map(read).collect()
    });
    let (keeps_old, deletes_others) = match tree.get("importOptions") {
        Some(node) if !matches!(node.value, Value::Null) => {
            reader.within("importOptions", |reader| import_options(node, reader))
        }
        _ => (false, false),
    };
    (!reader.has_errors()).then_some(StubImport { mappings, keeps_old, deletes_others })
}

/// Returns whether stubs that exist are kept, and whether those that are not imported are deleted.
fn import_options(node: &Node, reader: &mut Reader) -> (bool, bool) {
    let Some(mut options) = Object::open(node, "`importOptions`", reader) else { return (false, false) };
    let keeps_old = match options.text("duplicatePolicy", reader).as_deref() {
        None | Some("OVERWRITE") => false,
        Some("IGNORE") => true,
        Some(other) => {
            let message = format!("`{other}` is no policy for duplicates");
            reader.error_at(node, "duplicatePolicy", message, "write `OVERWRITE` or `IGNORE`");
            false
        }
    };
    let deletes_others = options.boolean("deleteAllNotInImport", reader).unwrap_or(false);
    options.close(&["duplicatePolicy", "deleteAllNotInImport"], Strictness::Strict, reader);
    (keeps_old, deletes_others)
}

/// Writes the stubs that are not on the disk yet, and those that were changed since they were read.
pub(super) async fn save(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    let edit = live.edit();
    let unsaved: Vec<_> = edit.catalog().stubs().into_iter().filter(|stub| stub.origin.is_unsaved()).cloned().collect();
    for stub in unsaved {
        match persistence::make_persistent(&live, &stub) {
            Ok(saved) => edit.put(saved),
            Err(error) => return persistence::write_error(&error),
        }
    }
    empty(StatusCode::OK)
}

pub(super) async fn find_by_metadata(Extension(live): Extension<Arc<ServiceState>>, body: String) -> AdminResponse {
    off_thread(move || match by_metadata(&live, &body) {
        Ok(found) => listing(&found.iter().map(|stub| stub.json()).collect::<Vec<_>>(), found.len()),
        Err(refused) => *refused,
    })
    .await
}

pub(super) async fn remove_by_metadata(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
    body: String,
) -> AdminResponse {
    off_thread(move || match by_metadata(&live, &body) {
        Ok(found) => {
            discard(&live.edit(), &control, &found);
            json_answer(StatusCode::OK, &json!({}))
        }
        Err(refused) => *refused,
    })
    .await
}

/// Returns the stubs whose metadata match, or an error if the CPU time is used up.
fn by_metadata(live: &ServiceState, body: &str) -> Result<Vec<Arc<Stub>>, ErrorResponse> {
    let rule = metadata_matcher(body)?;
    let catalog = live.catalog();
    let stubs = catalog.stubs();
    let budget = ScanBudget::new(scan_budget::MATCH_CPU_TIME, stubs.len());
    let examined = stubs.into_iter().take_while(|_| budget.admits_next());
    let found = examined.filter(|stub| matches_metadata(&rule, &stub.json())).cloned().collect();
    if budget.progress().is_complete() { Ok(found) } else { Err(Box::new(scan_budget::incomplete_scan("stubs"))) }
}

/// Returns whether the metadata of a stub match. The matcher sees them as the text that WireMock
/// writes of them: pretty JSON, or `null`.
pub(super) fn matches_metadata(rule: &ValueMatcher, document: &Json) -> bool {
    let metadata = document.get("metadata").map_or_else(|| "null".to_owned(), pretty_text);
    rule.matches(MatchInput::Text(&metadata), &MatchStats::default())
}

/// Parses the body as a matcher of metadata.
pub(super) fn metadata_matcher(body: &str) -> Result<ValueMatcher, ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let rule: Option<ValueMatcher> =
        reader.parse(body).and_then(|tree| format::value_matcher(&tree, false, &mut reader));
    rule.filter(|_| !reader.has_errors())
        .ok_or_else(|| Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects())))
}

pub(super) async fn unmatched(Extension(live): Extension<Arc<ServiceState>>) -> AdminResponse {
    let stubs = never_hit(&live);
    listing(&stubs.iter().map(|stub| stub.json()).collect::<Vec<_>>(), stubs.len())
}

pub(super) async fn remove_unmatched(
    Extension(live): Extension<Arc<ServiceState>>,
    Extension(control): Extension<Arc<ControlPlane>>,
) -> AdminResponse {
    let stubs = never_hit(&live);
    discard(&live.edit(), &control, &stubs);
    json_answer(StatusCode::OK, &json!({}))
}

fn never_hit(live: &ServiceState) -> Vec<Arc<Stub>> {
    live.catalog().stubs().into_iter().filter(|stub| stub.hits.total() == 0).cloned().collect()
}

/// Reports what was accepted and is not done: in the log, and in a header of the response, as
/// clients of WireMock refuse members of a body that WireMock does not have.
fn with_warnings(mut response: AdminResponse, reader: &Reader) -> AdminResponse {
    for warning in reader.defects().iter().filter(|defect| !defect.is_error()).take(MAX_WARNINGS) {
        let text = format!("{}: {}", warning.pointer, warning.summary());
        tracing::warn!("a stub of the admin API: {text}");
        let shown: String =
            text.chars().take(MAX_WARNING_CHARS).map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
        let value = HeaderValue::from_str(&shown).expect("printable ASCII");
        response.headers_mut().append(WARNING_HEADER, value);
    }
    response
}

/// Header with a warning about a stub of the request.
const WARNING_HEADER: HeaderName = HeaderName::from_static("standin-warning");

/// Maximum number of warnings about one stub in the headers of a response.
const MAX_WARNINGS: usize = 8;

/// Maximum number of characters of a warning in a header.
const MAX_WARNING_CHARS: usize = 300;

/// Returns the errors and warnings of a mapping.
pub(super) fn defects(body: &str, live: &ServiceState) -> Vec<Defect> {
    let mut reader = Reader::of_api(body);
    if let Some(tree) = reader.parse(body) {
        format::mapping(&tree, &files(live), &mut reader);
    }
    reader.defects().to_vec()
}

/// Parses a mapping, or returns the response with its defects.
fn read(body: &str, live: &ServiceState) -> Result<(Mapping, Reader), ErrorResponse> {
    let mut reader = Reader::of_api(body);
    let mapping = reader.parse(body).and_then(|tree| format::mapping(&tree, &files(live), &mut reader));
    match mapping {
        Some(mapping) if !reader.has_errors() => Ok((mapping, reader)),
        _ => Err(Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, reader.defects()))),
    }
}

pub(super) fn parse_id(text: &str) -> Result<Uuid, ErrorResponse> {
    text.parse().map_err(|_| {
        let help = "take the `id` of a stub from GET /__admin/mappings";
        let title = format!("{text} is not a valid UUID");
        Box::new(problem(StatusCode::BAD_REQUEST, 10, &title, None, Some(help)))
    })
}

/// Adds a stub to the catalog, and writes it to the disk if it is persistent.
fn keep(live: &ServiceState, edit: &CatalogEdit<'_>, stub: Stub) -> Result<Arc<Stub>, ErrorResponse> {
    let stub =
        persistence::write_if_persistent(live, stub).map_err(|error| Box::new(persistence::write_error(&error)))?;
    edit.put(Arc::clone(&stub));
    Ok(stub)
}

/// Removes stubs from the catalog, with their files if standin may delete them.
fn discard(edit: &CatalogEdit<'_>, control: &ControlPlane, stubs: &[Arc<Stub>]) {
    for stub in stubs {
        persistence::delete_file(stub, control.allows_disk_delete);
    }
    edit.remove(&stubs.iter().map(|stub| stub.id).collect());
}

pub(super) fn files(live: &ServiceState) -> FilesFolder {
    live.default_folder().map_or_else(|| FilesFolder::new("__files"), StubFolder::files)
}
